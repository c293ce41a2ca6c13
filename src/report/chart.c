/* SPDX-License-Identifier: MIT */
#include "report/chart.h"

#include "base/units.h"
#include "report/html.h"

#include <stddef.h>

void chart_patterns(GString *out)
{
    html_markup(out,
                "<svg class=\"patterns\" aria-hidden=\"true\" width=\"0\" height=\"0\"><defs>"
                "<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\""
                " patternTransform=\"rotate(45)\"><rect class=\"hatch-ground\" width=\"6\""
                " height=\"6\"/><rect class=\"hatch-line\" width=\"2\" height=\"6\"/></pattern>"
                "</defs></svg>\n");
}

/* ---- bars ------------------------------------------------------------------------------------ */

/* Hundredths of a percent as text: "12.34%", whatever the locale. */
static void add_percent(GString *out, const char *attribute, int64_t part, int64_t whole)
{
    double share = (double)part / (double)whole * 10000;
    int hundredths = (int)CLAMP(share, 0, 10000);
    g_string_append_printf(out, " %s=\"%d.%02d%%\"", attribute, hundredths / 100, hundredths % 100);
}

void chart_bar(GString *out, const ChartStretch *stretches, size_t count, int64_t whole)
{
    html_markup(out, "<svg class=\"bar\" width=\"100%\" height=\"14\" aria-hidden=\"true\">");
    for (size_t i = 0; i < count && whole > 0; i++) {
        if (stretches[i].length <= 0)
            continue;
        g_string_append_printf(out, "<rect class=\"%s\" height=\"14\"", stretches[i].class);
        add_percent(out, "x", stretches[i].from, whole);
        add_percent(out, "width", stretches[i].length, whole);
        html_markup(out, "/>");
    }
    html_markup(out, "</svg>");
}

void chart_legend(GString *out, const char *class, const char *name)
{
    g_string_append_printf(out,
                           "<span class=\"key\"><svg width=\"22\" height=\"12\" "
                           "aria-hidden=\"true\"><rect class=\"%s\" width=\"22\" height=\"12\"/>"
                           "</svg> ",
                           class);
    html_text(out, name);
    html_markup(out, "</span>\n");
}

/* ---- over time ------------------------------------------------------------------------------- */

enum {
    WIDTH = 760,
    LEFT = 76,
    RIGHT = WIDTH - 20,
    RESULT_Y = 18,
    PANEL_HEIGHT = 96,
    PANEL_GAP = 30,
    FIRST_PANEL_Y = 52,
};

/* From when to when the chart goes; `to` is later than `from`. */
typedef struct {
    int64_t from;
    int64_t to;
} Span;

/* One value of each moment, over the time. */
typedef struct {
    const char *name;
    const char *class;
    size_t at; /* offset of the double in ChartMoment */
    int top;
    double step; /* from one line of the scale to the next, in seconds */
    double most; /* at the top */
} Panel;

static int place_x(const Span *span, int64_t at)
{
    double share = (double)(at - span->from) / (double)(span->to - span->from);
    return LEFT + 10 + (int)(share * (RIGHT - LEFT - 20) + 0.5);
}

static double panel_value(const Panel *panel, const ChartMoment *moment)
{
    return *(const double *)(const void *)((const char *)moment + panel->at);
}

static int place_y(const Panel *panel, double value)
{
    double share = CLAMP(value / panel->most, 0, 1);
    return panel->top + PANEL_HEIGHT - (int)(share * PANEL_HEIGHT + 0.5);
}

static void add_label(GString *out, int x, int y, const char *class, const char *text)
{
    g_string_append_printf(out, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
    html_text(out, text);
    html_markup(out, "</text>\n");
}

static void add_line(GString *out, int x1, int y1, int x2, int y2)
{
    g_string_append_printf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n",
                           x1, y1, x2, y2);
}

/* The scale's lines stand at what people count time by. */
static void choose_scale(Panel *panel, double most)
{
    static const double steps[] = {0.1,    0.2,    0.5,    1,       2,      5,     10,
                                   15,     30,     60,     120,     300,    600,   900,
                                   1800,   3600,   7200,   10800,   21600,  43200, 86400,
                                   172800, 345600, 604800, 1209600, 2592000};
    panel->step = steps[G_N_ELEMENTS(steps) - 1];
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (most <= steps[i] * 4) {
            panel->step = steps[i];
            break;
        }
    }
    while (panel->step * 4 < most)
        panel->step *= 2;
    panel->most = panel->step;
    while (panel->most < most)
        panel->most += panel->step;
}

/* In the unit of the steps: 30, 60, 90 min. */
static char *scale_text(double seconds, double step)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    if (seconds == 0)
        return g_strdup("0");
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        double count = step / units[i].unit;
        if (count == (double)(int64_t)count)
            return g_strdup_printf("%.0f %s", seconds / units[i].unit, units[i].name);
    }
    return g_strdup_printf("%.1f s", seconds);
}

static void add_scale(GString *out, const Panel *panel)
{
    for (int i = 0; i * panel->step <= panel->most * 1.0001; i++) {
        int y = place_y(panel, i * panel->step);
        g_autofree char *text = scale_text(i * panel->step, panel->step);
        add_line(out, LEFT, y, RIGHT, y);
        add_label(out, LEFT - 8, y + 4, "scale", text);
    }
    add_label(out, LEFT, panel->top - 9, "panel", panel->name);
}

static char *moment_text(const ChartMoment *moment)
{
    g_autofree char *at = html_time(moment->at);
    g_autofree char *took = html_took((int64_t)(moment->took_s * G_USEC_PER_SEC));
    g_autofree char *rpo = units_duration((int64_t)moment->rpo_s);
    return g_strdup_printf("%s: %s, took %s%s%s", at, moment->passed ? "passed" : "not passed",
                           took, moment->rpo_s < 0 ? "" : ", RPO ", moment->rpo_s < 0 ? "" : rpo);
}

/* A disc where it passed, a cross where it did not. */
static void add_mark(GString *out, int x, int y, const char *class, const ChartMoment *moment)
{
    if (moment->passed)
        g_string_append_printf(out, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"3\">", class, x,
                               y);
    else
        g_string_append_printf(out, "<path class=\"cross\" d=\"M%d %dl9 9m0 -9l-9 9\">", x - 4,
                               y - 4);
    g_autofree char *text = moment_text(moment);
    html_element(out, "title", NULL, text);
    g_string_append(out, moment->passed ? "</circle>\n" : "</path>\n");
}

static void add_panel(GString *out, const Panel *panel, const Span *span,
                      const ChartMoment *moments, size_t count)
{
    add_scale(out, panel);
    for (size_t i = 0; i < count; i++) {
        double value = panel_value(panel, &moments[i]);
        if (value < 0)
            continue;
        int x = place_x(span, moments[i].at);
        int y = place_y(panel, value);
        g_string_append_printf(out,
                               "<line class=\"stem %s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" "
                               "y2=\"%d\"/>",
                               panel->class, x, panel->top + PANEL_HEIGHT, x, y);
        add_mark(out, x, y, panel->class, &moments[i]);
    }
}

static void add_results(GString *out, const Span *span, const ChartMoment *moments, size_t count)
{
    add_label(out, LEFT - 8, RESULT_Y + 4, "scale", "result");
    for (int passed = 1; passed >= 0; passed--) { /* crosses lie above discs */
        for (size_t i = 0; i < count; i++) {
            if (moments[i].passed == passed)
                add_mark(out, place_x(span, moments[i].at), RESULT_Y, "result", &moments[i]);
        }
    }
}

/* The next date that gets a label: the first of a month, or so many days on. */
static GDateTime *next_date(const GDateTime *date, int months, int days)
{
    return g_date_time_add_full((GDateTime *)date, 0, months, days, 0, 0, 0);
}

static GDateTime *first_date(int64_t from, int months)
{
    g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(from);
    if (moment == NULL)
        return NULL;
    int year = g_date_time_get_year(moment);
    if (months > 0)
        return g_date_time_new_utc(year, 1, 1, 0, 0, 0);
    return g_date_time_new_utc(year, g_date_time_get_month(moment),
                               g_date_time_get_day_of_month(moment), 0, 0, 0);
}

static void add_dates(GString *out, const Span *span, int y)
{
    enum { LABELS = 7, DAY = 86400, MONTH = 30 * DAY };
    int64_t length = span->to - span->from;
    int days = (int)(length / DAY / LABELS) + 1;
    int months = days > 14 ? (int)(length / MONTH / LABELS) + 1 : 0;
    const char *format = months > 0 ? "%Y-%m" : "%Y-%m-%d";
    g_autoptr(GDateTime) date = first_date(span->from, months);
    while (date != NULL && g_date_time_to_unix(date) <= span->to) {
        int x = place_x(span, g_date_time_to_unix(date));
        if (x >= LEFT) {
            g_autofree char *text = g_date_time_format(date, format);
            add_line(out, x, y - 14, x, y - 9);
            add_label(out, x, y + 2, "date", text);
        }
        GDateTime *next = next_date(date, months, months > 0 ? 0 : days);
        g_date_time_unref(date);
        date = next;
    }
}

/* Clocks are put back, so the order of the drills is not asked. */
static Span span_of(const ChartMoment *moments, size_t count)
{
    Span span = {moments[0].at, moments[0].at};
    for (size_t i = 1; i < count; i++) {
        span.from = MIN(span.from, moments[i].at);
        span.to = MAX(span.to, moments[i].at);
    }
    if (span.to - span.from < 86400) { /* the only one, or all of a day, in the middle */
        span.from -= 43200;
        span.to += 43200;
    }
    return span;
}

static double greatest(const Panel *panel, const ChartMoment *moments, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = MAX(most, panel_value(panel, &moments[i]));
    return most;
}

static void start_history(GString *out, const ChartMoment *moments, size_t count, int height)
{
    size_t passed = 0;
    for (size_t i = 0; i < count; i++)
        passed += moments[i].passed ? 1 : 0;
    g_autofree char *from = html_time(moments[0].at);
    g_autofree char *to = html_time(moments[count - 1].at);
    g_string_append_printf(out,
                           "<div class=\"scroll\" tabindex=\"0\"><svg class=\"history\" "
                           "role=\"img\" viewBox=\"0 0 %d %d\"><title>",
                           WIDTH, height);
    html_print(out, "%zu drills from %s to %s: %zu passed, %zu did not", count, from, to, passed,
               count - passed);
    html_markup(out, "</title>\n");
}

void chart_history(GString *out, const ChartMoment *moments, size_t count)
{
    Panel panels[] = {
        {"How long each drill took", "took", offsetof(ChartMoment, took_s), 0, 0, 0},
        {"RPO: age of the restored data at the end of the drill", "rpo",
         offsetof(ChartMoment, rpo_s), 0, 0, 0},
    };
    if (count == 0)
        return;
    const Span span = span_of(moments, count);
    gboolean rpo = FALSE;
    for (size_t i = 0; i < count; i++)
        rpo = rpo || moments[i].rpo_s >= 0;

    size_t shown = rpo ? 2 : 1;
    int end = FIRST_PANEL_Y + (int)shown * (PANEL_HEIGHT + PANEL_GAP);
    start_history(out, moments, count, end + 10);
    add_results(out, &span, moments, count);
    for (size_t i = 0; i < shown; i++) {
        panels[i].top = FIRST_PANEL_Y + (int)i * (PANEL_HEIGHT + PANEL_GAP);
        choose_scale(&panels[i], greatest(&panels[i], moments, count));
        add_panel(out, &panels[i], &span, moments, count);
    }
    add_dates(out, &span, end);
    html_markup(out, "</svg></div>\n");
}
