/* SPDX-License-Identifier: MIT */
#include "catalog/checked.h"

#include "base/digest.h"
#include "base/error.h"

#include <string.h>

static const char key[] = "checksum = ";

GString *checked_wrap(const char *section, GString *body)
{
    g_autofree char *sum = digest_text(body->str, body->len);
    g_autofree char *head = g_strdup_printf("[%s]\n%s%s\n", section, key, sum);
    return g_string_prepend(body, head);
}

gboolean checked_verify(const GString *text, const char *section, const char *where, GError **error)
{
    g_autofree char *head = g_strdup_printf("[%s]\n%s", section, key);
    size_t at = strlen(head);
    if (strncmp(text->str, head, at) != 0 || text->len < at + DIGEST_HEX + 1 ||
        text->str[at + DIGEST_HEX] != '\n')
        return fail(error, STATUS_CATALOG, "%s:1: does not begin with [%s] and its checksum", where,
                    section);
    const char *body = text->str + at + DIGEST_HEX + 1;
    g_autofree char *sum = digest_text(body, text->len - (size_t)(body - text->str));
    if (strncmp(sum, text->str + at, DIGEST_HEX) != 0)
        return fail(error, STATUS_CATALOG, "%s:2: the checksum does not match what stands below it",
                    where);
    return TRUE;
}

void checked_blame(const GError *nonsense, const char *where, GError **error)
{
    g_autofree char *no_sum = g_strconcat(where, ":2: ", NULL);
    g_autofree char *a_line = g_strconcat(where, ":", NULL);
    if (!g_str_has_prefix((*error)->message, no_sum) ||
        !g_str_has_prefix(nonsense->message, a_line) ||
        !g_ascii_isdigit(nonsense->message[strlen(a_line)]))
        return;
    g_autofree char *sentence = error_sentence(nonsense);
    g_clear_error(error);
    (void)fail(error, STATUS_CATALOG, "%s; the checksum does not match either", sentence);
}

/* What differs in any two texts: a damage in it is told by the checksum itself. */
static gboolean says_nothing(const char *line)
{
    return g_str_has_prefix(line, key) || g_str_has_prefix(line, "generation = ");
}

guint checked_first_difference(const GString *text, const GString *twin)
{
    g_auto(GStrv) ours = g_strsplit(text->str, "\n", -1);
    g_auto(GStrv) theirs = g_strsplit(twin->str, "\n", -1);
    for (guint i = 0; ours[i] != NULL && theirs[i] != NULL; i++) {
        gboolean skipped = says_nothing(ours[i]) && says_nothing(theirs[i]);
        if (!skipped && !g_str_equal(ours[i], theirs[i]))
            return i + 1;
        if (ours[i + 1] == NULL || theirs[i + 1] == NULL)
            return ours[i + 1] == theirs[i + 1] ? 0 : i + 2;
    }
    return 0;
}

gboolean checked_format(const char *value, const char *where, GError **error)
{
    guint64 format = 0;
    if (!g_ascii_string_to_unsigned(value, 10, 1, G_MAXUINT32, &format, NULL))
        return fail(error, STATUS_CATALOG, "%s: %s is not a format", where, value);
    if (format > CHECKED_FORMAT)
        return fail(error, STATUS_CATALOG,
                    "%s has format %" G_GUINT64_FORMAT
                    ", this program knows %d" HINT("use a newer lsnchain"),
                    where, format, CHECKED_FORMAT);
    return TRUE;
}
