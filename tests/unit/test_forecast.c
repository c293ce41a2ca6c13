/* SPDX-License-Identifier: MIT */
#include "model/forecast.h"

#include "model/chain.h"
#include "model/drill.h"

#include "sample.h"

enum { SECOND = G_USEC_PER_SEC };
static const uint64_t GIB = 1ULL << 30;

/* A week: a full of 100 GiB, and daily incrementals of 5 GiB. */
static GPtrArray *week(int incrementals)
{
    GPtrArray *backups = sample_backups();
    Backup *link = sample_add(backups, SAMPLE_SUNDAY, NULL);
    link->files = 1000;
    link->bytes_plain = 100 * GIB;
    link->bytes_stored = 40 * GIB;
    for (int day = 1; day <= incrementals; day++) {
        link = sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, link);
        link->files = 2000;
        link->bytes_plain = 5 * GIB;
        link->bytes_stored = 2 * GIB;
    }
    return backups;
}

static GPtrArray *drills_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)drill_free);
}

static Drill *add_drill(GPtrArray *drills, DrillKind kind)
{
    Drill *drill = drill_new("", "", kind);
    g_ptr_array_add(drills, drill);
    return drill;
}

static void add_step(Drill *drill, const Backup *link, int64_t unseal_s, int64_t prepare_s)
{
    DrillStep *step = drill_add_step(drill, link->id, link->type);
    step->files = link->files;
    step->bytes_plain = link->bytes_plain;
    step->bytes_stored = link->bytes_stored;
    step->unseal_us = unseal_s * SECOND;
    step->prepare_us = prepare_s * SECOND;
    drill->took_us += (unseal_s + prepare_s) * SECOND;
}

/* A restore whose steps take so long, and nothing else does: what is forecast is their sum. */
static void drill_all(GPtrArray *drills, const GPtrArray *backups, int64_t full_s, int64_t incr_s)
{
    Drill *drill = add_drill(drills, DRILL_RESTORE);
    for (guint i = 0; i < backups->len; i++)
        add_step(drill, backups->pdata[i], i == 0 ? full_s : incr_s, i == 0 ? full_s : incr_s);
}

static Forecast forecast_of(const GPtrArray *drills, const GPtrArray *backups, guint index)
{
    g_autoptr(Pace) pace = pace_new(drills);
    g_autoptr(GPtrArray) path = chain_path(backups, backups->pdata[index], NULL);
    return forecast_path(pace, path);
}

static void expect(const Forecast *forecast, ForecastBasis basis, int64_t seconds)
{
    cr_expect(forecast->basis == basis, "basis %s, not %s", forecast_basis_word(forecast->basis),
              forecast_basis_word(basis));
    cr_expect(forecast->seconds == seconds, "%d s, not %d", (int)forecast->seconds, (int)seconds);
}

static void expect_within(const Forecast *forecast, int64_t least, int64_t most)
{
    cr_expect(forecast->seconds >= least && forecast->seconds <= most, "%d s is not %d to %d",
              (int)forecast->seconds, (int)least, (int)most);
}

Test(forecast, does_not_know_before_the_first_drill_but_counts_bytes)
{
    g_autoptr(GPtrArray) backups = week(2);
    g_autoptr(GPtrArray) none = drills_new();
    Forecast forecast = forecast_of(none, backups, 2);
    expect(&forecast, FORECAST_UNKNOWN, 0);
    cr_expect(forecast.links == 3 && forecast.backup == backups->pdata[2]);
    cr_expect(forecast.bytes_written == 110 * GIB && forecast.bytes_read == 44 * GIB);
}

Test(forecast, adds_up_what_each_link_took_in_its_own_drills)
{
    g_autoptr(GPtrArray) backups = week(3);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 1000, 30);
    for (guint i = 0; i < backups->len; i++) {
        Forecast forecast = forecast_of(drills, backups, i);
        expect(&forecast, FORECAST_MEASURED, 2000 + 60 * (int64_t)i);
    }
}

Test(forecast, puts_links_together_that_were_drilled_night_by_night)
{
    g_autoptr(GPtrArray) backups = week(3);
    g_autoptr(GPtrArray) drills = drills_new();
    for (guint i = 0; i < backups->len; i++)
        add_step(add_drill(drills, DRILL_VERIFY), backups->pdata[i], 100, 10 * (int64_t)i + 1);
    g_autoptr(GPtrArray) none = sample_backups();
    drill_all(drills, none, 0, 0);
    Forecast forecast = forecast_of(drills, backups, 3);
    cr_expect(forecast.basis == FORECAST_MEASURED);
    expect_within(&forecast, 464, 464 + 464); /* and something for the end of a restore */
}

Test(forecast, is_not_led_astray_by_one_slow_night)
{
    g_autoptr(GPtrArray) backups = week(0);
    g_autoptr(GPtrArray) drills = drills_new();
    for (int night = 0; night < 5; night++)
        drill_all(drills, backups, night == 3 ? 90000 : 100 + night, 0);
    Forecast forecast = forecast_of(drills, backups, 0);
    expect(&forecast, FORECAST_MEASURED, 204);
}

Test(forecast, follows_the_newest_drills_of_a_link_and_not_those_of_last_year)
{
    g_autoptr(GPtrArray) backups = week(0);
    g_autoptr(GPtrArray) drills = drills_new();
    for (int night = 0; night < 50; night++)
        drill_all(drills, backups, night < 45 ? 1000 : 10, 0);
    Forecast forecast = forecast_of(drills, backups, 0);
    expect(&forecast, FORECAST_MEASURED, 20);
}

Test(forecast, learns_nothing_from_a_drill_that_failed_before_all_was_prepared)
{
    g_autoptr(GPtrArray) backups = week(0);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 1000, 0);
    Drill *drill = drills->pdata[0];
    g_free(drill->failure);
    drill->failure = g_strdup("no space");
    Forecast forecast = forecast_of(drills, backups, 0);
    expect(&forecast, FORECAST_UNKNOWN, 0);
    drill->reached = PROOF_PREPARE; /* a table was corrupt: that took no longer to restore */
    forecast = forecast_of(drills, backups, 0);
    expect(&forecast, FORECAST_MEASURED, 2000);
}

Test(forecast, scales_a_link_that_was_never_drilled_by_those_of_other_chains)
{
    g_autoptr(GPtrArray) backups = week(1);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 1000, 30);
    g_autoptr(GPtrArray) later = sample_backups();
    Backup *full = sample_add(later, SAMPLE_SUNDAY + 7 * SAMPLE_DAY, NULL);
    full->files = 1000;
    full->bytes_plain = 200 * GIB;
    Forecast forecast = forecast_of(drills, later, 0);
    cr_expect(forecast.basis == FORECAST_SCALED);
    expect_within(&forecast, 3500, 4100); /* twice the 2000, nearly */

    Backup *link = sample_add(later, SAMPLE_SUNDAY + 8 * SAMPLE_DAY, full);
    link->files = 2000;
    link->bytes_plain = 5 * GIB;
    Forecast longer = forecast_of(drills, later, 1);
    cr_expect(longer.seconds - forecast.seconds >= 59 && longer.seconds - forecast.seconds <= 61,
              "an equal link takes what it took there, not %d",
              (int)(longer.seconds - forecast.seconds));
}

Test(forecast, takes_a_tiny_drill_for_a_fixed_cost_and_not_for_a_rate)
{
    g_autoptr(GPtrArray) tiny = sample_backups();
    Backup *small = sample_add(tiny, SAMPLE_SUNDAY - SAMPLE_DAY, NULL);
    small->files = 1;
    small->bytes_plain = 4096;
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, tiny, 1, 0); /* a second for 4 KiB: at that rate 100 GiB take ten months */
    g_autoptr(GPtrArray) backups = week(0);
    Forecast forecast = forecast_of(drills, backups, 0);
    cr_expect(forecast.basis == FORECAST_SCALED);
    expect_within(&forecast, 60, 86400);
}

Test(forecast, counts_what_a_real_restore_takes_beyond_its_links)
{
    g_autoptr(GPtrArray) backups = week(0);
    g_autoptr(GPtrArray) drills = drills_new();
    for (int i = 0; i < 3; i++) {
        drill_all(drills, backups, 100, 0);
        Drill *drill = drills->pdata[i];
        drill->took_us += 50 * SECOND;
    }
    Forecast forecast = forecast_of(drills, backups, 0);
    expect(&forecast, FORECAST_MEASURED, 250);
}

Test(forecast, takes_no_incremental_for_free_because_fulls_were_prepared_in_no_time)
{
    g_autoptr(GPtrArray) backups = week(1);
    g_autoptr(GPtrArray) fulls = week(0);
    g_autoptr(GPtrArray) drills = drills_new();
    Drill *drill = add_drill(drills, DRILL_RESTORE);
    add_step(drill, fulls->pdata[0], 1000, 0);
    DrillStep *step = drill->steps->pdata[0];
    step->prepare_us = 1;
    Forecast full = forecast_of(drills, backups, 0);
    Forecast both = forecast_of(drills, backups, 1);
    cr_expect(both.basis == FORECAST_SCALED);
    cr_expect(both.seconds - full.seconds > 60, "%d s", (int)(both.seconds - full.seconds));
}

Test(forecast, counts_a_part_of_a_second_as_one)
{
    g_autoptr(GPtrArray) backups = week(0);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 100, 0);
    Drill *drill = drills->pdata[0];
    drill->took_us += 1;
    Forecast forecast = forecast_of(drills, backups, 0);
    expect(&forecast, FORECAST_MEASURED, 201);
}

Test(forecast, never_forecasts_less_for_more_whatever_the_history_says)
{
    for (guint32 seed = 1; seed <= 300; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GPtrArray) drills = drills_new();
        g_autoptr(GPtrArray) drilled = week(3);
        for (int i = g_rand_int_range(random, 1, 20); i > 0; i--) {
            Drill *drill = add_drill(drills, (DrillKind)g_rand_int_range(random, 0, 2));
            for (int k = g_rand_int_range(random, 0, 4); k > 0; k--) {
                Backup *link = drilled->pdata[g_rand_int_range(random, 0, 4)];
                link->bytes_plain = (uint64_t)1 << g_rand_int_range(random, 0, 50);
                link->files = (uint64_t)1 << g_rand_int_range(random, 0, 20);
                add_step(drill, link, g_rand_int_range(random, 0, 5000),
                         g_rand_int_range(random, 0, 5000));
            }
            drill->took_us = g_rand_int(random); /* also less than its steps */
        }
        g_autoptr(GPtrArray) backups = sample_backups();
        Backup *full = sample_add(backups, SAMPLE_SUNDAY - 7 * SAMPLE_DAY, NULL);
        Backup *link = sample_add(backups, SAMPLE_SUNDAY - 6 * SAMPLE_DAY, full);
        int64_t last = 0;
        for (int bits = 0; bits < 60; bits++) {
            Backup *grows = bits % 2 == 0 ? full : link;
            grows->bytes_plain = (uint64_t)1 << bits;
            grows->files = (uint64_t)1 << bits / 2;
            Forecast alone = forecast_of(drills, backups, 0);
            Forecast both = forecast_of(drills, backups, 1);
            cr_assert(both.seconds >= last, "seed %u: %d after %d", seed, (int)both.seconds,
                      (int)last);
            cr_assert(alone.seconds >= 0 && alone.seconds <= both.seconds, "seed %u", seed);
            last = both.seconds;
        }
    }
}

Test(forecast, takes_twice_as_long_on_a_machine_that_is_half_as_fast)
{
    for (guint32 seed = 1; seed <= 50; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GPtrArray) once = drills_new();
        g_autoptr(GPtrArray) twice = drills_new();
        g_autoptr(GPtrArray) backups = week(4);
        for (int i = 0; i < 9; i++) {
            int64_t full = g_rand_int_range(random, 50, 5000);
            int64_t incr = g_rand_int_range(random, 50, 5000);
            g_autoptr(GPtrArray) some = week(g_rand_int_range(random, 0, 5));
            drill_all(once, some, full, incr);
            drill_all(twice, some, 2 * full, 2 * incr);
        }
        Forecast fast = forecast_of(once, backups, 4);
        Forecast slow = forecast_of(twice, backups, 4);
        expect_within(&slow, 2 * fast.seconds - 2, 2 * fast.seconds);
    }
}

/* ---- outlook --------------------------------------------------------------------------------- */

static Outlook outlook_on(const GPtrArray *drills, const GPtrArray *backups)
{
    g_autoptr(Pace) pace = pace_new(drills);
    return outlook_of(pace, backups);
}

Test(forecast, looks_at_the_latest_point_and_finds_the_worst)
{
    g_autoptr(GPtrArray) backups = week(3);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 1000, 300);
    Backup *newest = sample_add(backups, SAMPLE_SUNDAY + 7 * SAMPLE_DAY, NULL);
    drill_all(drills, backups, 1000, 300);
    Outlook outlook = outlook_on(drills, backups);
    cr_expect(outlook.latest.backup == newest);
    cr_expect(outlook.worst.backup == backups->pdata[3], "%s", outlook.worst.backup->id);
    backup_quarantine(backups->pdata[3], "proof", "it was cut", 1);
    outlook = outlook_on(drills, backups);
    cr_expect(outlook.worst.backup == backups->pdata[2]);
}

Test(forecast, has_no_outlook_where_nothing_can_be_restored)
{
    g_autoptr(GPtrArray) none = sample_backups();
    g_autoptr(GPtrArray) drills = drills_new();
    Outlook outlook = outlook_on(drills, none);
    cr_expect(outlook.latest.backup == NULL && outlook.worst.backup == NULL);
    cr_expect_null(outlook_problem(&outlook, 60));
}

static void expect_problem(const Outlook *outlook, int64_t within, const char *part)
{
    g_autofree char *problem = outlook_problem(outlook, within);
    cr_assert_not_null(problem, "within %d: no problem", (int)within);
    cr_expect_not_null(strstr(problem, part), "'%s' does not say '%s'", problem, part);
}

Test(forecast, says_what_a_full_would_bring_when_the_target_is_passed)
{
    g_autoptr(GPtrArray) backups = week(3);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 1800, 900);
    Outlook outlook = outlook_on(drills, backups); /* an hour, and three times half an hour */
    expect(&outlook.latest, FORECAST_MEASURED, 9000);
    expect_problem(&outlook, 7200,
                   "restoring now takes about 2h 30m, restore_within is 2h 00m; after a full taken "
                   "now about 1h 00m");
    expect_problem(&outlook, 8999, "after a full");
    expect_problem(&outlook, 3599, "no chain can keep it");
    cr_expect_null(outlook_problem(&outlook, 9000));
    cr_expect_null(outlook_problem(&outlook, 0), "without a target nothing is wrong");
}

Test(forecast, expects_the_next_incremental_to_be_as_large_as_the_last)
{
    g_autoptr(GPtrArray) backups = week(2);
    g_autoptr(GPtrArray) drills = drills_new();
    drill_all(drills, backups, 1000, 30);
    g_autoptr(Pace) pace = pace_new(drills);
    Forecast next = forecast_next(pace, backups, backups->pdata[2]);
    cr_expect(next.basis == FORECAST_SCALED && next.links == 4);
    expect_within(&next, 2179, 2181);
    Forecast full = forecast_full(pace, backups, backups->pdata[2]);
    expect(&full, FORECAST_MEASURED, 2000);
    cr_expect(full.backup == backups->pdata[0]);
}
