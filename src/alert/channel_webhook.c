/* SPDX-License-Identifier: MIT */
/*
 * channel_webhook: a POST as Standard Webhooks has it (spec/standard-webhooks.md 1.0.0 of
 * github.com/standard-webhooks/standard-webhooks).
 *
 * The id stays the same on every try, so a receiver can drop what it has.  Exactly the bytes sent
 * are signed, as "ID.TIMESTAMP.BODY".  They come from a template where there is one.
 */
#include "alert/http.h"
#include "alert/template.h"

#include "base/clock.h"
#include "base/error.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const char secret_prefix[] = "whsec_";

/* whsec_ and base64, as the libraries of Standard Webhooks write it; else the text itself. */
static GBytes *key_bytes(const char *secret)
{
    if (!g_str_has_prefix(secret, secret_prefix))
        return g_bytes_new(secret, strlen(secret));
    const char *encoded = secret + strlen(secret_prefix);
    gsize length = 0;
    g_autofree guchar *key = g_base64_decode(encoded, &length);
    g_autofree char *again = g_base64_encode(key, length);
    if (length == 0 || !g_str_equal(again, encoded)) /* GLib skips what is no base64 */
        return NULL;
    return g_bytes_new(key, length);
}

static char **split_secrets(const char *secret)
{
    return g_strsplit_set(secret != NULL ? secret : "", " ,\t", -1);
}

/* The bytes to send. */
static char *body_text(const AlertChannel *channel, const Event *event, GError **error)
{
    if (channel->body_file != NULL && *channel->body_file != '\0')
        return template_fill(channel->body_file, event, error);
    json_auto_t *body = event_json(event);
    return json_dumps(body, JSON_COMPACT);
}

static gboolean check_body(const AlertChannel *channel, GError **error)
{
    const EventFacts facts = {.type = EVENT_ALERT_TEST};
    g_autoptr(Event) event = event_new(&facts);
    g_autofree char *text = body_text(channel, event, error);
    if (text == NULL)
        g_prefix_error(error, "its body_file is not usable: ");
    return text != NULL;
}

static gboolean check(const AlertChannel *channel, GError **error)
{
    if (!http_check(channel, error) || !check_body(channel, error))
        return FALSE;
    g_auto(GStrv) secrets = split_secrets(channel->secret);
    for (char **secret = secrets; *secret != NULL; secret++) {
        g_autoptr(GBytes) key = key_bytes(*secret);
        if (key == NULL)
            return fail(error, STATUS_CONFIG,
                        "its secret begins with whsec_, but no base64 follows" HINT(
                            "copy it whole from the receiver, with its padding"));
    }
    return TRUE;
}

static void sign(GString *signatures, const char *secret, const GString *message)
{
    g_autoptr(GBytes) key = key_bytes(secret);
    if (*secret == '\0' || key == NULL)
        return;
    guchar mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    gsize size = 0;
    const void *data = g_bytes_get_data(key, &size);
    if (HMAC(EVP_sha256(), data, (int)size, (const guchar *)message->str, message->len, mac,
             &length) == NULL)
        g_error("OpenSSL cannot make an HMAC");
    g_autofree char *encoded = g_base64_encode(mac, length);
    g_string_append_printf(signatures, "%sv1,%s", signatures->len > 0 ? " " : "", encoded);
}

static void add_signatures(Post *post, const char *secret, const char *id, const char *timestamp)
{
    g_autoptr(GString) message = g_string_new(NULL);
    g_autoptr(GString) signatures = g_string_new(NULL);
    g_string_append_printf(message, "%s.%s.", id, timestamp);
    g_string_append_len(message, post->body->str, (gssize)post->body->len);

    g_auto(GStrv) secrets = split_secrets(secret);
    for (char **one = secrets; *one != NULL; one++)
        sign(signatures, *one, message);
    if (signatures->len > 0)
        post_header(post, "webhook-signature", signatures->str);
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    g_autoptr(GError) wrong = NULL;
    g_autofree char *body = body_text(channel, event, &wrong);
    if (body == NULL) { /* the file changed since the check */
        outcome->verdict = DELIVERY_DOWN;
        outcome->text = error_sentence(wrong);
        return;
    }
    g_autofree char *timestamp = g_strdup_printf("%" G_GINT64_FORMAT, clock_now());
    g_autoptr(Post) post = http_request_text(channel, channel->url, body);
    post_header(post, "webhook-id", event->id);
    post_header(post, "webhook-timestamp", timestamp);
    add_signatures(post, channel->secret, event->id, timestamp);
    (void)http_send(post, attempt, outcome);
}

const ChannelType channel_webhook = {"webhook", check, send_event};
