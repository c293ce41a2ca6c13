/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* FIPS 180-4 examples, and a block boundary of SHA-256 from each side. */
static const struct {
    const char *text;
    size_t repeat;
    const char *hex;
} vectors[] = {
    {"", 1, EMPTY},
    {"abc", 1, ABC},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static char *hex_of(Digest *digest)
{
    uint8_t sum[DIGEST_BYTES];
    char *hex = g_malloc(DIGEST_HEX + 1);
    digest_end(digest, sum);
    digest_to_hex(sum, hex);
    return hex;
}

Test(digest, gives_the_published_sums)
{
    g_autoptr(Digest) digest = digest_new();
    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        for (size_t n = 0; n < vectors[i].repeat; n++)
            digest_add(digest, vectors[i].text, strlen(vectors[i].text));
        g_autofree char *hex = hex_of(digest); /* the same digest serves the next row */
        cr_expect_str_eq(hex, vectors[i].hex);
    }
    g_autofree char *text = digest_text("abc", 3);
    cr_expect_str_eq(text, ABC);
}

Test(digest, does_not_depend_on_how_the_bytes_are_cut)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);
    uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)g_rand_int(rand);
    g_autofree char *whole = digest_text(bytes, sizeof bytes);
    g_autoptr(Digest) digest = digest_new();
    for (int round = 0; round < 200; round++) {
        size_t done = 0;
        while (done < sizeof bytes) {
            size_t part = (size_t)g_rand_int_range(rand, 0, 300);
            part = MIN(part, sizeof bytes - done);
            digest_add(digest, bytes + done, part);
            done += part;
        }
        g_autofree char *cut = hex_of(digest);
        cr_assert_str_eq(cut, whole);
    }
}

Test(digest, reads_back_the_digits_it_writes)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);
    for (int round = 0; round < 1000; round++) {
        uint8_t sum[DIGEST_BYTES];
        uint8_t again[DIGEST_BYTES];
        char hex[DIGEST_HEX + 1];
        for (size_t i = 0; i < DIGEST_BYTES; i++)
            sum[i] = (uint8_t)g_rand_int(rand);
        digest_to_hex(sum, hex);
        cr_assert(strlen(hex) == DIGEST_HEX);
        cr_assert(digest_from_hex(hex, again));
        cr_assert(memcmp(sum, again, sizeof sum) == 0, "%s", hex);
    }
}

Test(digest, refuses_what_is_not_64_lower_case_digits)
{
    uint8_t sum[DIGEST_BYTES];
    cr_expect(digest_from_hex(ABC, sum));
    static const char *const bad[] = {"", "ba", (ABC "0"), (ABC "\n"), (" " ABC)};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        cr_expect_not(digest_from_hex(bad[i], sum), "'%s'", bad[i]);
    for (size_t at = 0; at < DIGEST_HEX; at += 7) {
        static const char wrong[] = "gGA FxZ/:@`-\n\x80";
        for (size_t i = 0; i < strlen(wrong); i++) {
            g_autofree char *hex = g_strdup(ABC);
            hex[at] = wrong[i];
            cr_expect_not(digest_from_hex(hex, sum), "'%c' at %zu", wrong[i], at);
        }
        g_autofree char *cut = g_strndup(ABC, at);
        cr_expect_not(digest_from_hex(cut, sum), "cut at %zu", at);
    }
}

static char *dir;
static int dir_fd = -1;

static void set_up(void)
{
    dir = g_dir_make_tmp("lsnchain-XXXXXX", NULL);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(dir_fd >= 0);
}

static void tear_down(void)
{
    (void)files_remove_tree(AT_FDCWD, dir, NULL);
    (void)close(dir_fd);
    g_free(dir);
}

TestSuite(digest_of_a_file, .init = set_up, .fini = tear_down, .timeout = 20);

static void write_file(const char *name, const void *data, size_t length)
{
    autofd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && files_write(fd, data, length));
}

Test(digest_of_a_file, equals_that_of_its_bytes_at_every_size_around_a_block)
{
    static const size_t sizes[] = {0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1000000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *bytes = g_strnfill(sizes[i], 'x');
        g_autofree char *name = g_strdup_printf("file%zu", i);
        write_file(name, bytes, sizes[i]);
        uint8_t sum[DIGEST_BYTES];
        uint64_t size = 7;
        char hex[DIGEST_HEX + 1];
        cr_assert(digest_file(dir_fd, name, sum, &size, NULL));
        digest_to_hex(sum, hex);
        g_autofree char *wanted = digest_text(bytes, sizes[i]);
        cr_expect_str_eq(hex, wanted);
        cr_expect(size == sizes[i], "%zu", sizes[i]);
        cr_expect(digest_file(dir_fd, name, sum, NULL, NULL));
    }
}

Test(digest_of_a_file, ends_at_a_signal)
{
    write_file("file", "abc", 3);
    cancel_install();
    cr_assert_eq(raise(SIGTERM), 0);
    g_autoptr(GError) error = NULL;
    uint8_t sum[DIGEST_BYTES];
    cr_expect_not(digest_file(dir_fd, "file", sum, NULL, &error));
    cr_assert_not_null(error);
    cr_expect(error_status(error) != STATUS_VERIFY, "%s", error->message);
}

Test(digest_of_a_file, is_a_failed_verification_when_it_cannot_be_read)
{
    write_file("file", "abc", 3);
    cr_assert(mkdirat(dir_fd, "directory", 0700) == 0);
    cr_assert(symlinkat("file", dir_fd, "link") == 0);
    cr_assert(mkfifoat(dir_fd, "pipe", 0600) == 0);
    static const char *const names[] = {"missing", "directory", "link", "pipe", "file/below"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        uint8_t sum[DIGEST_BYTES];
        cr_expect_not(digest_file(dir_fd, names[i], sum, NULL, &error), "%s", names[i]);
        cr_assert_not_null(error);
        cr_expect(error_status(error) == STATUS_VERIFY, "%s", names[i]);
        cr_expect(strstr(error->message, names[i]) != NULL, "%s", error->message);
    }
}
