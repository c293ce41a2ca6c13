/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <criterion/criterion.h>
#include <inttypes.h>

Test(units, reads_durations)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"1s", 1},
        {"90s", 90},
        {"15m", 900},
        {"12h", 43200},
        {"7d", 604800},
        {"4w", 2419200},
        {"007d", 604800},
        {"9223372036854775807s", INT64_MAX},
        {"15250284452471w", 15250284452471 * 604800},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t seconds = -1;
        cr_expect(units_parse_duration(cases[i].text, &seconds), "%s", cases[i].text);
        cr_expect(seconds == cases[i].seconds, "%s: %" PRId64, cases[i].text, seconds);
    }
}

Test(units, refuses_what_is_no_duration_and_leaves_the_value_alone)
{
    static const char *const cases[] = {
        "",
        " ",
        "s",
        "m7",
        "90",
        "1",
        "-1s",
        "+1s",
        " 1s",
        "1s ",
        "1 s",
        "1.5h",
        "1,5h",
        "0x1s",
        "1e3s",
        "7D",
        "7y",
        "1ms",
        "1h30m",
        "1h 30m",
        "\xd9\xa1s",
        "1\xc3\xa9",
        "1\xff",
        "9223372036854775808s",
        "15250284452472w",
        "18446744073709551616s",
        "99999999999999999999999d",
        "nan",
        "inf",
        "%d",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t seconds = -7;
        cr_expect_not(units_parse_duration(cases[i], &seconds), "'%s'", cases[i]);
        cr_expect(seconds == -7, "'%s' changed the value", cases[i]);
    }
}

Test(units, reads_sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1", 1},
        {"4096", 4096},
        {"1K", 1024},
        {"512M", 536870912},
        {"3G", 3221225472},
        {"2T", 2199023255552},
        {"0T", 0},
        {"9223372036854775807", INT64_MAX},
        {"8388607T", UINT64_C(8388607) << 40},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t bytes = 1;
        cr_expect(units_parse_size(cases[i].text, &bytes), "%s", cases[i].text);
        cr_expect(bytes == cases[i].bytes, "%s: %" PRIu64, cases[i].text, bytes);
    }
}

Test(units, refuses_what_is_no_size_and_leaves_the_value_alone)
{
    static const char *const cases[] = {
        "",
        "K",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1 M",
        "1.5G",
        "1k",
        "1m",
        "1MB",
        "1MiB",
        "1P",
        "0x10",
        "8388608T",
        "9223372036854775808",
        "18446744073709551615",
        "99999999999999999999G",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t bytes = 77;
        cr_expect_not(units_parse_size(cases[i], &bytes), "'%s'", cases[i]);
        cr_expect(bytes == 77, "'%s' changed the value", cases[i]);
    }
}

Test(units, reads_back_every_number_it_could_have_been_given)
{
    static const char letters[] = "KMGT";
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);
    for (int i = 0; i < 20000; i++) {
        unsigned unit = (unsigned)g_rand_int_range(rand, 0, 4);
        uint64_t number = (uint64_t)g_rand_int(rand) >> g_rand_int_range(rand, 9, 32);
        g_autofree char *text = g_strdup_printf("%" PRIu64 "%c", number, letters[unit]);
        uint64_t bytes = 0;
        cr_assert(units_parse_size(text, &bytes), "%s", text);
        cr_assert(bytes == number << (10 * (unit + 1)), "%s: %" PRIu64, text, bytes);
    }
}

Test(units, shows_sizes_with_one_digit_and_never_1024_of_a_unit)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {512, "512 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048524, "1023.9 KiB"},
        {1048525, "1.0 MiB"},
        {1048576, "1.0 MiB"},
        {1503238554, "1.4 GiB"},
        {UINT64_C(1) << 40, "1.0 TiB"},
        {UINT64_C(1) << 50, "1.0 PiB"},
        {UINT64_MAX, "16384.0 PiB"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = units_size(cases[i].bytes);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(units, shows_durations_with_two_units)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},          {45, "45s"},       {59, "59s"},        {60, "1m 00s"},
        {200, "3m 20s"},    {3599, "59m 59s"}, {3600, "1h 00m"},   {7500, "2h 05m"},
        {86399, "23h 59m"}, {86400, "1d 00h"}, {273600, "3d 04h"}, {8640000, "100d 00h"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = units_duration(cases[i].seconds);
        cr_expect_str_eq(text, cases[i].text);
    }
}
