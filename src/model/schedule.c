/* SPDX-License-Identifier: MIT */
#include "model/schedule.h"

#include "base/error.h"
#include "base/units.h"
#include "model/chain.h"

void plan_clear(Plan *plan)
{
    g_clear_pointer(&plan->reason, g_free);
}

void plan_turn_full(Plan *plan, const char *rule, const char *reason)
{
    char *copy = g_strdup(reason);
    g_free(plan->reason);
    *plan = (Plan){.type = BACKUP_FULL, .rule = rule, .reason = copy};
}

static gboolean full_is_due(const GPtrArray *backups, const ScheduleRules *rules, int64_t now)
{
    const Backup *full = chain_newest_full(backups);
    const Backup *newest = backups->pdata[backups->len - 1];
    int64_t age = now - full->started;
    int64_t since = now - newest->started;
    return rules->full_every > 0 && age + since / 2 >= rules->full_every;
}

/* At a level that leaves a backup restorable. */
static gboolean failed_softly(const Backup *backup)
{
    return backup->proof_failed >= PROOF_SERVER;
}

/* The newest link whose failed proof a full may mend; NULL: there is none. */
static const Backup *failed_link(const GPtrArray *backups, const Backup *newest)
{
    g_autoptr(GPtrArray) path = chain_path(backups, newest, NULL);
    if (path == NULL || failed_softly(path->pdata[0]))
        return NULL;
    for (guint i = path->len; i > 0; i--) {
        if (failed_softly(path->pdata[i - 1]))
            return path->pdata[i - 1];
    }
    return NULL;
}

static gboolean passes_target(const Forecast *forecast, int64_t within)
{
    return forecast->basis != FORECAST_UNKNOWN && forecast->seconds > within;
}

static void plan_incremental(const Backup *parent, Plan *plan)
{
    *plan =
        (Plan){.type = BACKUP_INCREMENTAL, .parent = parent, .rule = "", .reason = g_strdup("")};
}

/* An incremental on `link`, unless a full would keep the target that it passes. */
static void plan_by_forecast(const GPtrArray *backups, const ScheduleRules *rules,
                             const Backup *link, Plan *plan)
{
    plan_incremental(link, plan);
    if (rules->restore_within == 0 || rules->pace == NULL)
        return;
    Forecast next = forecast_next(rules->pace, backups, link);
    Forecast full = forecast_full(rules->pace, backups, link);
    if (!passes_target(&next, rules->restore_within))
        return;
    if (passes_target(&full, rules->restore_within)) {
        plan->too_slow = TRUE;
        return;
    }
    g_autofree char *takes = units_duration(next.seconds);
    g_autofree char *alone = units_duration(full.seconds);
    g_autofree char *wanted = units_duration(rules->restore_within);
    g_autofree char *reason =
        g_strdup_printf("with one more incremental a restore would take about %s, restore_within "
                        "is %s, and a full alone takes about %s",
                        takes, wanted, alone);
    plan_turn_full(plan, "restore-within", reason);
}

static void plan_auto(const GPtrArray *backups, const ScheduleRules *rules, int64_t now, Plan *plan)
{
    g_autofree char *why = NULL;
    const Backup *link = chain_newest_link(backups);
    if (link == NULL) {
        plan_turn_full(plan, "first", "there is no full backup yet");
        return;
    }
    if (!chain_sound(backups, link, &why)) {
        plan_turn_full(plan, "not-sound", why);
        return;
    }
    const Backup *failed = failed_link(backups, link);
    if (failed != NULL) {
        g_autofree char *reason =
            g_strdup_printf("the proof of %s failed at level %s: %s", failed->id,
                            proof_level_word(failed->proof_failed), failed->proof_failed_reason);
        plan_turn_full(plan, "proof-failed", reason);
    } else if (full_is_due(backups, rules, now)) {
        g_autofree char *every = units_duration(rules->full_every);
        g_autofree char *reason = g_strdup_printf("a full is due every %s", every);
        plan_turn_full(plan, "full-every", reason);
    } else if (chain_depth(backups, link) >= rules->max_incrementals) {
        g_autofree char *reason = g_strdup_printf(
            "the chain has its %" G_GINT64_FORMAT " incrementals", rules->max_incrementals);
        plan_turn_full(plan, "max-incrementals", reason);
    } else {
        plan_by_forecast(backups, rules, link, plan);
    }
}

gboolean schedule_plan(const GPtrArray *backups, const ScheduleRules *rules, Want want, int64_t now,
                       Plan *plan, GError **error)
{
    if (want == WANT_FULL) {
        plan_turn_full(plan, "asked", "a full was asked for");
        return TRUE;
    }
    if (want == WANT_AUTO) {
        plan_auto(backups, rules, now, plan);
        return TRUE;
    }
    const Backup *link = chain_newest_link(backups);
    g_autofree char *why = NULL;
    if (link == NULL)
        return fail(error, STATUS_CHAIN,
                    "there is no full backup to hang an incremental on" HINT(
                        "take one: lsnchain backup --type=full"));
    if (!chain_sound(backups, link, &why))
        return fail(error, STATUS_CHAIN,
                    "no incremental fits: %s" HINT("take a full: lsnchain backup --type=full"),
                    why);
    plan_incremental(link, plan);
    return TRUE;
}

/* Nothing of it is hard-linked. */
static gboolean is_seed(const Backup *backup)
{
    return backup->type == BACKUP_FULL && backup->bytes_new >= backup->bytes_stored;
}

const Backup *schedule_newest_seed(const GPtrArray *backups)
{
    for (guint i = backups->len; i > 0; i--) {
        if (is_seed(backups->pdata[i - 1]))
            return backups->pdata[i - 1];
    }
    return NULL;
}

gboolean schedule_reseeds(const GPtrArray *backups, int64_t every)
{
    int64_t since = 0;
    for (guint i = backups->len; every > 0 && i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        since += backup->type == BACKUP_FULL ? 1 : 0;
        if (since >= every)
            return TRUE;
        if (is_seed(backup))
            return FALSE;
    }
    return FALSE;
}
