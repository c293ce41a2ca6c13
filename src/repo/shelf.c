/* SPDX-License-Identifier: MIT */
#include "repo/shelf.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "model/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { CHAIN_WAIT_US = 10 * G_USEC_PER_SEC };

static const char *const directories[] = {"backups", "marks", ".incoming", ".trash", "locks"};

void shelf_free(Shelf *shelf)
{
    files_clear_fd(&shelf->fd);
    g_free(shelf->instance);
    g_free(shelf->path);
    g_free(shelf);
}

Shelf *shelf_open(const char *repository, const char *instance, GError **error)
{
    g_autofree char *path = g_build_filename(repository, instance, NULL);
    autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstatat(fd, "backups", &status, 0) < 0) {
        (void)fail(error, STATUS_REFUSED,
                   "the repository %s has no place for instance %s: %s" HINT("run: lsnchain init"),
                   repository, instance, g_strerror(errno));
        return NULL;
    }
    Shelf *shelf = g_new0(Shelf, 1);
    shelf->instance = g_strdup(instance);
    shelf->path = g_steal_pointer(&path);
    shelf->fd = fd;
    fd = -1;
    return shelf;
}

gboolean shelf_init(const char *repository, const char *instance, gboolean *created, GError **error)
{
    g_autofree char *path = g_build_filename(repository, instance, NULL);
    *created = !g_file_test(path, G_FILE_TEST_IS_DIR);
    if (!files_make_dirs(AT_FDCWD, path, 0750, error))
        return FALSE;
    for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
        g_autofree char *below = g_build_filename(path, directories[i], NULL);
        if (!files_make_dirs(AT_FDCWD, below, 0750, error))
            return FALSE;
    }
    return files_flush_dir(AT_FDCWD, path, error) && files_flush_dir(AT_FDCWD, repository, error);
}

char *shelf_backup(const char *id)
{
    return g_strconcat("backups/", id, NULL);
}

char *shelf_incoming(const char *id)
{
    return g_strconcat(".incoming/", id, NULL);
}

char *shelf_trash(const char *id)
{
    return g_strconcat(".trash/", id, NULL);
}

int shelf_open_backup(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *name = shelf_backup(id);
    int fd = openat(shelf->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void)fail(error, STATUS_VERIFY, "cannot open the backup %s/%s: %s", shelf->path, name,
                   g_strerror(errno));
    return fd;
}

gboolean shelf_has_backup(const Shelf *shelf, const char *id)
{
    g_autofree char *name = shelf_backup(id);
    return faccessat(shelf->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *shelf_ids(const Shelf *shelf, const char *directory, GError **error)
{
    g_autofree char *path = g_build_filename(shelf->path, directory, NULL);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &failure);
    if (dir == NULL) {
        (void)fail_storage(error, "cannot list %s: %s", path, failure->message);
        return NULL;
    }
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        int64_t seconds = 0;
        BackupType type = BACKUP_FULL;
        if (backup_parse_id(name, &seconds, &type))
            g_ptr_array_add(ids, g_strdup(name));
    }
    g_ptr_array_sort(ids, compare_names);
    return ids;
}

Lock *shelf_read_chain(const Shelf *shelf, const char *chain, const char *command, GError **error)
{
    g_autofree char *path = g_build_filename(shelf->path, "locks", chain, NULL);
    g_autoptr(GError) failure = NULL;
    Lock *lock = lock_take(path, LOCK_CHAIN, LOCK_SHARED, command, CHAIN_WAIT_US, &failure);
    if (lock == NULL && error_status(failure) == STATUS_LOCKED)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (lock == NULL)
        log_notice("reading chain %s without its lock: %s", chain, failure->message);
    return lock;
}

Lock *shelf_own_chain(const Shelf *shelf, const char *chain, const char *command, GError **error)
{
    g_autofree char *path = g_build_filename(shelf->path, "locks", chain, NULL);
    return lock_take(path, LOCK_CHAIN, LOCK_EXCLUSIVE, command, 0, error);
}

void shelf_forget_chain(const Shelf *shelf, const char *chain)
{
    g_autofree char *name = g_strconcat("locks/", chain, NULL);
    if (unlinkat(shelf->fd, name, 0) < 0 && errno != ENOENT)
        log_warning("cannot remove %s/%s, the lock of a chain that is gone: %s", shelf->path, name,
                    g_strerror(errno));
}

GPtrArray *shelf_instances(const char *repository, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) dir = g_dir_open(repository, 0, &failure);
    if (dir == NULL) {
        (void)fail_storage(error, "cannot list %s: %s", repository, failure->message);
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *backups = g_build_filename(repository, name, "backups", NULL);
        if (*name != '.' && g_file_test(backups, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}
