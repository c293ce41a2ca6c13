/* SPDX-License-Identifier: MIT */
#include "proof/startlog.h"

#include <string.h>

/* Words in an error that say: this is not the fault of the data. */
static const struct {
    const char *words;
    Status status;
    const char *remedy;
} faults[] = {
    {"unknown variable", STATUS_CONFIG, "correct `server_options`"},
    {"unknown option", STATUS_CONFIG, "correct `server_options`"},
    {"ambiguous option", STATUS_CONFIG, "correct `server_options`"},
    {"No space left", STATUS_STORAGE, "make room where proof_dir is"},
    {"Errcode: 28", STATUS_STORAGE, "make room where proof_dir is"},
    {"error number 28", STATUS_STORAGE, "make room where proof_dir is"},
    {"annot allocate", STATUS_FAILED, "lower `prepare_memory`"},
    {"ut of memory", STATUS_FAILED, "lower `prepare_memory`"},
    {"Errcode: 12", STATUS_FAILED, "lower `prepare_memory`"},
    {"oo many open files", STATUS_FAILED, "raise the limit of open files (ulimit -n)"},
    {"Errcode: 24", STATUS_FAILED, "raise the limit of open files (ulimit -n)"},
    {"ermission denied", STATUS_UNFIT, "does AppArmor or SELinux confine this server program?"},
    {"error number 13", STATUS_UNFIT, "does AppArmor or SELinux confine this server program?"},
    {"Errcode: 13", STATUS_UNFIT, "does AppArmor or SELinux confine this server program?"},
    {"an't open shared library", STATUS_UNFIT, "install that plugin beside the server program"},
    {"downgrade", STATUS_UNFIT, "install a server that is not older than the backup's"},
    {"used key_id", STATUS_KEY, "give the server its keys with `server_options`"},
    {"ncryption service", STATUS_KEY, "give the server its keys with `server_options`"},
    {"eyring", STATUS_KEY, "give the server its keys with `server_options`"},
};

/* Of a crash there is no [ERROR]. */
static const char *const crashes[] = {"got signal ", "ssertion failure", "ssertion `",
                                      "intentionally generate a memory trap"};

static const char in_doubt[] = " transactions in prepared state after recovery";

void startlog_init(StartLog *log)
{
    *log = (StartLog){.fault = STATUS_VERIFY};
}

void startlog_clear(StartLog *log)
{
    for (size_t i = 0; i < G_N_ELEMENTS(log->errors); i++)
        g_clear_pointer(&log->errors[i], g_free);
    g_clear_pointer(&log->last, g_free);
}

/* NULL: it is none. */
static const char *error_in(const char *line)
{
    const char *at = strstr(line, "[ERROR]");
    if (at != NULL)
        return g_str_has_suffix(at, "Aborting") ? NULL : at;
    for (size_t i = 0; i < G_N_ELEMENTS(crashes); i++) {
        if (strstr(line, crashes[i]) != NULL)
            return line;
    }
    return NULL;
}

static void keep_error(StartLog *log, const char *text)
{
    if (log->n_errors < STARTLOG_KEPT)
        log->errors[log->n_errors] = g_strdup(text);
    log->n_errors++;
    for (size_t i = 0; log->fault == STATUS_VERIFY && i < G_N_ELEMENTS(faults); i++) {
        if (strstr(text, faults[i].words) != NULL) {
            log->fault = faults[i].status;
            log->remedy = faults[i].remedy;
        }
    }
}

/* Of "[InnoDB] 12 transactions in ...", with `at` behind the number. */
static guint number_before(const char *line, const char *at)
{
    const char *from = at;
    while (from > line && g_ascii_isdigit(from[-1]))
        from--;
    return (guint)g_ascii_strtoull(from, NULL, 10);
}

void startlog_line(StartLog *log, const char *line)
{
    if (strstr(line, "ready for connections") != NULL && strstr(line, "X Plugin") == NULL)
        log->ready = TRUE;
    else if (strstr(line, "which must be rolled back or cleaned up") != NULL)
        log->rolls_back = TRUE;
    else if (strstr(line, "Rollback of non-prepared transactions completed") != NULL)
        log->rolled_back = TRUE;
    else if (strstr(line, in_doubt) != NULL)
        log->prepared = number_before(line, strstr(line, in_doubt));
    g_free(log->last);
    log->last = g_strdup(line);
    const char *text = error_in(line);
    if (text != NULL)
        keep_error(log, text);
}

gboolean startlog_settled(const StartLog *log)
{
    return log->ready && (!log->rolls_back || log->rolled_back);
}

char *startlog_errors(const StartLog *log)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < MIN(log->n_errors, STARTLOG_KEPT); i++)
        g_string_append_printf(text, "\n  %s", log->errors[i]);
    if (log->n_errors == 0 && log->last != NULL)
        g_string_append_printf(text, "\n  %s", log->last);
    return g_string_free(text, FALSE);
}
