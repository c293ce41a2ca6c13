/* SPDX-License-Identifier: MIT */
#include "proof/copy.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int copy_create(int dir_fd, const char *name, GError **error)
{
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        (void)fail_storage(error, "cannot create the copy of %s: %s", name, g_strerror(errno));
    return fd;
}

gboolean copy_write_text(int dir_fd, const char *name, const GString *text, GError **error)
{
    autofd int fd = copy_create(dir_fd, name, error);
    if (fd < 0)
        return FALSE;
    return files_write(fd, text->str, text->len) ||
           fail_storage(error, "cannot write the copy of %s: %s", name, g_strerror(errno));
}

/* TRUE at the end of the file. */
static gboolean copy_piece(int from_fd, int to_fd, ssize_t *copied)
{
    enum { PIECE = 64 << 20, BUFFER = 256 << 10 };
    *copied = copy_file_range(from_fd, NULL, to_fd, NULL, PIECE, 0);
    if (*copied >= 0 || (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP))
        return *copied == 0;
    /* two file systems that cannot do it between them */
    g_autofree char *buffer = g_malloc(BUFFER);
    *copied = files_read(from_fd, buffer, BUFFER);
    if (*copied > 0 && !files_write(to_fd, buffer, (size_t)*copied))
        *copied = -1;
    return *copied == 0;
}

static gboolean copy_bytes(int from_fd, int to_fd, const char *name, GError **error)
{
    if (ioctl(to_fd, FICLONE, from_fd) == 0)
        return TRUE;
    ssize_t copied = 0;
    while (!copy_piece(from_fd, to_fd, &copied)) {
        if (copied < 0 && errno != EINTR)
            return fail_storage(error, "cannot copy %s: %s", name, g_strerror(errno));
        if (!cancel_check(error))
            return FALSE;
    }
    return TRUE;
}

static gboolean copy_one(int root_fd, const char *name, const struct stat *status, void *data,
                         GError **error)
{
    const int *to_fd = data;
    if (S_ISDIR(status->st_mode))
        return files_make_dirs(*to_fd, name, 0750, error);
    if (!S_ISREG(status->st_mode))
        return fail(error, STATUS_VERIFY, "%s is no plain file", name);
    autofd int from = openat(root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return fail(error, STATUS_VERIFY, "cannot read %s: %s", name, g_strerror(errno));
    autofd int to = copy_create(*to_fd, name, error);
    return to >= 0 && copy_bytes(from, to, name, error);
}

gboolean copy_tree(int from_fd, int to_fd, const char *name, GError **error)
{
    if (!files_make_dirs(to_fd, name, 0750, error))
        return FALSE;
    autofd int copy_fd = files_open_dir(to_fd, name, error);
    return copy_fd >= 0 && files_walk(from_fd, ".", copy_one, &copy_fd, error);
}
