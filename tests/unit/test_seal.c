/* SPDX-License-Identifier: MIT */
#include "seal/seal.h"

#include "bad_disk.h"
#include "base/error.h"
#include "base/proc.h"
#include "seal/frame.h"
#include "seal/unseal.h"
#include "stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <signal.h>
#include <sys/stat.h>

typedef struct {
    XbstreamDialect dialect;
    gboolean stored_plain;
    int workers;
    int level;
} How;

static SealedTree *seal_stream(const TestDir *dir, const GByteArray *stream, How how,
                               GError **error)
{
    const SealSpec spec = {
        .stream_fd = stream_open(stream, stream->len),
        .dir_fd = dir->fd,
        .dialect = how.dialect,
        .compress = !how.stored_plain,
        .level = MAX(1, how.level),
        .workers = MAX(1, how.workers),
    };
    Seal *seal = seal_start(&spec, error);
    return seal != NULL ? seal_finish(seal, error) : NULL;
}

static void expect_refused(const GByteArray *stream, Status status, const char *why)
{
    TestDir dir = enter_dir();
    g_autoptr(GError) error = NULL;
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){0}, &error);
    cr_assert_null(tree, "not refused for \"%s\"", why);
    cr_expect_eq(error_status(error), status, "%s", error->message);
    cr_expect_not_null(strstr(error->message, why), "\"%s\" lacks \"%s\"", error->message, why);
    leave_dir(&dir);
}

/* ---- a model in memory: stream name to GByteArray ---- */

typedef struct {
    GRand *rand;
    GByteArray *stream;
    GHashTable *files;
} Model;

static Model model_new(guint32 seed)
{
    return (Model){
        g_rand_new_with_seed(seed), g_byte_array_new(),
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_byte_array_unref)};
}

static void model_clear(Model *model)
{
    g_rand_free(model->rand);
    g_byte_array_unref(model->stream);
    g_hash_table_destroy(model->files);
}

static void model_put(Model *model, const char *name, GByteArray *content)
{
    (void)g_hash_table_replace(model->files, g_strdup(name), content);
}

static GByteArray *content_of(GRand *rand, size_t length)
{
    GByteArray *content = g_byte_array_new();
    g_byte_array_set_size(content, (guint)length);
    stream_fill(rand, content->data, length);
    return content;
}

/* Every file of the model is in the tree with the right size and sum, and nothing else is. */
static void expect_model(const Model *model, const TestDir *dir, const SealedTree *tree)
{
    cr_expect_eq(tree->files->len, g_hash_table_size(model->files));
    cr_expect(tree->whole);
    uint64_t stored_bytes = 0;
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *file = tree->files->pdata[i];
        g_autofree char *name = g_strdup(file->name + strlen("data/"));
        if (g_str_has_suffix(name, ".lz4"))
            name[strlen(name) - strlen(".lz4")] = '\0';
        const GByteArray *content = g_hash_table_lookup(model->files, name);
        cr_assert_not_null(content, "%s is not in the model", file->name);
        cr_expect_eq(file->plain_bytes, content->len);
        cr_expect_eq(content->len > FRAME_SMALL, g_str_has_suffix(file->name, ".lz4") != 0);

        uint8_t sum[DIGEST_BYTES];
        uint64_t size;
        cr_assert(digest_file(dir->fd, file->name, sum, &size, NULL));
        cr_expect_eq(memcmp(sum, file->sum, DIGEST_BYTES), 0, "the sum of %s", file->name);
        cr_expect_eq(size, file->stored_bytes);
        stored_bytes += size;

        g_autoptr(GError) error = NULL;
        autofd int fd = memfd_create("plain", MFD_CLOEXEC);
        cr_assert(unseal_one(dir->fd, file->name, fd, &error), "%s", error->message);
        g_autofree uint8_t *plain = g_malloc(content->len + 1);
        cr_assert_eq(pread(fd, plain, content->len + 1, 0), (ssize_t)content->len);
        cr_expect(content->len == 0 || memcmp(plain, content->data, content->len) == 0,
                  "the content of %s", file->name);
    }
    cr_expect_eq(stored_bytes, tree->bytes_stored);
}

static gboolean count_one(int root_fd, const char *name, const struct stat *status, void *data,
                          GError **error)
{
    (void)root_fd, (void)error;
    cr_expect_eq(status->st_mode & 07777, S_ISDIR(status->st_mode) ? 0700u : 0440u, "%s", name);
    *(guint *)data += S_ISREG(status->st_mode) ? 1 : 0;
    return TRUE;
}

static guint files_below(const TestDir *dir)
{
    guint count = 0;
    cr_assert(files_walk(dir->fd, ".", count_one, &count, NULL));
    return count;
}

static GByteArray *one_file(const GByteArray *content)
{
    GByteArray *stream = g_byte_array_new();
    stream_data(stream, "t.ibd", 0, 0, content->data, content->len);
    stream_end(stream, "t.ibd");
    return stream;
}

Test(seal, tells_what_the_disk_did_not_take)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    g_autoptr(GByteArray) content = content_of(rand, 3 * FRAME_BYTES);
    g_autoptr(GByteArray) stream = one_file(content);
    TestDir dir = enter_dir();
    g_autoptr(GError) error = NULL;
    disk_failure = ENOSPC;
    cr_assert_null(seal_stream(&dir, stream, (How){.workers = 2}, &error));
    cr_expect_eq(error_status(error), STATUS_STORAGE);
    cr_expect_not_null(strstr(error->message, "cannot write what was sealed"), "%s",
                       error->message);
    leave_dir(&dir);
}

/* ---- the same content seals to the same bytes ---- */

static const size_t edges[] = {0,
                               1,
                               FRAME_SMALL,
                               FRAME_SMALL + 1,
                               FRAME_BYTES - 1,
                               FRAME_BYTES,
                               FRAME_BYTES + 1,
                               2 * FRAME_BYTES,
                               3 * FRAME_BYTES + 17};

/* Files of all interesting sizes, their chunks cut and mixed at random. */
static GByteArray *shuffled_stream(guint32 content_seed, guint32 cut_seed)
{
    g_autoptr(GRand) filler = g_rand_new_with_seed(content_seed);
    g_autoptr(GRand) cutter = g_rand_new_with_seed(cut_seed);
    GByteArray *contents[G_N_ELEMENTS(edges)];
    size_t sent[G_N_ELEMENTS(edges)] = {0};
    gboolean ended[G_N_ELEMENTS(edges)] = {FALSE};
    for (size_t i = 0; i < G_N_ELEMENTS(edges); i++)
        contents[i] = content_of(filler, edges[i]);

    GByteArray *stream = g_byte_array_new();
    for (size_t left = G_N_ELEMENTS(edges); left > 0;) {
        size_t i = (size_t)g_rand_int_range(cutter, 0, G_N_ELEMENTS(edges));
        g_autofree char *name = g_strdup_printf("d%zu/f%zu", i % 3, i);
        size_t piece = stream_piece(cutter, edges[i] - sent[i], 2 << 20);
        if (piece > 0) {
            stream_data(stream, name, 0, sent[i], contents[i]->data + sent[i], piece);
            sent[i] += piece;
        } else if (!ended[i]) {
            stream_end(stream, name);
            ended[i] = TRUE;
            left--;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(edges); i++)
        g_byte_array_unref(contents[i]);
    return stream;
}

static char *tree_text(const SealedTree *tree)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *file = tree->files->pdata[i];
        char hex[DIGEST_HEX + 1];
        digest_to_hex(file->sum, hex);
        g_string_append_printf(text, "%s %s %d %d\n", file->name, hex, (int)file->plain_bytes,
                               (int)file->stored_bytes);
    }
    return g_string_free(text, FALSE);
}

static char *sealed_text(guint32 cut_seed, How how)
{
    TestDir dir = enter_dir();
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) stream = shuffled_stream(1, cut_seed);
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, how, &error);
    cr_assert_not_null(tree, "%s", error->message);
    cr_expect_eq(files_below(&dir), tree->files->len);
    leave_dir(&dir);
    return tree_text(tree);
}

Test(seal, gives_the_same_bytes_whatever_the_chunks_and_the_workers)
{
    for (int plain = 0; plain <= 1; plain++) {
        g_autofree char *wanted = sealed_text(100, (How){.workers = 1, .stored_plain = plain != 0});
        for (guint32 seed = 1; seed <= 8; seed++) {
            How how = {.workers = (int)seed, .stored_plain = plain != 0};
            g_autofree char *got = sealed_text(seed, how);
            cr_expect_str_eq(got, wanted);
        }
    }
}

/* The cuts are part of the format: other tools and later versions rely on them. */
static void expect_cuts(const TestDir *dir, const SealedFile *file)
{
    autofd int fd = openat(dir->fd, file->name, O_RDONLY | O_CLOEXEC);
    g_autofree uint8_t *bytes = g_malloc(frame_capacity(FRAME_BYTES));
    FrameSource source = {.fd = fd, .name = file->name, .most = FRAME_BYTES};
    FrameStored frame = {.bytes = bytes};
    for (uint64_t left = file->plain_bytes; left > 0; left -= frame.plain) {
        cr_assert(frame_read(&source, &frame, NULL));
        cr_expect_eq(frame.plain, MIN(left, FRAME_BYTES), "%s", file->name);
    }
    cr_assert(frame_read(&source, &frame, NULL));
    cr_expect_eq(frame.stored, 0);
}

Test(seal, cuts_what_is_above_4096_bytes_at_whole_mebibytes)
{
    TestDir dir = enter_dir();
    g_autoptr(GByteArray) stream = shuffled_stream(1, 1);
    g_autofree uint8_t *zeros = g_malloc0(FRAME_BYTES);
    stream_data(stream, "odd", 0, 0, zeros, FRAME_BYTES - 1);
    stream_data(stream, "odd", 0, FRAME_BYTES - 1, zeros, 2);
    stream_end(stream, "odd");
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){.workers = 2}, NULL);
    cr_assert_not_null(tree);
    cr_expect_eq(tree->frame, 1 << 20);
    guint sealed = 0;
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *file = tree->files->pdata[i];
        cr_expect_eq(file->plain_bytes > 4096, g_str_has_suffix(file->name, ".lz4") != 0, "%s",
                     file->name);
        if (file->plain_bytes > 4096) {
            expect_cuts(&dir, file);
            sealed++;
        }
    }
    cr_expect_eq(sealed, 7);
    leave_dir(&dir);
}

/* ---- the stream is not append-only ---- */

enum { NAMES = 12 };

static const char *const names[NAMES] = {
    "a",         "b",        "d1/t.ibd",          "d1/mip#P#p0", "d1/mip#P#p1", "d1/mip.frm",
    "d2/db.opt", "d2/x.ibd", "aria_log.00000002", "d3/y.MYD",    "d3/y.MYI",    "d4/e/z"};

/* One file, from its first chunk to its end, going back inside itself now and then. */
static void send_file(Model *model, const char *name)
{
    unsigned flags = g_hash_table_contains(model->files, name) ? STREAM_REPLACES : 0;
    size_t most = g_rand_boolean(model->rand) ? 9000 : 3 * FRAME_BYTES;
    size_t length = (size_t)g_rand_int_range(model->rand, 0, (gint32)most);
    g_autoptr(GByteArray) sent = content_of(model->rand, length);
    if (flags != 0 && length == 0)
        return;
    for (size_t at = 0; at < length;) {
        size_t piece = stream_piece(model->rand, length - at, 1 << 20);
        stream_data(model->stream, name, flags, at, sent->data + at, piece);
        at += piece;
    }
    for (int i = g_rand_int_range(model->rand, -4, 3); i > 0; i--) {
        size_t back = (size_t)g_rand_int_range(model->rand, 0, (gint32)length + 1);
        g_autoptr(GByteArray) patch =
            content_of(model->rand, (size_t)g_rand_int_range(model->rand, 0, 5000));
        stream_seek(model->stream, name, back);
        stream_data(model->stream, name, 0, back, patch->data, patch->len);
        if (back + patch->len > sent->len)
            g_byte_array_set_size(sent, (guint)(back + patch->len));
        memcpy(sent->data + back, patch->data, patch->len);
        length = sent->len;
    }
    stream_end(model->stream, name);
    model_put(model, name, g_byte_array_ref(sent));
}

typedef struct {
    const char *pattern;
    size_t length;
} Removal;

static gboolean is_removed(gpointer key, gpointer value, gpointer data)
{
    const Removal *removal = data;
    (void)value;
    const char *name = key;
    if (removal->pattern[removal->length - 1] == '*')
        return strncmp(name, removal->pattern, removal->length - 1) == 0;
    return g_str_equal(name, removal->pattern) ||
           (g_str_has_prefix(name, removal->pattern) && name[removal->length] == '/');
}

static void send_removal(Model *model)
{
    static const char *const patterns[] = {"a",  "d1/mip#P#*", "d2",   "d3/y.MYD",
                                           "d4", "never",      "d9/n*"};
    const char *pattern =
        patterns[g_rand_int_range(model->rand, 0, (gint32)G_N_ELEMENTS(patterns))];
    Removal removal = {pattern, strlen(pattern)};
    stream_remove(model->stream, pattern);
    (void)g_hash_table_foreach_remove(model->files, is_removed, &removal);
}

static void send_rename(Model *model)
{
    const char *from = names[g_rand_int_range(model->rand, 0, NAMES)];
    const char *to = names[g_rand_int_range(model->rand, 0, NAMES)];
    stream_rename(model->stream, from, to);
    GByteArray *content = g_hash_table_lookup(model->files, from);
    if (content == NULL || g_str_equal(from, to))
        return;
    model_put(model, to, g_byte_array_ref(content));
    (void)g_hash_table_remove(model->files, from);
}

Test(seal, follows_a_model_through_removals_renames_seeks_and_replacements, .timeout = 120)
{
    for (guint32 seed = 1; seed <= 12; seed++) {
        Model model = model_new(seed);
        for (int step = 0; step < 40; step++) {
            int kind = g_rand_int_range(model.rand, 0, 6);
            if (kind == 0)
                send_removal(&model);
            else if (kind == 1)
                send_rename(&model);
            else
                send_file(&model, names[g_rand_int_range(model.rand, 0, NAMES)]);
        }
        TestDir dir = enter_dir();
        g_autoptr(GError) error = NULL;
        g_autoptr(SealedTree) tree =
            seal_stream(&dir, model.stream, (How){.workers = 1 + (int)seed % 4}, &error);
        cr_assert_not_null(tree, "seed %u: %s", seed, error->message);
        expect_model(&model, &dir, tree);
        cr_expect_eq(files_below(&dir), tree->files->len);
        leave_dir(&dir);
        model_clear(&model);
    }
}

Test(seal, renames_a_directory_and_removes_one)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "old/a", "one");
    stream_file(stream, "old/b", "two");
    stream_file(stream, "older/c", "three");
    stream_rename(stream, "old", "new");
    stream_remove(stream, "older");
    TestDir dir = enter_dir();
    g_autoptr(GError) error = NULL;
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){0}, &error);
    cr_assert_not_null(tree, "%s", error->message);
    cr_assert_eq(tree->files->len, 2);
    cr_expect_str_eq(((SealedFile *)tree->files->pdata[0])->name, "data/new/a");
    cr_expect_str_eq(((SealedFile *)tree->files->pdata[1])->name, "data/new/b");
    cr_expect_neq(faccessat(dir.fd, "data/older", F_OK, 0), 0);
    leave_dir(&dir);
}

Test(seal, removes_by_prefix_in_one_directory_only)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "d/mip1", "one");
    stream_file(stream, "d/mip2/x", "two");
    stream_file(stream, "d/mi", "three");
    stream_remove(stream, "d/mip*");
    TestDir dir = enter_dir();
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){0}, NULL);
    cr_assert_not_null(tree);
    cr_assert_eq(tree->files->len, 2);
    cr_expect_str_eq(((SealedFile *)tree->files->pdata[0])->name, "data/d/mi");
    cr_expect_str_eq(((SealedFile *)tree->files->pdata[1])->name, "data/d/mip2/x");
    leave_dir(&dir);
}

Test(seal, takes_an_end_alone_for_an_empty_file_that_replaces)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "t.MYD", "rows");
    stream_end(stream, "t.MYD");
    stream_end(stream, "u.MYD");
    TestDir dir = enter_dir();
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){0}, NULL);
    cr_assert_not_null(tree);
    cr_assert_eq(tree->files->len, 2);
    cr_expect_eq(tree->bytes_plain, 0);
    leave_dir(&dir);
}

Test(seal, replaces_a_large_file_by_a_small_one_and_back)
{
    Model model = model_new(3);
    static const size_t sizes[] = {9000, 10, 9000, 10};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        GByteArray *content = content_of(model.rand, sizes[i]);
        stream_data(model.stream, "t", i > 0 ? STREAM_REPLACES : 0, 0, content->data, sizes[i]);
        stream_end(model.stream, "t");
        model_put(&model, "t", content);
        TestDir dir = enter_dir();
        g_autoptr(SealedTree) tree = seal_stream(&dir, model.stream, (How){0}, NULL);
        cr_assert_not_null(tree);
        expect_model(&model, &dir, tree);
        cr_expect_eq(files_below(&dir), 1);
        leave_dir(&dir);
    }
    model_clear(&model);
}

Test(seal, refuses_a_file_that_comes_twice)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "shop/t", "one");
    stream_file(stream, "shop/t", "two");
    expect_refused(stream, STATUS_ENGINE, "has shop/t twice");
}

Test(seal, refuses_changes_of_a_file_before_its_end)
{
    static const char *const removals[] = {"d/t", "d", "d/*", "d/t*"};
    for (size_t i = 0; i < G_N_ELEMENTS(removals); i++) {
        if (g_str_equal(removals[i], "d/*"))
            continue; /* refused as a name */
        g_autoptr(GByteArray) stream = g_byte_array_new();
        stream_data(stream, "d/t", 0, 0, "x", 1);
        stream_remove(stream, removals[i]);
        expect_refused(stream, STATUS_ENGINE, "removes d/t before its end");
    }
    g_autoptr(GByteArray) from = g_byte_array_new();
    stream_data(from, "d/t", 0, 0, "x", 1);
    stream_rename(from, "d/t", "d/u");
    expect_refused(from, STATUS_ENGINE, "renames d/t before its end");
    g_autoptr(GByteArray) to = g_byte_array_new();
    stream_file(to, "d/u", "x");
    stream_data(to, "d/t", 0, 0, "x", 1);
    stream_rename(to, "d/u", "d/t");
    expect_refused(to, STATUS_ENGINE, "replaces d/t before its end");
}

Test(seal, leaves_a_file_plain_whose_name_has_no_room_for_a_suffix)
{
    char name[256];
    memset(name, 'n', 255);
    for (size_t length = 251; length <= 255; length++) {
        name[length] = '\0';
        g_autoptr(GRand) rand = g_rand_new_with_seed(5);
        g_autoptr(GByteArray) content = content_of(rand, 9000);
        g_autoptr(GByteArray) stream = g_byte_array_new();
        stream_data(stream, name, 0, 0, content->data, content->len);
        stream_end(stream, name);
        TestDir dir = enter_dir();
        g_autoptr(GError) error = NULL;
        g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){0}, &error);
        cr_assert_not_null(tree, "%s", error->message);
        const SealedFile *file = tree->files->pdata[0];
        cr_expect_eq(g_str_has_suffix(file->name, ".lz4") != 0, length == 251);
        leave_dir(&dir);
        name[length] = 'n';
    }
}

Test(seal, stores_a_file_plain_that_is_renamed_to_a_name_without_room_for_a_suffix)
{
    char name[256] = {0};
    memset(name, 'n', 255);
    g_autoptr(GRand) rand = g_rand_new_with_seed(6);
    g_autoptr(GByteArray) content = content_of(rand, 3 * FRAME_BYTES + 7);
    g_autoptr(GByteArray) late = g_byte_array_new();
    stream_data(late, "d/short", 0, 0, content->data, content->len);
    stream_end(late, "d/short");
    stream_rename(late, "d/short", name);
    g_autoptr(GByteArray) early = g_byte_array_new();
    stream_data(early, name, 0, 0, content->data, content->len);
    stream_end(early, name);

    char *texts[2];
    const GByteArray *streams[] = {late, early};
    for (int i = 0; i < 2; i++) {
        TestDir dir = enter_dir();
        g_autoptr(GError) error = NULL;
        g_autoptr(SealedTree) tree = seal_stream(&dir, streams[i], (How){0}, &error);
        cr_assert_not_null(tree, "%s", error->message);
        texts[i] = tree_text(tree);
        cr_expect_eq(files_below(&dir), 1);
        uint8_t sum[DIGEST_BYTES];
        const SealedFile *file = tree->files->pdata[0];
        cr_assert(digest_file(dir.fd, file->name, sum, NULL, NULL));
        cr_expect_eq(memcmp(sum, file->sum, DIGEST_BYTES), 0);
        leave_dir(&dir);
    }
    cr_expect_str_eq(texts[0], texts[1]);
    g_free(texts[0]);
    g_free(texts[1]);
}

Test(seal, seals_the_holes_of_percona_as_zeros)
{
    enum { HOLE = 3 * FRAME_BYTES };
    g_autoptr(GByteArray) stream = g_byte_array_new();
    const uint32_t map[] = {GUINT32_TO_LE(HOLE), GUINT32_TO_LE(3)};
    g_autoptr(GByteArray) body = g_byte_array_new();
    stream_bytes(body, map, sizeof map);
    stream_bytes(body, "end", 3);
    stream_head(stream, 'S', 0, "t.ibd");
    stream_u32(stream, 1);
    stream_u64(stream, 3);
    stream_u64(stream, 0);
    stream_u32(stream, libdeflate_crc32(0, body->data, body->len));
    stream_bytes(stream, body->data, body->len);
    stream_end(stream, "t.ibd");

    Model model = model_new(1);
    GByteArray *content = g_byte_array_new();
    g_byte_array_set_size(content, HOLE + 3);
    memset(content->data, 0, HOLE);
    memcpy(content->data + HOLE, "end", 3);
    model_put(&model, "t.ibd", content);
    TestDir dir = enter_dir();
    g_autoptr(SealedTree) tree =
        seal_stream(&dir, stream, (How){.dialect = XBSTREAM_PERCONA}, NULL);
    cr_assert_not_null(tree);
    expect_model(&model, &dir, tree);
    leave_dir(&dir);
    model_clear(&model);
}

/* ---- failures ---- */

Test(seal, reports_storage_that_cannot_be_written)
{
    g_autoptr(GByteArray) stream = shuffled_stream(1, 1);
    TestDir dir = enter_dir();
    cr_assert_eq(mkdirat(dir.fd, "data", 0700), 0);
    autofd int in_the_way = openat(dir.fd, "data/d1", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(in_the_way, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){.workers = 3}, &error);
    cr_assert_null(tree);
    cr_expect_eq(error_status(error), STATUS_STORAGE);
    cr_expect_not_null(strstr(error->message, "data/d1"), "%s", error->message);
    leave_dir(&dir);
}

typedef struct {
    int fd;
    int failure; /* errno that stopped the writer */
} Writer;

/* Like an engine that does not look back: writes until it is told to stop. */
static gpointer write_for_ever(gpointer data)
{
    Writer *writer = data;
    g_autoptr(GByteArray) stream = g_byte_array_new();
    uint8_t zeros[4096] = {0};
    for (uint64_t offset = 0; writer->failure == 0; offset += sizeof zeros) {
        g_byte_array_set_size(stream, 0);
        stream_data(stream, "d1/t", 0, offset, zeros, sizeof zeros);
        if (!files_write(writer->fd, stream->data, stream->len))
            writer->failure = errno;
    }
    return NULL;
}

Test(seal, breaks_the_pipe_of_the_engine_at_the_first_failure, .timeout = 60)
{
    (void)signal(SIGPIPE, SIG_IGN);
    TestDir dir = enter_dir();
    cr_assert_eq(mkdirat(dir.fd, "data", 0700), 0);
    autofd int in_the_way = openat(dir.fd, "data/d1", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(in_the_way, 0);
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    Writer writer = {ends[1], 0};
    GThread *thread = g_thread_new("engine", write_for_ever, &writer);
    const SealSpec spec = {
        .stream_fd = ends[0], .dir_fd = dir.fd, .compress = TRUE, .level = 1, .workers = 2};
    Seal *seal = seal_start(&spec, NULL);
    cr_assert_not_null(seal);
    (void)g_thread_join(thread);
    cr_expect_eq(writer.failure, EPIPE);
    cr_expect(seal_failed(seal));
    cr_expect_gt(seal_bytes(seal), 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(SealedTree) tree = seal_finish(seal, &error);
    cr_assert_null(tree);
    cr_expect_eq(error_status(error), STATUS_STORAGE);
    (void)close(ends[1]);
    leave_dir(&dir);
}

static gint64 time_with_throttle(uint64_t throttle, const volatile gint *off)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    g_autoptr(GByteArray) content = content_of(rand, 3 << 20);
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_data(stream, "t", 0, 0, content->data, content->len);
    stream_end(stream, "t");
    TestDir dir = enter_dir();
    const SealSpec spec = {.stream_fd = stream_open(stream, stream->len),
                           .dir_fd = dir.fd,
                           .compress = TRUE,
                           .level = 1,
                           .workers = 1,
                           .throttle = throttle,
                           .throttle_off = off};
    gint64 start = g_get_monotonic_time();
    Seal *seal = seal_start(&spec, NULL);
    g_autoptr(SealedTree) tree = seal_finish(seal, NULL);
    cr_assert_not_null(tree);
    leave_dir(&dir);
    return g_get_monotonic_time() - start;
}

/* 3 MiB at 2 MiB a second, less the second of credit that it starts with. */
Test(seal, paces_the_stream_until_it_is_told_not_to)
{
    const volatile gint on = 0;
    const volatile gint off = 1;
    gint64 slow = time_with_throttle(2 << 20, &on);
    cr_expect_geq(slow, 400 * 1000, "%d ms", (int)(slow / 1000));
    gint64 fast = time_with_throttle(1 << 20, &off);
    cr_expect_lt(fast, 1000 * 1000, "%d ms", (int)(fast / 1000));
}

/* ---- without us ---- */

static void note_line(ProcStream stream, const char *line, void *data)
{
    (void)stream;
    g_string_append_printf(data, "%s\n", line);
}

static char *run(const char *const *words)
{
    g_autofree char *program = proc_find(words[0], NULL);
    cr_assert_not_null(program, "%s is not installed", words[0]);
    const char *const argv[] = {program, words[1], words[2], words[3], words[4], NULL};
    GString *said = g_string_new(NULL);
    const ProcSpec spec = {
        .argv = argv, .env = proc_plain_env(), .out_fd = -1, .on_line = note_line, .data = said};
    ProcEnd end;
    cr_assert(proc_run(&spec, &end, NULL));
    cr_assert_eq(end.status, 0, "%s", said->str);
    return g_string_free(said, FALSE);
}

/* Pages of so many bytes whose last `zeros` are zeros; the others are random. */
static GByteArray *noisy_pages(size_t length, size_t page, size_t zeros)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    GByteArray *content = g_byte_array_new();
    g_byte_array_set_size(content, (guint)length);
    for (size_t i = 0; i < length; i++)
        content->data[i] = i % page < page - zeros ? (uint8_t)g_rand_int(rand) : 0;
    return content;
}

static void expect_tools_read(const GByteArray *content)
{
    g_autoptr(GByteArray) stream = one_file(content);
    TestDir dir = enter_dir();
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, (How){.workers = 2}, NULL);
    cr_assert_not_null(tree);
    const SealedFile *file = tree->files->pdata[0];

    g_autofree char *stored = g_build_filename(dir.path, file->name, NULL);
    g_autofree char *plain = g_build_filename(dir.path, "plain", NULL);
    g_autofree char *lz4 = run((const char *const[]){"lz4", "-dq", stored, plain, NULL});
    cr_expect_str_eq(lz4, "");
    g_autofree char *said = run((const char *const[]){"sha256sum", stored, plain, NULL, NULL});
    char hex[DIGEST_HEX + 1];
    digest_to_hex(file->sum, hex);
    cr_expect(g_str_has_prefix(said, hex), "%s is not %s", said, hex);
    g_autofree char *wanted = digest_text(content->data, content->len);
    cr_expect_not_null(strstr(said, wanted), "%s lacks %s", said, wanted);
    leave_dir(&dir);
}

Test(seal, is_read_by_lz4_and_sha256sum)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    g_autoptr(GByteArray) content = content_of(rand, 3 * FRAME_BYTES + 17);
    expect_tools_read(content);
}

Test(seal, is_read_by_lz4_and_sha256sum_where_it_does_not_compress)
{
    g_autoptr(GByteArray) content = noisy_pages(3 * FRAME_BYTES + 17, 16384, 0);
    expect_tools_read(content);
}

static uint64_t stored_at_level(const GByteArray *content, int level)
{
    TestDir dir = enter_dir();
    g_autoptr(GByteArray) stream = one_file(content);
    How how = {.workers = 2, .level = level};
    g_autoptr(SealedTree) tree = seal_stream(&dir, stream, how, NULL);
    cr_assert_not_null(tree);
    leave_dir(&dir);
    return tree->bytes_stored;
}

Test(seal, stores_as_it_is_what_compresses_by_less_than_an_eighth_unless_the_level_is_high)
{
    enum { AROUND = 19 + 4 + 4 };
    static const size_t frames = 2;
    g_autoptr(GByteArray) hardly = noisy_pages(frames * FRAME_BYTES, 16384, 16384 / 10);
    cr_expect_eq(stored_at_level(hardly, 1), hardly->len + frames * AROUND);
    cr_expect_eq(stored_at_level(hardly, 2), hardly->len + frames * AROUND);
    cr_expect_lt(stored_at_level(hardly, 3), hardly->len * 92 / 100);

    g_autoptr(GByteArray) well = noisy_pages(frames * FRAME_BYTES, 16384, 16384 / 5);
    cr_expect_lt(stored_at_level(well, 1), well->len * 82 / 100);
}

Test(seal, compresses_pages_that_are_random_in_front_and_empty_behind)
{
    for (size_t page = 4096; page <= 65536; page *= 2) {
        g_autoptr(GByteArray) content = noisy_pages(2 * FRAME_BYTES, page, page / 2);
        cr_expect_lt(stored_at_level(content, 1), content->len * 51 / 100, "pages of %zu", page);
    }
}

Test(seal, lays_the_same_frame_around_what_is_random_as_lz4_itself)
{
    static const size_t lengths[] = {1,      32767,           32768,      32769, (256 << 10) + 1,
                                     500000, FRAME_BYTES - 1, FRAME_BYTES};
    const LZ4F_preferences_t chosen = {.frameInfo = {.blockSizeID = LZ4F_max1MB,
                                                     .blockMode = LZ4F_blockIndependent,
                                                     .contentChecksumFlag = 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        size_t length = lengths[i];
        size_t room = frame_capacity(length);
        g_autoptr(GByteArray) content = noisy_pages(length, 16384, 0);
        g_autofree uint8_t *block = g_malloc(room);
        g_autofree uint8_t *out = g_malloc(room);
        g_autofree uint8_t *wanted = g_malloc(room);
        memcpy(block + FRAME_LEAD, content->data, length);
        uint8_t *frame = NULL;
        size_t packed = frame_pack(1, block, length, out, &frame);
        cr_expect_eq(frame == block, length >= 32768, "%zu bytes", length);

        LZ4F_preferences_t sized = chosen;
        sized.frameInfo.contentSize = length;
        cr_assert_eq(packed, LZ4F_compressFrame(wanted, room, content->data, length, &sized));
        /* below 256 KiB it says in its head that blocks are smaller */
        size_t same = length > 256 << 10 ? 0 : FRAME_LEAD;
        cr_expect_eq(memcmp(frame + same, wanted + same, packed - same), 0, "%zu bytes", length);
    }
}

Test(seal, seals_an_ordinary_file_the_same_way)
{
    static const size_t sizes[] = {0, 100, 3 * FRAME_BYTES + 17};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        TestDir dir = enter_dir();
        g_autoptr(GRand) rand = g_rand_new_with_seed(5);
        g_autoptr(GByteArray) content = content_of(rand, sizes[i]);
        autofd int fd = openat(dir.fd, "engine.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert(files_write(fd, content->data, content->len));
        SealedFile sealed;
        g_autoptr(GError) error = NULL;
        cr_assert(seal_file(dir.fd, "engine.log", "engine.log.lz4", 1, &sealed, &error), "%s",
                  error->message);
        cr_expect_str_eq(sealed.name, "engine.log.lz4");
        cr_expect_eq(sealed.plain_bytes, sizes[i]);
        uint8_t sum[DIGEST_BYTES];
        uint64_t size;
        cr_assert(digest_file(dir.fd, "engine.log.lz4", sum, &size, NULL));
        cr_expect_eq(memcmp(sum, sealed.sum, DIGEST_BYTES), 0);
        cr_expect_eq(size, sealed.stored_bytes);
        cr_assert_eq(unlinkat(dir.fd, "engine.log", 0), 0);
        g_autoptr(GString) text = unseal_small(dir.fd, "engine.log", sizes[i], &error);
        cr_assert_not_null(text, "%s", error->message);
        cr_expect_eq(text->len, sizes[i]);
        cr_expect(sizes[i] == 0 || memcmp(text->str, content->data, sizes[i]) == 0);
        g_free(sealed.name);
        leave_dir(&dir);
    }
}
