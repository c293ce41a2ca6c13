/* SPDX-License-Identifier: MIT */
#include "model/tablelist.h"

#include "sample.h"

static ListedTable listed(const char *schema, const char *name, const char *kind, Seen seen)
{
    return (ListedTable){(char *)schema, (char *)name, (char *)kind, (char *)"1M", seen};
}

static void expect_same(const ListedTable *got, const ListedTable *wanted)
{
    cr_expect_str_eq(got->schema, wanted->schema);
    cr_expect_str_eq(got->name, wanted->name);
    cr_expect_str_eq(got->engine, wanted->engine);
    cr_expect_str_eq(got->size_class, wanted->size_class);
    cr_expect_eq(got->seen, wanted->seen);
}

Test(tablelist, reads_back_what_it_wrote)
{
    const ListedTable view = listed("shop", "orders", "VIEW", SEEN_BOTH);
    const ListedTable awkward = listed("a\tb", "c\nd\\e", "InnoDB", SEEN_AFTER);
    const ListedTable gone = listed("shop", "\\t", "CSV", SEEN_BEFORE);
    g_autoptr(GString) text = tablelist_new();
    tablelist_append(text, &view);
    tablelist_append(text, &awkward);
    tablelist_append(text, &gone);
    g_autoptr(GPtrArray) tables = tablelist_parse(text->str);
    cr_assert_eq(tables->len, 3);
    expect_same(tables->pdata[0], &view);
    expect_same(tables->pdata[1], &awkward);
    expect_same(tables->pdata[2], &gone);
}

Test(tablelist, keeps_a_table_on_one_line_whatever_its_name)
{
    const ListedTable awkward = listed("a\tb", "c\nd\\e", "InnoDB", SEEN_AFTER);
    g_autoptr(GString) text = tablelist_new();
    tablelist_append(text, &awkward);
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    cr_expect_eq(g_strv_length(lines), 3); /* headings, the table, and what is behind its end */
    cr_expect_str_eq(lines[1], "a\\tb\tc\\nd\\\\e\tInnoDB\t1M\tafter");
}

Test(tablelist, takes_no_line_that_it_does_not_understand_for_a_table)
{
    static const char *const lines[] = {
        "",
        "schema\ttable\tengine\tsize\tseen\n",
        "a\tb\tInnoDB\t1M\n",
        "a\tb\tInnoDB\t1M\tboth\tmore\n",
        "a\tb\tInnoDB\t1M\tnever\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GPtrArray) tables = tablelist_parse(lines[i]);
        cr_expect_eq(tables->len, 0, "%s", lines[i]);
    }
}
