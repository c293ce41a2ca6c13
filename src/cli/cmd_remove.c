/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "flow/remove.h"
#include "report/expiry.h"

static gboolean remove_one(App *app, Run *run, void *data, GError **error)
{
    const RemoveRequest *request = data;
    g_auto(RemoveOutcome) outcome = {0};
    gboolean done = flow_remove(run, request, &outcome, error);
    if (!done || outcome.doomed == NULL)
        return done;
    const Riddance riddance = {
        .doomed = outcome.doomed,
        .floors = outcome.floors,
        .restorable = outcome.restorable,
        .proven = outcome.proven,
        .freed = outcome.freed,
        .removed = outcome.removed,
    };
    view_riddance(&app->report, &riddance);
    return TRUE;
}

gboolean cmd_remove(App *app, char **args, GError **error)
{
    RemoveRequest request = {0};
    const GOptionEntry entries[] = {
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &request.dry_run, NULL, NULL},
        {"force", 0, 0, G_OPTION_ARG_NONE, &request.force, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 1, 1, error))
        return FALSE;
    request.wanted = args[1];
    return app_each(app, FALSE, remove_one, &request, error);
}
