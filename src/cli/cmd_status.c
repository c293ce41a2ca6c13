/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "flow/history.h"
#include "report/views.h"

static gboolean status_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    (void)error;
    g_auto(Health) health = health_of(run->catalog->backups, run_read_since(run));
    g_autoptr(Pace) pace = history_pace(run);
    const Outlook outlook = outlook_of(pace, run->catalog->backups);
    health_add_outlook(&health, &outlook, run->config->restore_within);
    report_print(&app->report, "%s\n", run->config->name);
    view_health(&app->report, &health, clock_now());
    return TRUE;
}

gboolean cmd_status(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, TRUE, status_one, NULL, error);
}
