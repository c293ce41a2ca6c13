/* SPDX-License-Identifier: MIT */
#include "model/judgement.h"

#include "base/units.h"

enum { DAY = 86400, CLOCK_GAPS = 10 };

static int longest_first(gconstpointer a, gconstpointer b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left > right ? -1 : left < right;
}

static int64_t taken_at(const Judgement *judgement, guint index)
{
    const Link *link = judgement->links->pdata[index];
    return retention_moment(link->backup);
}

/* The usual time between two backups: half of them are closer, but a day at least. */
static int64_t usual_gap(const Judgement *judgement)
{
    g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (guint i = 1; i < judgement->links->len; i++) {
        int64_t gap = taken_at(judgement, i) - taken_at(judgement, i - 1);
        g_array_append_val(gaps, gap);
    }
    g_array_sort(gaps, longest_first);
    return gaps->len > 0 ? MAX(DAY, g_array_index(gaps, int64_t, gaps->len / 2)) : DAY;
}

/* A backup that was just taken by a wrong clock looks new: the step before it counts as well. */
static char *doubt_clock(const Judgement *judgement)
{
    guint count = judgement->links->len;
    if (count < 2)
        return NULL;
    int64_t now = judgement->facts->now;
    int64_t newest = taken_at(judgement, count - 1);
    int64_t gap = MAX(now - newest, newest - taken_at(judgement, count - 2));
    if (now < newest)
        return g_strdup("the clock looks wrong: it is behind the newest backup");
    if (gap <= CLOCK_GAPS * usual_gap(judgement))
        return NULL;
    g_autofree char *long_gap = units_duration(gap);
    return g_strdup_printf("the clock looks wrong: it shows %s between the newest backup and its "
                           "neighbour, which is more than %d times the usual",
                           long_gap, CLOCK_GAPS);
}

static char *doubt_newest(const Judgement *judgement)
{
    const Link *newest = judgement->links->pdata[judgement->links->len - 1];
    if (!newest->sound)
        return g_strdup_printf("the newest backup %s does not restore", newest->backup->id);
    if (newest->backup->proof_failed != PROOF_NONE)
        return g_strdup_printf("the proof of the newest backup %s failed", newest->backup->id);
    return NULL;
}

static char *miss_proof(const Judgement *judgement)
{
    const Group *group = judgement_newest_chain(judgement);
    if (judgement->rules->keep_proven == 0 || group == NULL || group_has(group, link_is_proven))
        return NULL;
    return g_strdup_printf("the newest chain %s is not proven, and keep_proven asks for a proof",
                           group->id);
}

Doubt doubt_look(const Judgement *judgement)
{
    const RetentionFacts *facts = judgement->facts;
    Doubt doubt = {.alarming = TRUE};
    if (judgement->links->len == 0)
        return doubt;
    doubt.rule = facts->trouble_rule;
    doubt.sentence = g_strdup(facts->trouble);
    if (doubt.sentence == NULL) {
        doubt.rule = "failed-run";
        doubt.sentence = doubt_newest(judgement);
    }
    if (doubt.sentence == NULL) {
        doubt.rule = "clock";
        doubt.sentence = doubt_clock(judgement);
    }
    if (doubt.sentence == NULL) {
        doubt.rule = "newest-unproven";
        doubt.sentence = miss_proof(judgement);
        doubt.alarming = FALSE;
    }
    if (doubt.sentence == NULL)
        doubt.rule = NULL;
    return doubt;
}

void doubt_clear(Doubt *doubt)
{
    g_clear_pointer(&doubt->sentence, g_free);
}
