/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "engine/engine.h"
#include "flow/restore.h"
#include "report/views.h"

#include <unistd.h>

typedef struct {
    App *app;
    const char *wanted;
    RestoreRequest request;
} Restoring;

static json_t *outcome_json(const RestoreOutcome *outcome)
{
    const Backup *backup = outcome->backup;
    g_autofree char *until = clock_format(backup->data_until);
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(backup->id));
    json_object_set_new(object, "data_until", report_string(until));
    json_object_set_new(object, "proven", json_boolean(outcome->proven));
    json_object_set_new(object, "target_dir", report_string(outcome->target));
    json_object_set_new(object, "bytes_needed", json_integer((json_int_t)outcome->room));
    json_object_set_new(object, "forecast", view_forecast_json(&outcome->forecast));
    json_object_set_new(object, "restored", json_boolean(outcome->restored));
    json_object_set_new(object, "seconds", json_integer(outcome->seconds));
    json_object_set_new(object, "binlog_file", report_string(backup->binlog_file));
    json_object_set_new(object, "binlog_pos", json_integer((json_int_t)backup->binlog_pos));
    json_object_set_new(object, "gtid", report_string(backup->gtid));
    return object;
}

static void announce(const RestoreOutcome *outcome, void *data)
{
    const Restoring *restoring = data;
    const Report *report = &restoring->app->report;
    const Backup *backup = outcome->backup;
    g_autofree char *until = clock_format(backup->data_until);
    g_autofree char *room = units_size(outcome->room);
    g_autofree char *takes = view_forecast_text(&outcome->forecast);
    report_print(report, "%s %s, with the data of %s\n",
                 restoring->request.dry_run ? "would restore" : "restoring", backup->id, until);
    report_print(report, "  %s\n", outcome->proven ? "proven to restore" : "NOT proven to restore");
    report_print(report, "  into %s, which needs up to %s\n", outcome->target, room);
    report_print(report, "  time: %s\n", takes);
}

static void show_end(const App *app, const RestoreOutcome *outcome, gboolean owned)
{
    const Report *report = &app->report;
    const Backup *backup = outcome->backup;
    g_autofree char *took = units_duration(outcome->seconds);
    report_print(report, "restored in %s\n", took);
    if (*backup->binlog_file != '\0')
        report_print(report, "binary log position: %s %" G_GUINT64_FORMAT "%s%s\n",
                     backup->binlog_file, backup->binlog_pos,
                     *backup->gtid != '\0' ? ", GTID " : "", backup->gtid);
    g_autofree char *quoted = g_shell_quote(outcome->target);
    const char *as_root = geteuid() == 0 ? "" : "sudo "; /* to give files away, and to be mysql */
    report_print(report, "next:\n");
    if (!owned)
        report_print(report, "  %schown -R mysql: %s\n", as_root, quoted);
    report_print(report, "  %s%s --user=mysql --datadir=%s\n", as_root,
                 engine_server_program(backup->engine), quoted);
}

static gboolean restore_one(App *app, Run *run, void *data, GError **error)
{
    Restoring *restoring = data;
    const Backup *backup = restore_find(run, restoring->wanted, error);
    if (backup == NULL)
        return FALSE;
    g_auto(RestoreOutcome) outcome = {0};
    gboolean done = flow_restore(run, backup, &restoring->request, &outcome, error);
    if (outcome.backup != NULL)
        json_object_set_new(app->report.instance, "restore", outcome_json(&outcome));
    if (outcome.restored)
        show_end(app, &outcome, restoring->request.owner != NULL);
    return done;
}

gboolean cmd_restore(App *app, char **args, GError **error)
{
    g_autofree char *target = NULL;
    g_autofree char *owner = NULL;
    g_autofree char *memory = NULL;
    g_autofree char *to_time = NULL;
    Restoring restoring = {.app = app, .wanted = "latest"};
    const GOptionEntry entries[] = {
        {"target-dir", 0, 0, G_OPTION_ARG_FILENAME, &target, NULL, NULL},
        {"owner", 0, 0, G_OPTION_ARG_STRING, &owner, NULL, NULL},
        {"memory", 0, 0, G_OPTION_ARG_STRING, &memory, NULL, NULL},
        {"to-time", 0, 0, G_OPTION_ARG_STRING, &to_time, NULL, NULL},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &restoring.request.dry_run, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 1, error))
        return FALSE;
    if (target == NULL)
        return fail(error, STATUS_USAGE,
                    "restore needs --target-dir=DIR" HINT("a directory that is absent or empty"));
    if (memory != NULL && !units_parse_size(memory, &restoring.request.memory))
        return fail(error, STATUS_USAGE, "--memory=%s is no size, such as 2G", memory);
    if (args[1] != NULL)
        restoring.wanted = args[1];
    restoring.request.announce = announce;
    restoring.request.data = &restoring;
    restoring.request.target = target;
    restoring.request.owner = owner;
    restoring.request.to_time = to_time;
    return app_each(app, FALSE, restore_one, &restoring, error);
}
