/* SPDX-License-Identifier: MIT */
#include "seal/pipeline.h"

#include "base/error.h"
#include "base/files.h"
#include "base/priority.h"
#include "seal/behind.h"
#include "seal/name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FRAMES_IN_FLIGHT = 24, /* enough that two bursts do not wait for each other */
    FRAMES_PER_WORKER = 4, /* for each worker above ... */
    WORKERS_INCLUDED = 4,
};

struct PipelineFile {
    char *name;     /* the key of `begun` */
    gboolean stays; /* no room for a suffix, or no compression: never made into frames */
    uint64_t sent;  /* frames; the reader's */
    uint64_t next;  /* the frame to write next */
    GQueue ready;   /* frames whose turn may not have come */
    gboolean busy;  /* a worker writes */

    /* Of the worker that writes. */
    int fd;
    Digest *digest;
    SealedFile *stored;
};

struct Pipeline {
    int dir_fd;
    gboolean compress;
    int level;
    GPtrArray *threads;
    Behind *behind;

    GMutex lock;
    GCond work;           /* a frame was sent, or the end has come */
    GCond room;           /* a frame came back, a file was stored, or something failed */
    GQueue sent;          /* frames to compress */
    GPtrArray *spare;     /* frames to fill; the last one given back is still in the cache */
    guint in_flight;      /* frames sent and not yet given back */
    guint limit;          /* of those */
    guint ending;         /* files whose last frame was sent */
    GHashTable *begun;    /* name: PipelineFile */
    GHashTable *stored;   /* a set of SealedFile */
    gboolean end;         /* no frame will come */
    GError *error;        /* the first one */
    volatile gint failed; /* there is one, or was */
};

/* "data/shop/orders.ibd.lz4" and "data/shop/orders.ibd" are one file: no stream has both. */
static size_t plain_length(const SealedFile *file)
{
    size_t length = strlen(file->name);
    return name_is_sealed(file->name) ? length - strlen(NAME_SUFFIX) : length;
}

static guint stored_hash(gconstpointer key)
{
    const SealedFile *file = key;
    size_t length = plain_length(file);
    guint hash = 5381;
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (unsigned char)file->name[i];
    return hash;
}

static gboolean stored_equal(gconstpointer a, gconstpointer b)
{
    const SealedFile *left = a;
    const SealedFile *right = b;
    size_t length = plain_length(left);
    return length == plain_length(right) && memcmp(left->name, right->name, length) == 0;
}

static void frame_free(gpointer data)
{
    PipelineFrame *frame = data;
    g_free(frame->block);
    g_free(frame);
}

static void file_free(gpointer data)
{
    PipelineFile *file = data;
    g_queue_clear_full(&file->ready, frame_free);
    if (file->fd >= 0)
        (void)close(file->fd);
    g_clear_pointer(&file->digest, digest_free);
    g_clear_pointer(&file->stored, sealed_file_free);
    g_free(file->name);
    g_free(file);
}

void pipeline_fail(Pipeline *pipeline, GError *error)
{
    g_mutex_lock(&pipeline->lock);
    if (!g_atomic_int_get(&pipeline->failed))
        pipeline->error = error;
    else
        g_error_free(error);
    g_atomic_int_set(&pipeline->failed, 1);
    g_cond_broadcast(&pipeline->room);
    g_mutex_unlock(&pipeline->lock);
}

gboolean pipeline_failed(const Pipeline *pipeline)
{
    return g_atomic_int_get(&pipeline->failed) != 0;
}

GError *pipeline_error(Pipeline *pipeline)
{
    g_mutex_lock(&pipeline->lock);
    GError *error = g_steal_pointer(&pipeline->error);
    g_mutex_unlock(&pipeline->lock);
    return error;
}

/* A small file is known by its first frame being its last one. */
static gboolean frame_stays(const PipelineFrame *frame)
{
    return frame->file->stays || (frame->index == 0 && frame->last && frame->plain <= FRAME_SMALL);
}

/* What was compressed is in the worker's buffer, which then changes places with the frame's. */
static void pack(const Pipeline *pipeline, PipelineFrame *frame, uint8_t **buffer)
{
    if (frame_stays(frame))
        return;
    frame->length = frame_pack(pipeline->level, frame->block, frame->plain, *buffer, &frame->bytes);
    if (frame->bytes != *buffer)
        return;
    *buffer = frame->block;
    frame->block = frame->bytes;
}

static int create_file(const Pipeline *pipeline, const char *name, GError **error)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(pipeline->dir_fd, name, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        g_autofree char *parent = g_path_get_dirname(name);
        if (!files_make_dirs(pipeline->dir_fd, parent, 0700, error))
            return -1;
        fd = openat(pipeline->dir_fd, name, flags, 0600);
    }
    if (fd < 0)
        (void)fail_storage(error, "cannot create %s: %s", name, g_strerror(errno));
    return fd;
}

static gboolean begin_writing(const Pipeline *pipeline, const PipelineFrame *frame, GError **error)
{
    PipelineFile *file = frame->file;
    file->digest = digest_new();
    file->stored = g_new0(SealedFile, 1);
    file->stored->name =
        g_strconcat(NAME_DATA, file->name, frame_stays(frame) ? "" : NAME_SUFFIX, NULL);
    file->fd = create_file(pipeline, file->stored->name, error);
    return file->fd >= 0;
}

static gboolean end_writing(PipelineFile *file, GError **error)
{
    digest_end(file->digest, file->stored->sum);
    if (fchmod(file->fd, 0440) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", file->stored->name,
                            g_strerror(errno));
    if (close(g_steal_fd(&file->fd)) < 0) /* NFS tells of a late write error here */
        return fail_storage(error, "cannot close %s: %s", file->stored->name, g_strerror(errno));
    return TRUE;
}

static gboolean write_frame(const Pipeline *pipeline, const PipelineFrame *frame, GError **error)
{
    PipelineFile *file = frame->file;
    if (frame->index == 0 && !begin_writing(pipeline, frame, error))
        return FALSE;
    digest_add(file->digest, frame->bytes, frame->length);
    if (!files_write(file->fd, frame->bytes, frame->length))
        return fail_storage(error, "cannot write %s: %s", file->stored->name, g_strerror(errno));
    behind_write(pipeline->behind, file->fd, file->stored->stored_bytes, frame->length);
    file->stored->plain_bytes += frame->plain;
    file->stored->stored_bytes += frame->length;
    return !frame->last || end_writing(file, error);
}

/* Under the lock. */
static PipelineFrame *take_ready(PipelineFile *file)
{
    for (GList *at = file->ready.head; at != NULL; at = at->next) {
        PipelineFrame *frame = at->data;
        if (frame->index == file->next) {
            g_queue_delete_link(&file->ready, at);
            return frame;
        }
    }
    return NULL;
}

/* Under the lock: the frame is written, or thrown away. */
static void give_back(Pipeline *pipeline, PipelineFrame *frame)
{
    PipelineFile *file = frame->file;
    file->next++;
    if (frame->last) {
        if (!pipeline_failed(pipeline))
            (void)g_hash_table_add(pipeline->stored, g_steal_pointer(&file->stored));
        (void)g_hash_table_remove(pipeline->begun, file->name);
        pipeline->ending--;
    }
    pipeline->in_flight--;
    g_ptr_array_add(pipeline->spare, frame);
    g_cond_signal(&pipeline->room);
}

/* Writes this frame and what is ready behind it, unless another worker is at this file already. */
static void deliver(Pipeline *pipeline, PipelineFrame *frame)
{
    PipelineFile *file = frame->file;
    g_mutex_lock(&pipeline->lock);
    g_queue_push_tail(&file->ready, frame);
    PipelineFrame *turn = file->busy ? NULL : take_ready(file);
    while (turn != NULL) {
        file->busy = TRUE;
        g_mutex_unlock(&pipeline->lock);
        GError *error = NULL;
        if (!pipeline_failed(pipeline) && !write_frame(pipeline, turn, &error))
            pipeline_fail(pipeline, error);
        g_mutex_lock(&pipeline->lock);
        gboolean last = turn->last;
        give_back(pipeline, turn);
        if (last)
            break; /* the file is gone */
        turn = take_ready(file);
        file->busy = FALSE;
    }
    g_mutex_unlock(&pipeline->lock);
}

static PipelineFrame *wait_for_work(Pipeline *pipeline)
{
    g_mutex_lock(&pipeline->lock);
    while (pipeline->sent.length == 0 && !pipeline->end)
        g_cond_wait(&pipeline->work, &pipeline->lock);
    PipelineFrame *frame = g_queue_pop_head(&pipeline->sent);
    g_mutex_unlock(&pipeline->lock);
    return frame;
}

/* An engine that waits for a processor leaves its disk idle: the workers give way to it. */
static gpointer work(gpointer data)
{
    Pipeline *pipeline = data;
    priority_yield();
    uint8_t *buffer = g_malloc(frame_capacity(FRAME_BYTES));
    for (PipelineFrame *frame = wait_for_work(pipeline); frame != NULL;
         frame = wait_for_work(pipeline)) {
        if (!pipeline_failed(pipeline))
            pack(pipeline, frame, &buffer);
        deliver(pipeline, frame);
    }
    g_free(buffer);
    return NULL;
}

Pipeline *pipeline_new(int dir_fd, gboolean compress, int level, int workers)
{
    Pipeline *pipeline = g_new0(Pipeline, 1);
    pipeline->dir_fd = dir_fd;
    pipeline->compress = compress;
    pipeline->level = level;
    g_mutex_init(&pipeline->lock);
    g_cond_init(&pipeline->work);
    g_cond_init(&pipeline->room);
    pipeline->limit =
        FRAMES_IN_FLIGHT + FRAMES_PER_WORKER * (guint)MAX(0, workers - WORKERS_INCLUDED);
    pipeline->spare = g_ptr_array_new_with_free_func(frame_free);
    pipeline->begun = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, file_free);
    pipeline->stored =
        g_hash_table_new_full(stored_hash, stored_equal, (GDestroyNotify)sealed_file_free, NULL);
    pipeline->behind = behind_new(dir_fd);
    pipeline->threads = g_ptr_array_new();
    for (int i = 0; i < MAX(1, workers); i++)
        g_ptr_array_add(pipeline->threads, g_thread_new("seal", work, pipeline));
    return pipeline;
}

static void end_threads(Pipeline *pipeline)
{
    g_mutex_lock(&pipeline->lock);
    pipeline->end = TRUE;
    g_cond_broadcast(&pipeline->work);
    g_mutex_unlock(&pipeline->lock);
    for (guint i = 0; i < pipeline->threads->len; i++)
        (void)g_thread_join(pipeline->threads->pdata[i]);
    g_ptr_array_set_size(pipeline->threads, 0);
}

gboolean pipeline_end(Pipeline *pipeline)
{
    end_threads(pipeline);
    int failure = behind_free(g_steal_pointer(&pipeline->behind), pipeline_failed(pipeline));
    if (failure != 0) {
        GError *error = NULL;
        (void)fail_storage(&error, "cannot write what was sealed: %s", g_strerror(failure));
        pipeline_fail(pipeline, error);
    }
    return !pipeline_failed(pipeline);
}

void pipeline_free(Pipeline *pipeline)
{
    end_threads(pipeline);
    (void)behind_free(pipeline->behind, TRUE);

    g_ptr_array_unref(pipeline->threads);
    g_hash_table_destroy(pipeline->begun);
    g_hash_table_destroy(pipeline->stored);
    g_ptr_array_unref(pipeline->spare);
    g_clear_error(&pipeline->error);
    g_cond_clear(&pipeline->room);
    g_cond_clear(&pipeline->work);
    g_mutex_clear(&pipeline->lock);
    g_free(pipeline);
}

PipelineFile *pipeline_file(Pipeline *pipeline, const char *name)
{
    PipelineFile *file = g_new0(PipelineFile, 1);
    file->name = g_strdup(name);
    file->stays = !pipeline->compress || !name_can_be_sealed(name);
    file->fd = -1;
    g_queue_init(&file->ready);

    g_mutex_lock(&pipeline->lock);
    g_hash_table_insert(pipeline->begun, file->name, file);
    g_mutex_unlock(&pipeline->lock);
    return file;
}

gboolean pipeline_knows(Pipeline *pipeline, const char *name)
{
    g_autofree char *path = g_strconcat(NAME_DATA, name, NULL);
    const SealedFile key = {.name = path};
    g_mutex_lock(&pipeline->lock);
    gboolean known = g_hash_table_contains(pipeline->begun, name) ||
                     g_hash_table_contains(pipeline->stored, &key);
    g_mutex_unlock(&pipeline->lock);
    return known;
}

PipelineFrame *pipeline_frame(Pipeline *pipeline)
{
    g_mutex_lock(&pipeline->lock);
    while (pipeline->in_flight >= pipeline->limit)
        g_cond_wait(&pipeline->room, &pipeline->lock);
    PipelineFrame *frame = pipeline->spare->len > 0
                               ? g_ptr_array_steal_index(pipeline->spare, pipeline->spare->len - 1)
                               : NULL;
    g_mutex_unlock(&pipeline->lock);
    if (frame == NULL) {
        frame = g_new0(PipelineFrame, 1);
        frame->block = g_malloc(frame_capacity(FRAME_BYTES));
    }
    frame->bytes = frame->block + FRAME_LEAD;
    frame->length = 0;
    return frame;
}

void pipeline_send(Pipeline *pipeline, PipelineFile *file, PipelineFrame *frame, gboolean last)
{
    frame->file = file;
    frame->plain = frame->length;
    frame->index = file->sent++;
    frame->last = last;
    g_mutex_lock(&pipeline->lock);
    pipeline->in_flight++;
    if (last)
        pipeline->ending++;
    g_queue_push_tail(&pipeline->sent, frame);
    g_cond_signal(&pipeline->work);
    g_mutex_unlock(&pipeline->lock);
}

void pipeline_drop(Pipeline *pipeline, PipelineFrame *frame)
{
    g_mutex_lock(&pipeline->lock);
    g_ptr_array_add(pipeline->spare, frame);
    g_mutex_unlock(&pipeline->lock);
}

gboolean pipeline_settle(Pipeline *pipeline)
{
    g_mutex_lock(&pipeline->lock);
    while (pipeline->ending > 0)
        g_cond_wait(&pipeline->room, &pipeline->lock);
    g_mutex_unlock(&pipeline->lock);
    return !pipeline_failed(pipeline);
}

GHashTable *pipeline_stored(Pipeline *pipeline)
{
    return pipeline->stored;
}
