/* SPDX-License-Identifier: MIT */
#include "report/table.h"

#include <stdint.h>

struct Table {
    guint columns;
    GPtrArray *cells; /* the headings first */
    gboolean *right;
};

Table *table_new(const char *const *headings)
{
    Table *table = g_new0(Table, 1);
    table->columns = g_strv_length((char **)(uintptr_t)headings);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    table->right = g_new0(gboolean, table->columns);
    for (guint i = 0; i < table->columns; i++) {
        table->right[i] = *headings[i] == '>';
        table_add(table, headings[i] + table->right[i]);
    }
    return table;
}

void table_free(Table *table)
{
    g_ptr_array_unref(table->cells);
    g_free(table->right);
    g_free(table);
}

void table_take(Table *table, char *text)
{
    g_ptr_array_add(table->cells, text);
}

void table_add(Table *table, const char *text)
{
    table_take(table, g_strdup(text));
}

static int width_of(const Table *table, guint column)
{
    glong width = 0;
    for (guint i = column; i < table->cells->len; i += table->columns)
        width = MAX(width, g_utf8_strlen(table->cells->pdata[i], -1));
    return (int)width;
}

static void append_cell(GString *line, const char *text, int width, gboolean right)
{
    int padding = width - (int)g_utf8_strlen(text, -1);
    g_string_append_printf(line, "%*s%s%*s", right ? padding : 0, "", text, right ? 0 : padding,
                           "");
}

void table_print(const Table *table, const Report *report, const char *indent)
{
    g_autofree int *widths = g_new0(int, table->columns);
    for (guint column = 0; column < table->columns; column++)
        widths[column] = width_of(table, column);
    for (guint row = 0; row < table->cells->len; row += table->columns) {
        g_autoptr(GString) line = g_string_new(indent);
        for (guint i = 0; i < table->columns && row + i < table->cells->len; i++) {
            g_string_append(line, i > 0 ? "  " : "");
            append_cell(line, table->cells->pdata[row + i], widths[i], table->right[i]);
        }
        report_print(report, "%s\n", g_strchomp(line->str));
    }
}
