/* SPDX-License-Identifier: MIT */
/*
 * lock: flock on a file that says who holds it.
 *
 * A lock ends when it is freed, or with the last process that inherited its descriptor: an engine
 * that outlives us still counts as the run.  Each holder writes pid, host, boot id, command and
 * time into the file, the readers of a shared lock a line each; the text is for people, the
 * kernel's lock alone decides.
 */
#ifndef LSNCHAIN_BASE_LOCK_H
#define LSNCHAIN_BASE_LOCK_H

#include <glib.h>
#include <stdint.h>

typedef enum { LOCK_SHARED, LOCK_EXCLUSIVE } LockKind;

/*
 * The order in which one process takes them, so that no two wait for each other.  A build for tests
 * aborts when a lock is taken while one of its own rank or a later one is held.
 */
typedef enum {
    LOCK_STATE,   /* STATE/INSTANCE/lock: the run, on this host */
    LOCK_RUN,     /* REPOSITORY/INSTANCE/lock: the run, on any host */
    LOCK_CHAIN,   /* locks/CHAIN */
    LOCK_COPY,    /* beside the rolling base and each private copy; several may be held */
    LOCK_CATALOG, /* catalog.lock: for moments */
    LOCK_SPOOL,   /* STATE/spool/.lock: who brings alerts to their channels */
    LOCK_RECORD,  /* of a file in the state directory: for moments, and the last */
} LockRank;

typedef struct Lock Lock;

/*
 * Waits up to `wait_us` (0: not at all).  Held by another: STATUS_LOCKED, and the message says by
 * whom.  A shared lock needs no write permission when the file is there.
 */
Lock *lock_take(const char *path, LockRank rank, LockKind kind, const char *command,
                int64_t wait_us, GError **error);

/*
 * An exclusive lock becomes a shared one.  The kernel lets go of it in between: FALSE when somebody
 * else came first, and then it is not held any more.
 */
gboolean lock_share(Lock *lock);

/* For ProcSpec.inherit. */
int lock_fd(const Lock *lock);

void lock_free(Lock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lock, lock_free)

#endif
