/* SPDX-License-Identifier: MIT */
#include "catalog/record.h"

#include "base/digest.h"
#include "base/error.h"

#include <string.h>

static void append_fields(const Backup *backup, const Field *fields, size_t count, GString *text)
{
    for (size_t i = 0; i < count; i++) {
        g_string_append(text, fields[i].key);
        g_string_append(text, " = ");
        field_append(&fields[i], backup, text);
        g_string_append_c(text, '\n');
    }
}

static void append_extra(const BackupExtra *extra, GString *text)
{
    g_string_append(text, extra->key);
    g_string_append(text, " = ");
    g_string_append(text, extra->value);
    g_string_append_c(text, '\n');
}

static void append_extras(const GPtrArray *extras, GString *text)
{
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        append_extra(extra, text);
    }
}

void record_append_facts(const Backup *backup, GString *text)
{
    append_fields(backup, backup_facts, backup_facts_count, text);
    append_extras(backup->extra_facts, text);
}

void record_append_marks(const Backup *backup, GString *text)
{
    append_fields(backup, backup_marks, backup_marks_count, text);
    append_extras(backup->extra_marks, text);
}

static void append_scoped(const Backup *backup, gboolean marks, GString *text)
{
    const GPtrArray *extras = marks ? backup->extra_marks : backup->extra_facts;
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        g_string_append(text, backup_extra_scope(backup, marks, extra->key));
        append_extra(extra, text);
    }
}

void record_append_all(const Backup *backup, GString *text)
{
    append_fields(backup, backup_facts, backup_facts_count, text);
    append_scoped(backup, FALSE, text);
    append_fields(backup, backup_marks, backup_marks_count, text);
    append_scoped(backup, TRUE, text);
}

/* "facts.NAME" and "marks.NAME" of a catalog; `key` is left with the name. */
static gboolean take_scope(const char **key, gboolean *in_marks)
{
    gboolean marks = g_str_has_prefix(*key, BACKUP_SCOPE_MARKS);
    if (!marks && !g_str_has_prefix(*key, BACKUP_SCOPE_FACTS))
        return FALSE;
    *key = strchr(*key, '.') + 1;
    *in_marks = marks;
    return TRUE;
}

static gboolean take_extra(Backup *backup, gboolean mark, const char *key, const char *value,
                           GError **error)
{
    const Field *own = mark ? field_find(backup_marks, backup_marks_count, key)
                            : field_find(backup_facts, backup_facts_count, key);
    if (own != NULL)
        return fail(error, STATUS_CATALOG, "%s is no unknown key", key);
    backup_add_extra(mark ? backup->extra_marks : backup->extra_facts, key, value);
    return TRUE;
}

gboolean record_take(Backup *backup, RecordPart part, gboolean *in_marks, const char *key,
                     const char *value, GError **error)
{
    gboolean mark_now = FALSE;
    if (part == RECORD_BOTH && take_scope(&key, &mark_now))
        return take_extra(backup, mark_now, key, value, error);
    const Field *fact =
        part == RECORD_MARKS ? NULL : field_find(backup_facts, backup_facts_count, key);
    const Field *mark =
        part == RECORD_FACTS ? NULL : field_find(backup_marks, backup_marks_count, key);
    const Field *field = fact != NULL ? fact : mark;
    if (mark != NULL || part == RECORD_MARKS)
        *in_marks = TRUE;
    if (field == NULL)
        return take_extra(backup, *in_marks, key, value, error);
    return field_parse(field, backup, value) ||
           fail(error, STATUS_CATALOG, "the value of %s makes no sense", key);
}

gboolean record_check_facts(const Backup *backup, const char *where, GError **error)
{
    int64_t seconds = 0;
    BackupType type = BACKUP_FULL;
    uint8_t sum[DIGEST_BYTES];
    if (!backup_parse_id(backup->id, &seconds, &type))
        return fail(error, STATUS_CATALOG, "%s: %s is not a backup id", where, backup->id);
    if (type != backup->type)
        return fail(error, STATUS_CATALOG, "%s: %s says it is %s", where, backup->id,
                    backup_type_word(backup->type));
    gboolean full = type == BACKUP_FULL;
    if (full && (!g_str_equal(backup->chain, backup->id) || *backup->parent != '\0'))
        return fail(error, STATUS_CATALOG, "%s: the full %s names a chain or parent of its own",
                    where, backup->id);
    if (!full && (*backup->chain == '\0' || strcmp(backup->parent, backup->id) >= 0 ||
                  *backup->parent == '\0'))
        return fail(error, STATUS_CATALOG, "%s: %s has no earlier parent", where, backup->id);
    if (!digest_from_hex(backup->sums, sum))
        return fail(error, STATUS_CATALOG, "%s: %s has no sum of its SHA256SUMS", where,
                    backup->id);
    return TRUE;
}
