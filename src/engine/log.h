/* SPDX-License-Identifier: MIT */
/*
 * log: what an engine says on stderr, read line by line while it runs.  Pure.
 *
 * How its lines are stamped and what their words mean is a form, one for each family: a table, so
 * that this room reads every engine with the same few functions.  We run engines with TZ=UTC, so
 * that stamps without a zone are UTC.
 */
#ifndef LSNCHAIN_ENGINE_LOG_H
#define LSNCHAIN_ENGINE_LOG_H

#include <glib.h>
#include <stdint.h>

enum {
    ENGINE_LOG_KEPT = 5,      /* lines of error that are kept for a message */
    ENGINE_LOG_WARNINGS = 20, /* and lines that warn of a loss */
};

typedef enum {
    ENGINE_STAGE_COPY,         /* it copies; a pause harms nobody but the redo */
    ENGINE_STAGE_FLUSH,        /* it begins to lock: pacing must be off from here on */
    ENGINE_STAGE_BLOCK_DDL,    /* DDL waits */
    ENGINE_STAGE_BLOCK_COMMIT, /* commits wait */
    ENGINE_STAGE_RELEASED,     /* all locks are gone */
} EngineStage;

/* What a line can be the sign of. */
typedef enum {
    MOMENT_COPIES,        /* a data file is on its way */
    MOMENT_FLUSH,         /* the copy is over, or nearly so */
    MOMENT_BLOCKS_DDL,    /* from here on DDL waits */
    MOMENT_BLOCKS_COMMIT, /* and commits */
    MOMENT_CONSISTENT,    /* all that was committed before this line is in */
    MOMENT_RELEASED,
} EngineMoment;

typedef struct {
    const char *begins; /* the text of the line */
    EngineMoment moment;
} EngineLogSign;

typedef struct {
    const char *says;
    const char *option; /* it matters only where this was asked for; NULL: always */
} EngineLogLoss;

typedef struct {
    /* The text behind the stamp of a line, NULL when it has none; its UTC seconds (0: unknown). */
    const char *(*unstamp)(const char *line, int64_t *utc);
    const EngineLogSign *signs;
    size_t n_signs;
    /* The lists of words end with NULL, or are NULL. */
    const char *const *errors;   /* a run that says so is void, whatever its exit status */
    const char *const *forgiven; /* but for these errors, which it makes up for itself */
    const char *const *lost;     /* the same: it lost track of a table */
    const char *const *told;     /* only told when it failed: some are harmless */
    const char *const *host;     /* the engine's host fell short: nothing is said of the backup */
    const char *const *harmless; /* a line with such a word warns of no loss */
    const EngineLogLoss *losses; /* the run is good, but the user must hear of it; ends with {0} */
    const char *recovered;       /* stands before the LSN that a prepare reached; may be NULL */
    gboolean ddl_lock_may_last;  /* it may hold its DDL lock from before the first file on */
} EngineLogForm;

typedef struct {
    const EngineLogForm *form;
    const char *const *options; /* what the user asked for; may be NULL */
    uint64_t lines;
    char *last_stamped;            /* text of the last stamped line; NULL before the first */
    char *errors[ENGINE_LOG_KEPT]; /* the first lines that say what went wrong */
    guint n_errors;                /* how many there were; not all are kept */
    char *warnings[ENGINE_LOG_WARNINGS];
    guint n_warnings;
    gboolean error_seen;    /* the run is void */
    gboolean recopy_failed; /* it lost track of a table: void as well */
    gboolean host_failed;   /* its host had not enough of something */
    char *user;             /* as whom it connected first; NULL: it did not say */
    gboolean users_differ;  /* and later as somebody else */
    gboolean loads_keys;    /* what it reads is encrypted */
    EngineStage stage;
    gboolean copying;         /* the first data file is on its way */
    gboolean ddl_held;        /* it holds its DDL lock for the whole run, as it was told to */
    int64_t ddl_locked_at;    /* monotonic us; 0: not yet */
    int64_t commit_locked_at; /* monotonic us; 0: not yet */
    int64_t released_at;      /* monotonic us; 0: not yet */
    int64_t consistent_utc;   /* its own stamp, UTC seconds: all commits up to here are in */
    uint64_t recovered_lsn;   /* up to where a prepare applied the redo log; 0: not said */
} EngineLog;

/* `options` must live as long as the log. */
void engine_log_init(EngineLog *log, const EngineLogForm *form, const char *const *options);
void engine_log_clear(EngineLog *log);
/* `now_us` is g_get_monotonic_time() when the line came. */
void engine_log_line(EngineLog *log, const char *line, int64_t now_us);
/* "completed OK!" on the last stamped line (progress text without a newline surrounds it). */
gboolean engine_log_ended_well(const EngineLog *log);
/* The lines kept, each after a line break and indented; "" when there is none.  Free it. */
char *engine_log_errors(const EngineLog *log);

#endif
