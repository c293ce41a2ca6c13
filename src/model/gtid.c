/* SPDX-License-Identifier: MIT */
#include "model/gtid.h"

#include <string.h>

/* All from `first` to `last` of one source. */
typedef struct {
    char *source; /* "uuid", "uuid:tag", or MariaDB's domain */
    guint64 first;
    guint64 last;
} Range;

static void range_clear(gpointer data)
{
    Range *range = data;
    g_free(range->source);
}

static gboolean parse_number(const char *text, guint64 *number)
{
    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, number, NULL);
}

static void add_range(GArray *ranges, const char *source, guint64 first, guint64 last)
{
    const Range range = {g_ascii_strdown(source, -1), first, last};
    g_array_append_val(ranges, range);
}

/* "5" or "1-10" */
static gboolean add_interval(GArray *ranges, const char *source, const char *text)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    guint64 first = 0;
    guint64 last = 0;
    if (!parse_number(ends[0], &first) || (ends[1] != NULL && !parse_number(ends[1], &last)))
        return FALSE;
    add_range(ranges, source, first, ends[1] != NULL ? last : first);
    return TRUE;
}

/* "uuid:1-10:15:tag:1-3": a word that begins with no digit is a tag, for what follows it. */
static gboolean add_mysql(GArray *ranges, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ":", -1);
    g_autofree char *source = g_strdup(words[0]);
    for (char **word = words + 1; *word != NULL; word++) {
        if (!g_ascii_isdigit(**word)) {
            g_free(source);
            source = g_strconcat(words[0], ":", *word, NULL);
        } else if (!add_interval(ranges, source, *word)) {
            return FALSE;
        }
    }
    return words[1] != NULL;
}

/* "0-1-42": whatever server it came from, the domain's sequence only grows. */
static gboolean add_mariadb(GArray *ranges, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, "-", -1);
    guint64 sequence = 0;
    if (g_strv_length(words) != 3 || !parse_number(words[2], &sequence))
        return FALSE;
    add_range(ranges, words[0], 1, sequence);
    return TRUE;
}

/* NULL: no set that we understand. */
static GArray *parse(const char *text)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    g_array_set_clear_func(ranges, range_clear);
    g_auto(GStrv) items = g_strsplit_set(text, ",\n", -1);
    for (char **item = items; *item != NULL; item++) {
        g_strstrip(*item);
        gboolean understood =
            **item == '\0' ||
            (strchr(*item, ':') != NULL ? add_mysql(ranges, *item) : add_mariadb(ranges, *item));
        if (!understood)
            return NULL;
    }
    return g_steal_pointer(&ranges);
}

/* A server writes a set without gaps that could be closed, so one range holds it or none does. */
static gboolean holds(const GArray *whole, const Range *wanted)
{
    for (guint i = 0; i < whole->len; i++) {
        const Range *range = &g_array_index(whole, Range, i);
        if (g_str_equal(range->source, wanted->source) && range->first <= wanted->first &&
            wanted->last <= range->last)
            return TRUE;
    }
    return FALSE;
}

char *gtid_lacking(const char *whole, const char *part)
{
    if (*whole == '\0') /* its binary log was switched off: it counts no more */
        return NULL;
    g_autoptr(GArray) had = parse(whole);
    g_autoptr(GArray) needed = parse(part);
    for (guint i = 0; had != NULL && needed != NULL && i < needed->len; i++) {
        const Range *range = &g_array_index(needed, Range, i);
        if (!holds(had, range))
            return g_strdup_printf("%s:%" G_GUINT64_FORMAT, range->source, range->last);
    }
    return NULL;
}
