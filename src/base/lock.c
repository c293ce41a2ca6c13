/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

struct Lock {
    int fd;
    LockRank rank;
    gboolean exclusive;
};

enum {
    HOLDER_LIMIT = 1 << 16,
    HOLDERS_SHOWN = 3,
    HOLDER_WAIT_US = 200000, /* between taking a lock and saying so */
    RETRY_US = 20000,
};

/* ---- the order, which a build for tests watches ---------------------------------------------- */

#ifdef LSNCHAIN_TESTING
static guint held[LOCK_RECORD + 1];

static void expect_order(LockRank rank, const char *path)
{
    for (guint later = rank; later < G_N_ELEMENTS(held); later++) {
        if (held[later] == 0 || (later == rank && rank == LOCK_COPY))
            continue;
        g_printerr("the lock %s is taken while one of rank %u is held\n", path, later);
        abort();
    }
}

static void count_held(LockRank rank, int more)
{
    held[rank] += (guint)more;
}
#else
static void expect_order(LockRank rank, const char *path)
{
    (void)rank;
    (void)path;
}

static void count_held(LockRank rank, int more)
{
    (void)rank;
    (void)more;
}
#endif

/* ---- who holds it ---------------------------------------------------------------------------- */

static char *boot_id(void)
{
    g_autoptr(GString) text =
        files_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", HOLDER_LIMIT, NULL);
    return text != NULL ? g_strdup(g_strstrip(text->str)) : g_strdup("unknown");
}

/* What stands in the file is for people: when it cannot be written, the lock holds all the same. */
static void write_holder(int fd, LockKind kind, const char *command)
{
    g_autofree char *boot = boot_id();
    g_autofree char *since = clock_format(clock_now());
    g_autofree char *text = g_strdup_printf("pid %d on host %s (boot %s), `%s` since %s\n",
                                            (int)getpid(), g_get_host_name(), boot, command, since);
    if (kind == LOCK_EXCLUSIVE && ftruncate(fd, 0) < 0)
        return;
    off_t end = lseek(fd, 0, SEEK_END); /* behind the other readers; O_APPEND would do no harm */
    if (end >= 0)
        (void)!pwrite(fd, text, strlen(text), end);
}

/* A reader leaves its line behind.  Of another host nothing is known. */
static gboolean is_over(const char *line)
{
    g_autofree char *here = g_strdup_printf(" on host %s (", g_get_host_name());
    int64_t pid = g_str_has_prefix(line, "pid ") ? g_ascii_strtoll(line + 4, NULL, 10) : 0;
    return pid > 0 && strstr(line, here) != NULL && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* Of those who live, or of those who have ended; NULL: there is none. */
static char *read_lines(int fd, gboolean over)
{
    g_autofree char *text = g_malloc0(HOLDER_LIMIT + 1);
    if (pread(fd, text, HOLDER_LIMIT, 0) <= 0)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(g_strstrip(text), "\n", -1);
    g_autoptr(GString) holders = g_string_new(NULL);
    guint found = 0;
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*lines[i] == '\0' || is_over(lines[i]) != over)
            continue;
        if (found++ < HOLDERS_SHOWN)
            g_string_append_printf(holders, "%s%s", found > 1 ? "; " : "", lines[i]);
    }
    if (found > HOLDERS_SHOWN)
        g_string_append_printf(holders, "; and %u more", found - HOLDERS_SHOWN);
    return found > 0 ? g_strdup(holders->str) : NULL;
}

/* Who took it may be gone, and an engine that inherited it still be at work. */
static char *read_holder(int fd)
{
    char *holder = read_lines(fd, FALSE);
    int64_t until = g_get_monotonic_time() + HOLDER_WAIT_US;
    while (holder == NULL && g_get_monotonic_time() < until) {
        g_usleep(RETRY_US);
        holder = read_lines(fd, FALSE);
    }
    if (holder != NULL)
        return holder;
    g_autofree char *gone = read_lines(fd, TRUE);
    return gone != NULL
               ? g_strdup_printf("%s; it has ended, but what it started still holds it", gone)
               : g_strdup("by another process");
}

/* ---- taking it ------------------------------------------------------------------------------- */

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

/*
 * The first of several readers clears away what those before it left.  It has to be alone for that,
 * and a lock cannot be made a shared one without letting it go: somebody else may come first.
 */
static gboolean take_shared(int fd, int64_t wait_us)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)!ftruncate(fd, 0);
    return take(fd, LOCK_SH, wait_us);
}

Lock *lock_take(const char *path, LockRank rank, LockKind kind, const char *command,
                int64_t wait_us, GError **error)
{
    expect_order(rank, path);
    autofd int fd = open_lock(path, kind);
    if (fd < 0) {
        (void)fail_storage(error, "cannot open the lock %s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (!(kind == LOCK_SHARED ? take_shared(fd, wait_us) : take(fd, LOCK_EX, wait_us))) {
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
    write_holder(fd, kind, command);

    Lock *lock = g_new0(Lock, 1);
    lock->fd = fd;
    lock->rank = rank;
    count_held(rank, 1);
    lock->exclusive = kind == LOCK_EXCLUSIVE;
    fd = -1;
    return lock;
}

gboolean lock_share(Lock *lock)
{
    lock->exclusive = FALSE;
    return flock(lock->fd, LOCK_SH | LOCK_NB) == 0;
}

int lock_fd(const Lock *lock)
{
    return lock->fd;
}

void lock_free(Lock *lock)
{
    if (lock->exclusive) /* or the next one would be taken for us until it has said who it is */
        (void)!ftruncate(lock->fd, 0);
    (void)close(lock->fd);
    count_held(lock->rank, -1);
    g_free(lock);
}
