/* SPDX-License-Identifier: MIT */
#include "model/judgement.h"

enum { DAY = 86400, EPOCH_WEEKDAY = 3 };

static int64_t days_of(int64_t moment)
{
    return moment / DAY;
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
        link_keep(link, period->rule, "it is the newest %s backup of %s", kinds[rank(link)], name);
    else
        link_keep(link, "only-copy", "it does not restore, but it is all there is of %s", name);
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

void period_keep_weekly(Judgement *judgement)
{
    keep_periods(judgement, judgement->rules->keep_weekly, &week);
}

void period_keep_monthly(Judgement *judgement)
{
    keep_periods(judgement, judgement->rules->keep_monthly, &month);
}

void period_keep_yearly(Judgement *judgement)
{
    keep_periods(judgement, judgement->rules->keep_yearly, &year);
}

void period_keep_days(Judgement *judgement)
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
            link_keep(link, day.rule, "it is younger than %" G_GINT64_FORMAT " days",
                      judgement->rules->keep_days);
        else if (g_hash_table_lookup(best, &number) == link)
            keep_best(link, &day);
    }
}
