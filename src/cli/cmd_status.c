/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "flow/vitals.h"
#include "report/status.h"

static gboolean status_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    (void)error;
    int64_t now = clock_now();
    g_autoptr(Vitals) vitals = vitals_read(run, NULL, now);
    view_status(&app->report, vitals, now);
    return TRUE;
}

/* ---- for a monitor --------------------------------------------------------------------------- */

/* `data`: what keeps us out of the repository, or NULL. */
static gboolean monitor_one(App *app, Run *run, void *data, GError **error)
{
    const GError *closed = data;
    (void)error;
    int64_t now = clock_now();
    g_autofree char *why = closed != NULL ? error_sentence(closed) : run_look(run);
    g_autoptr(Vitals) vitals = vitals_read(run, why, now);
    nagios_add(app->nagios, vitals, now);
    return TRUE;
}

/* It takes no lock and writes nothing; a repository that is not there is its finding. */
static gboolean monitor(App *app, GError **error)
{
    g_autoptr(GError) closed = NULL;
    if (app->report.json)
        return fail(error, STATUS_USAGE, "--nagios and --output=json contradict each other");
    if (app_find_repository(app, &closed))
        (void)repository_check_remembered(app->repository, app->config->state_dir, &closed);
    return app_each(app, TRUE, monitor_one, closed, error);
}

gboolean cmd_status(App *app, char **args, GError **error)
{
    gboolean nagios = FALSE;
    const GOptionEntry entries[] = {
        {"nagios", 0, 0, G_OPTION_ARG_NONE, &nagios, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 0, error))
        return FALSE;
    return nagios ? monitor(app, error) : app_each(app, TRUE, status_one, NULL, error);
}
