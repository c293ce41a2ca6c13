/* SPDX-License-Identifier: MIT */
/* What a receiver gets of the type slack; the service itself is not asked. */
#include "../fakes/receivers/receiver.h"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(slack, .init = init, .timeout = 60);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static AlertReport send_to(const Receiver *receiver, const EventFacts *facts)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/services/PLANTED", receiver->port);
    const AlertChannel channel = {.name = "chat", .type = "slack", .url = url, .timeout_s = 20};
    spool_facts(&desk, facts);
    return deliver_to_all(&desk, &channel, 1);
}

static const char *text_of(const json_t *block)
{
    return json_string_value(json_object_get(json_object_get(block, "text"), "text"));
}

Test(slack, shows_what_happened_then_cause_and_remedy_then_the_facts)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200=ok");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .backup = "20261122T020000Z-incr",
                              .summary = "the chain of shop is broken",
                              .cause = "starts at LSN 100,\nbut its parent ends at 90",
                              .remedy = "nothing"};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);

    json_auto_t *body = received_json(&receiver, "1.body");
    const json_t *blocks = json_object_get(body, "blocks");
    cr_assert_eq(json_array_size(blocks), 4);
    cr_expect_str_eq(json_string_value(json_object_get(body, "text")),
                     "critical: shop: the chain of shop is broken");
    cr_expect_str_eq(text_of(json_array_get(blocks, 0)), "critical: the chain of shop is broken");
    cr_expect_str_eq(text_of(json_array_get(blocks, 1)),
                     "Cause\nstarts at LSN 100,\nbut its parent ends at 90");
    cr_expect_str_eq(text_of(json_array_get(blocks, 2)), "What to do\nnothing");
    const json_t *fields = json_object_get(json_array_get(blocks, 3), "fields");
    static const char *const first[] = {"Event\nchain_broken", "Instance\nshop",
                                        "Backup\n20261122T020000Z-incr"};
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++)
        cr_expect_str_eq(json_string_value(json_object_get(json_array_get(fields, i), "text")),
                         first[i]);
}

Test(slack, names_no_instance_where_there_is_none)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200=ok");
    const EventFacts facts = {.type = EVENT_ALERT_TEST, .summary = "this is a test"};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    cr_expect_str_eq(json_string_value(json_object_get(body, "text")), "warning: this is a test");
}

Test(slack, takes_200_for_delivered_and_says_what_a_person_has_to_do)
{
    static const AnswerCase cases[] = {
        {"200=ok", "", 1, 1},
        {"204", "Slack answers 200, look at the url", 0, 1},
        {"404=no_service", "HTTP status 404: the webhook is gone or switched off", 0, 1},
        {"404=channel_not_found", "its channel is gone", 0, 1},
        {"403=action_prohibited", "an administrator of the workspace forbids it", 0, 1},
        {"403=PLANTED", "HTTP status 403", 0, 1},
        {"410=channel_is_archived", "its channel is archived", 0, 1},
        {"400=invalid_payload", "HTTP status 400: Slack cannot read the message", 0, 1},
        {"429/3600=rate_limited", "HTTP status 429", 0, 1},
        {"500=rollup_error", "a fault of Slack's", 0, 3},
    };
    expect_answers(cases, G_N_ELEMENTS(cases), send_to);
}

Test(slack, tries_again_when_the_time_that_slack_asks_for_is_over)
{
    g_auto(Receiver) receiver = HTTP("DIR", "429/1=rate_limited", "200=ok");
    const EventFacts facts = {.type = EVENT_BACKUP_FAILED, .summary = "x"};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    cr_expect_eq(count_received(&receiver, ".body"), 2);
}

Test(slack, leaves_a_webhook_alone_that_a_person_must_mend_but_not_after_one_bad_message)
{
    static const struct {
        const char *answer;
        unsigned tries;
    } cases[] = {{"403=action_prohibited", 1},
                 {"404=no_service", 1},
                 {"410=channel_is_archived", 1},
                 {"202", 1},
                 {"400=invalid_payload", 2}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", cases[i].answer);
        g_auto(Desk) desk = open_desk();
        g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/x", receiver.port);
        const AlertChannel channel = {.name = "chat", .type = "slack", .url = url};
        spool_one(&desk, EVENT_BACKUP_FAILED, "first");
        spool_one(&desk, EVENT_BACKUP_FAILED, "second");
        cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 2, "%s", cases[i].answer);
        cr_expect_eq(count_received(&receiver, ".body"), cases[i].tries, "%s", cases[i].answer);
    }
}
