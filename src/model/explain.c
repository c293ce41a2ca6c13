/* SPDX-License-Identifier: MIT */
#include "model/explain.h"

#include "base/clock.h"
#include "model/chain.h"

#include <string.h>

static void answer_free(gpointer data)
{
    Answer *answer = data;
    g_free(answer->sentence);
    g_free(answer->command);
    g_free(answer);
}

/* Takes both texts. */
static void add(GPtrArray *answers, const char *topic, char *sentence, char *command)
{
    Answer *answer = g_new0(Answer, 1);
    answer->topic = topic;
    answer->sentence = sentence;
    answer->command = command != NULL ? command : g_strdup("");
    g_ptr_array_add(answers, answer);
}

static GPtrArray *answers_new(void)
{
    return g_ptr_array_new_with_free_func(answer_free);
}

/* ---- one backup ------------------------------------------------------------------------------ */

static void add_type(GPtrArray *answers, const Backup *backup)
{
    if (backup->type == BACKUP_INCREMENTAL)
        add(answers, "type",
            g_strdup_printf("it is an incremental on %s, for nothing asked for a full",
                            backup->parent),
            NULL);
    else
        add(answers, "type",
            g_strdup_printf("it is a full, because %s (%s)",
                            *backup->full_reason != '\0' ? backup->full_reason : "it was taken so",
                            *backup->full_rule != '\0' ? backup->full_rule : "no rule"),
            NULL);
}

static const Backup *parent_of(const GPtrArray *backups, const Backup *link)
{
    return link->type == BACKUP_INCREMENTAL ? backup_find(backups, link->parent) : NULL;
}

/* The oldest link on its way down that is quarantined or gone; NULL: none that is known. */
static const Backup *first_bad(const GPtrArray *backups, const Backup *backup)
{
    const Backup *bad = NULL;
    const Backup *link = backup;
    for (guint i = 0; link != NULL && i < backups->len; i++) { /* parents may go round in a loop */
        bad = link->state != STATE_COMPLETE ? link : bad;
        link = parent_of(backups, link);
    }
    return bad;
}

/* A proof that passes lifts what a proof had condemned; what the fence condemned stays so. */
static void add_quarantine(GPtrArray *answers, const GPtrArray *backups, const Backup *link)
{
    g_autofree char *since = clock_format(link->quarantined_at);
    const Backup *full = chain_newest_full(backups);
    gboolean by_proof = g_str_equal(link->rule, "proof");
    gboolean replaced = full != NULL && strcmp(full->id, link->id) > 0;
    const char *end = by_proof   ? "a test restore that passes ends that"
                      : replaced ? "no test restore ends that, and a newer full has taken its place"
                                 : "no test restore ends that, only a full takes its place";
    char *command = by_proof   ? g_strdup_printf("verify %s --level=prepare", link->id)
                    : replaced ? NULL
                               : g_strdup("backup --type=full");
    add(answers, "quarantine",
        g_strdup_printf("%s is quarantined since %s (%s): %s; %s", link->id, since, link->rule,
                        link->reason, end),
        command);
}

static void add_missing(GPtrArray *answers, const Backup *link)
{
    g_autofree char *since = clock_format(link->quarantined_at);
    add(answers, "missing",
        g_strdup_printf("%s was found gone from the tree at %s; once its directory is back under "
                        "backups/, the next run takes it up again if it is whole",
                        link->id, since),
        NULL);
}

static void add_fault(GPtrArray *answers, const GPtrArray *backups, const Backup *link)
{
    if (link->state == STATE_QUARANTINED)
        add_quarantine(answers, backups, link);
    else
        add_missing(answers, link);
}

/* The newest link below the fault that still restores; NULL: there is none. */
static const Backup *sound_below(const GPtrArray *backups, const Backup *backup)
{
    const Backup *link = backup;
    for (guint i = 0; link != NULL && i < backups->len; i++) {
        if (chain_sound(backups, link, NULL))
            return link;
        link = parent_of(backups, link);
    }
    return NULL;
}

/* `last` is the newest that still restores; NULL: there is none. */
static void add_salvage(GPtrArray *answers, const GPtrArray *backups, const char *chain,
                        const Backup *last)
{
    if (last == NULL) {
        gboolean headless = backup_find(backups, chain) == NULL;
        add(answers, "salvage",
            g_strdup_printf("nothing of the chain %s restores%s", chain,
                            headless ? ": its full is not there" : ""),
            NULL);
        return;
    }
    g_autofree char *until = clock_format(last->data_until);
    add(answers, "salvage",
        g_strdup_printf("the chain restores up to %s, with the data until %s", last->id, until),
        g_strdup_printf("restore %s --target-dir=DIR", last->id));
}

static void add_restorable(GPtrArray *answers, const GPtrArray *backups, const Backup *backup)
{
    g_autofree char *why = NULL;
    if (chain_sound(backups, backup, &why)) {
        g_autofree char *until = clock_format(backup->data_until);
        add(answers, "restorable",
            g_strdup_printf("it can be restored, as far as the catalog knows, with the data until "
                            "%s",
                            until),
            g_strdup_printf("restore %s --target-dir=DIR", backup->id));
        return;
    }
    const Backup *bad = first_bad(backups, backup);
    add(answers, "restorable",
        bad != NULL ? g_strdup_printf("it cannot be restored, because of %s", bad->id)
                    : g_strdup_printf("it cannot be restored: %s", why),
        NULL);
    if (bad != NULL)
        add_fault(answers, backups, bad);
    add_salvage(answers, backups, backup->chain, sound_below(backups, backup));
}

/* The link whose files were not read for the longest time. */
static const Backup *longest_unread(const GPtrArray *backups, const Backup *backup)
{
    g_autoptr(GPtrArray) path = chain_path(backups, backup, NULL);
    const Backup *oldest = backup;
    for (guint i = 0; path != NULL && i < path->len; i++) {
        const Backup *link = path->pdata[i];
        oldest = link->files_at < oldest->files_at ? link : oldest;
    }
    return oldest;
}

static char *why_unproven(const GPtrArray *backups, const Backup *backup)
{
    if (backup->proof_failed != PROOF_NONE) {
        g_autofree char *at = clock_format(backup->proof_failed_at);
        return g_strdup_printf("its proof failed at level %s on %s: %s",
                               proof_level_word(backup->proof_failed), at,
                               backup->proof_failed_reason);
    }
    if (backup->proof < PROOF_PREPARE)
        return g_strdup(backup->proof == PROOF_NONE ? "nothing of it was ever proven"
                                                    : "only its files were read");
    if (!chain_sound(backups, backup, NULL))
        return g_strdup("its chain is broken");
    const Backup *unread = longest_unread(backups, backup);
    g_autofree char *at = clock_format(unread->files_at);
    return g_strdup_printf("the files of %s were %s%s (reread_every)", unread->id,
                           *at != '\0' ? "last read on " : "never read back", at);
}

/* `subject`: "it", or the id where several are talked of. */
static void add_proof(GPtrArray *answers, const GPtrArray *backups, const Backup *backup,
                      const char *subject, int64_t read_since)
{
    if (chain_proven(backups, backup, read_since)) {
        g_autofree char *at = clock_format(backup->proof_at);
        add(answers, "proof",
            g_strdup_printf("%s is proven: level %s on %s", subject,
                            proof_level_word(backup->proof), at),
            NULL);
        return;
    }
    g_autofree char *why = why_unproven(backups, backup);
    gboolean unread = backup->proof >= PROOF_PREPARE && backup->proof_failed == PROOF_NONE;
    add(answers, "proof", g_strdup_printf("%s is not proven: %s", subject, why),
        chain_sound(backups, backup, NULL)
            ? g_strdup_printf("verify %s --level=%s", backup->id, unread ? "files" : "prepare")
            : NULL);
}

GPtrArray *explain_backup(const GPtrArray *backups, const Backup *backup, int64_t read_since)
{
    GPtrArray *answers = answers_new();
    add_type(answers, backup);
    add_restorable(answers, backups, backup);
    add_proof(answers, backups, backup, "it", read_since);
    return answers;
}

void explain_fate(GPtrArray *answers, const Fate *fate)
{
    add(answers, fate->kept ? "kept" : "released",
        g_strdup_printf("%s (%s): %s", fate->kept ? "it is kept" : "it may go", fate->rule,
                        fate->sentence),
        g_strdup("expire --dry-run --explain"));
}

/* ---- the instance ---------------------------------------------------------------------------- */

static void add_next(GPtrArray *answers, const Plan *plan)
{
    if (plan->type == BACKUP_FULL)
        add(answers, "next",
            g_strdup_printf("the next run takes a full, because %s (%s)", plan->reason, plan->rule),
            g_strdup("backup"));
    else
        add(answers, "next",
            g_strdup_printf("the next run takes an incremental on %s, unless the server does not "
                            "fit it any more",
                            plan->parent->id),
            g_strdup("backup --dry-run"));
}

/* Of a chain with branches the good one may be another than that of the newest link. */
static const Backup *newest_sound(const GPtrArray *backups, const Chain *chain)
{
    for (guint i = chain->links->len; i > 0; i--) {
        if (chain_sound(backups, chain->links->pdata[i - 1], NULL))
            return chain->links->pdata[i - 1];
    }
    return NULL;
}

static void add_chain(GPtrArray *answers, const GPtrArray *backups, const Chain *chain)
{
    const Backup *last = chain->links->pdata[chain->links->len - 1];
    g_autofree char *why = NULL;
    if (chain_sound(backups, last, &why))
        return;
    const Backup *bad = first_bad(backups, last);
    add(answers, "broken",
        bad != NULL ? g_strdup_printf("the chain %s is broken at %s", chain->id, bad->id)
                    : g_strdup_printf("the chain %s is broken: %s", chain->id, why),
        NULL);
    if (bad != NULL)
        add_fault(answers, backups, bad);
    add_salvage(answers, backups, chain->id, newest_sound(backups, chain));
}

GPtrArray *explain_instance(const GPtrArray *backups, const Plan *plan, int64_t read_since)
{
    GPtrArray *answers = answers_new();
    g_autoptr(GPtrArray) chains = chain_all(backups);
    if (plan != NULL)
        add_next(answers, plan);
    for (guint i = chains->len; i > 0; i--)
        add_chain(answers, backups, chains->pdata[i - 1]);
    const Backup *newest = chain_restorable_until(backups);
    if (newest != NULL)
        add_proof(answers, backups, newest, newest->id, read_since);
    return answers;
}

/* ---- losses ---------------------------------------------------------------------------------- */

/* A parent comes before what hangs on it, so one way from the oldest on meets all. */
GPtrArray *explain_loss(const GPtrArray *backups, const GPtrArray *ids)
{
    GPtrArray *lost = g_ptr_array_new();
    g_autoptr(GHashTable) gone = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < ids->len; i++)
        g_hash_table_add(gone, ids->pdata[i]);
    for (guint i = 0; i < backups->len; i++) {
        Backup *backup = backups->pdata[i];
        if (!g_hash_table_contains(gone, backup->id) &&
            !g_hash_table_contains(gone, backup->parent))
            continue;
        g_hash_table_add(gone, backup->id);
        if (chain_sound(backups, backup, NULL))
            g_ptr_array_add(lost, backup);
    }
    return lost;
}
