/* SPDX-License-Identifier: MIT */
/*
 * channel_slack: an incoming webhook of Slack, with blocks (docs.slack.dev/reference/block-kit).
 *
 * All text of the blocks is plain_text: there nothing is a mention, link or format, and "@here" is
 * a word.  `text` is what a notification shows.  A cause is cut where a block ends: Slack refuses a
 * message that is too long as a whole, too.
 */
#include "alert/http.h"
#include "alert/markup.h"

enum {
    SLACK_HEADER_CHARACTERS = 150,
    SLACK_FIELD_CHARACTERS = 2000,
    SLACK_SECTION_CHARACTERS = 3000,
    SLACK_TEXT_CHARACTERS = 4000,
};

/* What Slack answers with an error, and what that means; nothing else of an answer is shown. */
static const struct {
    const char *word;
    const char *advice;
} known[] = {
    {"no_service", "the webhook is gone or switched off, make a new one and change the url"},
    {"no_team", "its workspace is gone"},
    {"invalid_token", "the url is not the whole address of a webhook"},
    {"channel_not_found", "its channel is gone, make a new webhook and change the url"},
    {"channel_is_archived", "its channel is archived, make a new webhook and change the url"},
    {"action_prohibited", "an administrator of the workspace forbids it"},
    {"user_not_found", "who it writes to is gone"},
    {"invalid_payload", "Slack cannot read the message"},
    {"invalid_blocks", "Slack cannot read the message"},
    {"rollup_error", "a fault of Slack's"},
};

static json_t *plain_text(const char *text)
{
    return json_pack("{s:s, s:s, s:b}", "type", "plain_text", "text", text, "emoji", 0);
}

typedef struct {
    json_t *blocks;
    json_t *fields;
} Message;

/* Short values stand side by side, the others each in a section. */
static void add_field(const char *title, const char *value, gboolean lines, void *data)
{
    Message *message = data;
    g_autofree char *text = g_strdup_printf("%s\n%s", title, value);
    g_autofree char *safe =
        markup_slack(text, lines ? SLACK_SECTION_CHARACTERS : SLACK_FIELD_CHARACTERS);
    if (lines)
        json_array_append_new(message->blocks,
                              json_pack("{s:s, s:o}", "type", "section", "text", plain_text(safe)));
    else
        json_array_append_new(message->fields, plain_text(safe));
}

static json_t *make_body(const Event *event)
{
    const char *severity = severity_word(event->severity);
    g_autofree char *head = g_strdup_printf("%s: %s", severity, event->summary);
    g_autofree char *all = g_strdup_printf("%s: %s: %s", severity, event->instance, event->summary);
    g_autofree char *header = markup_slack(head, SLACK_HEADER_CHARACTERS);
    g_autofree char *text =
        markup_slack(*event->instance != '\0' ? all : head, SLACK_TEXT_CHARACTERS);
    Message message = {json_array(), json_array()};
    event_fields(event, add_field, &message);

    json_array_insert_new(message.blocks, 0,
                          json_pack("{s:s, s:o}", "type", "header", "text", plain_text(header)));
    json_array_append_new(message.blocks,
                          json_pack("{s:s, s:o}", "type", "section", "fields", message.fields));
    return json_pack("{s:s, s:o}", "text", text, "blocks", message.blocks);
}

/* Only 200 is Slack's; another 2xx comes from somebody else. */
static void judge(const Post *post, Outcome *outcome)
{
    const long status = http_status(post);
    const char *advice = NULL;
    if (outcome->verdict == DELIVERY_DELIVERED && status != 200) {
        outcome->verdict = DELIVERY_DOWN;
        advice = "Slack answers 200, look at the url";
    }
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_has_prefix(post->answer->str, known[i].word))
            advice = known[i].advice;
    }
    if (advice != NULL) {
        g_free(outcome->text);
        outcome->text = g_strdup_printf("HTTP status %ld: %s", status, advice);
    }
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    json_auto_t *body = make_body(event);
    g_autoptr(Post) post = http_request(channel, channel->url, body);
    (void)http_send(post, attempt, outcome);
    judge(post, outcome);
}

const ChannelType channel_slack = {"slack", http_check, send_event};
