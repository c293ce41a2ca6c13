/* SPDX-License-Identifier: MIT */
/* channel_syslog: one line for each event; the shortest and surest of all channels. */
#include "alert/channels.h"
#include "alert/syslog.h"

#include "base/error.h"

#include <syslog.h>

static const int priorities[] = {
    [SEVERITY_CRITICAL] = LOG_CRIT,
    [SEVERITY_WARNING] = LOG_WARNING,
    [SEVERITY_RECOVERY] = LOG_NOTICE,
};

static gboolean check(const AlertChannel *channel, GError **error)
{
    return syslog_check_path(channel->socket, error);
}

static void append(GString *text, const char *title, const char *value)
{
    if (*value != '\0')
        g_string_append_printf(text, "; %s: %s", title, value);
}

/* What must not be cut comes first; host and time are syslog's own. */
static char *make_text(const Event *event)
{
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%s %s: %s", severity_word(event->severity), event_word(event->type),
                    event->summary);
    append(text, "instance", event->instance);
    append(text, "incident", event->incident);
    append(text, "backup", event->backup);
    append(text, "rule", event->rule);
    append(text, "cause", event->cause);
    append(text, "what to do", event->remedy);
    return g_string_free(text, FALSE);
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    (void)attempt; /* syslog_tell() has a short limit of its own */
    g_autoptr(GError) error = NULL;
    g_autofree char *text = make_text(event);
    if (syslog_tell(channel->socket, priorities[event->severity], text, &error)) {
        outcome->text = g_strdup("syslog took it");
        return;
    }
    outcome->verdict = DELIVERY_AGAIN; /* a daemon that restarts is back in a moment */
    outcome->text = error_sentence(error);
}

const ChannelType channel_syslog = {"syslog", check, send_event};
