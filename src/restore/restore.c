/* SPDX-License-Identifier: MIT */
#include "restore/restore.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char work_name[] = ".lsnchain";
static const char log_name[] = "engine.log";

/* An empty filesystem has its own directory; a restore may have died while it wrote its marker. */
static gboolean is_nothing(const char *name)
{
    return g_str_equal(name, "lost+found") || g_str_equal(name, "." RESTORE_MARKER ".new");
}

static gboolean check_empty(const char *target, GError **error)
{
    g_autofree char *marker = g_build_filename(target, RESTORE_MARKER, NULL);
    if (g_file_test(marker, G_FILE_TEST_EXISTS))
        return fail(error, STATUS_RESTORE,
                    "%s holds a restore that did not end" HINT(
                        "remove all that is in it, or choose another directory"),
                    target);
    g_autoptr(GDir) dir = g_dir_open(target, 0, NULL);
    if (dir == NULL)
        return fail(error, STATUS_RESTORE, "cannot list %s: %s", target, g_strerror(errno));
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        if (!is_nothing(name))
            return fail(error, STATUS_RESTORE,
                        "%s is not empty: there is %s" HINT(
                            "choose a new directory; nothing is ever overwritten"),
                        target, name);
    }
    return TRUE;
}

/* The nearest directory above that is there: where the room will come from. */
static char *existing_parent(const char *target)
{
    char *path = g_strdup(target);
    while (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        char *up = g_path_get_dirname(path);
        g_free(path);
        path = up;
    }
    return path;
}

gboolean restore_check_target(const RestoreSpec *spec, GError **error)
{
    struct stat status;
    if (stat(spec->target, &status) == 0) {
        if (!S_ISDIR(status.st_mode))
            return fail(error, STATUS_RESTORE, "%s is not a directory", spec->target);
        if (!check_empty(spec->target, error))
            return FALSE;
    } else if (errno != ENOENT) {
        return fail(error, STATUS_RESTORE, "cannot look at %s: %s", spec->target,
                    g_strerror(errno));
    }
    g_autofree char *parent = existing_parent(spec->target);
    return prepare_check_room(spec->path, parent, error);
}

static gboolean write_marker(int target_fd, const Backup *backup, GError **error)
{
    g_autofree char *now = clock_format(clock_now());
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "[restore]\nbackup = %s\nstarted = %s\n", backup->id, now);
    return replace_file(target_fd, RESTORE_MARKER, text, 0640, error);
}

/* All of the prepared directory, one level up: renames within one filesystem. */
static gboolean move_up(int target_fd, GError **error)
{
    autofd int base_fd = openat(target_fd, ".lsnchain/base", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = base_fd >= 0 ? fdopendir(dup(base_fd)) : NULL;
    if (dir == NULL)
        return fail_storage(error, "cannot list the prepared directory: %s", g_strerror(errno));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    (void)closedir(dir);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (renameat2(base_fd, name, target_fd, name, RENAME_NOREPLACE) < 0)
            return fail_storage(error, "cannot move %s into place: %s", name, g_strerror(errno));
    }
    return TRUE;
}

static gboolean set_owner_of(int root_fd, const char *name, const struct stat *status, void *data,
                             GError **error)
{
    (void)status;
    const RestoreSpec *spec = data;
    if (fchownat(root_fd, name, spec->user, spec->group, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(error, STATUS_RESTORE, "cannot give %s to user id %u: %s", name,
                    (unsigned)spec->user, g_strerror(errno));
    return TRUE;
}

static gboolean give_away(int target_fd, const RestoreSpec *spec, GError **error)
{
    if (!spec->set_owner)
        return TRUE;
    if (fchown(target_fd, spec->user, spec->group) < 0)
        return fail(error, STATUS_RESTORE, "cannot give %s to user id %u: %s", spec->target,
                    (unsigned)spec->user, g_strerror(errno));
    RestoreSpec copy = *spec;
    return files_walk(target_fd, ".", set_owner_of, &copy, error);
}

static gboolean prepare_in(int target_fd, const RestoreSpec *spec, Prepared *prepared,
                           GError **error)
{
    g_autofree char *work = g_build_filename(spec->target, work_name, NULL);
    if (mkdirat(target_fd, work_name, 0700) < 0)
        return fail_storage(error, "cannot create %s: %s", work, g_strerror(errno));
    g_autofree char *log_path = g_build_filename(work, log_name, NULL);
    autofd int log_fd = open(log_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return fail_storage(error, "cannot create %s: %s", log_path, g_strerror(errno));
    const PrepareSpec prepare = {
        .shelf = spec->shelf,
        .path = spec->path,
        .engine = spec->engine,
        .work = work,
        .memory = spec->memory,
        .workers = spec->workers,
        .options = spec->options,
        .log_fd = log_fd,
        .stall_timeout_s = spec->stall_timeout_s,
        .drill = spec->drill,
        .tick = spec->tick,
        .data = spec->data,
    };
    if (prepare_chain(&prepare, prepared, error))
        return TRUE;
    log_notice("what the engine said is in %s", log_path);
    return FALSE;
}

/* Durable before the marker goes: without it the directory is promised to be whole. */
static gboolean finish(int target_fd, const char *target, GError **error)
{
    if (syncfs(target_fd) < 0)
        return fail_storage(error, "cannot flush the files in %s: %s", target, g_strerror(errno));
    crash_point("restore.synced");
    if (unlinkat(target_fd, RESTORE_MARKER, 0) < 0)
        return fail_storage(error, "cannot remove %s: %s", RESTORE_MARKER, g_strerror(errno));
    if (fsync(target_fd) < 0)
        return fail_storage(error, "cannot flush the directory %s: %s", target, g_strerror(errno));
    return TRUE;
}

/*
 * Of two restores that both found it empty one goes on.  The lock is that of the open directory, so
 * it ends with it; a filesystem that has none for directories (NFS) is no reason not to restore.
 */
static gboolean own_target(int target_fd, const char *target, GError **error)
{
    if (flock(target_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return fail(error, STATUS_RESTORE,
                    "another restore is at work in %s" HINT("choose another directory"), target);
    return check_empty(target, error);
}

gboolean restore_run(const RestoreSpec *spec, Prepared *prepared, GError **error)
{
    *prepared = (Prepared){0};
    if (!restore_check_target(spec, error) || !files_make_dirs(AT_FDCWD, spec->target, 0750, error))
        return FALSE;
    autofd int target_fd = files_open_dir(AT_FDCWD, spec->target, error);
    const Backup *last = spec->path->pdata[spec->path->len - 1];
    if (target_fd < 0 || !own_target(target_fd, spec->target, error) ||
        !write_marker(target_fd, last, error))
        return FALSE;
    crash_point("restore.marked");
    return prepare_in(target_fd, spec, prepared, error) && move_up(target_fd, error) &&
           files_remove_tree(target_fd, work_name, error) && give_away(target_fd, spec, error) &&
           finish(target_fd, spec->target, error);
}
