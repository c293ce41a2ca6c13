/* SPDX-License-Identifier: MIT */
#include "repo/publish.h"

#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/proc.h"
#include "model/backup.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MODE = 0440, DIRECTORY_MODE = 0550 };

/* An earlier backup whose unchanged files are hard-linked. */
typedef struct {
    char *path;
    int fd;
    GPtrArray *sums;
} Earlier;

typedef struct {
    const PublishSpec *spec;
    int capture_fd;
    int64_t time; /* mtime of what is new: the time in the id */
    GPtrArray *sums;
    GPtrArray *earlier; /* Earlier */
    ino_t *planned;     /* for each line of sums the inode it will be linked to; 0: none */
    gboolean same_filesystem;
} Work;

static void earlier_free(gpointer data)
{
    Earlier *earlier = data;
    files_clear_fd(&earlier->fd);
    g_free(earlier->path);
    if (earlier->sums != NULL)
        g_ptr_array_unref(earlier->sums);
    g_free(earlier);
}

static void work_clear(Work *work)
{
    files_clear_fd(&work->capture_fd);
    g_clear_pointer(&work->sums, g_ptr_array_unref);
    g_clear_pointer(&work->earlier, g_ptr_array_unref);
    g_free(work->planned);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

/* A backup that cannot be read is no reason to fail: its files are stored anew. */
static void open_earlier(Work *work)
{
    for (size_t i = 0; work->spec->against[i] != NULL; i++) {
        const char *id = work->spec->against[i];
        g_autoptr(GError) failure = NULL;
        Earlier *earlier = g_new0(Earlier, 1);
        earlier->path = g_strconcat(work->spec->shelf->path, "/backups/", id, NULL);
        earlier->fd = shelf_open_backup(work->spec->shelf, id, &failure);
        if (earlier->fd >= 0)
            earlier->sums = sums_read(earlier->fd, id, "", &failure);
        if (earlier->sums != NULL) {
            g_ptr_array_add(work->earlier, earlier);
            continue;
        }
        log_warning("%s is not used for hard links: %s", id, failure->message);
        earlier_free(earlier);
    }
}

static gboolean open_work(Work *work, GError **error)
{
    const PublishSpec *spec = work->spec;
    BackupType type = BACKUP_FULL;
    if (!backup_parse_id(spec->id, &work->time, &type))
        return fail(error, STATUS_FAILED, "%s is not a backup id", spec->id);
    work->capture_fd = files_open_dir(AT_FDCWD, spec->capture, error);
    if (work->capture_fd < 0)
        return FALSE;
    work->sums = sums_read(work->capture_fd, spec->id, "", error);
    if (work->sums == NULL)
        return FALSE;
    work->planned = g_new0(ino_t, work->sums->len + 1);

    struct stat capture;
    struct stat shelf;
    if (fstat(work->capture_fd, &capture) < 0 || fstat(spec->shelf->fd, &shelf) < 0)
        return fail_storage(error, "cannot look at %s: %s", spec->capture, g_strerror(errno));
    work->same_filesystem = capture.st_dev == shelf.st_dev;
    open_earlier(work);
    return TRUE;
}

/* The first earlier backup that has the same content under the same path; its status if so. */
static gboolean find_unchanged(const Work *work, const SumLine *line, struct stat *status)
{
    for (guint i = 0; i < work->earlier->len; i++) {
        const Earlier *earlier = work->earlier->pdata[i];
        const SumLine *old = sums_find(earlier->sums, line->name);
        if (old != NULL && memcmp(old->sum, line->sum, DIGEST_BYTES) == 0 &&
            fstatat(earlier->fd, line->name, status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status->st_mode))
            return TRUE;
    }
    return FALSE;
}

static gboolean set_time(int dir_fd, const char *name, int64_t seconds, GError **error)
{
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds}};
    if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_storage(error, "cannot set the time of %s: %s", name, g_strerror(errno));
    return TRUE;
}

/* rsync links a file only when mode and owner are those it will have. */
static gboolean set_final(int root_fd, const char *name, const struct stat *status, void *data,
                          GError **error)
{
    const Work *work = data;
    mode_t mode = S_ISDIR(status->st_mode) ? DIRECTORY_MODE : FILE_MODE;
    if (!S_ISDIR(status->st_mode) && !S_ISREG(status->st_mode))
        return fail_storage(error, "%s is neither file nor directory", name);
    if ((status->st_mode & 07777) != mode && fchmodat(root_fd, name, mode, 0) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", name, g_strerror(errno));
    return set_time(root_fd, name, work->time, error);
}

static gboolean align(Work *work, GError **error)
{
    if (!files_walk(work->capture_fd, ".", set_final, work, error))
        return FALSE;
    for (guint i = 0; i < work->sums->len; i++) {
        const SumLine *line = work->sums->pdata[i];
        struct stat old;
        if (!find_unchanged(work, line, &old))
            continue;
        if (!set_time(work->capture_fd, line->name, old.st_mtim.tv_sec, error))
            return FALSE;
        work->planned[i] = old.st_ino;
    }
    return TRUE;
}

typedef struct {
    GString *said; /* the first lines on stderr */
} RsyncLog;

static void keep_line(ProcStream stream, const char *line, void *data)
{
    enum { KEPT = 2000 };
    const RsyncLog *log = data;
    if (stream == PROC_ERR && log->said->len < KEPT)
        g_string_append_printf(log->said, "%s%s", log->said->len > 0 ? "; " : "", line);
}

/* rsync's own list: 11 is file I/O (no space), 22 memory, 23 and 24 files that did not arrive. */
static Status rsync_status(int status)
{
    switch (status) {
    case 11:
    case 22:
    case 23:
    case 24:
        return STATUS_STORAGE;
    default:
        return STATUS_TRANSFER;
    }
}

/*
 * Across file systems rsync reads the capture once more, from its disk where the page cache has
 * forgotten it.  What that disk did not take must not be published.
 */
static gboolean flush_capture(const Work *work, GError **error)
{
    return work->same_filesystem || syncfs(work->capture_fd) == 0 ||
           fail_storage(error, "cannot flush %s: %s", work->spec->capture, g_strerror(errno));
}

static gboolean run_rsync(const Work *work, const char *incoming, GError **error)
{
    const PublishSpec *spec = work->spec;
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup(spec->rsync));
    g_ptr_array_add(argv, g_strdup("--archive"));
    for (guint i = 0; i < work->earlier->len; i++) {
        const Earlier *earlier = work->earlier->pdata[i];
        g_ptr_array_add(argv, g_strconcat("--link-dest=", earlier->path, NULL));
    }
    if (work->same_filesystem) /* what is new is linked too: no byte is copied */
        g_ptr_array_add(argv, g_strconcat("--link-dest=", spec->capture, NULL));
    g_ptr_array_add(argv, g_strdup("--"));
    g_ptr_array_add(argv, g_strconcat(spec->capture, "/", NULL));
    g_ptr_array_add(argv, g_strconcat(incoming, "/", NULL));
    g_ptr_array_add(argv, NULL);

    g_autoptr(GString) said = g_string_new(NULL);
    RsyncLog log = {said};
    const ProcSpec proc = {
        .argv = (const char *const *)argv->pdata,
        .env = proc_plain_env(),
        .out_fd = -1,
        .on_line = keep_line,
        .data = &log,
    };
    ProcEnd end;
    if (!proc_run(&proc, &end, error))
        return FALSE;
    if (end.status == 0)
        return TRUE;
    g_autofree char *how = proc_end_text(&end);
    return fail(error, rsync_status(end.status),
                "rsync to %s failed (%s): %s" HINT(
                    "nothing was published and no chain is broken: %s, then run it again"),
                incoming, how, said->len > 0 ? said->str : "it said nothing",
                end.signal != 0 ? "find out who stopped it (the kernel, for want of memory, says "
                                  "so in dmesg)"
                                : "see what it said");
}

/*
 * What is new is the capture's own inode, or a copy with one name: any other was linked to a file
 * of an earlier backup, which has another content.
 */
static gboolean check_new(const Work *work, int incoming_fd, const char *name, struct stat *status,
                          GError **error)
{
    struct stat captured;
    if (fstatat(incoming_fd, name, status, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(work->capture_fd, name, &captured, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_storage(error, "rsync said nothing, but %s is not there: %s", name,
                            g_strerror(errno));
    gboolean own = work->same_filesystem && status->st_ino == captured.st_ino;
    return own || status->st_nlink == 1 ||
           fail_storage(error,
                        "%s was hard-linked to a file with another content" HINT(
                            "this must not happen: two contents share size and time; nothing "
                            "was published"),
                        name);
}

static gboolean count_file(const Work *work, int incoming_fd, guint index, Published *published,
                           GError **error)
{
    const SumLine *line = work->sums->pdata[index];
    ino_t planned = work->planned[index];
    struct stat status;
    published->files++;
    published->planned += planned != 0;
    if (planned != 0 && fstatat(incoming_fd, line->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_ino == planned) {
        published->linked++;
        return TRUE;
    }
    if (!check_new(work, incoming_fd, line->name, &status, error))
        return FALSE;
    if (g_str_has_prefix(line->name, "data/"))
        published->bytes_new += (uint64_t)status.st_size;
    return TRUE;
}

static gboolean count(const Work *work, const char *incoming, Published *published, GError **error)
{
    autofd int fd = files_open_dir(AT_FDCWD, incoming, error);
    if (fd < 0)
        return FALSE;
    for (guint i = 0; i < work->sums->len; i++) {
        if (!count_file(work, fd, i, published, error))
            return FALSE;
    }
    struct stat status; /* each backup has these of its own */
    if (!check_new(work, fd, SUMS_NAME, &status, error) ||
        !check_new(work, fd, FACTS_NAME, &status, error))
        return FALSE;
    if (published->linked < published->planned)
        log_warning("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                    " unchanged files could not be hard-linked and were stored again",
                    published->planned - published->linked, published->planned);
    return TRUE;
}

gboolean publish_tree(const PublishSpec *spec, Published *published, GError **error)
{
    g_auto(Work) work = {.spec = spec, .capture_fd = -1};
    work.earlier = g_ptr_array_new_with_free_func(earlier_free);
    *published = (Published){0};

    g_autofree char *name = shelf_incoming(spec->id);
    g_autofree char *incoming = g_build_filename(spec->shelf->path, name, NULL);
    if (!open_work(&work, error) || !align(&work, error) ||
        !files_remove_tree(spec->shelf->fd, name, error))
        return FALSE;
    crash_point("publish.aligned");
    if (!flush_capture(&work, error) || !run_rsync(&work, incoming, error))
        return FALSE;
    crash_point("publish.copied");
    return count(&work, incoming, published, error);
}

gboolean publish_flush(const Shelf *shelf, GError **error)
{
    /* this descriptor was opened before the first write, so it hears of every write that failed */
    if (syncfs(shelf->fd) < 0)
        return fail_storage(error, "cannot flush the repository: %s", g_strerror(errno));
    crash_point("publish.synced");
    return TRUE;
}

gboolean publish_commit(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *incoming = shelf_incoming(id);
    g_autofree char *backup = shelf_backup(id);

    /* without root the kernel wants the write bit of a directory that moves */
    if (fchmodat(shelf->fd, incoming, DIRECTORY_MODE | S_IWUSR, 0) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", incoming, g_strerror(errno));
    if (renameat2(shelf->fd, incoming, shelf->fd, backup, RENAME_NOREPLACE) < 0)
        return fail_storage(error, "cannot rename %s to %s: %s", incoming, backup,
                            g_strerror(errno));
    crash_point("publish.renamed");
    return publish_settle(shelf, id, error);
}

void publish_protect(const Shelf *shelf, const char *id)
{
    g_autofree char *backup = shelf_backup(id);
    struct stat status;
    if (fstatat(shelf->fd, backup, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode) ||
        (status.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0)
        return;
    if (fchmodat(shelf->fd, backup, DIRECTORY_MODE, 0) < 0)
        log_notice("cannot take the write bit from %s: %s", backup, g_strerror(errno));
}

gboolean publish_settle(const Shelf *shelf, const char *id, GError **error)
{
    if (!files_flush_dir(shelf->fd, "backups", error) ||
        !files_flush_dir(shelf->fd, ".incoming", error))
        return FALSE;
    publish_protect(shelf, id);
    return TRUE;
}
