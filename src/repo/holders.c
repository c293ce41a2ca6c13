/* SPDX-License-Identifier: MIT */
#include "repo/holders.h"

#include "base/error.h"
#include "base/files.h"
#include "model/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What stands behind `directory` and a slash; NULL: it is not below it. */
static const char *below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

static char *real_path(const char *path)
{
    char *real = realpath(path, NULL);
    char *copy = g_strdup(real);
    free(real);
    return copy;
}

/* As the kernel sees it: a ".." behind a symbolic link leads elsewhere than the text says.  The
 * file itself may be gone. */
static char *resolve(const char *path)
{
    char *real = real_path(path);
    if (real != NULL)
        return real;
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *parent = real_path(directory);
    return parent != NULL ? g_build_filename(parent, name, NULL)
                          : g_canonicalize_filename(path, NULL);
}

static gboolean holds(const Shelf *shelf, const char *id, const char *name,
                      const struct stat *wanted)
{
    struct stat own;
    autofd int fd = shelf_open_backup(shelf, id, NULL);
    return fd >= 0 && fstatat(fd, name, &own, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_ino == wanted->st_ino && own.st_dev == wanted->st_dev;
}

/* All that hold the file `name` as backup `id` has it. */
static GPtrArray *find(const Shelf *shelf, const char *id, const char *name, GError **error)
{
    struct stat wanted;
    autofd int fd = shelf_open_backup(shelf, id, NULL);
    g_autoptr(GPtrArray) all = shelf_ids(shelf, "backups", error);
    if (all == NULL)
        return NULL;
    gboolean there = fd >= 0 && *name != '\0' &&
                     fstatat(fd, name, &wanted, AT_SYMLINK_NOFOLLOW) == 0 &&
                     S_ISREG(wanted.st_mode);
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; there && i < all->len; i++) {
        if (holds(shelf, all->pdata[i], name, &wanted))
            g_ptr_array_add(found, g_strdup(all->pdata[i]));
    }
    if (!there)
        g_ptr_array_add(found, g_strdup(id));
    return found;
}

GPtrArray *holders_of(const Shelf *shelf, const char *path, GError **error)
{
    g_autofree char *backups = g_build_filename(shelf->path, "backups", "x", NULL);
    g_autofree char *probe = resolve(backups);
    g_autofree char *root = g_path_get_dirname(probe);
    g_autofree char *full = resolve(path);
    const char *inside = below(full, root);
    size_t length = inside != NULL ? strcspn(inside, "/") : 0;
    g_autofree char *id = g_strndup(inside, length);
    int64_t taken = 0;
    BackupType type = BACKUP_FULL;
    if (id == NULL || !backup_parse_id(id, &taken, &type)) {
        (void)fail(error, STATUS_USAGE,
                   "%s is no file of a backup of instance %s" HINT("they are below %s"), full,
                   shelf->instance, root);
        return NULL;
    }
    const char *name = inside[length] == '/' ? inside + length + 1 : "";
    return find(shelf, id, name, error);
}
