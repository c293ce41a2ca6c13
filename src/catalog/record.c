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

static void append_extras(const GPtrArray *extras, GString *text)
{
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        g_string_append(text, extra->key);
        g_string_append(text, " = ");
        g_string_append(text, extra->value);
        g_string_append_c(text, '\n');
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

const Field *record_find_field(const Field *fields, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (g_str_equal(fields[i].key, key))
            return &fields[i];
    }
    return NULL;
}

gboolean record_take(Backup *backup, RecordPart part, gboolean *in_marks, const char *key,
                     const char *value, GError **error)
{
    const Field *fact =
        part == RECORD_MARKS ? NULL : record_find_field(backup_facts, backup_facts_count, key);
    const Field *mark =
        part == RECORD_FACTS ? NULL : record_find_field(backup_marks, backup_marks_count, key);
    const Field *field = fact != NULL ? fact : mark;
    if (mark != NULL || part == RECORD_MARKS)
        *in_marks = TRUE;
    if (field == NULL) {
        backup_add_extra(*in_marks ? backup->extra_marks : backup->extra_facts, key, value);
        return TRUE;
    }
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
