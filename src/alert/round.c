/* SPDX-License-Identifier: MIT */
#include "alert/round.h"

#include "alert/deliver.h"
#include "alert/post.h"
#include "alert/syslog.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"

enum { ROUND_LOCK_WAIT_S = 60, ROUND_REPEAT_S = 24 * 3600 };

/* A channel in this round. */
typedef struct {
    const AlertChannel *channel;
    DeliverBudget budget;
    gboolean served;  /* it had its turn */
    gboolean closed;  /* left alone until the next round */
    unsigned taken;   /* alerts that it took, tests among them */
    unsigned waiting; /* alerts that it did not get and that are kept */
    gboolean warned;  /* that was said */
    char *cause;      /* why not the first of them */
} Lane;

typedef struct {
    Spool *spool; /* NULL: what is here is kept nowhere */
    const AlertSetup *setup;
    const AlertWatch *watch; /* NULL: nobody looks on */
    AlertReport *report;
    Lane *lanes;
    int64_t began_us;
    GPtrArray *entries; /* SpoolEntry *; those that are done stay in it */
    GHashTable *seen;   /* their ids: no alert is brought to a channel twice in a round */
} Round;

static gboolean is_channel(const Round *round, const char *name)
{
    for (size_t i = 0; i < round->setup->count; i++) {
        if (g_strcmp0(round->setup->channels[i].name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

void round_tell_nobody(const Event *event)
{
    log_notice("nobody is told of %s%s%s: no channel is routed for %s", event_word(event->type),
               *event->instance != '\0' ? " of " : "", event->instance,
               severity_word(event->severity));
}

/* ---- who is to get it ------------------------------------------------------------------------ */

/* A channel that the configuration has no more gives its place to those of today's route. */
static void readdress(const Round *round, SpoolEntry *entry)
{
    const Event *event = entry->event;
    g_auto(GStrv) today = alert_receivers_or_all(
        round->setup->route(event->instance, round->setup->data), event->severity);
    gboolean lost = entry->to == NULL;
    GPtrArray *kept = g_ptr_array_new();
    for (char **name = entry->to; name != NULL && *name != NULL; name++) {
        if (is_channel(round, *name) || spool_entry_has(entry, *name)) {
            g_ptr_array_add(kept, *name);
            continue;
        }
        log_warning("the alert channel %s is no more: %s goes to today's route", *name,
                    event->incident);
        lost = TRUE;
    }
    g_ptr_array_add(kept, NULL);
    char **all = names_join((Names)kept->pdata, lost ? (Names)today : NULL);
    g_ptr_array_unref(kept);
    g_strfreev(entry->to);
    entry->to = all;
}

static gboolean address(const Round *round, SpoolEntry *entry, GError **error)
{
    const Event *event = entry->event;
    readdress(round, entry);
    if (spool_entry_waits(entry))
        return TRUE;
    if (entry->delivered->len == 0) {
        round->report->unrouted++;
        round_tell_nobody(event);
    }
    return spool_remove(round->spool, entry, error);
}

/* ---- one channel ----------------------------------------------------------------------------- */

static gboolean lacks(const SpoolEntry *entry, const char *name)
{
    return names_have((Names)entry->to, name) && !spool_entry_has(entry, name);
}

static gboolean has_work(const Round *round, const Lane *lane)
{
    for (guint i = 0; i < round->entries->len && !lane->closed; i++) {
        if (lacks(round->entries->pdata[i], lane->channel->name))
            return TRUE;
    }
    return FALSE;
}

static unsigned lanes_to_serve(const Round *round)
{
    unsigned count = 0;
    for (size_t i = 0; i < round->setup->count; i++)
        count += !round->lanes[i].served && has_work(round, &round->lanes[i]) ? 1 : 0;
    return count;
}

static void lane_shut(Lane *lane, const char *cause)
{
    lane->closed = TRUE;
    if (lane->cause == NULL)
        lane->cause = g_strdup(cause);
}

static void lane_open(Lane *lane, const AlertChannel *channel)
{
    g_autoptr(GError) wrong = NULL;
    *lane = (Lane){.channel = channel, .budget.left_us = G_MAXINT64};
    if (deliver_check(channel, &wrong))
        return;
    g_autofree char *cause = error_sentence(wrong);
    lane_shut(lane, cause);
}

/* TRUE: the channel has it.  `answer` is new, and says why not. */
static gboolean lane_send(Lane *lane, const Event *event, char **answer)
{
    if (!lane->closed && lane->budget.left_us == 0)
        lane_shut(lane, "the time for it was used up");
    if (lane->closed) {
        *answer = g_strdup(lane->cause);
        return FALSE;
    }
    Delivery verdict = deliver(lane->channel, event, &lane->budget, answer);
    if (verdict == DELIVERY_DELIVERED)
        return TRUE;
    if (lane->cause == NULL)
        lane->cause = g_strdup(*answer);
    lane->closed = verdict != DELIVERY_REFUSED;
    return FALSE;
}

/*
 * The note is written before the next alert is sent: a kill in between doubles this one at most.
 * Where it cannot be written, on a full disk, nobody else has to wait for that.
 */
static void settle(const Round *round, SpoolEntry *entry, const char *name)
{
    g_autoptr(GError) unnoted = NULL;
    crash_point("alert.sent");
    if (round->spool == NULL)
        return;
    if (!spool_note(round->spool, entry, name, &unnoted))
        log_warning("%s has an alert and will get it once more: %s", name, unnoted->message);
    round->report->done += spool_entry_waits(entry) ? 0 : 1;
}

static void serve_entry(const Round *round, Lane *lane, SpoolEntry *entry)
{
    g_autofree char *answer = NULL;
    gboolean taken = lane_send(lane, entry->event, &answer);
    if (round->watch != NULL)
        round->watch->result(entry->event, lane->channel, taken, answer, round->watch->data);
    if (!taken) {
        lane->waiting += entry->event->type != EVENT_ALERT_TEST ? 1 : 0;
        return;
    }
    lane->taken++;
    round->report->sent++;
    settle(round, entry, lane->channel->name);
}

/* Of what all have left; and no more than is left of its share when it had one already. */
static void take_share(const Round *round, Lane *lane)
{
    const int64_t left_us = lane->budget.left_us;
    lane->budget = deliver_share(round->began_us, lanes_to_serve(round));
    lane->budget.left_us = MIN(lane->budget.left_us, left_us);
}

static void serve(const Round *round, Lane *lane)
{
    if (has_work(round, lane))
        take_share(round, lane);
    lane->served = TRUE;
    for (guint i = 0; i < round->entries->len; i++) {
        SpoolEntry *entry = round->entries->pdata[i];
        if (lacks(entry, lane->channel->name))
            serve_entry(round, lane, entry);
    }
}

static void serve_all(const Round *round)
{
    for (size_t i = 0; i < round->setup->count; i++)
        round->lanes[i].served = FALSE;
    for (size_t i = 0; i < round->setup->count; i++)
        serve(round, &round->lanes[i]);
}

/* What came since the last time. */
static gboolean take_spool(Round *round, GError **error)
{
    g_autoptr(GPtrArray) entries = spool_entries(round->spool, error);
    if (entries == NULL)
        return FALSE;
    for (guint i = entries->len; i > 0; i--) {
        const SpoolEntry *entry = entries->pdata[i - 1];
        if (!g_hash_table_add(round->seen, g_strdup(entry->event->id)))
            g_ptr_array_remove_index(entries, i - 1);
    }
    g_clear_pointer(&round->entries, g_ptr_array_unref);
    round->entries = g_steal_pointer(&entries);
    for (guint i = 0; i < round->entries->len; i++) {
        if (!address(round, round->entries->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* ---- channels that do not take their alerts -------------------------------------------------- */

/* Of the place only what may be shown; "" for a channel that has no url. */
static char *place_of(const AlertChannel *channel)
{
    if (channel->url == NULL || *channel->url == '\0')
        return g_strdup("");
    g_autofree char *place = post_place(channel->url);
    return g_strdup_printf(" (%s)", place);
}

static void warn(const Round *round, const Lane *lane)
{
    g_autofree char *place = place_of(lane->channel);
    g_autofree char *text = g_strdup_printf(
        "alert channel %s%s did not take its alerts: %s; %u %s", lane->channel->name, place,
        lane->cause, lane->waiting, round->spool != NULL ? "kept for the next run" : "lost");
    log_warning("%s", text);
    syslog_warn(text);
}

static char **all_but(const Round *round, const char *name)
{
    GPtrArray *names = g_ptr_array_new();
    for (size_t i = 0; i < round->setup->count; i++) {
        if (g_strcmp0(round->setup->channels[i].name, name) != 0)
            g_ptr_array_add(names, g_strdup(round->setup->channels[i].name));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* To every other channel, whatever the routes. */
static gboolean raise_of(const Round *round, Incidents *incidents, const EventFacts *facts,
                         GError **error)
{
    g_auto(GStrv) others = all_but(round, facts->part);
    const AlertRoute route = {.warning = (Names)others};
    const AlertDesk desk = {round->spool, incidents, &route, ROUND_REPEAT_S, NULL};
    return alert_raise(&desk, facts, error);
}

static gboolean raise_lane(const Round *round, Incidents *incidents, const Lane *lane,
                           GError **error)
{
    const char *name = lane->channel->name;
    g_autofree char *place = place_of(lane->channel);
    g_autofree char *failing = g_strdup_printf("alert channel %s does not take its alerts", name);
    g_autofree char *mended = g_strdup_printf("alert channel %s takes alerts again", name);
    g_autofree char *cause = g_strdup_printf("%s%s: %s\n%u kept for the next run", name, place,
                                             lane->cause != NULL ? lane->cause : "", lane->waiting);
    const EventFacts down = {
        .type = EVENT_ALERT_UNDELIVERABLE,
        .part = name,
        .summary = failing,
        .cause = cause,
        .remedy = "mend the channel, then try: lsnchain alert flush",
    };
    const EventFacts up = {.type = EVENT_ALERT_RECOVERED, .part = name, .summary = mended};
    if (lane->waiting > 0)
        return raise_of(round, incidents, &down, error);
    return lane->taken == 0 || raise_of(round, incidents, &up, error);
}

/* An incident of a channel that is configured no more would stay open for ever. */
static gboolean raise_gone(const Round *round, Incidents *incidents, GError **error)
{
    const GPtrArray *open = incidents_open(incidents);
    for (guint i = open->len; i > 0; i--) {
        const Incident *incident = open->pdata[i - 1];
        if (is_channel(round, incident->part))
            continue;
        g_autofree char *name = g_strdup(incident->part);
        g_autofree char *summary = g_strdup_printf("alert channel %s is no more", name);
        const EventFacts gone = {.type = EVENT_ALERT_RECOVERED, .part = name, .summary = summary};
        if (!raise_of(round, incidents, &gone, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean raise_lanes(const Round *round, GError **error)
{
    g_autoptr(Incidents) incidents =
        incidents_load(spool_state_dir(round->spool), INCIDENTS_OF_NONE, error);
    if (incidents == NULL)
        return FALSE;
    for (size_t i = 0; i < round->setup->count; i++) {
        if (!raise_lane(round, incidents, &round->lanes[i], error))
            return FALSE;
    }
    return raise_gone(round, incidents, error);
}

static void warn_all(const Round *round)
{
    for (size_t i = 0; i < round->setup->count; i++) {
        Lane *lane = &round->lanes[i];
        if (lane->waiting == 0 || lane->warned)
            continue;
        warn(round, lane);
        lane->warned = TRUE;
    }
}

/* What was raised goes out in the same round, to those that are still well. */
static gboolean tell_of_lanes(Round *round, GError **error)
{
    warn_all(round);
    if (!raise_lanes(round, error) || !take_spool(round, error))
        return FALSE;
    round->began_us = deliver_extend(round->began_us);
    serve_all(round);
    warn_all(round);
    return TRUE;
}

/* ---- the round ------------------------------------------------------------------------------- */

static Lane *open_lanes(const AlertSetup *setup)
{
    Lane *lanes = g_new0(Lane, setup->count + 1);
    for (size_t i = 0; i < setup->count; i++)
        lane_open(&lanes[i], &setup->channels[i]);
    return lanes;
}

static void close_lanes(const Round *round)
{
    for (size_t i = 0; i < round->setup->count; i++)
        g_free(round->lanes[i].cause);
}

static gboolean go(Round *round, GError **error)
{
    if (!take_spool(round, error))
        return FALSE;
    serve_all(round);
    return tell_of_lanes(round, error) && spool_count(round->spool, &round->report->waiting, error);
}

gboolean round_deliver(Spool *spool, const AlertSetup *setup, const AlertWatch *watch,
                       AlertReport *report, GError **error)
{
    *report = (AlertReport){0};
    g_autoptr(Lock) lock = spool_lock(spool, ROUND_LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
    if (lock == NULL)
        return FALSE;
    g_autofree Lane *lanes = open_lanes(setup);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Round round = {
        .spool = spool,
        .setup = setup,
        .watch = watch,
        .report = report,
        .lanes = lanes,
        .began_us = g_get_monotonic_time(),
        .seen = seen,
    };
    gboolean done = go(&round, error);
    close_lanes(&round);
    g_clear_pointer(&round.entries, g_ptr_array_unref);
    return done;
}

void round_deliver_unkept(GPtrArray *unkept, const AlertSetup *setup)
{
    AlertReport report = {0};
    g_autofree Lane *lanes = open_lanes(setup);
    Round round = {
        .setup = setup,
        .report = &report,
        .lanes = lanes,
        .began_us = g_get_monotonic_time(),
        .entries = unkept,
    };
    serve_all(&round);
    warn_all(&round);
    close_lanes(&round);
}
