/* SPDX-License-Identifier: MIT */
#include "report/alerts.h"

#include "base/clock.h"
#include "base/units.h"
#include "report/table.h"

#include <inttypes.h>

static json_t *time_json(int64_t time)
{
    g_autofree char *text = clock_format(time);
    return time != 0 ? json_string(text) : json_null();
}

static json_t *names_json(Names names)
{
    json_t *list = json_array();
    for (; names != NULL && *names != NULL; names++)
        json_array_append_new(list, report_string(*names));
    return list;
}

/* ---- incidents ------------------------------------------------------------------------------- */

json_t *view_incident_json(const Incident *incident, const char *instance)
{
    g_autofree char *key = incident_key(incident, instance);
    json_t *object = json_object();
    json_object_set_new(object, "incident", report_string(key));
    json_object_set_new(object, "event", report_string(event_word(incident->type)));
    json_object_set_new(object, "rule", report_string(incident->rule));
    json_object_set_new(object, "backup", report_string(incident->backup));
    json_object_set_new(object, "since", time_json(incident->since));
    json_object_set_new(object, "told_at", time_json(incident->told_at));
    json_object_set_new(object, "held", json_integer(incident->held));
    json_object_set_new(object, "acknowledged_at", time_json(incident->acknowledged_at));
    json_object_set_new(object, "channels", names_json((Names)incident->channels));
    json_object_set_new(object, "summary", report_string(incident->summary));
    return object;
}

static void add_words(GString *text, const char *words, const char *value)
{
    if (*value != '\0')
        g_string_append_printf(text, ", %s %s", words, value);
}

/* "told 2026-11-29T02:00:00Z (mail, oncall), held back 3 times, acknowledged ..." */
static char *story(const Incident *incident)
{
    g_autofree char *told = clock_format(incident->told_at);
    g_autofree char *acknowledged = clock_format(incident->acknowledged_at);
    g_autofree char *channels = names_text((Names)incident->channels);
    GString *text = g_string_new(incident->told_at != 0 ? "told " : "told to nobody");
    g_string_append(text, told);
    if (*channels != '\0' && incident->told_at != 0)
        g_string_append_printf(text, " (%s)", channels);
    if (incident->held > 0)
        g_string_append_printf(text, ", held back %u %s since", incident->held,
                               incident->held == 1 ? "time" : "times");
    add_words(text, "acknowledged", acknowledged);
    return g_string_free(text, FALSE);
}

void view_incidents(const Report *report, const GPtrArray *incidents, const char *instance)
{
    for (guint i = 0; i < incidents->len; i++) {
        const Incident *incident = incidents->pdata[i];
        g_autofree char *key = incident_key(incident, instance);
        g_autofree char *since = clock_format(incident->since);
        g_autofree char *told = story(incident);
        if (incident->since == 0) {
            report_print(report, "%s: it may be open, or not\n", key);
            continue;
        }
        report_print(report, "%s since %s\n  %s\n  %s\n", key, since, incident->summary, told);
    }
}

/* ---- spool ----------------------------------------------------------------------------------- */

static char **waits_for(const SpoolEntry *entry)
{
    GPtrArray *names = g_ptr_array_new();
    for (char **name = entry->to; name != NULL && *name != NULL; name++) {
        if (!spool_entry_has(entry, *name))
            g_ptr_array_add(names, g_strdup(*name));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

json_t *view_entry_json(const SpoolEntry *entry, int64_t now)
{
    const Event *event = entry->event;
    g_auto(GStrv) waits = waits_for(entry);
    json_t *delivered = json_array();
    for (guint i = 0; i < entry->delivered->len; i++)
        json_array_append_new(delivered, report_string(entry->delivered->pdata[i]));
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(event->id));
    json_object_set_new(object, "event", report_string(event_word(event->type)));
    json_object_set_new(object, "severity", report_string(severity_word(event->severity)));
    json_object_set_new(object, "instance", report_string(event->instance));
    json_object_set_new(object, "incident", report_string(event->incident));
    json_object_set_new(object, "summary", report_string(event->summary));
    json_object_set_new(object, "timestamp", time_json(event->timestamp));
    json_object_set_new(object, "age_seconds", json_integer(now - event->timestamp));
    json_object_set_new(object, "waits_for", names_json((Names)waits));
    json_object_set_new(object, "delivered", delivered);
    return object;
}

static void print_entries(const Report *report, const GPtrArray *entries, int64_t now)
{
    static const char *const headings[] = {"ALERT", "EVENT", "INSTANCE", ">AGE", "WAITS FOR", NULL};
    g_autoptr(Table) table = table_new(headings);
    for (guint i = 0; i < entries->len; i++) {
        const SpoolEntry *entry = entries->pdata[i];
        const Event *event = entry->event;
        g_auto(GStrv) waits = waits_for(entry);
        table_add(table, event->id);
        table_add(table, event_word(event->type));
        table_add(table, *event->instance != '\0' ? event->instance : "-");
        table_take(table, units_duration(MAX(now - event->timestamp, 0)));
        table_take(table, entry->to != NULL ? names_text((Names)waits) : g_strdup("its route"));
    }
    report_print(report, "%u %s:\n", entries->len,
                 entries->len == 1 ? "alert waits" : "alerts wait");
    table_print(table, report, "  ");
}

void view_spool(Report *report, const GPtrArray *entries, unsigned unread,
                const SpoolDropped *dropped, int64_t now)
{
    json_t *list = json_array();
    for (guint i = 0; i < entries->len; i++)
        json_array_append_new(list, view_entry_json(entries->pdata[i], now));
    json_object_set_new(report->extra, "spool", list);
    json_object_set_new(report->extra, "spool_unread", json_integer(unread));
    json_object_set_new(report->extra, "dropped", json_integer((json_int_t)dropped->count));
    json_object_set_new(report->extra, "dropped_at", time_json(dropped->last));

    g_autofree char *last = clock_format(dropped->last);
    if (entries->len == 0)
        report_print(report, "no alert waits\n");
    else
        print_entries(report, entries, now);
    if (unread > 0)
        report_print(report, "%u %s in the spool cannot be understood\n", unread,
                     unread == 1 ? "file" : "files");
    if (dropped->count > 0)
        report_print(report, "%" PRIu64 " %s dropped undelivered, the last at %s\n", dropped->count,
                     dropped->count == 1 ? "alert was" : "alerts were", last);
}
