/* SPDX-License-Identifier: MIT */
#include "model/vitals.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "model/chain.h"

enum { CLOCK_SLACK_S = 300, DROPPED_TOLD_S = 7 * 86400 };

static const char *const run_words[VITAL_RUNS] = {
    [VITAL_NONE] = "none",
    [VITAL_BACKUP] = "backup",
    [VITAL_VERIFY] = "verify",
    [VITAL_EXPIRE] = "expire",
};

const char *vitals_run_word(VitalRun run)
{
    return run_words[run];
}

VitalRun vitals_run_of(const char *word)
{
    for (VitalRun run = VITAL_BACKUP; run < VITAL_RUNS; run++) {
        if (g_str_equal(word, run_words[run]))
            return run;
    }
    return VITAL_NONE;
}

/* ---- the noun -------------------------------------------------------------------------------- */

static void incident_free(gpointer data)
{
    VitalIncident *incident = data;
    g_free(incident->summary);
    g_free(incident);
}

Vitals *vitals_new(const char *instance)
{
    Vitals *vitals = g_new0(Vitals, 1);
    vitals->instance = g_strdup(instance);
    vitals->record_path = g_strdup("");
    vitals->health.problems = problems_new();
    vitals->incidents = g_ptr_array_new_with_free_func(incident_free);
    vitals->undelivered = -1;
    vitals->dropped = -1;
    vitals->free_bytes = -1;
    vitals->size_bytes = -1;
    return vitals;
}

void vitals_free(Vitals *vitals)
{
    if (vitals == NULL)
        return;
    g_free(vitals->instance);
    g_free(vitals->record_path);
    g_free(vitals->record_why);
    g_free(vitals->catalog_why);
    g_free(vitals->alerts_why);
    health_clear(&vitals->health);
    g_ptr_array_unref(vitals->incidents);
    g_free(vitals);
}

VitalIncident *vitals_add_incident(Vitals *vitals, const char *type, gboolean critical,
                                   int64_t since, const char *summary)
{
    VitalIncident *incident = g_new0(VitalIncident, 1);
    incident->type = type;
    incident->critical = critical;
    incident->since = since;
    incident->summary = g_strdup(summary);
    g_ptr_array_add(vitals->incidents, incident);
    return incident;
}

static const Backup *newest_sound(const GPtrArray *backups, BackupType type)
{
    for (guint i = backups->len; i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (backup->type == type && chain_sound(backups, backup, NULL))
            return backup;
    }
    return NULL;
}

static const Backup *oldest_sound(const GPtrArray *backups)
{
    for (guint i = 0; i < backups->len; i++) {
        if (chain_sound(backups, backups->pdata[i], NULL))
            return backups->pdata[i];
    }
    return NULL;
}

void vitals_add_catalog(Vitals *vitals, const GPtrArray *backups, int64_t read_since)
{
    health_clear(&vitals->health);
    vitals->catalog_known = TRUE;
    vitals->health = health_of(backups, read_since);
    vitals->newest_full = newest_sound(backups, BACKUP_FULL);
    vitals->newest_incremental = newest_sound(backups, BACKUP_INCREMENTAL);
    vitals->oldest_restorable = oldest_sound(backups);
    const Backup *restorable = vitals->health.restorable;
    vitals->chain_length = restorable != NULL ? chain_depth(backups, restorable) + 1 : 0;
    for (guint i = 0; i < backups->len; i++) {
        const Backup *backup = backups->pdata[i];
        vitals->count[backup->state]++;
        vitals->bytes_stored += backup->bytes_new;
    }
}

/* ---- the ages that are wanted ---------------------------------------------------------------- */

static char *ago(int64_t then, int64_t now)
{
    return units_duration(MAX(0, now - then));
}

static gboolean is_older(int64_t then, int64_t now, int64_t within)
{
    return then != 0 && within != 0 && now - then > within;
}

char *vitals_backup_overdue(const Vitals *vitals, int64_t now)
{
    const Backup *backup = vitals->health.restorable;
    int64_t then = backup != NULL ? backup->finished : vitals->catalog_at;
    if (!vitals->catalog_known || !is_older(then, now, vitals->backup_within))
        return NULL;
    g_autofree char *age = ago(then, now);
    g_autofree char *wanted = units_duration(vitals->backup_within);
    return backup != NULL ? g_strdup_printf("the newest good backup is %s old (backup_within: %s)",
                                            age, wanted)
                          : g_strdup_printf("no good backup was taken for %s (backup_within: %s)",
                                            age, wanted);
}

/*
 * A proof that is repeated for ever on an old backup proves nothing of the newer ones: by then the
 * backup itself has to be younger than both ages together.
 */
char *vitals_proof_overdue(const Vitals *vitals, int64_t now)
{
    const Backup *proven = vitals->health.proven;
    const Backup *oldest = vitals->oldest_restorable;
    int64_t within = vitals->proof_within;
    g_autofree char *wanted = units_duration(within);
    if (proven == NULL) {
        if (oldest == NULL || !is_older(oldest->finished, now, within))
            return NULL;
        g_autofree char *age = ago(oldest->finished, now);
        return g_strdup_printf("there are backups since %s, and none is proven (proof_within: %s)",
                               age, wanted);
    }
    if (is_older(proven->proof_at, now, within)) {
        g_autofree char *age = ago(proven->proof_at, now);
        return g_strdup_printf("the proof of the newest proven backup is %s old (proof_within: %s)",
                               age, wanted);
    }
    if (within == 0 || vitals->backup_within == 0 ||
        !is_older(proven->finished, now, vitals->backup_within + within))
        return NULL;
    g_autofree char *age = ago(proven->finished, now);
    return g_strdup_printf("the newest proven backup is %s old, and nothing newer was proven "
                           "(proof_within: %s)",
                           age, wanted);
}

static void expect(Vitals *vitals)
{
    const Backup *restorable = vitals->health.restorable;
    const Backup *proven = vitals->health.proven;
    if (vitals->backup_within > 0 && restorable != NULL)
        vitals->next_expected = restorable->finished + vitals->backup_within;
    if (vitals->proof_within == 0 || proven == NULL)
        return;
    vitals->next_proof = proven->proof_at + vitals->proof_within;
    if (vitals->backup_within > 0)
        vitals->next_proof = MIN(vitals->next_proof,
                                 proven->finished + vitals->backup_within + vitals->proof_within);
}

static void judge_ages(Vitals *vitals, int64_t now)
{
    Health *health = &vitals->health;
    g_autofree char *backup = vitals_backup_overdue(vitals, now);
    g_autofree char *proof = vitals_proof_overdue(vitals, now);
    if (backup != NULL)
        (void)problem_add(health->problems, GRAVITY_CRITICAL, "%s", backup);
    if (proof != NULL)
        (void)problem_add(health->problems, GRAVITY_CRITICAL, "%s", proof);
    if (health->unproven != NULL && vitals->proof_within > 0)
        health->unproven->gravity = GRAVITY_CRITICAL;
    if (health->restorable != NULL && health->restorable->finished > now + CLOCK_SLACK_S) {
        g_autofree char *ahead = ago(now, health->restorable->finished);
        (void)problem_add(
            health->problems, GRAVITY_UNKNOWN,
            "how old the newest backup is cannot be told: it is %s ahead of the clock", ahead);
    }
}

/* ---- what is remembered ---------------------------------------------------------------------- */

static void judge_record(Vitals *vitals, gboolean overdue, int64_t now)
{
    GPtrArray *problems = vitals->health.problems;
    switch (vitals->record) {
    case RECORD_ABSENT:
        (void)problem_add(problems, GRAVITY_CRITICAL, "no run is on record in %s",
                          vitals->record_path);
        return;
    case RECORD_DAMAGED:
        (void)problem_add(problems, GRAVITY_CRITICAL, "how the last runs ended is not known: %s",
                          vitals->record_why);
        return;
    case RECORD_FOREIGN:
        (void)problem_add(problems, GRAVITY_UNKNOWN, "how the last runs ended is not known: %s",
                          vitals->record_why);
        return;
    case RECORD_NONE:
    case RECORD_SOUND:
    default:
        break;
    }
    if (vitals->record == RECORD_NONE || overdue || vitals->backup_within == 0 ||
        now - vitals->written <= vitals->backup_within)
        return;
    g_autofree char *age = ago(vitals->written, now);
    (void)problem_add(problems, GRAVITY_CRITICAL, "no run was noted in %s for %s",
                      vitals->record_path, age);
}

/* A good backup proves and expires too, so what failed before it is over. */
static gboolean is_over(const Vitals *vitals, VitalRun run, int64_t began)
{
    return run != VITAL_BACKUP && began < vitals->runs[VITAL_BACKUP].succeeded;
}

gboolean vitals_was_killed(const Vitals *vitals, VitalRun run)
{
    const LastRun *last = &vitals->runs[run];
    return last->gone && !is_over(vitals, run, last->running_since);
}

/* NULL: it was not. */
static char *killed_text(const Vitals *vitals, VitalRun run)
{
    if (!vitals_was_killed(vitals, run))
        return NULL;
    g_autofree char *since = clock_format(vitals->runs[run].running_since);
    return g_strdup_printf("the %s that began at %s was killed: its process is gone",
                           vitals_run_word(run), since);
}

char *vitals_backup_killed(const Vitals *vitals)
{
    return killed_text(vitals, VITAL_BACKUP);
}

static void judge_run(Vitals *vitals, VitalRun run, int64_t now)
{
    const LastRun *last = &vitals->runs[run];
    GPtrArray *problems = vitals->health.problems;
    const char *word = vitals_run_word(run);
    Gravity gravity = run == VITAL_BACKUP ? GRAVITY_CRITICAL : GRAVITY_WARNING;
    g_autofree char *ended = clock_format(last->finished);

    if (last->finished != 0 && !status_is_success(last->exit_status) &&
        !is_over(vitals, run, last->started))
        (void)problem_add(problems, gravity, "the last %s failed with exit status %d (%s) at %s",
                          word, last->exit_status, status_name(last->exit_status), ended);
    if (last->running_since == 0)
        return;
    if (last->gone) {
        g_autofree char *killed = killed_text(vitals, run);
        if (killed != NULL)
            (void)problem_add(problems, gravity, "%s", killed);
        return;
    }
    if (vitals->backup_within == 0 || now - last->running_since <= vitals->backup_within)
        return;
    g_autofree char *age = ago(last->running_since, now);
    (void)problem_add(problems, GRAVITY_WARNING, "a %s has been running for %s", word, age);
}

static void judge_spool(Vitals *vitals, int64_t now)
{
    GPtrArray *problems = vitals->health.problems;
    if (vitals->undelivered > 0)
        problem_add(problems, GRAVITY_WARNING, "%d %s not delivered yet", vitals->undelivered,
                    vitals->undelivered == 1 ? "alert is" : "alerts are")
            ->common = TRUE;
    if (vitals->dropped > 0 && now - vitals->dropped_at <= DROPPED_TOLD_S) {
        g_autofree char *last = clock_format(vitals->dropped_at);
        problem_add(problems, GRAVITY_WARNING,
                    "alerts were dropped undelivered, the last at %s: the spool was full", last)
            ->common = TRUE;
    }
    if (vitals->alerts_why != NULL)
        problem_add(problems, GRAVITY_WARNING, "which alerts are open is not known: %s",
                    vitals->alerts_why)
            ->common = TRUE;
}

static void judge_incidents(Vitals *vitals)
{
    GPtrArray *problems = vitals->health.problems;
    gboolean doubtful = FALSE;
    for (guint i = 0; i < vitals->incidents->len; i++) {
        const VitalIncident *incident = vitals->incidents->pdata[i];
        g_autofree char *since = clock_format(incident->since);
        doubtful |= incident->since == 0;
        if (incident->since != 0)
            problem_add(problems, incident->critical ? GRAVITY_CRITICAL : GRAVITY_WARNING,
                        "%s since %s: %s", incident->type, since, incident->summary)
                ->common = incident->common;
    }
    if (doubtful)
        (void)problem_add(problems, GRAVITY_WARNING,
                          "which incidents are open is not known: incidents.ini is damaged");
}

void vitals_judge(Vitals *vitals, int64_t now)
{
    GPtrArray *problems = vitals->health.problems;
    expect(vitals);
    if (vitals->catalog_why != NULL)
        (void)problem_add(problems, vitals->catalog_known ? GRAVITY_WARNING : GRAVITY_CRITICAL,
                          "%s", vitals->catalog_why);
    guint before = problems->len;
    judge_ages(vitals, now);
    judge_record(vitals, problems->len > before, now);
    for (VitalRun run = VITAL_BACKUP; run < VITAL_RUNS; run++)
        judge_run(vitals, run, now);
    judge_incidents(vitals);
    judge_spool(vitals, now);
}
