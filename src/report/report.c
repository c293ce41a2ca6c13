/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include "base/error.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum { SCHEMA_VERSION = 1 };

void report_start(Report *report, gboolean json)
{
    *report = (Report){
        .json = json,
        .instances = json_array(),
        .extra = json_object(),
    };
}

void report_clear(Report *report)
{
    json_decref(report->instances);
    json_decref(report->extra);
    *report = (Report){0};
}

void report_instance(Report *report, const char *name)
{
    report->instance = json_object();
    json_object_set_new(report->instance, "instance", report_string(name));
    json_array_append_new(report->instances, report->instance);
}

void report_instance_error(Report *report, const GError *error)
{
    if (report->instance != NULL)
        json_object_set_new(report->instance, "error", report_error_json(error));
}

void report_print(const Report *report, const char *format, ...)
{
    if (report->json || report->silent)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *printable = log_printable(text);
    for (char *tab = strchr(printable, '\t'); tab != NULL; tab = strchr(tab, '\t'))
        *tab = '?';
    fputs(printable, stdout);
}

json_t *report_string(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return json_string(valid);
}

json_t *report_error_json(const GError *error)
{
    if (error == NULL)
        return json_null();
    g_autofree char *sentence = error_sentence(error);
    g_autofree char *hint = error_hint(error);
    json_t *object = json_object();
    json_object_set_new(object, "message", report_string(sentence));
    json_object_set_new(object, "hint", hint != NULL ? report_string(hint) : json_null());
    return object;
}

static json_t *warnings_json(void)
{
    json_t *list = json_array();
    const GPtrArray *warnings = log_warnings();
    for (guint i = 0; i < warnings->len; i++)
        json_array_append_new(list, report_string(warnings->pdata[i]));
    return list;
}

void report_end(Report *report, const char *command, int status, const GError *error)
{
    if (!report->json)
        return;
    json_t *envelope = json_object();
    json_object_set_new(envelope, "schema_version", json_integer(SCHEMA_VERSION));
    json_object_set_new(envelope, "command", report_string(command));
    json_object_set_new(envelope, "status", json_integer(status));
    json_object_set_new(envelope, "status_name", report_string(status_name(status)));
    json_object_set_new(envelope, "warnings", warnings_json());
    json_object_set_new(envelope, "error", report_error_json(error));
    json_object_set(envelope, "instances", report->instances);
    json_object_update_missing(envelope, report->extra);
    json_dumpf(envelope, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', stdout);
    json_decref(envelope);
}
