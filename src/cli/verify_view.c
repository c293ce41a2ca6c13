/* SPDX-License-Identifier: MIT */
#include "cli/verify_view.h"

#include "base/clock.h"
#include "base/units.h"

/* The first few faults; the JSON and the drill report have all. */
static void print_faults(const Report *report, const Exam *exam)
{
    enum { MOST = 20 };
    guint shown = 0;
    for (guint i = 0; i < exam->tables->len && shown < MOST; i++) {
        const ExamTable *table = exam->tables->pdata[i];
        if (!exam_table_at_fault(table))
            continue;
        shown++;
        report_print(report, "  table %s.%s: %s\n", table->schema, table->name, table->message);
    }
    for (guint i = 0; i < exam->asserts->len; i++) {
        const ExamAssert *query = exam->asserts->pdata[i];
        report_print(report, "  assert %s: %s (%s)\n", query->name,
                     query->passed ? "holds" : "DOES NOT HOLD", query->answer);
    }
}

static void print_exam(const Report *report, const Verdict *verdict)
{
    const Exam *exam = verdict->exam;
    if (exam == NULL)
        return;
    report_print(report, "  server %s: %u tables, %u checked%s\n", verdict->drill->server,
                 exam->tables->len, exam->checked,
                 exam->left > 0 ? ", the others another time" : "");
    print_faults(report, exam);
    if (!exam->canary_found)
        return;
    g_autofree char *at = clock_format(exam->canary_at);
    g_autofree char *ago = units_duration(verdict->drill->rpo_s);
    report_print(report, "  the canary of %s is there: what was lost now would be %s at most\n", at,
                 ago);
}

static json_t *faults_json(const Exam *exam)
{
    json_t *faults = json_array();
    for (guint i = 0; i < exam->tables->len; i++) {
        const ExamTable *table = exam->tables->pdata[i];
        if (!exam_table_at_fault(table))
            continue;
        json_t *fault = json_object();
        json_object_set_new(fault, "schema", report_string(table->schema));
        json_object_set_new(fault, "name", report_string(table->name));
        json_object_set_new(fault, "message", report_string(table->message));
        json_array_append_new(faults, fault);
    }
    return faults;
}

static json_t *asserts_json(const Exam *exam)
{
    json_t *asserts = json_array();
    for (guint i = 0; i < exam->asserts->len; i++) {
        const ExamAssert *query = exam->asserts->pdata[i];
        json_t *object = json_object();
        json_object_set_new(object, "name", report_string(query->name));
        json_object_set_new(object, "passed", json_boolean(query->passed));
        json_object_set_new(object, "answer", report_string(query->answer));
        json_array_append_new(asserts, object);
    }
    return asserts;
}

static void add_exam(json_t *object, const Verdict *verdict)
{
    const Exam *exam = verdict->exam;
    if (exam == NULL)
        return;
    g_autofree char *canary_at = clock_format(exam->canary_at);
    json_object_set_new(object, "server", report_string(verdict->drill->server));
    json_object_set_new(object, "tables", json_integer(exam->tables->len));
    json_object_set_new(object, "checked", json_integer(exam->checked));
    json_object_set_new(object, "left", json_integer(exam->left));
    json_object_set_new(object, "canary_at",
                        exam->canary_found ? json_string(canary_at) : json_null());
    json_object_set_new(object, "rpo_seconds",
                        exam->canary_found ? json_integer(verdict->drill->rpo_s) : json_null());
    json_object_set_new(object, "faults", faults_json(exam));
    json_object_set_new(object, "asserts", asserts_json(exam));
}

static void print_verdict(const Report *report, const Verdict *verdict, gboolean passed)
{
    if (passed) {
        g_autofree char *size = units_size(verdict->bytes_read);
        g_autofree char *took = units_duration(verdict->seconds);
        report_print(report, "%s: proven at level %s (%s read, %s)\n", verdict->id,
                     proof_level_word(verdict->reached), size, took);
    } else {
        report_print(report, "%s: NOT proven at level %s\n", verdict->id,
                     proof_level_word(verdict->asked));
    }
    print_exam(report, verdict);
}

void view_verdict(Report *report, json_t *list, const Verdict *verdict, const GError *failure)
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
    add_exam(object, verdict);
    json_array_append_new(list, object);
    print_verdict(report, verdict, failure == NULL);
}

/* ---- sabotage -------------------------------------------------------------------------------- */

static const char *outcome_word(const SabotageResult *result)
{
    if (!result->tried)
        return "not tried";
    return result->noticed ? "noticed" : "NOT NOTICED";
}

void view_sabotage(Report *report, json_t *list, const char *id, const GPtrArray *results)
{
    json_t *harms = json_array();
    report_print(report, "%s: harmed in private copies\n", id);
    for (guint i = 0; i < results->len; i++) {
        const SabotageResult *result = results->pdata[i];
        json_t *object = json_object();
        json_object_set_new(object, "name", report_string(result->name));
        json_object_set_new(object, "harm", report_string(result->harm));
        json_object_set_new(object, "tried", json_boolean(result->tried));
        json_object_set_new(object, "noticed", json_boolean(result->noticed));
        json_object_set_new(object, "noticed_at",
                            result->noticed ? report_string(proof_level_word(result->noticed_at))
                                            : json_null());
        json_object_set_new(object, "told", report_string(result->told));
        json_array_append_new(harms, object);
        report_print(report, "  %-14s %-11s %s\n", result->name, outcome_word(result),
                     result->harm);
        report_print(report, "  %-14s %s%s\n", "", result->noticed ? "it said: " : "",
                     result->told);
    }
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(id));
    json_object_set_new(object, "harms", harms);
    json_array_append_new(list, object);
}
