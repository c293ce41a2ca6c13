/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "flow/verify.h"

typedef struct {
    const char *wanted;
    gboolean all;
    gboolean level_given;
    ProofLevel level;
    int64_t max_time_s; /* 0: none */
} VerifyRequest;

static ProofLevel level_for(const VerifyRequest *request, const Run *run)
{
    if (request->level_given)
        return request->level;
    ProofLevel configured = (ProofLevel)run->config->verify_after;
    return configured == PROOF_NONE ? PROOF_PREPARE : MIN(configured, PROOF_HIGHEST);
}

static void show(App *app, json_t *list, const Verdict *verdict, const GError *failure)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(verdict->id));
    json_object_set_new(object, "level", report_string(proof_level_word(verdict->asked)));
    json_object_set_new(object, "reached", report_string(proof_level_word(verdict->reached)));
    json_object_set_new(object, "passed", json_boolean(failure == NULL));
    json_object_set_new(object, "failed",
                        verdict->failed != NULL ? report_string(verdict->failed) : json_null());
    json_object_set_new(object, "seconds", json_integer(verdict->seconds));
    json_object_set_new(object, "bytes_read", json_integer((json_int_t)verdict->bytes_read));
    json_object_set_new(object, "recorded", json_boolean(verdict->recorded));
    json_object_set_new(object, "error", report_error_json(failure));
    json_array_append_new(list, object);

    g_autofree char *size = units_size(verdict->bytes_read);
    g_autofree char *took = units_duration(verdict->seconds);
    if (failure == NULL)
        report_print(&app->report, "%s: proven at level %s (%s read, %s)\n", verdict->id,
                     proof_level_word(verdict->reached), size, took);
    else
        report_print(&app->report, "%s: NOT proven at level %s\n", verdict->id,
                     proof_level_word(verdict->asked));
}

static gboolean verify_id(App *app, Run *run, const char *id, const VerifyRequest *request,
                          GError **error)
{
    json_t *list = json_object_get(app->report.instance, "verified");
    const Backup *backup = run_find(run, id, error);
    if (backup == NULL)
        return FALSE;
    g_auto(Verdict) verdict = {0};
    g_autoptr(GError) failure = NULL;
    (void)flow_verify(run, backup, level_for(request, run), &verdict, &failure);
    show(app, list, &verdict, failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
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

static gboolean verify_all(App *app, Run *run, const VerifyRequest *request, GError **error)
{
    g_autoptr(GPtrArray) ids = all_ids(run);
    g_autoptr(GError) first = NULL;
    int64_t until = g_get_monotonic_time() + request->max_time_s * G_USEC_PER_SEC;
    guint done = 0;
    for (; done < ids->len && cancel_signal() == 0; done++) {
        if (request->max_time_s > 0 && g_get_monotonic_time() >= until)
            break;
        g_autoptr(GError) failure = NULL;
        if (verify_id(app, run, ids->pdata[done], request, &failure))
            continue;
        log_error("%s", failure->message);
        if (first == NULL)
            first = g_steal_pointer(&failure);
    }
    json_object_set_new(app->report.instance, "left", json_integer(ids->len - done));
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
    const VerifyRequest *request = data;
    json_object_set_new(app->report.instance, "verified", json_array());
    if (request->all)
        return verify_all(app, run, request, error);
    return verify_id(app, run, request->wanted, request, error);
}

static gboolean take_options(VerifyRequest *request, const char *level, const char *max_time,
                             GError **error)
{
    if (level != NULL) {
        request->level_given = TRUE;
        if (!proof_level_parse(level, &request->level) || request->level == PROOF_NONE)
            return fail(error, STATUS_USAGE,
                        "--level=%s is none of files, prepare, server, queries", level);
    }
    if (max_time != NULL && !units_parse_duration(max_time, &request->max_time_s))
        return fail(error, STATUS_USAGE, "--max-time=%s is no duration, such as 30m", max_time);
    return TRUE;
}

gboolean cmd_verify(App *app, char **args, GError **error)
{
    g_autofree char *level = NULL;
    g_autofree char *max_time = NULL;
    VerifyRequest request = {.wanted = "latest"};
    const GOptionEntry entries[] = {
        {"level", 0, 0, G_OPTION_ARG_STRING, &level, NULL, NULL},
        {"all", 0, 0, G_OPTION_ARG_NONE, &request.all, NULL, NULL},
        {"max-time", 0, 0, G_OPTION_ARG_STRING, &max_time, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 1, error) || !take_options(&request, level, max_time, error))
        return FALSE;
    if (args[1] != NULL && request.all)
        return fail(error, STATUS_USAGE, "either %s or --all", args[1]);
    if (args[1] != NULL)
        request.wanted = args[1];
    gboolean one_id = args[1] != NULL && !g_str_has_prefix(args[1], "latest");
    return app_each(app, !one_id, verify_one, &request, error);
}
