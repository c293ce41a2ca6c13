/* SPDX-License-Identifier: MIT */
#include "seal/unseal.h"

#include "bad_disk.h"
#include "base/error.h"
#include "seal/frame.h"
#include "seal/seal.h"
#include "stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A sealed backup in `from`, and the list that unseal is given. */
typedef struct {
    TestDir from;
    TestDir to;
    SealedTree *tree;
    UnsealFile *files;
} Backup;

static Backup backup_of(const GByteArray *stream, gboolean compress, XbstreamDialect dialect)
{
    Backup backup = {enter_dir(), enter_dir(), NULL, NULL};
    const SealSpec spec = {.stream_fd = stream_open(stream, stream->len),
                           .dir_fd = backup.from.fd,
                           .dialect = dialect,
                           .compress = compress,
                           .level = 1,
                           .workers = 2};
    g_autoptr(GError) error = NULL;
    Seal *seal = seal_start(&spec, &error);
    backup.tree = seal != NULL ? seal_finish(seal, &error) : NULL;
    cr_assert_not_null(backup.tree, "%s", error->message);
    backup.files = g_new0(UnsealFile, backup.tree->files->len);
    for (guint i = 0; i < backup.tree->files->len; i++) {
        const SealedFile *file = backup.tree->files->pdata[i];
        backup.files[i].name = file->name;
        memcpy(backup.files[i].sum, file->sum, DIGEST_BYTES);
    }
    return backup;
}

static Backup backup_new(const GByteArray *stream, gboolean compress)
{
    return backup_of(stream, compress, XBSTREAM_MARIADB);
}

static void backup_clear(Backup *backup)
{
    leave_dir(&backup->from);
    leave_dir(&backup->to);
    sealed_tree_free(backup->tree);
    g_free(backup->files);
}

static UnsealSpec spec_of(const Backup *backup, int workers)
{
    return (UnsealSpec){.backup_fd = backup->from.fd,
                        .target_dir_fd = backup->to.fd,
                        .files = backup->files,
                        .count = backup->tree->files->len,
                        .frame = backup->tree->frame,
                        .workers = workers};
}

static void add_random(GByteArray *stream, GRand *rand, const char *name, size_t length)
{
    g_autofree uint8_t *bytes = g_malloc(length + 1);
    stream_fill(rand, bytes, length);
    stream_data(stream, name, 0, 0, bytes, length);
    stream_end(stream, name);
}

static GByteArray *random_tree(guint32 seed)
{
    static const size_t edges[] = {
        0, 1, 4096, 4097, FRAME_BYTES, FRAME_BYTES + 1, 20 * FRAME_BYTES + 17, 5 * FRAME_BYTES};
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    GByteArray *stream = g_byte_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(edges); i++) {
        g_autofree char *name = g_strdup_printf("d%zu/e/f%zu", i % 3, i);
        add_random(stream, rand, name, edges[i]);
    }
    for (int i = 0; i < 50; i++) {
        g_autofree char *name = g_strdup_printf("small/f%d", i);
        add_random(stream, rand, name, (size_t)g_rand_int_range(rand, 0, 30000));
    }
    return stream;
}

/* Every P of the stream is one whole file: it must be there, byte for byte. */
static void expect_files(const GByteArray *stream, const TestDir *dir)
{
    autofd int fd = stream_open(stream, stream->len);
    g_autoptr(Xbstream) reader = xbstream_new(fd, XBSTREAM_MARIADB);
    XbstreamEvent event;
    while (xbstream_next(reader, &event, NULL) && event.kind != XBSTREAM_DONE) {
        if (event.kind != XBSTREAM_DATA)
            continue;
        g_autofree uint8_t *wanted = g_malloc(event.length + 1);
        g_autofree uint8_t *got = g_malloc(event.length + 1);
        cr_assert(xbstream_read(reader, wanted, event.length, NULL));
        autofd int plain = openat(dir->fd, event.name, O_RDONLY | O_CLOEXEC);
        cr_assert_geq(plain, 0, "%s", event.name);
        cr_expect_eq(files_read(plain, got, event.length + 1), (ssize_t)event.length, "%s",
                     event.name);
        cr_expect_eq(memcmp(wanted, got, event.length), 0, "%s", event.name);
        struct stat status;
        cr_assert_eq(fstat(plain, &status), 0);
        cr_expect_eq(status.st_mode & 07777, 0640);
    }
}

Test(unseal, gives_back_what_was_sealed, .timeout = 120)
{
    for (int round = 0; round < 8; round++) {
        g_autoptr(GByteArray) stream = random_tree((guint32)round);
        Backup backup = backup_new(stream, round % 4 != 3);
        const UnsealSpec spec = spec_of(&backup, 1 + round % 5);
        UnsealTotals totals;
        g_autoptr(GError) error = NULL;
        cr_assert(unseal_tree(&spec, &totals, &error), "%s", error->message);
        cr_expect_eq(totals.files, backup.tree->files->len);
        cr_expect_eq(totals.bytes_plain, backup.tree->bytes_plain);
        cr_expect_eq(totals.bytes_stored, backup.tree->bytes_stored);
        expect_files(stream, &backup.to);
        backup_clear(&backup);
    }
}

Test(unseal, leaves_holes_for_zeros)
{
    enum { LENGTH = 8 * FRAME_BYTES + 5000 };
    g_autofree uint8_t *zeros = g_malloc0(LENGTH);
    zeros[3 * FRAME_BYTES + 1] = 1;
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_data(stream, "t.ibd", 0, 0, zeros, LENGTH);
    stream_end(stream, "t.ibd");
    for (int compress = 0; compress <= 1; compress++) {
        Backup backup = backup_new(stream, compress != 0);
        const UnsealSpec spec = spec_of(&backup, 2);
        cr_assert(unseal_tree(&spec, NULL, NULL));
        expect_files(stream, &backup.to);
        struct stat status;
        cr_assert_eq(fstatat(backup.to.fd, "t.ibd", &status, 0), 0);
        cr_expect_eq(status.st_size, LENGTH);
        cr_expect_leq(status.st_blocks * 512, 16384, "%d bytes", (int)status.st_blocks * 512);
        backup_clear(&backup);
    }
}

enum { PAGE = 16384, KEPT = 4096, PAGES = 128, CHUNKS = 3 }; /* of a page-compressed table */

/* As xtrabackup sends it: of each page what is left, then the hole, which the last page ends with.
 */
static void add_sparse_pages(GByteArray *stream, GRand *rand, uint64_t offset, uint8_t *content)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autoptr(GByteArray) kept = g_byte_array_new();
    for (size_t i = 0; i <= PAGES; i++) {
        stream_u32(body, i == 0 ? 0 : PAGE - KEPT);
        stream_u32(body, i == PAGES ? 0 : KEPT);
    }
    for (size_t i = 0; i < PAGES; i++) {
        for (size_t k = 0; k < KEPT; k++)
            content[i * PAGE + k] = (uint8_t)g_rand_int_range(rand, 1, 256);
        stream_bytes(kept, content + i * PAGE, KEPT);
    }
    stream_bytes(body, kept->data, kept->len);
    stream_head(stream, 'S', 0, "shop/packed.ibd");
    stream_u32(stream, PAGES + 1);
    stream_u64(stream, kept->len);
    stream_u64(stream, offset);
    stream_u32(stream, libdeflate_crc32(0, body->data, body->len));
    stream_bytes(stream, body->data, body->len);
}

Test(unseal, brings_the_holes_of_a_page_compressed_table_back, .timeout = 60)
{
    enum { PART = PAGES * PAGE, LENGTH = CHUNKS * PART };
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autofree uint8_t *wanted = g_malloc0(LENGTH);
    for (size_t i = 0; i < CHUNKS; i++)
        add_sparse_pages(stream, rand, i * PART, wanted + i * PART);
    stream_end(stream, "shop/packed.ibd");
    for (int compress = 0; compress <= 1; compress++) {
        Backup backup = backup_of(stream, compress != 0, XBSTREAM_PERCONA);
        const UnsealSpec spec = spec_of(&backup, 3);
        cr_assert(unseal_tree(&spec, NULL, NULL));
        autofd int fd = openat(backup.to.fd, "shop/packed.ibd", O_RDONLY | O_CLOEXEC);
        g_autofree uint8_t *got = g_malloc(LENGTH + 1);
        cr_assert_eq(files_read(fd, got, LENGTH + 1), LENGTH);
        cr_expect_eq(memcmp(got, wanted, LENGTH), 0);
        struct stat status;
        cr_assert_eq(fstat(fd, &status), 0);
        cr_expect_leq(status.st_blocks * 512, LENGTH / 3, "%d bytes", (int)status.st_blocks * 512);
        backup_clear(&backup);
    }
}

Test(unseal, leaves_out_what_it_is_told_to)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "shop/t.isl", "/elsewhere/t.ibd");
    stream_file(stream, "shop/t.frm", "x");
    Backup backup = backup_new(stream, TRUE);
    UnsealSpec spec = spec_of(&backup, 1);
    spec.skip_suffixes = (const char *const[]){".x", ".isl", NULL};
    UnsealTotals totals;
    cr_assert(unseal_tree(&spec, &totals, NULL));
    cr_expect_eq(totals.files, 1);
    cr_expect_neq(faccessat(backup.to.fd, "shop/t.isl", F_OK, 0), 0);
    backup_clear(&backup);
}

static void expect_failure(const UnsealSpec *spec, Status status, const char *why)
{
    g_autoptr(GError) error = NULL;
    cr_assert(!unseal_tree(spec, NULL, &error), "not refused for \"%s\"", why);
    cr_expect_eq(error_status(error), status, "%s", error->message);
    cr_expect_not_null(strstr(error->message, why), "\"%s\" lacks \"%s\"", error->message, why);
}

Test(unseal, tells_what_the_disk_did_not_take)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    add_random(stream, rand, "t.ibd", 3 * FRAME_BYTES);
    Backup backup = backup_new(stream, TRUE);
    UnsealSpec spec = spec_of(&backup, 2);
    disk_failure = EIO;
    expect_failure(&spec, STATUS_STORAGE, "cannot write the plain files");
    cr_assert_eq(unlinkat(backup.to.fd, "t.ibd", 0), 0);
    spec.read_soon = TRUE; /* nobody waits for the disk then */
    cr_expect(unseal_tree(&spec, NULL, NULL));
    backup_clear(&backup);
}

Test(unseal, takes_files_below_data_only_and_refuses_hostile_names)
{
    static const char *const names[] = {"data/../x", "data//x", "data/", "data/a/.."};
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "a", "x");
    Backup backup = backup_new(stream, TRUE);
    UnsealSpec spec = spec_of(&backup, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        backup.files[0].name = names[i];
        expect_failure(&spec, STATUS_VERIFY, "which ");
    }
    UnsealTotals totals;
    backup.files[0].name = "RESTORE.sh";
    cr_expect(unseal_tree(&spec, &totals, NULL));
    cr_expect_eq(totals.files, 0);
    backup_clear(&backup);
}

/* Two frames; every byte of the heads, and some of the rest, is damaged in turn. */
Test(unseal, finds_a_flipped_bit, .timeout = 120)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autofree uint8_t *bytes = g_malloc0(FRAME_BYTES + 9000);
    memset(bytes, 'a', FRAME_BYTES + 9000);
    stream_data(stream, "d/t.ibd", 0, 0, bytes, FRAME_BYTES + 9000);
    stream_end(stream, "d/t.ibd");
    stream_file(stream, "plain", "stored as it is");
    Backup backup = backup_new(stream, TRUE);
    const UnsealSpec spec = spec_of(&backup, 2);
    for (guint i = 0; i < 2; i++) {
        const SealedFile *file = backup.tree->files->pdata[i];
        cr_assert_eq(fchmodat(backup.from.fd, file->name, 0600, 0), 0);
        autofd int fd = openat(backup.from.fd, file->name, O_RDWR | O_CLOEXEC);
        for (uint64_t at = 0; at < file->stored_bytes;
             at += at < 40 || at > file->stored_bytes - 60 ? 1 : 97) {
            uint8_t byte;
            cr_assert_eq(pread(fd, &byte, 1, (off_t)at), 1);
            byte ^= 4;
            cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
            expect_failure(&spec, STATUS_VERIFY, file->name);
            byte ^= 4;
            cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
            cr_assert(files_remove_tree(backup.to.fd, "d", NULL));
            cr_assert(files_remove_tree(backup.to.fd, "plain", NULL));
        }
    }
    cr_expect(unseal_tree(&spec, NULL, NULL));
    backup_clear(&backup);
}

/* Of the last frame the last four bytes are the checksum of its content, made before it was packed:
 * it alone tells of memory that changed a bit before the SHA-256 was made. */
Test(unseal, computes_the_checksum_of_the_content_until_a_proof_has, .timeout = 60)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(6);
    g_autoptr(GByteArray) stream = g_byte_array_new();
    add_random(stream, rand, "t.ibd", 3 * FRAME_BYTES);
    Backup backup = backup_new(stream, TRUE);
    const char *name = backup.files[0].name;
    cr_assert_eq(fchmodat(backup.from.fd, name, 0600, 0), 0);
    autofd int fd = openat(backup.from.fd, name, O_RDWR | O_CLOEXEC);
    uint8_t last = 0;
    off_t end = lseek(fd, -1, SEEK_END);
    cr_assert_eq(pread(fd, &last, 1, end), 1);
    last ^= 1;
    cr_assert_eq(pwrite(fd, &last, 1, end), 1);
    cr_assert(digest_file(backup.from.fd, name, backup.files[0].sum, NULL, NULL));

    UnsealSpec spec = spec_of(&backup, 2);
    expect_failure(&spec, STATUS_VERIFY, "cannot be unpacked");
    cr_assert_eq(unlinkat(backup.to.fd, "t.ibd", 0), 0);
    spec.checked = TRUE;
    spec.read_soon = TRUE;
    g_autoptr(GError) error = NULL;
    cr_expect(unseal_tree(&spec, NULL, &error), "%s", error != NULL ? error->message : "");
    expect_files(stream, &backup.to);
    backup_clear(&backup);
}

Test(unseal, finds_a_cut_and_an_appended_file_and_a_missing_one)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    add_random(stream, rand, "t.ibd", 9000);
    Backup backup = backup_new(stream, TRUE);
    const UnsealSpec spec = spec_of(&backup, 2);
    const char *name = backup.files[0].name;
    autofd int fd = -1;
    cr_assert_eq(fchmodat(backup.from.fd, name, 0600, 0), 0);
    fd = openat(backup.from.fd, name, O_RDWR | O_CLOEXEC);
    off_t size = lseek(fd, 0, SEEK_END);

    cr_assert_eq(pwrite(fd, "x", 1, size), 1);
    expect_failure(&spec, STATUS_VERIFY, name);
    for (off_t length = size - 1; length >= 0; length -= length > 60 ? 101 : 1) {
        cr_assert(files_remove_tree(backup.to.fd, "t.ibd", NULL));
        cr_assert_eq(ftruncate(fd, length), 0);
        expect_failure(&spec, STATUS_VERIFY, name);
    }
    cr_assert(files_remove_tree(backup.to.fd, "t.ibd", NULL));
    cr_assert_eq(unlinkat(backup.from.fd, name, 0), 0);
    expect_failure(&spec, STATUS_VERIFY, name);
    backup_clear(&backup);
}

Test(unseal, refuses_frames_that_are_larger_than_the_backup_says)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    add_random(stream, rand, "t.ibd", 9000);
    Backup backup = backup_new(stream, TRUE);
    UnsealSpec spec = spec_of(&backup, 1);
    spec.frame = 8999;
    expect_failure(&spec, STATUS_VERIFY, "content size of a frame is out of range");
    spec.frame = FRAME_MOST + 1;
    expect_failure(&spec, STATUS_VERIFY, "more than");
    backup_clear(&backup);
}

Test(unseal, writes_over_nothing)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "d/t", "x");
    Backup backup = backup_new(stream, TRUE);
    const UnsealSpec spec = spec_of(&backup, 1);
    cr_assert(unseal_tree(&spec, NULL, NULL));
    expect_failure(&spec, STATUS_STORAGE, "d/t");
    backup_clear(&backup);
}

static gboolean stop_at_once(uint64_t stored_bytes, void *data, GError **error)
{
    (void)stored_bytes;
    ++*(int *)data;
    return fail(error, STATUS_TIMEOUT, "stopped by the test");
}

Test(unseal, stops_when_the_watch_says_so, .timeout = 60)
{
    enum { LENGTH = 200 << 20 };
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autofree uint8_t *bytes = g_malloc0(LENGTH / 4);
    for (uint64_t i = 0; i < 4; i++)
        stream_data(stream, "t", 0, i * (LENGTH / 4), bytes, LENGTH / 4);
    stream_end(stream, "t");
    Backup backup = backup_new(stream, FALSE);
    UnsealSpec spec = spec_of(&backup, 1);
    int calls = 0;
    spec.watch = stop_at_once;
    spec.data = &calls;
    g_autoptr(GError) error = NULL;
    gboolean done = unseal_tree(&spec, NULL, &error);
    cr_expect_eq(done, calls == 0, "%d calls", calls);
    if (calls > 0)
        cr_expect_eq(error_status(error), STATUS_TIMEOUT);
    backup_clear(&backup);
}

Test(unseal, reads_a_small_file_sealed_or_not)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "info", "short");
    g_autofree char *text = g_strnfill(5000, 'x');
    stream_file(stream, "long", text);
    Backup backup = backup_new(stream, TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) info = unseal_small(backup.from.fd, "data/info", 5, &error);
    cr_assert_not_null(info, "%s", error->message);
    cr_expect_str_eq(info->str, "short");
    g_autoptr(GString) longer = unseal_small(backup.from.fd, "data/long", 5000, &error);
    cr_assert_not_null(longer, "%s", error->message);
    cr_expect_str_eq(longer->str, text);

    static const struct {
        const char *name;
        size_t limit;
    } refused[] = {{"data/info", 4}, {"data/long", 4999}, {"data/none", 9}};
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) why = NULL;
        g_autoptr(GString) none =
            unseal_small(backup.from.fd, refused[i].name, refused[i].limit, &why);
        cr_expect_null(none);
        cr_expect_eq(error_status(why), STATUS_VERIFY);
        cr_expect_not_null(strstr(why->message, refused[i].name));
    }
    backup_clear(&backup);
}
