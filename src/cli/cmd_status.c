/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "report/views.h"

static gboolean status_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    (void)error;
    g_auto(Health) health = health_of(run->catalog->backups, run_read_since(run));
    report_print(&app->report, "%s\n", run->config->name);
    view_health(&app->report, &health, clock_now());
    return TRUE;
}

gboolean cmd_status(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, TRUE, status_one, NULL, error);
}
