/* SPDX-License-Identifier: MIT */
/* What Alertmanager is sent; what the real one makes of it shows test_local_channels.py. */
#include "../fakes/receivers/receiver.h"

#include "base/clock.h"
#include "base/error.h"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(alertmanager, .init = init, .timeout = 60);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static AlertChannel channel_to(const char *url)
{
    return (AlertChannel){.name = "prometheus", .type = "alertmanager", .url = url, .timeout_s = 5};
}

/* One try to the receiver.  outcome_clear() it. */
static Outcome send_to(const Receiver *receiver, const char *path, const Event *event)
{
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u%s", receiver->port, path);
    const AlertChannel channel = channel_to(url);
    const Attempt attempt = {.limit_ms = 5000, .heed_signal = TRUE};
    Outcome outcome = {0};
    cr_assert(alert_check_channel(&channel, NULL));
    channel_type("alertmanager")->send(&channel, event, &attempt, &outcome);
    return outcome;
}

/* The one alert that arrives when this is sent.  json_decref() it. */
static json_t *alert_of(const EventFacts *facts)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200");
    g_autoptr(Event) event = event_new(facts);
    g_auto(Outcome) outcome = send_to(&receiver, "", event);
    cr_assert_eq(outcome.verdict, DELIVERY_DELIVERED, "%s", outcome.text);
    g_autofree char *text = received(&receiver, "1.body");
    json_auto_t *alerts = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_eq(json_array_size(alerts), 1, "%s", text);
    return json_incref(json_array_get(alerts, 0));
}

static int64_t time_in(const json_t *alert, const char *key)
{
    int64_t seconds = 0;
    const json_t *text = json_object_get(alert, key);
    cr_assert(text == NULL || clock_parse(json_string_value(text), &seconds));
    return seconds;
}

static void expect_json(const json_t *value, const char *wanted)
{
    g_autofree char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    cr_expect_str_eq(text, wanted);
}

Test(alertmanager, labels_are_the_same_for_the_alarm_its_repeat_and_its_end)
{
    static const struct {
        EventType alarm, end;
        const char *part, *labels;
    } cases[] = {
        {EVENT_CHAIN_BROKEN, EVENT_CHAIN_RECOVERED, NULL,
         "{\"alertname\":\"lsnchain_chain_broken\",\"incident\":\"lsnchain/shop/chain_broken\","
         "\"instance\":\"shop\",\"service\":\"lsnchain\",\"severity\":\"critical\"}"},
        {EVENT_PROOF_OVERDUE, EVENT_PROOF_RECOVERED, NULL,
         "{\"alertname\":\"lsnchain_proof_overdue\",\"incident\":\"lsnchain/shop/proof_overdue\","
         "\"instance\":\"shop\",\"service\":\"lsnchain\",\"severity\":\"warning\"}"},
        {EVENT_ALERT_UNDELIVERABLE, EVENT_ALERT_RECOVERED, "chain_broken",
         "{\"alertname\":\"lsnchain_alert_undeliverable\","
         "\"incident\":\"lsnchain/shop/alert_undeliverable/chain_broken\","
         "\"instance\":\"shop\",\"service\":\"lsnchain\",\"severity\":\"warning\"}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *incident = event_incident(cases[i].alarm, "shop", cases[i].part);
        EventFacts facts = {.type = cases[i].alarm,
                            .instance = "shop",
                            .backup = "20261122T020000Z-incr",
                            .rule = "lsn-continuity",
                            .summary = "one",
                            .incident = incident};
        json_auto_t *alarm = alert_of(&facts);
        expect_json(json_object_get(alarm, "labels"), cases[i].labels);

        facts.backup = "20261123T020000Z-incr";
        facts.rule = NULL;
        facts.summary = "two";
        json_auto_t *repeat = alert_of(&facts);
        cr_expect(json_equal(json_object_get(repeat, "labels"), json_object_get(alarm, "labels")));

        facts.type = cases[i].end;
        json_auto_t *end = alert_of(&facts);
        expect_json(json_object_get(end, "labels"), cases[i].labels);
    }
}

Test(alertmanager, an_instance_named_as_an_event_confuses_nobody)
{
    const EventFacts facts = {
        .type = EVENT_SPACE_RECOVERED, .instance = "chain_broken", .summary = "x"};
    json_auto_t *end = alert_of(&facts);
    const json_t *labels = json_object_get(end, "labels");
    cr_expect_str_eq(json_string_value(json_object_get(labels, "alertname")), "lsnchain_space_low");
    cr_expect_str_eq(json_string_value(json_object_get(labels, "severity")), "warning");
}

Test(alertmanager, what_belongs_to_no_instance_has_no_such_label)
{
    const EventFacts facts = {.type = EVENT_CATALOG_DAMAGED, .summary = "x"};
    json_auto_t *alarm = alert_of(&facts);
    const json_t *labels = json_object_get(alarm, "labels");
    cr_expect_null(json_object_get(labels, "instance"));
    cr_expect_str_eq(json_string_value(json_object_get(labels, "incident")),
                     "lsnchain/catalog_damaged");
}

Test(alertmanager, an_alarm_fires_until_its_next_repeat_and_an_end_ends_whatever_its_clock_says)
{
    int64_t now = clock_now();
    EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .instance = "shop", .summary = "x"};
    facts.fires_until = now + 7200;
    json_auto_t *alarm = alert_of(&facts);
    cr_expect_eq(time_in(alarm, "endsAt"), now + 7200);
    cr_expect(time_in(alarm, "startsAt") >= now && time_in(alarm, "startsAt") <= now + 30);

    facts.type = EVENT_CHAIN_RECOVERED;
    facts.fires_until = 0;
    json_auto_t *end = alert_of(&facts);
    cr_expect(time_in(end, "endsAt") >= now - 600 && time_in(end, "endsAt") <= now - 570);
    cr_expect_null(json_object_get(end, "startsAt"));
}

Test(alertmanager, an_alarm_that_comes_late_is_still_seen)
{
    int64_t now = clock_now();
    const EventFacts facts = {
        .type = EVENT_CHAIN_BROKEN, .instance = "shop", .summary = "x", .fires_until = now - 60};
    json_auto_t *alarm = alert_of(&facts);
    cr_expect_geq(time_in(alarm, "endsAt"), now + 3600);
}

Test(alertmanager, a_test_ends_by_itself)
{
    int64_t now = clock_now();
    const EventFacts facts = {.type = EVENT_ALERT_TEST, .summary = "x"};
    json_auto_t *test = alert_of(&facts);
    cr_expect(time_in(test, "endsAt") >= now + 300 && time_in(test, "endsAt") <= now + 330);
}

Test(alertmanager, annotations_say_what_happened_and_what_to_do)
{
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .backup = "20261122T020000Z-incr",
                              .rule = "lsn-continuity",
                              .summary = "the chain of shop is broken",
                              .cause = "one\ntwo",
                              .remedy = "look"};
    json_auto_t *alarm = alert_of(&facts);
    const json_t *said = json_object_get(alarm, "annotations");
    cr_expect_str_eq(json_string_value(json_object_get(said, "host")), g_get_host_name());
    json_object_del((json_t *)said, "host");
    expect_json(said, "{\"backup\":\"20261122T020000Z-incr\",\"description\":\"one\\ntwo\","
                      "\"remedy\":\"look\",\"rule\":\"lsn-continuity\","
                      "\"summary\":\"the chain of shop is broken\","
                      "\"version\":\"" LSNCHAIN_VERSION "\"}");
}

Test(alertmanager, takes_the_address_of_alertmanager_or_the_whole_path)
{
    static const char *const cases[][2] = {
        {"", "/api/v2/alerts"},
        {"/", "/api/v2/alerts"},
        {"/prefix/", "/prefix/api/v2/alerts"},
        {"/api/v2/alerts", "/api/v2/alerts"},
        {"/prefix/api/v2/alerts/", "/prefix/api/v2/alerts"},
    };
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .summary = "x"};
    g_autoptr(Event) event = event_new(&facts);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", "200");
        g_auto(Outcome) outcome = send_to(&receiver, cases[i][0], event);
        g_autofree char *headers = received(&receiver, "1.headers");
        g_autofree char *first = g_strconcat(cases[i][1], "\n", NULL);
        cr_expect(g_str_has_prefix(headers, first), "%s: %s", cases[i][0], headers);
        expect_holds(headers, "content-type: application/json\n");
    }
}

Test(alertmanager, what_an_answer_means)
{
    static const struct {
        const char *answer;
        Delivery verdict;
        const char *said;
    } cases[] = {
        {"200", DELIVERY_DELIVERED, "HTTP status 200"},
        {"200= <!DOCTYPE html><p>please log in", DELIVERY_DOWN, "no Alertmanager"},
        {"500", DELIVERY_AGAIN, "HTTP status 500"},
        {"429/7", DELIVERY_AGAIN, "HTTP status 429"},
        {"close", DELIVERY_AGAIN, ""},
        {"400", DELIVERY_REFUSED, "HTTP status 400"},
        {"404", DELIVERY_DOWN, "HTTP status 404"},
        {"302/http://127.0.0.1:9/", DELIVERY_DOWN, "redirect"},
    };
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .summary = "x"};
    g_autoptr(Event) event = event_new(&facts);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", cases[i].answer);
        g_auto(Outcome) outcome = send_to(&receiver, "", event);
        cr_expect_eq(outcome.verdict, cases[i].verdict, "%s: %s", cases[i].answer, outcome.text);
        expect_holds(outcome.text, cases[i].said);
        cr_expect_eq(outcome.retry_after_s, g_str_has_prefix(cases[i].answer, "429") ? 7 : 0);
    }
}

Test(alertmanager, a_long_cause_is_cut_and_says_so)
{
    g_autofree char *cause = g_strnfill(1024 * 1024, 'x');
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .summary = "x", .cause = cause};
    json_auto_t *alarm = alert_of(&facts);
    const json_t *said = json_object_get(alarm, "annotations");
    const char *text = json_string_value(json_object_get(said, "description"));
    cr_expect_leq(strlen(text), EVENT_CAUSE_BYTES);
    expect_holds(text, "1048576 bytes in all");
}

Test(alertmanager, hostile_text_stays_in_its_string)
{
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop\"},\r\n\"severity\":\"none",
                              .summary = "\xff {{ .Labels }} \"}]",
                              .cause = "\"\\\n\001<script>"};
    json_auto_t *alarm = alert_of(&facts);
    const json_t *labels = json_object_get(alarm, "labels");
    const json_t *said = json_object_get(alarm, "annotations");
    cr_expect_eq(json_object_size(labels), 5);
    cr_expect_str_eq(json_string_value(json_object_get(labels, "severity")), "critical");
    cr_expect_str_eq(json_string_value(json_object_get(labels, "instance")),
                     "shop\"}, \"severity\":\"none");
    cr_expect_str_eq(json_string_value(json_object_get(said, "summary")),
                     "\xef\xbf\xbd {{ .Labels }} \"}]");
    cr_expect_str_eq(json_string_value(json_object_get(said, "description")), "\"\\\n?<script>");
}

Test(alertmanager, a_url_that_cannot_work_is_a_configuration_error)
{
    static const char *const urls[] = {"", "smtp://am.example.org",
                                       "http://am.example.org/?token=hidden1",
                                       "http://am.example.org/#hidden1"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        const AlertChannel channel = channel_to(urls[i]);
        g_autoptr(GError) error = NULL;
        cr_expect_not(alert_check_channel(&channel, &error), "%s", urls[i]);
        cr_assert_not_null(error);
        cr_expect_eq(error_status(error), STATUS_CONFIG);
        expect_lacks(error->message, "hidden1");
    }
}
