/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "report/views.h"

static gboolean show_one(App *app, Run *run, void *data, GError **error)
{
    const char *wanted = data;
    const Backup *backup = run_find(run, wanted, error);
    if (backup == NULL)
        return FALSE;
    view_backup(&app->report, run->catalog->backups, backup, run_read_since(run));
    return TRUE;
}

gboolean cmd_show(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 1, 1, error) && app_each(app, FALSE, show_one, args[1], error);
}
