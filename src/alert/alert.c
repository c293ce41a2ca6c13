/* SPDX-License-Identifier: MIT */
#include "alert/alert.h"

#include "alert/deliver.h"
#include "alert/round.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum { ALERT_FIRES_SLACK_S = 3600 };

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

gboolean alert_check_channel(const AlertChannel *channel, GError **error)
{
    if (deliver_check(channel, error))
        return TRUE;
    g_prefix_error(error, "alert channel %s cannot work: ", channel->name);
    return FALSE;
}

Names alert_receivers(const AlertRoute *route, Severity severity)
{
    static const char *const nobody[] = {NULL};
    Names names = NULL;
    if (route != NULL)
        names = severity == SEVERITY_CRITICAL  ? route->critical
                : severity == SEVERITY_WARNING ? route->warning
                                               : route->recovery;
    return names != NULL ? names : nobody;
}

char **alert_receivers_or_all(const AlertRoute *route, Severity severity)
{
    Names names = alert_receivers(route, severity);
    if (severity == SEVERITY_RECOVERY && names_empty(names))
        return names_join(alert_receivers(route, SEVERITY_CRITICAL),
                          alert_receivers(route, SEVERITY_WARNING));
    return names_join(names, NULL);
}

/* ---- raising --------------------------------------------------------------------------------- */

/* What a repeat says before its cause; "" for news.  Free it. */
static char *past(const Incident *incident)
{
    if (incident->since == 0 || incident->told_at == 0)
        return g_strdup("");
    g_autofree char *since = clock_format(incident->since);
    g_autofree char *told = clock_format(incident->told_at);
    return g_strdup_printf("open since %s; told last at %s, and held back %u %s since\n", since,
                           told, incident->held, incident->held == 1 ? "time" : "times");
}

static void replace_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

/* What is known of it before anybody is told. */
static void describe(Incident *incident, const Event *event, Names to)
{
    if (incident->since == 0)
        incident->since = event->timestamp;
    if (!g_str_equal(incident->rule, event->rule))
        incident->told_at = 0; /* killed before the spool has it, it is still news */
    incident->acknowledged_at = 0;
    replace_text(&incident->rule, event->rule);
    replace_text(&incident->backup, event->backup);
    replace_text(&incident->summary, event->summary);
    char **channels = names_join((Names)incident->channels, to);
    g_strfreev(incident->channels);
    incident->channels = channels;
}

static void hold(const AlertDesk *desk, const Event *event, Names to)
{
    if (desk->unkept != NULL)
        g_ptr_array_add(desk->unkept, spool_entry_new(event, to));
}

void alert_hold(const AlertDesk *desk, const EventFacts *facts)
{
    g_autoptr(Event) event = event_new(facts);
    if (event->severity != SEVERITY_RECOVERY)
        hold(desk, event, alert_receivers(desk->route, event->severity));
}

static gboolean hand_over(const AlertDesk *desk, Event *event, Names to, GError **error)
{
    if (spool_add(desk->spool, event, to, error))
        return TRUE;
    hold(desk, event, to);
    return FALSE;
}

static gboolean raise_unnoted(const AlertDesk *desk, const EventFacts *facts, GError **error)
{
    g_autoptr(Event) event = event_new(facts);
    return event->severity == SEVERITY_RECOVERY ||
           hand_over(desk, event, alert_receivers(desk->route, event->severity), error);
}

static gboolean tell(const AlertDesk *desk, Incident *incident, const EventFacts *facts,
                     GError **error)
{
    g_autofree char *before = past(incident);
    g_autofree char *cause = g_strconcat(before, facts->cause, NULL);
    EventFacts full = *facts;
    full.cause = cause;
    full.fires_until = clock_now() + 2 * desk->repeat_after_s + ALERT_FIRES_SLACK_S;
    g_autoptr(Event) event = event_new(&full);
    Names to = alert_receivers(desk->route, event->severity);

    describe(incident, event, to);
    gboolean noted = incidents_save(desk->incidents, error);
    if (names_empty(to)) {
        round_tell_nobody(event);
        return noted;
    }
    crash_point("alert.noted");
    if (!hand_over(desk, event, to, noted ? error : NULL) || !noted)
        return FALSE;
    crash_point("alert.spooled");
    incident->told_at = event->timestamp;
    incident->held = 0;
    return incidents_save(desk->incidents, error);
}

static gboolean raise_opening(const AlertDesk *desk, const EventFacts *facts, GError **error)
{
    g_autoptr(Event) event = event_new(facts); /* its texts are cleaned */
    const char *part = facts->part != NULL ? facts->part : "";
    Incident *incident = incidents_take(desk->incidents, facts->type, part);
    if (incident_is_news(incident, event->rule, event->backup, event->timestamp,
                         desk->repeat_after_s))
        return tell(desk, incident, facts, error);
    incident->held++;
    log_detail("%s is held back: it was told already", event->incident);
    return incidents_save(desk->incidents, error);
}

/* Who is told that it is over.  Free it. */
static char **recovery_receivers(const AlertRoute *route, const Incident *incident)
{
    Names told = (Names)incident->channels;
    if (told == NULL) /* of an older version, or of a damaged file */
        return alert_receivers_or_all(route, SEVERITY_RECOVERY);
    Names recovery = alert_receivers(route, SEVERITY_RECOVERY);
    g_auto(GStrv) alarmed = names_join(alert_receivers(route, SEVERITY_CRITICAL),
                                       alert_receivers(route, SEVERITY_WARNING));
    g_auto(GStrv) unwanted = names_without((Names)alarmed, recovery);
    return names_empty(recovery) ? names_join(told, NULL) : names_without(told, (Names)unwanted);
}

static gboolean tell_end(const AlertDesk *desk, const Incident *incident, const EventFacts *facts,
                         GError **error)
{
    g_autofree char *key = incident_key(incident, facts->instance);
    g_autofree char *since = clock_format(incident->since);
    g_autofree char *summary = incident->since != 0
                                   ? g_strdup_printf("%s: %s of %s is over", facts->summary,
                                                     event_word(incident->type), since)
                                   : g_strdup_printf("%s: %s, which may have been open, is over",
                                                     facts->summary, event_word(incident->type));
    g_autofree char *cause =
        g_strdup_printf("%s%s%s%s", facts->cause != NULL ? facts->cause : "",
                        facts->cause != NULL && *facts->cause != '\0' ? "\n" : "",
                        *incident->summary != '\0' ? "it began with: " : "", incident->summary);
    EventFacts full = *facts;
    full.incident = key;
    full.summary = summary;
    full.cause = cause;
    g_autoptr(Event) event = event_new(&full);
    g_auto(GStrv) to = recovery_receivers(desk->route, incident);
    if (names_empty((Names)to)) {
        round_tell_nobody(event);
        return TRUE;
    }
    return hand_over(desk, event, (Names)to, error);
}

static gboolean raise_recovery(const AlertDesk *desk, const EventFacts *facts, GError **error)
{
    const char *part = facts->part != NULL ? facts->part : "";
    g_autoptr(GPtrArray) ended = incidents_ended_by(desk->incidents, facts->type, part);
    for (guint i = 0; i < ended->len; i++) {
        if (!tell_end(desk, ended->pdata[i], facts, error))
            return FALSE;
    }
    if (ended->len == 0)
        return TRUE;
    crash_point("alert.recovered");
    for (guint i = 0; i < ended->len; i++)
        incidents_close(desk->incidents, ended->pdata[i]);
    return incidents_save(desk->incidents, error);
}

gboolean alert_raise(const AlertDesk *desk, const EventFacts *facts, GError **error)
{
    if (desk->incidents == NULL)
        return raise_unnoted(desk, facts, error);
    if (event_opens(facts->type))
        return raise_opening(desk, facts, error);
    return raise_recovery(desk, facts, error);
}

gboolean alert_deliver(Spool *spool, const AlertSetup *setup, AlertReport *report, GError **error)
{
    return round_deliver(spool, setup, NULL, report, error);
}

void alert_deliver_unkept(GPtrArray *unkept, const AlertSetup *setup)
{
    round_deliver_unkept(unkept, setup);
}

/* ---- testing --------------------------------------------------------------------------------- */

typedef struct {
    const AlertWatch *watch;
    GPtrArray *ids;     /* of our tests, char * */
    GHashTable *failed; /* names of the channels that do not have all of theirs */
} Testing;

static void note_result(const Event *event, const AlertChannel *channel, gboolean delivered,
                        const char *answer, void *data)
{
    Testing *testing = data;
    if (event != NULL &&
        !g_ptr_array_find_with_equal_func(testing->ids, event->id, g_str_equal, NULL))
        return; /* one that waited there */
    if (!delivered)
        g_hash_table_add(testing->failed, g_strdup(channel->name));
    testing->watch->result(event, channel, delivered, answer, testing->watch->data);
}

static Event *make_test(const char *instance, Severity severity)
{
    const EventFacts facts = {
        .type = EVENT_ALERT_TEST,
        .severity = &severity,
        .instance = instance,
        .summary = "this is a test of lsnchain's alerts",
        .cause = "somebody typed: lsnchain alert test",
        .remedy = "nothing: who reads this will also read real alerts",
    };
    return event_new(&facts);
}

static void test_directly(const Event *event, const AlertChannel *channel, gboolean routed,
                          Testing *testing)
{
    g_autofree char *answer = NULL;
    g_autoptr(GError) wrong = NULL;
    gboolean delivered = FALSE;
    DeliverBudget budget = deliver_share(g_get_monotonic_time(), 1);
    if (deliver_check(channel, &wrong))
        delivered = deliver(channel, event, &budget, &answer) == DELIVERY_DELIVERED;
    else
        answer = error_sentence(wrong);
    note_result(routed ? event : NULL, channel, delivered, answer, testing);
}

static gboolean test_severity(Spool *spool, const AlertSetup *setup, const char *instance,
                              Severity severity, Testing *testing, GError **error)
{
    const AlertRoute *route = setup->route(instance, setup->data);
    g_auto(GStrv) to = alert_receivers_or_all(route, severity);
    g_autoptr(Event) event = make_test(instance, severity);
    if (spool != NULL && !names_empty((Names)to) && !spool_add(spool, event, (Names)to, error))
        return FALSE;
    g_ptr_array_add(testing->ids, g_strdup(event->id)); /* the spool may have changed it */
    if (spool != NULL)
        return TRUE;
    for (size_t i = 0; i < setup->count; i++) {
        if (names_have((Names)to, setup->channels[i].name))
            test_directly(event, &setup->channels[i], TRUE, testing);
    }
    return TRUE;
}

static gboolean test_routes(Spool *spool, const AlertSetup *setup, Names instances,
                            Testing *testing, GError **error)
{
    for (; *instances != NULL; instances++) {
        for (Severity severity = SEVERITY_CRITICAL; severity <= SEVERITY_RECOVERY; severity++) {
            if (!test_severity(spool, setup, *instances, severity, testing, error))
                return FALSE;
        }
    }
    const AlertWatch watch = {note_result, testing};
    AlertReport report;
    return spool == NULL || round_deliver(spool, setup, &watch, &report, error);
}

static gboolean forget_tests(Spool *spool, const Testing *testing, GError **error)
{
    for (guint i = 0; spool != NULL && i < testing->ids->len; i++) {
        if (!spool_remove_id(spool, testing->ids->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean judge_test(const AlertSetup *setup, const Testing *testing, GError **error)
{
    g_autoptr(GString) failed = g_string_new(NULL);
    for (size_t i = 0; i < setup->count; i++) {
        const char *name = setup->channels[i].name;
        if (g_hash_table_contains(testing->failed, name))
            g_string_append_printf(failed, "%s%s", failed->len > 0 ? ", " : "", name);
    }
    return failed->len == 0 ||
           fail(error, STATUS_TRANSFER, "the test alert did not reach %s", failed->str);
}

gboolean alert_test(Spool *spool, const AlertSetup *setup, Names instances, Names also,
                    const AlertWatch *watch, GError **error)
{
    if (setup->count == 0)
        return fail(error, STATUS_CONFIG,
                    "there is no alert channel to test" HINT(
                        "add a section [alert NAME] to the configuration"));
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) failed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Testing testing = {watch, ids, failed};
    gboolean tried = test_routes(spool, setup, instances, &testing, error);
    if (!forget_tests(spool, &testing, tried ? error : NULL) || !tried)
        return FALSE;
    g_autoptr(Event) event = make_test("", SEVERITY_WARNING);
    for (size_t i = 0; i < setup->count; i++) {
        if (names_have(also, setup->channels[i].name))
            test_directly(event, &setup->channels[i], FALSE, &testing);
    }
    return judge_test(setup, &testing, error);
}
