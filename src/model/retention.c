/* SPDX-License-Identifier: MIT */
#include "model/retention.h"

#include "base/clock.h"
#include "model/chain.h"
#include "model/judgement.h"

#include <string.h>

int64_t retention_moment(const Backup *backup)
{
    int64_t taken = 0;
    BackupType type = BACKUP_FULL;
    (void)backup_parse_id(backup->id, &taken, &type);
    return taken;
}

/* ---- floors ---------------------------------------------------------------------------------- */

static void keep_pinned(Judgement *judgement)
{
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        if (!link->backup->pinned)
            continue;
        link_keep(link, "pinned", "it is pinned");
        g_autofree char *sentence = g_strdup_printf("%s of its chain is pinned", link->backup->id);
        group_keep(link->group, "pinned", sentence);
    }
}

static void keep_newest_chain(Judgement *judgement)
{
    const Group *group = judgement_newest_chain(judgement);
    if (group != NULL)
        group_keep(group, "newest-chain", "it is of the newest chain");
}

static void keep_newest_restorable(Judgement *judgement)
{
    if (judgement->newest_sound != NULL)
        group_keep(judgement->newest_sound->group, "newest-restorable",
                   "it is of the chain with the newest data that restores");
}

/* The newest as `status` means it, and the newest at all: its files may be read again tomorrow. */
static void keep_newest_proven(Judgement *judgement)
{
    static const char sentence[] = "it is of the newest proven chain";
    const Link *proven = NULL;
    const Link *passed = NULL;
    for (guint i = 0; i < judgement->links->len; i++) {
        const Link *link = judgement->links->pdata[i];
        proven = link->proven ? link : proven;
        passed = link->passed ? link : passed;
    }
    if (proven != NULL)
        group_keep(proven->group, "newest-proven", sentence);
    if (passed != NULL)
        group_keep(passed->group, "newest-proven", sentence);
}

static void keep_only_copy(Judgement *judgement)
{
    const Link *sound = judgement->newest_sound;
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        if (link->there && !link->sound &&
            (sound == NULL || strcmp(sound->backup->id, link->backup->id) < 0))
            link_keep(link, "only-copy",
                      "it does not restore, but nothing that does has newer data");
    }
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void keep_all_without_rules(Judgement *judgement)
{
    for (guint i = 0; !retention_asks(judgement->rules) && i < judgement->links->len; i++)
        link_keep(judgement->links->pdata[i], "no-keep-rule",
                  "no keep_ rule is set, so nothing is ever removed");
}

/* Only chains that have such a link are counted: broken ones must not push the good ones out. */
static void keep_count(Judgement *judgement, int64_t count, LinkIsFn *is, const char *rule,
                       const char *what)
{
    int64_t nth = 0;
    for (guint i = judgement->groups->len; i > 0 && nth < count; i--) {
        const Group *group = judgement->groups->pdata[i - 1];
        if (!group_has(group, is))
            continue;
        nth++;
        g_autofree char *sentence = g_strdup_printf("its chain is number %" G_GINT64_FORMAT
                                                    " of the %" G_GINT64_FORMAT " newest that %s",
                                                    nth, count, what);
        group_keep_sound(group, rule, sentence);
    }
}

static void keep_chains(Judgement *judgement)
{
    keep_count(judgement, judgement->rules->keep_chains, link_is_sound, "keep_chains", "restore");
}

static void keep_proven(Judgement *judgement)
{
    keep_count(judgement, judgement->rules->keep_proven, link_is_passed, "keep_proven",
               "are proven");
}

/* Since when it cannot be restored: its own mark, or that of the nearest it hangs on. */
static int64_t bad_since(const Judgement *judgement, const Link *link)
{
    const Link *at = link;
    for (guint i = 0; at != NULL && i < judgement->links->len; i++) {
        if (at->backup->quarantined_at != 0)
            return at->backup->quarantined_at;
        at = judgement_parent(judgement, at);
    }
    return retention_moment(link->backup);
}

static void keep_quarantined(Judgement *judgement)
{
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        if (link->sound)
            continue;
        int64_t until = bad_since(judgement, link) + judgement->rules->keep_quarantined;
        g_autofree char *when = clock_format(until);
        if (judgement->facts->now < until)
            link_keep(link, "keep_quarantined", "it does not restore, and stays until %s", when);
    }
}

/* ---- what hangs together --------------------------------------------------------------------- */

/* Ids grow along a chain, so one way from the newest to the oldest meets every parent. */
static void keep_needed(Judgement *judgement)
{
    for (guint i = judgement->links->len; i > 0; i--) {
        const Link *link = judgement->links->pdata[i - 1];
        Link *parent = judgement_parent(judgement, link);
        if (link->rule != NULL && parent != NULL)
            link_keep(parent, "needed", "%s hangs on it, and stays", link->backup->id);
    }
}

static void keep_whole(Judgement *judgement)
{
    for (guint i = 0; i < judgement->groups->len; i++) {
        const Group *group = judgement->groups->pdata[i];
        if (group_has(group, link_is_kept))
            group_keep_sound(group, "whole-chain", "another link of its chain stays");
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

gboolean retention_asks(const RetentionRules *rules)
{
    return rules->keep_chains > 0 || rules->keep_days > 0 || rules->keep_weekly > 0 ||
           rules->keep_monthly > 0 || rules->keep_yearly > 0;
}

void fate_free(gpointer data)
{
    Fate *fate = data;
    g_free(fate->sentence);
    g_free(fate);
}

void fate_keep(Fate *fate, const char *rule, const char *sentence)
{
    g_free(fate->sentence);
    fate->kept = TRUE;
    fate->rule = rule;
    fate->sentence = g_strdup(sentence);
}

static Fate *fate_of(const Link *link)
{
    Fate *fate = g_new0(Fate, 1);
    fate->backup = link->backup;
    if (link->rule != NULL) {
        fate_keep(fate, link->rule, link->sentence);
        return fate;
    }
    gboolean chain_stays = group_has(link->group, link_is_kept);
    fate->rule = chain_stays ? "quarantine-over" : "no-rule";
    fate->sentence =
        g_strdup(chain_stays ? "it does not restore, its time is over, and newer data restores"
                             : "no rule keeps it or anything else of its chain");
    return fate;
}

static void judge_links(Judgement *judgement)
{
    static void (*const rules[])(Judgement *) = {
        keep_pinned,
        keep_newest_chain,
        keep_newest_restorable,
        keep_newest_proven,
        keep_all_without_rules,
        keep_chains,
        period_keep_days,
        period_keep_weekly,
        period_keep_monthly,
        period_keep_yearly,
        keep_proven,
        keep_only_copy,
        keep_quarantined,
        keep_needed,
        keep_whole,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        rules[i](judgement);
}

Retention retention_judge(const GPtrArray *backups, const RetentionRules *rules,
                          const RetentionFacts *facts)
{
    g_auto(Judgement) judgement = judgement_look(backups, rules, facts);
    g_auto(Doubt) doubt = doubt_look(&judgement);
    Retention retention = {
        .fates = g_ptr_array_new_with_free_func(fate_free),
        .rule = doubt.rule,
        .withheld = g_steal_pointer(&doubt.sentence),
        .alarming = doubt.alarming,
    };
    judge_links(&judgement);
    for (guint i = 0; i < judgement.links->len; i++) {
        Fate *fate = fate_of(judgement.links->pdata[i]);
        g_ptr_array_add(retention.fates, fate);
        retention.due += !fate->kept;
        if (!fate->kept && retention.withheld != NULL)
            fate_keep(fate, retention.rule, retention.withheld);
    }
    return retention;
}

void retention_clear(Retention *retention)
{
    g_clear_pointer(&retention->fates, g_ptr_array_unref);
    g_clear_pointer(&retention->withheld, g_free);
}

const Fate *retention_find(const Retention *retention, const char *id)
{
    guint low = 0;
    guint high = retention->fates->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Fate *fate = retention->fates->pdata[middle];
        int order = strcmp(fate->backup->id, id);
        if (order == 0)
            return fate;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- floors for who removes by hand ---------------------------------------------------------- */

static gboolean is_named(const GPtrArray *floors, const char *rule)
{
    for (guint i = 0; i < floors->len; i++) {
        const Fate *floor = floors->pdata[i];
        if (g_str_equal(floor->rule, rule))
            return TRUE;
    }
    return FALSE;
}

static void name_floor(GPtrArray *floors, const Backup *backup, const char *rule,
                       const char *sentence)
{
    if (is_named(floors, rule))
        return;
    Fate *floor = g_new0(Fate, 1);
    floor->backup = backup;
    fate_keep(floor, rule, sentence);
    g_ptr_array_add(floors, floor);
}

static gboolean holds(const Link *link)
{
    return link->rule != NULL && (link->sound || g_str_equal(link->rule, "pinned") ||
                                  g_str_equal(link->rule, "only-copy"));
}

GPtrArray *retention_floors(const GPtrArray *backups, const GPtrArray *doomed,
                            const RetentionRules *rules, const RetentionFacts *facts)
{
    static void (*const all[])(Judgement *) = {
        keep_pinned, keep_only_copy, keep_newest_chain, keep_newest_proven, keep_newest_restorable,
    };
    g_auto(Judgement) judgement = judgement_look(backups, rules, facts);
    g_auto(Doubt) doubt = doubt_look(&judgement);
    GPtrArray *floors = g_ptr_array_new_with_free_func(fate_free);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        all[i](&judgement);
    for (guint i = 0; i < doomed->len; i++) {
        const Backup *backup = doomed->pdata[i];
        const Link *link = g_hash_table_lookup(judgement.by_id, backup->id);
        if (holds(link))
            name_floor(floors, backup, link->rule, link->sentence);
        if (link->sound && doubt.rule != NULL)
            name_floor(floors, backup, doubt.rule, doubt.sentence);
    }
    return floors;
}

/* ---- restore points -------------------------------------------------------------------------- */

static int64_t apart(const Backup *const pair[2])
{
    return retention_moment(pair[1]) - retention_moment(pair[0]);
}

static void note_pair(RestorePoints *points, const Backup *earlier, const Backup *later)
{
    const Backup *pair[2] = {earlier, later};
    if (points->densest[0] == NULL || apart(pair) < apart(points->densest))
        memcpy(points->densest, pair, sizeof pair);
    if (points->widest[0] == NULL || apart(pair) > apart(points->widest))
        memcpy(points->widest, pair, sizeof pair);
}

RestorePoints retention_points(const GPtrArray *backups, const GPtrArray *fates)
{
    RestorePoints points = {0};
    for (guint i = 0; i < fates->len; i++) {
        const Fate *fate = fates->pdata[i];
        if (!fate->kept || !chain_sound(backups, fate->backup, NULL))
            continue;
        if (points.newest != NULL)
            note_pair(&points, points.newest, fate->backup);
        else
            points.earliest = fate->backup;
        points.newest = fate->backup;
        points.count++;
    }
    return points;
}
