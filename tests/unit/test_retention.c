/* SPDX-License-Identifier: MIT */
#include "model/retention.h"

#include "base/clock.h"
#include "model/chain.h"
#include "sample.h"

static const RetentionRules none_but_two = {.keep_chains = 2, .keep_quarantined = 30 * SAMPLE_DAY};

static void prove(Backup *backup, int64_t at)
{
    backup->proof = PROOF_PREPARE;
    backup->proof_at = backup->files_at = at;
}

/* A full and its incrementals, a day apart, each proven. */
static Backup *add_chain(GPtrArray *backups, int64_t start, int incrementals)
{
    Backup *full = sample_add(backups, start, NULL);
    Backup *link = full;
    prove(full, start + 60);
    for (int i = 1; i <= incrementals; i++) {
        link = sample_add(backups, start + i * SAMPLE_DAY, link);
        prove(link, start + i * SAMPLE_DAY + 60);
    }
    return full;
}

static Backup *weeks_later(GPtrArray *backups, int weeks)
{
    return add_chain(backups, SAMPLE_SUNDAY + weeks * 7 * SAMPLE_DAY, 6);
}

static Backup *nth_link(const GPtrArray *backups, const Backup *full, guint n)
{
    g_autoptr(GPtrArray) chains = chain_all(backups);
    for (guint i = 0; i < chains->len; i++) {
        const Chain *chain = chains->pdata[i];
        if (g_str_equal(chain->id, full->id))
            return chain->links->pdata[n];
    }
    return NULL;
}

static RetentionFacts right_after(const GPtrArray *backups)
{
    const Backup *newest = backups->pdata[backups->len - 1];
    return (RetentionFacts){.now = newest->finished + 60};
}

static const Fate *fate_of(const Retention *retention, const Backup *backup)
{
    for (guint i = 0; i < retention->fates->len; i++) {
        const Fate *fate = retention->fates->pdata[i];
        if (fate->backup == backup)
            return fate;
    }
    cr_assert_fail("no fate of %s", backup->id);
    return NULL;
}

static void expect_fate(const Retention *retention, const Backup *backup, gboolean kept,
                        const char *rule)
{
    const Fate *fate = fate_of(retention, backup);
    cr_expect(fate->kept == kept, "%s: kept is %d", backup->id, fate->kept);
    cr_expect_str_eq(fate->rule, rule);
    cr_expect(fate->sentence != NULL && *fate->sentence != '\0');
}

static void expect(const GPtrArray *backups, const RetentionRules *rules, const Backup *backup,
                   gboolean kept, const char *rule)
{
    RetentionFacts facts = right_after(backups);
    g_auto(Retention) retention = retention_judge(backups, rules, &facts);
    expect_fate(&retention, backup, kept, rule);
}

/* ---- each rule ------------------------------------------------------------------------------- */

Test(retention, keeps_the_newest_chains_and_lets_older_ones_go_whole)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *second = weeks_later(backups, 1);
    const Backup *third = weeks_later(backups, 2);
    for (guint i = 0; i < 7; i++) {
        expect(backups, &none_but_two, nth_link(backups, first, i), FALSE, "no-rule");
        expect(backups, &none_but_two, nth_link(backups, second, i), TRUE, "keep_chains");
        expect(backups, &none_but_two, nth_link(backups, third, i), TRUE, "newest-chain");
    }
}

Test(retention, finds_the_fate_of_each_backup_by_its_id)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    weeks_later(backups, 0);
    weeks_later(backups, 1);
    RetentionFacts facts = right_after(backups);
    g_auto(Retention) retention = retention_judge(backups, &none_but_two, &facts);
    for (guint i = 0; i < backups->len; i++) {
        const Backup *backup = backups->pdata[i];
        cr_expect_eq(retention_find(&retention, backup->id), fate_of(&retention, backup));
    }
    cr_expect_null(retention_find(&retention, "20000101T000000Z-full"));
    cr_expect_null(retention_find(&retention, "20260101T000000Z-none"));
    cr_expect_null(retention_find(&retention, "99990101T000000Z-full"));
}

Test(retention, removes_nothing_when_no_rule_is_set)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 1);
    const RetentionRules off = {.keep_proven = 1, .keep_quarantined = 1};
    expect(backups, &off, first, TRUE, "no-keep-rule");
    cr_expect_not(retention_asks(&off));
    cr_expect(retention_asks(&none_but_two));
}

Test(retention, keeps_every_backup_that_is_younger_than_the_days)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *second = weeks_later(backups, 1);
    weeks_later(backups, 2);
    RetentionRules rules = {.keep_days = 7}; /* the newest is day 20; the second chain ends at 13 */
    expect(backups, &rules, nth_link(backups, second, 6), TRUE, "keep_days");
    expect(backups, &rules, nth_link(backups, second, 5), TRUE, "needed");
    expect(backups, &rules, nth_link(backups, first, 6), FALSE, "no-rule");
    rules.keep_days = 6;
    expect(backups, &rules, nth_link(backups, second, 6), FALSE, "no-rule");
}

Test(retention, keeps_what_there_is_of_each_of_the_days_although_it_does_not_restore)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    Backup *bad = nth_link(backups, first, 6); /* of another day than the first link of the next */
    backup_quarantine(bad, "proof", "bad", SAMPLE_SUNDAY - 300 * SAMPLE_DAY);
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    RetentionRules rules = {.keep_days = 14};
    expect(backups, &rules, bad, TRUE, "only-copy");
    rules.keep_days = 13;
    expect(backups, &rules, bad, FALSE, "no-rule");
    sample_add(backups, SAMPLE_SUNDAY + 6 * SAMPLE_DAY + 60, nth_link(backups, first, 5));
    rules.keep_days = 14;
    expect(backups, &rules, bad, FALSE, "quarantine-over");
}

Test(retention, counts_days_from_the_newest_backup_and_not_from_a_clock)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 1);
    const RetentionRules rules = {.keep_days = 8};
    for (int days = 0; days < 10; days++) {
        RetentionFacts facts = right_after(backups);
        facts.now += days * SAMPLE_DAY;
        g_auto(Retention) retention = retention_judge(backups, &rules, &facts);
        expect_fate(&retention, nth_link(backups, first, 6), TRUE, "keep_days");
    }
}

Test(retention, keeps_a_chain_whole_of_which_a_rule_keeps_one_link)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0); /* 22 to 28 November */
    weeks_later(backups, 3);
    const RetentionRules rules = {.keep_monthly = 2};
    backup_quarantine(nth_link(backups, first, 6), "proof", "bad", SAMPLE_SUNDAY);
    expect(backups, &rules, nth_link(backups, first, 5), TRUE, "keep_monthly");
    expect(backups, &rules, nth_link(backups, first, 4), TRUE, "needed");
    prove(nth_link(backups, first, 3), SAMPLE_SUNDAY);
    nth_link(backups, first, 5)->proof = nth_link(backups, first, 4)->proof = PROOF_NONE;
    expect(backups, &rules, nth_link(backups, first, 3), TRUE, "keep_monthly");
    expect(backups, &rules, nth_link(backups, first, 5), TRUE, "whole-chain");
}

/* Each row: two moments, and whether a rule takes them for the same period. */
Test(retention, begins_weeks_on_monday_and_all_periods_at_midnight_utc)
{
    static const struct {
        const char *earlier;
        const char *later;
        gboolean same_week;
        gboolean same_month;
        gboolean same_year;
    } cases[] = {
        {"2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", FALSE, TRUE, TRUE},
        {"2026-11-23T00:00:00Z", "2026-11-29T23:59:59Z", TRUE, TRUE, TRUE},
        {"2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", TRUE, FALSE, TRUE},
        {"2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", TRUE, FALSE, FALSE},
        {"2027-01-03T23:59:59Z", "2027-01-04T00:00:00Z", FALSE, TRUE, TRUE},
        {"2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z", TRUE, FALSE, TRUE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t moments[3] = {0};
        cr_assert(clock_parse(cases[i].earlier, &moments[0]));
        cr_assert(clock_parse(cases[i].later, &moments[1]));
        moments[2] = moments[1] + 400 * SAMPLE_DAY;
        g_autoptr(GPtrArray) backups = sample_backups();
        for (int j = 0; j < 3; j++) {
            Backup *full = sample_add(backups, moments[j], NULL);
            full->data_until = moments[j];
            prove(full, moments[j] + 60);
        }
        RetentionFacts facts = right_after(backups);
        const RetentionRules rules[] = {
            {.keep_weekly = 2}, {.keep_monthly = 2}, {.keep_yearly = 2}};
        const gboolean same[] = {cases[i].same_week, cases[i].same_month, cases[i].same_year};
        for (int j = 0; j < 3; j++) {
            /* the last one is one period, so of the two before only the later one is kept */
            RetentionFacts sane = facts;
            g_auto(Retention) retention = retention_judge(backups, &rules[j], &sane);
            const Fate *later = retention.fates->pdata[1];
            cr_expect(later->kept);
            RetentionRules three = rules[j];
            three.keep_weekly += rules[j].keep_weekly > 0;
            three.keep_monthly += rules[j].keep_monthly > 0;
            three.keep_yearly += rules[j].keep_yearly > 0;
            g_auto(Retention) more = retention_judge(backups, &three, &sane);
            cr_expect(more.due == (same[j] ? 1 : 0), "%s and %s, rule %d", cases[i].earlier,
                      cases[i].later, j);
        }
    }
}

/* One full in each period; so many of them are kept as the rule says, the newest. */
Test(retention, keeps_one_backup_of_each_of_so_many_periods_and_no_more)
{
    static const struct {
        int days;
        RetentionRules rules;
    } cases[] = {
        {7, {.keep_weekly = 3}},
        {31, {.keep_monthly = 3}},
        {366, {.keep_yearly = 3}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) backups = sample_backups();
        for (int j = 0; j < 6; j++)
            add_chain(backups, SAMPLE_SUNDAY + j * cases[i].days * SAMPLE_DAY, 0);
        RetentionFacts facts = right_after(backups);
        g_auto(Retention) retention = retention_judge(backups, &cases[i].rules, &facts);
        for (guint j = 0; j < 6; j++)
            cr_expect(((Fate *)retention.fates->pdata[j])->kept == (j >= 3),
                      "%u of periods of %d days", j, cases[i].days);
    }
}

Test(retention, takes_the_newest_proven_of_a_period_before_a_newer_one_that_is_not)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *monday = sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY, NULL);
    Backup *tuesday = sample_add(backups, SAMPLE_SUNDAY + 2 * SAMPLE_DAY, NULL);
    Backup *wednesday = sample_add(backups, SAMPLE_SUNDAY + 3 * SAMPLE_DAY, NULL);
    weeks_later(backups, 2);
    prove(monday, SAMPLE_SUNDAY + 2 * SAMPLE_DAY);
    prove(tuesday, SAMPLE_SUNDAY + 2 * SAMPLE_DAY);
    const RetentionRules rules = {.keep_weekly = 3};
    expect(backups, &rules, tuesday, TRUE, "keep_weekly");
    expect(backups, &rules, monday, FALSE, "no-rule");
    expect(backups, &rules, wednesday, FALSE, "no-rule");
}

Test(retention, counts_only_periods_and_chains_that_have_something_to_restore)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *good = weeks_later(backups, 0);
    for (int week = 1; week < 4; week++)
        backup_quarantine(weeks_later(backups, week), "proof", "bad", SAMPLE_SUNDAY);
    weeks_later(backups, 4);
    RetentionRules rules = {.keep_weekly = 3};
    expect(backups, &rules, nth_link(backups, good, 6), TRUE, "keep_weekly");
    expect(backups, &none_but_two, good, TRUE, "keep_chains");
}

Test(retention, keeps_as_many_proven_chains_as_it_is_told)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *second = weeks_later(backups, 1);
    weeks_later(backups, 2);
    RetentionRules rules = {.keep_chains = 1, .keep_proven = 2};
    expect(backups, &rules, second, TRUE, "keep_proven");
    expect(backups, &rules, first, FALSE, "no-rule");
    for (guint i = 0; i < 7; i++)
        nth_link(backups, second, i)->proof = PROOF_FILES;
    expect(backups, &rules, first, TRUE, "keep_proven");
    expect(backups, &rules, second, FALSE, "no-rule");
}

/* ---- quarantine ------------------------------------------------------------------------------ */

Test(retention, keeps_what_is_quarantined_for_its_time_and_its_chain_with_it)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    RetentionFacts facts = right_after(backups);
    Backup *bad = nth_link(backups, first, 3);
    backup_quarantine(bad, "proof", "bad", facts.now - 30 * SAMPLE_DAY + 1);
    expect(backups, &none_but_two, bad, TRUE, "keep_quarantined");
    expect(backups, &none_but_two, nth_link(backups, first, 6), TRUE, "keep_quarantined");
    expect(backups, &none_but_two, nth_link(backups, first, 2), TRUE, "needed");
    bad->quarantined_at--;
    for (guint i = 0; i < 7; i++)
        expect(backups, &none_but_two, nth_link(backups, first, i), FALSE, "no-rule");
}

Test(retention, lets_a_quarantined_tail_go_out_of_a_chain_that_stays)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 1);
    Backup *bad = nth_link(backups, first, 4);
    backup_quarantine(bad, "proof", "bad", SAMPLE_SUNDAY - 30 * SAMPLE_DAY);
    expect(backups, &none_but_two, nth_link(backups, first, 3), TRUE, "keep_chains");
    expect(backups, &none_but_two, bad, FALSE, "quarantine-over");
    expect(backups, &none_but_two, nth_link(backups, first, 6), FALSE, "quarantine-over");
    nth_link(backups, first, 6)->quarantined_at = SAMPLE_SUNDAY + 13 * SAMPLE_DAY;
    expect(backups, &none_but_two, bad, TRUE, "needed");
}

Test(retention, never_lets_the_only_copy_of_a_restore_point_go)
{
    const int64_t long_ago = SAMPLE_SUNDAY - 300 * SAMPLE_DAY;
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *full = weeks_later(backups, 1);
    backup_quarantine(nth_link(backups, full, 0), "proof", "bad", long_ago);
    Backup *bad = nth_link(backups, first, 6);
    backup_quarantine(bad, "proof", "bad", long_ago);
    g_autoptr(GPtrArray) doomed = g_ptr_array_new();
    g_ptr_array_add(doomed, bad);
    RetentionFacts facts = right_after(backups);
    g_autoptr(GPtrArray) floors = retention_floors(backups, doomed, &none_but_two, &facts);
    cr_assert(floors->len == 1);
    cr_expect_str_eq(((Fate *)floors->pdata[0])->rule, "only-copy");

    /* of a month that is to be kept */
    weeks_later(backups, 5);
    backup_quarantine(nth_link(backups, first, 0), "proof", "bad", long_ago);
    const RetentionRules monthly = {.keep_monthly = 3};
    expect(backups, &monthly, nth_link(backups, full, 1), TRUE, "only-copy");
}

Test(retention, lets_the_record_of_a_missing_backup_go_with_its_chain)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 9);
    weeks_later(backups, 10);
    first->state = STATE_MISSING;
    expect(backups, &none_but_two, first, FALSE, "no-rule");
    expect(backups, &none_but_two, nth_link(backups, first, 6), FALSE, "no-rule");
}

Test(retention, keeps_no_record_of_a_missing_backup_for_the_sake_of_its_week)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *gone = sample_add(backups, SAMPLE_SUNDAY, NULL);
    gone->state = STATE_MISSING;
    gone->quarantined_at = SAMPLE_SUNDAY - 300 * SAMPLE_DAY;
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    const RetentionRules rules = {.keep_weekly = 9};
    expect(backups, &rules, gone, FALSE, "no-rule");
}

Test(retention, says_only_copy_of_newer_data_that_hangs_on_an_older_chain)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    Backup *late =
        sample_add(backups, SAMPLE_SUNDAY + 21 * SAMPLE_DAY, nth_link(backups, first, 6));
    backup_quarantine(late, "proof", "bad", SAMPLE_SUNDAY - 300 * SAMPLE_DAY);
    expect(backups, &none_but_two, late, TRUE, "only-copy");
    expect(backups, &none_but_two, first, TRUE, "needed");
}

/* ---- floors ---------------------------------------------------------------------------------- */

Test(retention, never_touches_a_pinned_chain)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    Backup *bad = nth_link(backups, first, 5);
    backup_quarantine(bad, "proof", "bad", SAMPLE_SUNDAY - 300 * SAMPLE_DAY);
    nth_link(backups, first, 2)->pinned = TRUE;
    for (guint i = 0; i < 7; i++)
        expect(backups, &none_but_two, nth_link(backups, first, i), TRUE, "pinned");
}

Test(retention, never_touches_the_newest_proven_chain)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    for (int week = 1; week < 4; week++) {
        const Backup *full = weeks_later(backups, week);
        for (guint i = 0; i < 7; i++)
            nth_link(backups, full, i)->proof = PROOF_FILES;
    }
    expect(backups, &none_but_two, first, TRUE, "newest-proven");
}

Test(retention, keeps_both_the_newest_proof_and_the_newest_that_still_counts)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *second = weeks_later(backups, 1);
    for (int week = 2; week < 5; week++) {
        const Backup *full = weeks_later(backups, week);
        for (guint i = 0; i < 7; i++)
            nth_link(backups, full, i)->proof = PROOF_FILES;
    }
    RetentionFacts facts = right_after(backups);
    facts.read_since = facts.now - SAMPLE_DAY;
    for (guint i = 0; i < 7; i++)
        nth_link(backups, first, i)->files_at = facts.now; /* read again */
    g_auto(Retention) retention = retention_judge(backups, &none_but_two, &facts);
    expect_fate(&retention, first, TRUE, "newest-proven");
    expect_fate(&retention, second, TRUE, "newest-proven");
}

Test(retention, never_touches_the_chain_of_the_newest_data_that_restores)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *first = weeks_later(backups, 0);
    first->proof = PROOF_NONE;
    weeks_later(backups, 1);
    const Backup *newest = weeks_later(backups, 2);
    const Backup *middle = nth_link(backups, newest, 0);
    sample_add(backups, SAMPLE_SUNDAY + 30 * SAMPLE_DAY, nth_link(backups, first, 6));
    const RetentionRules rules = {.keep_yearly = 1};
    expect(backups, &rules, first, TRUE, "newest-restorable");
    expect(backups, &rules, middle, TRUE, "newest-chain");
}

static void expect_withheld(const GPtrArray *backups, const RetentionRules *rules,
                            const RetentionFacts *facts, const char *rule, gboolean alarming)
{
    g_auto(Retention) retention = retention_judge(backups, rules, facts);
    cr_assert_not_null(retention.rule, "%s withholds nothing", rule);
    cr_expect_str_eq(retention.rule, rule);
    cr_expect(retention.alarming == alarming);
    cr_expect(retention.due > 0, "%s: nothing would be due", rule);
    for (guint i = 0; i < retention.fates->len; i++)
        cr_expect(((Fate *)retention.fates->pdata[i])->kept);
}

Test(retention, removes_nothing_while_the_newest_chain_is_unproven_and_a_proof_is_asked_for)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    weeks_later(backups, 0);
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    const Backup *newest = weeks_later(backups, 3);
    for (guint i = 0; i < 7; i++)
        nth_link(backups, newest, i)->proof = PROOF_FILES;
    RetentionFacts facts = right_after(backups);
    const RetentionRules rules = {.keep_chains = 1, .keep_proven = 1};
    const RetentionRules careless = {.keep_chains = 1};
    expect_withheld(backups, &rules, &facts, "newest-unproven", FALSE);
    expect(backups, &careless, backups->pdata[0], FALSE, "no-rule");
    prove(nth_link(backups, newest, 0), facts.now);
    expect(backups, &rules, backups->pdata[0], FALSE, "no-rule");

    facts.read_since = facts.now; /* as `status` has it: read at that very second counts */
    g_auto(Retention) just = retention_judge(backups, &rules, &facts);
    cr_expect_null(just.withheld);
    facts.read_since++;
    expect_withheld(backups, &rules, &facts, "newest-unproven", FALSE);
}

Test(retention, removes_nothing_after_a_failure_whoever_noticed_it)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    weeks_later(backups, 0);
    weeks_later(backups, 1);
    const Backup *full = weeks_later(backups, 2);
    RetentionFacts facts = right_after(backups);
    facts.trouble_rule = "failed-run";
    facts.trouble = "the last run failed";
    expect_withheld(backups, &none_but_two, &facts, "failed-run", TRUE);
    facts.trouble = facts.trouble_rule = NULL;
    Backup *newest = nth_link(backups, full, 6);
    newest->proof_failed = PROOF_SERVER;
    expect_withheld(backups, &none_but_two, &facts, "failed-run", TRUE);
    newest->proof_failed = PROOF_NONE;
    backup_quarantine(newest, "proof", "bad", facts.now);
    expect_withheld(backups, &none_but_two, &facts, "failed-run", TRUE);
}

Test(retention, removes_nothing_while_the_clock_looks_wrong)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    weeks_later(backups, 0);
    weeks_later(backups, 1);
    weeks_later(backups, 2);
    RetentionFacts facts = right_after(backups);
    const int64_t now = facts.now;
    int64_t newest = 0;
    BackupType type = BACKUP_FULL;
    cr_assert(backup_parse_id(((Backup *)backups->pdata[20])->id, &newest, &type));
    facts.now = newest + 10 * SAMPLE_DAY + 1;
    expect_withheld(backups, &none_but_two, &facts, "clock", TRUE);
    facts.now = newest - 1;
    expect_withheld(backups, &none_but_two, &facts, "clock", TRUE);
    facts.now = newest + 10 * SAMPLE_DAY;
    g_auto(Retention) fine = retention_judge(backups, &none_but_two, &facts);
    cr_expect_null(fine.withheld);

    /* the backup itself was taken by the wrong clock */
    Backup *wrong = sample_add(backups, now + 365 * SAMPLE_DAY, NULL);
    facts = right_after(backups);
    expect_withheld(backups, &none_but_two, &facts, "clock", TRUE);
    sample_add(backups, now + 366 * SAMPLE_DAY, wrong);
    facts = right_after(backups);
    g_auto(Retention) later = retention_judge(backups, &none_but_two, &facts);
    cr_expect_null(later.withheld);
}

Test(retention, takes_a_pause_for_a_wrong_clock_only_after_ten_times_the_usual_or_ten_days)
{
    static const int64_t gaps[] = {3600, 7 * SAMPLE_DAY};
    static const int64_t pauses[] = {10 * SAMPLE_DAY, 70 * SAMPLE_DAY};
    for (size_t i = 0; i < G_N_ELEMENTS(gaps); i++) {
        g_autoptr(GPtrArray) backups = sample_backups();
        for (int j = 0; j < 8; j++)
            add_chain(backups, SAMPLE_SUNDAY + j * gaps[i], 0);
        RetentionFacts facts = {.now = SAMPLE_SUNDAY + 7 * gaps[i] + pauses[i]};
        g_auto(Retention) fine = retention_judge(backups, &none_but_two, &facts);
        cr_expect_null(fine.withheld, "%s", fine.withheld);
        facts.now++;
        expect_withheld(backups, &none_but_two, &facts, "clock", TRUE);
    }
}

/* The rules of the floors that removing this one would break, in their order; "" for none. */
static char *floors_of(const GPtrArray *backups, const Backup *backup)
{
    RetentionFacts facts = right_after(backups);
    g_autoptr(GPtrArray) doomed = g_ptr_array_new();
    g_ptr_array_add(doomed, (gpointer)(uintptr_t)backup);
    g_autoptr(GPtrArray) floors = retention_floors(backups, doomed, &none_but_two, &facts);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < floors->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", ((Fate *)floors->pdata[i])->rule);
    return g_string_free(text, FALSE);
}

Test(retention, holds_the_newest_data_and_the_newest_proof_from_a_removal_by_hand)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *second = weeks_later(backups, 1);
    const Backup *third = weeks_later(backups, 2);
    sample_add(backups, SAMPLE_SUNDAY + 22 * SAMPLE_DAY, nth_link(backups, first, 6));
    for (guint i = 0; i < 7; i++)
        nth_link(backups, third, i)->proof = PROOF_FILES;
    g_autofree char *data = floors_of(backups, first);
    g_autofree char *proof = floors_of(backups, nth_link(backups, second, 1));
    g_autofree char *newest = floors_of(backups, nth_link(backups, third, 1));
    cr_expect_str_eq(data, "newest-restorable");
    cr_expect_str_eq(proof, "newest-proven");
    cr_expect_str_eq(newest, "newest-chain");
}

Test(retention, lets_what_is_of_no_use_be_removed_by_hand_even_from_the_newest_chain)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = weeks_later(backups, 0);
    Backup *bad = nth_link(backups, full, 6);
    backup_quarantine(bad, "lsn-order", "bad", SAMPLE_SUNDAY);
    g_autofree char *newest_data = floors_of(backups, bad);
    cr_expect_str_eq(newest_data, "only-copy");
    bad->state = STATE_MISSING;
    g_autofree char *gone = floors_of(backups, bad);
    cr_expect_str_eq(gone, "");
    bad->state = STATE_QUARANTINED;
    sample_add(backups, SAMPLE_SUNDAY + 7 * SAMPLE_DAY, nth_link(backups, full, 5));
    g_autofree char *replaced = floors_of(backups, bad);
    cr_expect_str_eq(replaced, "");
}

Test(retention, names_the_floors_that_a_removal_by_hand_would_break)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = weeks_later(backups, 0);
    const Backup *second = weeks_later(backups, 1);
    weeks_later(backups, 2);
    RetentionFacts facts = right_after(backups);
    struct {
        const Backup *backup;
        const char *rule; /* NULL: may go */
    } cases[] = {
        {nth_link(backups, first, 0), NULL},
        {nth_link(backups, second, 3), "pinned"},
        {backups->pdata[20], "newest-chain"},
    };
    nth_link(backups, second, 5)->pinned = TRUE;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) doomed = g_ptr_array_new();
        g_ptr_array_add(doomed, (gpointer)(uintptr_t)cases[i].backup);
        g_autoptr(GPtrArray) floors = retention_floors(backups, doomed, &none_but_two, &facts);
        cr_assert(floors->len == (cases[i].rule != NULL), "%s: %u floors", cases[i].backup->id,
                  floors->len);
        if (cases[i].rule != NULL)
            cr_expect_str_eq(((Fate *)floors->pdata[0])->rule, cases[i].rule);
    }
    facts.trouble_rule = "failed-run";
    facts.trouble = "the last run failed";
    g_autoptr(GPtrArray) doomed = g_ptr_array_new();
    g_ptr_array_add(doomed, nth_link(backups, first, 6));
    g_autoptr(GPtrArray) sound = retention_floors(backups, doomed, &none_but_two, &facts);
    cr_expect(sound->len == 1, "a failed run holds what restores");
    backup_quarantine(nth_link(backups, first, 6), "proof", "bad", facts.now);
    g_autoptr(GPtrArray) bad = retention_floors(backups, doomed, &none_but_two, &facts);
    cr_expect(bad->len == 0, "what does not restore may be removed at any time");
}

Test(retention, tells_the_restore_points_that_stay)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *first = sample_add(backups, SAMPLE_SUNDAY, NULL);
    const Backup *close = sample_add(backups, SAMPLE_SUNDAY + 3600, first);
    const Backup *third = sample_add(backups, SAMPLE_SUNDAY + 9 * SAMPLE_DAY, NULL);
    RetentionFacts facts = right_after(backups);
    g_auto(Retention) retention = retention_judge(backups, &none_but_two, &facts);
    RestorePoints points = retention_points(backups, retention.fates);
    cr_expect(points.count == 3 && points.earliest == first && points.newest == third);
    cr_expect(points.densest[0] == first && points.densest[1] == close);
    cr_expect(points.widest[0] == close && points.widest[1] == third);

    Backup *fourth = sample_add(backups, SAMPLE_SUNDAY + 20 * SAMPLE_DAY, NULL);
    facts = right_after(backups);
    g_auto(Retention) fewer = retention_judge(backups, &none_but_two, &facts);
    points = retention_points(backups, fewer.fates);
    cr_expect(points.count == 2 && points.earliest == third, "the first chain goes");
    cr_expect(points.densest[0] == third && points.densest[1] == fourth);
    fourth->state = STATE_QUARANTINED;
    points = retention_points(backups, fewer.fates);
    cr_expect(points.count == 1 && points.newest == third, "what does not restore is none");
}

/* ---- any history ----------------------------------------------------------------------------- */

enum { HISTORIES = 3000 };

static int number(GRand *random, int below)
{
    return g_rand_int_range(random, 0, below);
}

/* Branches, broken parents, gaps of the clock, marks of all kinds. */
static GPtrArray *any_history(GRand *random)
{
    GPtrArray *backups = sample_backups();
    int64_t at = SAMPLE_SUNDAY;
    int count = number(random, 30);
    for (int i = 0; i < count; i++) {
        at += 1 + (number(random, 20) == 0 ? number(random, 60 * SAMPLE_DAY)
                                           : number(random, 3 * SAMPLE_DAY));
        gboolean full = backups->len == 0 || number(random, 4) == 0;
        int back = 1 + number(random, 3);
        const Backup *parent = full ? NULL : backups->pdata[MAX(0, (int)backups->len - back)];
        Backup *backup = sample_add(backups, at, parent);
        if (number(random, 3) > 0)
            prove(backup, at + number(random, SAMPLE_DAY));
        if (number(random, 12) == 0)
            backup_quarantine(backup, "proof", "bad", at + number(random, 20 * SAMPLE_DAY));
        if (number(random, 40) == 0)
            backup->state = STATE_MISSING;
        if (number(random, 25) == 0)
            backup->proof_failed = PROOF_SERVER;
        backup->pinned = number(random, 40) == 0;
    }
    return backups;
}

static RetentionRules any_rules(GRand *random)
{
    return (RetentionRules){
        .keep_chains = number(random, 2) * number(random, 4),
        .keep_days = number(random, 3) > 0 ? 0 : number(random, 20),
        .keep_weekly = number(random, 3) > 0 ? 0 : number(random, 4),
        .keep_monthly = number(random, 3) > 0 ? 0 : number(random, 4),
        .keep_yearly = number(random, 3) > 0 ? 0 : number(random, 3),
        .keep_proven = number(random, 3),
        .keep_quarantined = number(random, 3) * 10 * SAMPLE_DAY,
    };
}

static RetentionFacts any_facts(GRand *random, const GPtrArray *backups)
{
    const Backup *newest = backups->len > 0 ? backups->pdata[backups->len - 1] : NULL;
    int64_t now = (newest != NULL ? newest->finished : SAMPLE_SUNDAY) + number(random, SAMPLE_DAY);
    if (number(random, 10) == 0)
        now += (number(random, 3) - 1) * number(random, 400 * SAMPLE_DAY);
    gboolean trouble = number(random, 15) == 0;
    return (RetentionFacts){
        .now = now,
        .read_since = number(random, 2) * (now - number(random, 40 * SAMPLE_DAY)),
        .trouble_rule = trouble ? "failed-run" : NULL,
        .trouble = trouble ? "the last run failed" : NULL,
    };
}

typedef struct {
    guint32 seed;
    GPtrArray *backups;
    RetentionRules rules;
    RetentionFacts facts;
    Retention retention;
} History;

static History history(guint32 seed)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    History made = {.seed = seed, .backups = any_history(random)};
    made.rules = any_rules(random);
    made.facts = any_facts(random, made.backups);
    made.retention = retention_judge(made.backups, &made.rules, &made.facts);
    return made;
}

static void history_clear(History *made)
{
    retention_clear(&made->retention);
    g_ptr_array_unref(made->backups);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(History, history_clear)

static gboolean goes(const History *made, const Backup *backup)
{
    return !fate_of(&made->retention, backup)->kept;
}

static guint count_going(const History *made)
{
    guint going = 0;
    for (guint i = 0; i < made->backups->len; i++)
        going += goes(made, made->backups->pdata[i]) ? 1 : 0;
    return going;
}

static gboolean chain_goes(const History *made, const char *chain)
{
    for (guint i = 0; i < made->backups->len; i++) {
        const Backup *backup = made->backups->pdata[i];
        if (g_str_equal(backup->chain, chain) && goes(made, backup))
            return TRUE;
    }
    return FALSE;
}

Test(retention, holds_its_floors_in_any_history)
{
    guint removals = 0;
    for (guint32 seed = 1; seed <= HISTORIES; seed++) {
        g_auto(History) made = history(seed);
        guint going = count_going(&made);
        removals += going > 0;
        const Backup *full = chain_newest_full(made.backups);
        const Backup *sound = chain_restorable_until(made.backups);
        const Backup *proven = chain_proven_until(made.backups, made.facts.read_since);
        cr_assert(going == 0 || made.facts.trouble == NULL, "seed %u: after a failed run", seed);
        cr_assert(full == NULL || !chain_goes(&made, full->id), "seed %u: the newest chain", seed);
        cr_assert(sound == NULL || !chain_goes(&made, sound->chain), "seed %u: newest data", seed);
        cr_assert(proven == NULL || !chain_goes(&made, proven->chain), "seed %u: proven", seed);
        if (going > 0 && made.rules.keep_proven > 0)
            cr_assert(proven != NULL, "seed %u: no proof", seed);
        for (guint i = 0; i < made.backups->len; i++) {
            const Backup *backup = made.backups->pdata[i];
            cr_assert(!backup->pinned || !chain_goes(&made, backup->chain), "seed %u: pin", seed);
            gboolean fresh = backup->state == STATE_QUARANTINED &&
                             made.facts.now - backup->quarantined_at < made.rules.keep_quarantined;
            cr_assert(!fresh || !goes(&made, backup), "seed %u: quarantined too early", seed);
            cr_assert(!goes(&made, backup) || sound != NULL, "seed %u: the last data", seed);
        }
    }
    cr_assert(removals > HISTORIES / 10, "only %u histories let anything go", removals);
}

Test(retention, never_removes_a_parent_of_what_stays_nor_a_sound_link_of_a_chain_that_stays)
{
    for (guint32 seed = 1; seed <= HISTORIES; seed++) {
        g_auto(History) made = history(seed);
        for (guint i = 0; i < made.backups->len; i++) {
            const Backup *backup = made.backups->pdata[i];
            const Backup *parent = backup_find(made.backups, backup->parent);
            cr_assert(parent == NULL || goes(&made, backup) || !goes(&made, parent),
                      "seed %u: %s stays without %s", seed, backup->id, backup->parent);
            if (!goes(&made, backup) || !chain_sound(made.backups, backup, NULL))
                continue;
            for (guint j = 0; j < made.backups->len; j++) {
                const Backup *other = made.backups->pdata[j];
                cr_assert(!g_str_equal(other->chain, backup->chain) || goes(&made, other),
                          "seed %u: chain %s is cut", seed, backup->chain);
            }
        }
    }
}

Test(retention, says_for_every_backup_which_rule_and_why)
{
    for (guint32 seed = 1; seed <= HISTORIES / 4; seed++) {
        g_auto(History) made = history(seed);
        cr_assert(made.retention.fates->len == made.backups->len);
        for (guint i = 0; i < made.backups->len; i++) {
            const Fate *fate = made.retention.fates->pdata[i];
            cr_assert(fate->backup == made.backups->pdata[i], "seed %u: order", seed);
            cr_assert(fate->rule != NULL && *fate->rule != '\0', "seed %u: no rule", seed);
            cr_assert(fate->sentence != NULL && *fate->sentence != '\0', "seed %u: why?", seed);
        }
    }
}

Test(retention, finds_nothing_more_once_it_was_done)
{
    for (guint32 seed = 1; seed <= HISTORIES; seed++) {
        g_auto(History) made = history(seed);
        g_autoptr(GPtrArray) left = g_ptr_array_new();
        for (guint i = 0; i < made.backups->len; i++) {
            if (!goes(&made, made.backups->pdata[i]))
                g_ptr_array_add(left, made.backups->pdata[i]);
        }
        g_auto(Retention) again = retention_judge(left, &made.rules, &made.facts);
        for (guint i = 0; i < again.fates->len; i++)
            cr_assert(((Fate *)again.fates->pdata[i])->kept, "seed %u: a second run removes", seed);
    }
}

Test(retention, is_the_same_in_whatever_order_backups_come)
{
    for (guint32 seed = 1; seed <= HISTORIES / 4; seed++) {
        g_auto(History) made = history(seed);
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GPtrArray) shuffled = g_ptr_array_new();
        for (guint i = 0; i < made.backups->len; i++)
            g_ptr_array_insert(shuffled, number(random, (int)i + 1), made.backups->pdata[i]);
        g_auto(Retention) other = retention_judge(shuffled, &made.rules, &made.facts);
        for (guint i = 0; i < other.fates->len; i++) {
            const Fate *a = made.retention.fates->pdata[i];
            const Fate *b = other.fates->pdata[i];
            cr_assert(a->backup == b->backup && a->kept == b->kept, "seed %u", seed);
            cr_assert(g_str_equal(a->sentence, b->sentence), "seed %u", seed);
        }
    }
}

Test(retention, removes_no_more_when_any_keep_is_longer)
{
    for (guint32 seed = 1; seed <= HISTORIES; seed++) {
        g_auto(History) made = history(seed);
        if (!retention_asks(&made.rules)) /* none at all keeps everything */
            continue;
        for (int which = 0; which < 7; which++) {
            RetentionRules more = made.rules;
            int64_t *const counts[] = {&more.keep_chains,  &more.keep_days,   &more.keep_weekly,
                                       &more.keep_monthly, &more.keep_yearly, &more.keep_proven};
            if (which < 6)
                *counts[which] += 1 + seed % 3;
            else
                more.keep_quarantined += 10 * SAMPLE_DAY;
            g_auto(Retention) longer = retention_judge(made.backups, &more, &made.facts);
            for (guint i = 0; i < longer.fates->len; i++) {
                const Fate *fate = longer.fates->pdata[i];
                cr_assert(fate->kept || goes(&made, fate->backup), "seed %u: rule %d takes %s",
                          seed, which, fate->backup->id);
            }
        }
    }
}

Test(retention, keeps_by_rules_alone_whatever_the_clock_shows)
{
    for (guint32 seed = 1; seed <= HISTORIES; seed++) {
        g_auto(History) made = history(seed);
        RetentionFacts later = made.facts;
        later.now += seed % 40 * SAMPLE_DAY;
        g_auto(Retention) moved = retention_judge(made.backups, &made.rules, &later);
        for (guint i = 0; i < moved.fates->len; i++) {
            const Fate *fate = moved.fates->pdata[i];
            const Fate *before = made.retention.fates->pdata[i];
            gboolean by_rule = g_str_has_prefix(before->rule, "keep_") &&
                               !g_str_equal(before->rule, "keep_quarantined");
            cr_assert(!by_rule || fate->kept, "seed %u: %s, kept by %s, goes with time", seed,
                      fate->backup->id, before->rule);
        }
    }
}
