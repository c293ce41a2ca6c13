/* SPDX-License-Identifier: MIT */
#include "repo/holders.h"

#include "base/error.h"
#include "base/files.h"

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

/* Symbolic links on the way to the repository count, the file itself may be gone. */
static char *resolve(const char *path)
{
    g_autofree char *full = g_canonicalize_filename(path, NULL);
    g_autofree char *directory = g_path_get_dirname(full);
    g_autofree char *name = g_path_get_basename(full);
    char *real = realpath(directory, NULL);
    char *resolved = real != NULL ? g_build_filename(real, name, NULL) : g_strdup(full);
    free(real);
    return resolved;
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
    autofd int fd = shelf_open_backup(shelf, id, error);
    g_autoptr(GPtrArray) all = fd >= 0 ? shelf_ids(shelf, "backups", error) : NULL;
    if (all == NULL)
        return NULL;
    gboolean there = *name != '\0' && fstatat(fd, name, &wanted, AT_SYMLINK_NOFOLLOW) == 0 &&
                     S_ISREG(wanted.st_mode);
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < all->len; i++) {
        const char *other = all->pdata[i];
        if (g_str_equal(other, id) || (there && holds(shelf, other, name, &wanted)))
            g_ptr_array_add(found, g_strdup(other));
    }
    return found;
}

GPtrArray *holders_of(const Shelf *shelf, const char *path, GError **error)
{
    g_autofree char *backups = g_build_filename(shelf->path, "backups", "x", NULL);
    g_autofree char *probe = resolve(backups);
    g_autofree char *root = g_path_get_dirname(probe);
    g_autofree char *full = resolve(path);
    const char *inside = below(full, root);
    if (inside == NULL) {
        (void)fail(error, STATUS_USAGE,
                   "%s is no file of a backup of instance %s" HINT("they are below %s"), full,
                   shelf->instance, root);
        return NULL;
    }
    size_t length = strcspn(inside, "/");
    g_autofree char *id = g_strndup(inside, length);
    const char *name = inside[length] == '/' ? inside + length + 1 : "";
    return find(shelf, id, name, error);
}
