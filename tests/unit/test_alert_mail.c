/* SPDX-License-Identifier: MIT */
/* Deliveries to a real mail server, with a CA made for the test. */
#include "../fakes/receivers/receiver.h"

#define USER     "lsnchain"
#define PASSWORD "PLANTEDpassword"

static char *certificates;
static char *ca;
static char *good;
static char *good_key;

static void init(void)
{
    cr_assert(alert_init(NULL));
    certificates = make_certificates();
    ca = g_build_filename(certificates, "ca.pem", NULL);
    good = g_build_filename(certificates, "good.pem", NULL);
    good_key = g_build_filename(certificates, "good.key", NULL);
}

static void fini(void)
{
    (void)files_remove_tree(AT_FDCWD, certificates, NULL);
    g_free(certificates);
    g_free(ca);
    g_free(good);
    g_free(good_key);
}

TestSuite(mail, .init = init, .fini = fini, .timeout = 120);

#define SMTP(...)     start_receiver("smtp_receiver.py", (const char *const[]){__VA_ARGS__, NULL})
#define SMTP_TLS(...) SMTP("--certificate", good, "--key", good_key, __VA_ARGS__)

static AlertChannel channel_to(const Receiver *receiver, const char *scheme, char **url)
{
    *url = g_strdup_printf("%s://127.0.0.1:%u", scheme, receiver->port);
    return (AlertChannel){.name = "mail",
                          .type = "smtp",
                          .url = *url,
                          .from = "lsnchain@example.org",
                          .to = "dba@example.org, oncall@example.org",
                          .ca_file = ca,
                          .timeout_s = 5};
}

static const EventFacts broken = {
    .type = EVENT_CHAIN_BROKEN,
    .instance = "shop",
    .backup = "20261122T020000Z-incr",
    .rule = "lsn-continuity",
    .summary = "the chain of shop is broken",
    .cause = "starts at LSN 100, but its parent ends at 90",
    .remedy = "nothing: the next run takes a full backup",
};

Test(mail, arrives_through_starttls_and_login)
{
    g_auto(Receiver) receiver = SMTP_TLS("--user", USER, "--password", PASSWORD, "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    channel.user = USER;
    channel.password = PASSWORD;
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    cr_expect_eq(still_spooled(&desk), 0);

    g_autofree char *login = received(&receiver, "login");
    cr_expect_str_eq(login, USER " over tls\n");
    g_autofree char *envelope = received(&receiver, "1.envelope");
    cr_expect_str_eq(envelope, "lsnchain@example.org\ndba@example.org\noncall@example.org\n");
    g_autofree char *headers = received(&receiver, "1.headers");
    expect_holds(headers, "subject: [lsnchain] critical: shop: the chain of shop is broken\n");
    expect_holds(headers, "from: lsnchain@example.org\n");
    expect_holds(headers, "to: dba@example.org, oncall@example.org\n");
    expect_holds(headers, "message-id: <");
    expect_holds(headers, "@example.org>\n");
    expect_holds(headers, " +0000\n");
    g_autofree char *raw = received(&receiver, "1.eml");
    expect_holds(raw, "text/plain; charset=utf-8");
    expect_holds(raw, "quoted-printable");
}

Test(mail, says_first_what_happened_then_the_rest_in_order)
{
    static const char *const order[] = {
        "Event:    chain_broken\n",
        "Instance: shop\n",
        "Backup:   20261122T020000Z-incr\n",
        "Rule:     lsn-continuity\n",
        "Cause:\n    starts at LSN 100, but its parent ends at 90\n",
        "What to do:\n    nothing: the next run takes a full backup\n",
        "Host:     ",
        "Time:     20",
        "Incident: lsnchain/shop/chain_broken\n",
    };
    g_auto(Receiver) receiver = SMTP_TLS("--implicit", "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtps", &url);
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *raw = received(&receiver, "1.eml");
    expect_lacks(raw, "=0A"); /* a line break that no reader of plain text would see */
    g_autofree char *text = received(&receiver, "1.text");
    cr_assert_not_null(text);
    cr_expect(g_str_has_prefix(text, "the chain of shop is broken\n\n"), "%s", text);
    const char *rest = text;
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        const char *found = strstr(rest, order[i]);
        cr_assert_not_null(found, "'%s' is not next in: %s", order[i], rest);
        rest = found;
    }
}

Test(mail, sends_nothing_to_a_server_without_tls)
{
    g_auto(Receiver) receiver = SMTP("--user", USER, "--password", PASSWORD, "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    channel.user = USER;
    channel.password = PASSWORD;
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_null(received(&receiver, "login"));
    cr_expect_eq(count_received(&receiver, ".eml"), 0);
}

Test(mail, goes_without_tls_to_a_relay_when_told_to)
{
    g_auto(Receiver) receiver = SMTP("DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    channel.tls = "none";
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
}

Test(mail, trusts_only_the_right_certificate)
{
    g_autofree char *other = g_build_filename(certificates, "other.pem", NULL);
    g_autofree char *other_key = g_build_filename(certificates, "other.key", NULL);
    g_auto(Receiver) sound = SMTP_TLS("DIR");
    g_auto(Receiver) stranger = SMTP("--certificate", other, "--key", other_key, "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    g_autofree char *stranger_url = NULL;
    AlertChannel untrusted = channel_to(&sound, "smtp", &url);
    AlertChannel misnamed = channel_to(&stranger, "smtp", &stranger_url);
    untrusted.ca_file = NULL;
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &untrusted, 1).waiting, 1);
    cr_expect_eq(deliver_to_all(&desk, &misnamed, 1).waiting, 1);
    cr_expect_eq(count_received(&sound, ".eml") + count_received(&stranger, ".eml"), 0);
}

Test(mail, a_wrong_password_is_said_once_and_never_shown)
{
    g_auto(Receiver) receiver = SMTP_TLS("--user", USER, "--password", "another", "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *log = g_build_filename(desk.state, "log", NULL);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(dup2(fd, STDERR_FILENO), 0);
    log_show(LOG_DETAIL);
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    channel.user = USER;
    channel.password = PASSWORD;
    spool_facts(&desk, &broken);
    spool_facts(&desk, &broken);
    int64_t start_us = g_get_monotonic_time();
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 2);
    cr_expect_lt(g_get_monotonic_time() - start_us, 10 * G_USEC_PER_SEC);
    g_autofree char *said = NULL;
    cr_assert(g_file_get_contents(log, &said, NULL, NULL));
    expect_holds(said, "SMTP code 535");
    expect_holds(said, "smtp://127.0.0.1:");
    expect_lacks(said, "PLANTED");
    cr_expect_eq(log_warnings()->len, 1);
}

Test(mail, tries_again_what_the_server_puts_off_and_nothing_else)
{
    g_auto(Receiver) busy = SMTP_TLS("--data", "451 later", "--data", "250 OK", "DIR");
    g_auto(Receiver) strict = SMTP_TLS("--data", "554 never", "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *busy_url = NULL;
    g_autofree char *strict_url = NULL;
    AlertChannel channel = channel_to(&busy, "smtp", &busy_url);
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    cr_expect_eq(count_received(&busy, ".eml"), 2);

    channel = channel_to(&strict, "smtp", &strict_url);
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).waiting, 1);
    cr_expect_eq(count_received(&strict, ".eml"), 1);
    g_autofree char *said = warnings();
    expect_holds(said, "SMTP code 554");
}

static void note_result(const Event *event, const AlertChannel *channel, gboolean delivered,
                        const char *answer, void *data)
{
    (void)event;
    g_string_append_printf(data, "%s: %s: %s\n", channel->name, delivered ? "yes" : "no", answer);
}

Test(mail, a_mailbox_that_is_gone_fails_a_test_but_keeps_no_alert_from_the_others)
{
    g_auto(Receiver) receiver = SMTP_TLS("--refuse", "dba@example.org", "DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    spool_facts(&desk, &broken);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *envelope = received(&receiver, "1.envelope");
    cr_expect_str_eq(envelope, "lsnchain@example.org\noncall@example.org\n");

    g_autoptr(GString) results = g_string_new(NULL);
    static const char *const mail[] = {"mail", NULL};
    static const char *const shop[] = {"shop", NULL};
    const AlertWatch watch = {note_result, results};
    AlertRoute route = {.critical = mail};
    const AlertSetup setup = {&channel, 1, same_route, &route};
    cr_expect_not(alert_test(NULL, &setup, shop, NULL, &watch, NULL));
    expect_holds(results->str, "mail: no: SMTP code 550");
    cr_expect_eq(count_received(&receiver, ".eml"), 1);
    channel.to = "oncall@example.org";
    cr_expect(alert_test(NULL, &setup, shop, NULL, &watch, NULL));
    expect_holds(results->str, "mail: yes: SMTP code 250\n");
}

Test(mail, hostile_text_arrives_as_text)
{
    g_auto(Receiver) receiver = SMTP_TLS("DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    g_autoptr(GString) cause = g_string_new("first\n.\nHost:     forged\n\xff\033[2J<!channel>\n");
    while (cause->len < 1024 * 1024)
        g_string_append(cause, "a long line without an end ");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop\r\nBcc: all@example.org\r\n\r\nbody",
                              .summary =
                                  "broken\r\nBcc: b@example.org =?UTF-8?Q?x?= \xe2\x80\xae\xc3",
                              .cause = cause->str};
    spool_facts(&desk, &facts);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);

    g_autofree char *envelope = received(&receiver, "1.envelope");
    cr_expect_str_eq(envelope, "lsnchain@example.org\ndba@example.org\noncall@example.org\n");
    g_autofree char *headers = received(&receiver, "1.headers");
    expect_lacks(headers, "\nbcc:");
    expect_holds(headers, "subject: [lsnchain] critical: shop Bcc: all@example.org  body: broken "
                          "Bcc: b@example.org =?UTF-8?Q?x?= ?\xef\xbf\xbd\n");
    g_autofree char *text = received(&receiver, "1.text");
    expect_holds(text,
                 "\n    first\n    .\n    Host:     forged\n    \xef\xbf\xbd?[2J<!channel>\n");
    expect_lacks(text, "\nHost:     forged");
    cr_expect_lt(strlen(text), 20 * 1024);
}

Test(mail, every_line_is_short_enough_for_any_server)
{
    g_auto(Receiver) receiver = SMTP_TLS("DIR");
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channel = channel_to(&receiver, "smtp", &url);
    g_autoptr(GString) summary = g_string_new(NULL);
    for (int i = 0; i < 119; i++)
        g_string_append(summary, i % 3 == 0 ? "漢" : "é");
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN,
                              .instance = "shop",
                              .summary = summary->str,
                              .cause = summary->str};
    spool_facts(&desk, &facts);
    cr_expect_eq(deliver_to_all(&desk, &channel, 1).done, 1);
    g_autofree char *raw = received(&receiver, "1.eml");
    cr_assert_not_null(raw);
    cr_expect(g_str_is_ascii(raw));
    g_auto(GStrv) lines = g_strsplit(raw, "\r\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        cr_expect_null(strchr(*line, '\n'), "a bare line feed in: %s", *line);
        cr_expect_leq(strlen(*line), 100, "%s", *line);
    }
    g_autofree char *headers = received(&receiver, "1.headers");
    g_autofree char *subject =
        g_strdup_printf("subject: [lsnchain] critical: shop: %s\n", summary->str);
    expect_holds(headers, subject);
}
