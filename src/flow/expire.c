/* SPDX-License-Identifier: MIT */
#include "flow/expire.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/recover.h"
#include "flow/removal.h"
#include "model/chain.h"
#include "repo/trash.h"

void expire_outcome_clear(ExpireOutcome *outcome)
{
    retention_clear(&outcome->retention);
    g_clear_pointer(&outcome->removed, g_ptr_array_unref);
    g_clear_pointer(&outcome->backups, g_ptr_array_unref);
}

RetentionRules expire_rules(const Run *run)
{
    const InstanceConfig *config = run->config;
    return (RetentionRules){
        .keep_chains = config->keep_chains,
        .keep_days = config->keep_days,
        .keep_weekly = config->keep_weekly,
        .keep_monthly = config->keep_monthly,
        .keep_yearly = config->keep_yearly,
        .keep_proven = config->keep_proven,
        .keep_quarantined = config->keep_quarantined,
    };
}

RetentionFacts expire_facts(const Run *run, char **trouble)
{
    g_autofree char *damage = NULL;
    g_autoptr(Catalog) catalog = catalog_read(run->shelf, &damage, NULL);
    gboolean damaged = catalog == NULL || damage != NULL;
    if (damaged)
        *trouble = g_strdup_printf("the catalog is damaged: %s",
                                   damage != NULL ? damage : "it cannot be read");
    else
        *trouble = run_trouble(run);
    return (RetentionFacts){
        .now = clock_now(),
        .read_since = run_read_since(run),
        .trouble_rule = damaged            ? "catalog-damaged"
                        : *trouble != NULL ? "failed-run"
                                           : NULL,
        .trouble = *trouble,
    };
}

/* Recovery may have found a backup gone; a verify beside us, a backup damaged. */
static void look_for_trouble(const Run *run, RetentionFacts *facts, char **trouble)
{
    if (facts->trouble != NULL)
        return;
    *trouble = run_trouble(run);
    facts->trouble = *trouble;
    facts->trouble_rule = *trouble != NULL ? "failed-run" : NULL;
}

static void judge(const Run *run, const RetentionFacts *facts, ExpireOutcome *outcome)
{
    const RetentionRules rules = expire_rules(run);
    outcome->removed = g_ptr_array_new_with_free_func(g_free);
    outcome->backups = g_ptr_array_new_with_free_func((GDestroyNotify)backup_free);
    for (guint i = 0; i < run->catalog->backups->len; i++)
        g_ptr_array_add(outcome->backups, backup_copy(run->catalog->backups->pdata[i]));
    outcome->retention = retention_judge(outcome->backups, &rules, facts);
}

/* ---- one chain ------------------------------------------------------------------------------- */

typedef struct {
    Run *run;
    const RetentionFacts *facts;
    ExpireOutcome *outcome;
} Work;

/* A pin or the end of a verify may have come in between. */
static gboolean may_go(const Catalog *catalog, const GPtrArray *ids, void *data, GError **error)
{
    const Work *work = data;
    g_autofree char *trouble = NULL;
    RetentionFacts facts = *work->facts;
    look_for_trouble(work->run, &facts, &trouble);
    const RetentionRules rules = expire_rules(work->run);
    g_auto(Retention) again = retention_judge(catalog->backups, &rules, &facts);
    for (guint i = 0; i < ids->len; i++) {
        const Fate *fate = retention_find(&again, ids->pdata[i]);
        if (fate == NULL || fate->kept)
            return fail(error, STATUS_REFUSED, "a rule keeps it meanwhile");
    }
    return TRUE;
}

static GPtrArray *going_of(const ExpireOutcome *outcome, const char *chain)
{
    GPtrArray *ids = g_ptr_array_new();
    for (guint i = 0; i < outcome->retention.fates->len; i++) {
        const Fate *fate = outcome->retention.fates->pdata[i];
        if (!fate->kept && g_str_equal(fate->backup->chain, chain))
            g_ptr_array_add(ids, fate->backup->id);
    }
    return ids;
}

static void keep_chain(ExpireOutcome *outcome, const char *chain, const char *rule,
                       const char *sentence)
{
    log_notice("chain %s stays for today: %s", chain, sentence);
    for (guint i = 0; i < outcome->retention.fates->len; i++) {
        Fate *fate = outcome->retention.fates->pdata[i];
        if (!fate->kept && g_str_equal(fate->backup->chain, chain))
            fate_keep(fate, rule, sentence);
    }
}

/* Somebody reads it, or a rule keeps it by now: that is no failure. */
static gboolean remove_chain(const Work *work, const char *chain, const GPtrArray *ids,
                             GError **error)
{
    ExpireOutcome *outcome = work->outcome;
    const RemovalSpec spec = {chain, ids, may_go, (void *)(uintptr_t)work};
    uint64_t weight = 0;
    g_autoptr(GError) failure = NULL;
    if (!trash_weigh(work->run->shelf, ids, &weight, error))
        return FALSE;
    if (removal_run(work->run, &spec, outcome->removed, &failure)) {
        outcome->freed += weight;
        return TRUE;
    }
    if (error_status(failure) == STATUS_LOCKED)
        keep_chain(outcome, chain, "in-use", "it is in use: a verify, restore or open reads it");
    else if (error_status(failure) == STATUS_REFUSED)
        keep_chain(outcome, chain, "kept-meanwhile", failure->message);
    else {
        g_propagate_prefixed_error(error, g_steal_pointer(&failure),
                                   "cannot remove chain %s: ", chain);
        return FALSE;
    }
    return TRUE;
}

static gboolean remove_all(const Work *work, GError **error)
{
    g_autoptr(GPtrArray) chains = chain_all(work->outcome->backups);
    for (guint i = 0; i < chains->len && cancel_signal() == 0; i++) {
        const Chain *chain = chains->pdata[i];
        g_autoptr(GPtrArray) ids = going_of(work->outcome, chain->id);
        if (ids->len > 0 && !remove_chain(work, chain->id, ids, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static gboolean weigh_all(const Run *run, ExpireOutcome *outcome, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    for (guint i = 0; i < outcome->retention.fates->len; i++) {
        const Fate *fate = outcome->retention.fates->pdata[i];
        if (!fate->kept)
            g_ptr_array_add(ids, fate->backup->id);
    }
    return trash_weigh(run->shelf, ids, &outcome->freed, error);
}

static gboolean expire(Run *run, gboolean dry_run, ExpireOutcome *outcome, GError **error)
{
    if (!dry_run && !run_lock(run, error))
        return FALSE;
    g_autofree char *trouble = NULL; /* recovery may write the catalog: what it heals counts */
    g_autofree char *found = NULL;
    RetentionFacts facts = expire_facts(run, &trouble);
    if (!dry_run && !flow_recover(run, error))
        return FALSE;
    look_for_trouble(run, &facts, &found);
    judge(run, &facts, outcome);
    const Work work = {run, &facts, outcome};
    return dry_run ? weigh_all(run, outcome, error) : remove_all(&work, error);
}

gboolean flow_expire(Run *run, gboolean dry_run, ExpireOutcome *outcome, GError **error)
{
    outcome->dry_run = dry_run;
    gboolean done = expire(run, dry_run, outcome, error);
    run_unlock(run);
    outcome->ran = outcome->backups != NULL;
    return done;
}

void flow_expire_after(Run *run, ExpireOutcome *outcome)
{
    const RetentionRules rules = expire_rules(run);
    g_autoptr(GError) failure = NULL;
    if (!retention_asks(&rules) || cancel_signal() != 0)
        return;
    gboolean done = flow_expire(run, FALSE, outcome, &failure);
    const Retention *retention = &outcome->retention;
    if (!done && error_status(failure) == STATUS_LOCKED)
        log_notice("old backups are left to the next run: %s", failure->message);
    else if (!done)
        log_warning("the backup is there, but old ones could not be removed: %s", failure->message);
    else if (retention->due > 0 && retention->withheld != NULL && retention->alarming)
        log_warning("no old backup is removed: %s", retention->withheld);
    else if (retention->due > 0 && retention->withheld != NULL)
        log_notice("no old backup is removed: %s", retention->withheld);
}
