/* SPDX-License-Identifier: MIT */
/* Deliveries to a real HTTP receiver, which answers as it is told. */
#include "../fakes/receivers/receiver.h"

#include "base/cancel.h"
#include "base/error.h"

#define SECRET_OLD "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_NEW "whsec_UExBTlRFREtFWVBMQU5URURLRVlQTEFOVEVE"

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(webhook, .init = init, .timeout = 120);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static AlertChannel channel_to(const Receiver *receiver, const char *scheme, char **url)
{
    *url = g_strdup_printf("%s://127.0.0.1:%u/hook", scheme, receiver->port);
    return (AlertChannel){.name = "oncall", .type = "webhook", .url = *url, .timeout_s = 5};
}

static double seconds_since(int64_t start)
{
    return (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
}

/* The value of a header in N.headers.  Free it. */
static char *header(const Receiver *receiver, const char *request, const char *name)
{
    g_autofree char *file = g_strconcat(request, ".headers", NULL);
    g_autofree char *text = received(receiver, file);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    g_autofree char *prefix = g_strconcat(name, ": ", NULL);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, prefix))
            return g_strdup(*line + strlen(prefix));
    }
    return g_strdup("(none)");
}

Test(webhook, sends_the_body_of_the_contract_signed_with_both_secrets)
{
    g_auto(Receiver) receiver = HTTP("--secret", SECRET_OLD, "--secret", SECRET_NEW, "DIR", "204");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    channel.secret = SECRET_OLD " " SECRET_NEW;
    spool_one(&desk, EVENT_CHAIN_BROKEN, "the chain is broken");

    AlertReport report = deliver_to_all(&desk, &channel, 1);
    cr_expect_eq(report.sent, 1);
    cr_expect_eq(report.done, 1);
    cr_expect_eq(still_spooled(&desk), 0);
    cr_expect_eq(log_warnings()->len, 0);

    g_autofree char *text = received(&receiver, "1.body");
    json_auto_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(body, "%s", text);
    const char *summary = NULL;
    const char *type = NULL;
    cr_expect_eq(json_unpack(body, "{s:s,s:{s:s}}", "type", &type, "data", "summary", &summary), 0);
    cr_expect_str_eq(type, "chain_broken");
    cr_expect_str_eq(summary, "the chain is broken");

    g_autofree char *signature = header(&receiver, "1", "webhook-signature");
    g_autofree char *expected = received(&receiver, "1.signature");
    cr_expect_str_eq(signature, expected);
    expect_holds(signature, " v1,");
    g_autofree char *kind = header(&receiver, "1", "content-type");
    cr_expect_str_eq(kind, "application/json");
    g_autofree char *agent = header(&receiver, "1", "user-agent");
    cr_expect_str_eq(agent, "lsnchain/" LSNCHAIN_VERSION);
    g_autofree char *timestamp = header(&receiver, "1", "webhook-timestamp");
    int64_t age = g_get_real_time() / G_USEC_PER_SEC - g_ascii_strtoll(timestamp, NULL, 10);
    cr_expect(age >= 0 && age < 30, "webhook-timestamp: %s", timestamp);
}

Test(webhook, signs_nothing_without_a_secret)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    (void)deliver_to_all(&desk, &channel, 1);
    g_autofree char *signature = header(&receiver, "1", "webhook-signature");
    cr_expect_str_eq(signature, "(none)");
    g_autofree char *id = header(&receiver, "1", "webhook-id");
    cr_expect(event_id_is_sound(id), "%s", id);
}

Test(webhook, tries_again_with_the_same_id_what_may_pass)
{
    static const char *const passing[] = {"500", "503", "408", "429", "close"};
    for (size_t i = 0; i < G_N_ELEMENTS(passing); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", passing[i], "200");
        g_auto(Desk) desk = open_desk();
        g_autofree char *url = NULL;
        AlertChannel channel = channel_to(&receiver, "http", &url);
        spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
        AlertReport report = deliver_to_all(&desk, &channel, 1);
        cr_expect_eq(report.done, 1, "%s", passing[i]);
        cr_expect_eq(count_received(&receiver, ".body"), 2, "%s", passing[i]);
        g_autofree char *first = header(&receiver, "1", "webhook-id");
        g_autofree char *second = header(&receiver, "2", "webhook-id");
        cr_expect_str_eq(first, second);
    }
}

Test(webhook, gives_up_after_three_tries_and_keeps_the_alert_with_a_warning)
{
    g_auto(Receiver) receiver = HTTP("DIR", "503", "503", "503", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    AlertReport report = deliver_to_all(&desk, &channel, 1);
    cr_expect_eq(report.waiting, 1);
    cr_expect_eq(report.done, 0);
    cr_expect_eq(count_received(&receiver, ".body"), 3);
    cr_expect_eq(still_spooled(&desk), 1);
    g_autofree char *said = warnings();
    expect_holds(said, "oncall");
    expect_holds(said, "HTTP status 503");

    report = deliver_to_all(&desk, &channel, 1); /* the next run */
    cr_expect_eq(report.done, 1);
    cr_expect_eq(still_spooled(&desk), 0);
}

Test(webhook, waits_as_long_as_it_is_told_to)
{
    g_auto(Receiver) receiver = HTTP("DIR", "429/3", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    int64_t start_us = g_get_monotonic_time();
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    cr_expect_geq(seconds_since(start_us), 3.0);
}

Test(webhook, does_not_wait_longer_than_its_time)
{
    g_auto(Receiver) receiver = HTTP("DIR", "429/3600", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    int64_t start_us = g_get_monotonic_time();
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_lt(seconds_since(start_us), 5.0);
    cr_expect_eq(count_received(&receiver, ".body"), 1);
}

Test(webhook, does_not_repeat_what_a_person_must_mend)
{
    static const struct {
        const char *answer, *said;
    } cases[] = {
        {"400", "HTTP status 400"}, {"401", "HTTP status 401"},
        {"404", "HTTP status 404"}, {"410", "HTTP status 410: gone for good"},
        {"413", "HTTP status 413"}, {"304", "HTTP status 304"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", cases[i].answer);
        g_auto(Desk) desk = open_desk();
        g_autofree char *url = NULL;
        AlertChannel channel = channel_to(&receiver, "http", &url);
        log_reset();
        spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
        cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1, "%s", cases[i].answer);
        cr_expect_eq(count_received(&receiver, ".body"), 1, "%s", cases[i].answer);
        g_autofree char *said = warnings();
        expect_holds(said, cases[i].said);
    }
}

Test(webhook, follows_no_redirect)
{
    g_auto(Receiver) other = HTTP("DIR", "200");
    g_autofree char *elsewhere = g_strdup_printf("302/http://127.0.0.1:%u/", other.port);
    g_auto(Receiver) receiver = HTTP("DIR", elsewhere);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_eq(count_received(&other, ".headers"), 0);
}

Test(webhook, leaves_a_receiver_that_hangs)
{
    g_auto(Receiver) receiver = HTTP("DIR", "hang");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    channel.timeout_s = 1;
    for (int i = 0; i < 5; i++)
        spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    int64_t start_us = g_get_monotonic_time();
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 5);
    cr_expect_lt(seconds_since(start_us), 15.0);
    cr_expect_eq(count_received(&receiver, ".body"), 3, "all tries are for the first alert");
    g_autofree char *said = warnings();
    expect_holds(said, "Timeout");
    expect_holds(said, "5 kept");
}

Test(webhook, takes_little_of_an_answer_without_end)
{
    g_auto(Receiver) receiver = HTTP("DIR", "flood");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *flooded = NULL;
    for (int i = 0; i < 100 && flooded == NULL; i++) {
        g_usleep(50000);
        flooded = received(&receiver, "flooded");
    }
    cr_assert_not_null(flooded);
    cr_expect_lt(g_ascii_strtoll(flooded, NULL, 10), 20000000, "%s bytes were sent", flooded);
}

Test(webhook, trusts_only_the_right_certificate)
{
    g_autofree char *certificates = make_certificates();
    g_autofree char *ca = g_build_filename(certificates, "ca.pem", NULL);
    g_autofree char *good = g_build_filename(certificates, "good.pem", NULL);
    g_autofree char *good_key = g_build_filename(certificates, "good.key", NULL);
    g_autofree char *other = g_build_filename(certificates, "other.pem", NULL);
    g_autofree char *other_key = g_build_filename(certificates, "other.key", NULL);
    const struct {
        const char *certificate, *key, *ca_file;
        unsigned done;
    } cases[] = {
        {good, good_key, ca, 1},
        {good, good_key, NULL, 0},
        {other, other_key, ca, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver =
            HTTP("--certificate", cases[i].certificate, "--key", cases[i].key, "DIR", "200");
        g_auto(Desk) desk = open_desk();
        g_autofree char *url = NULL;
        AlertChannel channel = channel_to(&receiver, "https", &url);
        channel.ca_file = cases[i].ca_file;
        spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
        cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, cases[i].done, "case %zu", i);
        cr_expect_eq(count_received(&receiver, ".body"), cases[i].done, "case %zu", i);
    }
    (void)files_remove_tree(AT_FDCWD, certificates, NULL);
}

Test(webhook, who_has_an_alert_does_not_get_it_again)
{
    g_auto(Receiver) sound = HTTP("DIR", "200");
    g_auto(Receiver) weak = HTTP("DIR", "404", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    g_autofree char *other = NULL;
    AlertChannel channels[] = {channel_to(&weak, "http", &url), channel_to(&sound, "http", &other)};
    channels[1].name = "chat";
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");

    AlertReport report = deliver_to_all(&desk, channels, 2);
    cr_expect_eq(report.sent, 2, "the alert, and that the other channel did not take it");
    cr_expect_eq(report.waiting, 1);
    report = deliver_to_all(&desk, channels, 2);
    cr_expect_eq(report.sent, 2, "the alert, and that the channel takes alerts again");
    cr_expect_eq(report.done, 2);
    g_autofree char *one = received(&sound, "1.body");
    g_autofree char *two = received(&sound, "2.body");
    g_autofree char *three = received(&sound, "3.body");
    g_autofree char *bodies = g_strconcat(one, two, three, NULL);
    const char *first = strstr(bodies, "\"chain_broken\"");
    cr_expect(first != NULL && strstr(first + 1, "\"chain_broken\"") == NULL, "%s", bodies);
    expect_holds(bodies, "\"alert_undeliverable\"");
    expect_holds(bodies, "\"alert_recovered\"");
    cr_expect_eq(count_received(&sound, ".body"), 3);
    cr_expect_eq(count_received(&weak, ".body"), 2);
    cr_expect_eq(still_spooled(&desk), 0);
}

Test(webhook, one_refused_alert_does_not_stop_the_others)
{
    g_auto(Receiver) receiver = HTTP("DIR", "400", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "first");
    spool_one(&desk, EVENT_CHAIN_BROKEN, "second");
    AlertReport report = deliver_to_all(&desk, &channel, 1);
    cr_expect_eq(report.done, 1);
    cr_expect_eq(report.waiting, 1);
    g_autofree char *first = received(&receiver, "1.body");
    g_autofree char *second = received(&receiver, "2.body");
    expect_holds(first, "first");
    expect_holds(second, "second");
}

Test(webhook, goes_where_the_route_of_its_severity_says)
{
    static const char *const only_oncall[] = {"oncall", NULL};
    static const char *const missing[] = {"nobody", NULL};
    AlertRoute route = {.critical = only_oncall, .recovery = missing};
    g_auto(Receiver) receiver = HTTP("DIR", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_SPACE_LOW, "a warning");
    spool_one(&desk, EVENT_CHAIN_BROKEN, "critical");
    spool_one(&desk, EVENT_CHAIN_RECOVERED, "recovery");

    const AlertSetup setup = {&channel, 1, same_route, &route};
    AlertReport report;
    cr_assert(alert_deliver(desk.spool, &setup, &report, NULL));
    cr_expect_eq(report.unrouted, 1);
    cr_expect_eq(report.done, 1);
    cr_expect_eq(report.waiting, 1, "a route to a channel that does not exist loses nothing");
    cr_expect_eq(count_received(&receiver, ".body"), 1);
    g_autofree char *body = received(&receiver, "1.body");
    expect_holds(body, "critical");

    const AlertSetup none = {&channel, 1, same_route, NULL};
    cr_assert(alert_deliver(desk.spool, &none, &report, NULL));
    cr_expect_eq(report.unrouted, 1);
    cr_expect_eq(still_spooled(&desk), 0);
}

Test(webhook, hostile_text_arrives_as_text)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    g_autoptr(GString) cause = g_string_new("\xff\"}, \"type\": \"forged\"\033[2J\n");
    while (cause->len < 1024 * 1024)
        g_string_append(cause, "<!channel> ");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop\r\nX-Injected: yes",
                              .summary = "a\nb\"\\\001<!channel>\xc3",
                              .cause = cause->str};
    spool_facts(&desk, &facts);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);

    g_autofree char *text = received(&receiver, "1.body");
    json_auto_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(body);
    const char *type = NULL;
    const char *instance = NULL;
    const char *summary = NULL;
    cr_expect_eq(json_unpack(body, "{s:s,s:{s:s,s:s}}", "type", &type, "data", "instance",
                             &instance, "summary", &summary),
                 0);
    cr_expect_str_eq(type, "chain_broken");
    cr_expect_str_eq(instance, "shop X-Injected: yes");
    cr_expect_str_eq(summary, "a b\"\\?<!channel>\xef\xbf\xbd");
    cr_expect_lt(strlen(text), 20 * 1024);
    g_autofree char *injected = header(&receiver, "1", "x-injected");
    cr_expect_str_eq(injected, "(none)");
}

static void expect_no_secret(const SpoolEntry *entry)
{
    json_auto_t *body = event_json(entry->event);
    g_autofree char *text = json_dumps(body, 0);
    expect_lacks(text, "PLANTED");
}

Test(webhook, no_secret_is_logged_or_spooled)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *log = g_build_filename(desk.state, "log", NULL);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(dup2(fd, STDERR_FILENO), 0);
    log_show(LOG_DETAIL);
    static const char *const answers[] = {"410", "302/http://PLANTED/", "429/3600", "400"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", answers[i]);
        g_autofree char *url =
            g_strdup_printf("http://u:PLANTED@127.0.0.1:%u/PLANTED?k=PLANTED", receiver.port);
        const AlertChannel channel = {
            .name = "oncall", .type = "webhook", .url = url, .secret = "PLANTED " SECRET_NEW};
        spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
        cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 0);
    }
    static const char *const urls[] = {"PLANTED", "ftp://example.org/PLANTED",
                                       "https://u:PLANTED@[x/PLANTED",
                                       "http://u:PLANTED@127.0.0.1:1/PLANTED"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        const AlertChannel channel = {.name = "oncall", .type = "webhook", .url = urls[i]};
        cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 0, "%s", urls[i]);
    }
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(log, &text, NULL, NULL));
    expect_holds(text, "oncall (http://127.0.0.1");
    expect_lacks(text, "PLANTED");
    g_autoptr(GPtrArray) entries = spool_entries(desk.spool, NULL);
    for (guint i = 0; i < entries->len; i++)
        expect_no_secret(entries->pdata[i]);
}

Test(webhook, ignores_a_proxy_in_the_environment)
{
    g_setenv("http_proxy", "http://127.0.0.1:1", TRUE);
    g_setenv("ALL_PROXY", "http://127.0.0.1:1", TRUE);
    g_auto(Receiver) receiver = HTTP("DIR", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
}

Test(webhook, after_a_signal_there_is_one_try)
{
    g_auto(Receiver) receiver = HTTP("DIR", "503", "200");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    spool_one(&desk, EVENT_BACKUP_FAILED, "stopped");
    cancel_install();
    cr_assert_eq(raise(SIGTERM), 0);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_eq(count_received(&receiver, ".body"), 1);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1, "the stop itself is told");
}

static void terminate_parent_soon(void)
{
    pid_t parent = getpid();
    if (fork() == 0) {
        g_usleep(1500000);
        (void)kill(parent, SIGTERM);
        _exit(0);
    }
}

Test(webhook, a_signal_ends_the_waiting)
{
    g_auto(Receiver) receiver = HTTP("DIR", "hang");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "http", &url);
    channel.timeout_s = 30;
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    cancel_install();
    terminate_parent_soon();
    int64_t start_us = g_get_monotonic_time();
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_lt(seconds_since(start_us), 6.0);
}

static void note_result(const Event *event, const AlertChannel *channel, gboolean delivered,
                        const char *answer, void *data)
{
    cr_expect_null(event, "no route led there");
    g_string_append_printf(data, "%s: %s: %s\n", channel->name, delivered ? "yes" : "no", answer);
}

Test(webhook, a_test_asks_every_channel_and_says_what_each_answered)
{
    static const char *const nobody[] = {NULL};
    static const char *const all[] = {"oncall", "chat", "mail", NULL};
    g_auto(Receiver) sound = HTTP("DIR", "202");
    g_auto(Receiver) gone = HTTP("DIR", "410");
    g_autofree char *url = NULL;
    g_autofree char *other = NULL;
    AlertChannel channels[3] = {channel_to(&sound, "http", &url),
                                channel_to(&gone, "http", &other)};
    channels[1].name = "chat";
    channels[2] = (AlertChannel){.name = "mail", .type = "smtp", .url = "smtp://x", .from = "a"};
    g_autoptr(GString) results = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const AlertWatch watch = {note_result, results};
    AlertSetup setup = {channels, 3, NULL, NULL};
    cr_expect_not(alert_test(NULL, &setup, nobody, all, &watch, &error));
    cr_expect_eq(error_status(error), STATUS_TRANSFER);
    cr_expect_str_eq(error->message, "the test alert did not reach chat, mail");
    cr_expect_str_eq(results->str, "oncall: yes: HTTP status 202\n"
                                   "chat: no: HTTP status 410: gone for good, change its url\n"
                                   "mail: no: its from holds an address that cannot be used\n");
    g_autofree char *body = received(&sound, "1.body");
    expect_holds(body, "\"type\":\"alert_test\"");
    setup.count = 1;
    cr_expect(alert_test(NULL, &setup, nobody, all, &watch, NULL));
}
