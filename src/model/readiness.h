/* SPDX-License-Identifier: MIT */
/*
 * readiness: would a backup of this server work now, and be worth something?  Pure: what server and
 * host say goes in, a finding comes out.
 *
 * `check` shows every finding.  A backup ends at one that refuses, before anything is written, with
 * its status; of one that worries it warns (and ends 3) only where somebody must do something
 * although the backup went well.  What cannot be known is never good.
 */
#ifndef LSNCHAIN_MODEL_READINESS_H
#define LSNCHAIN_MODEL_READINESS_H

#include "base/error.h"

#include <glib.h>
#include <stdint.h>

typedef enum { FINDING_GOOD, FINDING_UNKNOWN, FINDING_WORRIES, FINDING_REFUSES } FindingWeight;

typedef struct {
    FindingWeight weight;
    gboolean needs_hand; /* of one that worries: also when the backup goes well */
    Status status;       /* of one that refuses */
    char *text;          /* what was found; a sentence, lower case */
    char *hint;          /* what to do, or "" */
} Finding;

void finding_free(Finding *finding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Finding, finding_free)

/* Whom the server takes us for. */
typedef struct {
    const char *wanted;  /* the user of the option file */
    const char *current; /* CURRENT_USER() */
    const char *proxy;   /* @@proxy_user, "" for none */
} UserFacts;
Finding *readiness_user(const UserFacts *facts);

/* How fast the redo log is written; 0 where nothing is known. */
typedef struct {
    uint64_t capacity;
    uint64_t written; /* since the server's start ... */
    int64_t uptime_s; /* ... so long ago */
    uint64_t sampled; /* during ... */
    int64_t sample_us;
    uint64_t between_backups; /* from the last backup but one to the last ... */
    int64_t between_s;        /* ... which are so far apart */
    int64_t capture_s;        /* how long the last capture took */
} RedoFacts;
Finding *readiness_redo(const RedoFacts *facts);

/* `kept`: the engine keeps every table file open that it copies, as it does unless told not to. */
Finding *readiness_open_files(uint64_t table_files, uint64_t limit, gboolean kept);

/* What another connection does at this moment. */
typedef struct {
    uint64_t id;
    char *user;
    int64_t seconds; /* since it began with this */
    char *state;
    char *text; /* the beginning of the statement: never shown, it may hold a secret */
} Session;
void session_free(gpointer session);

typedef enum { BACKUP_LOCK_FREE, BACKUP_LOCK_HELD, BACKUP_LOCK_UNKNOWN } BackupLock;

/* `sessions`: of Session. */
Finding *readiness_other_backup(BackupLock lock, const GPtrArray *sessions);
Finding *readiness_ddl(const GPtrArray *sessions);

/* "ALTER TABLE" of "/" "* x *" "/ alter  table t ..."; NULL: it changes no table.  Free it. */
char *readiness_ddl_words(const char *text);

typedef struct {
    char *name; /* of the connection or channel; mostly "" */
    gboolean sql_running;
    gboolean io_running;
    int64_t behind_s; /* -1: the server does not know */
    char *failure;    /* what it says of it, or "" */
} ReplicaSource;
void replica_source_free(gpointer source);

typedef struct {
    gboolean known;     /* FALSE: we may not ask */
    char *grant;        /* then what to type, else NULL */
    GPtrArray *sources; /* ReplicaSource; empty: this is no replica */
} ReplicaFacts;
void replica_facts_clear(ReplicaFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReplicaFacts, replica_facts_clear)
Finding *readiness_replica(const ReplicaFacts *facts);

/*
 * Room for one backup and its proof.  Directories on one file system are counted once: there
 * publishing hard-links what the capture wrote.
 */
typedef struct {
    const char *captures; /* paths, for the sentence */
    const char *shelf;
    const char *proofs;
    uint64_t captures_free; /* bytes */
    uint64_t shelf_free;
    uint64_t proofs_free;       /* with what the rolling base takes: an old one goes first */
    gboolean captures_on_shelf; /* on one file system */
    gboolean proofs_on_shelf;
    gboolean incremental;
    gboolean compressed;
    gboolean proves;      /* a proof that prepares follows the backup */
    uint64_t data_bytes;  /* of the server now */
    uint64_t last_plain;  /* these three of the last backup of this type; 0: there is none */
    uint64_t last_stored; /* what its capture took */
    uint64_t last_new;    /* what of that was not hard-linked */
    uint64_t proof_bytes; /* a prepared copy of the chain, as far as it is known */
} RoomFacts;
Finding *readiness_room(const RoomFacts *facts);

#endif
