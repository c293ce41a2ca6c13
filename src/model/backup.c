/* SPDX-License-Identifier: MIT */
#include "model/backup.h"

#include "base/clock.h"

#include <string.h>

static const char *const type_words[] = {"full", "incremental", NULL};
static const char *const state_words[] = {"complete", "quarantined", "missing", NULL};
static const char *const proof_words[] = {"none", "files", "prepare", "server", "queries", NULL};
static const char *const yes_words[] = {"no", "yes", NULL};

#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, FIELD_TEXT, NULL, offsetof(Backup, name)                                            \
    }
#define NUMBER(name)                                                                               \
    {                                                                                              \
#name, FIELD_NUMBER, NULL, offsetof(Backup, name)                                          \
    }
#define TIME(name)                                                                                 \
    {                                                                                              \
#name, FIELD_TIME, NULL, offsetof(Backup, name)                                            \
    }
#define WORD(name, words)                                                                          \
    {                                                                                              \
#name, FIELD_WORD, words, offsetof(Backup, name)                                           \
    }

/* clang-format off */
const Field backup_facts[] = {
    WORD(type, type_words),
    TEXT(chain),
    TEXT(parent),
    NUMBER(from_lsn),
    NUMBER(to_lsn),
    NUMBER(last_lsn),
    TEXT(server_uuid),
    TEXT(server_version),
    TIME(server_started),
    TEXT(engine),
    TEXT(engine_version),
    TIME(started),
    TIME(finished),
    TIME(data_until),
    NUMBER(files),
    NUMBER(bytes_plain),
    NUMBER(bytes_stored),
    NUMBER(frame),
    TEXT(binlog_file),
    NUMBER(binlog_pos),
    TEXT(gtid),
    TEXT(canary),
    TEXT(canary_schema),
    TEXT(datadir_id),
    TEXT(sums),
    TEXT(full_rule),
    TEXT(full_reason),
};

const Field backup_marks[] = {
    WORD(state, state_words),
    TEXT(rule),
    TEXT(reason),
    TIME(quarantined_at),
    NUMBER(bytes_new),
    TIME(files_at),
    WORD(proof, proof_words),
    TIME(proof_at),
    NUMBER(proof_seconds),
    TEXT(proof_engine),
    WORD(proof_failed, proof_words),
    TIME(proof_failed_at),
    TEXT(proof_failed_reason),
    WORD(pinned, yes_words),
};
/* clang-format on */

const size_t backup_facts_count = G_N_ELEMENTS(backup_facts);
const size_t backup_marks_count = G_N_ELEMENTS(backup_marks);

static void *place(const Field *field, const Backup *backup)
{
    return (char *)(uintptr_t)backup + field->at;
}

/* Every second text is empty, and shares this one: a catalog of 10,000 backups has 190,000. */
static char no_text[] = "";

static char *copy_text(const char *text)
{
    return *text != '\0' ? g_strdup(text) : no_text;
}

static void free_text(char *text)
{
    if (text != no_text)
        g_free(text);
}

static void start_texts(Backup *backup, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == FIELD_TEXT)
            *(char **)place(&fields[i], backup) = no_text;
    }
}

static void free_texts(Backup *backup, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == FIELD_TEXT)
            free_text(*(char **)place(&fields[i], backup));
    }
}

GPtrArray *backup_extras_new(void)
{
    return g_ptr_array_new_with_free_func(g_atomic_rc_box_release);
}

Backup *backup_new(const char *id)
{
    Backup *backup = g_new0(Backup, 1);
    backup->id = g_strdup(id);
    start_texts(backup, backup_facts, backup_facts_count);
    start_texts(backup, backup_marks, backup_marks_count);
    backup->extra_facts = backup_extras_new();
    backup->extra_marks = backup_extras_new();
    return backup;
}

void backup_free(Backup *backup)
{
    g_free(backup->id);
    free_texts(backup, backup_facts, backup_facts_count);
    free_texts(backup, backup_marks, backup_marks_count);
    g_ptr_array_unref(backup->extra_facts);
    g_ptr_array_unref(backup->extra_marks);
    g_free(backup);
}

static void copy_texts(Backup *copy, const Backup *backup, const Field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == FIELD_TEXT)
            *(char **)place(&fields[i], copy) =
                copy_text(*(char *const *)place(&fields[i], backup));
    }
}

static GPtrArray *copy_extras(const GPtrArray *extras)
{
    GPtrArray *copy = backup_extras_new();
    for (guint i = 0; i < extras->len; i++)
        backup_share_extra(copy, extras->pdata[i]);
    return copy;
}

Backup *backup_copy(const Backup *backup)
{
    Backup *copy = g_new(Backup, 1);
    *copy = *backup;
    copy->id = g_strdup(backup->id);
    copy_texts(copy, backup, backup_facts, backup_facts_count);
    copy_texts(copy, backup, backup_marks, backup_marks_count);
    copy->extra_facts = copy_extras(backup->extra_facts);
    copy->extra_marks = copy_extras(backup->extra_marks);
    return copy;
}

/* As wide as what a table of fields can point at. */
static size_t width_of(FieldType type)
{
    static const size_t widths[] = {
        [FIELD_TEXT] = sizeof(char *),
        [FIELD_NUMBER] = sizeof(uint64_t),
        [FIELD_TIME] = sizeof(int64_t),
        [FIELD_WORD] = sizeof(int),
    };
    return widths[type];
}

void backup_swap_marks(Backup *a, Backup *b)
{
    for (size_t i = 0; i < backup_marks_count; i++) {
        const Field *field = &backup_marks[i];
        char kept[sizeof(uint64_t)];
        size_t width = width_of(field->type);
        memcpy(kept, place(field, a), width);
        memcpy(place(field, a), place(field, b), width);
        memcpy(place(field, b), kept, width);
    }
    GPtrArray *extras = a->extra_marks;
    a->extra_marks = b->extra_marks;
    b->extra_marks = extras;
}

void backup_quarantine(Backup *backup, const char *rule, const char *reason, int64_t now)
{
    backup->state = STATE_QUARANTINED;
    backup->quarantined_at = now;
    backup_set_text(&backup->rule, rule);
    backup_set_text(&backup->reason, reason);
}

void backup_set_text(char **field, const char *text)
{
    char *copy = copy_text(text != NULL ? text : "");
    free_text(*field);
    *field = copy;
}

/* Most are, and then nothing has to be made of them: 400,000 values stand in a large catalog. */
static gboolean is_one_line(const char *text)
{
    const char *end = text;
    while (*end >= 0x20 && *end < 0x7f)
        end++;
    return *end == '\0' && (end == text || (*text != ' ' && end[-1] != ' '));
}

/*
 * A value is one line; what comes from a server or an engine may hold anything.  U+0080 to U+009F
 * are control characters too, and a reader of the file refuses them.
 */
static char *one_line(const char *text)
{
    if (is_one_line(text))
        return g_strdup(text);
    char *line = g_utf8_make_valid(text, -1);
    for (char *p = line; *p != '\0'; p = g_utf8_next_char(p)) {
        if (g_unichar_iscntrl(g_utf8_get_char(p)))
            memset(p, ' ', (size_t)(g_utf8_next_char(p) - p));
    }
    return g_strstrip(line);
}

static void append_number(uint64_t number, GString *text)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    g_string_append_len(text, digits + at, (gssize)(sizeof digits - at));
}

static void append_and_free(char *value, GString *text)
{
    g_string_append(text, value);
    g_free(value);
}

void field_append(const Field *field, const Backup *backup, GString *text)
{
    const void *at = place(field, backup);
    switch (field->type) {
    case FIELD_TEXT:
        append_and_free(one_line(*(char *const *)at), text);
        break;
    case FIELD_NUMBER:
        append_number(*(const uint64_t *)at, text);
        break;
    case FIELD_TIME:
        append_and_free(clock_format(*(const int64_t *)at), text);
        break;
    case FIELD_WORD:
    default:
        g_string_append(text, field->words[*(const int *)at]);
        break;
    }
}

char *field_text(const Field *field, const Backup *backup)
{
    GString *text = g_string_new(NULL);
    field_append(field, backup, text);
    return g_string_free(text, FALSE);
}

/* Three times as fast as g_ascii_string_to_unsigned(): a large catalog has 110,000 numbers. */
static gboolean parse_number(const char *text, uint64_t *number)
{
    uint64_t sum = 0;
    const char *at = text;
    for (; g_ascii_isdigit(*at); at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return FALSE;
    }
    *number = sum;
    return at > text && *at == '\0';
}

gboolean field_parse(const Field *field, Backup *backup, const char *text)
{
    void *at = place(field, backup);
    switch (field->type) {
    case FIELD_TEXT:
        backup_set_text(at, text);
        return TRUE;
    case FIELD_NUMBER:
        return parse_number(text, at);
    case FIELD_TIME:
        return clock_parse(text, at);
    case FIELD_WORD:
    default:
        for (int i = 0; field->words[i] != NULL; i++) {
            if (g_str_equal(field->words[i], text)) {
                *(int *)at = i;
                return TRUE;
            }
        }
        return FALSE;
    }
}

/* In one piece with its texts, for a catalog of 10,000 backups has 80,000 of them. */
static BackupExtra *extra_new(const char *key, const char *value)
{
    size_t key_room = strlen(key) + 1;
    size_t value_room = strlen(value) + 1;
    BackupExtra *extra = g_atomic_rc_box_alloc(sizeof *extra + key_room + value_room);
    char *texts = (char *)(extra + 1);
    extra->key = memcpy(texts, key, key_room);
    extra->value = memcpy(texts + key_room, value, value_room);
    return extra;
}

void backup_add_extra(GPtrArray *extras, const char *key, const char *value)
{
    g_autofree char *line = is_one_line(value) ? NULL : one_line(value);
    g_ptr_array_add(extras, extra_new(key, line != NULL ? line : value));
}

void backup_share_extra(GPtrArray *extras, const BackupExtra *extra)
{
    g_ptr_array_add(extras, g_atomic_rc_box_acquire((gpointer)(uintptr_t)extra));
}

const Field *field_find(const Field *fields, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (g_str_equal(fields[i].key, key))
            return &fields[i];
    }
    return NULL;
}

static gboolean has_extra(const GPtrArray *extras, const char *key)
{
    for (guint i = 0; i < extras->len; i++) {
        const BackupExtra *extra = extras->pdata[i];
        if (g_str_equal(extra->key, key))
            return TRUE;
    }
    return FALSE;
}

/* Of its own table no field can have the name, or the key would be known. */
static gboolean means_something_else(const Backup *backup, gboolean mark, const char *key)
{
    static const char *const of_json[] = {"id", "proven", "restorable", NULL};
    if (!mark && g_str_has_prefix(key, "param_")) /* most are: nothing else is called so */
        return FALSE;
    if (g_str_has_prefix(key, BACKUP_SCOPE_FACTS) || g_str_has_prefix(key, BACKUP_SCOPE_MARKS) ||
        g_strv_contains(of_json, key))
        return TRUE;
    return mark ? field_find(backup_facts, backup_facts_count, key) != NULL ||
                      has_extra(backup->extra_facts, key)
                : field_find(backup_marks, backup_marks_count, key) != NULL;
}

const char *backup_extra_scope(const Backup *backup, gboolean mark, const char *key)
{
    if (!means_something_else(backup, mark, key))
        return "";
    return mark ? BACKUP_SCOPE_MARKS : BACKUP_SCOPE_FACTS;
}

const char *backup_param(const Backup *backup, const char *name)
{
    for (guint i = 0; i < backup->extra_facts->len; i++) {
        const BackupExtra *extra = backup->extra_facts->pdata[i];
        if (g_str_has_prefix(extra->key, "param_") &&
            g_str_equal(extra->key + strlen("param_"), name))
            return extra->value;
    }
    return "";
}

/* The word in an id is shorter than the type's name. */
static const char *const id_endings[] = {"-full", "-incr"};

char *backup_make_id(int64_t seconds, BackupType type)
{
    g_autofree char *stamp = clock_format_id(seconds);
    return g_strconcat(stamp, id_endings[type], NULL);
}

gboolean backup_parse_id(const char *id, int64_t *seconds, BackupType *type)
{
    if (!clock_parse_id(id, seconds))
        return FALSE;
    const char *ending = strchr(id, '-');
    for (size_t i = 0; ending != NULL && i < G_N_ELEMENTS(id_endings); i++) {
        if (g_str_equal(ending, id_endings[i])) {
            *type = (BackupType)i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *backup_type_word(BackupType type)
{
    return type_words[type];
}

const char *proof_level_word(ProofLevel level)
{
    return proof_words[level];
}

gboolean proof_level_parse(const char *word, ProofLevel *level)
{
    for (size_t i = 0; proof_words[i] != NULL; i++) {
        if (g_str_equal(proof_words[i], word)) {
            *level = (ProofLevel)i;
            return TRUE;
        }
    }
    return FALSE;
}

int backup_compare(gconstpointer a, gconstpointer b)
{
    const Backup *const *left = a;
    const Backup *const *right = b;
    return strcmp((*left)->id, (*right)->id);
}

const Backup *backup_find(const GPtrArray *backups, const char *id)
{
    guint low = 0;
    guint high = backups->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Backup *found = backups->pdata[middle];
        int order = strcmp(found->id, id);
        if (order == 0)
            return found;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
