/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "flow/expire.h"
#include "model/explain.h"
#include "report/answers.h"

/* On a bare host there is no configuration that would tell when the next full is due. */
static char *command_prefix(const App *app, const Run *run)
{
    if (app->repository_path != NULL)
        return g_strdup_printf("lsnchain --repository=%s -i %s", app->repository_path,
                               run->config->name);
    return g_strdup_printf("lsnchain -i %s", run->config->name);
}

/* Without a configuration nothing tells what is to be kept. */
static void add_fate(const App *app, const Run *run, const Backup *backup, GPtrArray *answers)
{
    if (app->config == NULL)
        return;
    g_autofree char *trouble = NULL;
    const RetentionRules rules = expire_rules(run);
    const RetentionFacts facts = expire_facts(run, &trouble);
    g_auto(Retention) retention = retention_judge(run->catalog->backups, &rules, &facts);
    for (guint i = 0; i < retention.fates->len; i++) {
        const Fate *fate = retention.fates->pdata[i];
        if (fate->backup == backup)
            explain_fate(answers, fate);
    }
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
        add_fate(app, run, backup, answers);
        view_answers(&app->report, backup->id, answers, prefix);
        return TRUE;
    }
    const ScheduleRules rules = {run->config->full_every, run->config->max_incrementals};
    g_auto(Plan) plan = {0};
    if (!schedule_plan(backups, &rules, WANT_AUTO, clock_now(), &plan, error))
        return FALSE;
    g_autoptr(GPtrArray) answers = explain_instance(backups, &plan, run_read_since(run));
    view_answers(&app->report, run->config->name, answers, prefix);
    return TRUE;
}

gboolean cmd_why(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 1, error) &&
           app_each(app, args[1] == NULL, why_one, args[1], error);
}
