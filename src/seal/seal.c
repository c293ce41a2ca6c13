/* SPDX-License-Identifier: MIT */
#include "seal/seal.h"

#include "base/error.h"
#include "base/files.h"
#include "seal/frame.h"
#include "seal/name.h"
#include "seal/pipeline.h"
#include "seal/unseal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PIPE_BYTES = 1 << 20,    /* the most that a user may ask for by default */
    NAP_US = 50 * 1000,      /* pacing looks this often whether it has ended */
    CREDIT_US = 1000 * 1000, /* a silence of the engine earns it no more than this */
};

#define PATCH_NAME ".patch"

/* A file that has not ended. */
typedef struct {
    PipelineFile *file;
    PipelineFrame *frame; /* being filled */
    int patch_fd;         /* the file went back into itself: its plain bytes are here; else -1 */
    uint64_t at;          /* where the next bytes go there */
} Intake;

struct Seal {
    SealSpec spec;
    Xbstream *stream;
    Pipeline *pipeline;
    GHashTable *open; /* name: Intake */
    GThread *reader;
    int64_t due_us; /* when the bytes read so far may have come */
};

void sealed_file_free(SealedFile *file)
{
    g_free(file->name);
    g_free(file);
}

void sealed_tree_free(SealedTree *tree)
{
    g_ptr_array_unref(tree->files);
    g_free(tree);
}

/* The frame, if any, was sent or dropped before. */
static void intake_free(gpointer data)
{
    Intake *intake = data;
    if (intake->patch_fd >= 0)
        (void)close(intake->patch_fd);
    g_free(intake);
}

/* Sleeps until this many bytes may have come. */
static void pace(Seal *seal, uint64_t bytes)
{
    const volatile gint *off = seal->spec.throttle_off;
    if (seal->spec.throttle == 0)
        return;
    int64_t now = g_get_monotonic_time();
    seal->due_us = MAX(seal->due_us, now - CREDIT_US) +
                   (int64_t)((double)bytes * 1e6 / (double)seal->spec.throttle);
    while (now < seal->due_us && (off == NULL || g_atomic_int_get(off) == 0) &&
           !pipeline_failed(seal->pipeline)) {
        g_usleep((gulong)MIN(seal->due_us - now, NAP_US));
        now = g_get_monotonic_time();
    }
}

/* ---- files that are stored already ---- */

/* Waits for the workers.  Their failure is the first one already; this one goes nowhere. */
static gboolean settle(Seal *seal, GError **error)
{
    return pipeline_settle(seal->pipeline) ||
           fail(error, STATUS_FAILED, "sealing has failed already");
}

/* Belongs to the table of stored files; NULL where there is none. */
static SealedFile *find_stored(Seal *seal, const char *name)
{
    g_autofree char *path = g_strconcat(NAME_DATA, name, NULL);
    const SealedFile key = {.name = path};
    return g_hash_table_lookup(pipeline_stored(seal->pipeline), &key);
}

static gboolean drop_stored(Seal *seal, SealedFile *file, GError **error)
{
    if (unlinkat(seal->spec.dir_fd, file->name, 0) < 0)
        return fail_storage(error, "cannot remove %s: %s", file->name, g_strerror(errno));
    (void)g_hash_table_remove(pipeline_stored(seal->pipeline), file);
    return TRUE;
}

/* `name` itself, what is in the directory `name`, or for "dir/prefix*" the files so named. */
static gboolean name_matches(const char *pattern, const char *stored)
{
    const char *name = stored + strlen(NAME_DATA);
    size_t length = strlen(pattern);
    if (pattern[length - 1] == '*')
        return strncmp(name, pattern, length - 1) == 0 && strchr(name + length - 1, '/') == NULL;
    if (strncmp(name, pattern, length) != 0)
        return FALSE;
    return name[length] == '/' || name[length] == '\0' ||
           (g_str_equal(name + length, NAME_SUFFIX) && name_is_sealed(name));
}

static GPtrArray *match_stored(Seal *seal, const char *pattern)
{
    GPtrArray *matches = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, pipeline_stored(seal->pipeline));
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (name_matches(pattern, ((const SealedFile *)key)->name))
            g_ptr_array_add(matches, key);
    }
    return matches;
}

/* No engine was seen to change a file that it is still sending; what it would mean is unknown. */
static gboolean refuse_open(Seal *seal, const char *pattern, const char *act, GError **error)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, seal->open);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_autofree char *path = g_strconcat(NAME_DATA, (const char *)key, NULL);
        if (name_matches(pattern, path))
            return fail(error, STATUS_ENGINE, "the engine's stream %s %s before its end", act,
                        (const char *)key);
    }
    return TRUE;
}

static gboolean remove_files(Seal *seal, const XbstreamEvent *event, GError **error)
{
    if (!refuse_open(seal, event->name, "removes", error) || !settle(seal, error))
        return FALSE;
    g_autoptr(GPtrArray) matches = match_stored(seal, event->name);
    for (guint i = 0; i < matches->len; i++) {
        if (!drop_stored(seal, matches->pdata[i], error))
            return FALSE;
    }
    /* A directory that is empty now would be no harm, but it would not be in the engine's copy. */
    g_autofree char *path = g_strconcat(NAME_DATA, event->name, NULL);
    if (unlinkat(seal->spec.dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT &&
        errno != ENOTDIR && errno != ENOTEMPTY && errno != EEXIST)
        return fail_storage(error, "cannot remove %s: %s", path, g_strerror(errno));
    return TRUE;
}

/* Its new name has no room for the suffix: taken apart again. */
static gboolean store_plain(int dir_fd, SealedFile *file, const char *path, GError **error)
{
    autofd int fd =
        openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_storage(error, "cannot create %s: %s", path, g_strerror(errno));
    if (!unseal_one(dir_fd, file->name, fd, error) ||
        !digest_file(dir_fd, path, file->sum, &file->stored_bytes, error))
        return FALSE;
    if (fchmod(fd, 0440) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", path, g_strerror(errno));
    if (close(g_steal_fd(&fd)) < 0)
        return fail_storage(error, "cannot close %s: %s", path, g_strerror(errno));
    return unlinkat(dir_fd, file->name, 0) == 0 ||
           fail_storage(error, "cannot remove %s: %s", file->name, g_strerror(errno));
}

static gboolean move_stored(int dir_fd, const SealedFile *file, const char *path, GError **error)
{
    return renameat(dir_fd, file->name, dir_fd, path) == 0 ||
           fail_storage(error, "cannot rename %s to %s: %s", file->name, path, g_strerror(errno));
}

static gboolean rename_stored(Seal *seal, SealedFile *file, const char *name, GError **error)
{
    SealedFile *old = find_stored(seal, name);
    if (old == file || (old != NULL && !drop_stored(seal, old, error)))
        return old == file;
    int dir_fd = seal->spec.dir_fd;
    gboolean sealed = name_is_sealed(file->name);
    gboolean stays = sealed && name_can_be_sealed(name);
    g_autofree char *path = g_strconcat(NAME_DATA, name, stays ? NAME_SUFFIX : "", NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    if (!files_make_dirs(dir_fd, parent, 0700, error) ||
        !(sealed && !stays ? store_plain(dir_fd, file, path, error)
                           : move_stored(dir_fd, file, path, error)))
        return FALSE;

    GHashTable *stored = pipeline_stored(seal->pipeline);
    (void)g_hash_table_steal(stored, file); /* its name is its key */
    g_free(file->name);
    file->name = g_steal_pointer(&path);
    (void)g_hash_table_add(stored, file);
    return TRUE;
}

/* A file, or a directory with all that is in it. */
static gboolean rename_files(Seal *seal, const XbstreamEvent *event, GError **error)
{
    if (!refuse_open(seal, event->name, "renames", error) ||
        !refuse_open(seal, event->new_name, "replaces", error) || !settle(seal, error))
        return FALSE;
    SealedFile *file = find_stored(seal, event->name);
    if (file != NULL)
        return rename_stored(seal, file, event->new_name, error);

    size_t prefix = strlen(NAME_DATA) + strlen(event->name);
    g_autoptr(GPtrArray) matches = match_stored(seal, event->name);
    for (guint i = 0; i < matches->len; i++) {
        file = matches->pdata[i];
        g_autofree char *name = g_strconcat(event->new_name, file->name + prefix, NULL);
        if (name_is_sealed(name))
            name[strlen(name) - strlen(NAME_SUFFIX)] = '\0';
        if (!rename_stored(seal, file, name, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- files that come in ---- */

static Intake *begin_file(Seal *seal, const XbstreamEvent *event, GError **error)
{
    if (pipeline_knows(seal->pipeline, event->name)) {
        /* An end alone is an empty file: it cannot carry the flag. */
        if (event->kind == XBSTREAM_DATA && !event->replaces) {
            (void)fail(error, STATUS_ENGINE, "the engine's stream has %s twice", event->name);
            return NULL;
        }
        if (!settle(seal, error))
            return NULL;
        SealedFile *old = find_stored(seal, event->name);
        if (old != NULL && !drop_stored(seal, old, error))
            return NULL;
    }
    Intake *intake = g_new0(Intake, 1);
    intake->file = pipeline_file(seal->pipeline, event->name);
    intake->frame = pipeline_frame(seal->pipeline);
    intake->patch_fd = -1;
    g_hash_table_insert(seal->open, g_strdup(event->name), intake);
    return intake;
}

static Intake *find_file(Seal *seal, const XbstreamEvent *event, GError **error)
{
    Intake *intake = g_hash_table_lookup(seal->open, event->name);
    return intake != NULL ? intake : begin_file(seal, event, error);
}

/* A full frame is sent when more comes, so that the last one of a file is never empty. */
static size_t make_room(Seal *seal, Intake *intake)
{
    if (intake->frame->length == FRAME_BYTES) {
        pipeline_send(seal->pipeline, intake->file, intake->frame, FALSE);
        intake->frame = pipeline_frame(seal->pipeline);
    }
    return FRAME_BYTES - intake->frame->length;
}

static gboolean write_patch(Intake *intake, const char *name, GError **error)
{
    size_t length = intake->frame->length;
    for (size_t done = 0; done < length;) {
        ssize_t put = pwrite(intake->patch_fd, intake->frame->bytes + done, length - done,
                             (off_t)(intake->at + done));
        if (put < 0 && errno != EINTR)
            return fail_storage(error, "cannot patch %s: %s", name, g_strerror(errno));
        done += put > 0 ? (size_t)put : 0;
    }
    intake->at += length;
    intake->frame->length = 0;
    return TRUE;
}

static gboolean take_data(Seal *seal, const XbstreamEvent *event, GError **error)
{
    Intake *intake = find_file(seal, event, error);
    if (intake == NULL)
        return FALSE;
    for (uint64_t left = event->length; left > 0;) {
        size_t room = make_room(seal, intake);
        size_t piece = (size_t)MIN(left, room);
        uint8_t *to = intake->frame->bytes + intake->frame->length;
        if (!xbstream_read(seal->stream, to, piece, error))
            return FALSE;
        intake->frame->length += piece;
        left -= piece;
        if (intake->patch_fd >= 0 && !write_patch(intake, event->name, error))
            return FALSE;
        pace(seal, piece);
        if (pipeline_failed(seal->pipeline))
            return fail(error, STATUS_FAILED, "sealing has failed already");
    }
    return TRUE;
}

/* What came so far is sealed, taken apart again into a nameless file, and its sealed form removed.
 * Rare: MariaDB does so once for an Aria log that was written to meanwhile. */
static gboolean begin_patch(Seal *seal, Intake *intake, const char *name, GError **error)
{
    int dir_fd = seal->spec.dir_fd;
    pipeline_send(seal->pipeline, intake->file, g_steal_pointer(&intake->frame), TRUE);
    if (!settle(seal, error))
        return FALSE;
    intake->file = pipeline_file(seal->pipeline, name);
    intake->frame = pipeline_frame(seal->pipeline);
    SealedFile *stored = find_stored(seal, name);
    g_return_val_if_fail(stored != NULL, FALSE);

    intake->patch_fd =
        openat(dir_fd, PATCH_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (intake->patch_fd < 0 || unlinkat(dir_fd, PATCH_NAME, 0) < 0)
        return fail_storage(error, "cannot create " PATCH_NAME ": %s", g_strerror(errno));
    return unseal_one(dir_fd, stored->name, intake->patch_fd, error) &&
           drop_stored(seal, stored, error);
}

static gboolean seek_back(Seal *seal, const XbstreamEvent *event, GError **error)
{
    Intake *intake = find_file(seal, event, error);
    if (intake == NULL || (intake->patch_fd < 0 && !begin_patch(seal, intake, event->name, error)))
        return FALSE;
    intake->at = event->offset;
    return TRUE;
}

/* The patched file goes the way of any other. */
static gboolean send_patch(Seal *seal, Intake *intake, const char *name, GError **error)
{
    uint64_t at = 0;
    for (;;) {
        size_t room = make_room(seal, intake);
        uint8_t *to = intake->frame->bytes + intake->frame->length;
        ssize_t got = pread(intake->patch_fd, to, room, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_storage(error, "cannot read the patched %s: %s", name, g_strerror(errno));
        if (got == 0)
            return TRUE;
        intake->frame->length += (size_t)got;
        at += (uint64_t)got;
    }
}

static gboolean end_file(Seal *seal, const XbstreamEvent *event, GError **error)
{
    Intake *intake = find_file(seal, event, error);
    if (intake == NULL || (intake->patch_fd >= 0 && !send_patch(seal, intake, event->name, error)))
        return FALSE;
    pipeline_send(seal->pipeline, intake->file, g_steal_pointer(&intake->frame), TRUE);
    (void)g_hash_table_remove(seal->open, event->name);
    return TRUE;
}

/* ---- one file by itself ---- */

static gboolean pack_file(int from_fd, int to_fd, int level, SealedFile *result, GError **error)
{
    g_autofree uint8_t *block = g_malloc(frame_capacity(FRAME_BYTES));
    g_autofree uint8_t *out = g_malloc(frame_capacity(FRAME_BYTES));
    g_autoptr(Digest) digest = digest_new();
    for (;;) {
        ssize_t got = files_read(from_fd, block + FRAME_LEAD, FRAME_BYTES);
        if (got < 0)
            return fail_storage(error, "cannot read: %s", g_strerror(errno));
        if (got == 0)
            break;
        uint8_t *frame = NULL;
        size_t length = frame_pack(level, block, (size_t)got, out, &frame);
        digest_add(digest, frame, length);
        if (!files_write(to_fd, frame, length))
            return fail_storage(error, "cannot write: %s", g_strerror(errno));
        result->plain_bytes += (uint64_t)got;
        result->stored_bytes += length;
    }
    digest_end(digest, result->sum);
    return TRUE;
}

gboolean seal_file(int dir_fd, const char *from, const char *to, int level, SealedFile *result,
                   GError **error)
{
    g_return_val_if_fail(name_is_sealed(to), FALSE);
    autofd int from_fd = openat(dir_fd, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from_fd < 0)
        return fail_storage(error, "cannot open %s: %s", from, g_strerror(errno));
    autofd int to_fd =
        openat(dir_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0)
        return fail_storage(error, "cannot create %s: %s", to, g_strerror(errno));

    SealedFile sealed = {0};
    if (!pack_file(from_fd, to_fd, level, &sealed, error)) {
        g_prefix_error(error, "cannot seal %s as %s: ", from, to);
        return FALSE;
    }
    if (fchmod(to_fd, 0440) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", to, g_strerror(errno));
    if (close(g_steal_fd(&to_fd)) < 0)
        return fail_storage(error, "cannot close %s: %s", to, g_strerror(errno));
    if (result != NULL) {
        *result = sealed;
        result->name = g_strdup(to);
    }
    return TRUE;
}

/* ---- the whole ---- */

static gboolean take_event(Seal *seal, const XbstreamEvent *event, GError **error)
{
    switch (event->kind) {
    case XBSTREAM_DATA:
        return take_data(seal, event, error);
    case XBSTREAM_END:
        return end_file(seal, event, error);
    case XBSTREAM_REMOVE:
        return remove_files(seal, event, error);
    case XBSTREAM_RENAME:
        return rename_files(seal, event, error);
    case XBSTREAM_SEEK:
        return seek_back(seal, event, error);
    case XBSTREAM_DONE:
        return settle(seal, error);
    }
    g_return_val_if_reached(FALSE);
}

static gboolean read_stream(Seal *seal, GError **error)
{
    XbstreamEvent event;
    do {
        if (!xbstream_next(seal->stream, &event, error) || !take_event(seal, &event, error))
            return FALSE;
    } while (event.kind != XBSTREAM_DONE);
    return TRUE;
}

static gpointer read_thread(gpointer data)
{
    Seal *seal = data;
    GError *error = NULL;
    if (!read_stream(seal, &error))
        pipeline_fail(seal->pipeline, error);
    (void)close(seal->spec.stream_fd); /* an engine that still writes gets EPIPE */

    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, seal->open);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Intake *intake = value;
        if (intake->frame != NULL)
            pipeline_drop(seal->pipeline, g_steal_pointer(&intake->frame));
    }
    return NULL;
}

Seal *seal_start(const SealSpec *spec, GError **error)
{
    if (!files_make_dirs(spec->dir_fd, "data", 0700, error)) {
        (void)close(spec->stream_fd);
        return NULL;
    }
    /* A larger pipe saves wake-ups; one that is none, or a full account, does without. */
    (void)fcntl(spec->stream_fd, F_SETPIPE_SZ, PIPE_BYTES);

    Seal *seal = g_new0(Seal, 1);
    seal->spec = *spec;
    seal->stream = xbstream_new(spec->stream_fd, spec->dialect);
    seal->pipeline = pipeline_new(spec->dir_fd, spec->compress, spec->level, spec->workers);
    seal->open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, intake_free);
    seal->reader = g_thread_new("stream", read_thread, seal);
    return seal;
}

uint64_t seal_bytes(const Seal *seal)
{
    return xbstream_bytes(seal->stream);
}

gboolean seal_failed(const Seal *seal)
{
    return pipeline_failed(seal->pipeline);
}

static int compare_files(gconstpointer a, gconstpointer b)
{
    const SealedFile *left = *(const SealedFile *const *)a;
    const SealedFile *right = *(const SealedFile *const *)b;
    return strcmp(left->name, right->name);
}

static SealedTree *gather_tree(Seal *seal)
{
    SealedTree *tree = g_new0(SealedTree, 1);
    tree->files = g_ptr_array_new_with_free_func((GDestroyNotify)sealed_file_free);
    tree->frame = FRAME_BYTES;
    tree->whole = TRUE;
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, pipeline_stored(seal->pipeline));
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const SealedFile *file = key;
        tree->bytes_plain += file->plain_bytes;
        tree->bytes_stored += file->stored_bytes;
        g_ptr_array_add(tree->files, key);
        g_hash_table_iter_steal(&iter);
    }
    g_ptr_array_sort(tree->files, compare_files);
    return tree;
}

SealedTree *seal_finish(Seal *seal, GError **error)
{
    (void)g_thread_join(seal->reader);
    SealedTree *tree = pipeline_end(seal->pipeline) ? gather_tree(seal) : NULL;
    if (tree == NULL)
        g_propagate_error(error, pipeline_error(seal->pipeline));
    pipeline_free(seal->pipeline);
    xbstream_free(seal->stream);
    g_hash_table_destroy(seal->open);
    g_free(seal);
    return tree;
}
