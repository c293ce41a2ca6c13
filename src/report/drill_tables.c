/* SPDX-License-Identifier: MIT */
#include "report/drill_tables.h"

#include "report/drill_verdict.h"
#include "report/html.h"

#include <string.h>

enum { FAULTS_MOST = 500, SCHEMAS_MOST = 200, OPEN_MOST = 60 };

static const char *fit_text(TableFit fit)
{
    static const char *const texts[] = {
        [TABLE_SAME] = "as listed",
        [TABLE_COMING_OR_GOING] = "made or dropped during the capture",
        [TABLE_LOST] = "✗ missing",
        [TABLE_EXTRA] = "✗ not in the list",
        [TABLE_OTHER_ENGINE] = "✗ another engine",
    };
    return texts[fit];
}

static const char *check_text(CheckEnd check)
{
    static const char *const texts[] = {
        [CHECK_NOT_DONE] = "not in this drill",
        [CHECK_NEEDLESS] = "not needed",
        [CHECK_PASSED] = "passed",
        [CHECK_FAILED] = "✗ failed",
    };
    return texts[check];
}

static char *checked_at_text(const ExamTable *table)
{
    if (table->check == CHECK_NEEDLESS && table->checked_at == 0)
        return g_strdup("–");
    return table->checked_at == 0 ? g_strdup("never") : html_time(table->checked_at);
}

/* ---- counts ---------------------------------------------------------------------------------- */

/* What stands in a schema, or in all of them. */
typedef struct {
    const char *schema;
    guint from; /* its tables: [from, to) */
    guint to;
    guint faults;
    guint ends[CHECK_FAILED + 1]; /* by CheckEnd */
    guint never;                  /* not checked by any drill */
    int64_t oldest;               /* check of those that were */
} Count;

static void count_table(Count *count, const ExamTable *table)
{
    count->faults += drill_table_at_fault(table) ? 1 : 0;
    count->ends[table->check]++;
    if (table->check == CHECK_NEEDLESS || table->fit == TABLE_LOST)
        return;
    if (table->checked_at == 0)
        count->never++;
    else if (count->oldest == 0 || table->checked_at < count->oldest)
        count->oldest = table->checked_at;
}

/* One Count for each schema, in the order of the tables. */
static GArray *count_schemas(const Exam *exam)
{
    GArray *counts = g_array_new(FALSE, TRUE, sizeof(Count));
    Count *count = NULL;
    for (guint i = 0; i < exam->tables->len; i++) {
        const ExamTable *table = exam->tables->pdata[i];
        if (count == NULL || !g_str_equal(count->schema, table->schema)) {
            g_array_set_size(counts, counts->len + 1);
            count = &g_array_index(counts, Count, counts->len - 1);
            count->schema = table->schema;
            count->from = i;
        }
        count->to = i + 1;
        count_table(count, table);
    }
    return counts;
}

static char *number(guint count)
{
    return g_strdup_printf("%u", count);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void add_summary(GString *out, const Exam *exam, guint schemas)
{
    Count all = {0};
    for (guint i = 0; i < exam->tables->len; i++)
        count_table(&all, exam->tables->pdata[i]);
    html_markup(out, "<dl class=\"facts\">\n");
    html_fact_take(out, "Tables", g_strdup_printf("%u in %u schemas", exam->tables->len, schemas));
    html_fact_take(out, "At fault",
                   all.faults == 0 ? g_strdup("✓ none") : g_strdup_printf("✗ %u", all.faults));
    html_fact_take(out, "CHECK TABLE in this drill",
                   g_strdup_printf("%u passed, %u failed, %u not in this drill, %u need none",
                                   all.ends[CHECK_PASSED], all.ends[CHECK_FAILED],
                                   all.ends[CHECK_NOT_DONE], all.ends[CHECK_NEEDLESS]));
    html_fact_take(out, "Never checked by a drill", number(all.never));
    if (all.oldest != 0)
        html_fact_take(out, "Oldest last check", html_time(all.oldest));
    html_markup(out, "</dl>\n");
}

static void add_fault(GString *out, const ExamTable *table)
{
    html_markup(out, "<tr class=\"bad\">");
    html_cell_take(out, g_strdup_printf("%s.%s", table->schema, table->name));
    html_cell(out, table->engine);
    html_word(out, fit_text(table->fit));
    html_word(out, check_text(table->check));
    html_element(out, "td", "message", table->message);
    html_markup(out, "</tr>\n");
}

static void add_faults(GString *out, const Exam *exam)
{
    static const char *const headings[] = {"Table",       "Engine",  "In the backup's list",
                                           "CHECK TABLE", "Message", NULL};
    guint shown = 0;
    guint faults = 0;
    for (guint i = 0; i < exam->tables->len; i++) {
        if (!drill_table_at_fault(exam->tables->pdata[i]))
            continue;
        if (faults++ == 0)
            html_table_start(out, "Tables at fault", headings);
        if (shown == FAULTS_MOST)
            continue;
        add_fault(out, exam->tables->pdata[i]);
        shown++;
    }
    if (faults > 0)
        html_table_end(out);
    if (faults > shown) {
        html_markup(out, "<p class=\"note\">");
        html_print(out, "%u more tables are at fault; the JSON file names them.", faults - shown);
        html_markup(out, "</p>\n");
    }
}

static void add_schema_row(GString *out, const Count *count)
{
    g_string_append(out, count->faults > 0 ? "<tr class=\"bad\">" : "<tr>");
    html_row_heading(out, count->schema);
    html_number_take(out, number(count->to - count->from));
    html_number_take(out, count->faults > 0 ? g_strdup_printf("✗ %u", count->faults) : number(0));
    html_number_take(out, number(count->ends[CHECK_PASSED]));
    html_number_take(out, number(count->ends[CHECK_NOT_DONE]));
    html_number_take(out, number(count->ends[CHECK_NEEDLESS]));
    html_number_take(out, number(count->never));
    html_word_take(out, count->oldest != 0 ? html_time(count->oldest) : g_strdup("–"));
    html_markup(out, "</tr>\n");
}

static void add_schemas(GString *out, const GArray *counts)
{
    static const char *const headings[] = {
        "Schema",     ">Tables",        ">At fault",         ">Passed", ">Not in this drill",
        ">Need none", ">Never checked", "Oldest last check", NULL};
    html_table_start(out, "CHECK TABLE by schema", headings);
    for (guint i = 0; i < MIN(counts->len, (guint)SCHEMAS_MOST); i++)
        add_schema_row(out, &g_array_index(counts, Count, i));
    html_table_end(out);
    if (counts->len <= SCHEMAS_MOST)
        return;
    html_markup(out, "<p class=\"note\">");
    html_print(out, "%u more schemas are not in this table.", counts->len - SCHEMAS_MOST);
    html_markup(out, "</p>\n");
}

static void add_table_row(GString *out, const ExamTable *table)
{
    g_string_append(out, drill_table_at_fault(table) ? "<tr class=\"bad\">" : "<tr>");
    html_cell(out, table->name);
    html_cell(out, *table->engine != '\0' ? table->engine : table->type);
    html_cell(out, fit_text(table->fit));
    html_cell(out, check_text(table->check));
    html_cell_take(out, checked_at_text(table));
    html_markup(out, "</tr>\n");
}

/* How many it could show before the page was full. */
static guint add_schema_tables(GString *out, const Exam *exam, const Count *count, gsize most)
{
    static const char *const headings[] = {"Table",       "Engine or type", "In the backup's list",
                                           "CHECK TABLE", "Last checked",   NULL};
    gboolean open = exam->tables->len <= OPEN_MOST;
    g_string_append(out, open ? "<details open=\"open\"><summary>" : "<details><summary>");
    html_text(out, count->schema);
    html_print(out, ": %u tables", count->to - count->from);
    html_markup(out, "</summary>\n");
    g_autofree char *caption = g_strdup_printf("Tables of %s", count->schema);
    html_table_start(out, caption, headings);
    guint i = count->from;
    for (; i < count->to && out->len < most; i++)
        add_table_row(out, exam->tables->pdata[i]);
    html_table_end(out);
    html_markup(out, "</details>\n");
    return i - count->from;
}

static void add_all(GString *out, const Exam *exam, const GArray *counts, gsize most)
{
    guint shown = 0;
    for (guint i = 0; i < counts->len && out->len < most; i++)
        shown += add_schema_tables(out, exam, &g_array_index(counts, Count, i), most);
    if (shown == exam->tables->len)
        return;
    html_markup(out, "<p class=\"note\">");
    html_print(out, "The page is full: %u more tables are listed in the JSON file only.",
               exam->tables->len - shown);
    html_markup(out, "</p>\n");
}

void drill_tables_add(GString *out, const Exam *exam, gsize most)
{
    g_autoptr(GArray) counts = count_schemas(exam);
    add_summary(out, exam, counts->len);
    if (counts->len == 0)
        return;
    add_faults(out, exam);
    add_schemas(out, counts);
    add_all(out, exam, counts, most);
}

/* ---- assertions ------------------------------------------------------------------------------ */

static void add_assert(GString *out, const ExamAssert *query)
{
    g_string_append(out, query->passed ? "<tr>" : "<tr class=\"bad\">");
    html_row_heading(out, query->name);
    html_element(out, "td", "query", query->sql);
    html_element(out, "td", "message", query->answer);
    html_cell(out, query->passed ? "✓ true" : "✗ not true");
    html_markup(out, "</tr>\n");
}

void drill_tables_add_asserts(GString *out, const Exam *exam)
{
    static const char *const headings[] = {"Assertion", "Query", "Answer", "Result", NULL};
    if (exam->asserts->len == 0) {
        html_markup(out, "<p>No assertion of your own is configured for this instance.</p>\n");
        return;
    }
    html_table_start(out, "Questions of your own, and what the restored server answered", headings);
    for (guint i = 0; i < exam->asserts->len; i++)
        add_assert(out, exam->asserts->pdata[i]);
    html_table_end(out);
}
