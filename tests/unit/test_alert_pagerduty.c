/* SPDX-License-Identifier: MIT */
/* What a receiver gets of the type pagerduty; the service itself is not asked. */
#include "../fakes/receivers/receiver.h"

#include "base/error.h"

#define KEY "PLANTED0123456789abcdefABCDEF012"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(pagerduty, .init = init, .timeout = 60);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static AlertReport send_to(const Receiver *receiver, const EventFacts *facts)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/v2/enqueue", receiver->port);
    const AlertChannel channel = {
        .name = "pager", .type = "pagerduty", .url = url, .routing_key = KEY, .timeout_s = 20};
    spool_facts(&desk, facts);
    return deliver_to_all(&desk, &channel, 1);
}

static void expect_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    cr_expect_str_eq(text != NULL ? text : "(none)", expected, "%s", key);
}

Test(pagerduty, triggers_with_the_key_of_the_incident_and_all_details)
{
    g_auto(Receiver) receiver = HTTP("DIR", "202");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .rule = "lsn-continuity",
                              .summary = "the chain of shop is broken",
                              .cause = "one\ntwo",
                              .remedy = "nothing"};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    const json_t *payload = json_object_get(body, "payload");
    const json_t *details = json_object_get(payload, "custom_details");
    expect_text(body, "routing_key", KEY);
    expect_text(body, "event_action", "trigger");
    expect_text(body, "dedup_key", "lsnchain/shop/chain_broken");
    expect_text(payload, "summary", "the chain of shop is broken");
    expect_text(payload, "source", g_get_host_name());
    expect_text(payload, "severity", "critical");
    expect_text(payload, "component", "shop");
    expect_text(payload, "class", "chain_broken");
    expect_text(details, "rule", "lsn-continuity");
    expect_text(details, "cause", "one\ntwo");
    expect_text(details, "remedy", "nothing");
}

Test(pagerduty, keeps_a_warning_a_warning)
{
    g_auto(Receiver) receiver = HTTP("DIR", "202");
    const EventFacts facts = {.type = EVENT_SPACE_LOW, .instance = "shop", .summary = "x"};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    expect_text(json_object_get(body, "payload"), "severity", "warning");
}

Test(pagerduty, resolves_with_the_same_key_and_nothing_more)
{
    static const struct {
        EventType opens, ends;
    } cases[] = {{EVENT_CHAIN_BROKEN, EVENT_CHAIN_RECOVERED}, {EVENT_ALERT_TEST, EVENT_ALERT_TEST}};
    static const Severity recovery = SEVERITY_RECOVERY;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", "202");
        const EventFacts start = {.type = cases[i].opens, .instance = "shop", .summary = "x"};
        const EventFacts end = {
            .type = cases[i].ends, .instance = "shop", .summary = "over", .severity = &recovery};
        cr_expect_eq(send_to(&receiver, &start).done, 1);
        cr_expect_eq(send_to(&receiver, &end).done, 1);
        json_auto_t *trigger = received_json(&receiver, "1.body");
        json_auto_t *resolve = received_json(&receiver, "2.body");
        expect_text(trigger, "event_action", "trigger");
        expect_text(resolve, "event_action", "resolve");
        expect_text(resolve, "routing_key", KEY);
        expect_text(resolve, "dedup_key", json_string_value(json_object_get(trigger, "dedup_key")));
        cr_expect_eq(json_object_size(resolve), 3);
    }
}

Test(pagerduty, never_sends_the_empty_texts_that_are_refused)
{
    g_auto(Receiver) receiver = HTTP("DIR", "202");
    const EventFacts facts = {.type = EVENT_BACKUP_FAILED};
    cr_expect_eq(send_to(&receiver, &facts).done, 1);
    json_auto_t *body = received_json(&receiver, "1.body");
    expect_text(json_object_get(body, "payload"), "summary", "backup_failed");
    expect_text(json_object_get(body, "payload"), "component", "lsnchain");
}

Test(pagerduty, repeats_what_may_pass_and_tells_what_must_be_mended)
{
    static const AnswerCase cases[] = {
        {"202={\"status\":\"success\"}", "", 1, 1},
        {"400={\"errors\":[\"" KEY "\"]}", "is its routing_key right?", 0, 1},
        {"429/3600", "HTTP status 429", 0, 1},
        {"503", "HTTP status 503", 0, 3},
        {"404", "there is nothing at this url", 0, 1},
    };
    expect_answers(cases, G_N_ELEMENTS(cases), send_to);
}

Test(pagerduty, wants_a_key_of_32_letters_and_digits)
{
    static const struct {
        const char *url, *key;
        gboolean sound;
    } cases[] = {
        {NULL, KEY, TRUE},
        {"", KEY, TRUE},
        {"https://events.eu.pagerduty.com/v2/enqueue", KEY, TRUE},
        {"", "", FALSE},
        {"", NULL, FALSE},
        {"", KEY "0", FALSE},
        {"", KEY "!", FALSE},
        {"", "PLANTED0123456789abcdefABCDEF01", FALSE},
        {"", "PLANTED0123456789abcdefABCDEF 12", FALSE},
        {"", "PLANTED0123456789abcdefABCDEF\"12", FALSE},
        {"ftp://x/", KEY, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const AlertChannel channel = {
            .name = "pager", .type = "pagerduty", .url = cases[i].url, .routing_key = cases[i].key};
        g_autoptr(GError) error = NULL;
        cr_expect_eq(alert_check_channel(&channel, &error), cases[i].sound, "case %zu", i);
        if (error != NULL) {
            cr_expect_eq(error_status(error), STATUS_CONFIG);
            expect_holds(error->message, "pager");
            expect_lacks(error->message, "PLANTED");
        }
    }
}
