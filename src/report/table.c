/* SPDX-License-Identifier: MIT */
#include "report/table.h"

#include "base/log.h"

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

/* A cell stays on its line, and can be measured. */
void table_take(Table *table, char *text)
{
    char *cell = text;
    while (*cell >= 0x20 && *cell < 0x7f)
        cell++;
    if (*cell == '\0') {
        g_ptr_array_add(table->cells, text);
        return;
    }
    cell = log_printable(text);
    g_ptr_array_add(table->cells, g_strdelimit(cell, "\n\t", '?'));
    g_free(text);
}

void table_add(Table *table, const char *text)
{
    table_take(table, g_strdup(text));
}

/* Columns on a terminal: a character of East Asia takes two, an accent of its own none. */
static int columns_of(const char *text)
{
    const char *odd = text;
    while (*odd != '\0' && (guchar)*odd < 0x80)
        odd++;
    int columns = (int)(odd - text);
    for (const char *p = odd; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (!g_unichar_iszerowidth(c))
            columns += g_unichar_iswide(c) ? 2 : 1;
    }
    return columns;
}

static int width_of(const Table *table, guint column)
{
    int width = 0;
    for (guint i = column; i < table->cells->len; i += table->columns)
        width = MAX(width, columns_of(table->cells->pdata[i]));
    return width;
}

static void append_cell(GString *lines, const char *text, int width, gboolean right)
{
    int padding = width - columns_of(text);
    for (int i = 0; right && i < padding; i++)
        g_string_append_c(lines, ' ');
    g_string_append(lines, text);
    for (int i = 0; !right && i < padding; i++)
        g_string_append_c(lines, ' ');
}

static void end_line(GString *lines)
{
    gsize length = lines->len;
    while (length > 0 && lines->str[length - 1] == ' ')
        length--;
    g_string_truncate(lines, length);
    g_string_append_c(lines, '\n');
}

void table_print(const Table *table, const Report *report, const char *indent)
{
    g_autofree int *widths = g_new0(int, table->columns);
    for (guint column = 0; column < table->columns; column++)
        widths[column] = width_of(table, column);
    g_autoptr(GString) lines = g_string_new(NULL);
    for (guint row = 0; row < table->cells->len; row += table->columns) {
        g_string_append(lines, indent);
        for (guint i = 0; i < table->columns && row + i < table->cells->len; i++) {
            g_string_append(lines, i > 0 ? "  " : "");
            append_cell(lines, table->cells->pdata[row + i], widths[i], table->right[i]);
        }
        end_line(lines);
    }
    report_print(report, "%s", lines->str);
}
