/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "model/explain.h"
#include "repo/holders.h"
#include "report/answers.h"

#include <string.h>

/* A file of the working directory may be named without a slash, where it looks like no id. */
static gboolean is_path(const char *wanted)
{
    gboolean like_id = g_ascii_isdigit(*wanted) || g_str_has_prefix(wanted, "latest");
    return strchr(wanted, '/') != NULL || (!like_id && g_file_test(wanted, G_FILE_TEST_EXISTS));
}

static gboolean impact_one(App *app, Run *run, void *data, GError **error)
{
    const char *wanted = data;
    const GPtrArray *backups = run->catalog->backups;
    g_autoptr(GPtrArray) holders = NULL;
    if (is_path(wanted)) {
        holders = holders_of(run->shelf, wanted, error);
        if (holders == NULL)
            return FALSE;
    } else {
        const Backup *backup = run_find(run, wanted, error);
        if (backup == NULL)
            return FALSE;
        holders = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(holders, g_strdup(backup->id));
    }
    g_autoptr(GPtrArray) lost = explain_loss(backups, holders);
    const Impact impact = {backups, wanted, holders, lost, run_read_since(run)};
    view_impact(&app->report, &impact);
    return TRUE;
}

gboolean cmd_impact(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 1, 1, error) && app_each(app, FALSE, impact_one, args[1], error);
}
