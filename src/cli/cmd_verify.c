/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/verify_view.h"
#include "flow/history.h"
#include "flow/verify.h"
#include "model/chain.h"
#include "report/drill_file.h"

typedef struct {
    const char *wanted;
    gboolean all;
    gboolean level_given;
    gboolean fresh;
    gboolean sabotage;
    ProofLevel level;
    int64_t max_time_s;  /* 0: none */
    DrillReport *report; /* NULL: none was asked for */
} VerifyOptions;

static VerifyRequest request_for(const VerifyOptions *options, const Run *run)
{
    ProofLevel configured = (ProofLevel)run->config->verify_after;
    ProofLevel level = configured == PROOF_NONE ? PROOF_PREPARE : configured;
    return (VerifyRequest){
        .level = options->level_given ? options->level : level,
        .anew = options->fresh,
        .max_time_s = options->max_time_s,
    };
}

static void add_to_report(DrillReport *report, const Run *run, const Verdict *verdict,
                          const GError *failure)
{
    const Backup *backup = catalog_find(run->catalog, verdict->id);
    if (report == NULL || verdict->drill == NULL || backup == NULL)
        return;
    g_autoptr(GPtrArray) path = chain_path(run->catalog->backups, backup, NULL);
    g_autoptr(GPtrArray) history = history_read(run, NULL);
    g_autoptr(Pace) pace = history != NULL ? pace_new(history) : history_pace(run);
    const Outlook outlook = outlook_of(pace, run->catalog->backups);
    g_autofree char *remedy = failure != NULL ? error_hint(failure) : NULL;
    const DrillProof proof = {
        .instance = run->config->name,
        .repository = run->repository->path,
        .drill = verdict->drill,
        .exam = verdict->exam,
        .path = path,
        .history = history,
        .blamed = verdict->failed,
        .remedy = remedy,
        .recorded = verdict->recorded,
        .forecast_s = outlook.latest.basis != FORECAST_UNKNOWN ? outlook.latest.seconds : -1,
        .restore_within_s = run->config->restore_within,
        .reread_every_s = run->config->reread_every,
    };
    drill_report_add(report, &proof);
}

static gboolean verify_id(App *app, Run *run, const char *id, const VerifyOptions *options,
                          GError **error)
{
    json_t *list = json_object_get(app->report.instance, "verified");
    const Backup *backup = run_find(run, id, error);
    if (backup == NULL)
        return FALSE;
    g_auto(Verdict) verdict = {0};
    g_autoptr(GError) failure = NULL;
    const VerifyRequest request = request_for(options, run);
    (void)flow_verify(run, backup, &request, &verdict, &failure);
    view_verdict(&app->report, list, &verdict, failure);
    add_to_report(options->report, run, &verdict, failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean sabotage_id(App *app, Run *run, const char *id, const VerifyOptions *options,
                            GError **error)
{
    json_t *list = json_object_get(app->report.instance, "sabotage");
    const Backup *backup = run_find(run, id, error);
    if (backup == NULL)
        return FALSE;
    g_autofree char *found = g_strdup(backup->id);
    const VerifyRequest request = request_for(options, run);
    g_autoptr(GPtrArray) results = flow_sabotage(run, backup, &request, error);
    if (results == NULL)
        return FALSE;
    view_sabotage(&app->report, list, found, results);
    return flow_judge_sabotage(results, found, error);
}

static int longest_unread_first(gconstpointer a, gconstpointer b)
{
    const Backup *const *left = a;
    const Backup *const *right = b;
    if ((*left)->files_at != (*right)->files_at)
        return (*left)->files_at < (*right)->files_at ? -1 : 1;
    return backup_compare(a, b);
}

/* The ids, for each proof makes a new catalog. */
static GPtrArray *all_ids(const Run *run)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    for (guint i = 0; i < run->catalog->backups->len; i++)
        g_ptr_array_add(order, run->catalog->backups->pdata[i]);
    g_ptr_array_sort(order, longest_unread_first);
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < order->len; i++) {
        const Backup *backup = order->pdata[i];
        g_ptr_array_add(ids, g_strdup(backup->id));
    }
    return ids;
}

static gboolean verify_all(App *app, Run *run, const VerifyOptions *options, GError **error)
{
    g_autoptr(GPtrArray) ids = all_ids(run);
    g_autoptr(GError) first = NULL;
    int64_t until = g_get_monotonic_time() + options->max_time_s * G_USEC_PER_SEC;
    guint done = 0;
    for (; done < ids->len && cancel_signal() == 0; done++) {
        if (options->max_time_s > 0 && g_get_monotonic_time() >= until)
            break;
        VerifyOptions rest = *options;
        if (options->max_time_s > 0)
            rest.max_time_s = MAX(1, (until - g_get_monotonic_time()) / G_USEC_PER_SEC);
        g_autoptr(GError) failure = NULL;
        if (verify_id(app, run, ids->pdata[done], &rest, &failure))
            continue;
        log_error("%s", failure->message);
        if (first == NULL)
            first = g_steal_pointer(&failure);
    }
    json_object_set_new(app->report.instance, "left", json_integer(ids->len - done));
    if (options->report != NULL)
        drill_report_add_left(options->report, run->config->name, ids->len - done);
    if (done < ids->len)
        report_print(&app->report, "time is up: %u of %u backups are left for another time\n",
                     ids->len - done, ids->len);
    if (first == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

static gboolean verify_one(App *app, Run *run, void *data, GError **error)
{
    const VerifyOptions *options = data;
    if (options->sabotage) {
        json_object_set_new(app->report.instance, "sabotage", json_array());
        return sabotage_id(app, run, options->wanted, options, error);
    }
    json_object_set_new(app->report.instance, "verified", json_array());
    if (options->all)
        return verify_all(app, run, options, error);
    return verify_id(app, run, options->wanted, options, error);
}

/* What is noticed and told to nobody is not noticed. */
static gboolean try_alarm(App *app, GError **error)
{
    if (app->config->alerts->len > 0)
        return cmd_try_channels(app, error);
    log_warning("no channel for alerts is configured, so nobody would be told");
    return TRUE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static gboolean take_options(VerifyOptions *options, const char *level, const char *max_time,
                             GError **error)
{
    if (level != NULL) {
        options->level_given = TRUE;
        if (!proof_level_parse(level, &options->level) || options->level == PROOF_NONE)
            return fail(error, STATUS_USAGE,
                        "--level=%s is none of files, prepare, server, queries", level);
    }
    if (max_time != NULL && !units_parse_duration(max_time, &options->max_time_s))
        return fail(error, STATUS_USAGE, "--max-time=%s is no duration, such as 30m", max_time);
    return TRUE;
}

static gboolean check_options(const VerifyOptions *options, const char *id, const char *report,
                              GError **error)
{
    if (id != NULL && options->all)
        return fail(error, STATUS_USAGE, "either %s or --all", id);
    if (options->sabotage && (options->all || report != NULL))
        return fail(error, STATUS_USAGE,
                    "--sabotage goes with one backup, and with neither --all nor --report");
    return TRUE;
}

static gboolean run_verify(App *app, VerifyOptions *options, const char *report_path,
                           GError **error)
{
    gboolean one_id = !g_str_has_prefix(options->wanted, "latest");
    if (report_path == NULL)
        return app_each(app, !one_id, verify_one, options, error);
    g_autoptr(DrillFile) file = drill_file_open(report_path, error);
    if (file == NULL)
        return FALSE;
    g_autoptr(DrillReport) report = drill_report_new(g_get_host_name());
    options->report = report;
    gboolean proven = app_each(app, !one_id, verify_one, options, error);
    g_autoptr(GError) unwritten = NULL;
    if (drill_file_write(file, report, proven ? error : &unwritten))
        return proven;
    if (unwritten != NULL)
        log_error("%s", unwritten->message);
    return FALSE;
}

gboolean cmd_verify(App *app, char **args, GError **error)
{
    g_autofree char *level = NULL;
    g_autofree char *max_time = NULL;
    g_autofree char *report = NULL;
    VerifyOptions options = {.wanted = "latest"};
    const GOptionEntry entries[] = {
        {"level", 0, 0, G_OPTION_ARG_STRING, &level, NULL, NULL},
        {"all", 0, 0, G_OPTION_ARG_NONE, &options.all, NULL, NULL},
        {"fresh", 0, 0, G_OPTION_ARG_NONE, &options.fresh, NULL, NULL},
        {"max-time", 0, 0, G_OPTION_ARG_STRING, &max_time, NULL, NULL},
        {"report", 0, 0, G_OPTION_ARG_FILENAME, &report, NULL, NULL},
        {"sabotage", 0, 0, G_OPTION_ARG_NONE, &options.sabotage, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 1, error) || !take_options(&options, level, max_time, error) ||
        !check_options(&options, args[1], report, error))
        return FALSE;
    if (args[1] != NULL)
        options.wanted = args[1];
    app->noted = options.sabotage ? VITAL_NONE : VITAL_VERIFY;
    return run_verify(app, &options, report, error) && (!options.sabotage || try_alarm(app, error));
}
