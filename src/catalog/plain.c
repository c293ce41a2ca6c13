/* SPDX-License-Identifier: MIT */
#include "catalog/plain.h"

#include "base/digest.h"
#include "catalog/checked.h"

#include <string.h>

struct Plain {
    const char *at; /* of the next line */
    const char *end;
    char *line; /* the one that was read */
    size_t length;
    size_t room;
    GPtrArray *before; /* the extra facts of the backup before; NULL: there is none */
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

static void add_kind(guchar c, guchar *control, guchar *high)
{
    *control |= (guchar)((c < 0x20) & (c != '\n')) | (guchar)(c == 0x7f);
    *high |= c;
}

/* Summed up over blocks of one size, not left at once: so the compiler takes 16 bytes at a time. */
gboolean plain_is_clean(const GString *text)
{
    enum { BLOCK = 64 };
    guchar control = 0;
    guchar high = 0;
    gsize at = 0;
    for (; at + BLOCK <= text->len; at += BLOCK) {
        for (gsize i = at; i < at + BLOCK; i++)
            add_kind((guchar)text->str[i], &control, &high);
    }
    for (; at < text->len; at++)
        add_kind((guchar)text->str[at], &control, &high);
    return control == 0 && (high < 0x80 || is_clean_utf8(text));
}

static gboolean next_line(Plain *plain)
{
    const char *newline =
        plain->at < plain->end ? memchr(plain->at, '\n', (size_t)(plain->end - plain->at)) : NULL;
    if (newline == NULL)
        return FALSE;
    plain->length = (size_t)(newline - plain->at);
    if (plain->length >= plain->room) {
        plain->room = 2 * plain->length + 1;
        plain->line = g_realloc(plain->line, plain->room);
    }
    memcpy(plain->line, plain->at, plain->length);
    plain->line[plain->length] = '\0';
    plain->at = newline + 1;
    return TRUE;
}

Plain *plain_begin(const GString *text, const char *section)
{
    size_t head = strlen("[]\nchecksum = \n") + strlen(section) + DIGEST_HEX;
    if (text->len < head)
        return NULL;
    Plain *plain = g_new0(Plain, 1);
    plain->at = text->str + head;
    plain->end = text->str + text->len;
    return plain;
}

void plain_free(Plain *plain)
{
    g_clear_pointer(&plain->before, g_ptr_array_unref);
    g_free(plain->line);
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
    if (!next_line(plain) || plain->length < length + 3 || memcmp(plain->line, key, length) != 0 ||
        memcmp(plain->line + length, " = ", 3) != 0)
        return FALSE;
    *value = plain->line + length + 3;
    return is_value(*value, plain->length - length - 3);
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
        (field_find(backup_facts, backup_facts_count, key) != NULL ||
         field_find(backup_marks, backup_marks_count, key) != NULL ||
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
    char *equals = next_line(plain) ? strstr(plain->line, " = ") : NULL;
    if (equals == NULL)
        return FALSE;
    const char *value = equals + 3;
    *equals = '\0';
    if (!is_new_key(extras, plain->line) || !is_value(value, strlen(value)))
        return FALSE;
    backup_add_extra(extras, plain->line, value);
    return TRUE;
}

/* They end with the text, at an empty line, and at the first mark. */
static gboolean extras_end(const Plain *plain)
{
    const char *mark = backup_marks[0].key;
    return plain->at == plain->end || *plain->at == '\n' ||
           (g_str_has_prefix(plain->at, mark) && plain->at[strlen(mark)] == ' ');
}

gboolean plain_extras(Plain *plain, GPtrArray *extras)
{
    while (!extras_end(plain)) {
        if (!take_extra(plain, extras))
            return FALSE;
    }
    return TRUE;
}

/* Does the rest begin so?  It is read past that then. */
static gboolean skip(Plain *plain, const char *text)
{
    size_t length = strlen(text);
    if (length > (size_t)(plain->end - plain->at) || memcmp(plain->at, text, length) != 0)
        return FALSE;
    plain->at += length;
    return TRUE;
}

/* Is the next line this one? */
static gboolean skip_extra(Plain *plain, const BackupExtra *extra)
{
    const char *line = plain->at;
    if (skip(plain, extra->key) && skip(plain, " = ") && skip(plain, extra->value) &&
        skip(plain, "\n"))
        return TRUE;
    plain->at = line;
    return FALSE;
}

/* Most are parameters of the server, which seldom change: up to the first that did, the backup
 * shares those of the one before. */
static gboolean take_extra_facts(Plain *plain, Backup *backup)
{
    const GPtrArray *before = plain->before;
    guint known = before != NULL ? before->len : 0;
    for (guint i = 0; i < known && skip_extra(plain, before->pdata[i]); i++)
        backup_share_extra(backup->extra_facts, before->pdata[i]);
    if (!plain_extras(plain, backup->extra_facts))
        return FALSE;
    g_clear_pointer(&plain->before, g_ptr_array_unref);
    plain->before = g_ptr_array_ref(backup->extra_facts);
    return TRUE;
}

gboolean plain_facts(Plain *plain, Backup *backup)
{
    return take_fields(plain, backup, backup_facts, backup_facts_count) &&
           take_extra_facts(plain, backup);
}

gboolean plain_marks(Plain *plain, Backup *backup)
{
    if (!take_fields(plain, backup, backup_marks, backup_marks_count) ||
        !plain_extras(plain, backup->extra_marks))
        return FALSE;
    for (guint i = 0; i < backup->extra_marks->len; i++) {
        const BackupExtra *extra = backup->extra_marks->pdata[i];
        if (*backup_extra_scope(backup, TRUE, extra->key) != '\0')
            return FALSE;
    }
    return TRUE;
}

gboolean plain_section(Plain *plain, const char *prefix, const char **name)
{
    *name = NULL;
    if (plain->at == plain->end)
        return TRUE;
    if (!next_line(plain) || plain->length > 0 || !next_line(plain))
        return FALSE;
    char *bracket = plain->length > 1 ? plain->line + plain->length - 1 : plain->line;
    if (*plain->line != '[' || strchr(plain->line, ']') != bracket ||
        !g_str_has_prefix(plain->line + 1, prefix))
        return FALSE;
    *bracket = '\0';
    *name = plain->line + 1 + strlen(prefix);
    return TRUE;
}
