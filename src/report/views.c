/* SPDX-License-Identifier: MIT */
#include "report/views.h"

#include "base/clock.h"
#include "base/units.h"
#include "model/chain.h"
#include "report/table.h"

#include <inttypes.h>
#include <string.h>

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *field_json(const Field *field, const Backup *backup)
{
    g_autofree char *text = field_text(field, backup);
    switch (field->type) {
    case FIELD_NUMBER:
        return json_integer((json_int_t)g_ascii_strtoull(text, NULL, 10));
    case FIELD_TIME:
        return *text != '\0' ? json_string(text) : json_null();
    case FIELD_WORD:
        if (g_str_equal(field->words[0], "no"))
            return json_boolean(g_str_equal(text, "yes"));
        return json_string(text);
    case FIELD_TEXT:
    default:
        return report_string(text);
    }
}

static void add_fields(json_t *object, const Backup *backup, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, fields[i].key, field_json(&fields[i], backup));
}

static void add_extras(json_t *object, const Backup *backup, gboolean marks)
{
    const GPtrArray *extras = marks ? backup->extra_marks : backup->extra_facts;
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        const char *scope = backup_extra_scope(backup, marks, extra->key);
        g_autofree char *name = g_strconcat(scope, extra->key, NULL);
        json_object_set_new(object, name, report_string(extra->value));
    }
}

json_t *view_backup_json(const Backup *backup, gboolean proven)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(backup->id));
    add_fields(object, backup, backup_facts, backup_facts_count);
    add_extras(object, backup, FALSE);
    add_fields(object, backup, backup_marks, backup_marks_count);
    add_extras(object, backup, TRUE);
    json_object_set_new(object, "proven", json_boolean(proven));
    return object;
}

/* ---- list ------------------------------------------------------------------------------------ */

static const char *state_text(const GPtrArray *backups, const Backup *backup)
{
    if (backup->state == STATE_QUARANTINED)
        return "quarantined";
    if (backup->state == STATE_MISSING)
        return "missing";
    return chain_sound(backups, backup, NULL) ? "complete" : "not restorable";
}

static char *proof_text(const Backup *backup)
{
    if (backup->proof_failed != PROOF_NONE)
        return g_strdup_printf("%s failed", proof_level_word(backup->proof_failed));
    return g_strdup(backup->proof == PROOF_NONE ? "-" : proof_level_word(backup->proof));
}

/* A pin holds the whole chain; it is shown where it was set. */
static char *state_and_pin(const GPtrArray *backups, const Backup *backup)
{
    return g_strconcat(state_text(backups, backup), backup->pinned ? ", pinned" : "", NULL);
}

static void add_row(Table *table, const GPtrArray *backups, const Backup *backup)
{
    table_add(table, backup->id);
    table_take(table, g_strdup_printf("%" PRIu64, backup->from_lsn));
    table_take(table, g_strdup_printf("%" PRIu64, backup->to_lsn));
    table_take(table, units_size(backup->bytes_plain));
    table_take(table, units_size(backup->bytes_stored));
    table_take(table, units_size(backup->bytes_new));
    table_take(table, state_and_pin(backups, backup));
    table_take(table, proof_text(backup));
    table_take(table, clock_format(backup->data_until));
}

static void print_chain(const Report *report, const GPtrArray *backups, const Chain *chain)
{
    static const char *const headings[] = {"BACKUP",     ">FROM LSN", ">TO LSN", ">DATA",
                                           ">STORED",    ">NEW",      "STATE",   "PROOF",
                                           "DATA UNTIL", NULL};
    g_autoptr(Table) table = table_new(headings);
    for (guint i = 0; i < chain->links->len; i++)
        add_row(table, backups, chain->links->pdata[i]);
    report_print(report, "chain %s\n", chain->id);
    table_print(table, report, "  ");
}

static json_t *chain_json(const GPtrArray *backups, const Chain *chain, int64_t read_since)
{
    json_t *links = json_array();
    for (guint i = 0; i < chain->links->len; i++) {
        const Backup *link = chain->links->pdata[i];
        gboolean proven = chain_proven(backups, link, read_since);
        json_array_append_new(links, view_backup_json(link, proven));
    }
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(chain->id));
    json_object_set_new(object, "links", links);
    return object;
}

void view_chains(Report *report, const GPtrArray *backups, int64_t read_since)
{
    g_autoptr(GPtrArray) chains = chain_all(backups);
    json_t *list = json_array();
    if (chains->len == 0)
        report_print(report, "no backup yet\n");
    for (guint i = 0; i < chains->len; i++) {
        const Chain *chain = chains->pdata[i];
        if (report->json) /* one of the two: with 10,000 backups each takes its time */
            json_array_append_new(list, chain_json(backups, chain, read_since));
        else
            print_chain(report, backups, chain);
    }
    json_object_set_new(report->instance, "chains", list);
}

/* ---- show ------------------------------------------------------------------------------------ */

static void print_fields(const Report *report, const Backup *backup, const Field *fields,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *text = field_text(&fields[i], backup);
        if (*text == '\0')
            continue;
        g_autofree char *size = NULL;
        if (g_str_has_prefix(fields[i].key, "bytes_"))
            size = units_size(g_ascii_strtoull(text, NULL, 10));
        report_print(report, "  %-20s %s%s%s%s\n", fields[i].key, text, size != NULL ? " (" : "",
                     size != NULL ? size : "", size != NULL ? ")" : "");
    }
}

static void print_extras(const Report *report, const Backup *backup, gboolean marks)
{
    const GPtrArray *extras = marks ? backup->extra_marks : backup->extra_facts;
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        const char *scope = backup_extra_scope(backup, marks, extra->key);
        g_autofree char *name = g_strconcat(scope, extra->key, NULL);
        report_print(report, "  %-20s %s\n", name, extra->value);
    }
}

void view_backup(Report *report, const GPtrArray *backups, const Backup *backup, int64_t read_since)
{
    gboolean proven = chain_proven(backups, backup, read_since);
    g_autofree char *why = NULL;
    gboolean sound = chain_sound(backups, backup, &why);
    json_t *object = view_backup_json(backup, proven);
    json_object_set_new(object, "restorable", json_boolean(sound));
    json_object_set_new(report->instance, "backup", object);

    report_print(report, "%s\n", backup->id);
    print_fields(report, backup, backup_facts, backup_facts_count);
    print_extras(report, backup, FALSE);
    print_fields(report, backup, backup_marks, backup_marks_count);
    print_extras(report, backup, TRUE);
    report_print(report, "  %-20s %s%s\n", "restorable", sound ? "yes" : "no: ", sound ? "" : why);
    report_print(report, "  %-20s %s\n", "proven", proven ? "yes" : "no");
}

/* ---- forecast -------------------------------------------------------------------------------- */

json_t *view_forecast_json(const Forecast *forecast)
{
    if (forecast->backup == NULL)
        return json_null();
    gboolean known = forecast->basis != FORECAST_UNKNOWN;
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(forecast->backup->id));
    json_object_set_new(object, "basis", report_string(forecast_basis_word(forecast->basis)));
    json_object_set_new(object, "seconds", known ? json_integer(forecast->seconds) : json_null());
    json_object_set_new(object, "links", json_integer(forecast->links));
    json_object_set_new(object, "bytes_read", json_integer((json_int_t)forecast->bytes_read));
    json_object_set_new(object, "bytes_written", json_integer((json_int_t)forecast->bytes_written));
    return object;
}

char *view_forecast_text(const Forecast *forecast)
{
    static const char *const basis[] = {
        [FORECAST_SCALED] = "scaled from other drills",
        [FORECAST_MEASURED] = "by its own drills",
    };
    if (forecast->basis == FORECAST_UNKNOWN)
        return g_strdup("not known until a first drill (lsnchain verify)");
    g_autofree char *takes = units_duration(forecast->seconds);
    return g_strdup_printf("about %s, %s", takes, basis[forecast->basis]);
}
