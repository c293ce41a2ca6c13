/* SPDX-License-Identifier: MIT */
#include "report/drill_json.h"

#include "base/clock.h"
#include "report/drill_verdict.h"
#include "report/report.h"

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static json_t *time_json(int64_t seconds)
{
    g_autofree char *text = clock_format(seconds);
    return *text != '\0' ? json_string(text) : json_null();
}

/* In seconds, to the millisecond. */
static json_t *took_json(int64_t microseconds)
{
    int64_t milliseconds = microseconds / 1000;
    return json_real((double)milliseconds / 1000);
}

static json_t *seconds_json(int64_t seconds)
{
    return seconds >= 0 ? json_integer(seconds) : json_null();
}

static json_t *text_json(const char *text)
{
    return text != NULL && *text != '\0' ? report_string(text) : json_null();
}

/* ---- a drill --------------------------------------------------------------------------------- */

static json_t *step_json(const DrillStep *step)
{
    json_t *object = json_object();
    set(object, "id", report_string(step->id));
    set(object, "type", json_string(backup_type_word(step->type)));
    set(object, "files", json_integer((json_int_t)step->files));
    set(object, "bytes_stored", json_integer((json_int_t)step->bytes_stored));
    set(object, "bytes_plain", json_integer((json_int_t)step->bytes_plain));
    set(object, "unseal_seconds", took_json(step->unseal_us));
    set(object, "prepare_seconds", took_json(step->prepare_us));
    return object;
}

json_t *drill_json_drill(const Drill *drill)
{
    json_t *object = json_object();
    set(object, "id", report_string(drill->backup));
    set(object, "chain", report_string(drill->chain));
    set(object, "kind", json_string(drill->kind == DRILL_RESTORE ? "restore" : "verify"));
    set(object, "at", time_json(drill->at));
    set(object, "level", json_string(proof_level_word(drill->asked)));
    set(object, "reached", json_string(proof_level_word(drill->reached)));
    set(object, "passed", json_boolean(*drill->failure == '\0'));
    set(object, "failure", text_json(drill->failure));
    set(object, "fresh", json_boolean(drill->fresh));
    set(object, "seconds", took_json(drill->took_us));
    set(object, "start_seconds", took_json(drill->start_us));
    set(object, "ask_seconds", took_json(drill->ask_us));
    set(object, "copied_up", json_integer((json_int_t)drill->copied_up));
    set(object, "table_count", json_integer(drill->tables));
    set(object, "checked", json_integer(drill->checked));
    set(object, "rpo_seconds", seconds_json(drill->rpo_s));
    set(object, "engine", text_json(drill->engine));
    set(object, "server", text_json(drill->server));
    set(object, "host", text_json(drill->host));
    json_t *steps = json_array();
    for (guint i = 0; i < drill->steps->len; i++)
        json_array_append_new(steps, step_json(drill->steps->pdata[i]));
    set(object, "steps", steps);
    return object;
}

/* ---- an exam --------------------------------------------------------------------------------- */

static json_t *table_json(const ExamTable *table)
{
    json_t *object = json_object();
    set(object, "schema", report_string(table->schema));
    set(object, "name", report_string(table->name));
    set(object, "type", text_json(table->type));
    set(object, "engine", text_json(table->engine));
    set(object, "size_class", text_json(table->size_class));
    set(object, "fit", json_string(drill_fit_word(table->fit)));
    set(object, "check", json_string(drill_check_word(table->check)));
    set(object, "message", text_json(table->message));
    set(object, "check_seconds", took_json(table->check_us));
    set(object, "checked_at", time_json(table->checked_at));
    return object;
}

static json_t *assert_json(const ExamAssert *query)
{
    json_t *object = json_object();
    set(object, "name", report_string(query->name));
    set(object, "sql", report_string(query->sql));
    set(object, "passed", json_boolean(query->passed));
    set(object, "answer", report_string(query->answer));
    return object;
}

static json_t *canary_json(const Exam *exam)
{
    json_t *object = json_object();
    set(object, "wanted", json_boolean(exam->canary_wanted));
    set(object, "found", json_boolean(exam->canary_found));
    set(object, "written_at", time_json(exam->canary_found ? exam->canary_at : 0));
    return object;
}

static json_t *exam_json(const Exam *exam)
{
    if (exam == NULL)
        return json_null();
    json_t *tables = json_array();
    json_t *asserts = json_array();
    for (guint i = 0; i < exam->tables->len; i++)
        json_array_append_new(tables, table_json(exam->tables->pdata[i]));
    for (guint i = 0; i < exam->asserts->len; i++)
        json_array_append_new(asserts, assert_json(exam->asserts->pdata[i]));
    json_t *object = json_object();
    set(object, "canary", canary_json(exam));
    set(object, "checked", json_integer(exam->checked));
    set(object, "left", json_integer(exam->left));
    set(object, "list_seconds", took_json(exam->list_us));
    set(object, "check_seconds", took_json(exam->check_us));
    set(object, "assert_seconds", took_json(exam->assert_us));
    set(object, "asserts", asserts);
    set(object, "tables", tables);
    return object;
}

/* ---- a proof --------------------------------------------------------------------------------- */

static json_t *rto_json(const DrillProof *proof)
{
    const Drill *measured = drill_verdict_measured(proof);
    int64_t target = proof->restore_within_s;
    gboolean judged = target > 0 && proof->forecast_s >= 0;
    json_t *object = json_object();
    set(object, "measured_seconds",
        measured != NULL ? took_json(drill_verdict_restore_us(measured)) : json_null());
    set(object, "measured_at", time_json(measured != NULL ? measured->at : 0));
    set(object, "measured_id", text_json(measured != NULL ? measured->backup : NULL));
    set(object, "forecast_seconds", seconds_json(proof->forecast_s));
    set(object, "restore_within_seconds", target > 0 ? json_integer(target) : json_null());
    set(object, "within", judged ? json_boolean(proof->forecast_s <= target) : json_null());
    return object;
}

json_t *drill_json_proof(const DrillProof *proof)
{
    static const char *const words[] = {"passed", "failed", "not_reached"};
    const Backup *backup = drill_verdict_backup(proof);
    DrillVerdict verdict = drill_verdict(proof);
    json_t *object = drill_json_drill(proof->drill);
    set(object, "passed", json_boolean(verdict == VERDICT_PASSED));
    set(object, "verdict", json_string(words[verdict]));
    set(object, "blamed", text_json(proof->blamed));
    set(object, "remedy", text_json(proof->remedy));
    set(object, "recorded", json_boolean(proof->recorded));
    set(object, "proven", json_boolean(drill_verdict_proven(proof)));
    set(object, "data_until", time_json(backup != NULL ? backup->data_until : 0));
    set(object, "rto", rto_json(proof));
    json_t *links = json_array();
    for (guint i = 0; backup != NULL && i < proof->path->len; i++) {
        const Backup *link = proof->path->pdata[i];
        json_array_append_new(links, report_string(link->id));
    }
    set(object, "links", links);
    set(object, "exam", exam_json(proof->exam));
    return object;
}
