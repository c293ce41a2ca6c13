/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "flow/remove.h"
#include "model/chain.h"
#include "report/views.h"

typedef struct {
    const char *wanted;
    gboolean pinned;
} PinRequest;

static gboolean pin_one(App *app, Run *run, void *data, GError **error)
{
    const PinRequest *request = data;
    g_auto(PinOutcome) outcome = {0};
    if (!flow_pin(run, request->wanted, request->pinned, &outcome, error))
        return FALSE;
    const Backup *backup = outcome.backup;
    const GPtrArray *backups = run->catalog->backups;
    gboolean proven = chain_proven(backups, backup_find(backups, backup->id), run_read_since(run));
    json_object_set_new(app->report.instance, "backup", view_backup_json(backup, proven));
    json_object_set_new(app->report.instance, "changed", json_boolean(outcome.changed));
    json_object_set_new(app->report.instance, "still_pinned_by",
                        outcome.still_pinned_by != NULL ? report_string(outcome.still_pinned_by)
                                                        : json_null());
    report_print(&app->report, "%s is %s%s\n", backup->id, outcome.changed ? "" : "already ",
                 backup->pinned ? "pinned: its chain stays until it is unpinned" : "not pinned");
    if (!backup->pinned && outcome.still_pinned_by != NULL)
        report_print(&app->report, "its chain stays all the same: %s is pinned\n",
                     outcome.still_pinned_by);
    return TRUE;
}

gboolean cmd_set_pin(App *app, char **args, gboolean pinned, GError **error)
{
    if (!app_parse(args, NULL, 1, 1, error))
        return FALSE;
    PinRequest request = {args[1], pinned};
    return app_each(app, FALSE, pin_one, &request, error);
}

gboolean cmd_pin(App *app, char **args, GError **error)
{
    return cmd_set_pin(app, args, TRUE, error);
}
