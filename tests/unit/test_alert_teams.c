/* SPDX-License-Identifier: MIT */
/* What a receiver gets of the type teams; the service itself is not asked. */
#include "../fakes/receivers/receiver.h"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(teams, .init = init, .timeout = 60);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})
#define REFUSED(code)                                                                              \
    "200=Webhook message delivery failed with error: Microsoft Teams endpoint "                    \
    "returned HTTP error " code " with ContextId PLANTED"

static AlertReport send_to(const Receiver *receiver, const EventFacts *facts)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/workflows/PLANTED", receiver->port);
    const AlertChannel channel = {.name = "chat", .type = "teams", .url = url, .timeout_s = 20};
    spool_facts(&desk, facts);
    return deliver_to_all(&desk, &channel, 1);
}

static const json_t *card_of(const json_t *body)
{
    const json_t *attachment = json_array_get(json_object_get(body, "attachments"), 0);
    return json_object_get(json_object_get(attachment, "content"), "body");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "(none)";
}

Test(teams, shows_a_card_with_headline_cause_remedy_and_facts)
{
    g_auto(Receiver) receiver = HTTP("DIR", "202");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .summary = "the chain of shop is broken",
                              .cause = "starts at LSN 100,\nbut its parent ends at 90",
                              .remedy = "nothing"};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    const json_t *card = card_of(body);
    static const char *const texts[] = {"critical: the chain of shop is broken", "Cause",
                                        "starts at LSN 100,\n\nbut its parent ends at 90",
                                        "What to do", "nothing"};
    cr_assert_eq(json_array_size(card), G_N_ELEMENTS(texts) + 1);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        cr_expect_str_eq(text_of(json_array_get(card, i), "text"), texts[i]);
    const json_t *list = json_object_get(json_array_get(card, G_N_ELEMENTS(texts)), "facts");
    cr_expect_str_eq(text_of(json_array_get(list, 0), "title"), "Event");
    cr_expect_str_eq(text_of(json_array_get(list, 0), "value"), "chain_broken");
    cr_expect_str_eq(text_of(json_array_get(list, 1), "value"), "shop");
}

Test(teams, tells_by_color_how_grave_it_is)
{
    static const struct {
        EventType type;
        const char *color;
    } cases[] = {{EVENT_BACKUP_FAILED, "attention"},
                 {EVENT_SPACE_LOW, "warning"},
                 {EVENT_BACKUP_RECOVERED, "good"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", "202");
        const EventFacts facts = {.type = cases[i].type, .summary = "x"};
        cr_expect_eq(send_to(&receiver, &facts).done, 1);
        json_auto_t *body = received_json(&receiver, "1.body");
        cr_expect_str_eq(text_of(json_array_get(card_of(body), 0), "color"), cases[i].color);
    }
}

Test(teams, believes_a_2xx_only_when_its_text_tells_of_no_error)
{
    static const AnswerCase cases[] = {
        {"202", "", 1, 1},
        {"200=1", "", 1, 1},
        {REFUSED("413"), "HTTP status 200, but Teams refused it with HTTP error 413", 0, 1},
        {REFUSED("403"), "HTTP error 403", 0, 1},
        {REFUSED("429"), "HTTP error 429", 0, 3},
        {REFUSED("200"), "HTTP error 200", 0, 1},
        {REFUSED("PLANTED"), "HTTP error 0", 0, 1},
        {"200=RETURNED http error 502", "HTTP error 502", 0, 3},
        {"400", "HTTP status 400", 0, 1},
        {"404", "there is nothing at this url", 0, 1},
        {"429/3600", "HTTP status 429", 0, 1},
    };
    expect_answers(cases, G_N_ELEMENTS(cases), send_to);
}

static char *repeated(const char *text)
{
    g_autoptr(GString) all = g_string_new(NULL);
    while (all->len < 1024 * 1024)
        g_string_append(all, text);
    return g_string_free(g_steal_pointer(&all), FALSE);
}

/* Bytes as Teams counts them. */
static size_t weight_of(const char *body)
{
    g_autofree gunichar2 *wide = NULL;
    glong units = 0;
    wide = g_utf8_to_utf16(body, -1, NULL, &units, NULL);
    cr_assert_not_null(wide);
    return MAX(strlen(body), (size_t)units * 2);
}

Test(teams, stays_below_its_limit_with_whatever_text)
{
    static const char *const texts[] = {"a", "\\", "*\n", "\"", "€", "\xf0\x9f\x94\xa5", "- \n"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", "202");
        g_autofree char *text = repeated(texts[i]);
        const EventFacts facts = {.type = EVENT_BACKUP_FAILED,
                                  .instance = text,
                                  .backup = text,
                                  .rule = text,
                                  .incident = text,
                                  .summary = text,
                                  .cause = text,
                                  .remedy = text};
        cr_expect_eq(send_to(&receiver, &facts).done, 1);
        g_autofree char *body = received(&receiver, "1.body");
        cr_assert_not_null(body);
        cr_expect_leq(weight_of(body), 28000, "%s: %zu", texts[i], weight_of(body));
        json_auto_t *parsed = received_json(&receiver, "1.body");
        cr_expect_eq(json_array_size(card_of(parsed)), 6);
    }
}

Test(teams, cuts_no_more_than_it_has_to)
{
    g_auto(Receiver) receiver = HTTP("DIR", "202");
    g_autofree char *cause = g_strnfill(8000, 'a');
    const EventFacts facts = {.type = EVENT_BACKUP_FAILED, .summary = "x", .cause = cause};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    cr_expect_str_eq(text_of(json_array_get(card_of(body), 2), "text"), cause);
}
