/* SPDX-License-Identifier: MIT */
#include "model/tablelist.h"

static const char *const seen_words[] = {
    [SEEN_BOTH] = "both", [SEEN_BEFORE] = "before", [SEEN_AFTER] = "after"};

static const struct {
    char plain;
    char letter;
} escapes[] = {{'\t', 't'}, {'\n', 'n'}, {'\\', '\\'}};

char *tablelist_escape(const char *name)
{
    GString *text = g_string_new(NULL);
    for (const char *p = name; *p != '\0'; p++) {
        char letter = '\0';
        for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++)
            letter = escapes[i].plain == *p ? escapes[i].letter : letter;
        if (letter != '\0')
            g_string_append_c(text, '\\');
        g_string_append_c(text, letter != '\0' ? letter : *p);
    }
    return g_string_free(text, FALSE);
}

char *tablelist_unescape(const char *escaped)
{
    GString *name = g_string_new(NULL);
    for (const char *p = escaped; *p != '\0'; p++) {
        char c = *p;
        if (c == '\\' && p[1] != '\0') {
            c = *++p;
            for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++)
                c = escapes[i].letter == *p ? escapes[i].plain : c;
        }
        g_string_append_c(name, c);
    }
    return g_string_free(name, FALSE);
}

GString *tablelist_new(void)
{
    return g_string_new("schema\ttable\tengine\tsize\tseen\n");
}

void tablelist_append(GString *text, const ListedTable *table)
{
    g_autofree char *schema = tablelist_escape(table->schema);
    g_autofree char *name = tablelist_escape(table->name);
    g_string_append_printf(text, "%s\t%s\t%s\t%s\t%s\n", schema, name, table->engine,
                           table->size_class, seen_words[table->seen]);
}

static void table_free(gpointer data)
{
    ListedTable *table = data;
    g_free(table->schema);
    g_free(table->name);
    g_free(table->engine);
    g_free(table->size_class);
    g_free(table);
}

/* The headings say "seen" where a table has one of the words. */
static void parse_line(GPtrArray *tables, const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "\t", -1);
    if (g_strv_length(parts) != 5)
        return;
    for (size_t seen = 0; seen < G_N_ELEMENTS(seen_words); seen++) {
        if (!g_str_equal(parts[4], seen_words[seen]))
            continue;
        ListedTable *table = g_new0(ListedTable, 1);
        table->schema = tablelist_unescape(parts[0]);
        table->name = tablelist_unescape(parts[1]);
        table->engine = g_strdup(parts[2]);
        table->size_class = g_strdup(parts[3]);
        table->seen = (Seen)seen;
        g_ptr_array_add(tables, table);
    }
}

GPtrArray *tablelist_parse(const char *text)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func(table_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        parse_line(tables, *line);
    return tables;
}
