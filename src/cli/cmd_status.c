/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "flow/vitals.h"
#include "report/views.h"

static gboolean status_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    (void)error;
    int64_t now = clock_now();
    g_autoptr(Vitals) vitals = vitals_read(run, NULL, now);
    report_print(&app->report, "%s\n", run->config->name);
    view_health(&app->report, &vitals->health, now);
    return TRUE;
}

gboolean cmd_status(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, TRUE, status_one, NULL, error);
}
