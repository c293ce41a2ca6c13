/* SPDX-License-Identifier: MIT */
/* Incidents in a ServiceNow that is a fake: it behaves as the Table API is documented. */
#include "../fakes/receivers/receiver.h"

#include "base/error.h"

#define PASSWORD "Plant3d&Secret"

/* Of all tests of this process. */
static char *certificates;

static void init(void)
{
    cr_assert(alert_init(NULL));
    certificates = make_certificates();
}

static void end(void)
{
    (void)files_remove_tree(AT_FDCWD, certificates, NULL);
    g_free(certificates);
}

TestSuite(servicenow, .init = init, .fini = end, .timeout = 60);

static char *certificate(const char *name)
{
    return g_build_filename(certificates, name, NULL);
}

/* `behaviours` as the script has them, separated by spaces. */
static Receiver start_servicenow(const char *behaviours)
{
    g_autofree char *pem = certificate("good.pem");
    g_autofree char *key = certificate("good.key");
    g_autofree char *login = certificate("login");
    cr_assert(g_file_set_contents(login, "lsnchain:" PASSWORD, -1, NULL));
    g_auto(GStrv) words = g_strsplit(behaviours, " ", -1);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    const char *const options[] = {"--certificate", pem, "--key", key, "--login", login, "DIR"};
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
        g_ptr_array_add(all, (char *)options[i]);
    for (char **word = words; *word != NULL; word++)
        g_ptr_array_add(all, *word);
    g_ptr_array_add(all, NULL);
    return start_receiver("servicenow.py", (const char *const *)all->pdata);
}

static EventFacts facts_of(EventType type, const char *summary)
{
    return (EventFacts){.type = type,
                        .instance = "shop",
                        .backup = "20261122T020000Z-incr",
                        .rule = "lsn-continuity",
                        .summary = summary,
                        .cause = "one\ntwo",
                        .remedy = "look"};
}

/* One try.  outcome_clear() it. */
static Outcome send_with(const Receiver *receiver, const EventFacts *facts, const char *fields,
                         const char *password)
{
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u/", receiver->port);
    g_autofree char *ca = certificate("ca.pem");
    const AlertChannel channel = {.name = "desk",
                                  .type = "servicenow",
                                  .url = url,
                                  .user = "lsnchain",
                                  .password = password,
                                  .ca_file = ca,
                                  .fields = fields};
    const Attempt attempt = {.limit_ms = 3000, .heed_signal = TRUE};
    g_autoptr(Event) event = event_new(facts);
    g_autoptr(GError) error = NULL;
    Outcome outcome = {0};
    cr_assert(alert_check_channel(&channel, &error), "%s", error != NULL ? error->message : "");
    channel_type("servicenow")->send(&channel, event, &attempt, &outcome);
    cr_expect_null(strstr(outcome.text, PASSWORD));
    return outcome;
}

static Outcome send_facts(const Receiver *receiver, const EventFacts *facts)
{
    return send_with(receiver, facts, NULL, PASSWORD);
}

static void expect_verdict(const Receiver *receiver, EventType type, const char *summary,
                           Delivery verdict, const char *said)
{
    const EventFacts facts = facts_of(type, summary);
    g_auto(Outcome) outcome = send_facts(receiver, &facts);
    cr_expect_eq(outcome.verdict, verdict, "%s", outcome.text);
    expect_holds(outcome.text, said);
}

/* All that the table holds.  json_decref() it. */
static json_t *records(const Receiver *receiver)
{
    g_autofree char *text = received(receiver, "records.json");
    return text != NULL ? json_loads(text, 0, NULL) : json_array();
}

static const char *text_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));
    return text != NULL ? text : "(nothing)";
}

static size_t notes_of(const json_t *record)
{
    return json_array_size(json_object_get(record, "notes"));
}

Test(servicenow, a_trouble_is_one_incident_from_its_alarm_to_its_end)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "the chain is broken", DELIVERY_DELIVERED,
                   "INC0000001 created");
    json_auto_t *first = records(&receiver);
    cr_assert_eq(json_array_size(first), 1);
    const json_t *record = json_array_get(first, 0);
    cr_expect_str_eq(text_of(record, "short_description"),
                     "lsnchain critical shop: the chain is broken");
    cr_expect_str_eq(text_of(record, "urgency"), "1");
    cr_expect_str_eq(text_of(record, "impact"), "2");
    cr_expect_str_eq(text_of(record, "correlation_id"), "lsnchain/shop/chain_broken");
    cr_expect_str_eq(text_of(record, "correlation_display"), "lsnchain");
    expect_holds(text_of(record, "description"), "the chain is broken\n\nEvent: chain_broken\n");
    expect_holds(text_of(record, "description"),
                 "Cause:\n    one\n    two\nWhat to do:\n    look\n");

    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "still broken", DELIVERY_DELIVERED,
                   "INC0000001 added to");
    expect_verdict(&receiver, EVENT_CHAIN_RECOVERED, "well again", DELIVERY_DELIVERED,
                   "INC0000001 resolved");
    json_auto_t *last = records(&receiver);
    cr_assert_eq(json_array_size(last), 1);
    record = json_array_get(last, 0);
    cr_expect_eq(notes_of(record), 1);
    expect_holds(json_string_value(json_array_get(json_object_get(record, "notes"), 0)),
                 "still broken");
    cr_expect_str_eq(text_of(record, "state"), "6");
    cr_expect_str_eq(text_of(record, "close_code"), "Solution provided");
    expect_holds(text_of(record, "close_notes"), "well again");
    cr_expect_str_eq(text_of(record, "short_description"),
                     "lsnchain critical shop: the chain is broken");
}

Test(servicenow, a_resolved_incident_is_not_taken_up_again)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_DELIVERED, "created");
    expect_verdict(&receiver, EVENT_CHAIN_RECOVERED, "b", DELIVERY_DELIVERED, "resolved");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "c", DELIVERY_DELIVERED, "INC0000002 created");
    json_auto_t *all = records(&receiver);
    cr_expect_eq(json_array_size(all), 2);
    cr_expect_eq(notes_of(json_array_get(all, 0)), 0);
}

Test(servicenow, other_troubles_and_other_instances_have_incidents_of_their_own)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_DELIVERED, "created");
    expect_verdict(&receiver, EVENT_SPACE_LOW, "b", DELIVERY_DELIVERED, "created");
    EventFacts facts = facts_of(EVENT_CHAIN_BROKEN, "c");
    facts.instance = "shop2";
    g_auto(Outcome) outcome = send_facts(&receiver, &facts);
    json_auto_t *all = records(&receiver);
    cr_expect_eq(json_array_size(all), 3);
    cr_expect_str_eq(text_of(json_array_get(all, 1), "urgency"), "3");
}

Test(servicenow, an_end_without_an_incident_creates_none)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    expect_verdict(&receiver, EVENT_CHAIN_RECOVERED, "well again", DELIVERY_DELIVERED,
                   "nothing to resolve");
    cr_expect_eq(count_received(&receiver, ".request"), 1);
    cr_expect_null(received(&receiver, "records.json"));
}

Test(servicenow, asks_only_for_its_own_open_incident_with_every_sign_encoded)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_DELIVERED, "created");
    g_autofree char *request = received(&receiver, "1.request");
    expect_holds(request, "GET /api/now/table/incident?sysparm_query="
                          "correlation_id%3Dlsnchain%2Fshop%2Fchain_broken%5Eactive%3Dtrue%5E"
                          "state%21%3D6%5EORDERBYDESCsys_created_on&sysparm_fields=");
    expect_holds(request, "&sysparm_limit=1\n");
}

Test(servicenow, an_answer_that_was_lost_makes_no_second_incident)
{
    g_auto(Receiver) receiver = start_servicenow("ok lost ok");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_AGAIN, "");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_DELIVERED, "added to");
    json_auto_t *all = records(&receiver);
    cr_expect_eq(json_array_size(all), 1);
}

Test(servicenow, an_end_whose_answer_was_lost_is_told_once)
{
    g_auto(Receiver) receiver = start_servicenow("ok ok ok lost ok");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_DELIVERED, "created");
    expect_verdict(&receiver, EVENT_CHAIN_RECOVERED, "b", DELIVERY_AGAIN, "");
    expect_verdict(&receiver, EVENT_CHAIN_RECOVERED, "b", DELIVERY_DELIVERED, "nothing to resolve");
    json_auto_t *all = records(&receiver);
    cr_expect_str_eq(text_of(json_array_get(all, 0), "state"), "6");
}

Test(servicenow, what_an_answer_means)
{
    static const struct {
        const char *behaviours;
        Delivery verdict;
        const char *said;
        size_t incidents;
    } cases[] = {
        {"500", DELIVERY_AGAIN, "HTTP status 500", 0},
        {"429/7", DELIVERY_AGAIN, "HTTP status 429", 0},
        {"403", DELIVERY_DOWN, "HTTP status 403", 0},
        {"html", DELIVERY_DOWN, "no answer of ServiceNow's Table API", 0},
        {"201", DELIVERY_DOWN, "no answer of ServiceNow's Table API", 0},
        {"ok 503", DELIVERY_AGAIN, "HTTP status 503", 0},
        {"ok 400", DELIVERY_REFUSED, "HTTP status 400", 0},
        {"ok html", DELIVERY_AGAIN, "no answer of ServiceNow's Table API", 0},
        {"ok 201", DELIVERY_AGAIN, "no answer of ServiceNow's Table API", 0},
        {"accepted", DELIVERY_DOWN, "HTTP status 202, but", 0},
        {"ok accepted", DELIVERY_AGAIN, "HTTP status 202, but", 1},
        {"ok longid", DELIVERY_DOWN, "correlation_id", 1},
        {"ok oddid", DELIVERY_DOWN, "correlation_id", 1},
        {"ok blind", DELIVERY_DOWN, "correlation_id", 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = start_servicenow(cases[i].behaviours);
        const EventFacts facts = facts_of(EVENT_CHAIN_BROKEN, "x");
        g_auto(Outcome) outcome = send_facts(&receiver, &facts);
        cr_expect_eq(outcome.verdict, cases[i].verdict, "%s: %s", cases[i].behaviours,
                     outcome.text);
        expect_holds(outcome.text, cases[i].said);
        cr_expect_eq(outcome.retry_after_s, g_str_has_prefix(cases[i].behaviours, "429") ? 7 : 0);
        json_auto_t *all = records(&receiver);
        cr_expect_eq(json_array_size(all), cases[i].incidents, "%s", cases[i].behaviours);
    }
}

Test(servicenow, an_incident_that_was_not_asked_for_is_left_alone)
{
    static const char *const cases[] = {"ok ok blind", "ok ok longid", "ok ok oddid"};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = start_servicenow(cases[i]);
        expect_verdict(&receiver, EVENT_SPACE_LOW, "of others", DELIVERY_DELIVERED, "created");
        const EventType type = i == 0 ? EVENT_CHAIN_RECOVERED : EVENT_SPACE_RECOVERED;
        expect_verdict(&receiver, type, "x", DELIVERY_DOWN, "not asked for");
        cr_expect_eq(count_received(&receiver, ".request"), 3, "%s", cases[i]);
        json_auto_t *all = records(&receiver);
        cr_expect_str_eq(text_of(json_array_get(all, 0), "state"), "1");
    }
}

Test(servicenow, an_end_that_did_not_resolve_is_no_delivery)
{
    g_auto(Receiver) receiver = start_servicenow("ok ok ok stubborn");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "a", DELIVERY_DELIVERED, "created");
    expect_verdict(&receiver, EVENT_CHAIN_RECOVERED, "b", DELIVERY_REFUSED,
                   "INC0000001 was not resolved");
}

Test(servicenow, leaves_one_that_hangs_within_the_time_of_the_whole_try)
{
    g_auto(Receiver) receiver = start_servicenow("ok hang");
    expect_verdict(&receiver, EVENT_CHAIN_BROKEN, "x", DELIVERY_AGAIN, "Timeout");
}

Test(servicenow, a_wrong_password_needs_a_person)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    const EventFacts facts = facts_of(EVENT_CHAIN_BROKEN, "x");
    g_auto(Outcome) outcome = send_with(&receiver, &facts, NULL, "wrong");
    cr_expect_eq(outcome.verdict, DELIVERY_DOWN);
    expect_holds(outcome.text, "HTTP status 401");
}

Test(servicenow, sends_no_password_to_a_stranger)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u", receiver.port);
    const AlertChannel channel = {.name = "desk", /* the system's certificates do not know it */
                                  .type = "servicenow",
                                  .url = url,
                                  .user = "lsnchain",
                                  .password = PASSWORD};
    const Attempt attempt = {.limit_ms = 3000};
    const EventFacts facts = facts_of(EVENT_CHAIN_BROKEN, "x");
    g_autoptr(Event) event = event_new(&facts);
    g_auto(Outcome) outcome = {0};
    channel_type("servicenow")->send(&channel, event, &attempt, &outcome);
    cr_expect_eq(outcome.verdict, DELIVERY_DOWN, "%s", outcome.text);
    cr_expect_eq(count_received(&receiver, ".request"), 0);
}

Test(servicenow, fields_of_the_site_go_into_a_new_incident_and_those_of_an_end_into_its_end)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    static const char fields[] =
        "assignment_group = d625dccec0a8016700a222a0f7900d06,"
        "u_source=lsnchain = 1, urgency=2, close_code=Solved (Permanently)";
    const EventFacts alarm = facts_of(EVENT_CHAIN_BROKEN, "a");
    const EventFacts ended = facts_of(EVENT_CHAIN_RECOVERED, "b");
    g_auto(Outcome) outcome = send_with(&receiver, &alarm, fields, PASSWORD);
    json_auto_t *first = records(&receiver);
    const json_t *record = json_array_get(first, 0);
    cr_expect_str_eq(text_of(record, "assignment_group"), "d625dccec0a8016700a222a0f7900d06");
    cr_expect_str_eq(text_of(record, "u_source"), "lsnchain = 1");
    cr_expect_str_eq(text_of(record, "urgency"), "2");
    cr_expect_str_eq(text_of(record, "close_code"), "(nothing)");

    g_auto(Outcome) last = send_with(&receiver, &ended, fields, PASSWORD);
    cr_expect_eq(last.verdict, DELIVERY_DELIVERED, "%s", last.text);
    json_auto_t *all = records(&receiver);
    record = json_array_get(all, 0);
    cr_expect_str_eq(text_of(record, "close_code"), "Solved (Permanently)");
    g_autofree char *body = received(&receiver, "4.body");
    expect_lacks(body, "assignment_group");
}

Test(servicenow, hostile_text_is_neither_query_nor_html_and_is_cut)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    expect_verdict(&receiver, EVENT_SPACE_LOW, "of others", DELIVERY_DELIVERED, "created");

    g_autoptr(GString) cause = g_string_new("[CODE]<script>alert(1)</script>[/code]\xff\001");
    while (cause->len < 1024 * 1024)
        g_string_append(cause, "<!channel> & ^ % \r\n");
    g_autofree char *summary = g_strnfill(120, 'W');
    EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                        .instance = "x^ORactive=true^NQsys_idISNOTEMPTY&sysparm_limit=9#",
                        .summary = summary,
                        .cause = cause->str};
    for (int i = 0; i < 2; i++) {
        g_auto(Outcome) outcome = send_facts(&receiver, &facts);
        cr_expect_eq(outcome.verdict, DELIVERY_DELIVERED, "%s", outcome.text);
    }
    json_auto_t *all = records(&receiver);
    cr_assert_eq(json_array_size(all), 2, "the second of both alarms found the first");
    cr_expect_eq(notes_of(json_array_get(all, 0)), 0);
    const json_t *record = json_array_get(all, 1);
    cr_expect_eq(notes_of(record), 1);
    const char *key = text_of(record, "correlation_id");
    cr_expect(g_str_has_prefix(key, "lsnchain/") && strlen(key) <= 100, "%s", key);
    cr_expect_null(strpbrk(key, "^&=#"), "%s", key);
    const char *description = text_of(record, "description");
    cr_expect_leq(g_utf8_strlen(description, -1), 4000);
    cr_expect(g_str_has_suffix(description, "…"));
    expect_holds(description, "(CODE]<script>alert(1)</script>(/code]\xef\xbf\xbd?");
    cr_expect_leq(g_utf8_strlen(text_of(record, "short_description"), -1), 160);
    g_autofree char *request = received(&receiver, "3.request");
    expect_lacks(request, "NQsys");
}

Test(servicenow, keys_that_cannot_be_stored_as_they_are_stay_apart)
{
    g_auto(Receiver) receiver = start_servicenow("ok");
    static const char *const instances[] = {"a^b", "a_b", "a&b"};
    EventFacts facts = facts_of(EVENT_CHAIN_BROKEN, "x");
    for (size_t i = 0; i < G_N_ELEMENTS(instances); i++) {
        facts.instance = instances[i];
        g_auto(Outcome) outcome = send_facts(&receiver, &facts);
        expect_holds(outcome.text, "created");
    }
    g_autofree char *name = g_strnfill(80, 'n'); /* 102 bytes in all */
    facts.instance = name;
    g_auto(Outcome) longer = send_facts(&receiver, &facts);
    expect_holds(longer.text, "created");
    json_auto_t *all = records(&receiver);
    for (size_t i = 0; i < json_array_size(all); i++)
        cr_expect_leq(strlen(text_of(json_array_get(all, i), "correlation_id")), 100);
}

Test(servicenow, what_cannot_work_is_a_configuration_error)
{
    static const char good[] = "https://example.service-now.com";
    static const struct {
        const char *url, *user, *password, *fields, *said;
    } cases[] = {
        {"", "u", "p", "", "no url"},
        {"http://example.service-now.com", "u", "p", "", "begin it with https://"},
        {"https://u:hidden1@example.service-now.com", "u", "p", "", "more than an address"},
        {"https://example.service-now.com/?x=hidden1", "u", "p", "", "more than an address"},
        {good, "", "hidden1", "", "needs user and password"},
        {good, NULL, "hidden1", NULL, "needs user and password"},
        {good, "u", "", "", "needs user and password"},
        {good, "u:v", "hidden1", "", "':'"},
        {good, "u", "hidden1", "category", "fields"},
        {good, "u", "hidden1", "category=", "fields"},
        {good, "u", "hidden1", "=database", "fields"},
        {good, "u", "hidden1", "category=database,,x=y", "fields"},
        {good, "u", "hidden1", "Category=database", "fields"},
        {good, "u", "hidden1", "1category=database", "fields"},
        {good, "u", "hidden1", "a.b=database", "fields"},
        {good, "u", "hidden1", "correlation_id=mine", "fields"},
        {good, "u", "hidden1", "state = 6", "fields"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const AlertChannel channel = {.name = "desk",
                                      .type = "servicenow",
                                      .url = cases[i].url,
                                      .user = cases[i].user,
                                      .password = cases[i].password,
                                      .fields = cases[i].fields};
        g_autoptr(GError) error = NULL;
        cr_expect_not(alert_check_channel(&channel, &error), "case %zu", i);
        cr_assert_not_null(error);
        cr_expect_eq(error_status(error), STATUS_CONFIG);
        expect_holds(error->message, cases[i].said);
        expect_lacks(error->message, "hidden1");
    }
    const AlertChannel sound = {.name = "desk",
                                .type = "servicenow",
                                .url = good,
                                .user = "u",
                                .password = "p",
                                .fields = "category=database, u_x2 = a=b"};
    cr_expect(alert_check_channel(&sound, NULL));
}
