/* SPDX-License-Identifier: MIT */
/*
 * channel_pagerduty: Events API v2 (github.com/PagerDuty/developer-docs, docs/events-API-v2).
 *
 * The dedup_key is that of the incident: a trouble that is told twice is one alert there, and its
 * recovery resolves it.  PagerDuty drops a resolve of what it does not know, so none can do harm.
 */
#include "alert/http.h"

#include "base/clock.h"
#include "base/error.h"

#include <string.h>

enum { ROUTING_KEY_CHARACTERS = 32 };

static const char default_url[] = "https://events.pagerduty.com/v2/enqueue";

static gboolean is_routing_key(const char *key)
{
    return key != NULL && strlen(key) == ROUTING_KEY_CHARACTERS &&
           strspn(key, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS) == ROUTING_KEY_CHARACTERS;
}

static gboolean check(const AlertChannel *channel, GError **error)
{
    if (!is_routing_key(channel->routing_key))
        return fail(error, STATUS_CONFIG,
                    "its routing_key is not 32 letters and digits" HINT(
                        "copy the integration key of an Events API v2 integration"));
    return channel->url == NULL || *channel->url == '\0' || http_check(channel, error);
}

static json_t *resolve(const AlertChannel *channel, const Event *event)
{
    return json_pack("{s:s, s:s, s:s}", "routing_key", channel->routing_key, "event_action",
                     "resolve", "dedup_key", event->incident);
}

/* PagerDuty refuses an empty summary or source. */
static const char *some_text(const char *text, const char *otherwise)
{
    return *text != '\0' ? text : otherwise;
}

static json_t *trigger(const AlertChannel *channel, const Event *event)
{
    const char *word = event_word(event->type);
    const char *severity = severity_word(event->severity); /* both of ours are words of theirs */
    g_autofree char *time = clock_format(event->timestamp);
    json_auto_t *all = event_json(event);
    /* clang-format off */
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:O}}",
                     "routing_key", channel->routing_key,
                     "event_action", "trigger",
                     "dedup_key", event->incident,
                     "client", "lsnchain",
                     "payload",
                     "summary", some_text(event->summary, word),
                     "source", some_text(event->host, "lsnchain"),
                     "severity", severity,
                     "timestamp", time,
                     "component", some_text(event->instance, "lsnchain"),
                     "class", word,
                     "custom_details", json_object_get(all, "data"));
    /* clang-format on */
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    gboolean given = channel->url != NULL && *channel->url != '\0';
    gboolean over = event->severity == SEVERITY_RECOVERY;
    json_auto_t *body = over ? resolve(channel, event) : trigger(channel, event);
    g_autoptr(Post) post = http_request(channel, given ? channel->url : default_url, body);
    (void)http_send(post, attempt, outcome);
    if (http_status(post) == 400) { /* also what a wrong key is answered with */
        g_free(outcome->text);
        outcome->text =
            g_strdup("HTTP status 400: it refuses the event, is its routing_key right?");
    }
}

const ChannelType channel_pagerduty = {"pagerduty", check, send_event};
