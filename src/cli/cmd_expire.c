/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/log.h"
#include "flow/expire.h"
#include "report/expiry.h"

typedef struct {
    gboolean dry_run;
    gboolean explain;
} ExpireRequest;

static gboolean expire_one(App *app, Run *run, void *data, GError **error)
{
    const ExpireRequest *request = data;
    g_auto(ExpireOutcome) outcome = {0};
    gboolean done = flow_expire(run, request->dry_run, &outcome, error);
    if (!outcome.ran)
        return done;
    const Expiry expiry = {
        .backups = outcome.backups,
        .retention = &outcome.retention,
        .removed = outcome.removed,
        .freed = outcome.freed,
        .dry_run = request->dry_run,
        .explain = request->explain,
    };
    report_print(&app->report, "%s\n", run->config->name);
    json_object_set_new(app->report.instance, "expire", view_expiry(&app->report, &expiry));
    if (outcome.retention.due > 0 && outcome.retention.withheld != NULL)
        log_warning("%s: nothing is removed: %s", run->config->name, outcome.retention.withheld);
    return done;
}

gboolean cmd_expire(App *app, char **args, GError **error)
{
    ExpireRequest request = {0};
    const GOptionEntry entries[] = {
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &request.dry_run, NULL, NULL},
        {"explain", 0, 0, G_OPTION_ARG_NONE, &request.explain, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 0, error))
        return FALSE;
    app->noted = request.dry_run ? VITAL_NONE : VITAL_EXPIRE;
    return app_each(app, TRUE, expire_one, &request, error);
}
