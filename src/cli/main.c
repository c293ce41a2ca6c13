/* SPDX-License-Identifier: MIT */
/* main: from argv to the exit status. */
#include "alert/alert.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/pings.h"
#include "flow/channels.h"
#include "report/nagios.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAGIOS_LIMIT_S = 9 }; /* check_nrpe itself waits for 10 s */

/* After the last lock was let go; an alert that did not arrive is a warning. */
static void deliver_alerts(const App *app)
{
    if (app->config == NULL || app->repository_path != NULL || app->answers || app->delivered)
        return;
    g_autoptr(Channels) channels = channels_new(app->config);
    g_autoptr(GError) error = NULL;
    AlertReport report;
    channels_deliver_unkept(channels, app->unkept);
    if (!channels_deliver(channels, &report, &error))
        log_warning("alerts could not be delivered: %s", error->message);
}

static gboolean print_version(void)
{
    puts("lsnchain " LSNCHAIN_VERSION);
    return TRUE;
}

static gboolean run(App *app, int argc, char **argv, GError **error)
{
    if (!app_take_globals(app, &argc, &argv, error))
        return FALSE;
    if (app->nagios != NULL && (app->help || app->version))
        return fail(error, STATUS_USAGE, "--nagios goes with status only");
    if (app->version)
        return print_version();
    char **args = NULL;
    if (app->help && argv[1] == NULL) {
        command_print_overview();
        return TRUE;
    }
    const Command *command = command_find(argv + 1, &args, error);
    if (command == NULL)
        return FALSE;
    if (app->help) {
        command_print_help(command);
        return TRUE;
    }
    gboolean done = command_run(command, app, args, error);
    deliver_alerts(app);
    app_note_warnings(app);
    app_write_metrics(app, TRUE);
    return done;
}

static int tell(App *app, const GError *error)
{
    if (error != NULL)
        log_error("%s", error->message);
    int status = app_status(app, error, 0);
    if (app->command != NULL || error != NULL)
        report_end(&app->report, app->command != NULL ? app->command : "", status, error);
    if (fflush(stdout) != 0 && status <= STATUS_WARNINGS) {
        log_error("the result could not be written to stdout");
        status = STATUS_FAILED;
    }
    return status;
}

/* ---- status --nagios ------------------------------------------------------------------------- */

/* Whatever else stands there: a monitor takes 0 for "well" and 2 for "critical". */
static gboolean wants_nagios(char **argv)
{
    for (guint i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        if (g_str_has_prefix(argv[i], "--nagios"))
            return TRUE;
    }
    return FALSE;
}

/* A disk that hangs must not keep the monitor from an answer. */
static gpointer end_in_time(gpointer answered)
{
    static const char late[] = "LSNCHAIN UNKNOWN - no answer within 9 s: does a disk hang?\n";
    g_usleep(NAGIOS_LIMIT_S * G_USEC_PER_SEC);
    if (!g_atomic_int_compare_and_exchange((gint *)answered, FALSE, TRUE))
        return NULL;
    (void)!write(STDOUT_FILENO, late, sizeof late - 1);
    _exit(NAGIOS_UNKNOWN);
}

static int tell_nagios(const App *app, const GError *error, gint *answered)
{
    if (!g_atomic_int_compare_and_exchange(answered, FALSE, TRUE))
        g_usleep(G_USEC_PER_SEC * 60); /* the other one ends us */
    if (error != NULL)
        nagios_add_unknown(app->nagios, error->message);
    else if (cancel_signal() != 0)
        nagios_add_unknown(app->nagios, "interrupted by a signal");
    g_autofree char *text = nagios_text(app->nagios);
    gboolean told = fputs(text, stdout) != EOF && fflush(stdout) == 0;
    return told ? nagios_status(app->nagios) : NAGIOS_UNKNOWN;
}

/* A file of ours must never land on the number of a stream that the caller had closed. */
static void fill_standard_streams(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    (void)setlocale(LC_CTYPE, "");
    umask(027);
    memory_keep_little();
    cancel_install();

    App app = {.unkept = g_ptr_array_new_with_free_func(spool_entry_free)};
    gint answered = FALSE;
    report_start(&app.report, FALSE);
    if (wants_nagios(argv)) {
        app.nagios = nagios_new();
        g_thread_unref(g_thread_new("limit", end_in_time, &answered));
    }
    g_autoptr(GError) error = NULL;
    if (alert_init(&error))
        (void)run(&app, argc, argv, &error);
    if (app.nagios == NULL)
        pings_end(&app, app_status(&app, error, 0), error);
    app_note_warnings(&app);
    int status = app.nagios != NULL ? tell_nagios(&app, error, &answered) : tell(&app, error);
    app_clear(&app);
    alert_end();
    exit(status);
}
