/* SPDX-License-Identifier: MIT */
#include "../fakes/receivers/receiver.h"

#include "base/clock.h"
#include "base/error.h"
#include "catalog/checked.h"

enum { DAY_S = 24 * 3600 };

static const char *const mail_and_hook[] = {"mail", "hook", NULL};
static const char *const mail_only[] = {"mail", NULL};
static const char *const hook_only[] = {"hook", NULL};

static const AlertRoute to_all = {mail_and_hook, mail_and_hook, NULL};

static Incidents *load(const Desk *desk)
{
    g_autofree char *dir = g_build_filename(desk->state, "shop", NULL);
    g_autoptr(GError) error = NULL;
    Incidents *incidents = incidents_load(dir, INCIDENTS_OF_INSTANCE, &error);
    cr_assert_not_null(incidents, "%s", error != NULL ? error->message : "");
    return incidents;
}

/* Each time from the file, as runs do.  How many alerts it made. */
static unsigned raise_along(const Desk *desk, const AlertRoute *route, const EventFacts *facts)
{
    unsigned before = still_spooled(desk);
    EventFacts whole = *facts;
    whole.instance = "shop";
    whole.summary = facts->summary != NULL ? facts->summary : "x";
    g_autoptr(Incidents) incidents = load(desk);
    const AlertDesk one = {desk->spool, incidents, route, DAY_S, NULL};
    cr_assert(alert_raise(&one, &whole, NULL));
    return still_spooled(desk) - before;
}

static unsigned raise_facts(const Desk *desk, const EventFacts *facts)
{
    return raise_along(desk, &to_all, facts);
}

static unsigned raise_event(const Desk *desk, EventType type)
{
    const EventFacts facts = {.type = type};
    return raise_facts(desk, &facts);
}

static unsigned raise_rule(const Desk *desk, const char *rule)
{
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .rule = rule};
    return raise_facts(desk, &facts);
}

static void set_clock(int64_t seconds)
{
    g_autofree char *text = g_strdup_printf("%+" G_GINT64_FORMAT, seconds);
    g_setenv("LSNCHAIN_CLOCK", text, TRUE);
}

/* The newest alert in the spool. */
static Event *last_alert(const Desk *desk, char ***to)
{
    g_autoptr(GPtrArray) entries = spool_entries(desk->spool, NULL);
    cr_assert_gt(entries->len, 0);
    SpoolEntry *entry = entries->pdata[entries->len - 1];
    if (to != NULL)
        *to = g_strdupv(entry->to);
    return g_steal_pointer(&entry->event);
}

static void expect_told(const Desk *desk, const char *names)
{
    g_auto(GStrv) to = NULL;
    g_autoptr(Event) event = last_alert(desk, &to);
    g_autofree char *text = names_text((Names)to);
    cr_expect_str_eq(text, names);
}

static void acknowledge(const Desk *desk, EventType type)
{
    g_autoptr(Incidents) incidents = load(desk);
    incidents_find(incidents, type, "")->acknowledged_at = clock_now();
    cr_assert(incidents_save(incidents, NULL));
}

static void write_incidents(const Desk *desk, const char *body)
{
    g_autofree char *dir = g_build_filename(desk->state, "shop", NULL);
    g_autofree char *path = g_build_filename(dir, "incidents.ini", NULL);
    g_autoptr(GString) file = checked_wrap("incidents", g_string_new(body));
    cr_assert_eq(g_mkdir_with_parents(dir, 0700), 0);
    cr_assert(g_file_set_contents(path, file->str, -1, NULL));
}

/* ---- holding back ---------------------------------------------------------------------------- */

Test(incidents, the_same_again_is_held_back_and_counted_until_it_is_due)
{
    g_auto(Desk) desk = open_desk();
    set_clock(0);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 1);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 0);
    set_clock(3600);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 0);
    {
        g_autoptr(Incidents) incidents = load(&desk);
        cr_expect_eq(incidents_find(incidents, EVENT_BACKUP_FAILED, "")->held, 2);
    }
    set_clock(DAY_S + 60);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 1);
    g_autoptr(Event) again = last_alert(&desk, NULL);
    expect_holds(again->cause, "open since ");
    expect_holds(again->cause, "held back 2 times since");
    g_autoptr(Incidents) incidents = load(&desk);
    cr_expect_eq(incidents_find(incidents, EVENT_BACKUP_FAILED, "")->held, 0);
}

Test(incidents, a_job_of_every_night_that_is_a_little_early_is_not_held_back)
{
    static const struct {
        int64_t later;
        unsigned told;
    } cases[] = {{DAY_S - 3700, 0}, {DAY_S - 3500, 1}, {DAY_S, 1}, {-3600, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Desk) desk = open_desk();
        set_clock(0);
        cr_expect_eq(raise_event(&desk, EVENT_SPACE_LOW), 1);
        set_clock(cases[i].later);
        cr_expect_eq(raise_event(&desk, EVENT_SPACE_LOW), cases[i].told, "case %zu", i);
    }
}

Test(incidents, another_rule_is_news)
{
    g_auto(Desk) desk = open_desk();
    cr_expect_eq(raise_rule(&desk, "lsn-continuity"), 1);
    cr_expect_eq(raise_rule(&desk, "lsn-continuity"), 0);
    cr_expect_eq(raise_rule(&desk, "server-identity"), 1);
    cr_expect_eq(raise_rule(&desk, "server-identity"), 0);
    g_autoptr(Incidents) incidents = load(&desk);
    cr_expect_eq(incidents_open(incidents)->len, 1);
}

Test(incidents, say_since_when_they_are_open)
{
    g_auto(Desk) desk = open_desk();
    set_clock(-DAY_S);
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_BROKEN), 1);
    set_clock(0);
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_BROKEN), 1);
    g_autoptr(Incidents) incidents = load(&desk);
    const Incident *incident = incidents_open(incidents)->pdata[0];
    int64_t age = g_get_real_time() / G_USEC_PER_SEC - incident->since;
    cr_expect(age >= DAY_S && age < DAY_S + 100, "%" G_GINT64_FORMAT, age);
    cr_expect_str_eq(incident->summary, "x");
}

Test(incidents, what_nobody_was_told_is_still_news)
{
    const AlertRoute nobody = {0};
    const EventFacts facts = {.type = EVENT_BACKUP_FAILED};
    g_auto(Desk) desk = open_desk();
    cr_expect_eq(raise_along(&desk, &nobody, &facts), 0);
    cr_expect_eq(raise_along(&desk, &nobody, &facts), 0);
    cr_expect_eq(raise_facts(&desk, &facts), 1);
    cr_expect_eq(raise_facts(&desk, &facts), 0);
}

Test(incidents, an_alarm_that_cannot_be_noted_is_told_and_its_end_is_not)
{
    g_auto(Desk) desk = open_desk();
    const AlertDesk blind = {desk.spool, NULL, &to_all, DAY_S, NULL};
    const EventFacts alarm = {.type = EVENT_BACKUP_FAILED, .instance = "shop", .summary = "x"};
    const EventFacts end = {.type = EVENT_BACKUP_RECOVERED, .instance = "shop", .summary = "x"};
    cr_expect(alert_raise(&blind, &alarm, NULL));
    cr_expect(alert_raise(&blind, &end, NULL));
    cr_expect_eq(still_spooled(&desk), 1);
    expect_told(&desk, "mail, hook");
}

Test(incidents, count_as_firing_until_two_repeats_were_missed)
{
    g_auto(Desk) desk = open_desk();
    set_clock(0);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 1);
    g_autoptr(Event) alarm = last_alert(&desk, NULL);
    int64_t fires = alarm->fires_until - alarm->timestamp;
    cr_expect(fires >= 2 * DAY_S + 3600 - 5 && fires <= 2 * DAY_S + 3600, "%" G_GINT64_FORMAT,
              fires);
}

/* ---- acknowledging --------------------------------------------------------------------------- */

Test(incidents, an_acknowledged_one_is_quiet_until_it_ends_or_is_another)
{
    g_auto(Desk) desk = open_desk();
    set_clock(0);
    cr_expect_eq(raise_rule(&desk, "lsn-continuity"), 1);
    acknowledge(&desk, EVENT_CHAIN_BROKEN);
    set_clock(10 * DAY_S);
    cr_expect_eq(raise_rule(&desk, "lsn-continuity"), 0);
    cr_expect_eq(raise_rule(&desk, "server-identity"), 1);
    set_clock(20 * DAY_S);
    cr_expect_eq(raise_rule(&desk, "server-identity"), 1, "that one nobody acknowledged");
    acknowledge(&desk, EVENT_CHAIN_BROKEN);
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_RECOVERED), 1);
    cr_expect_eq(raise_rule(&desk, "server-identity"), 1);
}

Test(incidents, an_acknowledged_one_that_strikes_another_backup_is_told_when_a_repeat_is_due)
{
    EventFacts facts = {.type = EVENT_PROOF_FAILED, .rule = "proof", .backup = "A"};
    g_auto(Desk) desk = open_desk();
    set_clock(0);
    cr_expect_eq(raise_facts(&desk, &facts), 1);
    acknowledge(&desk, EVENT_PROOF_FAILED);
    set_clock(2 * DAY_S);
    cr_expect_eq(raise_facts(&desk, &facts), 0);
    facts.backup = "B";
    cr_expect_eq(raise_facts(&desk, &facts), 1);
    set_clock(2 * DAY_S + 60);
    facts.backup = "C";
    cr_expect_eq(raise_facts(&desk, &facts), 0);
}

/* ---- recovering ------------------------------------------------------------------------------ */

Test(incidents, a_recovery_goes_out_once_and_only_while_something_is_open)
{
    g_auto(Desk) desk = open_desk();
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_RECOVERED), 0);
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_BROKEN), 1);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_RECOVERED), 0);
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_RECOVERED), 1);
    cr_expect_eq(raise_event(&desk, EVENT_CHAIN_RECOVERED), 0);
}

Test(incidents, every_alarm_has_an_end_with_its_own_key)
{
    for (EventType type = 0; type < EVENT_TYPES; type++) {
        if (!event_opens(type) || type == EVENT_ALERT_UNDELIVERABLE)
            continue;
        g_auto(Desk) desk = open_desk();
        cr_expect_eq(raise_event(&desk, type), 1, "%s", event_word(type));
        g_autoptr(Event) alarm = last_alert(&desk, NULL);
        cr_expect_eq(raise_event(&desk, event_ended_by(type)), 1, "%s", event_word(type));
        g_autoptr(Event) end = last_alert(&desk, NULL);
        cr_expect_eq(end->severity, SEVERITY_RECOVERY);
        cr_expect_str_eq(end->incident, alarm->incident);
        expect_holds(end->summary, event_word(type));
        g_autoptr(Incidents) incidents = load(&desk);
        cr_expect_eq(incidents_open(incidents)->len, 0, "%s", event_word(type));
    }
}

Test(incidents, one_recovery_for_each_that_ends)
{
    g_auto(Desk) desk = open_desk();
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 1);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_OVERDUE), 1);
    cr_expect_eq(raise_event(&desk, EVENT_PROOF_FAILED), 1);
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_RECOVERED), 2);
    g_autoptr(Event) last = last_alert(&desk, NULL);
    cr_expect(g_str_has_suffix(last->incident, "/backup_overdue") ||
              g_str_has_suffix(last->incident, "/backup_failed"));
    g_autoptr(Incidents) incidents = load(&desk);
    cr_assert_eq(incidents_open(incidents)->len, 1);
    const Incident *left = incidents_open(incidents)->pdata[0];
    cr_expect_eq(left->type, EVENT_PROOF_FAILED);
}

Test(incidents, the_summary_of_a_recovery_fits_whatever_it_tells)
{
    g_autofree char *endless = g_strnfill(500, 'x');
    const EventFacts facts = {.type = EVENT_BACKUP_RECOVERED, .summary = endless};
    g_auto(Desk) desk = open_desk();
    cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 1);
    cr_expect_eq(raise_facts(&desk, &facts), 1);
    g_autoptr(Event) end = last_alert(&desk, NULL);
    cr_expect_leq(g_utf8_strlen(end->summary, -1), EVENT_SUMMARY_CHARACTERS);
}

Test(incidents, a_recovery_goes_to_those_that_got_the_alarm)
{
    static const struct {
        AlertRoute alarm, end;
        const char *told;
    } cases[] = {
        {{.critical = mail_and_hook}, {mail_and_hook, NULL, hook_only}, "hook"},
        {{.critical = mail_and_hook}, {NULL, mail_only, hook_only}, "hook"},
        {{.critical = mail_only}, {hook_only, NULL, hook_only}, "mail"}, /* it is hook now */
        {{.critical = mail_and_hook}, {.recovery = NULL}, "mail, hook"},
        {{.critical = mail_only}, {.critical = mail_and_hook}, "mail"},
        {{.critical = hook_only}, {.recovery = mail_and_hook}, "hook"},
    };
    const EventFacts alarm = {.type = EVENT_BACKUP_FAILED};
    const EventFacts end = {.type = EVENT_BACKUP_RECOVERED};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Desk) desk = open_desk();
        cr_expect_eq(raise_along(&desk, &cases[i].alarm, &alarm), 1);
        cr_expect_eq(raise_along(&desk, &cases[i].end, &end), 1, "case %zu", i);
        expect_told(&desk, cases[i].told);
    }
    g_auto(Desk) desk = open_desk();
    const AlertRoute apart = {.critical = mail_only, .recovery = hook_only};
    cr_expect_eq(raise_along(&desk, &apart, &alarm), 1);
    cr_expect_eq(raise_along(&desk, &apart, &end), 0, "hook never heard of it");
}

Test(incidents, who_got_any_of_the_alarms_is_told_of_the_end)
{
    const AlertRoute first = {.critical = mail_only};
    const AlertRoute second = {.critical = hook_only};
    const EventFacts one = {.type = EVENT_CHAIN_BROKEN, .rule = "lsn-order"};
    const EventFacts other = {.type = EVENT_CHAIN_BROKEN, .rule = "frame"};
    const EventFacts end = {.type = EVENT_CHAIN_RECOVERED};
    g_auto(Desk) desk = open_desk();
    cr_expect_eq(raise_along(&desk, &first, &one), 1);
    cr_expect_eq(raise_along(&desk, &second, &other), 1);
    cr_expect_eq(raise_along(&desk, &second, &end), 1);
    expect_told(&desk, "mail, hook");
}

/* ---- the file -------------------------------------------------------------------------------- */

Test(incidents, come_back_from_the_file_as_they_were)
{
    g_auto(Desk) desk = open_desk();
    {
        g_autoptr(Incidents) incidents = load(&desk);
        Incident *incident = incidents_take(incidents, EVENT_ALERT_UNDELIVERABLE, "mail");
        incident->since = 1795312800;
        incident->told_at = 1795312900;
        incident->acknowledged_at = 1795313000;
        incident->held = 7;
        incident->channels = names_join(mail_and_hook, NULL);
        g_free(incident->rule);
        incident->rule = g_strdup("lsn-order; # and = more");
        (void)incidents_take(incidents, EVENT_SPACE_LOW, "");
        cr_assert(incidents_save(incidents, NULL));
    }
    g_autoptr(Incidents) incidents = load(&desk);
    cr_assert_eq(incidents_open(incidents)->len, 2);
    const Incident *same = incidents_find(incidents, EVENT_ALERT_UNDELIVERABLE, "mail");
    cr_assert_not_null(same);
    cr_expect_eq(same->since, 1795312800);
    cr_expect_eq(same->told_at, 1795312900);
    cr_expect_eq(same->acknowledged_at, 1795313000);
    cr_expect_eq(same->held, 7);
    cr_expect_str_eq(same->rule, "lsn-order; # and = more");
    cr_expect(g_strv_equal((Names)same->channels, mail_and_hook));
    cr_expect_null(incidents_find(incidents, EVENT_SPACE_LOW, "")->channels);
    cr_expect_eq(log_warnings()->len, 0);
}

Test(incidents, a_file_of_an_older_version_is_read_and_its_end_goes_along_the_route)
{
    g_auto(Desk) desk = open_desk();
    const AlertRoute route = {.critical = mail_only, .recovery = hook_only};
    const EventFacts end = {.type = EVENT_BACKUP_RECOVERED};
    write_incidents(&desk, "format = 1\n\n[backup_failed]\nsince = 2026-11-22T02:00:00Z\n"
                           "summary = it failed\n");
    cr_expect_eq(raise_along(&desk, &route, &end), 1);
    expect_told(&desk, "hook");
    g_autoptr(Event) event = last_alert(&desk, NULL);
    expect_holds(event->summary, "backup_failed of 2026-11-22T02:00:00Z is over");
    cr_expect_eq(log_warnings()->len, 0);
}

Test(incidents, a_file_of_a_later_version_is_read_as_far_as_it_is_known)
{
    g_auto(Desk) desk = open_desk();
    write_incidents(&desk, "format = 1\n\n[backup_failed]\nsince = 2026-11-22T02:00:00Z\n"
                           "told_at = 2026-11-22T02:00:00Z\ncolour = red\n");
    g_autoptr(Incidents) incidents = load(&desk);
    cr_expect_eq(incidents_open(incidents)->len, 1);
    cr_expect_eq(log_warnings()->len, 0);
}

Test(incidents, a_damaged_file_is_reported_and_loses_no_recovery)
{
    static const char *const damaged[] = {
        "",
        "[incidents]\n",
        "[incidents]\nchecksum = 0\nformat = 1\n",
        "[backup_failed]\nsince = 2026-11-22T02:00:00Z\nsummary = no checksum above\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_auto(Desk) desk = open_desk();
        (void)raise_event(&desk, EVENT_CHAIN_BROKEN);
        g_autofree char *path = g_build_filename(desk.state, "shop/incidents.ini", NULL);
        cr_assert(g_file_set_contents(path, damaged[i], -1, NULL));
        log_reset();
        cr_expect_eq(raise_event(&desk, EVENT_BACKUP_FAILED), 1);
        cr_expect_eq(log_warnings()->len, 1, "%s", damaged[i]);
        cr_expect_eq(raise_event(&desk, EVENT_CHAIN_RECOVERED), 1, "%s", damaged[i]);
        cr_expect_eq(raise_event(&desk, EVENT_CHAIN_RECOVERED), 0, "%s", damaged[i]);
        cr_expect_eq(raise_event(&desk, EVENT_PROOF_RECOVERED), 2, "%s", damaged[i]);
        cr_expect_eq(log_warnings()->len, 1, "%s", damaged[i]);
    }
    static const char *const senseless[] = {
        "format = 1\n\n[backup_failed]\nsince = soon\n",
        "format = 1\n\n[backup_failed]\nheld = -1\n",
        "format = 1\n\n[backup_recovered]\n",
        "format = 1\n\n[coffee_cold]\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(senseless); i++) {
        g_auto(Desk) desk = open_desk();
        log_reset();
        write_incidents(&desk, senseless[i]);
        g_autoptr(Incidents) incidents = load(&desk);
        cr_expect_eq(log_warnings()->len, 1, "%s", senseless[i]);
        cr_expect_not_null(incidents_find(incidents, EVENT_PROOF_FAILED, ""));
    }
}

Test(incidents, who_only_looks_makes_nothing)
{
    g_auto(Desk) desk = open_desk();
    g_autofree char *dir = g_build_filename(desk.state, "shop", NULL);
    g_autoptr(Incidents) incidents = incidents_peek(dir, INCIDENTS_OF_INSTANCE, NULL);
    cr_assert_not_null(incidents);
    cr_expect_eq(incidents_open(incidents)->len, 0);
    cr_expect_neq(access(dir, F_OK), 0);
}

Test(incidents, are_changed_by_one_run_after_the_other)
{
    g_auto(Desk) desk = open_desk();
    int start_it[2];
    char byte = 'x';
    cr_assert_eq(pipe(start_it), 0);
    pid_t other = fork();
    if (other == 0) { /* waits for our lock, then opens its own */
        (void)!read(start_it[0], &byte, 1);
        (void)raise_event(&desk, EVENT_SPACE_LOW);
        _exit(0);
    }
    g_autoptr(Incidents) mine = load(&desk);
    cr_assert_eq(write(start_it[1], &byte, 1), 1);
    g_usleep(300000);
    (void)incidents_take(mine, EVENT_CLOCK_MOVED, "");
    cr_assert(incidents_save(mine, NULL));
    g_clear_pointer(&mine, incidents_free);
    int status = -1;
    cr_assert_eq(waitpid(other, &status, 0), other);
    g_autoptr(Incidents) both = load(&desk);
    cr_expect_not_null(incidents_find(both, EVENT_CLOCK_MOVED, ""));
    cr_expect_not_null(incidents_find(both, EVENT_SPACE_LOW, ""));
}
