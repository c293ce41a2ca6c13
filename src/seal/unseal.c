/* SPDX-License-Identifier: MIT */
#include "seal/unseal.h"

#include "base/error.h"
#include "base/files.h"
#include "seal/behind.h"
#include "seal/frame.h"
#include "seal/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PAGE = 4096,           /* the smallest hole */
    QUEUED_PER_WORKER = 2, /* frames that wait for a worker */
    WATCH_US = 100 * 1000,
};

/* A plain file that is being made. */
typedef struct {
    char *name; /* the stored one, for messages */
    int fd;
    guint waiting; /* frames read but not written */
    gboolean read; /* the stored file was read to its end */
    uint64_t size;
} Target;

typedef struct {
    FrameStored stored;
    Target *target;
} Job;

typedef struct {
    const UnsealSpec *spec;
    size_t most;                   /* content of one frame */
    Behind *behind;                /* may be NULL: the page cache may keep what is made */
    _Atomic uint64_t stored_bytes; /* for the watch */

    GMutex lock;
    GCond work; /* a job came, a reader ended, or all must stop */
    GCond idle; /* a worker ended */
    GQueue jobs;
    GPtrArray *spare; /* uint8_t *, each for one stored frame */
    guint limit;      /* jobs in the queue */
    size_t next;      /* file of the list */
    guint readers;    /* workers that read a file: jobs may still come */
    guint workers;    /* that have not ended */
    gboolean stop;
    GError *error; /* the first */
    UnsealTotals totals;
} Unseal;

/* ---- plain bytes into a file, with holes ---- */

static gboolean is_zero(const uint8_t *bytes, size_t length)
{
    static const uint8_t zeros[PAGE];
    return memcmp(bytes, zeros, length) == 0;
}

static gboolean write_at(int fd, const uint8_t *bytes, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t put = pwrite(fd, bytes, length, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FALSE;
        bytes += put;
        length -= (size_t)put;
        offset += (uint64_t)put;
    }
    return TRUE;
}

/* Pages of zeros are not written; the file must be empty there.  FALSE: errno. */
static gboolean write_sparse(int fd, const uint8_t *bytes, size_t length, uint64_t offset)
{
    size_t start = 0; /* of the run that is to be written */
    for (size_t at = 0; at < length;) {
        size_t page = MIN(length - at, PAGE - (size_t)((offset + at) % PAGE));
        if (is_zero(bytes + at, page)) {
            if (!write_at(fd, bytes + start, at - start, offset + start))
                return FALSE;
            start = at + page;
        }
        at += page;
    }
    return write_at(fd, bytes + start, length - start, offset + start);
}

/* ---- the workers ---- */

/* Under the lock or not: the first error counts, and ends all. */
static void stop_with(Unseal *unseal, GError *error)
{
    g_mutex_lock(&unseal->lock);
    if (unseal->error == NULL)
        unseal->error = error;
    else
        g_error_free(error);
    unseal->stop = TRUE;
    g_cond_broadcast(&unseal->work);
    g_mutex_unlock(&unseal->lock);
}

static void target_free(Target *target)
{
    if (target->fd >= 0)
        (void)close(target->fd);
    g_free(target->name);
    g_free(target);
}

/* All its bytes are there: its end may be a hole.  NFS tells of a late write error at the close. */
static gboolean finish_target(Target *target, GError **error)
{
    return (ftruncate(target->fd, (off_t)target->size) == 0 && fchmod(target->fd, 0640) == 0 &&
            close(g_steal_fd(&target->fd)) == 0) ||
           fail_storage(error, "cannot finish the plain file of %s: %s", target->name,
                        g_strerror(errno));
}

/* One frame less to wait for, or the end of reading; whoever is the last one finishes the file. */
static void release_target(Unseal *unseal, Target *target, gboolean end_of_reading)
{
    g_mutex_lock(&unseal->lock);
    if (end_of_reading)
        target->read = TRUE;
    else
        target->waiting--;
    gboolean last = target->read && target->waiting == 0;
    gboolean stop = unseal->stop;
    g_mutex_unlock(&unseal->lock);
    if (!last)
        return;
    GError *error = NULL;
    if (!stop && !finish_target(target, &error))
        stop_with(unseal, error);
    target_free(target);
}

static uint8_t *take_buffer(Unseal *unseal)
{
    g_mutex_lock(&unseal->lock);
    uint8_t *buffer = unseal->spare->len > 0
                          ? g_ptr_array_steal_index_fast(unseal->spare, unseal->spare->len - 1)
                          : NULL;
    g_mutex_unlock(&unseal->lock);
    return buffer != NULL ? buffer : g_malloc(frame_capacity(unseal->most));
}

static void give_buffer(Unseal *unseal, uint8_t *buffer)
{
    g_mutex_lock(&unseal->lock);
    g_ptr_array_add(unseal->spare, buffer);
    g_mutex_unlock(&unseal->lock);
}

static gboolean write_plain(const Unseal *unseal, const Target *target, const uint8_t *bytes,
                            size_t length, uint64_t offset, GError **error)
{
    if (!write_sparse(target->fd, bytes, length, offset))
        return fail_storage(error, "cannot write the plain file of %s: %s", target->name,
                            g_strerror(errno));
    behind_write(unseal->behind, target->fd, offset, length);
    return TRUE;
}

static gboolean place_frame(const Unseal *unseal, const FrameStored *frame, const Target *target,
                            uint8_t *plain, GError **error)
{
    return frame_unpack(frame, target->name, unseal->spec->checked, plain, error) &&
           write_plain(unseal, target, plain, frame->plain, frame->offset, error);
}

static void do_job(Unseal *unseal, Job *job, uint8_t *plain)
{
    GError *error = NULL;
    if (!place_frame(unseal, &job->stored, job->target, plain, &error))
        stop_with(unseal, error);
    give_buffer(unseal, job->stored.bytes);
    release_target(unseal, job->target, FALSE);
    g_free(job);
}

/* To another worker, unless all have enough to do or the frame is too small to be worth it. */
static gboolean hand_over(Unseal *unseal, const FrameStored *frame, Target *target)
{
    if (frame->plain < unseal->most)
        return FALSE;
    g_mutex_lock(&unseal->lock);
    gboolean room = unseal->jobs.length < unseal->limit;
    if (room) {
        Job *job = g_new(Job, 1);
        *job = (Job){*frame, target};
        target->waiting++;
        g_queue_push_tail(&unseal->jobs, job);
        g_cond_signal(&unseal->work);
    }
    g_mutex_unlock(&unseal->lock);
    return room;
}

static gboolean stopped(Unseal *unseal)
{
    g_mutex_lock(&unseal->lock);
    gboolean stop = unseal->stop;
    g_mutex_unlock(&unseal->lock);
    return stop;
}

/* Frame by frame; TRUE also when all must stop. */
static gboolean read_frames(Unseal *unseal, FrameSource *source, Target *target, uint8_t *plain,
                            GError **error)
{
    while (!stopped(unseal)) {
        FrameStored frame = {.bytes = take_buffer(unseal)};
        gboolean good = frame_read(source, &frame, error);
        if (good && frame.stored > 0 && hand_over(unseal, &frame, target)) {
            atomic_fetch_add(&unseal->stored_bytes, frame.stored);
            continue;
        }
        gboolean more = good && frame.stored > 0;
        good = good && (!more || place_frame(unseal, &frame, target, plain, error));
        atomic_fetch_add(&unseal->stored_bytes, frame.stored);
        give_buffer(unseal, frame.bytes);
        if (!good || !more)
            return good;
    }
    return TRUE;
}

/* A file that was stored as it is. */
static gboolean read_plain(Unseal *unseal, FrameSource *source, Target *target, uint8_t *plain,
                           GError **error)
{
    while (!stopped(unseal)) {
        ssize_t got = files_read(source->fd, plain, unseal->most);
        if (got < 0)
            return fail(error, STATUS_VERIFY, "cannot read %s: %s", source->name,
                        g_strerror(errno));
        if (got == 0)
            return TRUE;
        digest_add(source->digest, plain, (size_t)got);
        if (!write_plain(unseal, target, plain, (size_t)got, source->plain, error))
            return FALSE;
        source->plain += (uint64_t)got;
        source->stored += (uint64_t)got;
        files_forget(source->fd, source->stored, &source->forgotten);
        atomic_fetch_add(&unseal->stored_bytes, (uint64_t)got);
    }
    return TRUE;
}

/* The stored file into its target, and its sum. */
static gboolean read_stored(Unseal *unseal, const UnsealFile *file, Target *target, uint8_t *plain,
                            GError **error)
{
    autofd int fd = openat(unseal->spec->backup_fd, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(error, STATUS_VERIFY, "cannot open %s: %s", file->name, g_strerror(errno));
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);

    g_autoptr(Digest) digest = digest_new();
    FrameSource source = {.fd = fd, .name = file->name, .most = unseal->most, .digest = digest};
    gboolean good = name_is_sealed(file->name) ? read_frames(unseal, &source, target, plain, error)
                                               : read_plain(unseal, &source, target, plain, error);
    if (!good || stopped(unseal))
        return good;

    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    uint8_t sum[DIGEST_BYTES];
    digest_end(digest, sum);
    if (memcmp(sum, file->sum, DIGEST_BYTES) != 0)
        return fail(error, STATUS_VERIFY, "%s is not what was stored: its SHA-256 has changed",
                    file->name);
    g_mutex_lock(&unseal->lock);
    target->size = source.plain;
    unseal->totals.files++;
    unseal->totals.bytes_plain += source.plain;
    unseal->totals.bytes_stored += source.stored;
    g_mutex_unlock(&unseal->lock);
    return TRUE;
}

/* "data/shop/orders.ibd.lz4": "shop/orders.ibd".  NULL for a file that is not below data/. */
static char *plain_name(const char *stored)
{
    if (!g_str_has_prefix(stored, NAME_DATA))
        return NULL;
    char *name = g_strdup(stored + strlen(NAME_DATA));
    if (name_is_sealed(name))
        name[strlen(name) - strlen(NAME_SUFFIX)] = '\0';
    return name;
}

static Target *create_target(const UnsealSpec *spec, const char *stored, const char *name,
                             GError **error)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(spec->target_dir_fd, name, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        g_autofree char *parent = g_path_get_dirname(name);
        if (!files_make_dirs(spec->target_dir_fd, parent, 0750, error))
            return NULL;
        fd = openat(spec->target_dir_fd, name, flags, 0600);
    }
    if (fd < 0) {
        (void)fail_storage(error, "cannot create %s: %s", name, g_strerror(errno));
        return NULL;
    }
    Target *target = g_new0(Target, 1);
    target->name = g_strdup(stored);
    target->fd = fd;
    return target;
}

static gboolean has_suffix(const char *name, const char *const *suffixes)
{
    for (; suffixes != NULL && *suffixes != NULL; suffixes++) {
        if (g_str_has_suffix(name, *suffixes))
            return TRUE;
    }
    return FALSE;
}

static gboolean unseal_file(Unseal *unseal, const UnsealFile *file, uint8_t *plain, GError **error)
{
    g_autofree char *name = plain_name(file->name);
    if (name == NULL || has_suffix(name, unseal->spec->skip_suffixes))
        return TRUE;
    const char *fault = name_fault(name, strlen(name));
    if (fault != NULL)
        return fail(error, STATUS_VERIFY, "the backup names a file \"%s\", which %s", name, fault);
    Target *target = create_target(unseal->spec, file->name, name, error);
    if (target == NULL)
        return FALSE;
    gboolean good = read_stored(unseal, file, target, plain, error);
    if (!good) {
        /* Before the target is let go: one that is not whole must not look finished. */
        g_mutex_lock(&unseal->lock);
        unseal->stop = TRUE;
        g_mutex_unlock(&unseal->lock);
    }
    release_target(unseal, target, TRUE);
    return good;
}

typedef enum { DO_JOB, DO_FILE, DO_END } Turn;

/* Frames that wait come before files that have not been begun. */
static Turn next_turn(Unseal *unseal, Job **job, const UnsealFile **file)
{
    g_mutex_lock(&unseal->lock);
    while (!unseal->stop && unseal->jobs.length == 0 && unseal->next == unseal->spec->count &&
           unseal->readers > 0)
        g_cond_wait(&unseal->work, &unseal->lock);
    Turn turn = DO_END;
    *job = g_queue_pop_head(&unseal->jobs); /* also to throw it away after a stop */
    if (*job != NULL) {
        turn = DO_JOB;
    } else if (!unseal->stop && unseal->next < unseal->spec->count) {
        turn = DO_FILE;
        *file = &unseal->spec->files[unseal->next++];
        unseal->readers++;
    }
    g_mutex_unlock(&unseal->lock);
    return turn;
}

static void do_file(Unseal *unseal, const UnsealFile *file, uint8_t *plain)
{
    GError *error = NULL;
    if (!unseal_file(unseal, file, plain, &error))
        stop_with(unseal, error);
    g_mutex_lock(&unseal->lock);
    unseal->readers--;
    g_cond_broadcast(&unseal->work);
    g_mutex_unlock(&unseal->lock);
}

static gpointer work(gpointer data)
{
    Unseal *unseal = data;
    g_autofree uint8_t *plain = g_malloc(unseal->most);
    Job *job = NULL;
    const UnsealFile *file = NULL;
    for (;;) {
        switch (next_turn(unseal, &job, &file)) {
        case DO_JOB:
            do_job(unseal, job, plain);
            break;
        case DO_FILE:
            do_file(unseal, file, plain);
            break;
        case DO_END:
            g_mutex_lock(&unseal->lock);
            unseal->workers--;
            g_cond_signal(&unseal->idle);
            g_mutex_unlock(&unseal->lock);
            return NULL;
        }
    }
}

/* ---- the whole ---- */

/* Until the last worker has ended. */
static void watch_workers(Unseal *unseal)
{
    g_mutex_lock(&unseal->lock);
    while (unseal->workers > 0) {
        int64_t until = g_get_monotonic_time() + WATCH_US;
        if (g_cond_wait_until(&unseal->idle, &unseal->lock, until) || unseal->spec->watch == NULL)
            continue;
        g_mutex_unlock(&unseal->lock);
        GError *error = NULL;
        uint64_t bytes = atomic_load(&unseal->stored_bytes);
        if (!unseal->spec->watch(bytes, unseal->spec->data, &error))
            stop_with(unseal, error);
        g_mutex_lock(&unseal->lock);
    }
    g_mutex_unlock(&unseal->lock);
}

static void run_workers(Unseal *unseal)
{
    guint count = (guint)MAX(1, unseal->spec->workers);
    unseal->workers = count;
    unseal->limit = QUEUED_PER_WORKER * count;
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(threads, g_thread_new("unseal", work, unseal));
    watch_workers(unseal);
    for (guint i = 0; i < count; i++)
        (void)g_thread_join(threads->pdata[i]);
}

/* After a failure what was made is removed, and need not be waited for. */
static void end_behind(Unseal *unseal)
{
    int failure = behind_free(unseal->behind, unseal->error != NULL);
    if (failure != 0) {
        GError *error = NULL;
        (void)fail_storage(&error, "cannot write the plain files: %s", g_strerror(failure));
        stop_with(unseal, error);
    }
}

gboolean unseal_tree(const UnsealSpec *spec, UnsealTotals *totals, GError **error)
{
    uint64_t frame = spec->frame != 0 ? spec->frame : FRAME_BYTES;
    if (frame > FRAME_MOST)
        return fail(error, STATUS_VERIFY,
                    "the backup has frames of %" G_GUINT64_FORMAT " bytes, more than %d", frame,
                    FRAME_MOST);
    Unseal unseal = {.spec = spec,
                     .most = (size_t)frame,
                     .behind = spec->read_soon ? NULL : behind_new(spec->target_dir_fd)};
    g_mutex_init(&unseal.lock);
    g_cond_init(&unseal.work);
    g_cond_init(&unseal.idle);
    g_queue_init(&unseal.jobs);
    unseal.spare = g_ptr_array_new_with_free_func(g_free);

    run_workers(&unseal);
    end_behind(&unseal);
    g_ptr_array_unref(unseal.spare);
    g_cond_clear(&unseal.idle);
    g_cond_clear(&unseal.work);
    g_mutex_clear(&unseal.lock);
    if (totals != NULL)
        *totals = unseal.totals;
    if (unseal.error != NULL)
        g_propagate_error(error, unseal.error);
    return unseal.error == NULL;
}

/* ---- one file by itself ---- */

/* Takes plain bytes in order. */
typedef gboolean SinkFn(const uint8_t *plain, size_t length, uint64_t offset, void *data,
                        GError **error);

static gboolean read_one(int fd, const char *name, SinkFn *sink, void *data, GError **error)
{
    gboolean sealed = name_is_sealed(name);
    g_autofree uint8_t *stored = g_malloc(frame_capacity(FRAME_BYTES));
    g_autofree uint8_t *plain = g_malloc(FRAME_BYTES);
    FrameSource source = {.fd = fd, .name = name, .most = FRAME_BYTES};
    for (;;) {
        FrameStored frame = {.bytes = stored};
        if (sealed && !frame_read(&source, &frame, error))
            return FALSE;
        if (frame.stored > 0 && !frame_unpack(&frame, name, FALSE, plain, error))
            return FALSE;
        ssize_t got = sealed ? (ssize_t)frame.plain : files_read(fd, plain, FRAME_BYTES);
        if (got < 0)
            return fail(error, STATUS_VERIFY, "cannot read %s: %s", name, g_strerror(errno));
        if (got == 0)
            return TRUE;
        if (!sink(plain, (size_t)got, sealed ? frame.offset : source.plain, data, error))
            return FALSE;
        if (!sealed)
            source.plain += (uint64_t)got;
    }
}

typedef struct {
    int fd;
    const char *name;
    uint64_t size;
} FileSink;

static gboolean to_file(const uint8_t *plain, size_t length, uint64_t offset, void *data,
                        GError **error)
{
    FileSink *sink = data;
    sink->size = offset + length;
    return write_sparse(sink->fd, plain, length, offset) ||
           fail_storage(error, "cannot write the plain file of %s: %s", sink->name,
                        g_strerror(errno));
}

gboolean unseal_one(int backup_fd, const char *name, int to_fd, GError **error)
{
    autofd int fd = openat(backup_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(error, STATUS_VERIFY, "cannot open %s: %s", name, g_strerror(errno));
    FileSink sink = {to_fd, name, 0};
    if (!read_one(fd, name, to_file, &sink, error))
        return FALSE;
    if (ftruncate(to_fd, (off_t)sink.size) < 0)
        return fail_storage(error, "cannot finish the plain file of %s: %s", name,
                            g_strerror(errno));
    return TRUE;
}

typedef struct {
    GString *text;
    const char *name;
    size_t limit;
} TextSink;

static gboolean to_text(const uint8_t *plain, size_t length, uint64_t offset, void *data,
                        GError **error)
{
    TextSink *sink = data;
    if (offset + length > sink->limit)
        return fail(error, STATUS_VERIFY, "%s has more than the %zu bytes expected", sink->name,
                    sink->limit);
    g_string_append_len(sink->text, (const char *)plain, (gssize)length);
    return TRUE;
}

GString *unseal_small(int backup_fd, const char *plain_name, size_t limit, GError **error)
{
    g_autofree char *sealed = g_strconcat(plain_name, NAME_SUFFIX, NULL);
    const char *name = plain_name;
    autofd int fd = openat(backup_fd, plain_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        name = sealed;
        fd = openat(backup_fd, sealed, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0) {
        (void)fail(error, STATUS_VERIFY, "cannot open %s: %s", plain_name, g_strerror(errno));
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    TextSink sink = {text, name, limit};
    return read_one(fd, name, to_text, &sink, error) ? g_steal_pointer(&text) : NULL;
}
