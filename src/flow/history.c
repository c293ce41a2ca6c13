/* SPDX-License-Identifier: MIT */
#include "flow/history.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum {
    KEPT = 400,
    KEPT_DAYS = 2 * 366,
    KEPT_BYTES = 8 << 20, /* a drill of a chain of 1000 links has 100 KiB */
    FILE_LIMIT = 4 * KEPT_BYTES,
    LOCK_WAIT_S = 30,
};

static const char file_name[] = "history.ini";
static const char head[] = "history"; /* the section that holds the checksum */
static const char drill_section[] = "drill ";

/* ---- text ------------------------------------------------------------------------------------ */

typedef enum { TEXT, TIME, SIGNED, UNSIGNED, COUNT, WORD } KeyType;

typedef struct {
    const char *key;
    KeyType type;
    size_t at;                /* in Drill */
    const char *const *words; /* of WORD, indexed by the value, NULL-terminated */
} Key;

static const char *const kind_words[] = {"verify", "restore", NULL};
static const char *const level_words[] = {"none", "files", "prepare", "server", "queries", NULL};
static const char *const yes_words[] = {"no", "yes", NULL};

#define KEY(type, field) #field, type, offsetof(Drill, field)

/* clang-format off */
static const Key keys[] = {
    {KEY(TEXT, backup), NULL},
    {KEY(TEXT, chain), NULL},
    {KEY(WORD, kind), kind_words},
    {KEY(TIME, at), NULL},
    {KEY(WORD, asked), level_words},
    {KEY(WORD, reached), level_words},
    {KEY(TEXT, failure), NULL},
    {KEY(WORD, fresh), yes_words},
    {KEY(SIGNED, took_us), NULL},
    {KEY(SIGNED, start_us), NULL},
    {KEY(SIGNED, ask_us), NULL},
    {KEY(UNSIGNED, copied_up), NULL},
    {KEY(COUNT, tables), NULL},
    {KEY(COUNT, checked), NULL},
    {KEY(SIGNED, rpo_s), NULL},
    {KEY(TEXT, engine), NULL},
    {KEY(TEXT, server), NULL},
    {KEY(TEXT, host), NULL},
};
/* clang-format on */

static void *place(const Key *key, const Drill *drill)
{
    return (char *)(uintptr_t)drill + key->at;
}

/* A value is one line of printable text. */
static void append_line(const char *value, GString *text)
{
    g_autofree char *line = log_printable(value);
    g_strdelimit(line, "\n\t", ' ');
    g_string_append(text, g_strstrip(line));
}

static void append_value(const Key *key, const Drill *drill, GString *text)
{
    const void *at = place(key, drill);
    g_autofree char *time = key->type == TIME ? clock_format(*(const int64_t *)at) : NULL;
    switch (key->type) {
    case TEXT:
        append_line(*(char *const *)at, text);
        break;
    case TIME:
        g_string_append(text, time);
        break;
    case SIGNED:
        g_string_append_printf(text, "%" PRId64, *(const int64_t *)at);
        break;
    case UNSIGNED:
        g_string_append_printf(text, "%" PRIu64, *(const uint64_t *)at);
        break;
    case COUNT:
        g_string_append_printf(text, "%u", *(const guint *)at);
        break;
    case WORD:
    default:
        g_string_append(text, key->words[*(const int *)at]);
        break;
    }
}

static gboolean parse_word(const char *const *words, const char *value, int *at)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (g_str_equal(words[i], value)) {
            *at = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean parse_value(const Key *key, const char *value, Drill *drill)
{
    void *at = place(key, drill);
    guint64 number = 0;
    switch (key->type) {
    case TEXT:
        g_free(*(char **)at);
        *(char **)at = g_strdup(value);
        return TRUE;
    case TIME:
        return clock_parse(value, at);
    case SIGNED:
        return g_ascii_string_to_signed(value, 10, G_MININT64, G_MAXINT64, at, NULL);
    case UNSIGNED:
        return g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, at, NULL);
    case COUNT:
        if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT, &number, NULL))
            return FALSE;
        *(guint *)at = (guint)number;
        return TRUE;
    case WORD:
    default:
        return parse_word(key->words, value, at);
    }
}

/* `step_3 = ID incremental FILES STORED PLAIN UNSEAL_US PREPARE_US` */
static void append_step(guint number, const DrillStep *step, GString *text)
{
    g_string_append_printf(text, "step_%u = ", number);
    append_line(step->id, text);
    g_string_append_printf(text,
                           " %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 "\n",
                           backup_type_word(step->type), step->files, step->bytes_stored,
                           step->bytes_plain, step->unseal_us, step->prepare_us);
}

static gboolean parse_step(const char *value, Drill *drill)
{
    g_auto(GStrv) parts = g_strsplit(value, " ", -1);
    if (g_strv_length(parts) != 7)
        return FALSE;
    gboolean full = g_str_equal(parts[1], backup_type_word(BACKUP_FULL));
    if (!full && !g_str_equal(parts[1], backup_type_word(BACKUP_INCREMENTAL)))
        return FALSE;
    DrillStep *step = drill_add_step(drill, parts[0], full ? BACKUP_FULL : BACKUP_INCREMENTAL);
    return g_ascii_string_to_unsigned(parts[2], 10, 0, G_MAXUINT64, &step->files, NULL) &&
           g_ascii_string_to_unsigned(parts[3], 10, 0, G_MAXUINT64, &step->bytes_stored, NULL) &&
           g_ascii_string_to_unsigned(parts[4], 10, 0, G_MAXUINT64, &step->bytes_plain, NULL) &&
           g_ascii_string_to_signed(parts[5], 10, 0, G_MAXINT64, &step->unseal_us, NULL) &&
           g_ascii_string_to_signed(parts[6], 10, 0, G_MAXINT64, &step->prepare_us, NULL);
}

static void append_drill(guint64 number, const Drill *drill, GString *text)
{
    g_string_append_printf(text, "\n[%s%" PRIu64 "]\n", drill_section, number);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(text, "%s = ", keys[i].key);
        append_value(&keys[i], drill, text);
        g_string_append_c(text, '\n');
    }
    for (guint i = 0; i < drill->steps->len; i++)
        append_step(i + 1, drill->steps->pdata[i], text);
}

/* ---- file ------------------------------------------------------------------------------------ */

typedef struct {
    GString *text;     /* of the file; NULL: there is none */
    GPtrArray *drills; /* Drill *, oldest first */
    guint64 number;    /* of the newest; they only grow */
    gboolean newer;    /* a later program wrote it */
} History;

static History history_none(void)
{
    return (History){.drills = g_ptr_array_new_with_free_func((GDestroyNotify)drill_free)};
}

static void history_clear(History *history)
{
    if (history->text != NULL)
        g_string_free(history->text, TRUE);
    g_clear_pointer(&history->drills, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(History, history_clear)

static gboolean take_section(History *history, const char *section, GError **error)
{
    if (!g_str_has_prefix(section, drill_section) ||
        !g_ascii_string_to_unsigned(section + strlen(drill_section), 10, history->number + 1,
                                    G_MAXUINT64, &history->number, NULL))
        return fail(error, STATUS_CATALOG, "[%s] is not the next drill", section);
    g_ptr_array_add(history->drills, drill_new("", "", DRILL_VERIFY));
    return TRUE;
}

/* Keys that no row knows stay in the text, which is kept as it is. */
static gboolean take_key(Drill *drill, const char *key, const char *value, GError **error)
{
    gboolean good = !g_str_has_prefix(key, "step_") || parse_step(value, drill);
    for (size_t i = 0; good && i < G_N_ELEMENTS(keys); i++) {
        if (g_str_equal(keys[i].key, key))
            good = parse_value(&keys[i], value, drill);
    }
    return good || fail(error, STATUS_CATALOG, "the value of %s makes no sense", key);
}

static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    History *history = data;
    if (g_str_equal(section, head)) {
        if (key == NULL || !g_str_equal(key, "format") ||
            checked_format(value, "this history", error))
            return TRUE;
        history->newer =
            g_ascii_string_to_unsigned(value, 10, CHECKED_FORMAT + 1, G_MAXUINT32, NULL, NULL);
        return FALSE;
    }
    if (key == NULL)
        return take_section(history, section, error);
    return take_key(history->drills->pdata[history->drills->len - 1], key, value, error);
}

/* `history` comes as history_none(). */
static gboolean history_load(const Run *run, History *history, GError **error)
{
    const IniReader reader = {STATUS_CATALOG, take_entry, history};
    g_autofree char *path = run_state_path(run, file_name);
    if (faccessat(AT_FDCWD, path, F_OK, 0) < 0 && errno == ENOENT)
        return TRUE;
    history->text = files_read_text(AT_FDCWD, path, FILE_LIMIT, error);
    return history->text != NULL && checked_verify(history->text, head, path, error) &&
           ini_read(history->text->str, history->text->len, path, &reader, error);
}

/* ---- add ------------------------------------------------------------------------------------- */

static gboolean is_kept(const History *history, guint index, size_t bytes)
{
    const Drill *drill = history->drills->pdata[index];
    return history->drills->len - index < KEPT && bytes <= KEPT_BYTES &&
           drill->at >= clock_now() - (int64_t)KEPT_DAYS * 86400;
}

/* From the first section that is kept, with the line break before it; "": none is. */
static const char *kept_text(const History *history)
{
    g_autofree char *opens = g_strconcat("\n[", drill_section, NULL);
    const char *at = history->text != NULL ? strstr(history->text->str, opens) : NULL;
    for (guint i = 0; at != NULL && i < history->drills->len; i++) {
        if (is_kept(history, i, strlen(at)))
            return at;
        at = strstr(at + 1, opens);
    }
    return "";
}

static gboolean history_write(const Run *run, const History *history, const Drill *drill,
                              GError **error)
{
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_printf(body, "format = %d\n", CHECKED_FORMAT);
    g_string_append(body, kept_text(history));
    append_drill(history->number + 1, drill, body);
    g_autoptr(GString) file = checked_wrap(head, g_steal_pointer(&body));
    g_autofree char *directory = run_state_path(run, "");
    autofd int fd = files_open_dir(AT_FDCWD, directory, error);
    return fd >= 0 && replace_file(fd, file_name, file, 0600, error);
}

static gboolean records(const Run *run)
{
    return run->state_dir != NULL && run_owns_state(run->state_dir);
}

gboolean history_add(const Run *run, const Drill *drill, GError **error)
{
    if (!records(run))
        return TRUE;
    g_autofree char *directory = run_state_path(run, "");
    g_autofree char *lock_path = run_state_path(run, "history.lock");
    if (!files_make_dirs(AT_FDCWD, directory, 0700, error))
        return FALSE;
    g_autoptr(Lock) lock = lock_take(lock_path, LOCK_RECORD, LOCK_EXCLUSIVE, run->command,
                                     LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
    if (lock == NULL)
        return FALSE;
    g_auto(History) history = history_none();
    g_autoptr(GError) damage = NULL;
    if (!history_load(run, &history, &damage)) {
        if (history.newer) {
            g_propagate_error(error, g_steal_pointer(&damage));
            return FALSE;
        }
        log_warning("%s: the history of drills starts anew", damage->message);
        history_clear(&history);
        history = history_none();
    }
    return history_write(run, &history, drill, error);
}

void history_note(const Run *run, const Drill *drill)
{
    g_autoptr(GError) error = NULL;
    if (!history_add(run, drill, &error))
        log_warning("this drill is missing in the history: %s", error->message);
}

/* ---- read ------------------------------------------------------------------------------------ */

GPtrArray *history_read(const Run *run, GError **error)
{
    g_auto(History) history = history_none();
    gboolean known = run->state_dir != NULL && run_owns_state(run->state_dir);
    if (known && !history_load(run, &history, error))
        return NULL;
    return g_steal_pointer(&history.drills);
}

Pace *history_pace(const Run *run)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) drills = history_read(run, &error);
    if (drills != NULL)
        return pace_new(drills);
    log_warning("%s: how long a restore takes is not known until the next drill", error->message);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    return pace_new(none);
}
