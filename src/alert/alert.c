/* SPDX-License-Identifier: MIT */
#include "alert/alert.h"

#include "alert/deliver.h"
#include "alert/post.h"
#include "base/error.h"
#include "base/log.h"

#include <unistd.h>

enum { ALERT_LOCK_WAIT_S = 60 };

gboolean alert_init(GError **error)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    return code == CURLE_OK ||
           fail(error, STATUS_FAILED, "cannot start libcurl: %s", curl_easy_strerror(code));
}

void alert_end(void)
{
    curl_global_cleanup();
}

static gboolean check(const AlertChannel *channel, GError **error)
{
    const ChannelType *type = channel_type(channel->type);
    if (type == NULL)
        return fail(error, STATUS_CONFIG, "it has no known type");
    if (channel->ca_file != NULL && *channel->ca_file != '\0' && access(channel->ca_file, R_OK) < 0)
        return fail(error, STATUS_CONFIG, "its ca_file %s cannot be read", channel->ca_file);
    return type->check(channel, error);
}

gboolean alert_check_channel(const AlertChannel *channel, GError **error)
{
    if (check(channel, error))
        return TRUE;
    g_prefix_error(error, "alert channel %s cannot work: ", channel->name);
    return FALSE;
}

gboolean alert_raise(Spool *spool, Incidents *incidents, const Event *event, GError **error)
{
    if (!incidents_admit(incidents, event))
        return TRUE;
    return spool_add(spool, event, error) && incidents_save(incidents, error);
}

/* A channel in this run. */
typedef struct {
    const AlertChannel *channel;
    DeliverBudget budget;
    gboolean closed;  /* left alone until the next run */
    unsigned waiting; /* alerts it did not get */
    char *cause;      /* why not the first of them */
} Lane;

typedef struct {
    Spool *spool;
    const AlertSetup *setup;
    AlertReport *report;
    Lane *lanes;
} Round;

static void lane_open(Lane *lane, const AlertChannel *channel)
{
    g_autoptr(GError) wrong = NULL;
    *lane = (Lane){.channel = channel, .budget = deliver_budget()};
    if (check(channel, &wrong))
        return;
    lane->closed = TRUE;
    lane->cause = error_sentence(wrong);
}

/* TRUE: the channel has it. */
static gboolean lane_send(Lane *lane, const Event *event)
{
    g_autofree char *answer = NULL;
    Delivery verdict = DELIVERY_DOWN;
    if (!lane->closed && lane->budget.left_us == 0) {
        lane->closed = TRUE;
        if (lane->cause == NULL)
            lane->cause = g_strdup("the time for it was used up");
    }
    if (!lane->closed)
        verdict = deliver(lane->channel, event, &lane->budget, &answer);
    if (verdict == DELIVERY_DELIVERED)
        return TRUE;
    lane->closed = lane->closed || verdict != DELIVERY_REFUSED;
    if (lane->cause == NULL)
        lane->cause = g_steal_pointer(&answer);
    lane->waiting++;
    return FALSE;
}

static void lane_close(Lane *lane)
{
    if (lane->waiting > 0) {
        g_autofree char *place = post_place(lane->channel->url != NULL ? lane->channel->url : "");
        log_warning("alert channel %s (%s) did not take its alerts: %s; %u kept for the next run",
                    lane->channel->name, place, lane->cause, lane->waiting);
    }
    g_free(lane->cause);
}

static const char *const *route_names(const AlertRoute *route, Severity severity)
{
    static const char *const nobody[] = {NULL};
    const char *const *names = NULL;
    if (route != NULL)
        names = severity == SEVERITY_CRITICAL  ? route->critical
                : severity == SEVERITY_WARNING ? route->warning
                                               : route->recovery;
    return names != NULL ? names : nobody;
}

static Lane *find_lane(const Round *round, const char *name)
{
    for (size_t i = 0; i < round->setup->count; i++) {
        if (g_strcmp0(round->lanes[i].channel->name, name) == 0)
            return &round->lanes[i];
    }
    log_warning("a route names the alert channel %s, which does not exist", name);
    return NULL;
}

/* One channel of an entry's route; `missing` counts those that still lack it. */
static gboolean bring(const Round *round, SpoolEntry *entry, const char *name, unsigned *missing,
                      GError **error)
{
    if (spool_entry_has(entry, name))
        return TRUE;
    Lane *lane = find_lane(round, name);
    if (lane == NULL || !lane_send(lane, entry->event)) {
        *missing += 1;
        return TRUE;
    }
    round->report->sent++;
    return spool_note(round->spool, entry, name, error);
}

static gboolean deliver_entry(SpoolEntry *entry, void *data, GError **error)
{
    const Round *round = data;
    const Event *event = entry->event;
    const AlertRoute *route = round->setup->route(event->instance, round->setup->data);
    const char *const *names = route_names(route, event->severity);
    unsigned missing = 0;

    if (*names == NULL) {
        round->report->unrouted++;
        log_notice("nobody is told of %s%s%s: no channel is routed for %s", event_word(event->type),
                   *event->instance != '\0' ? " of " : "", event->instance,
                   severity_word(event->severity));
        return spool_remove(round->spool, entry, error);
    }
    for (; *names != NULL; names++) {
        if (!bring(round, entry, *names, &missing, error))
            return FALSE;
    }
    if (missing > 0) {
        round->report->waiting++;
        return TRUE;
    }
    round->report->done++;
    return spool_remove(round->spool, entry, error);
}

gboolean alert_deliver(Spool *spool, const AlertSetup *setup, AlertReport *report, GError **error)
{
    *report = (AlertReport){0};
    g_autoptr(Lock) lock = spool_lock(spool, ALERT_LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
    if (lock == NULL)
        return FALSE;
    g_autofree Lane *lanes = g_new0(Lane, setup->count);
    Round round = {spool, setup, report, lanes};
    for (size_t i = 0; i < setup->count; i++)
        lane_open(&lanes[i], &setup->channels[i]);
    gboolean done = spool_each(spool, deliver_entry, &round, error);
    for (size_t i = 0; i < setup->count; i++)
        lane_close(&lanes[i]);
    return done;
}

static gboolean send_test(const AlertChannel *channel, const Event *event, AlertResultFn *result,
                          void *data)
{
    g_autofree char *answer = NULL;
    g_autoptr(GError) wrong = NULL;
    gboolean delivered = FALSE;
    DeliverBudget budget = deliver_budget();
    if (check(channel, &wrong))
        delivered = deliver(channel, event, &budget, &answer) == DELIVERY_DELIVERED;
    else
        answer = error_sentence(wrong);
    result(channel, delivered, answer, data);
    return delivered;
}

gboolean alert_send_test(const AlertSetup *setup, const char *instance, AlertResultFn *result,
                         void *data, GError **error)
{
    const EventFacts facts = {
        .type = EVENT_ALERT_TEST,
        .instance = instance,
        .summary = "this is a test of lsnchain's alerts",
        .cause = "somebody typed: lsnchain alert test",
        .remedy = "nothing: who reads this will also read real alerts",
    };
    if (setup->count == 0)
        return fail(error, STATUS_CONFIG,
                    "there is no alert channel to test" HINT(
                        "add a section [alert NAME] to the configuration"));
    g_autoptr(Event) event = event_new(&facts);
    g_autoptr(GString) failed = g_string_new(NULL);
    for (size_t i = 0; i < setup->count; i++) {
        const AlertChannel *channel = &setup->channels[i];
        if (!send_test(channel, event, result, data))
            g_string_append_printf(failed, "%s%s", failed->len > 0 ? ", " : "", channel->name);
    }
    return failed->len == 0 ||
           fail(error, STATUS_TRANSFER, "the test alert did not reach %s", failed->str);
}
