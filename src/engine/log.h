/* SPDX-License-Identifier: MIT */
/*
 * log: what an engine says on stderr, read line by line while it runs.  Pure.
 *
 * mariadb-backup stamps its lines "[00] 2026-11-23 13:52:37 text" ("[00] FATAL ERROR: 2026-..." for
 * its last words); InnoDB's have the server's form "2026-11-23 13:52:37 0 [Note] InnoDB: ..."; some
 * have none.  We run it with TZ=UTC, so that its stamps are UTC.
 */
#ifndef LSNCHAIN_ENGINE_LOG_H
#define LSNCHAIN_ENGINE_LOG_H

#include <glib.h>
#include <stdint.h>

enum { ENGINE_LOG_KEPT = 5 }; /* lines of error that are kept for a message */

typedef enum {
    ENGINE_STAGE_COPY,         /* it copies; a pause harms nobody but the redo */
    ENGINE_STAGE_FLUSH,        /* it begins to lock: pacing must be off from here on */
    ENGINE_STAGE_BLOCK_DDL,    /* DDL waits */
    ENGINE_STAGE_BLOCK_COMMIT, /* commits wait */
    ENGINE_STAGE_RELEASED,     /* all locks are gone */
} EngineStage;

typedef struct {
    uint64_t lines;
    char *last_stamped;            /* text of the last stamped line; NULL before the first */
    char *errors[ENGINE_LOG_KEPT]; /* the first lines that say what went wrong */
    guint n_errors;                /* how many there were; not all are kept */
    gboolean error_seen;           /* [ERROR], FATAL ERROR: the run is void */
    gboolean recopy_failed;        /* Failed to re-copy, remove, rename: void as well */
    char *user;                    /* as whom it connected first; NULL: it did not say */
    gboolean users_differ;         /* and later as somebody else */
    EngineStage stage;
    int64_t ddl_locked_at;     /* monotonic us; 0: not yet */
    int64_t commit_locked_at;  /* monotonic us; 0: not yet */
    int64_t released_at;       /* monotonic us; 0: not yet */
    int64_t commit_locked_utc; /* its own stamp, UTC seconds: all commits up to here are in */
    uint64_t recovered_lsn;    /* "End of log at LSN=" of a prepare; 0: not said */
} EngineLog;

void engine_log_init(EngineLog *log);
void engine_log_clear(EngineLog *log);
/* `now_us` is g_get_monotonic_time() when the line came. */
void engine_log_line(EngineLog *log, const char *line, int64_t now_us);
/* "completed OK!" on the last stamped line (progress text without a newline surrounds it). */
gboolean engine_log_ended_well(const EngineLog *log);
/* The lines kept, each after a line break and indented; "" when there is none.  Free it. */
char *engine_log_errors(const EngineLog *log);

#endif
