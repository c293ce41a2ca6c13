/* SPDX-License-Identifier: MIT */
#include "report/status.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "report/views.h"

/* ---- the three times ------------------------------------------------------------------------- */

static json_t *time_json(int64_t time)
{
    g_autofree char *text = clock_format(time);
    return time != 0 ? json_string(text) : json_null();
}

static void print_point(const Report *report, const char *what, const Backup *backup, int64_t now)
{
    if (backup == NULL) {
        report_print(report, "  %-17s never\n", what);
        return;
    }
    g_autofree char *until = clock_format(backup->data_until);
    g_autofree char *age = units_duration(MAX(0, now - backup->data_until));
    report_print(report, "  %-17s %s  (%s ago, %s)\n", what, until, age, backup->id);
}

static void set_point(json_t *object, const char *key, const char *id_key, const Backup *backup)
{
    json_object_set_new(object, key, time_json(backup != NULL ? backup->data_until : 0));
    json_object_set_new(object, id_key, backup != NULL ? report_string(backup->id) : json_null());
}

static void set_outlook(json_t *object, const Outlook *outlook, int64_t within)
{
    json_t *forecast = json_object();
    json_object_set_new(forecast, "restore_within",
                        within > 0 ? json_integer(within) : json_null());
    json_object_set_new(forecast, "latest", view_forecast_json(&outlook->latest));
    json_object_set_new(forecast, "worst", view_forecast_json(&outlook->worst));
    json_object_set_new(forecast, "full", view_forecast_json(&outlook->full));
    json_object_set_new(object, "forecast", forecast);
}

static void print_outlook(const Report *report, const Outlook *outlook)
{
    if (outlook->latest.backup == NULL)
        return;
    g_autofree char *latest = view_forecast_text(&outlook->latest);
    report_print(report, "  %-17s %s\n", "restore now", latest);
    if (outlook->worst.basis == FORECAST_UNKNOWN || outlook->worst.backup == outlook->latest.backup)
        return;
    g_autofree char *worst = view_forecast_text(&outlook->worst);
    report_print(report, "  %-17s %s  (%s)\n", "worst point", worst, outlook->worst.backup->id);
}

/* ---- the last runs --------------------------------------------------------------------------- */

static gboolean is_remembered(const Vitals *vitals)
{
    return vitals->record == RECORD_SOUND;
}

static json_t *run_json(const LastRun *last)
{
    gboolean ended = last->finished != 0;
    json_t *object = json_object();
    json_object_set_new(object, "started", time_json(last->started));
    json_object_set_new(object, "finished", time_json(last->finished));
    json_object_set_new(object, "exit_status",
                        ended ? json_integer(last->exit_status) : json_null());
    json_object_set_new(object, "exit_status_name",
                        ended ? report_string(status_name(last->exit_status)) : json_null());
    json_object_set_new(object, "succeeded", time_json(last->succeeded));
    json_object_set_new(object, "running_since", time_json(last->gone ? 0 : last->running_since));
    json_object_set_new(object, "killed", time_json(last->gone ? last->running_since : 0));
    return object;
}

/* null: there is no such file, or it cannot be read. */
static json_t *runs_json(const Vitals *vitals)
{
    if (!is_remembered(vitals))
        return json_null();
    json_t *object = json_object();
    for (VitalRun run = VITAL_BACKUP; run < VITAL_RUNS; run++) {
        const LastRun *last = &vitals->runs[run];
        gboolean known = last->finished != 0 || last->running_since != 0;
        json_object_set_new(object, vitals_run_word(run), known ? run_json(last) : json_null());
    }
    return object;
}

static void print_runs(const Report *report, const Vitals *vitals, int64_t now)
{
    VitalRun newest = VITAL_NONE;
    if (!is_remembered(vitals))
        return;
    for (VitalRun run = VITAL_BACKUP; run < VITAL_RUNS; run++) {
        const LastRun *last = &vitals->runs[run];
        if (last->finished > vitals->runs[newest].finished)
            newest = run;
        if (last->running_since == 0 || last->gone)
            continue;
        g_autofree char *since = clock_format(last->running_since);
        g_autofree char *age = units_duration(MAX(0, now - last->running_since));
        report_print(report, "  %-17s %s  (for %s, %s)\n", "running since", since, age,
                     vitals_run_word(run));
    }
    const LastRun *last = &vitals->runs[newest];
    if (newest == VITAL_NONE)
        return;
    g_autofree char *ended = clock_format(last->finished);
    g_autofree char *age = units_duration(MAX(0, now - last->finished));
    report_print(report, "  %-17s %s  (%s ago, %s, exit status %d: %s)\n", "last run", ended, age,
                 vitals_run_word(newest), last->exit_status, status_name(last->exit_status));
}

static json_t *incidents_json(const Vitals *vitals)
{
    json_t *list = json_array();
    for (guint i = 0; i < vitals->incidents->len; i++) {
        const VitalIncident *incident = vitals->incidents->pdata[i];
        json_t *object = json_object();
        json_object_set_new(object, "type", report_string(incident->type));
        json_object_set_new(object, "severity",
                            json_string(incident->critical ? "critical" : "warning"));
        json_object_set_new(object, "since", time_json(incident->since));
        json_object_set_new(object, "summary", report_string(incident->summary));
        json_array_append_new(list, object);
    }
    return list;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void set_status(json_t *object, const Vitals *vitals)
{
    const Health *health = &vitals->health;
    set_point(object, "newest_backup", "newest_backup_id", health->newest);
    set_point(object, "restorable_until", "restorable_until_id", health->restorable);
    set_point(object, "proven_until", "proven_until_id", health->proven);
    json_object_set_new(object, "files_at", time_json(health->read_at));
    json_object_set_new(object, "next_expected", time_json(vitals->next_expected));
    set_outlook(object, &health->outlook, health->restore_within);
    json_object_set_new(object, "last_runs", runs_json(vitals));
    json_object_set_new(object, "incidents", incidents_json(vitals));
    json_object_set_new(object, "alerts_undelivered",
                        vitals->undelivered >= 0 ? json_integer(vitals->undelivered) : json_null());
    json_t *problems = json_array();
    for (guint i = 0; i < health->problems->len; i++) {
        const Problem *problem = health->problems->pdata[i];
        json_array_append_new(problems, report_string(problem->sentence));
    }
    json_object_set_new(object, "problems", problems);
}

static void print_status(const Report *report, const Vitals *vitals, int64_t now)
{
    const Health *health = &vitals->health;
    report_print(report, "%s\n", vitals->instance);
    print_point(report, "newest backup", health->newest, now);
    print_point(report, "restorable until", health->restorable, now);
    print_point(report, "proven until", health->proven, now);
    if (health->proven != NULL) {
        g_autofree char *age = units_duration(MAX(0, now - health->read_at));
        report_print(report, "  %-17s level %s; its oldest file was last read %s ago\n", "",
                     proof_level_word(health->proven->proof), age);
    }
    print_outlook(report, &health->outlook);
    print_runs(report, vitals, now);
    for (guint i = 0; i < health->problems->len; i++) {
        const Problem *problem = health->problems->pdata[i];
        report_print(report, "  wrong: %s\n", problem->sentence);
    }
    if (health->problems->len == 0)
        report_print(report, "  nothing is wrong\n");
}

void view_status(Report *report, const Vitals *vitals, int64_t now)
{
    set_status(report->instance, vitals);
    print_status(report, vitals, now);
}
