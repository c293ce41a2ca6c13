/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "report/views.h"

static gboolean list_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    (void)error;
    report_print(&app->report, "%s\n", run->config->name);
    view_chains(&app->report, run->catalog->backups, run_read_since(run));
    return TRUE;
}

gboolean cmd_list(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, TRUE, list_one, NULL, error);
}
