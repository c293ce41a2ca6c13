/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/error.h"
#include "base/log.h"
#include "flow/check.h"

static const char *const words[] = {
    [PROBE_GOOD] = "ok",          [PROBE_WARNS] = "warning",   [PROBE_FAILED] = "FAILED",
    [PROBE_SKIPPED] = "not done", [PROBE_UNKNOWN] = "unknown",
};

static const char *const json_words[] = {
    [PROBE_GOOD] = "ok",         [PROBE_WARNS] = "warning",   [PROBE_FAILED] = "failed",
    [PROBE_SKIPPED] = "skipped", [PROBE_UNKNOWN] = "unknown",
};

static json_t *probe_json(const Probe *probe)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", report_string(probe->name));
    json_object_set_new(object, "result", report_string(json_words[probe->result]));
    json_object_set_new(object, "message", report_string(probe->text));
    json_object_set_new(object, "hint",
                        *probe->hint != '\0' ? report_string(probe->hint) : json_null());
    return object;
}

static void show(App *app, const Run *run, const GPtrArray *probes)
{
    json_t *list = json_array();
    report_print(&app->report, "%s\n", run->config->name);
    for (guint i = 0; i < probes->len; i++) {
        const Probe *probe = probes->pdata[i];
        json_array_append_new(list, probe_json(probe));
        report_print(&app->report, "  %-15s %-8s  %s\n", probe->name, words[probe->result],
                     probe->text);
        if (*probe->hint != '\0')
            report_print(&app->report, "  %-15s %-8s  hint: %s\n", "", "", probe->hint);
    }
    json_object_set_new(app->report.instance, "probes", list);
}

static gboolean check_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    g_autoptr(GPtrArray) probes = flow_check(app->config, run->config);
    show(app, run, probes);
    guint failed = 0;
    for (guint i = 0; i < probes->len; i++) {
        const Probe *probe = probes->pdata[i];
        failed += probe->result == PROBE_FAILED;
        if (probe->result == PROBE_FAILED && app->report.silent)
            log_error("%s: %s: %s", run->config->name, probe->name, probe->text);
        if (probe->result == PROBE_WARNS)
            log_warning("%s: %s: %s", run->config->name, probe->name, probe->text);
    }
    return failed == 0 || fail(error, probes_status(probes), "%u of %u probes of %s failed", failed,
                               probes->len, run->config->name);
}

gboolean cmd_check(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, TRUE, check_one, NULL, error);
}
