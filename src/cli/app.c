/* SPDX-License-Identifier: MIT */
#include "cli/app.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "flow/metrics.h"
#include "flow/vitals.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SIGNAL_BASE = 128 };

void app_clear(App *app)
{
    g_free(app->config_path);
    g_free(app->repository_path);
    g_free(app->instance_name);
    g_free(app->output);
    g_clear_pointer(&app->config, config_free);
    g_clear_pointer(&app->repository, repository_free);
    report_clear(&app->report);
    g_free(app->run_id);
    g_clear_pointer(&app->unkept, g_ptr_array_unref);
    g_clear_pointer(&app->ended, g_array_unref);
    g_clear_pointer(&app->nagios, nagios_free);
}

int app_status(const App *app, const GError *error, guint warnings_before)
{
    if (cancel_signal() != 0)
        return SIGNAL_BASE + cancel_signal();
    if (error != NULL)
        return (int)error_status(error);
    gboolean warned = log_warnings()->len > warnings_before && !app->answers;
    return warned ? STATUS_WARNINGS : STATUS_OK;
}

/* ---- options --------------------------------------------------------------------------------- */

/* GLib's errors are in its own domain, and its help would end the program. */
static gboolean usage(GError *glib_error, GError **error)
{
    g_autoptr(GError) owned = glib_error;
    return fail(error, STATUS_USAGE, "%s" HINT("see: lsnchain --help"), owned->message);
}

static gboolean take_output(App *app, GError **error)
{
    gboolean json = app->output != NULL && g_str_equal(app->output, "json");
    if (app->output != NULL && !json && !g_str_equal(app->output, "text"))
        return fail(error, STATUS_USAGE, "--output=%s is neither text nor json", app->output);
    report_clear(&app->report);
    report_start(&app->report, json);
    if (app->verbose && app->quiet)
        return fail(error, STATUS_USAGE, "-v and -q contradict each other");
    if (app->config_path != NULL && app->repository_path != NULL)
        return fail(error, STATUS_USAGE, "-c and --repository contradict each other");
    log_show(app->nagios != NULL ? LOG_ERROR
             : app->quiet        ? LOG_WARNING
             : app->verbose      ? LOG_DETAIL
                                 : LOG_NOTICE);
    return TRUE;
}

gboolean app_take_globals(App *app, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &app->config_path, NULL, NULL},
        {"repository", 0, 0, G_OPTION_ARG_FILENAME, &app->repository_path, NULL, NULL},
        {"instance", 'i', 0, G_OPTION_ARG_STRING, &app->instance_name, NULL, NULL},
        {"output", 0, 0, G_OPTION_ARG_STRING, &app->output, NULL, NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &app->verbose, NULL, NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &app->quiet, NULL, NULL},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &app->help, NULL, NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &app->version, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    GError *failure = NULL;
    if (!g_option_context_parse(context, argc, argv, &failure))
        return usage(failure, error);
    return take_output(app, error);
}

gboolean app_parse(char **args, const GOptionEntry *entries, guint least, guint most,
                   GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    if (entries != NULL)
        g_option_context_add_main_entries(context, entries, NULL);
    int count = (int)g_strv_length(args);
    char **rest = args;
    GError *failure = NULL;
    if (!g_option_context_parse(context, &count, &rest, &failure))
        return usage(failure, error);
    guint words = (guint)count - 1; /* the first is the command itself */
    if (words < least)
        return fail(error, STATUS_USAGE, "something is missing" HINT("see: lsnchain %s --help"),
                    args[0]);
    if (words > most)
        return fail(error, STATUS_USAGE, "%s is too much" HINT("see: lsnchain %s --help"),
                    args[1 + most], args[0]);
    return TRUE;
}

/* ---- steps ----------------------------------------------------------------------------------- */

gboolean app_load_config(App *app, GError **error)
{
    if (app->repository_path != NULL)
        return fail(error, STATUS_USAGE,
                    "%s needs a configuration, not --repository" HINT("use: -c FILE"),
                    app->command);
    app->config = config_load(app->config_path, error);
    return app->config != NULL;
}

gboolean app_load_config_or_bare(App *app, GError **error)
{
    if (app->repository_path == NULL)
        return app_load_config(app, error);
    app->config = config_bare(app->repository_path);
    return TRUE;
}

gboolean app_find_repository(App *app, GError **error)
{
    app->repository = repository_open(app->config->repository, error);
    return app->repository != NULL;
}

gboolean app_check_writes(App *app, GError **error)
{
    if (app->repository_path != NULL) {
        log_notice("without a configuration nothing is recorded");
        return TRUE;
    }
    if (!repository_check_remembered(app->repository, app->config->state_dir, error) ||
        !repository_check_owner(app->repository, error))
        return FALSE;
    app->records = TRUE;
    return TRUE;
}

/* ---- instances ------------------------------------------------------------------------------- */

/* Of the configuration, or, without one, of the repository; InstanceConfig *. */
static GPtrArray *known_instances(App *app, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(
        app->repository_path != NULL ? (GDestroyNotify)config_free_instance : NULL);
    if (app->repository_path == NULL) {
        for (guint i = 0; i < app->config->instances->len; i++)
            g_ptr_array_add(known, app->config->instances->pdata[i]);
        return g_steal_pointer(&known);
    }
    g_autoptr(GPtrArray) names = shelf_instances(app->repository->path, error);
    if (names == NULL)
        return NULL;
    for (guint i = 0; i < names->len; i++)
        g_ptr_array_add(known, config_default_instance(names->pdata[i]));
    return g_steal_pointer(&known);
}

static gboolean choose(const App *app, GPtrArray *known, gboolean all, GError **error)
{
    if (app->instance_name != NULL) {
        for (guint i = known->len; i > 0; i--) {
            const InstanceConfig *instance = known->pdata[i - 1];
            if (!g_str_equal(instance->name, app->instance_name))
                g_ptr_array_remove_index(known, i - 1);
        }
        return known->len > 0 ||
               fail(error, STATUS_USAGE, "there is no instance %s", app->instance_name);
    }
    if (known->len == 0)
        return fail(
            error, STATUS_CONFIG,
            "there is no instance" HINT("add a section [instance NAME] to the configuration"));
    if (known->len > 1 && !all)
        return fail(error, STATUS_USAGE, "%s needs one instance" HINT("use: -i INSTANCE"),
                    app->command);
    return TRUE;
}

static Run run_of(const App *app, const InstanceConfig *instance)
{
    return (Run){
        .config = instance,
        .repository = app->repository,
        .state_dir = app->repository_path == NULL ? app->config->state_dir : NULL,
        .command = app->command,
        .records = app->records,
        .spent = RUN_SPENT_NOTHING,
        .unkept = app->unkept,
    };
}

static gboolean open_run(App *app, Run *run, GError **error)
{
    if (app->repository == NULL ||
        app->nagios != NULL) /* a monitor is told what cannot be opened */
        return TRUE;
    g_autoptr(GError) failure = NULL;
    if (app->without_catalog ? run_open_shelf(run, &failure) : run_open(run, &failure))
        return TRUE;
    if (app->alarms)
        run_raise(run, EVENT_BACKUP_FAILED, "", "", "the backup could not begin", failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

void app_write_metrics(const App *app, gboolean last)
{
    g_autoptr(GError) error = NULL;
    gboolean changes = app->noted != VITAL_NONE || (app->metrics && last);
    if (!changes || app->config == NULL || app->repository_path != NULL ||
        metrics_write(app->config, app->command, &error))
        return;
    if (last)
        log_warning("%s", error->message);
    else
        log_detail("%s", error->message);
}

typedef struct {
    const InstanceConfig *instance;
    int64_t started;
} Ended;

static void note_end(App *app, const Run *run, int64_t started, int exit_status)
{
    const Ended ended = {run->config, started};
    vitals_end(run, app->noted, started, exit_status);
    app->told = log_warnings()->len;
    if (app->noted == VITAL_NONE || !app->records)
        return;
    if (app->ended == NULL)
        app->ended = g_array_new(FALSE, FALSE, sizeof ended);
    g_array_append_val(app->ended, ended);
}

void app_note_warnings(App *app)
{
    if (app->ended == NULL || log_warnings()->len == app->told)
        return;
    for (guint i = 0; i < app->ended->len; i++) {
        const Ended *ended = &g_array_index(app->ended, Ended, i);
        const Run run = run_of(app, ended->instance);
        vitals_warned(&run, app->noted, ended->started);
    }
    app->told = log_warnings()->len;
}

/* A night on which only proofs or expiry run tells that backups do not. */
static void raise_overdue(const App *app, const Run *run)
{
    if (app->noted != VITAL_VERIFY && app->noted != VITAL_EXPIRE)
        return;
    int64_t now = clock_now();
    g_autoptr(Vitals) vitals = vitals_glance(run, NULL, now);
    vitals_raise_overdue(run, vitals, now);
}

static gboolean run_one(App *app, const InstanceConfig *instance, AppEachFn *each, void *data,
                        GError **error)
{
    Run run = run_of(app, instance);
    report_instance(&app->report, instance->name);
    int64_t started = clock_now();
    guint warnings = log_warnings()->len;
    g_autoptr(GError) failure = NULL;
    vitals_begin(&run, app->noted);
    app_write_metrics(app, FALSE);
    gboolean done = open_run(app, &run, &failure) && each(app, &run, data, &failure);
    raise_overdue(app, &run);
    note_end(app, &run, started, app_status(app, failure, warnings));
    run_clear(&run);
    app_write_metrics(app, FALSE);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return done;
}

gboolean app_each(App *app, gboolean all, AppEachFn *each, void *data, GError **error)
{
    g_autoptr(GPtrArray) chosen = known_instances(app, error);
    if (chosen == NULL || !choose(app, chosen, all, error))
        return FALSE;
    g_autoptr(GError) first = NULL;
    Status gravest = STATUS_OK;
    guint failed = 0;
    for (guint i = 0; i < chosen->len; i++) {
        const InstanceConfig *instance = chosen->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (cancel_signal() != 0 && i > 0)
            break;
        if (run_one(app, instance, each, data, &failure))
            continue;
        failed++;
        if (chosen->len > 1) {
            report_instance_error(&app->report, failure);
            log_error("%s: %s", instance->name, failure->message);
        }
        gravest = MAX(gravest, error_status(failure));
        if (first == NULL)
            first = g_steal_pointer(&failure);
    }
    if (first == NULL)
        return TRUE;
    if (chosen->len > 1)
        return fail(error, gravest, "%u of %u instances failed", failed, chosen->len);
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

GPtrArray *app_meant(App *app)
{
    if (app->config == NULL || app->repository_path != NULL)
        return NULL;
    g_autoptr(GPtrArray) known = known_instances(app, NULL);
    if (known == NULL || !choose(app, known, TRUE, NULL))
        return NULL;
    return g_steal_pointer(&known);
}

void app_tell_failed(App *app, const GError *failure)
{
    VitalRun kind = vitals_run_of(app->command);
    g_autoptr(GPtrArray) known = kind != VITAL_NONE ? app_meant(app) : NULL;
    if (known == NULL)
        return;
    /* lost, or never made: only where the repository is ours it will be ours too */
    if (app->repository != NULL && app->repository->owner == geteuid())
        (void)files_make_dirs(AT_FDCWD, app->config->state_dir, 0700, NULL);
    for (guint i = 0; i < known->len; i++) {
        const Run run = {
            .config = known->pdata[i],
            .state_dir = app->config->state_dir,
            .command = app->command,
            .records = TRUE,
            .spent = RUN_SPENT_NOTHING,
            .unkept = app->unkept,
        };
        if (app->alarms)
            run_raise(&run, EVENT_BACKUP_FAILED, "", "", "the backup could not begin",
                      failure->message);
        vitals_end(&run, kind, clock_now(), app_status(app, failure, 0));
    }
    app->noted = kind;
}
