/* SPDX-License-Identifier: MIT */
/*
 * files: small steps on files and directories that every room needs.
 *
 * A failure is STATUS_STORAGE unless a function says otherwise.
 */
#ifndef LSNCHAIN_BASE_FILES_H
#define LSNCHAIN_BASE_FILES_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

static inline void files_clear_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* A descriptor that closes itself.  Start it with -1 or with what open() gave. */
#define autofd __attribute__((cleanup(files_clear_fd)))

/* read() and write() that carry on after a signal and, where they can, to the whole length. */
ssize_t files_read(int fd, void *buffer, size_t length); /* short only at the end of the file */
gboolean files_write(int fd, const void *data, size_t length); /* FALSE: errno */

/*
 * A file was read from its start to `at`: in steps of 8 MiB the page cache is asked to forget it,
 * so that a backup does not push out of it what the host works with.  `*forgotten`, 0 at first, is
 * how far that was done; the rest is the caller's.
 */
void files_forget(int fd, uint64_t at, uint64_t *forgotten);

/* A descriptor of the directory `path` below `dir_fd` (AT_FDCWD: any path); -1 with the error set.
 */
int files_open_dir(int dir_fd, const char *path, GError **error);

/* All of a file that is expected to be small; a larger one than `limit` is refused. */
GString *files_read_text(int dir_fd, const char *path, size_t limit, GError **error);

/* Does the file say just that?  FALSE too when it cannot be read. */
gboolean files_hold(int dir_fd, const char *path, const GString *text);

/* Makes the directory and its parents; one that is there already is fine. */
gboolean files_make_dirs(int dir_fd, const char *path, mode_t mode, GError **error);

gboolean files_flush_dir(int dir_fd, const char *name, GError **error);

/*
 * Removes a file or a whole tree below `dir_fd`; absent is fine.  Directories without write
 * permission get it first (published trees are 0550); symbolic links are removed, not followed.
 */
gboolean files_remove_tree(int dir_fd, const char *path, GError **error);

/*
 * Calls `each` for everything below the directory `path`, parents before children, in the order of
 * strcmp() within a directory; `name` is relative to `root_fd`, the directory walked.  Symbolic
 * links are not followed.  Stops at the first FALSE, which must come with the error set.
 */
struct stat;
typedef gboolean FilesEachFn(int root_fd, const char *name, const struct stat *status, void *data,
                             GError **error);
gboolean files_walk(int dir_fd, const char *path, FilesEachFn *each, void *data, GError **error);

/* Bytes that an unprivileged program may still write where `fd` lives. */
gboolean files_free_space(int fd, uint64_t *bytes, GError **error);
/* All bytes of the filesystem where `fd` lives. */
gboolean files_filesystem_size(int fd, uint64_t *bytes, GError **error);

/*
 * Has `fd`, the directory `where`, so much?  Else STATUS_STORAGE: "WHERE has 1 MiB free, and WHAT
 * may need 2 MiB", with `hint`.
 */
gboolean files_check_room(int fd, const char *where, uint64_t needed, const char *what,
                          const char *hint, GError **error);

#endif
