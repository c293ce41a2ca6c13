/* SPDX-License-Identifier: MIT */
/*
 * channel_command: a program of the operator's, with the event in its environment and on its stdin.
 *
 * Nothing of an event becomes an argument, and no shell is involved.
 */
#include "alert/channels.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/proc.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
    COMMAND_GRACE_US = G_USEC_PER_SEC,
    COMMAND_SAID_BYTES = 120,
    EXIT_TRY_AGAIN = 75, /* EX_TEMPFAIL of sysexits.h */
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127,
};

/* Who may change the program may act as us. */
static gboolean check_program(const char *path, GError **error)
{
    struct stat status;
    g_autofree char *typed = g_shell_quote(path);
    if (stat(path, &status) < 0)
        return fail(error, STATUS_CONFIG, "its command %s cannot be run: %s", path,
                    g_strerror(errno));
    if (!S_ISREG(status.st_mode) || access(path, X_OK) < 0)
        return fail(error, STATUS_CONFIG, "its command %s cannot be executed" HINT("chmod +x %s"),
                    path, typed);
    return (status.st_mode & S_IWOTH) == 0 || fail(error, STATUS_CONFIG,
                                                   "its command %s can be written by others" HINT(
                                                       "see what is in it, then: chmod o-w %s"),
                                                   path, typed);
}

static gboolean check(const AlertChannel *channel, GError **error)
{
    g_auto(GStrv) argv = NULL;
    if (!g_shell_parse_argv(channel->command != NULL ? channel->command : "", NULL, &argv, NULL))
        return fail(error, STATUS_CONFIG,
                    "its command cannot be read" HINT(
                        "give a program and its arguments, with balanced quotes"));
    if (argv[0][0] != '/')
        return fail(error, STATUS_CONFIG,
                    "its command does not begin with an absolute path" HINT(
                        "give the full path; pipes and variables need a script"));
    return check_program(argv[0], error);
}

static char **make_env(const Event *event)
{
    g_autofree char *time = clock_format(event->timestamp);
    const char *const variables[][2] = {
        {"LSNCHAIN_TYPE", event_word(event->type)},
        {"LSNCHAIN_SEVERITY", severity_word(event->severity)},
        {"LSNCHAIN_INSTANCE", event->instance},
        {"LSNCHAIN_INCIDENT", event->incident},
        {"LSNCHAIN_BACKUP", event->backup},
        {"LSNCHAIN_RULE", event->rule},
        {"LSNCHAIN_SUMMARY", event->summary},
        {"LSNCHAIN_CAUSE", event->cause},
        {"LSNCHAIN_REMEDY", event->remedy},
        {"LSNCHAIN_HOST", event->host},
        {"LSNCHAIN_VERSION", event->version},
        {"LSNCHAIN_ID", event->id},
        {"LSNCHAIN_TIMESTAMP", time},
    };
    char **env = g_strdupv((char **)proc_plain_env());
    for (size_t i = 0; i < G_N_ELEMENTS(variables); i++)
        env = g_environ_setenv(env, variables[i][0], variables[i][1], TRUE);
    return env;
}

/* In memory: it may be longer than a pipe that nobody reads takes.  -1: errno. */
static int open_body(const Event *event)
{
    json_auto_t *body = event_json(event);
    g_autofree char *text = json_dumps(body, JSON_COMPACT);
    autofd int fd = memfd_create("lsnchain-alert", MFD_CLOEXEC);
    if (fd < 0 || !files_write(fd, text, strlen(text)) || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return g_steal_fd(&fd);
}

/* The last line of each stream, such that it can stand in a message of ours. */
typedef struct {
    char *last[2];
} Said;

static void said_clear(Said *said)
{
    g_free(said->last[PROC_OUT]);
    g_free(said->last[PROC_ERR]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Said, said_clear)

static void note_line(ProcStream stream, const char *line, void *data)
{
    Said *said = data;
    g_autofree char *valid = g_utf8_make_valid(line, -1);
    g_autoptr(GString) clean = g_string_new(NULL);
    for (const char *p = valid; *p != '\0' && clean->len < COMMAND_SAID_BYTES;
         p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        g_string_append_unichar(clean, g_unichar_isprint(c) ? c : ' ');
    }
    (void)g_strstrip(clean->str);
    if (*clean->str != '\0')
        text_set(&said->last[stream], clean->str);
}

static Delivery judge(const ProcEnd *end)
{
    if (end->stop != PROC_BY_ITSELF || end->status == EXIT_TRY_AGAIN)
        return DELIVERY_AGAIN;
    if (end->status == 0)
        return DELIVERY_DELIVERED;
    gboolean never_ran = end->status == EXIT_CANNOT_RUN || end->status == EXIT_NOT_FOUND;
    return never_ran ? DELIVERY_DOWN : DELIVERY_REFUSED;
}

static void run(char **argv, const Event *event, const Attempt *attempt, Outcome *outcome)
{
    g_auto(GStrv) env = make_env(event);
    g_auto(Said) said = {0};
    g_autoptr(GError) error = NULL;
    autofd int body = open_body(event);
    ProcEnd end;
    const ProcSpec spec = {.argv = (const char *const *)argv,
                           .env = (const char *const *)env,
                           .in_fd = body,
                           .out_fd = -1,
                           .on_line = note_line,
                           .data = &said,
                           .limit_us = attempt->limit_ms * 1000,
                           .grace_us = COMMAND_GRACE_US,
                           .sees_it_through = !attempt->heed_signal};

    outcome->verdict = DELIVERY_DOWN;
    if (body < 0) {
        outcome->text = g_strdup_printf("no memory for its stdin: %s", g_strerror(errno));
    } else if (!proc_run(&spec, &end, &error)) {
        outcome->text = error_sentence(error);
    } else {
        g_autofree char *how = proc_end_text(&end);
        outcome->verdict = judge(&end);
        const char *line = said.last[PROC_ERR] != NULL ? said.last[PROC_ERR] : said.last[PROC_OUT];
        outcome->text = g_strconcat(how, line != NULL ? ": " : NULL, line, NULL);
    }
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    g_auto(GStrv) argv = NULL;
    if (!g_shell_parse_argv(channel->command, NULL, &argv, NULL))
        g_error("a command that was not checked");
    run(argv, event, attempt, outcome);
}

const ChannelType channel_command = {"command", check, send_event};
