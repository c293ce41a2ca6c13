/* SPDX-License-Identifier: MIT */
#include "report/drill_time.h"

#include "base/units.h"
#include "report/chart.h"
#include "report/drill_verdict.h"
#include "report/html.h"

enum { STEPS_MOST = 40, MOMENTS_MOST = 1000, DRILLS_MOST = 200 };

/* ---- one drill
 * ------------------------------------------------------------------------------------ */

/* A step's row in the picture of the time. */
typedef struct {
    const char *name;
    int64_t unseal_us;
    int64_t prepare_us;
    int64_t server_us;
    uint64_t read;
    uint64_t written;
} Row;

static char *took_or_none(int64_t microseconds)
{
    return microseconds > 0 ? html_took(microseconds) : g_strdup("–");
}

static char *size_or_none(uint64_t bytes)
{
    return bytes > 0 ? units_size(bytes) : g_strdup("–");
}

/* Gives the end of its bar, where the next one begins. */
static int64_t add_row(GString *out, const Row *row, int64_t at, int64_t whole)
{
    const ChartStretch bar[] = {
        {"unseal", at, row->unseal_us},
        {"prepare", at + row->unseal_us, row->prepare_us},
        {"server", at + row->unseal_us + row->prepare_us, row->server_us},
    };
    int64_t took = row->unseal_us + row->prepare_us + row->server_us;
    html_markup(out, "<tr>");
    html_row_heading(out, row->name);
    html_markup(out, "<td class=\"picture\">");
    chart_bar(out, bar, G_N_ELEMENTS(bar), whole);
    html_markup(out, "</td>");
    html_number_take(out, html_took(took));
    html_number_take(out, took_or_none(row->unseal_us));
    html_number_take(out, took_or_none(row->prepare_us));
    html_number_take(out, size_or_none(row->read));
    html_number_take(out, size_or_none(row->written));
    html_markup(out, "</tr>\n");
    return at + took;
}

static Row row_of(const DrillStep *step)
{
    return (Row){step->id, step->unseal_us,    step->prepare_us,
                 0,        step->bytes_stored, step->bytes_plain};
}

/* Of a long chain the middle is one row. */
static int64_t add_steps(GString *out, const GPtrArray *steps, int64_t whole)
{
    guint folded = steps->len > STEPS_MOST ? steps->len - STEPS_MOST : 0;
    g_autofree char *name = g_strdup_printf("%u links between", folded);
    Row between = {.name = name};
    int64_t at = 0;
    for (guint i = 0; i < steps->len; i++) {
        Row row = row_of(steps->pdata[i]);
        if (i < STEPS_MOST / 2 || i >= STEPS_MOST / 2 + folded) {
            at = add_row(out, &row, at, whole);
            continue;
        }
        between.unseal_us += row.unseal_us;
        between.prepare_us += row.prepare_us;
        between.read += row.read;
        between.written += row.written;
        if (i + 1 == STEPS_MOST / 2 + folded)
            at = add_row(out, &between, at, whole);
    }
    return at;
}

static int64_t steps_us(const Drill *drill)
{
    int64_t sum = drill->start_us + drill->ask_us;
    for (guint i = 0; i < drill->steps->len; i++) {
        const DrillStep *step = drill->steps->pdata[i];
        sum += step->unseal_us + step->prepare_us;
    }
    return sum;
}

void drill_time_add(GString *out, const Drill *drill)
{
    static const char *const headings[] = {
        "Step",  "From start to end", ">Took", ">Unsealed in", ">Prepared in",
        ">Read", ">Written",          NULL};
    int64_t sum = steps_us(drill);
    int64_t whole = MAX(drill->took_us, sum);
    html_markup(out, "<p class=\"legend\">");
    chart_legend(out, "unseal", "unseal: read, check, decompress");
    chart_legend(out, "prepare", "prepare: the engine applies the link");
    chart_legend(out, "server", "start a server, ask it, and the rest");
    html_markup(out, "</p>\n");
    html_table_start(out, "Step after step, each beginning where the one before it ended",
                     headings);
    int64_t at = add_steps(out, drill->steps, whole);
    const Row start = {.name = "start and stop the server",
                       .server_us = drill->start_us,
                       .written = drill->copied_up};
    const Row ask = {.name = "ask it", .server_us = drill->ask_us};
    const Row rest = {.name = "all else", .server_us = whole - sum};
    if (drill->start_us > 0)
        at = add_row(out, &start, at, whole);
    if (drill->ask_us > 0)
        at = add_row(out, &ask, at, whole);
    if (whole - sum > 0)
        (void)add_row(out, &rest, at, whole);
    html_table_end(out);
}

/* ---- all drills ---------------------------------------------------------------------------------
 */

static void add_history_chart(GString *out, const GPtrArray *drills)
{
    g_autoptr(GArray) moments = g_array_new(FALSE, FALSE, sizeof(ChartMoment));
    guint from = drills->len > MOMENTS_MOST ? drills->len - MOMENTS_MOST : 0;
    for (guint i = from; i < drills->len; i++) {
        const Drill *drill = drills->pdata[i];
        const ChartMoment moment = {
            .at = drill->at,
            .passed = *drill->failure == '\0',
            .took_s = (double)drill->took_us / G_USEC_PER_SEC,
            .rpo_s = (double)drill->rpo_s,
        };
        g_array_append_val(moments, moment);
    }
    html_markup(out, "<p class=\"legend\">● passed &#160; <span class=\"crosses\">✕</span> not "
                     "passed</p>\n");
    chart_history(out, (const ChartMoment *)(const void *)moments->data, moments->len);
}

static void add_history_row(GString *out, const Drill *drill)
{
    gboolean passed = *drill->failure == '\0';
    g_string_append(out, passed ? "<tr>" : "<tr class=\"bad\">");
    html_word_take(out, html_time(drill->at));
    html_word(out, drill->backup);
    html_cell(out, drill_way_text(drill));
    html_cell(out, drill->kind == DRILL_VERIFY ? proof_level_word(drill->reached) : "–");
    html_element(out, "td", "message", passed ? "✓ passed" : drill->failure);
    html_number_take(out, html_took(drill->took_us));
    html_number_take(out, drill_rpo_text(drill));
    html_markup(out, "</tr>\n");
}

static void add_history_table(GString *out, const GPtrArray *drills)
{
    static const char *const headings[] = {"Ended",  "Backup", "How",  "Level",
                                           "Result", ">Took",  ">RPO", NULL};
    guint shown = MIN(drills->len, (guint)DRILLS_MOST);
    html_markup(out, "<details><summary>");
    if (shown < drills->len)
        html_print(out, "The %u newest of %u, one by one", shown, drills->len);
    else
        html_text(out, "One by one");
    html_markup(out, "</summary>\n");
    html_table_start(out, "Drills and restores, the newest first", headings);
    for (guint i = 0; i < shown; i++)
        add_history_row(out, drills->pdata[drills->len - 1 - i]);
    html_table_end(out);
    html_markup(out, "</details>\n");
}

void drill_time_add_history(GString *out, const char *instance, const GPtrArray *drills)
{
    html_markup(out, "<section>\n<h2>");
    html_print(out, "History of drills: %s", instance);
    html_markup(out, "</h2>\n");
    if (drills->len == 0) {
        html_markup(out, "<p>No history of drills is kept here yet.</p>\n</section>\n");
        return;
    }
    guint passed = 0;
    for (guint i = 0; i < drills->len; i++) {
        const Drill *drill = drills->pdata[i];
        passed += *drill->failure == '\0' ? 1 : 0;
    }
    const Drill *first = drills->pdata[0];
    g_autofree char *since = html_time(first->at);
    html_markup(out, "<p>");
    html_print(out, "Since %s: %u drills and restores, %u passed, %u did not.", since, drills->len,
               passed, drills->len - passed);
    html_markup(out, "</p>\n");
    add_history_chart(out, drills);
    add_history_table(out, drills);
    html_markup(out, "</section>\n");
}
