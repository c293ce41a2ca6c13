/* SPDX-License-Identifier: MIT */
#include "report/prometheus.h"

#include "base/error.h"
#include "model/vitals.h"

#include <inttypes.h>

enum { UNKNOWN = -1 }; /* the sample is left out */

typedef struct {
    const Vitals *vitals;
    int64_t now;
    const char *metric;
    GString *text;
} Page;

typedef int64_t ValueFn(const Page *page);
typedef void SamplesFn(const Page *page);

/* A metric of one value for each instance, or of several that differ in a label. */
typedef struct {
    const char *name;
    const char *help;
    ValueFn *value;
    SamplesFn *samples;
    gboolean counter;
} Metric;

/* ---- samples --------------------------------------------------------------------------------- */

static void append_label(GString *text, const char *name, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    g_string_append_printf(text, "%s=\"", name);
    for (const char *at = valid; *at != '\0'; at++) {
        if (*at == '\n')
            g_string_append(text, "\\n");
        else if (*at == '"' || *at == '\\')
            g_string_append_printf(text, "\\%c", *at);
        else
            g_string_append_c(text, *at);
    }
    g_string_append_c(text, '"');
}

/* `label` may be NULL: then the instance alone. */
static void sample(const Page *page, const char *label, const char *value, int64_t number)
{
    if (number < 0)
        return;
    g_string_append_printf(page->text, "%s{", page->metric);
    append_label(page->text, "instance", page->vitals->instance);
    if (label != NULL) {
        g_string_append_c(page->text, ',');
        append_label(page->text, label, value);
    }
    g_string_append_printf(page->text, "} %" PRId64 "\n", number);
}

static int64_t known_time(int64_t time)
{
    return time > 0 ? time : UNKNOWN;
}

/* ---- the last runs --------------------------------------------------------------------------- */

static const LastRun *last(const Page *page, VitalRun kind)
{
    return &page->vitals->runs[kind];
}

static int64_t backup_completion(const Page *page)
{
    return known_time(last(page, VITAL_BACKUP)->finished);
}

static int64_t backup_exit_code(const Page *page)
{
    const LastRun *run = last(page, VITAL_BACKUP);
    return run->finished > 0 ? run->exit_status : UNKNOWN;
}

static int64_t backup_status(const Page *page)
{
    const LastRun *run = last(page, VITAL_BACKUP);
    return run->finished > 0 ? status_is_success(run->exit_status) : UNKNOWN;
}

static int64_t duration(const LastRun *run)
{
    return run->finished > 0 && run->started > 0 ? MAX(0, run->finished - run->started) : UNKNOWN;
}

static void backup_durations(const Page *page)
{
    const LastRun *run = last(page, VITAL_BACKUP);
    if (run->finished == 0)
        return;
    sample(page, "stage", "capture", run->spent.capture_seconds);
    sample(page, "stage", "publish", run->spent.publish_seconds);
    sample(page, "stage", "proof", run->spent.proof_seconds);
    sample(page, "stage", "total", duration(run));
}

static int64_t verify_success(const Page *page)
{
    return known_time(last(page, VITAL_VERIFY)->succeeded);
}

static int64_t verify_completion(const Page *page)
{
    return known_time(last(page, VITAL_VERIFY)->finished);
}

static int64_t verify_exit_code(const Page *page)
{
    const LastRun *run = last(page, VITAL_VERIFY);
    return run->finished > 0 ? run->exit_status : UNKNOWN;
}

static int64_t verify_duration(const Page *page)
{
    return duration(last(page, VITAL_VERIFY));
}

static void each_command(const Page *page, int64_t (*value)(const LastRun *run))
{
    for (VitalRun kind = VITAL_NONE + 1; kind < VITAL_RUNS; kind++)
        sample(page, "command", vitals_run_word(kind), value(last(page, kind)));
}

static int64_t is_running(const LastRun *run)
{
    return run->running_since != 0 && !run->gone;
}

static int64_t started(const LastRun *run)
{
    return known_time(run->running_since != 0 ? run->running_since : run->started);
}

static void runs_running(const Page *page)
{
    each_command(page, is_running);
}

static void runs_killed(const Page *page)
{
    for (VitalRun kind = VITAL_NONE + 1; kind < VITAL_RUNS; kind++)
        sample(page, "command", vitals_run_word(kind), vitals_was_killed(page->vitals, kind));
}

static void runs_started(const Page *page)
{
    each_command(page, started);
}

/* ---- the catalog ----------------------------------------------------------------------------- */

static int64_t data_until(const Backup *backup)
{
    return backup != NULL ? known_time(backup->data_until) : UNKNOWN;
}

static int64_t finished(const Backup *backup)
{
    return backup != NULL ? known_time(backup->finished) : UNKNOWN;
}

static int64_t number_of(uint64_t number)
{
    return (int64_t)MIN(number, (uint64_t)G_MAXINT64);
}

static int64_t catalog_readable(const Page *page)
{
    return page->vitals->catalog_known;
}

static void last_successes(const Page *page)
{
    sample(page, "type", "full", finished(page->vitals->newest_full));
    sample(page, "type", "incremental", finished(page->vitals->newest_incremental));
}

static int64_t newest_until(const Page *page)
{
    return data_until(page->vitals->health.newest);
}

static int64_t restorable_until(const Page *page)
{
    return data_until(page->vitals->health.restorable);
}

static int64_t proven_until(const Page *page)
{
    return data_until(page->vitals->health.proven);
}

static int64_t oldest_restorable(const Page *page)
{
    return data_until(page->vitals->oldest_restorable);
}

static int64_t oldest_reading(const Page *page)
{
    return page->vitals->health.proven != NULL ? known_time(page->vitals->health.read_at) : UNKNOWN;
}

static int64_t newest_size(const Page *page)
{
    const Backup *newest = page->vitals->health.newest;
    return newest != NULL ? number_of(newest->bytes_stored) : UNKNOWN;
}

static int64_t newest_plain(const Page *page)
{
    const Backup *newest = page->vitals->health.newest;
    return newest != NULL ? number_of(newest->bytes_plain) : UNKNOWN;
}

static int64_t newest_new(const Page *page)
{
    const Backup *newest = page->vitals->health.newest;
    return newest != NULL ? number_of(newest->bytes_new) : UNKNOWN;
}

static int64_t from_lsn(const Page *page)
{
    const Backup *newest = page->vitals->health.newest;
    return newest != NULL ? number_of(newest->from_lsn) : UNKNOWN;
}

static int64_t to_lsn(const Page *page)
{
    const Backup *newest = page->vitals->health.newest;
    return newest != NULL ? number_of(newest->to_lsn) : UNKNOWN;
}

static int64_t chain_length(const Page *page)
{
    return page->vitals->catalog_known ? (int64_t)page->vitals->chain_length : UNKNOWN;
}

static void backups_by_state(const Page *page)
{
    static const char *const words[] = {"complete", "quarantined", "missing"};
    G_STATIC_ASSERT(G_N_ELEMENTS(words) == G_N_ELEMENTS(page->vitals->count));
    for (size_t i = 0; page->vitals->catalog_known && i < G_N_ELEMENTS(words); i++)
        sample(page, "state", words[i], page->vitals->count[i]);
}

static int64_t stored(const Page *page)
{
    return page->vitals->catalog_known ? number_of(page->vitals->bytes_stored) : UNKNOWN;
}

/* ---- what is wanted, alerts, the rest -------------------------------------------------------- */

static int64_t backup_within(const Page *page)
{
    return known_time(page->vitals->backup_within);
}

static int64_t next_expected(const Page *page)
{
    return known_time(page->vitals->next_expected);
}

static int64_t proof_within(const Page *page)
{
    return known_time(page->vitals->proof_within);
}

static int64_t proof_success(const Page *page)
{
    const Backup *proven = page->vitals->health.proven;
    return proven != NULL ? known_time(proven->proof_at) : UNKNOWN;
}

static int64_t next_proof(const Page *page)
{
    return known_time(page->vitals->next_proof);
}

static int64_t free_bytes(const Page *page)
{
    return page->vitals->free_bytes;
}

static int64_t repository_size(const Page *page)
{
    return page->vitals->size_bytes;
}

static int64_t open_incidents(const Page *page, gboolean critical)
{
    int64_t count = 0;
    for (guint i = 0; i < page->vitals->incidents->len; i++) {
        const VitalIncident *incident = page->vitals->incidents->pdata[i];
        count += !incident->common && incident->critical == critical;
    }
    return count;
}

static void incidents_by_severity(const Page *page)
{
    if (!page->vitals->incidents_known)
        return;
    sample(page, "severity", "critical", open_incidents(page, TRUE));
    sample(page, "severity", "warning", open_incidents(page, FALSE));
}

static int64_t undelivered(const Page *page)
{
    return page->vitals->undelivered;
}

static int64_t dropped(const Page *page)
{
    return page->vitals->dropped;
}

static int64_t written(const Page *page)
{
    return page->now;
}

static void build_info(const Page *page)
{
    const Backup *newest = page->vitals->health.newest;
    GString *text = page->text;
    g_string_append_printf(text, "%s{", page->metric);
    append_label(text, "instance", page->vitals->instance);
    g_string_append_c(text, ',');
    append_label(text, "version", LSNCHAIN_VERSION);
    g_string_append_c(text, ',');
    append_label(text, "engine", newest != NULL ? newest->engine : "");
    g_string_append_c(text, ',');
    append_label(text, "engine_version", newest != NULL ? newest->engine_version : "");
    g_string_append(text, "} 1\n");
}

/* ---- the table ------------------------------------------------------------------------------- */

/* clang-format off */
static const Metric metrics[] = {
    {"backup_last_success_timestamp_seconds", "End of the newest good backup of this type",
     .samples = last_successes},
    {"backup_last_completion_timestamp_seconds", "End of the last backup run, good or bad",
     .value = backup_completion},
    {"backup_last_exit_code", "Exit status of the last backup run", .value = backup_exit_code},
    {"backup_last_status", "1: the last backup run ended with 0 or 3, 0: it failed",
     .value = backup_status},
    {"backup_last_duration_seconds", "What the stages of the last backup run took",
     .samples = backup_durations},
    {"backup_last_size_bytes", "Stored size of the newest backup", .value = newest_size},
    {"backup_last_plain_bytes", "Size of the newest backup as the engine sent it",
     .value = newest_plain},
    {"backup_last_new_bytes", "What of the newest backup is no hard link to an earlier one",
     .value = newest_new},
    {"backup_last_from_lsn", "LSN at which the newest backup begins", .value = from_lsn},
    {"backup_last_to_lsn", "LSN at which the newest backup ends", .value = to_lsn},
    {"backup_within_seconds", "How old the newest good backup may become (backup_within)",
     .value = backup_within},
    {"backup_next_expected_timestamp_seconds",
     "When the newest good backup will be too old (backup_within)", .value = next_expected},
    {"newest_backup_timestamp_seconds",
     "Data until when the newest backup holds, whatever its state", .value = newest_until},
    {"restorable_until_timestamp_seconds", "Data until when an unbroken chain holds",
     .value = restorable_until},
    {"proven_until_timestamp_seconds", "Data until when a chain holds whose test restore passed",
     .value = proven_until},
    {"proof_last_success_timestamp_seconds", "When the newest proven backup was last proven",
     .value = proof_success},
    {"proof_within_seconds", "How old the proof of the newest proven backup may become (proof_within)",
     .value = proof_within},
    {"proof_next_expected_timestamp_seconds",
     "When the newest proven backup, or its proof, will be too old (proof_within)",
     .value = next_proof},
    {"oldest_restorable_timestamp_seconds", "Data until when the oldest restorable backup holds",
     .value = oldest_restorable},
    {"oldest_reading_timestamp_seconds",
     "Oldest time at which a file of the newest proven chain was read back", .value = oldest_reading},
    {"chain_length", "Links up to the newest restorable backup, its full included",
     .value = chain_length},
    {"verify_last_success_timestamp_seconds", "End of the last verify run that passed",
     .value = verify_success},
    {"verify_last_completion_timestamp_seconds", "End of the last verify run, good or bad",
     .value = verify_completion},
    {"verify_last_exit_code", "Exit status of the last verify run", .value = verify_exit_code},
    {"verify_last_duration_seconds", "What the last verify run took", .value = verify_duration},
    {"catalog_readable", "1: the catalog can be read, 0: nothing is known of the backups",
     .value = catalog_readable},
    {"catalog_backups", "Backups in the catalog, by their state", .samples = backups_by_state},
    {"catalog_stored_bytes", "Stored bytes of all backups, a hard-linked file counted once",
     .value = stored},
    {"repository_free_bytes", "Free bytes of the filesystem of the repository", .value = free_bytes},
    {"repository_size_bytes", "Size of the filesystem of the repository", .value = repository_size},
    {"incidents_open", "What was told as wrong and has not ended, by its severity",
     .samples = incidents_by_severity},
    {"alerts_undelivered", "Alerts of all instances that wait for a channel", .value = undelivered},
    {"alerts_dropped_total", "Alerts of all instances that were dropped undelivered",
     .value = dropped, .counter = TRUE},
    {"run_running", "1: a run of this command is at work", .samples = runs_running},
    {"run_killed", "1: the last run was killed, and no good backup came after it",
     .samples = runs_killed},
    {"run_started_timestamp_seconds", "Start of the last run of this command",
     .samples = runs_started},
    {"metrics_written_timestamp_seconds", "When this was written", .value = written},
    {"build_info", "Versions of lsnchain and of the engine of the newest backup",
     .samples = build_info},
};
/* clang-format on */

static void append_samples(const Metric *metric, const Page *page)
{
    if (metric->samples != NULL)
        metric->samples(page);
    else
        sample(page, NULL, NULL, metric->value(page));
}

static void append_metric(const Metric *metric, const GPtrArray *vitals, int64_t now, GString *text)
{
    g_autofree char *name = g_strconcat("lsnchain_", metric->name, NULL);
    gsize before = text->len;
    g_string_append_printf(text, "# HELP %s %s.\n# TYPE %s %s\n", name, metric->help, name,
                           metric->counter ? "counter" : "gauge");
    gsize head = text->len;
    for (guint i = 0; i < vitals->len; i++) {
        const Page page = {vitals->pdata[i], now, name, text};
        append_samples(metric, &page);
    }
    if (text->len == head)
        g_string_truncate(text, before);
}

GString *prometheus_text(const GPtrArray *vitals, int64_t now)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(metrics); i++)
        append_metric(&metrics[i], vitals, now, text);
    return text;
}
