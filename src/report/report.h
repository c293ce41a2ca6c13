/* SPDX-License-Identifier: MIT */
/*
 * report: the result on stdout, as text at once or as one JSON object at the end.
 *
 * The object is always the same envelope: schema_version, command, status, status_name, warnings,
 * error, instances.  Keys and enumeration values are only ever added.
 */
#ifndef LSNCHAIN_REPORT_REPORT_H
#define LSNCHAIN_REPORT_REPORT_H

#include <glib.h>
#include <jansson.h>

typedef struct {
    gboolean json;
    gboolean silent; /* no text: -q with a command that acts */
    json_t *instances;
    json_t *instance; /* of the instance that is being told of; borrowed */
    json_t *extra;    /* keys that belong to no instance */
} Report;

void report_start(Report *report, gboolean json);
void report_clear(Report *report);

/* What follows is about this instance. */
void report_instance(Report *report, const char *name);
/* The error that ended this instance's part, beside the one of the whole. */
void report_instance_error(Report *report, const GError *error);

/* Text only: to stdout.  Control characters are shown as '?'. */
void report_print(const Report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* JSON only: prints the envelope; `error` may be NULL. */
void report_end(Report *report, const char *command, int status, const GError *error);

/* {"message", "hint"}, or null for NULL. */
json_t *report_error_json(const GError *error);
/* Text that may hold anything, made valid UTF-8. */
json_t *report_string(const char *text);

#endif
