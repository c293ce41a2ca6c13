/* SPDX-License-Identifier: MIT */
/*
 * channel_teams: an adaptive card for a Teams workflow with the trigger "When a Teams webhook
 * request is received" (learn.microsoft.com/microsoftteams: webhooks and connectors).
 *
 * Teams takes 28 KB, and counts two bytes for a character that UTF-8 writes in one: people met the
 * limit at 14,000 of them.  What has several lines is cut until the whole body fits, escapes and
 * all.
 */
#include "alert/http.h"
#include "alert/markup.h"

#include <string.h>

enum { TEAMS_BYTES = 14000, TEAMS_LINE_CHARACTERS = 1000 };

static json_t *text_block(const char *text)
{
    return json_pack("{s:s, s:s, s:b}", "type", "TextBlock", "text", text, "wrap", 1);
}

static json_t *heading(const char *text)
{
    json_t *block = text_block(text);
    json_object_set_new(block, "weight", json_string("bolder"));
    return block;
}

static json_t *headline(const Event *event)
{
    static const char *const colors[] = {
        [SEVERITY_CRITICAL] = "attention",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_RECOVERY] = "good",
    };
    g_autofree char *text =
        g_strdup_printf("%s: %s", severity_word(event->severity), event->summary);
    g_autofree char *safe = markup_card(text, TEAMS_LINE_CHARACTERS);
    json_t *block = heading(safe);
    json_object_set_new(block, "size", json_string("medium"));
    json_object_set_new(block, "color", json_string(colors[event->severity]));
    return block;
}

typedef struct {
    json_t *elements;
    json_t *facts;
    size_t room; /* characters for a value of several lines */
} Card;

static void add_field(const char *title, const char *value, gboolean lines, void *data)
{
    Card *card = data;
    g_autofree char *safe = markup_card(value, lines ? card->room : TEAMS_LINE_CHARACTERS);
    if (lines) {
        json_array_append_new(card->elements, heading(title));
        json_array_append_new(card->elements, text_block(safe));
        return;
    }
    json_array_append_new(card->facts, json_pack("{s:s, s:s}", "title", title, "value", safe));
}

static json_t *make_body(const Event *event, size_t room)
{
    Card card = {json_array(), json_array(), room};
    json_array_append_new(card.elements, headline(event));
    event_fields(event, add_field, &card);
    json_array_append_new(card.elements,
                          json_pack("{s:s, s:o}", "type", "FactSet", "facts", card.facts));
    /* clang-format off */
    return json_pack("{s:s, s:[{s:s, s:n, s:{s:s, s:s, s:s, s:o}}]}",
                     "type", "message",
                     "attachments",
                     "contentType", "application/vnd.microsoft.card.adaptive",
                     "contentUrl",
                     "content",
                     "$schema", "http://adaptivecards.io/schemas/adaptive-card.json",
                     "type", "AdaptiveCard",
                     "version", "1.2",
                     "body", card.elements);
    /* clang-format on */
}

static char *body_text(const Event *event)
{
    for (size_t room = EVENT_CAUSE_BYTES;; room /= 2) {
        json_auto_t *body = make_body(event, room);
        char *text = json_dumps(body, JSON_COMPACT);
        if (strlen(text) <= TEAMS_BYTES || room == 1)
            return text;
        free(text);
    }
}

/* Where a flow or an old connector hides the refusal of Teams in an answer of 200. */
static void judge(const Post *post, Outcome *outcome)
{
    static const char words[] = "returned http error";
    g_autofree char *answer = g_ascii_strdown(post->answer->str, -1);
    const char *found = strstr(answer, words);
    if (outcome->verdict != DELIVERY_DELIVERED || found == NULL)
        return;
    const long status = (long)g_ascii_strtoull(found + strlen(words), NULL, 10);
    outcome->verdict = status >= 400 && status <= 599 ? http_verdict(status) : DELIVERY_DOWN;
    g_free(outcome->text);
    outcome->text = g_strdup_printf("HTTP status %ld, but Teams refused it with HTTP error %ld",
                                    http_status(post), status);
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    g_autofree char *body = body_text(event);
    g_autoptr(Post) post = http_request_text(channel, channel->url, body);
    (void)http_send(post, attempt, outcome);
    judge(post, outcome);
}

const ChannelType channel_teams = {"teams", http_check, send_event};
