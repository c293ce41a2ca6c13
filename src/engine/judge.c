/* SPDX-License-Identifier: MIT */
#include "engine/judge.h"

#include "base/error.h"
#include "base/units.h"
#include "engine/family.h"

#include <signal.h>
#include <string.h>

#define REDO_OVERWRITTEN                                                                           \
    "the server overwrote its redo log before it was copied: make it larger "                      \
    "(innodb_redo_log_capacity), or run at a quieter time"

/* What to do, by what the engine says; the first that is found in its kept lines. */
static const struct {
    const char *says;
    const char *hint;
} hints[] = {
    {"missing required privilege", "grant it to the user of `defaults_file`"},
    {"command denied", "grant it to the user of `defaults_file`"},
    {"Access denied", "check user and password in `defaults_file`, and the user's grants"},
    {"Failed to connect", "is the server up, and does `defaults_file` name its socket?"},
    {"Can't open dir", "it may not read the server's files: see docs/ordinary-user.md"},
    {"must be readable", "it may not read the server's files: see docs/ordinary-user.md"},
    {"error number 13", "it may not read the server's files: see docs/ordinary-user.md"},
    {"No space left", "make room on the engine's host"},
    {"Too many open files", "raise the limit of open files (LimitNOFILE) above the tables' number"},
    {"innodb_log_file_size", "the server overwrote its redo log before it was copied: make "
                             "innodb_log_file_size larger, or run at a quieter time"},
    {"log block numbers mismatch", REDO_OVERWRITTEN},
    {"did not find valid files", REDO_OVERWRITTEN},
    {"could not find redo log file", REDO_OVERWRITTEN},
    {"larger than last copied LSN", REDO_OVERWRITTEN},
    {"Unsupported server version", "install the engine of the server's own series"},
    {"Unsupported redo log format", "install the engine that took the backup"},
    {"INSTANT ADD/DROP", "OPTIMIZE TABLE what is listed, or update server and engine"},
    {"without redo logging", "a DDL ran meanwhile that is not logged: run it again"},
    {"after 10 retries", "the server's own file is damaged: CHECK TABLE, and look at the disk"},
    {"Unable to obtain lock", "something holds a lock for long: see SHOW PROCESSLIST"},
    {"Lost connection", "the server closed the connection: see its log"},
    {"gone away", "the server closed the connection: see its log"},
    {"annot allocate ", "give less `prepare_memory`"},
    {"annot map innodb_buffer_pool", "give less `prepare_memory`"},
    {"with --apply-log-only.", "this base takes no further link: begin with the full again"},
    {"was already used to", "this link was applied once: begin with a fresh copy"},
    {"intended LSN", "the redo log in this backup is not whole: take a full"},
    {"failed to apply", "this link does not go onto its base: take a full"},
    {"not to be proper for the target", "this link does not belong on this base: take a full"},
    {"only applied up to", "the redo log in this backup is not whole: take a full"},
    {"unknown option", "remove it from `engine_options` or `prepare_options`"},
    {"unknown variable", "remove it from `engine_options` or `prepare_options`"},
    {"failed to execute query BACKUP LOCK",
     "it cannot lock a table that has a backtick in its name, "
     "unless it is InnoDB's: rename the table"},
    {"Failed to re-copy", "a schema or a table went away while it was copied: run it again"},
    {"Too many levels of symbolic links",
     "it cannot copy an Aria table with a DATA DIRECTORY or INDEX DIRECTORY: move it back"},
    {"Lock wait timeout", "something holds a lock for long: see SHOW PROCESSLIST"},
};

static const char *hint_for(const EngineRun *run)
{
    const EngineLog *log = &run->log;
    for (size_t i = 0; i < G_N_ELEMENTS(hints); i++) {
        for (size_t k = 0; k < ENGINE_LOG_KEPT && log->errors[k] != NULL; k++) {
            if (strstr(log->errors[k], hints[i].says) != NULL)
                return hints[i].hint;
        }
    }
    if (run->end.signal == SIGKILL)
        return "find out who stopped it (the kernel, for want of memory, says so in dmesg), then "
               "run it again";
    return "the engine's log says more";
}

/* What it says when it has no key, and when it has another one: then all it reads is noise. */
static const char *const key_words[] = {
    "encryption key",   "nknown key id",  "decrypt", "key_version", "Corrupted page identifier",
    "Log scan aborted", "FILE_CHECKPOINT"};

static gboolean is_key_trouble(const EngineLog *log)
{
    for (size_t k = 0; log->loads_keys && k < ENGINE_LOG_KEPT && log->errors[k] != NULL; k++) {
        for (size_t i = 0; i < G_N_ELEMENTS(key_words); i++) {
            if (strstr(log->errors[k], key_words[i]) != NULL)
                return TRUE;
        }
    }
    return FALSE;
}

static gboolean fail_run(const Engine *engine, const EngineRun *run, const char *what,
                         GError **error)
{
    g_autofree char *errors = engine_log_errors(&run->log);
    if (is_key_trouble(&run->log))
        return fail(error, STATUS_KEY,
                    "%s cannot read what is encrypted: %s%s" HINT(
                        "the keys that the server had must be on this host, at the path that the "
                        "full's backup-my.cnf names"),
                    engine->name, what, errors);
    return fail(error, STATUS_ENGINE, "%s failed: %s%s" HINT("%s"), engine->name, what, errors,
                hint_for(run));
}

static gboolean judge_stop(const Engine *engine, const EngineRun *run, GError **error)
{
    g_autofree char *limit = units_duration(run->stop_limit_s);
    switch (run->stop) {
    case ENGINE_BY_ITSELF:
        return run->end.stop == PROC_BY_ITSELF || fail_run(engine, run, "it was stopped", error);
    case ENGINE_STALLED:
        return fail(error, STATUS_TIMEOUT,
                    "%s was stopped: nothing moved for %s%s" HINT(
                        "see its log and the server's process list; `stall_timeout` is the limit"),
                    engine->name, limit,
                    run->reads_hidden ? " (whether it read cannot be seen: /proc/PID/io is closed)"
                                      : "");
    case ENGINE_LOCKED:
        return fail(error, STATUS_TIMEOUT,
                    "%s was stopped: it blocked %s for longer than %s" HINT(
                        "`lock_timeout` is the limit; many tables or slow reads need a longer one"),
                    engine->name, run->log.ddl_held ? "commits" : "DDL", limit);
    case ENGINE_TOO_LONG:
        return fail(error, STATUS_TIMEOUT,
                    "%s was stopped: it took longer than %s" HINT("`backup_max_time` is the limit"),
                    engine->name, limit);
    case ENGINE_GIVEN_UP:
        return fail(error, STATUS_ENGINE, "%s was stopped, as its output was of no more use",
                    engine->name);
    case ENGINE_CANCELLED:
        return fail(error, STATUS_FAILED, "%s was stopped, because we were asked to stop",
                    engine->name);
    default:
        return fail_run(engine, run, "it was stopped for a reason that we do not know", error);
    }
}

static gboolean judge_end(const Engine *engine, const EngineRun *run, GError **error)
{
    if (!judge_stop(engine, run, error))
        return FALSE;
    if (run->end.status != 0 || run->end.signal != 0) {
        g_autofree char *how = proc_end_text(&run->end);
        return fail_run(engine, run, how, error);
    }
    if (run->end.left_behind > 0)
        return fail_run(engine, run, "it ended, but left a process behind, which was killed",
                        error);
    if (run->log.error_seen)
        return fail_run(engine, run, "it ended with status 0, but reported errors", error);
    if (run->log.recopy_failed)
        return fail_run(engine, run,
                        "it ended with status 0, but lost track of a table that was changed "
                        "meanwhile",
                        error);
    if (!engine_log_ended_well(&run->log))
        return fail_run(engine, run, "it ended with status 0, but did not say \"completed OK!\"",
                        error);
    return TRUE;
}

gboolean engine_judge_capture(const Engine *engine, const EngineRun *run, GError **error)
{
    if (!judge_end(engine, run, error))
        return FALSE;
    const EngineLog *log = &run->log;
    if (log->user == NULL || run->user == NULL)
        return fail_run(engine, run, "it did not say as which user it connected", error);
    if (log->users_differ || strcmp(log->user, run->user) != 0)
        return fail(error, STATUS_ENGINE,
                    "%s connected as %s instead of %s: it did not use the option file it was given",
                    engine->name, log->user, run->user);
    if (engine->family->ddl_lock_is_told && log->ddl_locked_at == 0)
        return fail_run(engine, run, "it took no lock against DDL, or did not say so", error);
    return TRUE;
}

gboolean engine_judge_prepare(const Engine *engine, const EngineRun *run, uint64_t last_lsn,
                              GError **error)
{
    if (!judge_end(engine, run, error))
        return FALSE;
    if (!engine->family->tells_recovered_lsn)
        return TRUE;
    if (run->log.recovered_lsn == 0)
        return fail_run(engine, run, "it did not say up to where it applied the redo log", error);
    if (run->log.recovered_lsn != last_lsn)
        return fail(error, STATUS_ENGINE,
                    "%s applied the redo log up to LSN %" G_GUINT64_FORMAT
                    ", but this backup ends at %" G_GUINT64_FORMAT,
                    engine->name, run->log.recovered_lsn, last_lsn);
    return TRUE;
}

gboolean engine_judge_prepared(const Engine *engine, const EngineCheckpoints *checkpoints,
                               uint64_t to_lsn, gboolean is_last, GError **error)
{
    const EngineFamily *family = engine->family;
    const char *wanted = is_last ? family->prepared_last_type : family->prepared_type;
    if (strcmp(checkpoints->backup_type, wanted) != 0)
        return fail(error, STATUS_ENGINE,
                    "%s left the directory in the state \"%.40s\" instead of \"%s\"", engine->name,
                    checkpoints->backup_type, wanted);
    if (checkpoints->to_lsn != to_lsn)
        return fail(error, STATUS_ENGINE,
                    "%s prepared it to LSN %" G_GUINT64_FORMAT
                    ", but the link ends at LSN %" G_GUINT64_FORMAT,
                    engine->name, checkpoints->to_lsn, to_lsn);
    return TRUE;
}
