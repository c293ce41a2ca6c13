/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "flow/expire.h"
#include "flow/plan.h"
#include "model/explain.h"
#include "report/answers.h"

#include <string.h>

/* What a shell leaves alone in a path. */
#define PLAIN G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "/._-+:@%,"

/* As it was called, so that what is shown can be typed. */
static char *command_prefix(const App *app, const Run *run)
{
    g_autoptr(GString) prefix = g_string_new("lsnchain ");
    const char *path = app->repository_path != NULL ? app->repository_path : app->config_path;
    if (path != NULL) {
        gboolean plain = strspn(path, PLAIN) == strlen(path);
        g_autofree char *quoted = plain ? g_strdup(path) : g_shell_quote(path);
        g_string_append(prefix, app->repository_path != NULL ? "--repository=" : "-c ");
        g_string_append_printf(prefix, "%s ", quoted);
    }
    g_string_append_printf(prefix, "-i %s", run->config->name);
    return g_string_free(g_steal_pointer(&prefix), FALSE);
}

/* Without one nothing tells what is to be kept, or when the next full is due. */
static gboolean has_configuration(const App *app)
{
    return app->repository_path == NULL;
}

static void add_fate(const Run *run, const Backup *backup, GPtrArray *answers)
{
    g_autofree char *trouble = NULL;
    const RetentionRules rules = expire_rules(run);
    const RetentionFacts facts = expire_facts(run, &trouble);
    g_auto(Retention) retention = retention_judge(run->catalog->backups, &rules, &facts);
    const Fate *fate = retention_find(&retention, backup->id);
    if (fate != NULL)
        explain_fate(answers, fate);
}

static gboolean why_one(App *app, Run *run, void *data, GError **error)
{
    const char *wanted = data;
    const GPtrArray *backups = run->catalog->backups;
    g_autofree char *prefix = command_prefix(app, run);
    if (wanted != NULL) {
        const Backup *backup = run_find(run, wanted, error);
        if (backup == NULL)
            return FALSE;
        g_autoptr(GPtrArray) answers = explain_backup(backups, backup, run_read_since(run));
        if (has_configuration(app))
            add_fate(run, backup, answers);
        view_answers(&app->report, backup->id, answers, prefix);
        return TRUE;
    }
    g_auto(Plan) plan = {0};
    if (!plan_next(run, WANT_AUTO, &plan, error))
        return FALSE;
    g_autoptr(GPtrArray) answers =
        explain_instance(backups, has_configuration(app) ? &plan : NULL, run_read_since(run));
    view_answers(&app->report, run->config->name, answers, prefix);
    return TRUE;
}

gboolean cmd_why(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 1, error) &&
           app_each(app, args[1] == NULL, why_one, args[1], error);
}
