/* SPDX-License-Identifier: MIT */
#include "base/cancel.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A signal handler can reach nothing but globals. */
static volatile sig_atomic_t received;
static int wake[2] = {-1, -1};

static void note(int number)
{
    int saved = errno;
    if (received == 0)
        received = number;
    ssize_t ignored = write(wake[1], "", 1); /* a full pipe is readable all the same */
    (void)ignored;
    errno = saved;
}

void cancel_install(void)
{
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
        g_error("no pipe for signals: %s", g_strerror(errno));

    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL); /* a reader that went away is an error of write() */
}

int cancel_signal(void)
{
    return received;
}

int cancel_fd(void)
{
    return wake[0];
}

gboolean cancel_check(GError **error)
{
    if (received == 0)
        return TRUE;
    return fail(error, STATUS_FAILED, "stopped by signal SIG%s", sigabbrev_np(received));
}
