/* SPDX-License-Identifier: MIT */
#include "report/chart.h"

#include "page.h"
#include "sample.h"

static Page draw(const ChartMoment *moments, size_t count)
{
    g_autoptr(GString) out = g_string_new("<section>");
    chart_history(out, moments, count);
    g_string_append(out, "</section>");
    return page_read(out);
}

Test(chart, a_bar_is_a_share_of_the_whole_and_never_leaves_it)
{
    const ChartStretch stretches[] = {
        {"unseal", 0, 250}, {"prepare", 250, 0}, {"server", 250, 9999}};
    g_autoptr(GString) out = g_string_new(NULL);
    chart_bar(out, stretches, G_N_ELEMENTS(stretches), 1000);
    g_auto(Page) page = page_read(out);
    cr_expect_not_null(
        strstr(out->str, "class=\"unseal\" height=\"14\" x=\"0.00%\" width=\"25.00%\""));
    cr_expect_not_null(
        strstr(out->str, "class=\"server\" height=\"14\" x=\"25.00%\" width=\"100.00%\""));
    cr_expect_null(strstr(out->str, "prepare"), "a stretch of no length is drawn");
}

Test(chart, a_bar_of_nothing_is_empty)
{
    const ChartStretch stretches[] = {{"unseal", 0, 5}};
    g_autoptr(GString) out = g_string_new(NULL);
    chart_bar(out, stretches, G_N_ELEMENTS(stretches), 0);
    g_auto(Page) page = page_read(out);
    cr_expect_null(strstr(out->str, "rect"));
}

Test(chart, history_marks_each_drill_and_says_which_did_not_pass)
{
    const ChartMoment moments[] = {
        {SAMPLE_SUNDAY - 40 * SAMPLE_DAY, TRUE, 120, 3600},
        {SAMPLE_SUNDAY - 20 * SAMPLE_DAY, FALSE, 30, -1},
        {SAMPLE_SUNDAY, TRUE, 5400, 7200},
    };
    g_auto(Page) page = draw(moments, G_N_ELEMENTS(moments));
    page_expect(&page,
                "3 drills from 2026-10-13 02:00:00 to 2026-11-22 02:00:00: 2 passed, 1 did not");
    page_expect(&page, "2026-11-02 02:00:00: not passed, took 30.0 s");
    page_expect(&page, "2026-11-22 02:00:00: passed, took 1h 30m, RPO 2h 00m");
    page_expect(&page, "90 min");
    page_expect(&page, "120 min");
    page_expect(&page, "2026-11-");
}

Test(chart, history_without_any_rpo_has_no_panel_for_it)
{
    const ChartMoment moments[] = {{SAMPLE_SUNDAY, TRUE, 2, -1}};
    g_auto(Page) page = draw(moments, 1);
    page_expect_not(&page, "RPO");
    page_expect(&page, "2026-11-22");
}

Test(chart, history_of_nothing_is_nothing)
{
    g_auto(Page) page = draw(NULL, 0);
    cr_expect_str_eq(page.text->str, "");
}

Test(chart, every_mark_is_inside_whatever_the_clock_did)
{
    static const int64_t spans[] = {0,
                                    1,
                                    3600,
                                    SAMPLE_DAY,
                                    50 * (int64_t)SAMPLE_DAY,
                                    400 * (int64_t)SAMPLE_DAY,
                                    9000 * (int64_t)SAMPLE_DAY};
    g_autoptr(GRegex) across = g_regex_new("(?:cx|x1)=\"(-?\\d+)\"|d=\"M(-?\\d+)", 0, 0, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(spans); i++) {
        const ChartMoment moments[] = {
            {SAMPLE_SUNDAY, TRUE, 1e9, 0.0},
            {SAMPLE_SUNDAY - spans[i], FALSE, 0.001, 1e12},
            {SAMPLE_SUNDAY - spans[i] / 2, TRUE, 7, 86400},
        };
        g_autoptr(GString) out = g_string_new(NULL);
        chart_history(out, moments, G_N_ELEMENTS(moments));
        g_auto(Page) page = page_read(out);
        g_autoptr(GMatchInfo) match = NULL;
        for (g_regex_match(across, out->str, 0, &match); g_match_info_matches(match);
             g_match_info_next(match, NULL)) {
            g_autofree char *first = g_match_info_fetch(match, 1);
            g_autofree char *second = g_match_info_fetch(match, 2);
            gint64 x = g_ascii_strtoll(*first != '\0' ? first : second, NULL, 10);
            cr_expect(x >= 70 && x <= 745, "%" G_GINT64_FORMAT " of a span of %" G_GINT64_FORMAT, x,
                      (gint64)spans[i]);
        }
    }
}
