/* SPDX-License-Identifier: MIT */
/*
 * channel_alertmanager: an alert to Prometheus' Alertmanager, by its API v2.
 *
 * Its labels are what it is known by, so they hold nothing that differs between the alarm, its
 * repeats and its end: no time, no backup, not the severity "recovery".  Alertmanager forgets what
 * is not sent again within minutes unless it is told until when it fires.
 */
#include "alert/http.h"

#include "base/clock.h"
#include "base/error.h"

#include <string.h>

static const char path[] = "/api/v2/alerts";

enum {
    ALERTMANAGER_FIRES_LEAST_S = 3600,
    ALERTMANAGER_TEST_FIRES_S = 300,
    ALERTMANAGER_SKEW_S = 600,
};

static gboolean check(const AlertChannel *channel, GError **error)
{
    if (!http_check(channel, error))
        return FALSE;
    return strpbrk(channel->url, "?#") == NULL ||
           fail(error, STATUS_CONFIG,
                "its url holds a '?' or '#'" HINT("give the address of Alertmanager alone"));
}

/* From the address of Alertmanager, or from one that is whole already. */
static char *alerts_url(const char *url)
{
    g_autofree char *base = g_strdup(url);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        base[--length] = '\0';
    return g_str_has_suffix(base, path) ? g_steal_pointer(&base) : g_strconcat(base, path, NULL);
}

/* Which event began what this one is about. */
static EventType opening_type(const Event *event)
{
    for (EventType type = 0; type < EVENT_TYPES; type++) {
        g_autofree char *key = event_incident(type, event->instance, NULL);
        size_t length = strlen(key);
        if (event_opens(type) && strncmp(event->incident, key, length) == 0 &&
            (event->incident[length] == '\0' || event->incident[length] == '/'))
            return type;
    }
    return event->type;
}

static void add(json_t *object, const char *name, const char *value)
{
    if (*value != '\0')
        (void)json_object_set_new(object, name, json_string(value));
}

static json_t *labels(const Event *event)
{
    EventType opening = opening_type(event);
    gboolean ended = event->severity == SEVERITY_RECOVERY;
    Severity severity = ended ? event_severity(opening) : event->severity;
    g_autofree char *name = g_strconcat("lsnchain_", event_word(opening), NULL);
    json_t *object = json_object();
    add(object, "alertname", name);
    add(object, "service", "lsnchain");
    add(object, "severity", severity_word(severity));
    add(object, "instance", event->instance);
    add(object, "incident", event->incident);
    return object;
}

static json_t *annotations(const Event *event)
{
    json_t *object = json_object();
    add(object, "summary", event->summary);
    add(object, "description", event->cause);
    add(object, "remedy", event->remedy);
    add(object, "backup", event->backup);
    add(object, "rule", event->rule);
    add(object, "host", event->host);
    add(object, "version", event->version);
    return object;
}

static int64_t fires_until(const Event *event)
{
    /* an end that its own clock has not reached yet it takes for a shorter alarm, and keeps ours */
    if (event->severity == SEVERITY_RECOVERY)
        return event->timestamp - ALERTMANAGER_SKEW_S;
    if (!event_opens(event->type)) /* nobody tells the end of a test */
        return clock_now() + ALERTMANAGER_TEST_FIRES_S;
    /* one that comes late must still be seen; its end follows, or a repeat */
    return MAX(event->fires_until, clock_now() + ALERTMANAGER_FIRES_LEAST_S);
}

static json_t *make_alert(const Event *event)
{
    g_autofree char *starts_at = clock_format(event->timestamp);
    g_autofree char *ends_at = clock_format(fires_until(event));
    json_t *alert = json_pack("{s:o, s:o, s:s}", "labels", labels(event), "annotations",
                              annotations(event), "endsAt", ends_at);
    if (event->severity != SEVERITY_RECOVERY) /* of what ends, Alertmanager knows when it began */
        add(alert, "startsAt", starts_at);
    return alert;
}

/* A portal or proxy in between says 200 to everything, with a page for people. */
static void judge_answer(const Post *post, Outcome *outcome)
{
    if (post->answer->str[strspn(post->answer->str, " \t\r\n")] != '<')
        return;
    outcome->verdict = DELIVERY_DOWN;
    g_free(outcome->text);
    outcome->text = g_strdup("the answer is a web page: what is at this url is no Alertmanager");
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    json_auto_t *alerts = json_pack("[o]", make_alert(event));
    g_autofree char *url = alerts_url(channel->url);
    g_autoptr(Post) post = http_request(channel, url, alerts);
    if (http_send(post, attempt, outcome))
        judge_answer(post, outcome);
}

const ChannelType channel_alertmanager = {"alertmanager", check, send_event};
