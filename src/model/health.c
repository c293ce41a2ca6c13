/* SPDX-License-Identifier: MIT */
#include "model/health.h"

#include "model/chain.h"

static void add_bad_links(GPtrArray *problems, const GPtrArray *backups)
{
    for (guint i = 0; i < backups->len; i++) {
        const Backup *backup = backups->pdata[i];
        if (backup->state == STATE_QUARANTINED)
            (void)problem_add(problems, GRAVITY_WARNING, "%s is quarantined (%s): %s", backup->id,
                              backup->rule, backup->reason);
        else if (backup->state == STATE_MISSING)
            (void)problem_add(problems, GRAVITY_WARNING, "%s is gone from the tree", backup->id);
        else if (backup->proof_failed != PROOF_NONE)
            (void)problem_add(problems, GRAVITY_WARNING, "the proof of %s failed at level %s: %s",
                              backup->id, proof_level_word(backup->proof_failed),
                              backup->proof_failed_reason);
    }
}

static void add_problems(const GPtrArray *backups, Health *health)
{
    GPtrArray *problems = health->problems;
    if (health->newest == NULL) {
        (void)problem_add(problems, GRAVITY_CRITICAL, "there is no backup");
        return;
    }
    add_bad_links(problems, backups);
    if (health->restorable == NULL)
        (void)problem_add(problems, GRAVITY_CRITICAL, "no backup can be restored");
    else if (health->restorable != health->newest)
        (void)problem_add(problems, GRAVITY_CRITICAL, "the newest backup %s cannot be restored",
                          health->newest->id);
    if (health->proven == NULL)
        health->unproven =
            problem_add(problems, GRAVITY_NOTE, "no backup is proven to restore (lsnchain verify)");
    else if (health->proven != health->restorable)
        (void)problem_add(problems, GRAVITY_NOTE, "the newest restorable backup %s is not proven",
                          health->restorable->id);
}

static int64_t oldest_reading(const GPtrArray *backups, const Backup *backup)
{
    g_autoptr(GPtrArray) path = chain_path(backups, backup, NULL);
    int64_t oldest = G_MAXINT64;
    for (guint i = 0; path != NULL && i < path->len; i++) {
        const Backup *link = path->pdata[i];
        oldest = MIN(oldest, link->files_at);
    }
    return oldest;
}

Health health_of(const GPtrArray *backups, int64_t read_since)
{
    Health health = {
        .newest = backups->len > 0 ? backups->pdata[backups->len - 1] : NULL,
        .restorable = chain_restorable_until(backups),
        .proven = chain_proven_until(backups, read_since),
        .problems = problems_new(),
    };
    if (health.proven != NULL)
        health.read_at = oldest_reading(backups, health.proven);
    add_problems(backups, &health);
    return health;
}

void health_add_outlook(Health *health, const Outlook *outlook, int64_t restore_within)
{
    health->outlook = *outlook;
    health->restore_within = restore_within;
    g_autofree char *sentence = outlook_problem(outlook, restore_within);
    if (sentence != NULL)
        (void)problem_add(health->problems, GRAVITY_WARNING, "%s", sentence);
}

void health_clear(Health *health)
{
    g_clear_pointer(&health->problems, g_ptr_array_unref);
}
