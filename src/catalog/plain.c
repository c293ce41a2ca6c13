/* SPDX-License-Identifier: MIT */
#include "catalog/plain.h"

#include "base/digest.h"
#include "catalog/checked.h"
#include "catalog/record.h"

#include <string.h>

struct Plain {
    const char *at; /* of the next line */
    const char *end;
    GString *line; /* the one that was read */
};

enum { EXTRAS_MOST = 64 };

/* Of more than ASCII, what every value that we write has gone through: U+0080 to U+009F are not in
 * it. */
static gboolean is_clean_utf8(const GString *text)
{
    if (!g_utf8_validate_len(text->str, text->len, NULL))
        return FALSE;
    const char *end = text->str + text->len;
    for (const char *at = text->str; (at = memchr(at, 0xc2, (size_t)(end - at))) != NULL; at++) {
        if ((guchar)at[1] < 0xa0)
            return FALSE;
    }
    return TRUE;
}

static gboolean is_clean(const GString *text)
{
    guint control = 0; /* summed up, not left at once: that is three times as fast */
    guint high = 0;
    for (gsize i = 0; i < text->len; i++) {
        guint c = (guchar)text->str[i];
        control |= (guint)(c < 0x20) & (guint)(c != '\n');
        control |= (guint)(c == 0x7f);
        high |= c;
    }
    return control == 0 && (high < 0x80 || is_clean_utf8(text));
}

static gboolean next_line(Plain *plain)
{
    const char *newline =
        plain->at < plain->end ? memchr(plain->at, '\n', (size_t)(plain->end - plain->at)) : NULL;
    if (newline == NULL)
        return FALSE;
    g_string_truncate(plain->line, 0);
    g_string_append_len(plain->line, plain->at, newline - plain->at);
    plain->at = newline + 1;
    return TRUE;
}

Plain *plain_begin(const GString *text, const char *section)
{
    size_t head = strlen("[]\nchecksum = \n") + strlen(section) + DIGEST_HEX;
    if (text->len < head || !is_clean(text))
        return NULL;
    Plain *plain = g_new0(Plain, 1);
    plain->at = text->str + head;
    plain->end = text->str + text->len;
    plain->line = g_string_sized_new(256);
    return plain;
}

void plain_free(Plain *plain)
{
    g_string_free(plain->line, TRUE);
    g_free(plain);
}

/* Without blanks around it: a reader of INI would drop them. */
static gboolean is_value(const char *text, size_t length)
{
    return length == 0 || (text[0] != ' ' && text[length - 1] != ' ');
}

gboolean plain_value(Plain *plain, const char *key, const char **value)
{
    size_t length = strlen(key);
    if (!next_line(plain) || plain->line->len < length + 3 ||
        memcmp(plain->line->str, key, length) != 0 ||
        memcmp(plain->line->str + length, " = ", 3) != 0)
        return FALSE;
    *value = plain->line->str + length + 3;
    return is_value(*value, plain->line->len - length - 3);
}

static gboolean take_fields(Plain *plain, Backup *backup, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = NULL;
        if (!plain_value(plain, fields[i].key, &value) || !field_parse(&fields[i], backup, value))
            return FALSE;
    }
    return TRUE;
}

static gboolean is_key(const char *key)
{
    const char *end = key;
    while (g_ascii_islower(*end) || g_ascii_isdigit(*end) || *end == '_')
        end++;
    return end > key && *end == '\0';
}

/* One of ours would stand in its own place; and none stands twice. */
static gboolean is_new_key(const GPtrArray *extras, const char *key)
{
    static const char parameter[] = "param_"; /* no field is called so, and most extras are */
    if (!is_key(key))
        return FALSE;
    if (!g_str_has_prefix(key, parameter) &&
        (record_find_field(backup_facts, backup_facts_count, key) != NULL ||
         record_find_field(backup_marks, backup_marks_count, key) != NULL ||
         g_str_equal(key, "checksum") || g_str_equal(key, "format") ||
         g_str_equal(key, "generation") || g_str_equal(key, "instance")))
        return FALSE;
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        if (g_str_equal(extra->key, key))
            return FALSE;
    }
    return extras->len < EXTRAS_MOST;
}

static gboolean take_extra(Plain *plain, GPtrArray *extras)
{
    char *equals = next_line(plain) ? strstr(plain->line->str, " = ") : NULL;
    if (equals == NULL)
        return FALSE;
    const char *value = equals + 3;
    *equals = '\0';
    if (!is_new_key(extras, plain->line->str) || !is_value(value, strlen(value)))
        return FALSE;
    backup_add_extra(extras, plain->line->str, value);
    return TRUE;
}

/* They end at an empty line, at the first mark, and with the text. */
gboolean plain_extras(Plain *plain, GPtrArray *extras)
{
    const char *mark = backup_marks[0].key;
    while (plain->at < plain->end && *plain->at != '\n') {
        if (g_str_has_prefix(plain->at, mark) && plain->at[strlen(mark)] == ' ')
            return TRUE;
        if (!take_extra(plain, extras))
            return FALSE;
    }
    return TRUE;
}

gboolean plain_facts(Plain *plain, Backup *backup)
{
    return take_fields(plain, backup, backup_facts, backup_facts_count) &&
           plain_extras(plain, backup->extra_facts);
}

gboolean plain_marks(Plain *plain, Backup *backup)
{
    return take_fields(plain, backup, backup_marks, backup_marks_count) &&
           plain_extras(plain, backup->extra_marks);
}

gboolean plain_section(Plain *plain, const char *prefix, const char **name)
{
    *name = NULL;
    if (plain->at == plain->end)
        return TRUE;
    if (!next_line(plain) || plain->line->len > 0 || !next_line(plain))
        return FALSE;
    GString *line = plain->line;
    if (line->len < 2 || line->str[0] != '[' || line->str[line->len - 1] != ']' ||
        memchr(line->str, ']', line->len) != line->str + line->len - 1 ||
        !g_str_has_prefix(line->str + 1, prefix))
        return FALSE;
    g_string_truncate(line, line->len - 1);
    *name = line->str + 1 + strlen(prefix);
    return TRUE;
}
