/* SPDX-License-Identifier: MIT */
#include "proof/copy.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
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

gboolean copy_contents(int from_fd, int to_fd, off_t size)
{
    enum { PIECE = 64 << 20 };
    if (ftruncate(to_fd, size) < 0)
        return FALSE;
    off_t at = 0;
    while (at < size) {
        off_t data = lseek(from_fd, at, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO; /* a hole up to the end */
        off_t hole = lseek(from_fd, data, SEEK_HOLE);
        if (hole < 0 || lseek(to_fd, data, SEEK_SET) < 0)
            return FALSE;
        for (at = data; at < hole;) {
            ssize_t moved = sendfile(to_fd, from_fd, &at, (size_t)MIN(hole - at, PIECE));
            if ((moved < 0 && errno != EINTR) || cancel_signal() != 0)
                return FALSE;
            if (moved == 0) /* it became shorter: whose is it? */
                return at >= size || (errno = EIO, FALSE);
        }
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
    if (to < 0 || ioctl(to, FICLONE, from) == 0)
        return to >= 0;
    gboolean done = copy_contents(from, to, status->st_size);
    int failure = errno;
    return cancel_check(error) &&
           (done || fail_storage(error, "cannot copy %s: %s", name, g_strerror(failure)));
}

gboolean copy_tree(int from_fd, int to_fd, const char *name, GError **error)
{
    if (!files_make_dirs(to_fd, name, 0750, error))
        return FALSE;
    autofd int copy_fd = files_open_dir(to_fd, name, error);
    return copy_fd >= 0 && files_walk(from_fd, ".", copy_one, &copy_fd, error);
}
