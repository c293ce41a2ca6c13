/* SPDX-License-Identifier: MIT */
/*
 * engine: the programs that copy and prepare a data directory, behind one interface.
 *
 * engine_find() and engine_fits() choose one; engine_host_make() puts the private files it needs on
 * its host; engine_capture() and engine_prepare() run it and report (how it ended, what it said);
 * judge.h says whether that was good, metadata.h reads what it left.  Nobody outside this room asks
 * for an engine's name to decide something.
 *
 * No secret is in argv or in the environment: the engine reads a private option file.  It inherits
 * no environment but PATH, LC_ALL=C and TZ=UTC (so the times in its log and its info file are UTC).
 *
 * Main thread only, as base/proc.
 */
#ifndef LSNCHAIN_ENGINE_ENGINE_H
#define LSNCHAIN_ENGINE_ENGINE_H

#include "base/proc.h"
#include "engine/log.h"
#include "server/login.h"

#include <glib.h>
#include <stdint.h>

typedef struct EngineFamily EngineFamily; /* a row of engines.c */

typedef struct {
    const EngineFamily *family;
    char *path;
    char *name;          /* "mariadb-backup" */
    char *version;       /* "10.11.19-MariaDB" */
    gboolean calls_home; /* unless it is told not to */
} Engine;

/* Whose server it is to back up; with "auto" that decides. */
typedef enum { ENGINE_FOR_ANY, ENGINE_FOR_MARIADB, ENGINE_FOR_MYSQL } EngineServer;

/* `wanted`: "auto", a name, or a path.  STATUS_UNFIT when it is missing or not one we know. */
Engine *engine_find(const char *wanted, EngineServer server, GError **error);
void engine_free(Engine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engine, engine_free)

/* Rule `version`: tool and server must be of one series; some tools do not insist on it. */
gboolean engine_fits(const Engine *engine, const char *server_version, gboolean server_is_mariadb,
                     GError **error);

/* What a backup was taken with, or would be. */
typedef struct {
    const char *engine;
    const char *engine_version;
    const char *server_version;
} EngineBuild;

/* Can `next` extend a chain whose parent was taken by `parent`?  If not, `why` is a sentence. */
gboolean engine_extends(const EngineBuild *parent, const EngineBuild *next, char **why);

/* The build of `engine` on a server of this version; borrows both. */
EngineBuild engine_build(const Engine *engine, const char *server_version);

/* What the engine's user must have, NULL-terminated, as server_privileges() wants it: "RELOAD" is
 * one on *.*, "SELECT ON schema.table" one on a table. */
const char *const *engine_privileges(const Engine *engine, gboolean checkpoint_first);

/* STATUS_CONFIG when `checkpoint_first` is wanted of an engine that cannot do it. */
gboolean engine_check_checkpoint_first(const Engine *engine, gboolean checkpoint_first,
                                       GError **error);

/* Does a capture with these options (NULL: none) need as many open files as there are tables? */
gboolean engine_keeps_files_open(const Engine *engine, char *const *options);

/* The dialect of its stream: is 'S' a chunk with holes (Percona), or a way back (MariaDB)? */
gboolean engine_stream_has_holes(const Engine *engine);

/* Is a base that waits for further links in another state than one that does not? */
gboolean engine_has_last_step(const Engine *engine);

/* By the name in a backup's facts: "mysqld" or "mariadbd". */
const char *engine_server_program(const char *engine);

/* The same of the client, and of the program that writes SQL. */
const char *engine_client_program(const char *engine);
const char *engine_dump_program(const char *engine);

/*
 * The options, NULL-terminated, with which a server of that engine's family undoes what was open in
 * a prepared directory and changes as little else as it can.
 */
const char *const *engine_undo_options(const char *engine);

/*
 * May a server program start on a directory that this engine backed up from a server of
 * `data_version`?  `said` is what it answers to --version.  STATUS_UNFIT.
 */
gboolean engine_server_fits(const char *engine, const char *data_version, const char *said,
                            GError **error);

/*
 * Splits `text` as a shell would and refuses (STATUS_CONFIG) options that are ours, options that
 * take something out of the backup, and options that the engine does not have.  Free the result
 * with g_strfreev(); an empty text gives an empty list.
 */
typedef enum { ENGINE_FOR_CAPTURE, ENGINE_FOR_PREPARE } EngineMode;
char **engine_check_options(const Engine *engine, const char *text, EngineMode mode,
                            GError **error);

/*
 * All that the engine needs on its host: a directory of its own, 0700, with the option file, the
 * parent's checkpoints and room for its temporary files.  Made by one function, removed by one.
 * `parent_path` is absolute and the same directory as `parent_dir_fd`.
 */
typedef struct EngineHost EngineHost;
EngineHost *engine_host_make(int parent_dir_fd, const char *parent_path, const Login *login,
                             const char *parent_checkpoints, GError **error);
/* Removes and frees; the host is gone in any case. */
gboolean engine_host_remove(EngineHost *host, GError **error);
/* The same for autoptr: a failure is a warning in the log. */
void engine_host_free(EngineHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EngineHost, engine_host_free)

typedef enum {
    ENGINE_BY_ITSELF,
    ENGINE_STALLED,   /* neither stream, nor log, nor its reads moved for stall_timeout_s */
    ENGINE_LOCKED,    /* made DDL or commits wait for longer than lock_timeout_s */
    ENGINE_TOO_LONG,  /* max_time_s passed */
    ENGINE_GIVEN_UP,  /* give_up() said so: something else failed, and knows the cause */
    ENGINE_CANCELLED, /* a signal asked us to stop */
} EngineStop;

/* What is known of a run.  Judge it with judge.h; clear it in any case. */
typedef struct {
    ProcEnd end;
    EngineStop stop;
    int64_t stop_limit_s; /* the limit that was passed */
    EngineLog log;
    char *user;               /* as whom it was told to connect; NULL for a prepare */
    gboolean log_cut;         /* it said so much that not all of it was kept */
    gboolean reads_hidden;    /* the kernel does not let us see its I/O: a stall is less sure */
    int64_t ddl_locked_ms;    /* how long it made DDL wait */
    int64_t commit_locked_ms; /* and commits */
} EngineRun;
void engine_run_clear(EngineRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EngineRun, engine_run_clear)

typedef struct {
    const Engine *engine;
    EngineHost *host;
    gboolean incremental; /* the host was made with the parent's checkpoints */
    int parallel;
    gboolean checkpoint_first;
    char **extra_options; /* from engine_check_options(); may be NULL */
    int out_fd;           /* the stream goes here */
    int log_fd;           /* what it says goes here too; -1: nowhere */
    const int *inherit;   /* descriptors to hand down (the lock), ended by -1; may be NULL */
    /*
     * These three: 0 for none.  lock_timeout_s also limits how long it waits for its locks.  An
     * engine that holds its DDL lock from before the first file to its end does so by choice: then
     * only the time counts that it makes commits wait.
     */
    int64_t lock_timeout_s;
    int64_t stall_timeout_s;
    int64_t max_time_s;
    const char *datadir; /* as the server says */

    /* Each may be NULL.  Called in the main thread. */
    uint64_t (*bytes)(void *data);   /* of the stream so far */
    gboolean (*give_up)(void *data); /* TRUE: stop, it is of no use any more */
    void (*locking)(void *data);     /* once, when it begins to lock */
    void (*tick)(void *data);        /* ten times a second, for a display of progress */
    void *data;
} EngineCapture;

/* TRUE: it ran, well or not; `run` is then set.  `run` need not be initialised. */
gboolean engine_capture(const EngineCapture *capture, EngineRun *run,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    const Engine *engine;
    const char *base_dir; /* absolute; its backup becomes, or is, a prepared one */
    const char *incr_dir; /* an unsealed incremental, used up by this; NULL: the full itself */
    uint64_t memory;      /* bytes */
    int parallel;         /* threads, where the engine has any use for them here */
    char **extra_options;
    gboolean is_last; /* no further link will be applied (matters to xtrabackup) */
    int log_fd;
    const int *inherit;
    const ProcCage *cage; /* both directories are called as in it; may be NULL */
    int64_t stall_timeout_s;
    int64_t max_time_s;
    void (*tick)(void *data); /* may be NULL */
    void *data;
} EnginePrepare;

/*
 * TRUE: it ran, well or not.  Whatever it did not do to its end leaves both directories useless:
 * an applied delta is gone, and a second attempt removes tables.
 */
gboolean engine_prepare(const EnginePrepare *prepare, EngineRun *run,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
