/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/error.h"
#include "base/units.h"
#include "cli/pings.h"
#include "flow/backup.h"
#include "model/chain.h"
#include "report/expiry.h"
#include "report/views.h"

static gboolean parse_want(const char *word, Want *want, GError **error)
{
    static const char *const wants[] = {"auto", "full", "incremental"};
    for (size_t i = 0; i < G_N_ELEMENTS(wants); i++) {
        if (g_str_equal(word, wants[i])) {
            *want = (Want)i;
            return TRUE;
        }
    }
    return fail(error, STATUS_USAGE, "--type=%s is none of auto, full, incremental", word);
}

static void show_plan(App *app, const Plan *plan)
{
    json_t *object = json_object();
    json_object_set_new(object, "type", report_string(backup_type_word(plan->type)));
    json_object_set_new(object, "parent",
                        plan->parent != NULL ? report_string(plan->parent->id) : json_null());
    json_object_set_new(object, "full_rule", report_string(plan->rule));
    json_object_set_new(object, "full_reason", report_string(plan->reason));
    json_object_set_new(app->report.instance, "plan", object);
    if (plan->parent != NULL)
        report_print(&app->report, "would take an incremental on %s\n", plan->parent->id);
    else
        report_print(&app->report, "would take a full: %s\n", plan->reason);
}

static json_t *verdict_json(const BackupOutcome *outcome)
{
    if (!outcome->verified)
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "level", report_string(proof_level_word(outcome->verdict.asked)));
    json_object_set_new(object, "reached",
                        report_string(proof_level_word(outcome->verdict.reached)));
    json_object_set_new(object, "failed",
                        outcome->verdict.failed != NULL ? report_string(outcome->verdict.failed)
                                                        : json_null());
    json_object_set_new(object, "seconds", json_integer(outcome->verdict.seconds));
    return object;
}

static void show_outcome(App *app, const Run *run, const BackupOutcome *outcome)
{
    const Backup *backup = outcome->backup;
    const Backup *known = backup_find(run->catalog->backups, backup->id);
    gboolean proven =
        known != NULL && chain_proven(run->catalog->backups, known, run_read_since(run));
    json_object_set_new(app->report.instance, "backup", view_backup_json(backup, proven));
    json_object_set_new(app->report.instance, "verify", verdict_json(outcome));
    json_object_set_new(app->report.instance, "seconds", json_integer(outcome->seconds));
    json_object_set_new(app->report.instance, "hard_links",
                        json_integer((json_int_t)outcome->published.linked));

    g_autofree char *stored = units_size(backup->bytes_stored);
    g_autofree char *new = units_size(backup->bytes_new);
    g_autofree char *took = units_duration(outcome->seconds);
    report_print(&app->report,
                 "%s%s: LSN %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                 ", %s stored, %s of it new, %s\n",
                 backup->id, backup->state == STATE_QUARANTINED ? " (QUARANTINED)" : "",
                 backup->from_lsn, backup->to_lsn, stored, new, took);
    if (*backup->full_reason != '\0')
        report_print(&app->report, "a full, because %s\n", backup->full_reason);
    if (outcome->verified && outcome->verdict.reached != PROOF_NONE) {
        g_autofree char *proof_took = units_duration(outcome->verdict.seconds);
        report_print(&app->report, "proven at level %s in %s\n",
                     proof_level_word(outcome->verdict.reached), proof_took);
    }
}

/* Not a word of it in the text while nothing goes: a good night is silent. */
static void show_expiry(App *app, const ExpireOutcome *outcome)
{
    if (!outcome->ran) {
        json_object_set_new(app->report.instance, "expire", json_null());
        return;
    }
    const Expiry expiry = {
        .backups = outcome->backups,
        .retention = &outcome->retention,
        .removed = outcome->removed,
        .freed = outcome->freed,
    };
    Report quiet = app->report;
    quiet.silent = quiet.silent || outcome->removed->len == 0;
    json_object_set_new(app->report.instance, "expire", view_expiry(&quiet, &expiry));
}

static gboolean backup_one(App *app, Run *run, void *data, GError **error)
{
    const BackupRequest *request = data;
    g_auto(BackupOutcome) outcome = {0};
    if (!request->dry_run)
        pings_start(app, run->config);
    gboolean done = flow_backup(run, request, &outcome, error);
    if (outcome.backup != NULL) {
        show_outcome(app, run, &outcome);
        show_expiry(app, &outcome.expired);
    } else if (done && request->dry_run)
        show_plan(app, &outcome.plan);
    return done;
}

gboolean cmd_backup(App *app, char **args, GError **error)
{
    g_autofree char *type = NULL;
    BackupRequest request = {.want = WANT_AUTO};
    const GOptionEntry entries[] = {
        {"type", 0, 0, G_OPTION_ARG_STRING, &type, NULL, NULL},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &request.dry_run, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 0, error) ||
        (type != NULL && !parse_want(type, &request.want, error)))
        return FALSE;
    app->noted = request.dry_run ? VITAL_NONE : VITAL_BACKUP;
    return app_each(app, FALSE, backup_one, &request, error);
}
