/* SPDX-License-Identifier: MIT */
#include "alert/syslog.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

enum { SYSLOG_LIMIT_MS = 1000, SYSLOG_PAUSE_MS = 20 };

static const char cut_mark[] = "…";

static const char *usual_path(void)
{
#ifdef LSNCHAIN_TESTING
    const char *path = g_getenv("LSNCHAIN_SYSLOG");
    if (path != NULL)
        return path;
#endif
    return "/dev/log";
}

static const char *path_or_usual(const char *path)
{
    return path != NULL && *path != '\0' ? path : usual_path();
}

gboolean syslog_check_path(const char *path, GError **error)
{
    const struct sockaddr_un address = {0};
    return strlen(path_or_usual(path)) < sizeof(address.sun_path) ||
           fail(error, STATUS_CONFIG, "its socket has a path of more than %zu bytes",
                sizeof(address.sun_path) - 1);
}

/* One line that can be shown; a receiver would take a line break for the start of the next. */
static void append_harmless(GString *line, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        g_string_append_unichar(line, g_unichar_iscntrl(c) ? ' ' : c);
    }
}

static void cut(GString *line)
{
    if (line->len <= SYSLOG_BYTES)
        return;
    const char *end = line->str + SYSLOG_BYTES - strlen(cut_mark);
    if ((*end & 0xC0) == 0x80) /* in the middle of a character */
        end = g_utf8_find_prev_char(line->str, end);
    g_string_truncate(line, (gsize)(end - line->str));
    g_string_append(line, cut_mark);
}

static GString *make_line(int priority, const char *text)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(clock_now());
    GString *line = g_string_new(NULL);
    g_string_printf(line, "<%d>%s %2d %02d:%02d:%02d lsnchain[%d]: ", LOG_DAEMON | priority,
                    months[g_date_time_get_month(now) - 1], g_date_time_get_day_of_month(now),
                    g_date_time_get_hour(now), g_date_time_get_minute(now),
                    g_date_time_get_second(now), (int)getpid());
    append_harmless(line, text);
    cut(line);
    return line;
}

/* A receiver that is busy may have room a moment later.  FALSE: its time is over. */
static gboolean wait_for_room(int fd, int64_t until_us)
{
    if (g_get_monotonic_time() >= until_us)
        return FALSE;
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, SYSLOG_PAUSE_MS) > 0)
        g_usleep(1000); /* a full queue of connections reads as writable */
    return TRUE;
}

/* -1: errno says why not. */
static int connect_to(const struct sockaddr_un *address, int type, int64_t until_us)
{
    autofd int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        if (errno != EINTR && (errno != EAGAIN || !wait_for_room(fd, until_us)))
            return -1;
    }
    return g_steal_fd(&fd);
}

static gboolean write_line(int fd, const char *data, size_t length, int64_t until_us)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
        } else if (errno != EINTR && (errno != EAGAIN || !wait_for_room(fd, until_us))) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Most daemons take datagrams; one that has a stream wants a NUL after each line, as libc has it.
 */
static gboolean send_line(const struct sockaddr_un *address, const GString *line)
{
    int64_t until_us = g_get_monotonic_time() + SYSLOG_LIMIT_MS * 1000;
    autofd int datagram = connect_to(address, SOCK_DGRAM, until_us);
    if (datagram >= 0)
        return write_line(datagram, line->str, line->len, until_us);
    if (errno != EPROTOTYPE)
        return FALSE;
    autofd int stream = connect_to(address, SOCK_STREAM, until_us);
    return stream >= 0 && write_line(stream, line->str, line->len + 1, until_us);
}

gboolean syslog_tell(const char *path, int priority, const char *text, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!syslog_check_path(path, error))
        return FALSE;
    (void)g_strlcpy(address.sun_path, path_or_usual(path), sizeof(address.sun_path));
    g_autoptr(GString) line = make_line(priority, text);
    return send_line(&address, line) ||
           fail(error, STATUS_TRANSFER, "syslog at %s did not take it: %s", address.sun_path,
                errno == EAGAIN ? "it is busy" : g_strerror(errno));
}

void syslog_warn(const char *text)
{
    (void)syslog_tell(NULL, LOG_WARNING, text, NULL);
}
