/* SPDX-License-Identifier: MIT */
#include "proof/guard.h"

#include "base/cancel.h"
#include "base/files.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

struct Guard {
    const Proc *proc;
    int64_t deadline_us;
    int done_fd; /* readable: it is needed no more */
    gint fired;
    GThread *thread;
};

/* Milliseconds for poll(); -1: for ever. */
static int time_left(const Guard *guard)
{
    if (guard->deadline_us == 0)
        return -1;
    int64_t left = guard->deadline_us - g_get_monotonic_time();
    return (int)CLAMP((left + 999) / 1000, 0, G_MAXINT);
}

static void *stand_by(void *data)
{
    Guard *guard = data;
    struct pollfd polled[] = {
        {.fd = guard->done_fd, .events = POLLIN},
        {.fd = cancel_fd(), .events = POLLIN},
    };
    int ready;
    do
        ready = poll(polled, G_N_ELEMENTS(polled), time_left(guard));
    while ((ready < 0 && errno == EINTR) || (ready == 0 && time_left(guard) != 0));
    if (polled[0].revents != 0)
        return NULL;
    if (ready == 0)
        g_atomic_int_set(&guard->fired, 1);
    proc_kill(guard->proc);
    return NULL;
}

Guard *guard_start(const Proc *proc, int64_t deadline_us)
{
    Guard *guard = g_new0(Guard, 1);
    guard->proc = proc;
    guard->deadline_us = deadline_us;
    guard->done_fd = eventfd(0, EFD_CLOEXEC);
    if (guard->done_fd < 0)
        g_error("eventfd: %s", g_strerror(errno));
    guard->thread = g_thread_new("guard", stand_by, guard);
    return guard;
}

gboolean guard_fired(const Guard *guard)
{
    return g_atomic_int_get(&guard->fired) != 0;
}

void guard_free(Guard *guard)
{
    const guint64 one = 1;
    (void)files_write(guard->done_fd, &one, sizeof one);
    (void)g_thread_join(guard->thread);
    files_clear_fd(&guard->done_fd);
    g_free(guard);
}
