/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <time.h>

enum { NIGHT = 1795312800 }; /* 2026-11-22T02:00:00Z, from date(1) */

Test(clock, tells_the_time_and_can_be_moved_by_a_test)
{
    int64_t now = clock_now();
    cr_expect(now - (int64_t)time(NULL) <= 1 && (int64_t)time(NULL) - now <= 1);
    g_setenv("LSNCHAIN_CLOCK", "+86400", TRUE);
    cr_expect(clock_now() - now >= 86400 && clock_now() - now <= 86402);
    g_setenv("LSNCHAIN_CLOCK", "-86400", TRUE);
    cr_expect(now - clock_now() >= 86398 && now - clock_now() <= 86400);
}

Test(clock, writes_utc_whatever_the_zone)
{
    g_setenv("TZ", "Asia/Tokyo", TRUE);
    tzset();
    g_autofree char *text = clock_format(NIGHT);
    g_autofree char *id = clock_format_id(NIGHT);
    g_autofree char *unknown = clock_format(0);
    cr_expect_str_eq(text, "2026-11-22T02:00:00Z");
    cr_expect_str_eq(id, "20261122T020000Z");
    cr_expect_str_eq(unknown, "");
}

Test(clock, reads_rfc_3339_with_any_offset)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"", 0},
        {"1970-01-01T00:00:01Z", 1},
        {"2026-11-22T02:00:00Z", NIGHT},
        {"2026-11-22T02:00:00+00:00", NIGHT},
        {"2026-11-22T03:30:00+01:30", NIGHT},
        {"2026-11-21T21:00:00-05:00", NIGHT},
        {"2026-11-22T02:00:00.999Z", NIGHT},
        {"2028-02-29T00:00:00Z", 1835395200},
    };
    g_setenv("TZ", "Asia/Tokyo", TRUE);
    tzset();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t seconds = -1;
        cr_expect(clock_parse(cases[i].text, &seconds), "'%s'", cases[i].text);
        cr_expect(seconds == cases[i].seconds, "'%s': %" PRId64, cases[i].text, seconds);
    }
}

Test(clock, refuses_what_is_no_moment)
{
    static const char *const cases[] = {
        " ",
        "now",
        "2026-11-22",
        "2026-11-22T02:00:00", /* of which zone? */
        "2026-11-22 02:00:00Z",
        "2026-13-22T02:00:00Z",
        "2026-02-29T02:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T02:60:00Z",
        "2026-11-22T02:00:00Zjunk",
        "2026-11-22T02:00:00Z ",
        "T",
        "TZ",
        "99999-11-22T02:00:00Z",
        "2026-11-22T02:00:00+",
        "\xff\xfeT",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t seconds = -1;
        cr_expect_not(clock_parse(cases[i], &seconds), "'%s'", cases[i]);
    }
}

Test(clock, reads_back_every_moment_it_writes)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);
    for (int i = 0; i < 5000; i++) {
        int64_t moment = 1 + (int64_t)g_rand_int(rand) * g_rand_int_range(rand, 1, 50);
        g_autofree char *text = clock_format(moment);
        g_autofree char *id = clock_format_id(moment);
        int64_t from_text = 0;
        int64_t from_id = 0;
        cr_assert(clock_parse(text, &from_text) && from_text == moment, "%s", text);
        cr_assert(clock_parse_id(id, &from_id) && from_id == moment, "%s", id);
    }
}

Test(clock, writes_ids_that_sort_as_their_moments_do)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);
    for (int i = 0; i < 5000; i++) {
        int64_t moment = g_rand_int(rand);
        int64_t later = moment + g_rand_int_range(rand, 1, 40000000);
        g_autofree char *first = clock_format_id(moment);
        g_autofree char *second = clock_format_id(later);
        cr_assert(g_strcmp0(first, second) < 0, "%s, %s", first, second);
    }
}

Test(clock, reads_the_moment_at_the_head_of_an_id)
{
    int64_t seconds = 0;
    cr_expect(clock_parse_id("20261122T020000Z", &seconds) && seconds == NIGHT);
    cr_expect(clock_parse_id("20261122T020000Z-full", &seconds) && seconds == NIGHT);
}

Test(clock, refuses_an_id_that_is_written_otherwise)
{
    static const char *const cases[] = {
        "",
        "20261122T020000",
        "20261122T020000z",
        "20261122t020000Z",
        "2026-11-22T02:00:00Z",
        "20261122T020060Z", /* a minute has no 60th second, and one moment has one id */
        "20261132T020000Z",
        "20260229T020000Z",
        "20261122T020000+",
        "2026W477T020000Z",
        " 20261122T02000Z",
        "2026112 T020000Z",
        "../../../etc/pas",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t seconds = -1;
        cr_expect_not(clock_parse_id(cases[i], &seconds), "'%s'", cases[i]);
    }
}
