/* SPDX-License-Identifier: MIT */
#include "engine/log.h"

#include "engine/family.h"

#include <string.h>

static gboolean has_word(const char *line, const char *const *words)
{
    for (; words != NULL && *words != NULL; words++) {
        if (strstr(line, *words) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Into the next of `n` places, when there is one; `count` counts all. */
static void keep(char **places, guint n, guint *count, const char *line)
{
    enum { LENGTH = 400 };
    if (*count < n) {
        g_autofree char *cut = g_strndup(line, LENGTH);
        places[*count] = g_utf8_make_valid(g_strstrip(cut), -1);
    }
    (*count)++;
}

static void look_for_errors(EngineLog *log, const char *line)
{
    gboolean error = has_word(line, log->form->errors) && !has_word(line, log->form->forgiven);
    gboolean lost = has_word(line, log->form->lost);
    log->error_seen |= error;
    log->recopy_failed |= lost;
    log->host_failed |= has_word(line, log->form->host);
    if (error || lost || has_word(line, log->form->told))
        keep(log->errors, ENGINE_LOG_KEPT, &log->n_errors, line);
}

static void look_for_losses(EngineLog *log, const char *text)
{
    for (const EngineLogLoss *loss = log->form->losses; loss != NULL && loss->says; loss++) {
        if (strstr(text, loss->says) == NULL || has_word(text, log->form->harmless))
            continue;
        if (loss->option == NULL || engine_option_value(log->options, loss->option) != NULL) {
            keep(log->warnings, ENGINE_LOG_WARNINGS, &log->n_warnings, text);
            return;
        }
    }
}

static void note_moment(EngineLog *log, EngineMoment moment, int64_t utc, int64_t now_us)
{
    switch (moment) {
    case MOMENT_COPIES:
        log->copying = TRUE;
        break;
    case MOMENT_FLUSH:
        log->stage = MAX(log->stage, ENGINE_STAGE_FLUSH);
        break;
    case MOMENT_BLOCKS_DDL:
        log->ddl_locked_at = log->ddl_locked_at != 0 ? log->ddl_locked_at : now_us;
        if (log->form->ddl_lock_may_last && !log->copying)
            log->ddl_held = TRUE;
        else
            log->stage = MAX(log->stage, ENGINE_STAGE_BLOCK_DDL);
        break;
    case MOMENT_BLOCKS_COMMIT:
        log->stage = ENGINE_STAGE_BLOCK_COMMIT;
        log->commit_locked_at = log->commit_locked_at != 0 ? log->commit_locked_at : now_us;
        break;
    case MOMENT_CONSISTENT:
        log->consistent_utc = utc;
        break;
    case MOMENT_RELEASED:
        log->stage = ENGINE_STAGE_RELEASED;
        log->released_at = now_us;
        break;
    default:
        break;
    }
}

/* One line may be the sign of more than one thing. */
static void note_signs(EngineLog *log, const char *text, int64_t utc, int64_t now_us)
{
    for (size_t i = 0; i < log->form->n_signs; i++) {
        if (g_str_has_prefix(text, log->form->signs[i].begins))
            note_moment(log, log->form->signs[i].moment, utc, now_us);
    }
}

/* "Connecting to MySQL server host: localhost, user: backup, password: set, port: ..." */
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
    const char *mark = log->form->recovered;
    const char *at = mark != NULL ? strstr(text, mark) : NULL;
    guint64 lsn = 0;
    if (at != NULL && g_ascii_string_to_unsigned(at + strlen(mark), 10, 1, G_MAXUINT64, &lsn, NULL))
        log->recovered_lsn = lsn;
}

void engine_log_init(EngineLog *log, const EngineLogForm *form, const char *const *options)
{
    *log = (EngineLog){.form = form, .options = options};
}

void engine_log_clear(EngineLog *log)
{
    for (size_t i = 0; i < ENGINE_LOG_KEPT; i++)
        g_free(log->errors[i]);
    for (size_t i = 0; i < ENGINE_LOG_WARNINGS; i++)
        g_free(log->warnings[i]);
    g_free(log->last_stamped);
    g_free(log->user);
    *log = (EngineLog){0};
}

void engine_log_line(EngineLog *log, const char *line, int64_t now_us)
{
    log->lines++;
    look_for_errors(log, line);
    int64_t utc = 0;
    const char *text = log->form->unstamp(line, &utc);
    look_for_losses(log, text != NULL ? text : line);
    if (text == NULL)
        return;
    g_free(log->last_stamped);
    log->last_stamped = g_strdup(text);
    note_signs(log, text, utc, now_us);
    note_user(log, text);
    note_recovered(log, text);
    log->loads_keys |= g_str_has_prefix(text, "Loading encryption plugin");
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
