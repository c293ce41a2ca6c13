/* SPDX-License-Identifier: MIT */
#include "base/priority.h"

#include "base/log.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static gboolean lower_io(IoPriority io)
{
    static const struct {
        int class, level;
    } values[] = {
        [IO_LOW] = {IOPRIO_CLASS_BE, 7},
        [IO_IDLE] = {IOPRIO_CLASS_IDLE, 0},
    };
    int value = IOPRIO_PRIO_VALUE(values[io].class, values[io].level);
    return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) == 0;
}

/* Of the calling thread (setpriority(2), "C library/kernel differences"). */
static gboolean read_nice(int *nice)
{
    errno = 0; /* -1 is a priority too */
    *nice = getpriority(PRIO_PROCESS, 0);
    return errno == 0;
}

static gboolean lower_cpu(int nice)
{
    int now = 0;
    return read_nice(&now) && (now >= nice || setpriority(PRIO_PROCESS, 0, nice) == 0);
}

void priority_lower(int nice, IoPriority io)
{
    if (nice > 0 && !lower_cpu(nice))
        log_warning("this host does not let us lower our priority: %s", g_strerror(errno));
    if (io != IO_NORMAL && !lower_io(io))
        log_warning("this host does not let us lower our disk priority: %s", g_strerror(errno));
}

void priority_yield(void)
{
    enum { MORE = 10 };
    int now = 0;
    if (read_nice(&now))
        (void)setpriority(PRIO_PROCESS, 0, now + MORE); /* the kernel ends at 19 */
}
