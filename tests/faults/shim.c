/* SPDX-License-Identifier: MIT */
/*
 * shim: preloaded into one process, it counts the calls that change what is on disk, of all
 * threads, and does harm at one of them.  The program under test does not know of it.
 *
 *   LSNCHAIN_FAULT_UNDER=DIR:DIR     only calls on paths below these count; must be given
 *   LSNCHAIN_FAULT_TRACE=FILE        one line for each call: number, function, path
 *   LSNCHAIN_FAULT_KILL=K[:after]    SIGKILL before (or after) the K-th call
 *   LSNCHAIN_FAULT_SIGNAL=K:NUMBER   the process gets that signal before its K-th call
 *   LSNCHAIN_FAULT_ERROR=K:ERRNO[:forever]
 *                                    the K-th call (from then on each) fails with that number
 *   LSNCHAIN_FAULT_GROUP=1           its forked children count too, each for itself, and the signal
 *                                    goes to the whole process group, if it leads one
 *   LSNCHAIN_FAULT_SHUTDOWN=K:MOUNT  the file system at MOUNT goes down without a flush of its
 *                                    log, as in a power cut, and the process with it
 *
 * With ERROR only the calls count that can fail so: no space is no reason for a failed unlink.
 * Else children are not counted: none of this is left in the environment, and a forked child is
 * told by its pid.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

enum { FDS = 65536 };

/* What a call can fail with; EIO always. */
enum { ROOM = 1 << 0, DENIED = 1 << 1 };

/* FS_IOC_SHUTDOWN of xfs, ext4 and others: 2 is "without a flush of the log" */
#define GO_DOWN       _IOR('X', 125, unsigned)
#define WITHOUT_FLUSH 2U

typedef enum { NOTHING, KILL_BEFORE, KILL_AFTER, SIGNAL, ERROR_ONCE, ERROR_FOREVER, POWER } Harm;

static struct {
    pid_t pid;  /* 0: nothing is done */
    bool group; /* children as well */
    char under[4 * PATH_MAX];
    int trace_fd;
    Harm harm;
    long at;
    int number; /* of the signal or error */
    int mount_fd;
} plan;

static atomic_long calls;
static _Atomic(bool) written[FDS]; /* descriptors that were opened for writing, and count */

/* ---- the plan -------------------------------------------------------------------------------- */

static bool wanted(const char *name, Harm harm, char **rest)
{
    const char *value = getenv(name);
    if (value == NULL)
        return false;
    plan.harm = harm;
    plan.at = strtol(value, rest, 10);
    *rest += **rest == ':';
    return true;
}

static void read_harm(void)
{
    char *rest = NULL;
    if (wanted("LSNCHAIN_FAULT_KILL", KILL_BEFORE, &rest) && strcmp(rest, "after") == 0)
        plan.harm = KILL_AFTER;
    if (wanted("LSNCHAIN_FAULT_SIGNAL", SIGNAL, &rest))
        plan.number = atoi(rest);
    if (wanted("LSNCHAIN_FAULT_ERROR", ERROR_ONCE, &rest)) {
        plan.number = atoi(rest);
        if (strstr(rest, ":forever") != NULL)
            plan.harm = ERROR_FOREVER;
    }
    if (wanted("LSNCHAIN_FAULT_SHUTDOWN", POWER, &rest))
        plan.mount_fd = (int)syscall(SYS_openat, AT_FDCWD, rest, O_RDONLY | O_CLOEXEC);
}

__attribute__((constructor)) static void begin(void)
{
    static const char *const names[] = {
        "LSNCHAIN_FAULT_KILL",  "LSNCHAIN_FAULT_SIGNAL",
        "LSNCHAIN_FAULT_ERROR", "LSNCHAIN_FAULT_TRACE",
        "LSNCHAIN_FAULT_UNDER", "LSNCHAIN_FAULT_SHUTDOWN",
        "LSNCHAIN_FAULT_GROUP", "LD_PRELOAD",
    };
    const char *under = getenv("LSNCHAIN_FAULT_UNDER");
    const char *trace = getenv("LSNCHAIN_FAULT_TRACE");
    if (under == NULL)
        return;
    (void)snprintf(plan.under, sizeof plan.under, "%s", under);
    plan.trace_fd = trace == NULL ? -1
                                  : (int)syscall(SYS_openat, AT_FDCWD, trace,
                                                 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    read_harm();
    plan.group = getenv("LSNCHAIN_FAULT_GROUP") != NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unsetenv(names[i]);
    plan.pid = getpid();
}

/* ---- does it count? -------------------------------------------------------------------------- */

static bool is_below(const char *path)
{
    const char *directory = plan.under;
    while (*directory != '\0') {
        size_t length = strcspn(directory, ":");
        if (strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
        directory += length + (directory[length] == ':');
    }
    return false;
}

static bool path_of_fd(int fd, char *path)
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    return length > 0;
}

static void path_at(int dir_fd, const char *name, char *path)
{
    char base[PATH_MAX] = "";
    if (*name == '/' ||
        (dir_fd == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !path_of_fd(dir_fd, base)))
        (void)snprintf(path, PATH_MAX, "%s", name);
    else
        (void)snprintf(path, PATH_MAX, "%.2000s/%.2000s", base, name);
}

static bool may_fail(int can)
{
    switch (plan.number) {
    case ENOSPC:
    case EDQUOT:
        return (can & ROOM) != 0;
    case EACCES:
        return (can & DENIED) != 0;
    default:
        return true;
    }
}

static void note(long number, const char *function, const char *path)
{
    char line[PATH_MAX + 128];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, function, path);
    if (plan.trace_fd >= 0)
        (void)!syscall(SYS_write, plan.trace_fd, line, (size_t)length);
}

static void end_process(int number)
{
    (void)kill(plan.group && getpgrp() == plan.pid ? 0 : getpid(), number);
    while (number == SIGKILL)
        (void)pause();
}

static bool is_counted(void)
{
    return plan.pid != 0 && (plan.group || getpid() == plan.pid);
}

/* TRUE: the call must fail with errno; `dies` is set when the process ends after the call. */
static bool hit(const char *function, const char *path, int can, bool *dies)
{
    bool errors = plan.harm == ERROR_ONCE || plan.harm == ERROR_FOREVER;
    if (errors && !may_fail(can))
        return false;
    long number = atomic_fetch_add(&calls, 1) + 1;
    note(number, function, path);
    if (plan.harm == ERROR_FOREVER ? number < plan.at : number != plan.at)
        return false;
    switch (plan.harm) {
    case KILL_BEFORE:
        end_process(SIGKILL);
        break;
    case KILL_AFTER:
        *dies = true;
        break;
    case SIGNAL:
        end_process(plan.number);
        break;
    case POWER: {
        unsigned how = WITHOUT_FLUSH;
        (void)ioctl(plan.mount_fd, GO_DOWN, &how);
        end_process(SIGKILL);
        break;
    }
    case ERROR_ONCE:
    case ERROR_FOREVER:
        errno = plan.number;
        return true;
    case NOTHING:
        break;
    }
    return false;
}

static bool hit_at(const char *function, int dir_fd, const char *name, int can, bool *dies)
{
    char path[PATH_MAX];
    if (!is_counted())
        return false;
    path_at(dir_fd, name, path);
    return is_below(path) && hit(function, path, can, dies);
}

static bool hit_fd(const char *function, int fd, int can, bool *dies)
{
    char path[PATH_MAX];
    return is_counted() && path_of_fd(fd, path) && is_below(path) && hit(function, path, can, dies);
}

/* ---- the calls ------------------------------------------------------------------------------- */

#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (real == NULL)                                                                              \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* Every body is the same: a failure, or the real call, and perhaps the end. */
#define CALL(strike, real_call)                                                                    \
    do {                                                                                           \
        bool dies = false;                                                                         \
        if (strike)                                                                                \
            return -1;                                                                             \
        __typeof__(real_call) result = (real_call);                                                \
        if (dies)                                                                                  \
            end_process(SIGKILL);                                                                  \
        return result;                                                                             \
    } while (0)

static bool opens_for_change(int flags)
{
    return (flags & O_ACCMODE) == O_WRONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

static int open_any(const char *function, int dir_fd, const char *name, int flags, mode_t mode)
{
    bool dies = false;
    bool changes = opens_for_change(flags) && (flags & O_PATH) == 0;
    if (changes && hit_at(function, dir_fd, name, ROOM | DENIED, &dies))
        return -1;
    int fd = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    if (dies)
        end_process(SIGKILL);
    if (fd >= 0 && fd < FDS)
        atomic_store(&written[fd], (flags & O_ACCMODE) != O_RDONLY);
    return fd;
}

static mode_t mode_in(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_in(flags, args);                                                        \
        va_end(args);                                                                              \
        return open_any("open", AT_FDCWD, path, flags, mode);                                      \
    }
#define OPENAT(name)                                                                               \
    int name(int dir_fd, const char *path, int flags, ...)                                         \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_in(flags, args);                                                        \
        va_end(args);                                                                              \
        return open_any("open", dir_fd, path, flags, mode);                                        \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir_fd, const char *path, int flags);
int __openat64_2(int dir_fd, const char *path, int flags);

int __open_2(const char *path, int flags)
{
    return open_any("open", AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
    return open_any("open", AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir_fd, const char *path, int flags)
{
    return open_any("open", dir_fd, path, flags, 0);
}

int __openat64_2(int dir_fd, const char *path, int flags)
{
    return open_any("open", dir_fd, path, flags, 0);
}

int creat(const char *path, mode_t mode)
{
    return open_any("open", AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode)
{
    return open_any("open", AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* It is closed whatever it says, as Linux does. */
int close(int fd)
{
    REAL(close);
    bool counts = fd >= 0 && fd < FDS && atomic_exchange(&written[fd], false);
    bool dies = false;
    bool fails = counts && hit_fd("close", fd, ROOM, &dies);
    int failure = errno;
    int result = real(fd);
    if (dies)
        end_process(SIGKILL);
    if (!fails)
        return result;
    errno = failure;
    return -1;
}

ssize_t write(int fd, const void *data, size_t length)
{
    REAL(write);
    CALL(hit_fd("write", fd, ROOM, &dies), real(fd, data, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    CALL(hit_fd("write", fd, ROOM, &dies), real(fd, parts, count));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
    REAL(pwrite);
    CALL(hit_fd("write", fd, ROOM, &dies), real(fd, data, length, at));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at)
{
    REAL(pwrite64);
    CALL(hit_fd("write", fd, ROOM, &dies), real(fd, data, length, at));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    REAL(pwritev);
    CALL(hit_fd("write", fd, ROOM, &dies), real(fd, parts, count, at));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    REAL(pwritev64);
    CALL(hit_fd("write", fd, ROOM, &dies), real(fd, parts, count, at));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length,
                        unsigned flags)
{
    REAL(copy_file_range);
    CALL(hit_fd("write", to, ROOM, &dies), real(from, from_at, to, to_at, length, flags));
}

int ftruncate(int fd, off_t length)
{
    REAL(ftruncate);
    CALL(hit_fd("ftruncate", fd, ROOM, &dies), real(fd, length));
}

int ftruncate64(int fd, off64_t length)
{
    REAL(ftruncate64);
    CALL(hit_fd("ftruncate", fd, ROOM, &dies), real(fd, length));
}

int fallocate(int fd, int mode, off_t at, off_t length)
{
    REAL(fallocate);
    CALL(hit_fd("fallocate", fd, ROOM, &dies), real(fd, mode, at, length));
}

int fallocate64(int fd, int mode, off64_t at, off64_t length)
{
    REAL(fallocate64);
    CALL(hit_fd("fallocate", fd, ROOM, &dies), real(fd, mode, at, length));
}

int fsync(int fd)
{
    REAL(fsync);
    CALL(hit_fd("fsync", fd, ROOM, &dies), real(fd));
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    CALL(hit_fd("fsync", fd, ROOM, &dies), real(fd));
}

int syncfs(int fd)
{
    REAL(syncfs);
    CALL(hit_fd("syncfs", fd, ROOM, &dies), real(fd));
}

int rename(const char *old, const char *new)
{
    REAL(rename);
    CALL(hit_at("rename", AT_FDCWD, new, ROOM | DENIED, &dies), real(old, new));
}

int renameat(int old_fd, const char *old, int new_fd, const char *new)
{
    REAL(renameat);
    CALL(hit_at("rename", new_fd, new, ROOM | DENIED, &dies), real(old_fd, old, new_fd, new));
}

int renameat2(int old_fd, const char *old, int new_fd, const char *new, unsigned flags)
{
    REAL(renameat2);
    CALL(hit_at("rename", new_fd, new, ROOM | DENIED, &dies),
         real(old_fd, old, new_fd, new, flags));
}

int link(const char *old, const char *new)
{
    REAL(link);
    CALL(hit_at("link", AT_FDCWD, new, ROOM | DENIED, &dies), real(old, new));
}

int linkat(int old_fd, const char *old, int new_fd, const char *new, int flags)
{
    REAL(linkat);
    CALL(hit_at("link", new_fd, new, ROOM | DENIED, &dies), real(old_fd, old, new_fd, new, flags));
}

int symlink(const char *target, const char *name)
{
    REAL(symlink);
    CALL(hit_at("symlink", AT_FDCWD, name, ROOM | DENIED, &dies), real(target, name));
}

int symlinkat(const char *target, int dir_fd, const char *name)
{
    REAL(symlinkat);
    CALL(hit_at("symlink", dir_fd, name, ROOM | DENIED, &dies), real(target, dir_fd, name));
}

int unlink(const char *name)
{
    REAL(unlink);
    CALL(hit_at("unlink", AT_FDCWD, name, DENIED, &dies), real(name));
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    REAL(unlinkat);
    CALL(hit_at("unlink", dir_fd, name, DENIED, &dies), real(dir_fd, name, flags));
}

int remove(const char *name)
{
    REAL(remove);
    CALL(hit_at("unlink", AT_FDCWD, name, DENIED, &dies), real(name));
}

int rmdir(const char *name)
{
    REAL(rmdir);
    CALL(hit_at("unlink", AT_FDCWD, name, DENIED, &dies), real(name));
}

int mkdir(const char *name, mode_t mode)
{
    REAL(mkdir);
    CALL(hit_at("mkdir", AT_FDCWD, name, ROOM | DENIED, &dies), real(name, mode));
}

int mkdirat(int dir_fd, const char *name, mode_t mode)
{
    REAL(mkdirat);
    CALL(hit_at("mkdir", dir_fd, name, ROOM | DENIED, &dies), real(dir_fd, name, mode));
}

int chmod(const char *name, mode_t mode)
{
    REAL(chmod);
    CALL(hit_at("chmod", AT_FDCWD, name, DENIED, &dies), real(name, mode));
}

int fchmod(int fd, mode_t mode)
{
    REAL(fchmod);
    CALL(hit_fd("chmod", fd, DENIED, &dies), real(fd, mode));
}

int fchmodat(int dir_fd, const char *name, mode_t mode, int flags)
{
    REAL(fchmodat);
    CALL(hit_at("chmod", dir_fd, name, DENIED, &dies), real(dir_fd, name, mode, flags));
}

int fchown(int fd, uid_t user, gid_t group)
{
    REAL(fchown);
    CALL(hit_fd("chown", fd, DENIED, &dies), real(fd, user, group));
}

int fchownat(int dir_fd, const char *name, uid_t user, gid_t group, int flags)
{
    REAL(fchownat);
    CALL(hit_at("chown", dir_fd, name, DENIED, &dies), real(dir_fd, name, user, group, flags));
}

int utimensat(int dir_fd, const char *name, const struct timespec times[2], int flags)
{
    REAL(utimensat);
    CALL(hit_at("utimes", dir_fd, name, DENIED, &dies), real(dir_fd, name, times, flags));
}

int futimens(int fd, const struct timespec times[2])
{
    REAL(futimens);
    CALL(hit_fd("utimes", fd, DENIED, &dies), real(fd, times));
}
