/* SPDX-License-Identifier: MIT */
/* Lines to a socket that the test itself reads, as a log daemon would. */
#include "../fakes/receivers/receiver.h"

#include "alert/syslog.h"
#include "base/error.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

TestSuite(syslog, .timeout = 60);

/* A log daemon's socket in a directory of its own. */
typedef struct {
    char *dir;
    char *path;
    int fd;
} Daemon;

static Daemon listen_at(int type)
{
    Daemon daemon = {.dir = scratch_dir()};
    daemon.path = g_build_filename(daemon.dir, "log", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)g_strlcpy(address.sun_path, daemon.path, sizeof(address.sun_path));
    daemon.fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(daemon.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        cr_assert_eq(listen(daemon.fd, 1), 0);
    return daemon;
}

static void daemon_end(Daemon *daemon)
{
    (void)close(daemon->fd);
    (void)files_remove_tree(AT_FDCWD, daemon->dir, NULL);
    g_free(daemon->dir);
    g_free(daemon->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Daemon, daemon_end)

/* The next datagram; NULL: there is none.  Free it. */
static char *next_line(const Daemon *daemon)
{
    char buffer[8192];
    ssize_t length = recv(daemon->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    return length < 0 ? NULL : g_strndup(buffer, (gsize)length);
}

static AlertChannel channel_to(const char *path)
{
    return (AlertChannel){.name = "log", .type = "syslog", .socket = path};
}

static void tell(const Daemon *daemon, const char *text)
{
    g_autoptr(GError) error = NULL;
    cr_assert(syslog_tell(daemon->path, LOG_CRIT, text, &error), "%s",
              error != NULL ? error->message : "");
}

Test(syslog, writes_one_line_as_programs_on_this_host_do)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    tell(&daemon, "the chain of shop is broken");
    g_autofree char *line = next_line(&daemon);
    g_autofree char *pattern = g_strdup_printf(
        "^<26>[A-Z][a-z]{2} [ 123][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} lsnchain\\[%d\\]: "
        "the chain of shop is broken$",
        (int)getpid());
    cr_expect(g_regex_match_simple(pattern, line, 0, 0), "%s", line);
    cr_expect_null(next_line(&daemon));
}

Test(syslog, each_severity_has_its_priority)
{
    static const struct {
        EventType type;
        const char *start, *words;
    } cases[] = {
        {EVENT_CHAIN_BROKEN, "<26>",
         "]: critical chain_broken: it broke; instance: shop; "
         "incident: lsnchain/shop/chain_broken"},
        {EVENT_SPACE_LOW, "<28>", "]: warning space_low: it broke"},
        {EVENT_CHAIN_RECOVERED, "<29>", "]: recovery chain_recovered: it broke"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
        g_auto(Desk) desk = open_desk();
        const AlertChannel channel = channel_to(daemon.path);
        spool_one(&desk, cases[i].type, "it broke");
        cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
        g_autofree char *line = next_line(&daemon);
        cr_expect(line != NULL && g_str_has_prefix(line, cases[i].start), "%s", line);
        expect_holds(line, cases[i].words);
        cr_expect_null(next_line(&daemon), "one event is one line");
    }
}

Test(syslog, says_why_a_line_was_not_taken)
{
    g_autofree char *dir = scratch_dir();
    g_autofree char *nowhere = g_build_filename(dir, "log", NULL);
    g_autoptr(GError) error = NULL;
    cr_expect_not(syslog_tell(nowhere, LOG_CRIT, "x", &error));
    cr_assert_not_null(error);
    cr_expect_eq(error_status(error), STATUS_TRANSFER);
    expect_holds(error->message, nowhere);
    expect_holds(error->message, "No such file");
    (void)files_remove_tree(AT_FDCWD, dir, NULL);
}

Test(syslog, a_daemon_that_is_gone_is_no_success)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    (void)close(daemon.fd); /* its socket file stays, as after a crash */
    daemon.fd = -1;
    g_autoptr(GError) error = NULL;
    cr_expect_not(syslog_tell(daemon.path, LOG_CRIT, "x", &error));
    cr_assert_not_null(error);
    expect_holds(error->message, "refused");
}

Test(syslog, an_event_that_nobody_took_stays_in_the_spool)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    g_auto(Desk) desk = open_desk();
    AlertChannel channel = channel_to("/nonexistent/log");
    spool_one(&desk, EVENT_CHAIN_BROKEN, "it broke");
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    g_autofree char *said = warnings();
    expect_holds(said, "/nonexistent/log");

    channel.socket = daemon.path; /* the daemon is back */
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *line = next_line(&daemon);
    expect_holds(line, "it broke");
}

Test(syslog, does_not_wait_for_a_daemon_that_reads_nothing)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    g_autoptr(GError) error = NULL;
    unsigned taken = 0;
    while (taken < 10000 && syslog_tell(daemon.path, LOG_CRIT, "x", &error))
        taken++; /* until its queue is full */
    cr_assert_not_null(error, "%u lines were taken", taken);
    expect_holds(error->message, "busy");
}

Test(syslog, a_daemon_that_is_slow_gets_its_line)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    while (syslog_tell(daemon.path, LOG_CRIT, "x", NULL))
        ; /* until its queue is full */
    pid_t reader = fork();
    if (reader == 0) {
        g_usleep(100000);
        g_autofree char *line = next_line(&daemon);
        _exit(line != NULL ? 0 : 1);
    }
    tell(&daemon, "late");
    cr_expect_gt(waitpid(reader, NULL, 0), 0);
}

Test(syslog, speaks_to_a_daemon_that_wants_a_stream)
{
    g_auto(Daemon) daemon = listen_at(SOCK_STREAM);
    tell(&daemon, "over a stream");
    autofd int connection = accept(daemon.fd, NULL, NULL);
    char buffer[4096] = {0};
    ssize_t length = recv(connection, buffer, sizeof(buffer) - 1, 0);
    expect_holds(buffer, "]: over a stream");
    cr_assert_gt(length, 0);
    cr_expect_eq(buffer[length - 1], '\0');
    cr_expect_eq(strlen(buffer), (size_t)length - 1, "one line, ended by a NUL");
    cr_expect_eq(recv(connection, buffer, sizeof(buffer), 0), 0);
}

Test(syslog, hostile_text_is_one_line_of_plain_text)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    tell(&daemon,
         "100% of %s and %n\r\n<0>Jan  1 00:00:00 root: forged\033[2J\xff\xc2\x9b<!channel>");
    g_autofree char *line = next_line(&daemon);
    expect_holds(
        line, "]: 100% of %s and %n  <0>Jan  1 00:00:00 root: forged [2J\xef\xbf\xbd <!channel>");
    cr_expect_null(next_line(&daemon));
}

Test(syslog, a_long_text_is_cut_at_a_character)
{
    for (unsigned shift = 0; shift < 3; shift++) {
        g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
        g_autoptr(GString) text = g_string_new("aa");
        g_string_truncate(text, shift);
        while (text->len < 1024 * 1024)
            g_string_append(text, "€"); /* three bytes: a cut falls into it or not */
        tell(&daemon, text->str);
        g_autofree char *line = next_line(&daemon);
        cr_expect_leq(strlen(line), SYSLOG_BYTES);
        cr_expect_geq(strlen(line), SYSLOG_BYTES - 3);
        cr_expect(g_utf8_validate(line, -1, NULL), "%s", line);
        cr_expect(g_str_has_suffix(line, "€…"), "%s", line);
    }
}

Test(syslog, a_line_that_just_fits_is_not_cut)
{
    g_auto(Daemon) daemon = listen_at(SOCK_DGRAM);
    tell(&daemon, "");
    g_autofree char *bare = next_line(&daemon);
    g_autofree char *text = g_strnfill(SYSLOG_BYTES - strlen(bare), 'x');
    tell(&daemon, text);
    g_autofree char *line = next_line(&daemon);
    cr_expect_eq(strlen(line), SYSLOG_BYTES);
    cr_expect(g_str_has_suffix(line, "xxx"), "%s", line);
}

Test(syslog, a_path_too_long_for_a_socket_is_a_configuration_error)
{
    g_autofree char *path = g_strnfill(108, '/');
    const AlertChannel channel = channel_to(path);
    g_autoptr(GError) error = NULL;
    cr_expect_not(alert_check_channel(&channel, &error));
    cr_assert_not_null(error);
    cr_expect_eq(error_status(error), STATUS_CONFIG);
    path[107] = '\0';
    cr_expect(alert_check_channel(&channel, NULL));
}
