/* SPDX-License-Identifier: MIT */
#include "report/answers.h"

#include "base/clock.h"
#include "model/chain.h"
#include "model/explain.h"
#include "report/table.h"

/* ---- why ------------------------------------------------------------------------------------- */

void view_answers(Report *report, const char *about, const GPtrArray *answers, const char *prefix)
{
    json_t *list = json_array();
    report_print(report, "%s\n", about);
    for (guint i = 0; i < answers->len; i++) {
        const Answer *answer = answers->pdata[i];
        g_autofree char *command = *answer->command != '\0'
                                       ? g_strdup_printf("%s %s", prefix, answer->command)
                                       : g_strdup("");
        report_print(report, "  %s\n", answer->sentence);
        if (*command != '\0')
            report_print(report, "    %s\n", command);
        json_t *object = json_object();
        json_object_set_new(object, "topic", json_string(answer->topic));
        json_object_set_new(object, "answer", report_string(answer->sentence));
        json_object_set_new(object, "command", report_string(command));
        json_array_append_new(list, object);
    }
    json_object_set_new(report->instance, "about", report_string(about));
    json_object_set_new(report->instance, "why", list);
}

/* ---- impact ---------------------------------------------------------------------------------- */

static json_t *ids_json(const GPtrArray *ids)
{
    json_t *list = json_array();
    for (guint i = 0; i < ids->len; i++)
        json_array_append_new(list, report_string(ids->pdata[i]));
    return list;
}

/* What would be left as the newest one that restores, or is proven; NULL: none. */
static const Backup *newest_left(const Impact *impact, gboolean proven)
{
    guint lost = impact->lost->len; /* they are in the order of the backups */
    for (guint i = impact->backups->len; i > 0; i--) {
        const Backup *backup = impact->backups->pdata[i - 1];
        if (lost > 0 && impact->lost->pdata[lost - 1] == backup) {
            lost--;
            continue;
        }
        gboolean good = proven ? chain_proven(impact->backups, backup, impact->read_since)
                               : chain_sound(impact->backups, backup, NULL);
        if (good)
            return backup;
    }
    return NULL;
}

static void tell_left(Report *report, json_t *object, const Impact *impact, gboolean proven)
{
    const Backup *left = newest_left(impact, proven);
    const char *what = proven ? "proven until" : "restorable until";
    g_autofree char *until = left != NULL ? clock_format(left->data_until) : NULL;
    json_object_set_new(object, proven ? "proven_until" : "restorable_until",
                        left != NULL ? json_string(until) : json_null());
    json_object_set_new(object, proven ? "proven_until_id" : "restorable_until_id",
                        left != NULL ? report_string(left->id) : json_null());
    if (left != NULL)
        report_print(report, "  then %-17s %s  (%s)\n", what, until, left->id);
    else
        report_print(report, "  then %-17s never\n", what);
}

static void print_lost(const Report *report, const Impact *impact)
{
    static const char *const headings[] = {"RESTORE POINT", "DATA UNTIL", "PROVEN", NULL};
    g_autoptr(Table) table = table_new(headings);
    for (guint i = 0; i < impact->lost->len; i++) {
        const Backup *backup = impact->lost->pdata[i];
        table_add(table, backup->id);
        table_take(table, clock_format(backup->data_until));
        table_add(table, chain_proven(impact->backups, backup, impact->read_since) ? "yes" : "no");
    }
    table_print(table, report, "  ");
}

void view_impact(Report *report, const Impact *impact)
{
    json_t *object = json_object();
    g_autoptr(GPtrArray) lost = g_ptr_array_new();
    for (guint i = 0; i < impact->lost->len; i++)
        g_ptr_array_add(lost, ((const Backup *)impact->lost->pdata[i])->id);
    json_object_set_new(object, "what", report_string(impact->what));
    json_object_set_new(object, "holders", ids_json(impact->holders));
    json_object_set_new(object, "lost", ids_json(lost));

    report_print(report, "%s is in %u backup%s\n", impact->what, impact->holders->len,
                 impact->holders->len == 1 ? "" : "s");
    for (guint i = 0; i < impact->holders->len; i++)
        report_print(report, "  %s\n", (const char *)impact->holders->pdata[i]);
    report_print(report, impact->lost->len > 0 ? "without it these are lost\n"
                                               : "without it no restore point is lost\n");
    if (impact->lost->len > 0)
        print_lost(report, impact);
    tell_left(report, object, impact, FALSE);
    tell_left(report, object, impact, TRUE);
    json_object_set_new(report->instance, "impact", object);
}
