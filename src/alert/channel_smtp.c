/* SPDX-License-Identifier: MIT */
/*
 * channel_smtp: a short plain mail through libcurl.
 *
 * libcurl 7.88 takes a line break in an address or a header as it is, and so would send a second
 * RCPT or a Bcc (tried); its quoted-printable encoder wants CRLF; CURLUSESSL_TRY sends the password
 * in clear text to a server without STARTTLS.  Hence: addresses are checked, the subject is encoded
 * words or plain ASCII without control characters, the text has CRLF, TLS is required or none.
 */
#include "alert/channels.h"
#include "alert/post.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum {
    WORD_BYTES = 42, /* 56 in base64 and 12 around them: below the 75 of RFC 2047 */
    ADDRESS_BYTES = 254,
};

static gboolean is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static gboolean wants_tls(const AlertChannel *channel)
{
    return g_strcmp0(channel->tls, "none") != 0;
}

/* Plain NAME@DOMAIN in visible ASCII, without anything that has a meaning in a header or command.
 */
static gboolean check_address(const char *key, const char *address, GError **error)
{
    const char *at = strrchr(address, '@');
    gboolean sound =
        at != NULL && at != address && at[1] != '\0' && strlen(address) <= ADDRESS_BYTES;
    for (const char *p = address; *p != '\0' && sound; p++)
        sound = g_ascii_isgraph(*p) && strchr("<>()[]:;,\"\\", *p) == NULL;
    return sound || fail(error, STATUS_CONFIG,
                         "its %s holds an address that cannot be used" HINT(
                             "write NAME@DOMAIN, without name, brackets, spaces or quotes"),
                         key);
}

static char **split_recipients(const char *to)
{
    char **list = g_strsplit(to != NULL ? to : "", ",", -1);
    for (char **one = list; *one != NULL; one++)
        *one = g_strchug(g_strchomp(*one));
    return list;
}

static gboolean check_secrecy(const AlertChannel *channel, GError **error)
{
    if (is_given(channel->tls) && wants_tls(channel) && !g_str_equal(channel->tls, "required"))
        return fail(error, STATUS_CONFIG, "its tls is neither required nor none");
    if (!wants_tls(channel) && is_given(channel->password))
        return fail(error, STATUS_CONFIG,
                    "it would send its password in clear text" HINT("set tls = required"));
    if (is_given(channel->user) != is_given(channel->password))
        return fail(error, STATUS_CONFIG, "it has one of user and password" HINT("give both"));
    if (strchr(channel->url, '@') != NULL)
        return fail(error, STATUS_CONFIG,
                    "its url holds a user" HINT("give user and password as keys of their own"));
    return TRUE;
}

static gboolean check(const AlertChannel *channel, GError **error)
{
    static const char *const schemes[] = {"smtp", "smtps", NULL};
    if (!post_check_url(channel->url, schemes, error) || !check_secrecy(channel, error) ||
        !check_address("from", is_given(channel->from) ? channel->from : "", error))
        return FALSE;
    g_auto(GStrv) recipients = split_recipients(channel->to);
    if (recipients[0] == NULL)
        return check_address("to", "", error);
    for (char **one = recipients; *one != NULL; one++) {
        if (!check_address("to", *one, error))
            return FALSE;
    }
    return TRUE;
}

/* RFC 2047: plain ASCII as it is, else encoded words, folded. */
static char *encode_header(const char *text)
{
    if (g_str_is_ascii(text) && strstr(text, "=?") == NULL)
        return g_strdup(text);
    g_autoptr(GString) out = g_string_new(NULL);
    for (const char *start = text; *start != '\0';) {
        const char *end = start;
        while (*end != '\0' && g_utf8_next_char(end) - start <= WORD_BYTES)
            end = g_utf8_next_char(end);
        g_autofree char *word = g_base64_encode((const guchar *)start, (gsize)(end - start));
        g_string_append_printf(out, "%s=?UTF-8?B?%s?=", out->len > 0 ? "\r\n " : "", word);
        start = end;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* RFC 5322, in English whatever the locale. */
static char *format_date(int64_t seconds)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(seconds);
    return g_strdup_printf(
        "%s, %d %s %d %02d:%02d:%02d +0000", days[g_date_time_get_day_of_week(when) - 1],
        g_date_time_get_day_of_month(when), months[g_date_time_get_month(when) - 1],
        g_date_time_get_year(when), g_date_time_get_hour(when), g_date_time_get_minute(when),
        g_date_time_get_second(when));
}

/* The domain of the sender makes the id unique; it was checked with the address. */
static void add_headers(Post *post, const AlertChannel *channel, const Event *event)
{
    g_autofree char *about =
        *event->instance != '\0'
            ? g_strdup_printf("[lsnchain] %s: %s: %s", severity_word(event->severity),
                              event->instance, event->summary)
            : g_strdup_printf("[lsnchain] %s: %s", severity_word(event->severity), event->summary);
    g_autofree char *subject = encode_header(about);
    g_autofree char *date = format_date(event->timestamp);
    g_autofree char *id = g_strdup_printf("<%s%s>", event->id, strrchr(channel->from, '@'));
    g_auto(GStrv) recipients = split_recipients(channel->to);
    g_autofree char *to = g_strjoinv(",\r\n ", recipients);

    post_header(post, "Date", date);
    post_header(post, "From", channel->from);
    post_header(post, "To", to);
    post_header(post, "Subject", subject);
    post_header(post, "Message-ID", id);
    post_header(post, "Auto-Submitted", "auto-generated"); /* no "I am on holiday" comes back */
    for (char **one = recipients; *one != NULL; one++)
        post_recipient(post, *one);
}

static void add_field(GString *text, const char *name, const char *value)
{
    if (*value != '\0')
        g_string_append_printf(text, "%-10s%s\n", name, value);
}

/* Indented, so that no line of it can pass for one of ours. */
static void add_paragraph(GString *text, const char *title, const char *value)
{
    if (*value == '\0')
        return;
    g_auto(GStrv) lines = g_strsplit(value, "\n", -1);
    g_string_append_printf(text, "\n%s\n", title);
    for (char **line = lines; *line != NULL; line++)
        g_string_append_printf(text, "    %s\n", *line);
}

static char *mail_text(const Event *event)
{
    g_autofree char *time = clock_format(event->timestamp);
    g_autoptr(GString) text = g_string_new(event->summary);
    g_string_append(text, "\n\n");
    add_field(text, "Event:", event_word(event->type));
    add_field(text, "Instance:", event->instance);
    add_field(text, "Backup:", event->backup);
    add_field(text, "Rule:", event->rule);
    add_paragraph(text, "Cause:", event->cause);
    add_paragraph(text, "What to do:", event->remedy);
    g_string_append_c(text, '\n');
    add_field(text, "Host:", event->host);
    add_field(text, "Time:", time);
    add_field(text, "Incident:", event->incident);
    g_string_append_printf(text, "\n-- \nlsnchain %s\n", event->version);
    g_string_replace(text, "\n", "\r\n", 0);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_text(Post *post, const Event *event)
{
    g_autofree char *text = mail_text(event);
    post->mime = curl_mime_init(post->curl);
    curl_mimepart *part = post->mime != NULL ? curl_mime_addpart(post->mime) : NULL;
    if (part == NULL || curl_mime_data(part, text, CURL_ZERO_TERMINATED) != CURLE_OK ||
        curl_mime_type(part, "text/plain; charset=utf-8") != CURLE_OK ||
        curl_mime_encoder(part, "quoted-printable") != CURLE_OK)
        post->trouble = CURLE_OUT_OF_MEMORY;
}

static void fill(Post *post, const AlertChannel *channel, const Event *event)
{
    if (is_given(channel->user)) {
        post_set(post, CURLOPT_USERNAME, channel->user);
        post_set(post, CURLOPT_PASSWORD, channel->password);
    }
    post_set_long(post, CURLOPT_USE_SSL,
                  wants_tls(channel) ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    post_set(post, CURLOPT_MAIL_FROM, channel->from);
    /* one mailbox that is gone must not keep an alert from the others; a test is strict */
    post_set_long(post, CURLOPT_MAIL_RCPT_ALLLOWFAILS, event->type != EVENT_ALERT_TEST);
    add_headers(post, channel, event);
    add_text(post, event);
    if (post->trouble == CURLE_OK)
        post->trouble = curl_easy_setopt(post->curl, CURLOPT_MAIL_RCPT, post->recipients);
    if (post->trouble == CURLE_OK)
        post->trouble = curl_easy_setopt(post->curl, CURLOPT_MIMEPOST, post->mime);
}

/* The code of each reply, in order. */
static size_t take_reply(char *line, size_t size, size_t count, void *replies)
{
    if (size * count > 3 && line[3] == ' ') { /* the last line of it */
        const int code = (int)g_ascii_strtoll(line, NULL, 10);
        g_array_append_val((GArray *)replies, code);
    }
    return size * count;
}

static void listen_to(Post *post, GArray *replies)
{
    post->trouble = post->trouble != CURLE_OK
                        ? post->trouble
                        : curl_easy_setopt(post->curl, CURLOPT_HEADERFUNCTION, take_reply);
    post->trouble = post->trouble != CURLE_OK
                        ? post->trouble
                        : curl_easy_setopt(post->curl, CURLOPT_HEADERDATA, replies);
}

/* libcurl does not say which recipients it went on without: their replies are those before 354. */
static void warn_of_refused(const AlertChannel *channel, const GArray *replies)
{
    enum { GO_AHEAD = 354 };
    g_auto(GStrv) recipients = split_recipients(channel->to);
    const guint count = g_strv_length(recipients);
    guint end = 0;
    while (end < replies->len && g_array_index(replies, int, end) != GO_AHEAD)
        end++;
    for (guint i = 0; end < replies->len && end >= count && i < count; i++) {
        const int code = g_array_index(replies, int, end - count + i);
        if (code >= 400)
            log_warning("alert channel %s: the server took no mail for %s (SMTP code %d); the "
                        "other recipients have it",
                        channel->name, recipients[i], code);
    }
}

static void judge(const PostAnswer *answer, Outcome *outcome)
{
    if (answer->code == CURLE_OK) {
        outcome->verdict = DELIVERY_DELIVERED;
        outcome->text = g_strdup_printf("SMTP code %ld", answer->status);
        return;
    }
    channel_judge_transport(answer->code, outcome);
    if (answer->status < 400)
        return;
    g_autofree char *reason = g_steal_pointer(&outcome->text);
    outcome->text = g_strdup_printf("SMTP code %ld (%s)", answer->status, reason);
    if (outcome->verdict == DELIVERY_AGAIN && answer->status >= 500)
        outcome->verdict = DELIVERY_REFUSED;
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    g_autoptr(Post) post = post_new(channel->url, "smtp,smtps", channel->ca_file);
    post->heed_signal = attempt->heed_signal;
    fill(post, channel, event);
    g_autoptr(GArray) replies = g_array_new(FALSE, FALSE, sizeof(int));
    listen_to(post, replies);
    const PostAnswer answer = post_send(post, attempt->limit_ms);
    judge(&answer, outcome);
    if (outcome->verdict == DELIVERY_DELIVERED)
        warn_of_refused(channel, replies);
}

const ChannelType channel_smtp = {"smtp", check, send_event};
