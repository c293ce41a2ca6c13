/* SPDX-License-Identifier: MIT */
#include "flow/inspect.h"

#include "base/log.h"
#include "model/backup.h"

#include <string.h>
#include <sys/resource.h>

static Finding *ask_user(const Inspection *inspection, GError **error)
{
    (void)error;
    const UserFacts facts = {.wanted = inspection->login->user,
                             .current = inspection->facts->user,
                             .proxy = inspection->facts->proxy};
    return readiness_user(&facts);
}

const Question inspect_user = {"user", ask_user};

/* base/proc raises the soft limit of a child to the hard one. */
static Finding *ask_open_files(const Inspection *inspection, GError **error)
{
    uint64_t files = 0;
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (!server_table_files(inspection->server, &files, error))
        return NULL;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    gboolean kept = inspection->engine == NULL ||
                    engine_keeps_files_open(inspection->engine, inspection->options);
    return readiness_open_files(files, limit.rlim_max, kept);
}

const Question inspect_open_files = {"open files", ask_open_files};

/* ---- redo log -------------------------------------------------------------------------------- */

/* Of one server only: LSNs of two say nothing. */
static void add_history(const GPtrArray *backups, RedoFacts *facts)
{
    guint n = backups != NULL ? backups->len : 0;
    const Backup *last = n > 0 ? backups->pdata[n - 1] : NULL;
    const Backup *before = n > 1 ? backups->pdata[n - 2] : NULL;
    if (last == NULL)
        return;
    facts->capture_s = MAX(last->finished - last->started, 1);
    if (before == NULL || !g_str_equal(before->datadir_id, last->datadir_id) ||
        last->last_lsn < before->last_lsn || last->finished <= before->finished)
        return;
    facts->between_backups = last->last_lsn - before->last_lsn;
    facts->between_s = last->finished - before->finished;
}

/* From the LSN among the facts on: what was asked since then took a part of the time. */
static gboolean sample(const Inspection *inspection, RedoFacts *facts, GError **error)
{
    const ServerFacts *then = inspection->facts;
    int64_t left = then->lsn_at + inspection->sample_us - g_get_monotonic_time();
    if (left > 0)
        g_usleep((gulong)left);
    uint64_t lsn = 0;
    if (!server_lsn(inspection->server, &lsn, error))
        return FALSE;
    facts->sample_us = g_get_monotonic_time() - then->lsn_at;
    facts->sampled = lsn > then->lsn ? lsn - then->lsn : 0;
    return TRUE;
}

static Finding *ask_redo(const Inspection *inspection, GError **error)
{
    RedoFacts facts = {0};
    if (!server_redo(inspection->server, &facts.capacity, &facts.written, &facts.uptime_s, error) ||
        !sample(inspection, &facts, error))
        return NULL;
    add_history(inspection->backups, &facts);
    return readiness_redo(&facts);
}

const Question inspect_redo = {"redo log", ask_redo};

/* ---- what others do -------------------------------------------------------------------------- */

static Finding *ask_other_backup(const Inspection *inspection, GError **error)
{
    BackupLock lock = BACKUP_LOCK_UNKNOWN;
    g_autoptr(GPtrArray) sessions = server_sessions(inspection->server, error);
    if (sessions == NULL ||
        !server_backup_lock(inspection->server, inspection->wait_s, &lock, error))
        return NULL;
    return readiness_other_backup(lock, sessions);
}

const Question inspect_other_backup = {"other backups", ask_other_backup};

static Finding *ask_ddl(const Inspection *inspection, GError **error)
{
    g_autoptr(GPtrArray) sessions = server_sessions(inspection->server, error);
    return sessions != NULL ? readiness_ddl(sessions) : NULL;
}

const Question inspect_ddl = {"long DDL", ask_ddl};

static Finding *ask_replica(const Inspection *inspection, GError **error)
{
    g_auto(ReplicaFacts) facts = {0};
    return server_replica(inspection->server, &facts, error) ? readiness_replica(&facts) : NULL;
}

const Question inspect_replica = {"replication", ask_replica};

/* ---- for a backup ---------------------------------------------------------------------------- */

gboolean inspect_accept(const char *subject, Finding *given, GError **error)
{
    g_autoptr(Finding) finding = given;
    if (finding == NULL)
        return FALSE;
    switch (finding->weight) {
    case FINDING_REFUSES:
        return fail(error, finding->status, "%s: %s" HINT("%s"), subject, finding->text,
                    finding->hint);
    case FINDING_WORRIES:
        if (finding->needs_hand)
            log_warning("%s: %s: %s", subject, finding->text, finding->hint);
        else
            log_notice("%s: %s: %s", subject, finding->text, finding->hint);
        return TRUE;
    case FINDING_GOOD:
    case FINDING_UNKNOWN:
    default:
        log_detail("%s: %s", subject, finding->text);
        return TRUE;
    }
}

gboolean inspect_one(const Question *question, const Inspection *inspection, GError **error)
{
    return inspect_accept(question->name, question->ask(inspection, error), error);
}

static const Question *const questions[] = {
    &inspect_user,         &inspect_open_files, &inspect_redo,
    &inspect_other_backup, &inspect_ddl,        &inspect_replica,
};

gboolean inspect_all(const Inspection *inspection, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
        if (!inspect_one(questions[i], inspection, error))
            return FALSE;
    }
    return TRUE;
}
