/* SPDX-License-Identifier: MIT */
/* How a round shares its time, and what it makes of channels that do not take their alerts. */
#include "../fakes/receivers/receiver.h"

#include "alert/deliver.h"
#include "base/cancel.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { SECOND_US = 1000000 };

static void start_libcurl(void)
{
    cr_assert(alert_init(NULL));
}

TestSuite(deliver, .init = start_libcurl, .timeout = 120);

static int64_t share_s(int64_t ago_s, unsigned channels)
{
    const int64_t now = g_get_monotonic_time();
    const DeliverBudget budget = deliver_share(now - ago_s * SECOND_US, channels);
    return (budget.left_us + SECOND_US / 2) / SECOND_US;
}

Test(deliver, all_channels_share_two_minutes_and_none_has_more_than_one)
{
    cr_expect_eq(share_s(0, 1), 60);
    cr_expect_eq(share_s(0, 2), 60);
    cr_expect_eq(share_s(0, 4), 30);
    cr_expect_eq(share_s(60, 4), 15);
    cr_expect_eq(share_s(100, 1), 20);
    cr_expect_eq(share_s(120, 3), 0);
    cr_expect_eq(share_s(3600, 1), 0, "what is used up does not come back");
    const int64_t now = g_get_monotonic_time();
    cr_expect_eq(deliver_extend(now - 30 * SECOND_US), now - 30 * SECOND_US);
    const DeliverBudget budget = deliver_share(g_get_monotonic_time(), 1);
    cr_expect_eq(budget.tries, 3);
    cr_expect(budget.heed_signal);
}

Test(deliver, who_was_told_to_stop_hurries)
{
    cancel_install();
    cr_assert_eq(raise(SIGTERM), 0);
    cr_expect_eq(share_s(0, 1), 10);
    cr_expect_eq(share_s(0, 4), 5);
    cr_expect_eq(share_s(60, 1), 0);
    cr_expect_eq(deliver_share(g_get_monotonic_time(), 1).tries, 1);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* Nothing listens there. */
static const AlertChannel dead = {
    .name = "dead", .type = "webhook", .url = "http://127.0.0.1:9/", .timeout_s = 1};
static const char *const to_dead[] = {"dead", NULL};
static const char *const to_both[] = {"dead", "well", NULL};

static AlertChannel well_at(const Receiver *receiver, char **url)
{
    *url = g_strdup_printf("http://127.0.0.1:%u/", receiver->port);
    return (AlertChannel){.name = "well", .type = "webhook", .url = *url, .timeout_s = 10};
}

static AlertReport deliver_along(const Desk *desk, const AlertChannel *channels, size_t count,
                                 AlertRoute *route)
{
    const AlertSetup setup = {channels, count, same_route, route};
    AlertReport report;
    g_autoptr(GError) error = NULL;
    cr_assert(alert_deliver(desk->spool, &setup, &report, &error), "%s",
              error != NULL ? error->message : "");
    return report;
}

static void spool_to(const Desk *desk, Names to, const char *summary)
{
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .instance = "shop", .summary = summary};
    g_autoptr(Event) event = event_new(&facts);
    cr_assert(spool_add(desk->spool, event, to, NULL));
}

static char *bodies(const Receiver *receiver)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (unsigned i = 1; i <= count_received(receiver, ".body"); i++) {
        g_autofree char *name = g_strdup_printf("%u.body", i);
        g_autofree char *body = received(receiver, name);
        g_string_append(all, body);
    }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

Test(deliver, a_channel_that_is_down_is_told_to_the_others_once_in_a_day)
{
    static const char *const words[] = {"DIR", "200", NULL};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    const AlertChannel channels[] = {dead, well_at(&receiver, &url)};
    AlertRoute nobody = {0};
    spool_to(&desk, to_dead, "first");
    AlertReport report = deliver_along(&desk, channels, 2, &nobody);
    cr_expect_eq(report.waiting, 1);
    cr_expect_eq(report.sent, 1);
    (void)deliver_along(&desk, channels, 2, &nobody);
    g_autofree char *all = bodies(&receiver);
    expect_holds(all, "lsnchain/alert_undeliverable/dead");
    expect_lacks(all, "chain_broken");
    cr_expect_eq(count_received(&receiver, ".body"), 1);

    g_autoptr(Incidents) open = incidents_peek(desk.state, INCIDENTS_OF_NONE, NULL);
    cr_assert_eq(incidents_open(open)->len, 1);
    const Incident *incident = incidents_find(open, EVENT_ALERT_UNDELIVERABLE, "dead");
    cr_expect_eq(incident->held, 1);
    g_autofree char *told = names_text((Names)incident->channels);
    cr_expect_str_eq(told, "well");
}

Test(deliver, a_channel_that_takes_no_news_of_another_is_told_in_the_same_run)
{
    static const char *const words[] = {"DIR", "200", NULL};
    static const char *const to_pager[] = {"pager", NULL};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    AlertChannel channels[] = {dead, well_at(&receiver, &url)};
    channels[0].name = "pager";
    channels[1].name = "chat";
    AlertRoute nobody = {0};
    spool_to(&desk, to_pager, "x");
    (void)deliver_along(&desk, channels, 2, &nobody);
    log_reset();
    channels[0].name = "chat";
    channels[1].name = "pager";
    AlertReport report = deliver_along(&desk, channels, 2, &nobody);
    cr_expect_eq(report.done, 1);
    cr_expect_eq(report.waiting, 1);
    g_autofree char *said = warnings();
    expect_holds(said, "alert channel chat");
    expect_lacks(said, "alert channel pager");
}

Test(deliver, a_note_that_cannot_be_written_keeps_no_alert_from_the_next_channel)
{
    static const char *const words[] = {"DIR", "200", NULL};
    static const char *const to_well_and_other[] = {"well", "other", NULL};
    const struct rlimit no_room = {0, RLIM_INFINITY};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    g_autofree char *other_url = NULL;
    AlertChannel channels[] = {well_at(&receiver, &url), well_at(&receiver, &other_url)};
    channels[1].name = "other";
    AlertRoute nobody = {0};
    spool_to(&desk, to_well_and_other, "one");
    spool_to(&desk, to_well_and_other, "two");
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &no_room), 0);
    AlertReport report = deliver_along(&desk, channels, 2, &nobody);
    cr_expect_eq(report.sent, 4);
    cr_expect_eq(report.done, 2);
    cr_expect_eq(still_spooled(&desk), 0);
    g_autofree char *said = warnings();
    expect_holds(said, "well has an alert and will get it once more");
}

Test(deliver, an_alert_that_a_full_disk_cannot_keep_is_told_all_the_same)
{
    static const char *const words[] = {"DIR", "200", NULL};
    const struct rlimit no_room = {0, RLIM_INFINITY};
    const EventFacts facts = {
        .type = EVENT_BACKUP_FAILED, .instance = "shop", .summary = "the disk is full"};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    const AlertChannel channels[] = {dead, well_at(&receiver, &url)};
    AlertRoute route = {.critical = to_both};
    const AlertSetup setup = {channels, 2, same_route, &route};
    g_autoptr(GPtrArray) unkept = g_ptr_array_new_with_free_func(spool_entry_free);
    g_autoptr(Incidents) incidents = incidents_load(desk.state, INCIDENTS_OF_INSTANCE, NULL);
    const AlertDesk one = {desk.spool, incidents, &route, 3600, unkept};
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &no_room), 0);
    g_autoptr(GError) error = NULL;
    cr_expect_not(alert_raise(&one, &facts, &error));
    cr_assert_eq(unkept->len, 1);
    alert_deliver_unkept(unkept, &setup);
    g_autofree char *all = bodies(&receiver);
    expect_holds(all, "the disk is full");
    g_autofree char *said = warnings();
    expect_holds(said, "alert channel dead");
    expect_holds(said, "1 lost");
}

/* In the place of the C library's, for libcurl too, which asks it for names only. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)found;
    g_usleep(30 * SECOND_US);
    return EAI_AGAIN;
}

Test(deliver, a_resolver_that_hangs_is_waited_for_no_longer_than_a_receiver)
{
    const AlertChannel channel = {
        .name = "far", .type = "webhook", .url = "http://alerts.example.org/", .timeout_s = 1};
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .summary = "x"};
    g_autoptr(Event) event = event_new(&facts);
    g_autofree char *answer = NULL;
    int64_t began = g_get_monotonic_time();
    DeliverBudget budget = {.left_us = 60 * (int64_t)SECOND_US, .tries = 1};
    cr_expect_eq(deliver(&channel, event, &budget, &answer), DELIVERY_AGAIN);
    cr_expect_lt((g_get_monotonic_time() - began) / SECOND_US, 20);
}

/* Somebody listens there and never says a word. */
static unsigned start_silence(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(fd, 64), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

/* Those who are down use up the time of all; then those hang who are to be told of it. */
Test(deliver, news_of_a_channel_have_a_little_time_of_their_own)
{
    static const char *const words[] = {"DIR", "200", NULL};
    static const char *const names[] = {"a", "b", "c", "down", "dead"};
    static const char *const to_down_and_dead[] = {"down", "dead", NULL};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    g_autofree char *silence = g_strdup_printf("http://127.0.0.1:%u/", start_silence());
    AlertChannel channels[G_N_ELEMENTS(names) + 1];
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        channels[i] =
            (AlertChannel){.name = names[i], .type = "webhook", .url = silence, .timeout_s = 60};
    channels[G_N_ELEMENTS(names)] = well_at(&receiver, &url);
    AlertRoute nobody = {0};
    spool_to(&desk, to_down_and_dead, "x");
    cancel_install();
    cr_assert_eq(raise(SIGTERM), 0); /* so that all have 20 s, and one of them 10 s */
    int64_t began = g_get_monotonic_time();
    (void)deliver_along(&desk, channels, G_N_ELEMENTS(channels), &nobody);
    cr_expect_lt((g_get_monotonic_time() - began) / SECOND_US, 40);
    g_autofree char *all = bodies(&receiver);
    expect_holds(all, "lsnchain/alert_undeliverable/down");
    expect_holds(all, "lsnchain/alert_undeliverable/dead");
}

Test(deliver, an_end_for_a_channel_that_is_gone_goes_where_alarms_go)
{
    static const char *const words[] = {"DIR", "200", NULL};
    const EventFacts facts = {
        .type = EVENT_CHAIN_RECOVERED, .instance = "shop", .summary = "it is over"};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    const AlertChannel channels[] = {well_at(&receiver, &url)};
    AlertRoute route = {.critical = to_both + 1};
    g_autoptr(Event) event = event_new(&facts);
    cr_assert(spool_add(desk.spool, event, to_dead, NULL));
    AlertReport report = deliver_along(&desk, channels, 1, &route);
    cr_expect_eq(report.done, 1);
    cr_expect_eq(report.unrouted, 0);
    g_autofree char *all = bodies(&receiver);
    expect_holds(all, "it is over");
}

Test(deliver, a_channel_that_is_gone_closes_what_was_open_of_it)
{
    static const char *const words[] = {"DIR", "200", NULL};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    const AlertChannel channels[] = {dead, well_at(&receiver, &url)};
    AlertRoute route = {.critical = to_both + 1};
    spool_to(&desk, to_both, "x");
    (void)deliver_along(&desk, channels, 2, &route);
    AlertReport report = deliver_along(&desk, channels + 1, 1, &route);
    cr_expect_eq(report.waiting, 0);
    g_autofree char *all = bodies(&receiver);
    expect_holds(all, "alert_recovered");
    g_autofree char *said = warnings();
    expect_holds(said, "the alert channel dead is no more");
    g_autoptr(Incidents) open = incidents_peek(desk.state, INCIDENTS_OF_NONE, NULL);
    cr_expect_eq(incidents_open(open)->len, 0);
}

Test(deliver, when_nobody_is_left_nothing_is_kept_for_ever)
{
    g_auto(Desk) desk = open_desk();
    AlertRoute nobody = {0};
    spool_to(&desk, to_dead, "x");
    AlertReport report = deliver_along(&desk, NULL, 0, &nobody);
    cr_expect_eq(report.unrouted, 1);
    cr_expect_eq(still_spooled(&desk), 0);
}

Test(deliver, a_damaged_list_of_channels_ends_what_may_be_open)
{
    static const char *const words[] = {"DIR", "200", NULL};
    static const char *const to_well[] = {"well", NULL};
    g_auto(Receiver) receiver = start_receiver("http_receiver.py", words);
    g_auto(Desk) desk = open_desk();
    g_autofree char *url = NULL;
    g_autofree char *other_url = NULL;
    AlertChannel channels[] = {well_at(&receiver, &url), well_at(&receiver, &other_url)};
    channels[1].name = "other";
    AlertRoute nobody = {0};
    g_autofree char *path = g_build_filename(desk.state, "incidents.ini", NULL);
    cr_assert(g_file_set_contents(path, "nonsense\n", -1, NULL));
    spool_to(&desk, to_well, "x");
    (void)deliver_along(&desk, channels, 2, &nobody);
    g_autofree char *all = bodies(&receiver);
    expect_holds(all, "alert_recovered");
    expect_holds(all, "lsnchain/alert_undeliverable/well");
    expect_lacks(all, "backup_recovered");
    g_autoptr(Incidents) open = incidents_peek(desk.state, INCIDENTS_OF_NONE, NULL);
    cr_expect_eq(incidents_open(open)->len, 0,
                 "a trouble of an instance is kept where none ends it");
}
