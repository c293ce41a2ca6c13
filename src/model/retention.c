/* SPDX-License-Identifier: MIT */
#include "model/retention.h"

#include "base/clock.h"
#include "base/units.h"
#include "model/chain.h"

#include <string.h>

enum { DAY = 86400, EPOCH_WEEKDAY = 3, CLOCK_GAPS = 10 };

typedef struct {
    const char *id;
    GPtrArray *links; /* Link */
} Group;

/* One backup while it is judged.  The first rule that keeps it is the one that is told. */
typedef struct {
    const Backup *backup;
    const Group *group;
    gboolean there;  /* not missing */
    gboolean sound;  /* chain_sound() */
    gboolean proven; /* chain_proven(), as `status` means it */
    gboolean passed; /* ever proven, however long ago it was read */
    int64_t read_at; /* when the longest unread link of its chain was read; 0: one never was */
    const char *rule;
    char *sentence;
} Link;

typedef struct {
    const RetentionRules *rules;
    const RetentionFacts *facts;
    GPtrArray *backups; /* sorted */
    GPtrArray *links;   /* Link, the same order */
    GPtrArray *groups;  /* Group: the chains, oldest first */
    GHashTable *by_id;  /* id to Link */
    const Link *newest_sound;
} Judgement;

/* ---- look ------------------------------------------------------------------------------------ */

static void link_free(gpointer data)
{
    Link *link = data;
    g_free(link->sentence);
    g_free(link);
}

static void group_free(gpointer data)
{
    Group *group = data;
    g_ptr_array_unref(group->links);
    g_free(group);
}

static void judgement_clear(Judgement *judgement)
{
    g_clear_pointer(&judgement->by_id, g_hash_table_unref);
    g_clear_pointer(&judgement->groups, g_ptr_array_unref);
    g_clear_pointer(&judgement->links, g_ptr_array_unref);
    g_clear_pointer(&judgement->backups, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Judgement, judgement_clear)

static Link *parent_of(const Judgement *judgement, const Link *link)
{
    return g_hash_table_lookup(judgement->by_id, link->backup->parent);
}

/*
 * What chain.h finds out by walking down the chain, of each link from its parent, which comes
 * first: of thousands of backups this is asked again and again.
 */
static void look_at_link(Judgement *judgement, const Backup *backup)
{
    Link *link = g_new0(Link, 1);
    link->backup = backup;
    const Link *parent = backup->type == BACKUP_FULL ? NULL : parent_of(judgement, link);
    gboolean rests = backup->type == BACKUP_FULL || (parent != NULL && parent->sound);
    link->there = backup->state != STATE_MISSING;
    link->sound = rests && backup->state == STATE_COMPLETE;
    link->read_at = parent != NULL ? MIN(parent->read_at, backup->files_at) : backup->files_at;
    link->passed = link->sound && link->read_at != 0 && backup->proof >= PROOF_PREPARE &&
                   backup->proof_failed == PROOF_NONE;
    link->proven = link->passed && link->read_at >= judgement->facts->read_since;
    g_ptr_array_add(judgement->links, link);
    g_hash_table_insert(judgement->by_id, backup->id, link);
    if (link->sound)
        judgement->newest_sound = link;
}

static void look_at_chains(Judgement *judgement)
{
    g_autoptr(GPtrArray) chains = chain_all(judgement->backups);
    for (guint i = 0; i < chains->len; i++) {
        const Chain *chain = chains->pdata[i];
        Group *group = g_new0(Group, 1);
        group->id = chain->id;
        group->links = g_ptr_array_new();
        for (guint j = 0; j < chain->links->len; j++) {
            const Backup *backup = chain->links->pdata[j];
            Link *link = g_hash_table_lookup(judgement->by_id, backup->id);
            link->group = group;
            g_ptr_array_add(group->links, link);
        }
        g_ptr_array_add(judgement->groups, group);
    }
}

static Judgement look(const GPtrArray *backups, const RetentionRules *rules,
                      const RetentionFacts *facts)
{
    Judgement judgement = {
        .rules = rules,
        .facts = facts,
        .backups = g_ptr_array_new(),
        .links = g_ptr_array_new_with_free_func(link_free),
        .groups = g_ptr_array_new_with_free_func(group_free),
        .by_id = g_hash_table_new(g_str_hash, g_str_equal),
    };
    for (guint i = 0; i < backups->len; i++)
        g_ptr_array_add(judgement.backups, backups->pdata[i]);
    g_ptr_array_sort(judgement.backups, backup_compare);
    for (guint i = 0; i < judgement.backups->len; i++)
        look_at_link(&judgement, judgement.backups->pdata[i]);
    look_at_chains(&judgement);
    return judgement;
}

int64_t retention_moment(const Backup *backup)
{
    int64_t taken = 0;
    BackupType type = BACKUP_FULL;
    (void)backup_parse_id(backup->id, &taken, &type);
    return taken;
}

/* ---- keep ------------------------------------------------------------------------------------ */

G_GNUC_PRINTF(3, 4)
static void keep(Link *link, const char *rule, const char *format, ...)
{
    if (link->rule != NULL)
        return;
    va_list args;
    va_start(args, format);
    link->rule = rule;
    link->sentence = g_strdup_vprintf(format, args);
    va_end(args);
}

static void keep_group(const Group *group, const char *rule, const char *sentence)
{
    for (guint i = 0; i < group->links->len; i++)
        keep(group->links->pdata[i], rule, "%s", sentence);
}

/* What cannot be restored is kept by rules of its own. */
static void keep_sound(const Group *group, const char *rule, const char *sentence)
{
    for (guint i = 0; i < group->links->len; i++) {
        Link *link = group->links->pdata[i];
        if (link->sound)
            keep(link, rule, "%s", sentence);
    }
}

/* ---- floors ---------------------------------------------------------------------------------- */

static void keep_pinned(Judgement *judgement)
{
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        if (!link->backup->pinned)
            continue;
        keep(link, "pinned", "it is pinned");
        g_autofree char *sentence = g_strdup_printf("%s of its chain is pinned", link->backup->id);
        keep_group(link->group, "pinned", sentence);
    }
}

static const Group *newest_chain(const Judgement *judgement)
{
    const Backup *full = chain_newest_full(judgement->backups);
    const Link *link = full != NULL ? g_hash_table_lookup(judgement->by_id, full->id) : NULL;
    return link != NULL ? link->group : NULL;
}

static void keep_newest_chain(Judgement *judgement)
{
    const Group *group = newest_chain(judgement);
    if (group != NULL)
        keep_group(group, "newest-chain", "it is of the newest chain");
}

static void keep_newest_restorable(Judgement *judgement)
{
    if (judgement->newest_sound != NULL)
        keep_group(judgement->newest_sound->group, "newest-restorable",
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
        keep_group(proven->group, "newest-proven", sentence);
    if (passed != NULL)
        keep_group(passed->group, "newest-proven", sentence);
}

static void keep_only_copy(Judgement *judgement)
{
    const Link *sound = judgement->newest_sound;
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        if (link->there && !link->sound &&
            (sound == NULL || strcmp(sound->backup->id, link->backup->id) < 0))
            keep(link, "only-copy", "it does not restore, but nothing that does has newer data");
    }
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void keep_all_without_rules(Judgement *judgement)
{
    for (guint i = 0; !retention_asks(judgement->rules) && i < judgement->links->len; i++)
        keep(judgement->links->pdata[i], "no-keep-rule",
             "no keep_ rule is set, so nothing is ever removed");
}

static gboolean is_any(const Group *group, gboolean (*is)(const Link *link))
{
    for (guint i = 0; i < group->links->len; i++) {
        if (is(group->links->pdata[i]))
            return TRUE;
    }
    return FALSE;
}

static gboolean is_sound(const Link *link)
{
    return link->sound;
}

static gboolean is_passed(const Link *link)
{
    return link->passed;
}

/* Only chains that have such a link are counted: broken ones must not push the good ones out. */
static void keep_count(Judgement *judgement, int64_t count, gboolean (*is)(const Link *link),
                       const char *rule, const char *what)
{
    int64_t nth = 0;
    for (guint i = judgement->groups->len; i > 0 && nth < count; i--) {
        const Group *group = judgement->groups->pdata[i - 1];
        if (!is_any(group, is))
            continue;
        nth++;
        g_autofree char *sentence = g_strdup_printf("its chain is number %" G_GINT64_FORMAT
                                                    " of the %" G_GINT64_FORMAT " newest that %s",
                                                    nth, count, what);
        keep_sound(group, rule, sentence);
    }
}

static void keep_chains(Judgement *judgement)
{
    keep_count(judgement, judgement->rules->keep_chains, is_sound, "keep_chains", "restore");
}

static void keep_proven(Judgement *judgement)
{
    keep_count(judgement, judgement->rules->keep_proven, is_passed, "keep_proven", "are proven");
}

static int64_t days_of(int64_t moment)
{
    return (moment >= 0 ? moment : moment - DAY + 1) / DAY;
}

static int64_t weeks_of(int64_t moment)
{
    return (days_of(moment) + EPOCH_WEEKDAY) / 7;
}

static int64_t months_of(int64_t moment)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(moment);
    return when != NULL ? g_date_time_get_year(when) * 12 + g_date_time_get_month(when) : 0;
}

static int64_t years_of(int64_t moment)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(moment);
    return when != NULL ? g_date_time_get_year(when) : 0;
}

typedef struct {
    const char *rule;
    int64_t (*number)(int64_t moment);
    const char *name; /* of a period, for g_date_time_format() */
} Period;

static const Period day = {"keep_days", days_of, "%Y-%m-%d"};
static const Period week = {"keep_weekly", weeks_of, "week %G-W%V"};
static const Period month = {"keep_monthly", months_of, "%Y-%m"};
static const Period year = {"keep_yearly", years_of, "%Y"};

static int rank(const Link *link)
{
    return link->passed ? 2 : link->sound ? 1 : 0;
}

/* Number of the period to its best link; links come by age, so a later equal one is newer. */
static GHashTable *best_of_each(const Judgement *judgement, const Period *period)
{
    GHashTable *best = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        int64_t number = period->number(retention_moment(link->backup));
        const Link *other = g_hash_table_lookup(best, &number);
        if (link->there && (other == NULL || rank(link) >= rank(other)))
            g_hash_table_insert(best, g_memdup2(&number, sizeof number), link);
    }
    return best;
}

static int newest_first(gconstpointer a, gconstpointer b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left > right ? -1 : left < right;
}

static void keep_best(Link *link, const Period *period)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(retention_moment(link->backup));
    g_autofree char *name = when != NULL ? g_date_time_format(when, period->name) : g_strdup("?");
    static const char *const kinds[] = {"there is", "sound", "proven"};
    if (rank(link) > 0)
        keep(link, period->rule, "it is the newest %s backup of %s", kinds[rank(link)], name);
    else
        keep(link, "only-copy", "it does not restore, but it is all there is of %s", name);
}

/* Periods with nothing sound do not count, but what there is of them stays. */
static void keep_periods(Judgement *judgement, int64_t count, const Period *period)
{
    g_autoptr(GHashTable) best = best_of_each(judgement, period);
    g_autoptr(GList) numbers = g_list_sort(g_hash_table_get_keys(best), newest_first);
    int64_t sound = 0;
    for (GList *at = numbers; at != NULL && sound < count; at = at->next) {
        Link *link = g_hash_table_lookup(best, at->data);
        sound += link->sound;
        keep_best(link, period);
    }
}

static void keep_weekly(Judgement *judgement)
{
    keep_periods(judgement, judgement->rules->keep_weekly, &week);
}

static void keep_monthly(Judgement *judgement)
{
    keep_periods(judgement, judgement->rules->keep_monthly, &month);
}

static void keep_yearly(Judgement *judgement)
{
    keep_periods(judgement, judgement->rules->keep_yearly, &year);
}

static void keep_days(Judgement *judgement)
{
    if (judgement->rules->keep_days == 0 || judgement->newest_sound == NULL)
        return;
    int64_t newest = retention_moment(judgement->newest_sound->backup);
    int64_t since = newest - judgement->rules->keep_days * DAY;
    g_autoptr(GHashTable) best = best_of_each(judgement, &day);
    for (guint i = 0; i < judgement->links->len; i++) {
        Link *link = judgement->links->pdata[i];
        int64_t moment = retention_moment(link->backup);
        int64_t number = day.number(moment);
        if (moment < since || !link->there)
            continue;
        if (link->sound)
            keep(link, day.rule, "it is younger than %" G_GINT64_FORMAT " days",
                 judgement->rules->keep_days);
        else if (g_hash_table_lookup(best, &number) == link)
            keep_best(link, &day);
    }
}

/* Since when it cannot be restored: its own mark, or that of the nearest it hangs on. */
static int64_t bad_since(const Judgement *judgement, const Link *link)
{
    const Link *at = link;
    for (guint i = 0; at != NULL && i < judgement->links->len; i++) {
        if (at->backup->quarantined_at != 0)
            return at->backup->quarantined_at;
        at = parent_of(judgement, at);
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
            keep(link, "keep_quarantined", "it does not restore, and stays until %s", when);
    }
}

/* ---- what hangs together --------------------------------------------------------------------- */

/* Ids grow along a chain, so one way from the newest to the oldest meets every parent. */
static void keep_needed(Judgement *judgement)
{
    for (guint i = judgement->links->len; i > 0; i--) {
        const Link *link = judgement->links->pdata[i - 1];
        Link *parent = parent_of(judgement, link);
        if (link->rule != NULL && parent != NULL)
            keep(parent, "needed", "%s hangs on it, and stays", link->backup->id);
    }
}

static gboolean is_kept(const Link *link)
{
    return link->rule != NULL;
}

static void keep_whole(Judgement *judgement)
{
    for (guint i = 0; i < judgement->groups->len; i++) {
        const Group *group = judgement->groups->pdata[i];
        if (is_any(group, is_kept))
            keep_sound(group, "whole-chain", "another link of its chain stays");
    }
}

/* ---- what withholds everything --------------------------------------------------------------- */

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
    g_array_sort(gaps, newest_first);
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

static gboolean is_proven(const Link *link)
{
    return link->proven;
}

static char *miss_proof(const Judgement *judgement)
{
    const Group *group = newest_chain(judgement);
    if (judgement->rules->keep_proven == 0 || group == NULL || is_any(group, is_proven))
        return NULL;
    return g_strdup_printf("the newest chain %s is not proven, and keep_proven asks for a proof",
                           group->id);
}

static void withhold(const Judgement *judgement, Retention *retention)
{
    const RetentionFacts *facts = judgement->facts;
    retention->alarming = TRUE;
    if (judgement->links->len == 0)
        return;
    retention->rule = facts->trouble_rule;
    retention->withheld = g_strdup(facts->trouble);
    if (retention->withheld == NULL) {
        retention->rule = "failed-run";
        retention->withheld = doubt_newest(judgement);
    }
    if (retention->withheld == NULL) {
        retention->rule = "clock";
        retention->withheld = doubt_clock(judgement);
    }
    if (retention->withheld == NULL) {
        retention->rule = "newest-unproven";
        retention->withheld = miss_proof(judgement);
        retention->alarming = FALSE;
    }
    if (retention->withheld == NULL)
        retention->rule = NULL;
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
    gboolean chain_stays = is_any(link->group, is_kept);
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
        keep_days,
        keep_weekly,
        keep_monthly,
        keep_yearly,
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
    g_auto(Judgement) judgement = look(backups, rules, facts);
    Retention retention = {.fates = g_ptr_array_new_with_free_func(fate_free)};
    judge_links(&judgement);
    withhold(&judgement, &retention);
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
    g_auto(Judgement) judgement = look(backups, rules, facts);
    g_auto(Retention) whole = {0};
    withhold(&judgement, &whole);
    GPtrArray *floors = g_ptr_array_new_with_free_func(fate_free);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        all[i](&judgement);
    for (guint i = 0; i < doomed->len; i++) {
        const Backup *backup = doomed->pdata[i];
        const Link *link = g_hash_table_lookup(judgement.by_id, backup->id);
        if (holds(link))
            name_floor(floors, backup, link->rule, link->sentence);
        if (link->sound && whole.withheld != NULL)
            name_floor(floors, backup, whole.rule, whole.withheld);
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
