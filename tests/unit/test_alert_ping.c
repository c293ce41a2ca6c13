/* SPDX-License-Identifier: MIT */
/* Pings to a real HTTP receiver, which answers as it is told. */
#include "../fakes/receivers/receiver.h"

#include "alert/ping.h"
#include "base/cancel.h"
#include "base/error.h"

#define RUN "6f9d2c1e-0000-4000-8000-000000000001"
#define RID "rid=" RUN

static void init(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(ping, .init = init, .timeout = 120);

#define HTTP(...) start_receiver("http_receiver.py", (const char *const[]){__VA_ARGS__, NULL})

static Ping ping_to(const Receiver *receiver, const char *rest, char **url)
{
    *url = g_strdup_printf("http://127.0.0.1:%u%s", receiver->port, rest);
    return (Ping){.url = *url, .protocol = PING_HEALTHCHECKS, .run_id = RUN};
}

/* TRUE: it arrived.  The error goes to `said`, and shows nothing of the address but the place. */
static gboolean end(const Ping *ping, int status, const char *body, char **said)
{
    g_autoptr(GError) error = NULL;
    int64_t left_us = ping_time_us();
    gboolean arrived = ping_end(ping, status, body, &left_us, &error);
    cr_expect_eq(arrived, error == NULL);
    if (said != NULL)
        *said = g_strdup(error != NULL ? error->message : "");
    if (error != NULL)
        cr_expect_eq(error_status(error), STATUS_TRANSFER);
    return arrived;
}

/* Line `n` of N.headers: 0 is the path, 1 the method, then the headers.  Free it. */
static char *line(const Receiver *receiver, const char *request, guint n)
{
    g_autofree char *file = g_strconcat(request, ".headers", NULL);
    g_autofree char *text = received(receiver, file);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    return g_strdup(g_strv_length(lines) > n ? lines[n] : "(none)");
}

static void expect_request(const Receiver *receiver, const char *request, const char *path,
                           const char *method)
{
    g_autofree char *got_path = line(receiver, request, 0);
    g_autofree char *got_method = line(receiver, request, 1);
    cr_expect_str_eq(got_path, path);
    cr_expect_str_eq(got_method, method);
}

Test(ping, pairs_start_and_end_of_a_run_by_its_id)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200=OK");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/c0ffee", &url);
    cr_expect(ping_start(&ping, NULL));
    cr_expect(end(&ping, STATUS_OK, "all went well", NULL));

    expect_request(&receiver, "1", "/c0ffee/start?" RID, "method: POST");
    expect_request(&receiver, "2", "/c0ffee?" RID, "method: POST");
    g_autofree char *start = received(&receiver, "1.body");
    g_autofree char *body = received(&receiver, "2.body");
    g_autofree char *headers = received(&receiver, "2.headers");
    cr_expect_str_eq(start, "");
    cr_expect_str_eq(body, "all went well");
    expect_holds(headers, "content-type: text/plain; charset=utf-8");
    expect_holds(headers, "user-agent: lsnchain/" LSNCHAIN_VERSION);
}

Test(ping, tells_a_bad_run_by_its_exit_status)
{
    static const struct {
        int status;
        const char *path;
    } cases[] = {
        {STATUS_OK, "/x?" RID},        {STATUS_WARNINGS, "/x?" RID}, {STATUS_FAILED, "/x/1?" RID},
        {STATUS_ENGINE, "/x/14?" RID}, {128 + 15, "/x/143?" RID},    {255, "/x/255?" RID},
        {256, "/x/fail?" RID},         {-1, "/x/fail?" RID},
    };
    g_auto(Receiver) receiver = HTTP("DIR", "200=OK");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_expect(end(&ping, cases[i].status, "", NULL));
        g_autofree char *request = g_strdup_printf("%zu", i + 1);
        expect_request(&receiver, request, cases[i].path, "method: POST");
    }
}

Test(ping, keeps_what_else_the_address_says)
{
    static const struct {
        const char *given, *path;
    } cases[] = {
        {"/key/shop-backup?create=1", "/key/shop-backup/14?create=1&" RID},
        {"/x/", "/x/14?" RID},
        {"/a%20b/c?q=%26", "/a%20b/c/14?q=%26&" RID},
        {"/x#fragment", "/x/14?" RID},
    };
    g_auto(Receiver) receiver = HTTP("DIR", "200=OK");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *url = NULL;
        const Ping ping = ping_to(&receiver, cases[i].given, &url);
        cr_expect(end(&ping, STATUS_ENGINE, "", NULL));
        g_autofree char *request = g_strdup_printf("%zu", i + 1);
        expect_request(&receiver, request, cases[i].path, "method: POST");
    }
}

Test(ping, plain_is_a_get_after_a_good_run_and_silence_after_a_bad_one)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200=OK (not found)");
    g_autofree char *url = NULL;
    Ping ping = ping_to(&receiver, "/api/push/x?status=up&msg=OK", &url);
    ping.protocol = PING_PLAIN;
    cr_expect(ping_start(&ping, NULL));
    cr_expect(end(&ping, STATUS_ENGINE, "", NULL));
    cr_expect(end(&ping, 128 + 15, "", NULL));
    cr_expect_eq(count_received(&receiver, ".body"), 0);
    cr_expect(end(&ping, STATUS_OK, "all went well", NULL));
    cr_expect(end(&ping, STATUS_WARNINGS, "nearly", NULL));
    cr_expect_eq(count_received(&receiver, ".body"), 2);
    expect_request(&receiver, "1", "/api/push/x?status=up&msg=OK", "method: GET");
    g_autofree char *body = received(&receiver, "1.body");
    cr_expect_str_eq(body, "");
}

Test(ping, sends_text_that_is_harmless_and_not_too_long)
{
    g_auto(Receiver) receiver = HTTP("DIR", "200=OK");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    for (int shift = 0; shift < 3; shift++) {
        g_autoptr(GString) text = g_string_new("\033[2Ja\rb\nc\xff");
        g_string_append_len(text, "xx", shift);
        while (text->len < 1024 * 1024)
            g_string_append(text, "\xe2\x82\xac"); /* three bytes each: a cut may fall inside */
        cr_expect(end(&ping, STATUS_ENGINE, text->str, NULL));

        g_autofree char *request = g_strdup_printf("%d.body", shift + 1);
        g_autofree char *body = received(&receiver, request);
        cr_expect(g_str_has_prefix(body, "?[2Ja?b\nc\xef\xbf\xbd"), "%.20s", body);
        cr_expect(g_utf8_validate(body, -1, NULL));
        cr_expect_leq(strlen(body), PING_BODY_BYTES);
        cr_expect_gt(strlen(body), PING_BODY_BYTES - 3);
    }
}

Test(ping, tries_again_what_may_pass)
{
    static const char *const passing[] = {"500", "503",   "408",
                                          "429", "close", "200=OK (rate limited)"};
    for (size_t i = 0; i < G_N_ELEMENTS(passing); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", passing[i], "200=OK");
        g_autofree char *url = NULL;
        const Ping ping = ping_to(&receiver, "/x", &url);
        cr_expect(end(&ping, STATUS_ENGINE, "why", NULL), "%s", passing[i]);
        cr_expect_eq(count_received(&receiver, ".body"), 2, "%s", passing[i]);
        expect_request(&receiver, "2", "/x/14?" RID, "method: POST");
        g_autofree char *body = received(&receiver, "2.body");
        cr_expect_str_eq(body, "why");
    }
}

Test(ping, gives_up_after_three_tries_even_where_nobody_answers)
{
    static const struct {
        const char *answer, *said;
    } cases[] = {{"503", "HTTP status 503"}, {"hang", "Timeout"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", cases[i].answer);
        g_autofree char *url = NULL;
        g_autofree char *said = NULL;
        const Ping ping = ping_to(&receiver, "/x", &url);
        cr_expect_not(end(&ping, STATUS_OK, "", &said));
        cr_expect_eq(count_received(&receiver, ".body"), 3, "%s", cases[i].answer);
        expect_holds(said, cases[i].said);
    }
}

Test(ping, tries_to_tell_of_a_start_only_once)
{
    static const char *const answers[] = {"503", "close", "hang"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", answers[i]);
        g_autofree char *url = NULL;
        const Ping ping = ping_to(&receiver, "/x", &url);
        g_autoptr(GError) error = NULL;
        cr_expect_not(ping_start(&ping, &error));
        cr_expect_eq(error_status(error), STATUS_TRANSFER);
        cr_expect_eq(count_received(&receiver, ".body"), 1, "%s", answers[i]);
    }
}

Test(ping, does_not_repeat_what_a_person_must_mend)
{
    static const struct {
        const char *answer, *said;
    } cases[] = {
        {"400", "HTTP status 400"}, {"404", "HTTP status 404"},
        {"409", "HTTP status 409"}, {"410", "HTTP status 410"},
        {"304", "HTTP status 304"}, {"200=OK (not found)", "no check of this url"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", cases[i].answer);
        g_autofree char *url = NULL;
        g_autofree char *said = NULL;
        const Ping ping = ping_to(&receiver, "/x", &url);
        cr_expect_not(end(&ping, STATUS_OK, "", &said), "%s", cases[i].answer);
        cr_expect_eq(count_received(&receiver, ".body"), 1, "%s", cases[i].answer);
        expect_holds(said, cases[i].said);
    }
}

Test(ping, follows_no_redirect)
{
    g_auto(Receiver) other = HTTP("DIR", "200=OK");
    g_autofree char *elsewhere = g_strdup_printf("302/http://127.0.0.1:%u/", other.port);
    g_auto(Receiver) receiver = HTTP("DIR", elsewhere);
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    cr_expect_not(end(&ping, STATUS_OK, "", NULL));
    cr_expect_eq(count_received(&other, ".headers"), 0);
}

Test(ping, waits_no_longer_than_its_time)
{
    g_auto(Receiver) receiver = HTTP("DIR", "429/3600", "200=OK");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    cr_expect_not(end(&ping, STATUS_OK, "", NULL));
    cr_expect_eq(count_received(&receiver, ".body"), 1);

    int64_t nothing_us = 0;
    g_autoptr(GError) error = NULL;
    cr_expect_not(ping_end(&ping, STATUS_OK, "", &nothing_us, &error));
    expect_holds(error->message, "used up");
    cr_expect_eq(count_received(&receiver, ".body"), 1);
}

Test(ping, takes_the_time_of_one_from_the_time_of_the_next)
{
    g_auto(Receiver) receiver = HTTP("DIR", "hang");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    int64_t left_us = 500 * 1000;
    cr_expect_not(ping_end(&ping, STATUS_OK, "", &left_us, NULL));
    cr_expect_lt(left_us, 400 * 1000);
    cr_expect_eq(count_received(&receiver, ".body"), 1);
}

Test(ping, trusts_no_certificate_that_nobody_vouches_for)
{
    g_autofree char *certificates = make_certificates();
    g_autofree char *good = g_build_filename(certificates, "good.pem", NULL);
    g_autofree char *key = g_build_filename(certificates, "good.key", NULL);
    g_auto(Receiver) receiver = HTTP("--certificate", good, "--key", key, "DIR", "200=OK");
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u/x", receiver.port);
    const Ping ping = {.url = url, .run_id = RUN};
    cr_expect_not(end(&ping, STATUS_OK, "", NULL));
    cr_expect_eq(count_received(&receiver, ".headers"), 0);
    (void)files_remove_tree(AT_FDCWD, certificates, NULL);
}

Test(ping, ignores_a_proxy_in_the_environment)
{
    g_setenv("http_proxy", "http://127.0.0.1:1", TRUE);
    g_setenv("ALL_PROXY", "http://127.0.0.1:1", TRUE);
    g_auto(Receiver) receiver = HTTP("DIR", "200=OK");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    cr_expect(end(&ping, STATUS_OK, "", NULL));
}

Test(ping, after_a_signal_there_is_one_short_try)
{
    cancel_install();
    const int64_t usual_us = ping_time_us();
    cr_assert_eq(raise(SIGTERM), 0);
    cr_expect_lt(ping_time_us(), usual_us);
    g_auto(Receiver) receiver = HTTP("DIR", "503", "200=OK");
    g_autofree char *url = NULL;
    const Ping ping = ping_to(&receiver, "/x", &url);
    cr_expect_not(end(&ping, 128 + SIGTERM, "", NULL));
    cr_expect_eq(count_received(&receiver, ".body"), 1);
    cr_expect(end(&ping, 128 + SIGTERM, "", NULL));
    expect_request(&receiver, "2", "/x/143?" RID, "method: POST");
}

Test(ping, shows_no_more_of_its_address_than_where_it_goes)
{
    static const char *const answers[] = {"410", "302/http://PLANTED/", "429/3600",
                                          "200=OK (not found) PLANTED"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_auto(Receiver) receiver = HTTP("DIR", answers[i]);
        g_autofree char *url =
            g_strdup_printf("http://u:PLANTED@127.0.0.1:%u/PLANTED?k=PLANTED", receiver.port);
        g_autofree char *place = g_strdup_printf("at http://127.0.0.1:%u: ", receiver.port);
        g_autofree char *said = NULL;
        const Ping ping = {.url = url, .run_id = RUN};
        cr_expect_not(end(&ping, STATUS_OK, "", &said));
        expect_holds(said, place);
        expect_lacks(said, "PLANTED");
    }
    static const char *const urls[] = {"PLANTED\x01", "https://u:PLANTED@[x/PLANTED"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autofree char *said = NULL;
        const Ping ping = {.url = urls[i], .run_id = RUN};
        cr_expect_not(end(&ping, STATUS_OK, "", &said));
        expect_holds(said, "cannot be read");
        expect_lacks(said, "PLANTED");
        cr_expect_not(ping_start(&ping, NULL));
    }
}

Test(ping, an_address_that_names_no_check_is_refused_before_the_night)
{
    static const struct {
        const char *url;
        gboolean healthchecks, plain;
    } cases[] = {
        {"https://hc.example.org/PLANTED", TRUE, TRUE},
        {"http://127.0.0.1:8000/key/PLANTED?create=1", TRUE, TRUE},
        {"https://hc.example.org/PLANTED/", TRUE, TRUE},
        {"https://hc.example.org", FALSE, TRUE},
        {"https://hc.example.org/", FALSE, TRUE},
        {"https://hc.example.org/?k=PLANTED", FALSE, TRUE},
        {"https://hc.example.org/PLANTED/start", FALSE, TRUE},
        {"https://hc.example.org/PLANTED/fail/", FALSE, TRUE},
        {"https://hc.example.org/PLANTED/log?x=1", FALSE, TRUE},
        {"ftp://hc.example.org/PLANTED", FALSE, FALSE},
        {"PLANTED", FALSE, FALSE},
        {"https://hc.example.org:99999/PLANTED", FALSE, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const gboolean expected[] = {cases[i].healthchecks, cases[i].plain};
        for (int protocol = PING_HEALTHCHECKS; protocol <= PING_PLAIN; protocol++) {
            const Ping ping = {.url = cases[i].url, .protocol = (PingProtocol)protocol};
            g_autoptr(GError) error = NULL;
            cr_expect_eq(ping_check(&ping, &error), expected[protocol], "%s", cases[i].url);
            if (error == NULL)
                continue;
            cr_expect_eq(error_status(error), STATUS_CONFIG);
            expect_lacks(error->message, "PLANTED");
        }
    }
}
