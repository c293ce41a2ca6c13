/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

struct Lock {
    int fd;
};

enum { HOLDER_LIMIT = 1024, RETRY_US = 20000 };

static char *boot_id(void)
{
    g_autoptr(GString) text =
        files_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", HOLDER_LIMIT, NULL);
    return text != NULL ? g_strdup(g_strstrip(text->str)) : g_strdup("unknown");
}

/* What stands in the file is for people: when it cannot be written, the lock holds all the same. */
static void write_holder(int fd, const char *command)
{
    g_autofree char *boot = boot_id();
    g_autofree char *since = clock_format(clock_now());
    g_autofree char *text = g_strdup_printf("pid %d on host %s (boot %s), `%s` since %s\n",
                                            (int)getpid(), g_get_host_name(), boot, command, since);
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, strlen(text), 0);
}

static char *read_holder(int fd)
{
    char text[HOLDER_LIMIT + 1];
    ssize_t got = pread(fd, text, HOLDER_LIMIT, 0);
    if (got <= 0)
        return g_strdup("by another process");
    text[got] = '\0';
    return g_strdup(g_strstrip(text));
}

static gboolean take(int fd, int operation, int64_t wait_us)
{
    int64_t until = g_get_monotonic_time() + wait_us;
    while (flock(fd, operation | LOCK_NB) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return FALSE;
        if (g_get_monotonic_time() >= until || cancel_signal() != 0) {
            errno = EWOULDBLOCK;
            return FALSE;
        }
        g_usleep(RETRY_US);
    }
    return TRUE;
}

/*
 * A reader may be another user than the owner, root too: it takes what is there, as far as it may,
 * and makes a file only where there is none.
 */
static int open_lock(const char *path, LockKind kind)
{
    enum { FLAGS = O_CLOEXEC | O_NOFOLLOW };
    int fd = -1;
    if (kind == LOCK_SHARED) {
        fd = open(path, O_RDWR | FLAGS);
        if (fd < 0)
            fd = open(path, O_RDONLY | FLAGS);
    }
    return fd >= 0 ? fd : open(path, O_RDWR | O_CREAT | FLAGS, 0640);
}

Lock *lock_take(const char *path, LockKind kind, const char *command, int64_t wait_us,
                GError **error)
{
    autofd int fd = open_lock(path, kind);
    if (fd < 0) {
        (void)fail_storage(error, "cannot open the lock %s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (!take(fd, kind == LOCK_SHARED ? LOCK_SH : LOCK_EX, wait_us)) {
        int failure = errno;
        g_autofree char *holder = read_holder(fd);
        if (failure == EWOULDBLOCK)
            (void)fail(error, STATUS_LOCKED,
                       "the lock %s is held: %s" HINT("wait for it to end, or stop it"), path,
                       holder);
        else
            (void)fail_storage(error, "cannot lock %s: %s", path, g_strerror(failure));
        return NULL;
    }
    if (kind == LOCK_EXCLUSIVE)
        write_holder(fd, command);
    else
        (void)!ftruncate(fd, 0); /* while readers share it, whoever wrote there is gone */

    Lock *lock = g_new0(Lock, 1);
    lock->fd = fd;
    fd = -1;
    return lock;
}

int lock_fd(const Lock *lock)
{
    return lock->fd;
}

void lock_free(Lock *lock)
{
    (void)close(lock->fd);
    g_free(lock);
}
