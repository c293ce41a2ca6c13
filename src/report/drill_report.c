/* SPDX-License-Identifier: MIT */
#include "report/drill_report.h"

#include "base/clock.h"
#include "model/chain.h"
#include "report/chart.h"
#include "report/drill_json.h"
#include "report/drill_section.h"
#include "report/drill_time.h"
#include "report/drill_verdict.h"
#include "report/html.h"
#include "report/report.h"
#include "report/views.h"

enum { SCHEMA_VERSION = 1 };

/* From here on tables are counted, not listed, and proofs that passed are a row of the summary. */
enum { PAGE_MOST = 3 << 20 };

/* Whose backups were drilled. */
typedef struct {
    char *name;
    char *history; /* of the page: that of the last proof */
    json_t *proofs;
    json_t *backups; /* by id, each as it was after the last drill that saw it */
    json_t *drills;
    json_t *object; /* all of it */
} Instance;

struct DrillReport {
    char *host;
    int64_t made;
    GPtrArray *instances;
    guint count;
    guint failed;
    ProofLevel lowest;    /* of those that passed */
    GString *failed_rows; /* of the summary; failures stand first */
    GString *passed_rows;
    GString *failed_sections;
    GString *passed_sections;
    GString *left;
};

static void instance_free(gpointer data)
{
    Instance *instance = data;
    g_free(instance->name);
    g_free(instance->history);
    json_decref(instance->backups);
    json_decref(instance->object);
    g_free(instance);
}

DrillReport *drill_report_new(const char *host)
{
    DrillReport *report = g_new0(DrillReport, 1);
    report->host = g_strdup(host);
    report->made = clock_now();
    report->instances = g_ptr_array_new_with_free_func(instance_free);
    report->lowest = PROOF_QUERIES;
    report->failed_rows = g_string_new(NULL);
    report->passed_rows = g_string_new(NULL);
    report->failed_sections = g_string_new(NULL);
    report->passed_sections = g_string_new(NULL);
    report->left = g_string_new(NULL);
    return report;
}

void drill_report_free(DrillReport *report)
{
    g_free(report->host);
    g_ptr_array_unref(report->instances);
    g_string_free(report->failed_rows, TRUE);
    g_string_free(report->passed_rows, TRUE);
    g_string_free(report->failed_sections, TRUE);
    g_string_free(report->passed_sections, TRUE);
    g_string_free(report->left, TRUE);
    g_free(report);
}

/* ---- what is added --------------------------------------------------------------------------- */

static Instance *find_instance(DrillReport *report, const char *name)
{
    for (guint i = 0; i < report->instances->len; i++) {
        Instance *instance = report->instances->pdata[i];
        if (g_str_equal(instance->name, name))
            return instance;
    }
    Instance *instance = g_new0(Instance, 1);
    instance->name = g_strdup(name);
    instance->history = g_strdup("");
    instance->object = json_object();
    instance->backups = json_object();
    instance->proofs = json_array();
    instance->drills = json_array();
    json_object_set_new(instance->object, "instance", report_string(name));
    json_object_set_new(instance->object, "repository", json_null());
    json_object_set_new(instance->object, "left", json_integer(0));
    json_object_set_new(instance->object, "proofs", instance->proofs);
    json_object_set_new(instance->object, "history", instance->drills);
    g_ptr_array_add(report->instances, instance);
    return instance;
}

static void take_history(Instance *instance, const DrillProof *proof)
{
    if (proof->history == NULL)
        return;
    g_autoptr(GString) page = g_string_new(NULL);
    drill_time_add_history(page, instance->name, proof->history);
    g_free(instance->history);
    instance->history = g_string_free(g_steal_pointer(&page), FALSE);

    json_array_clear(instance->drills);
    for (guint i = 0; i < proof->history->len; i++)
        json_array_append_new(instance->drills, drill_json_drill(proof->history->pdata[i]));
}

static void take_backups(Instance *instance, const DrillProof *proof)
{
    for (guint i = 0; proof->path != NULL && i < proof->path->len; i++) {
        const Backup *link = proof->path->pdata[i];
        gboolean proven = chain_proven(proof->path, link, drill_verdict_read_since(proof));
        json_object_set_new(instance->backups, link->id, view_backup_json(link, proven));
    }
}

static gboolean page_is_full(const DrillReport *report)
{
    return report->passed_sections->len + report->failed_sections->len >= PAGE_MOST;
}

static void add_to_page(DrillReport *report, const DrillProof *proof)
{
    gboolean passed = drill_verdict(proof) == VERDICT_PASSED;
    GString *rows = passed ? report->passed_rows : report->failed_rows;
    GString *sections = passed ? report->passed_sections : report->failed_sections;
    GString *others = passed ? report->failed_sections : report->passed_sections;
    if (passed && page_is_full(report)) {
        drill_section_add_row(rows, proof, 0);
        return;
    }
    drill_section_add_row(rows, proof, report->count);
    drill_section_add(sections, proof, report->count, PAGE_MOST - MIN(others->len, PAGE_MOST));
}

void drill_report_add(DrillReport *report, const DrillProof *proof)
{
    Instance *instance = find_instance(report, proof->instance);
    report->count++;
    if (drill_verdict(proof) == VERDICT_PASSED)
        report->lowest = MIN(report->lowest, proof->drill->reached);
    else
        report->failed++;
    add_to_page(report, proof);
    json_object_set_new(instance->object, "repository", report_string(proof->repository));
    json_array_append_new(instance->proofs, drill_json_proof(proof));
    take_backups(instance, proof);
    take_history(instance, proof);
}

void drill_report_add_left(DrillReport *report, const char *instance, guint left)
{
    if (left == 0)
        return;
    json_object_set_new(find_instance(report, instance)->object, "left", json_integer(left));
    html_markup(report->left, "<p class=\"note\">");
    html_print(
        report->left,
        "%s: time was up. %u backups are left for another time; nothing is said of them here.",
        instance, left);
    html_markup(report->left, "</p>\n");
}

/* ---- the page -------------------------------------------------------------------------------- */

/* drill.css, a line to a string. */
static const char *const style[] = {
#include "report/style.inc"
};

static char *subject(const DrillReport *report)
{
    if (report->instances->len != 1)
        return g_strdup_printf("%u instances", report->instances->len);
    const Instance *instance = report->instances->pdata[0];
    return g_strdup(instance->name);
}

static char *outcome(const DrillReport *report)
{
    if (report->count == 0)
        return g_strdup("nothing was drilled");
    if (report->count == 1 && report->failed == 1)
        return g_strdup("not passed");
    if (report->failed > 0)
        return g_strdup_printf("%u of %u not passed", report->failed, report->count);
    return g_strdup_printf("%s passed at level %s%s", report->count == 1 ? "" : "all",
                           proof_level_word(report->lowest), report->count == 1 ? "" : " or above");
}

static void add_head(GString *page, const DrillReport *report)
{
    g_autofree char *name = subject(report);
    g_autofree char *made = html_time(report->made);
    g_autofree char *result = outcome(report);
    html_markup(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width\"/>\n"
                      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
                      "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src 'unsafe-inline'\"/>\n<title>");
    html_print(page, "Restore drill of %s, %.10s: %s", name, made, g_strstrip(result));
    html_markup(page, "</title>\n<style>\n");
    for (size_t i = 0; i < G_N_ELEMENTS(style); i++)
        g_string_append(page, style[i]);
    html_markup(page, "</style>\n</head>\n<body>\n");
    chart_patterns(page);
    html_markup(page, "<header>\n<h1>");
    html_print(page, "Restore drill: %s", name);
    html_markup(page, "</h1>\n<p>");
    html_print(page, "Made %s UTC on %s by lsnchain %s. All times are UTC. Result: ", made,
               report->host, LSNCHAIN_VERSION);
    html_element(page, "strong", NULL, result);
    html_markup(page, ".</p>\n</header>\n");
}

static void add_summary(GString *page, const DrillReport *report)
{
    static const char *const headings[] = {"Instance",   "Backup", "Result", "Level reached",
                                           "Data until", ">RPO",   ">Took",  NULL};
    if (report->count == 0)
        html_markup(page, "<p class=\"note\">No backup was drilled.</p>\n");
    if (report->count > 1) {
        html_markup(page, "<section>\n<h2>Summary</h2>\n");
        html_table_start(page, "Backups that were drilled, those that did not pass first",
                         headings);
        g_string_append_len(page, report->failed_rows->str, (gssize)report->failed_rows->len);
        g_string_append_len(page, report->passed_rows->str, (gssize)report->passed_rows->len);
        html_table_end(page);
        if (page_is_full(report))
            html_markup(page, "<p class=\"note\">The page is full: what has no link here is told "
                              "in the JSON file only.</p>\n");
        html_markup(page, "</section>\n");
    }
    g_string_append_len(page, report->left->str, (gssize)report->left->len);
}

static void add_words(GString *page)
{
    static const char *const words[][2] = {
        {"Drill", "A test restore: the backup is restored into a private directory, and what comes "
                  "out is examined. The backup itself and the production server are not touched."},
        {"Link, chain", "A full backup and the incremental ones on it are a chain; each is a link "
                        "and needs all links before it."},
        {"LSN", "Log sequence number: how far InnoDB's log had come. A link begins at the LSN "
                "where the one before it ended."},
        {"RPO", "Recovery point objective: how much of the latest work a restore loses. Measured "
                "from a row with the time in it that is written right before each backup."},
        {"RTO", "Recovery time objective: how long a restore takes. Measured is the time of "
                "unsealing and preparing from the full on and of starting a server; the forecast "
                "is made of such times."},
        {"Counts as proven", "It passed prepare or more, nothing failed since, and every file of "
                             "its chain was read within reread_every."},
    };
    html_markup(page, "<footer>\n<h2>Words</h2>\n<dl class=\"words\">\n");
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        html_fact(page, words[i][0], words[i][1]);
    html_markup(page, "</dl>\n<p>The file beside this page, with the ending .json, has all of this "
                      "as data.</p>\n</footer>\n");
}

GString *drill_report_html(const DrillReport *report)
{
    GString *page =
        g_string_sized_new(report->passed_sections->len + report->failed_sections->len + 65536);
    add_head(page, report);
    html_markup(page, "<main>\n");
    add_summary(page, report);
    g_string_append_len(page, report->failed_sections->str, (gssize)report->failed_sections->len);
    g_string_append_len(page, report->passed_sections->str, (gssize)report->passed_sections->len);
    for (guint i = 0; i < report->instances->len; i++) {
        const Instance *instance = report->instances->pdata[i];
        g_string_append(page, instance->history);
    }
    html_markup(page, "</main>\n");
    add_words(page);
    html_markup(page, "</body>\n</html>\n");
    return page;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *instance_json(const Instance *instance)
{
    json_t *backups = json_array();
    const char *id = NULL;
    json_t *backup = NULL;
    json_object_foreach(instance->backups, id, backup) json_array_append(backups, backup);
    json_t *object = json_copy(instance->object);
    json_object_set_new(object, "backups", backups);
    return object;
}

json_t *drill_report_json(const DrillReport *report)
{
    g_autofree char *made = clock_format(report->made);
    json_t *instances = json_array();
    for (guint i = 0; i < report->instances->len; i++)
        json_array_append_new(instances, instance_json(report->instances->pdata[i]));
    json_t *object = json_object();
    json_object_set_new(object, "schema_version", json_integer(SCHEMA_VERSION));
    json_object_set_new(object, "report", json_string("drill"));
    json_object_set_new(object, "made", json_string(made));
    json_object_set_new(object, "host", report_string(report->host));
    json_object_set_new(object, "version", json_string(LSNCHAIN_VERSION));
    json_object_set_new(object, "passed", json_boolean(report->count > 0 && report->failed == 0));
    json_object_set_new(object, "drilled", json_integer(report->count));
    json_object_set_new(object, "not_passed", json_integer(report->failed));
    json_object_set_new(object, "instances", instances);
    return object;
}
