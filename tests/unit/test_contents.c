/* SPDX-License-Identifier: MIT */
#include "repo/contents.h"

#include "repo/sums.h"
#include "sample.h"

static char *root;
static GPtrArray *sums;

static void put(const char *name, const char *text)
{
    uint8_t sum[DIGEST_BYTES];
    g_autofree char *hex = digest_text(text, strlen(text));
    cr_assert(digest_from_hex(hex, sum));
    sample_write(root, name, text);
    sums_add(sums, name, sum);
}

/* A small backup: what SHA256SUMS names, and the two files that it does not. */
static void set_up(void)
{
    root = sample_directory();
    sums = sums_new();
    put("RESTORE.sh", "#!/bin/sh\n");
    put("data/ibdata1.lz4", "system");
    put("data/shop/orders.ibd.lz4", "orders");
    put("tables.tsv", "schema\n");
    sample_write(root, SUMS_NAME, "not read here");
    sample_write(root, FACTS_NAME, "not read here");
}

static void tear_down(void)
{
    g_ptr_array_unref(sums);
    sample_remove(root);
}

TestSuite(contents, .init = set_up, .fini = tear_down, .timeout = 20);

static void count_bytes(uint64_t bytes, void *data)
{
    *(uint64_t *)data += bytes;
}

static gboolean check(ContentsRead read, uint64_t *bytes, GError **error)
{
    autofd int fd = files_open_dir(AT_FDCWD, root, NULL);
    *bytes = 0;
    const Contents contents = {.fd = fd,
                               .id = "20261122T020000Z-full",
                               .sums = sums,
                               .read = read,
                               .tick = count_bytes,
                               .data = bytes};
    return contents_check(&contents, error);
}

static void expect_wrong(ContentsRead read, const char *part)
{
    uint64_t bytes = 0;
    g_autoptr(GError) error = NULL;
    cr_expect_not(check(read, &bytes, &error), "nothing is said of %s", part);
    sample_expect_error(error, STATUS_VERIFY, part);
    sample_expect_error(error, STATUS_VERIFY, "20261122T020000Z-full");
}

static void remove_file(const char *name)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    cr_assert(unlink(path) == 0);
}

Test(contents, is_fine_when_all_is_there_and_reads_every_byte)
{
    uint64_t bytes = 0;
    cr_expect(check(CONTENTS_ALL, &bytes, NULL));
    cr_expect(bytes ==
              strlen("#!/bin/sh\n") + strlen("system") + strlen("orders") + strlen("schema\n"));
    cr_expect(check(CONTENTS_BUT_DATA, &bytes, NULL));
    cr_expect(bytes == strlen("#!/bin/sh\n") + strlen("schema\n"));
}

Test(contents, names_the_same_of_two_damaged_files_however_many_threads_read)
{
    sample_write(root, "RESTORE.sh", "#!/bin/rm\n");
    sample_write(root, "tables.tsv", "schemo\n");
    autofd int fd = files_open_dir(AT_FDCWD, root, NULL);
    for (int workers = 1; workers <= 8; workers++) {
        const Contents contents = {.fd = fd, .id = "id", .sums = sums, .workers = workers};
        g_autoptr(GError) error = NULL;
        cr_assert_not(contents_check(&contents, &error));
        cr_expect_not_null(strstr(error->message, "id/RESTORE.sh"), "%s", error->message);
    }
}

Test(contents, can_be_asked_without_a_display)
{
    autofd int fd = files_open_dir(AT_FDCWD, root, NULL);
    const Contents contents = {.fd = fd, .id = "id", .sums = sums, .read = CONTENTS_ALL};
    cr_expect(contents_check(&contents, NULL));
}

Test(contents, misses_a_file_whether_it_reads_it_or_not)
{
    remove_file("data/shop/orders.ibd.lz4");
    expect_wrong(CONTENTS_ALL, "data/shop/orders.ibd.lz4 is missing");
    expect_wrong(CONTENTS_BUT_DATA, "data/shop/orders.ibd.lz4 is missing");
}

Test(contents, notices_a_file_too_many_wherever_it_is)
{
    static const char *const names[] = {
        "data/shop/extra.ibd", "extra",       ".hidden", "data/" SUMS_NAME,
        "data/" FACTS_NAME,    "data/shop/.x"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        sample_write(root, names[i], "x");
        expect_wrong(CONTENTS_ALL, names[i]);
        expect_wrong(CONTENTS_BUT_DATA, names[i]);
        remove_file(names[i]);
    }
    uint64_t bytes = 0;
    cr_expect(check(CONTENTS_ALL, &bytes, NULL));
}

Test(contents, notices_changed_bytes_of_the_same_length)
{
    sample_write(root, "data/shop/orders.ibd.lz4", "orderz");
    expect_wrong(CONTENTS_ALL, "data/shop/orders.ibd.lz4");
    uint64_t bytes = 0;
    cr_expect(check(CONTENTS_BUT_DATA, &bytes, NULL), "who unseals it reads it");
    sample_write(root, "RESTORE.sh", "#!/bin/rm\n");
    expect_wrong(CONTENTS_BUT_DATA, "RESTORE.sh");
}

Test(contents, notices_a_cut_a_longer_and_an_empty_file)
{
    static const char *const texts[] = {"order", "orders ", ""};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        sample_write(root, "data/shop/orders.ibd.lz4", texts[i]);
        expect_wrong(CONTENTS_ALL, "data/shop/orders.ibd.lz4");
    }
}

Test(contents, takes_no_link_pipe_or_directory_for_a_file)
{
    g_autofree char *path = g_build_filename(root, "data/shop/orders.ibd.lz4", NULL);
    sample_write(root, "data/kept", "orders");
    cr_assert(unlink(path) == 0 && symlink("../kept", path) == 0);
    expect_wrong(CONTENTS_ALL, "data/kept");
    remove_file("data/kept");
    expect_wrong(CONTENTS_ALL, "data/shop/orders.ibd.lz4 is not a regular file");
    expect_wrong(CONTENTS_BUT_DATA, "data/shop/orders.ibd.lz4 is not a regular file");
    cr_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
    expect_wrong(CONTENTS_ALL, "data/shop/orders.ibd.lz4");
    cr_assert(unlink(path) == 0 && mkdir(path, 0700) == 0);
    expect_wrong(CONTENTS_ALL, "names");
}

Test(contents, takes_no_link_in_the_place_of_a_directory)
{
    g_autofree char *from = g_build_filename(root, "data/shop", NULL);
    g_autofree char *to = g_build_filename(root, "data/bank", NULL);
    cr_assert(rename(from, to) == 0 && symlink("bank", from) == 0);
    expect_wrong(CONTENTS_ALL, "data/bank/orders.ibd.lz4");
}
