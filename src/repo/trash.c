/* SPDX-License-Identifier: MIT */
#include "repo/trash.h"

#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { BLOCK = 512 };

gboolean trash_move(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *backup = shelf_backup(id);
    g_autofree char *trash = shelf_trash(id);
    struct stat status;
    if (fstatat(shelf->fd, backup, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ||
               fail_storage(error, "cannot look at %s: %s", backup, g_strerror(errno));
    /* without root the kernel wants the write bit of a directory that moves */
    mode_t mode = status.st_mode & (mode_t)~S_IFMT;
    if (S_ISDIR(status.st_mode) && fchmodat(shelf->fd, backup, mode | S_IWUSR, 0) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", backup, g_strerror(errno));
    if (renameat2(shelf->fd, backup, shelf->fd, trash, RENAME_NOREPLACE) < 0) {
        int failure = errno;
        (void)fchmodat(shelf->fd, backup, mode, 0);
        return fail_storage(error, "cannot rename %s to %s: %s", backup, trash,
                            g_strerror(failure));
    }
    crash_point("trash.moved");
    return TRUE;
}

gboolean trash_flush(const Shelf *shelf, GError **error)
{
    return files_flush_dir(shelf->fd, "backups", error) &&
           files_flush_dir(shelf->fd, ".trash", error);
}

gboolean trash_empty(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *trash = shelf_trash(id);
    g_autofree char *path = g_build_filename(shelf->path, trash, NULL);
    (void)fchmodat(shelf->fd, trash, S_IRWXU, 0);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL;
         name = g_dir_read_name(dir)) {
        g_autofree char *below = g_build_filename(trash, name, NULL);
        if (!files_remove_tree(shelf->fd, below, error))
            return FALSE;
        crash_point("trash.emptied");
    }
    return TRUE;
}

gboolean trash_remove(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *trash = shelf_trash(id);
    return trash_empty(shelf, id, error) && files_remove_tree(shelf->fd, trash, error);
}

/* ---- what it frees --------------------------------------------------------------------------- */

typedef struct {
    uint64_t names;
    uint64_t links;
    uint64_t bytes;
} Inode;

static gboolean count_name(int root_fd, const char *name, const struct stat *status, void *data,
                           GError **error)
{
    (void)root_fd;
    (void)name;
    (void)error;
    GHashTable *inodes = data;
    guint64 number = status->st_ino;
    if (S_ISDIR(status->st_mode))
        return TRUE;
    Inode *inode = g_hash_table_lookup(inodes, &number);
    if (inode == NULL) {
        inode = g_new0(Inode, 1);
        inode->links = status->st_nlink;
        inode->bytes = (uint64_t)status->st_blocks * BLOCK;
        g_hash_table_insert(inodes, g_memdup2(&number, sizeof number), inode);
    }
    inode->names++;
    return TRUE;
}

gboolean trash_weigh(const Shelf *shelf, const GPtrArray *ids, uint64_t *bytes, GError **error)
{
    g_autoptr(GHashTable) inodes =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    *bytes = 0;
    for (guint i = 0; i < ids->len; i++) {
        g_autofree char *backup = shelf_backup(ids->pdata[i]);
        if (shelf_has_backup(shelf, ids->pdata[i]) &&
            !files_walk(shelf->fd, backup, count_name, inodes, error))
            return FALSE;
    }
    GHashTableIter iter;
    gpointer inode = NULL;
    g_hash_table_iter_init(&iter, inodes);
    while (g_hash_table_iter_next(&iter, NULL, &inode)) {
        const Inode *found = inode;
        *bytes += found->names == found->links ? found->bytes : 0;
    }
    return TRUE;
}
