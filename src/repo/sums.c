/* SPDX-License-Identifier: MIT */
#include "repo/sums.h"

#include "base/error.h"
#include "base/files.h"

#include <string.h>

enum { SUMS_LIMIT = 1 << 30, GAP = 2 };

static void line_free(gpointer data)
{
    SumLine *line = data;
    g_free(line->name);
    g_free(line);
}

GPtrArray *sums_new(void)
{
    return g_ptr_array_new_with_free_func(line_free);
}

void sums_add(GPtrArray *sums, const char *name, const uint8_t sum[DIGEST_BYTES])
{
    SumLine *line = g_new(SumLine, 1);
    line->name = g_strdup(name);
    memcpy(line->sum, sum, DIGEST_BYTES);
    g_ptr_array_add(sums, line);
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    const SumLine *const *left = a;
    const SumLine *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void sums_sort(GPtrArray *sums)
{
    g_ptr_array_sort(sums, compare_lines);
}

static void append_name(GString *text, const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '\\')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *p);
    }
}

GString *sums_text(const GPtrArray *sums)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < sums->len; i++) {
        const SumLine *line = sums->pdata[i];
        char hex[DIGEST_HEX + 1];
        digest_to_hex(line->sum, hex);
        if (strchr(line->name, '\\') != NULL)
            g_string_append_c(text, '\\');
        g_string_append_printf(text, "%s  ", hex);
        append_name(text, line->name);
        g_string_append_c(text, '\n');
    }
    return text;
}

/* The name behind a sum, as it is in the file; NULL: not a name. */
static char *parse_name(const char *text, gboolean escaped)
{
    g_autoptr(GString) name = g_string_new(NULL);
    for (const char *p = text; *p != '\0'; p++) {
        if (escaped && *p == '\\' && *++p != '\\')
            return NULL;
        g_string_append_c(name, *p);
    }
    if (name->len == 0 || *name->str == '/')
        return NULL;
    return g_string_free(g_steal_pointer(&name), FALSE);
}

static gboolean parse_line(char *line, GPtrArray *sums)
{
    gboolean escaped = *line == '\\';
    char *hex = escaped ? line + 1 : line;
    if (strlen(hex) <= DIGEST_HEX + GAP || strncmp(hex + DIGEST_HEX, "  ", GAP) != 0)
        return FALSE;
    hex[DIGEST_HEX] = '\0';
    uint8_t sum[DIGEST_BYTES];
    g_autofree char *name = parse_name(hex + DIGEST_HEX + GAP, escaped);
    if (name == NULL || !digest_from_hex(hex, sum))
        return FALSE;
    const SumLine *last = sums->len > 0 ? sums->pdata[sums->len - 1] : NULL;
    if (last != NULL && strcmp(last->name, name) >= 0)
        return FALSE;
    sums_add(sums, name, sum);
    return TRUE;
}

GPtrArray *sums_parse(const char *text, size_t length, const char *where, GError **error)
{
    g_autoptr(GPtrArray) sums = sums_new();
    if (length > 0 && text[length - 1] != '\n') {
        (void)fail(error, STATUS_VERIFY, "%s does not end with a whole line", where);
        return NULL;
    }
    const char *end = text + length;
    for (unsigned number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        g_autofree char *line = g_strndup(text, (size_t)(newline - text));
        if (strlen(line) != (size_t)(newline - text) || !parse_line(line, sums)) {
            (void)fail(error, STATUS_VERIFY, "%s:%u: not a line of sorted SHA-256 sums", where,
                       number);
            return NULL;
        }
        text = newline + 1;
    }
    return g_steal_pointer(&sums);
}

GPtrArray *sums_read(int backup_fd, const char *id, const char *expected, GError **error)
{
    g_autofree char *where = g_strconcat(id, "/", SUMS_NAME, NULL);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) text = files_read_text(backup_fd, SUMS_NAME, SUMS_LIMIT, &failure);
    if (text == NULL) {
        (void)fail(error, STATUS_VERIFY, "%s: %s", id, failure->message);
        return NULL;
    }
    g_autofree char *sum = digest_text(text->str, text->len);
    if (*expected != '\0' && !g_str_equal(expected, sum)) {
        (void)fail(error, STATUS_VERIFY, "%s is not what was written: its sum is %s, not %s", where,
                   sum, expected);
        return NULL;
    }
    return sums_parse(text->str, text->len, where, error);
}

const SumLine *sums_find(const GPtrArray *sums, const char *name)
{
    guint low = 0;
    guint high = sums->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const SumLine *line = sums->pdata[middle];
        int order = strcmp(line->name, name);
        if (order == 0)
            return line;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
