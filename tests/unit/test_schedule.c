/* SPDX-License-Identifier: MIT */
#include "model/schedule.h"

#include "model/drill.h"

#include "sample.h"

static const ScheduleRules weekly = {.full_every = 7 * SAMPLE_DAY, .max_incrementals = 14};

static Plan plan_for(const GPtrArray *backups, const ScheduleRules *rules, Want want, int64_t now)
{
    Plan plan = {0};
    g_autoptr(GError) error = NULL;
    cr_assert(schedule_plan(backups, rules, want, now, &plan, &error), "%s",
              error != NULL ? error->message : "");
    return plan;
}

static void expect_full(const GPtrArray *backups, const ScheduleRules *rules, int64_t now,
                        const char *rule)
{
    g_auto(Plan) plan = plan_for(backups, rules, WANT_AUTO, now);
    cr_expect(plan.type == BACKUP_FULL && plan.parent == NULL, "%s: no full", rule);
    cr_expect_str_eq(plan.rule, rule);
    cr_expect(plan.reason != NULL && *plan.reason != '\0', "a full without a reason");
}

static void expect_incremental_that(const GPtrArray *backups, const ScheduleRules *rules,
                                    int64_t now, const Backup *parent, gboolean too_slow)
{
    g_auto(Plan) plan = plan_for(backups, rules, WANT_AUTO, now);
    cr_expect(plan.type == BACKUP_INCREMENTAL, "a full because of %s", plan.rule);
    cr_expect(plan.parent == parent, "another parent");
    cr_expect_str_eq(plan.rule, "");
    cr_expect_str_eq(plan.reason, "");
    cr_expect(plan.too_slow == too_slow, "too slow: %d", plan.too_slow);
}

static void expect_incremental(const GPtrArray *backups, const ScheduleRules *rules, int64_t now,
                               const Backup *parent)
{
    expect_incremental_that(backups, rules, now, parent, FALSE);
}

Test(schedule, begins_with_a_full)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    expect_full(backups, &weekly, SAMPLE_SUNDAY, "first");
}

Test(schedule, begins_again_when_only_incrementals_are_left)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    g_ptr_array_remove(backups, full);
    expect_full(backups, &weekly, SAMPLE_SUNDAY + 2 * SAMPLE_DAY, "first");
}

Test(schedule, hangs_the_next_one_on_the_newest_link_of_the_newest_chain)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *old = sample_add(backups, SAMPLE_SUNDAY - 7 * SAMPLE_DAY, NULL);
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    expect_incremental(backups, &weekly, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    const Backup *monday = sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY + 3600, old);
    expect_incremental(backups, &weekly, SAMPLE_SUNDAY + 2 * SAMPLE_DAY, monday);
}

Test(schedule, takes_a_full_when_the_newest_chain_is_not_sound)
{
    for (int state = STATE_QUARANTINED; state <= STATE_MISSING; state++) {
        for (int broken = 0; broken < 3; broken++) {
            g_autoptr(GPtrArray) backups = sample_backups();
            sample_add(backups, SAMPLE_SUNDAY - 7 * SAMPLE_DAY, NULL); /* sound, and of no use */
            Backup *links[3] = {NULL};
            for (int day = 0; day < 3; day++)
                links[day] = sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY,
                                        day > 0 ? links[day - 1] : NULL);
            links[broken]->state = (BackupState)state;
            expect_full(backups, &weekly, SAMPLE_SUNDAY + 3 * SAMPLE_DAY, "not-sound");
        }
    }
}

Test(schedule, carries_on_after_a_broken_chain_was_followed_by_a_full)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *old = sample_add(backups, SAMPLE_SUNDAY - 7 * SAMPLE_DAY, NULL);
    backup_quarantine(old, "complete", "it was cut", 1);
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    expect_incremental(backups, &weekly, SAMPLE_SUNDAY + SAMPLE_DAY, full);
}

Test(schedule, takes_a_full_at_the_second_on_which_it_is_due)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    const ScheduleRules rules = {.full_every = 3000, .max_incrementals = 14};
    /* age and half of the time since the newest, which is the full itself: 1.5 times the age */
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 1998, full);
    expect_full(backups, &rules, SAMPLE_SUNDAY + 2000, "full-every");

    const Backup *link = sample_add(backups, SAMPLE_SUNDAY + 2000, full);
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 2665, link);
    expect_full(backups, &rules, SAMPLE_SUNDAY + 2667, "full-every");
}

Test(schedule, never_takes_a_full_by_age_when_told_so)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    const ScheduleRules rules = {.full_every = 0, .max_incrementals = 14};
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 3650 * SAMPLE_DAY, full);
}

Test(schedule, takes_no_full_because_the_clock_was_put_back)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    expect_incremental(backups, &weekly, SAMPLE_SUNDAY - 30 * SAMPLE_DAY, full);
}

Test(schedule, ends_a_chain_after_its_incrementals)
{
    static const int64_t most[] = {0, 1, 5};
    for (size_t i = 0; i < G_N_ELEMENTS(most); i++) {
        g_autoptr(GPtrArray) backups = sample_backups();
        const ScheduleRules rules = {.full_every = 0, .max_incrementals = most[i]};
        const Backup *link = sample_add(backups, SAMPLE_SUNDAY, NULL);
        int64_t day = 1;
        for (; day <= most[i]; day++) {
            expect_incremental(backups, &rules, SAMPLE_SUNDAY + day * SAMPLE_DAY, link);
            link = sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, link);
        }
        expect_full(backups, &rules, SAMPLE_SUNDAY + day * SAMPLE_DAY, "max-incrementals");
    }
}

/* ---- proof-failed ---------------------------------------------------------------------------- */

/* A full and its incrementals, whose proofs failed at these levels: "-sq". */
static GPtrArray *chain_that_failed(const char *levels)
{
    GPtrArray *backups = sample_backups();
    Backup *link = NULL;
    for (int day = 0; levels[day] != '\0'; day++) {
        link = sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, link);
        link->proof_failed = levels[day] == 's'   ? PROOF_SERVER
                             : levels[day] == 'q' ? PROOF_QUERIES
                                                  : PROOF_NONE;
        backup_set_text(&link->proof_failed_reason, "shop.orders: Corrupt");
    }
    return backups;
}

Test(schedule, tries_one_full_when_the_proof_of_a_restorable_link_failed)
{
    static const char *const tried[] = {"-s", "-q", "-s-", "-q--", "--q"};
    static const char *const not_tried[] = {"-", "---", "s", "q", "s-", "qq", "s-s"};
    const ScheduleRules rules = {.full_every = 0, .max_incrementals = 14};
    const int64_t later = SAMPLE_SUNDAY + 6 * SAMPLE_DAY;
    for (size_t i = 0; i < G_N_ELEMENTS(tried); i++) {
        g_autoptr(GPtrArray) backups = chain_that_failed(tried[i]);
        expect_full(backups, &rules, later, "proof-failed");
        g_auto(Plan) plan = plan_for(backups, &rules, WANT_AUTO, later);
        cr_expect_not_null(strstr(plan.reason, "shop.orders: Corrupt"), "%s", plan.reason);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(not_tried); i++) {
        g_autoptr(GPtrArray) backups = chain_that_failed(not_tried[i]);
        expect_incremental(backups, &rules, later, backups->pdata[backups->len - 1]);
    }
}

Test(schedule, tries_no_full_for_what_failed_in_an_older_chain_or_beside_the_path)
{
    const ScheduleRules rules = {.full_every = 0, .max_incrementals = 14};
    g_autoptr(GPtrArray) backups = chain_that_failed("-s");
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY + 7 * SAMPLE_DAY, NULL);
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 8 * SAMPLE_DAY, full);
    Backup *beside = sample_add(backups, SAMPLE_SUNDAY + 8 * SAMPLE_DAY, full);
    beside->proof_failed = PROOF_QUERIES;
    const Backup *newest = sample_add(backups, SAMPLE_SUNDAY + 9 * SAMPLE_DAY, full);
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 10 * SAMPLE_DAY, newest);
}

/* A table that is corrupt at the source fails every proof from the third night on. */
Test(schedule, takes_one_full_and_not_one_each_night_for_a_fault_that_is_the_sources_own)
{
    const ScheduleRules rules = {.full_every = 0, .max_incrementals = 100};
    g_autoptr(GPtrArray) backups = sample_backups();
    int fulls = 0;
    for (int night = 0; night < 30; night++) {
        int64_t now = SAMPLE_SUNDAY + night * SAMPLE_DAY;
        g_auto(Plan) plan = plan_for(backups, &rules, WANT_AUTO, now);
        Backup *backup = sample_add(backups, now, plan.parent);
        backup->proof_failed = night >= 2 ? PROOF_QUERIES : PROOF_NONE;
        fulls += plan.type == BACKUP_FULL;
    }
    cr_expect(fulls == 2, "the first, and one that was tried: not %d", fulls);
}

/* ---- restore-within -------------------------------------------------------------------------- */

/* From drills in which a full took one hour and an incremental ten minutes. */
static Pace *pace_of(const GPtrArray *backups)
{
    g_autoptr(Drill) drill = drill_new("", "", DRILL_RESTORE);
    for (guint i = 0; i < backups->len; i++) {
        const Backup *link = backups->pdata[i];
        DrillStep *step = drill_add_step(drill, link->id, link->type);
        step->unseal_us = step->prepare_us =
            (link->type == BACKUP_FULL ? 30 : 5) * 60 * (int64_t)G_USEC_PER_SEC;
        drill->took_us += 2 * step->unseal_us;
    }
    g_autoptr(GPtrArray) drills = g_ptr_array_new();
    g_ptr_array_add(drills, drill);
    return pace_new(drills);
}

static GPtrArray *chain_of(int links)
{
    GPtrArray *backups = sample_backups();
    Backup *link = NULL;
    for (int day = 0; day < links; day++)
        link = sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, link);
    return backups;
}

static ScheduleRules within(int64_t seconds, const Pace *pace)
{
    return (ScheduleRules){.max_incrementals = 14, .restore_within = seconds, .pace = pace};
}

Test(schedule, takes_a_full_when_one_more_incremental_would_pass_the_target)
{
    g_autoptr(GPtrArray) backups =
        chain_of(4); /* an hour and a half; with one more 10 minutes more */
    g_autoptr(Pace) pace = pace_of(backups);
    const int64_t later = SAMPLE_SUNDAY + 6 * SAMPLE_DAY;
    const ScheduleRules tight = within(99 * 60, pace);
    const ScheduleRules wide = within(100 * 60, pace);
    const ScheduleRules none = within(0, pace);
    const ScheduleRules unknown = within(60, NULL);
    expect_full(backups, &tight, later, "restore-within");
    expect_incremental(backups, &wide, later, backups->pdata[3]);
    expect_incremental(backups, &none, later, backups->pdata[3]);
    expect_incremental(backups, &unknown, later, backups->pdata[3]);
    g_auto(Plan) plan = plan_for(backups, &tight, WANT_AUTO, later);
    cr_expect_str_eq(plan.reason,
                     "with one more incremental a restore would take about 1h 40m, restore_within "
                     "is 1h 39m, and a full alone takes about 1h 00m");
}

Test(schedule, takes_no_full_by_a_forecast_that_no_drill_stands_behind)
{
    g_autoptr(GPtrArray) backups = chain_of(4);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(Pace) pace = pace_new(none);
    const ScheduleRules rules = within(60, pace);
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 6 * SAMPLE_DAY, backups->pdata[3]);
}

Test(schedule, takes_no_endless_fulls_for_a_target_that_no_full_keeps)
{
    g_autoptr(GPtrArray) backups = chain_of(4);
    g_autoptr(Pace) pace = pace_of(backups);
    const ScheduleRules rules = within(59 * 60, pace);
    const int64_t later = SAMPLE_SUNDAY + 6 * SAMPLE_DAY;
    expect_incremental_that(backups, &rules, later, backups->pdata[3], TRUE);
    const ScheduleRules wide = within(100 * 60, pace);
    expect_incremental(backups, &wide, later, backups->pdata[3]);
}

Test(schedule, counts_the_links_of_a_branch_and_not_those_beside_it)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const ScheduleRules rules = {.full_every = 0, .max_incrementals = 2};
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    sample_add(backups, SAMPLE_SUNDAY + 2 * SAMPLE_DAY, full);
    const Backup *newest = sample_add(backups, SAMPLE_SUNDAY + 3 * SAMPLE_DAY, full);
    expect_incremental(backups, &rules, SAMPLE_SUNDAY + 4 * SAMPLE_DAY, newest);
}

Test(schedule, takes_what_was_asked_for)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    const ScheduleRules none = {.full_every = 1, .max_incrementals = 0};
    g_auto(Plan) fresh = plan_for(backups, &weekly, WANT_FULL, SAMPLE_SUNDAY + SAMPLE_DAY);
    cr_expect(fresh.type == BACKUP_FULL && fresh.parent == NULL);
    cr_expect_str_eq(fresh.rule, "asked");
    cr_expect(*fresh.reason != '\0');
    g_auto(Plan) link = plan_for(backups, &none, WANT_INCREMENTAL, SAMPLE_SUNDAY + SAMPLE_DAY);
    cr_expect(link.type == BACKUP_INCREMENTAL && link.parent == full);
}

static void expect_refusal(const GPtrArray *backups, const char *part)
{
    g_auto(Plan) plan = {0};
    g_autoptr(GError) error = NULL;
    cr_expect_not(schedule_plan(backups, &weekly, WANT_INCREMENTAL, SAMPLE_SUNDAY, &plan, &error));
    sample_expect_error(error, STATUS_CHAIN, part);
    cr_expect_not_null(strstr(error->message, "hint: "));
    cr_expect_null(plan.parent);
}

Test(schedule, refuses_an_incremental_with_nothing_sound_to_hang_it_on)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    expect_refusal(backups, "no full backup");
    Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    backup_quarantine(full, "complete", "it was cut", 1);
    expect_refusal(backups, full->id);
}

Test(schedule, turns_an_incremental_into_a_full_with_its_own_words)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    sample_add(backups, SAMPLE_SUNDAY, NULL);
    g_auto(Plan) plan = plan_for(backups, &weekly, WANT_AUTO, SAMPLE_SUNDAY + SAMPLE_DAY);
    plan_turn_full(&plan, "timeline", "the server has restarted");
    cr_expect(plan.type == BACKUP_FULL && plan.parent == NULL);
    plan_turn_full(&plan, plan.rule, plan.reason); /* its own text may be handed in */
    cr_expect_str_eq(plan.rule, "timeline");
    cr_expect_str_eq(plan.reason, "the server has restarted");
}

/* Fulls of a year of nightly runs, each `jitter` seconds early or late, that missed their Sunday.
 */
static int strays(GRand *random, gint32 jitter, int *fulls)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    int stray = 0;
    *fulls = 0;
    for (int day = 0; day < 365; day++) {
        int64_t now =
            SAMPLE_SUNDAY + day * SAMPLE_DAY + g_rand_int_range(random, -jitter, jitter + 1);
        g_auto(Plan) plan = plan_for(backups, &weekly, WANT_AUTO, now);
        sample_add(backups, now, plan.parent);
        *fulls += plan.parent == NULL;
        stray += plan.parent == NULL && day % 7 != 0;
    }
    return stray;
}

Test(schedule, keeps_the_weekly_full_of_a_nightly_cron_on_its_weekday_for_a_year)
{
    /* just below a sixth of a day: three such errors are still less than half a day */
    static const gint32 jitters[] = {0, 1, 60, 3600, 4 * 3600 - 1};
    for (size_t i = 0; i < G_N_ELEMENTS(jitters); i++) {
        for (guint32 seed = 1; seed <= 12; seed++) {
            g_autoptr(GRand) random = g_rand_new_with_seed(seed);
            int fulls = 0;
            int stray = strays(random, jitters[i], &fulls);
            cr_assert(stray == 0 && fulls == 53, "jitter %d, seed %u: %d of %d fulls stray",
                      jitters[i], seed, stray, fulls);
        }
    }
}

Test(schedule, keeps_an_hourly_incremental_on_a_daily_full)
{
    const ScheduleRules rules = {.full_every = SAMPLE_DAY, .max_incrementals = 100};
    g_autoptr(GPtrArray) backups = sample_backups();
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (int hour = 0; hour < 24 * 30; hour++) {
        int64_t now = SAMPLE_SUNDAY + hour * 3600 + g_rand_int_range(random, -599, 600);
        g_auto(Plan) plan = plan_for(backups, &rules, WANT_AUTO, now);
        sample_add(backups, now, plan.parent);
        cr_assert((plan.parent == NULL) == (hour % 24 == 0), "hour %d", hour);
    }
}

/* Fulls, each with what it shares: 's' with an earlier one, '.' nothing. */
static gboolean reseeds_after(const char *history, int64_t every)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    for (int i = 0; history[i] != '\0'; i++) {
        Backup *full = sample_add(backups, SAMPLE_SUNDAY + 7 * i * SAMPLE_DAY, NULL);
        full->bytes_stored = 1000;
        full->bytes_new = history[i] == '.' ? 1000 : 10;
        Backup *link = sample_add(backups, SAMPLE_SUNDAY + (7 * i + 1) * SAMPLE_DAY, full);
        link->bytes_stored = link->bytes_new = 10;
    }
    return schedule_reseeds(backups, every);
}

Test(schedule, stores_every_nth_full_anew_counted_from_the_last_that_shares_nothing)
{
    cr_expect_not(reseeds_after("", 3));
    cr_expect_not(reseeds_after(".", 3));
    cr_expect_not(reseeds_after(".s", 3));
    cr_expect(reseeds_after(".ss", 3));
    cr_expect_not(reseeds_after(".ss.", 3));
    cr_expect(reseeds_after(".ss.ss", 3));
    cr_expect(reseeds_after("ssss", 3), "the one it is counted from has expired");
}

Test(schedule, stores_all_fulls_anew_or_none)
{
    cr_expect(reseeds_after(".", 1));
    cr_expect(reseeds_after(".s", 1));
    cr_expect_not(reseeds_after(".ssss", 0));
}
