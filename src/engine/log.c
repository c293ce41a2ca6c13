/* SPDX-License-Identifier: MIT */
#include "engine/log.h"

#include "base/clock.h"

#include <string.h>

enum { STAMP_LENGTH = 19 }; /* "2026-11-23 13:52:37" */

/* ---- stamps ---------------------------------------------------------------------------------- */

static gboolean is_stamp(const char *at)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd";
    for (size_t i = 0; i < STAMP_LENGTH; i++) {
        gboolean fits = shape[i] == 'd' ? g_ascii_isdigit(at[i]) : at[i] == shape[i];
        if (!fits)
            return FALSE;
    }
    return TRUE;
}

/* The stamp of "[00] STAMP text" or "[00] FATAL ERROR: STAMP text" at `at`, or NULL. */
static const char *thread_stamp(const char *at)
{
    static const char fatal[] = "FATAL ERROR: ";
    if (at[0] != '[' || !g_ascii_isdigit(at[1]) || !g_ascii_isdigit(at[2]) || at[3] != ']' ||
        at[4] != ' ')
        return NULL;
    at += 5;
    if (g_str_has_prefix(at, fatal))
        at += strlen(fatal);
    return is_stamp(at) ? at : NULL;
}

/* The last stamp of a line: progress without a newline may stand before it. */
static const char *find_stamp(const char *line)
{
    const char *found = is_stamp(line) ? line : NULL;
    for (const char *at = strchr(line, '['); at != NULL; at = strchr(at + 1, '[')) {
        const char *stamp = thread_stamp(at);
        if (stamp != NULL)
            found = stamp;
    }
    return found;
}

static int64_t stamp_seconds(const char *stamp)
{
    g_autofree char *text = g_strdup_printf("%.10sT%.8sZ", stamp, stamp + 11);
    int64_t seconds = 0;
    return clock_parse(text, &seconds) ? seconds : 0;
}

/* ---- what a line means ----------------------------------------------------------------------- */

/* A run with one of these is void, whatever its exit status. */
static const char *const error_words[] = {"[ERROR]", "FATAL ERROR"};
static const char *const recopy_words[] = {"Failed to re-copy", "Failed to remove",
                                           "Failed to rename"};
/* These are only told when it failed: some are harmless (a dropped Aria table, a retried page). */
static const char *const told_words[] = {
    "Error:",         "error:",           "Failed to ",        "failed to ", "an't ",
    "unknown option", "unknown variable", "missing required ", "Error on ",  "o such file",
    "errno: ",        "Access denied",    "only applied up to"};

static gboolean has_word(const char *line, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strstr(line, words[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

static void keep_error(EngineLog *log, const char *line)
{
    enum { LENGTH = 400 };
    if (log->n_errors < ENGINE_LOG_KEPT) {
        g_autofree char *cut = g_strndup(line, LENGTH);
        log->errors[log->n_errors] = g_utf8_make_valid(g_strstrip(cut), -1);
    }
    log->n_errors++;
}

static void look_for_errors(EngineLog *log, const char *line)
{
    gboolean error = has_word(line, error_words, G_N_ELEMENTS(error_words));
    gboolean recopy = has_word(line, recopy_words, G_N_ELEMENTS(recopy_words));
    log->error_seen |= error;
    log->recopy_failed |= recopy;
    if (error || recopy || has_word(line, told_words, G_N_ELEMENTS(told_words)))
        keep_error(log, line);
}

static void note_stage(EngineLog *log, const char *stamp, const char *text, int64_t now_us)
{
    if (strcmp(text, "Starting BACKUP STAGE FLUSH") == 0) {
        log->stage = ENGINE_STAGE_FLUSH;
    } else if (strcmp(text, "Acquired locks for BACKUP STAGE BLOCK_DDL") == 0) {
        log->stage = ENGINE_STAGE_BLOCK_DDL;
        log->ddl_locked_at = now_us;
    } else if (strcmp(text, "Acquired locks for BACKUP STAGE BLOCK_COMMIT") == 0) {
        log->stage = ENGINE_STAGE_BLOCK_COMMIT;
        log->commit_locked_at = now_us;
        log->commit_locked_utc = stamp_seconds(stamp);
    } else if (strcmp(text, "All tables unlocked") == 0) {
        log->stage = ENGINE_STAGE_RELEASED;
        log->released_at = now_us;
    }
}

/* "Connecting to MariaDB server host: localhost, user: backup, password: set, port: ..." */
static void note_user(EngineLog *log, const char *text)
{
    static const char key[] = ", user: ";
    if (!g_str_has_prefix(text, "Connecting to M"))
        return;
    const char *start = strstr(text, key);
    const char *end = g_strrstr(text, ", password: ");
    if (start == NULL || end == NULL || end < start + strlen(key))
        return;
    start += strlen(key);
    g_autofree char *user = g_strndup(start, (size_t)(end - start));
    if (log->user == NULL)
        log->user = g_steal_pointer(&user);
    else if (strcmp(log->user, user) != 0)
        log->users_differ = TRUE;
}

/* The last one counts: a prepare may start InnoDB more than once. */
static void note_recovered(EngineLog *log, const char *text)
{
    static const char mark[] = "InnoDB: End of log at LSN=";
    const char *at = strstr(text, mark);
    guint64 lsn = 0;
    if (at != NULL && g_ascii_string_to_unsigned(at + strlen(mark), 10, 1, G_MAXUINT64, &lsn, NULL))
        log->recovered_lsn = lsn;
}

void engine_log_init(EngineLog *log)
{
    *log = (EngineLog){0};
}

void engine_log_clear(EngineLog *log)
{
    for (size_t i = 0; i < ENGINE_LOG_KEPT; i++)
        g_free(log->errors[i]);
    g_free(log->last_stamped);
    g_free(log->user);
    *log = (EngineLog){0};
}

void engine_log_line(EngineLog *log, const char *line, int64_t now_us)
{
    log->lines++;
    look_for_errors(log, line);
    const char *stamp = find_stamp(line);
    if (stamp == NULL)
        return;
    const char *text = stamp + STAMP_LENGTH;
    text += *text == ' ' ? 1 : 0;
    g_free(log->last_stamped);
    log->last_stamped = g_strdup(text);
    note_stage(log, stamp, text, now_us);
    note_user(log, text);
    note_recovered(log, text);
}

gboolean engine_log_ended_well(const EngineLog *log)
{
    return log->last_stamped != NULL && strcmp(log->last_stamped, "completed OK!") == 0;
}

char *engine_log_errors(const EngineLog *log)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < MIN(log->n_errors, (guint)ENGINE_LOG_KEPT); i++)
        g_string_append_printf(text, "\n  %s", log->errors[i]);
    if (log->n_errors > ENGINE_LOG_KEPT)
        g_string_append_printf(text, "\n  ... and %u more", log->n_errors - ENGINE_LOG_KEPT);
    return g_string_free(text, FALSE);
}
