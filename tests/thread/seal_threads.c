/* SPDX-License-Identifier: MIT */
/*
 * seal_threads: seals streams and unseals them again with one to eight workers, has a crew of as
 * many do tasks, and reads catalogs, for the thread sanitizer.  A program of its own, because
 * Criterion's memory arena collides with the sanitizer's.
 *
 * The same stream must give the same sums whatever the number of workers, and come back as it was.
 */
#include "base/crew.h"
#include "base/error.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "seal/seal.h"
#include "seal/unseal.h"
#include "unit/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BIG = 5 * 1024 * 1024 + 17, SMALL_FILES = 40, MOST_WORKERS = 8 };

G_NORETURN static void give_up(const char *what, const GError *error)
{
    fprintf(stderr, "%s: %s\n", what, error != NULL ? error->message : "");
    abort();
}

/* Two big files in turns, and small ones between. */
static GByteArray *make_stream(const uint8_t *bytes)
{
    GByteArray *stream = g_byte_array_new();
    size_t at = 0;
    for (guint i = 0; i < SMALL_FILES; i++) {
        g_autofree char *small = g_strdup_printf("shop/t%u.frm", i);
        size_t part = i + 1 == SMALL_FILES ? BIG - at : BIG / SMALL_FILES;
        stream_data(stream, "shop/orders.ibd", 0, at, bytes + at, part);
        stream_data(stream, "ibdata1", 0, at, bytes + at, part);
        stream_data(stream, small, 0, 0, bytes + i, 100 * i);
        stream_end(stream, small);
        at += part;
    }
    stream_end(stream, "shop/orders.ibd");
    stream_end(stream, "ibdata1");
    return stream;
}

static SealedTree *seal_stream(const GByteArray *stream, int dir_fd, int workers)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);
    if (fd < 0 || !files_write(fd, stream->data, stream->len) || lseek(fd, 0, SEEK_SET) != 0)
        give_up("cannot make a stream", NULL);
    const SealSpec spec = {
        .stream_fd = fd, .dir_fd = dir_fd, .compress = TRUE, .level = 1, .workers = workers};
    g_autoptr(GError) error = NULL;
    Seal *seal = seal_start(&spec, &error);
    if (seal == NULL)
        give_up("cannot start", error);
    while (seal_bytes(seal) < stream->len && !seal_failed(seal))
        g_usleep(1000);
    SealedTree *tree = seal_finish(seal, &error);
    if (tree == NULL)
        give_up("cannot seal", error);
    return tree;
}

static void unseal_again(const SealedTree *tree, int dir_fd, int workers, const uint8_t *bytes)
{
    g_autofree UnsealFile *files = g_new0(UnsealFile, tree->files->len);
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *file = tree->files->pdata[i];
        files[i].name = file->name;
        memcpy(files[i].sum, file->sum, DIGEST_BYTES);
    }
    g_autoptr(GError) error = NULL;
    if (mkdirat(dir_fd, "plain", 0700) < 0)
        give_up("cannot make a directory", NULL);
    autofd int plain_fd = files_open_dir(dir_fd, "plain", &error);
    const UnsealSpec spec = {.backup_fd = dir_fd,
                             .target_dir_fd = plain_fd,
                             .files = files,
                             .count = tree->files->len,
                             .workers = workers};
    if (plain_fd < 0 || !unseal_tree(&spec, NULL, &error))
        give_up("cannot unseal", error);
    g_autoptr(GString) back = files_read_text(plain_fd, "ibdata1", BIG, &error);
    if (back == NULL || back->len != BIG || memcmp(back->str, bytes, BIG) != 0)
        give_up("ibdata1 came back as another", error);
}

static void check_same(const SealedTree *first, const SealedTree *tree)
{
    if (first->files->len != tree->files->len)
        give_up("not the same number of files", NULL);
    for (guint i = 0; i < tree->files->len; i++) {
        const SealedFile *a = first->files->pdata[i];
        const SealedFile *b = tree->files->pdata[i];
        if (memcmp(a->sum, b->sum, DIGEST_BYTES) != 0)
            give_up("the number of workers changed a sum", NULL);
    }
}

enum { TASKS = 500 };

static gboolean do_task(guint number, void *data, GError **error)
{
    guint *done = data;
    done[number]++;
    return number < TASKS - 1 || fail(error, STATUS_VERIFY, "the last one");
}

static gboolean watch_tasks(void *data, GError **error)
{
    (void)data;
    (void)error;
    return TRUE;
}

static void work_as_crew(int workers)
{
    guint done[TASKS] = {0};
    g_autoptr(GError) error = NULL;
    const Crew crew = {
        .count = TASKS, .threads = workers, .task = do_task, .watch = watch_tasks, .data = done};
    if (crew_run(&crew, &error))
        give_up("a failure was not told", NULL);
    for (guint i = 0; i < TASKS; i++) {
        if (done[i] != 1)
            give_up("a task was not done once", error);
    }
}

static void read_catalogs(void)
{
    g_autoptr(Catalog) catalog = catalog_new("shop");
    g_autofree char *sum = g_strnfill(DIGEST_HEX, '0');
    Backup *backup = backup_new("20261122T020000Z-full");
    backup_set_text(&backup->sums, sum);
    backup_set_text(&backup->chain, backup->id);
    catalog_add(catalog, backup);
    g_autoptr(GString) text = catalog_text(catalog);
    g_autoptr(GError) error = NULL;
    g_autoptr(Catalog) read = catalog_parse(text, "catalog.ini", &error);
    if (read == NULL)
        give_up("a sound catalog was refused", error);
    text->str[text->len - 2] ^= 1;
    g_autoptr(Catalog) changed = catalog_parse(text, "catalog.ini", NULL);
    if (changed != NULL)
        give_up("a changed catalog was read", NULL);
}

int main(void)
{
    read_catalogs();
    g_autofree uint8_t *bytes = g_malloc(BIG + SMALL_FILES * 100);
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (size_t i = 0; i < BIG + SMALL_FILES * 100; i++)
        bytes[i] = (uint8_t)g_rand_int_range(random, 0, 16);
    g_autoptr(GByteArray) stream = make_stream(bytes);
    g_autoptr(SealedTree) first = NULL;
    for (int workers = 1; workers <= MOST_WORKERS; workers++) {
        g_autofree char *path = g_dir_make_tmp("lsnchain-threads-XXXXXX", NULL);
        autofd int dir_fd = files_open_dir(AT_FDCWD, path, NULL);
        SealedTree *tree = seal_stream(stream, dir_fd, workers);
        unseal_again(tree, dir_fd, workers, bytes);
        work_as_crew(workers);
        if (first == NULL) {
            first = tree;
        } else {
            check_same(first, tree);
            sealed_tree_free(tree);
        }
        (void)files_remove_tree(AT_FDCWD, path, NULL);
    }
    printf("sealed and unsealed with 1 to %d workers\n", MOST_WORKERS);
    return 0;
}
