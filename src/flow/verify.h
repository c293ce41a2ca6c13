/* SPDX-License-Identifier: MIT */
/*
 * verify: proves a backup and writes what was found into the marks.
 *
 * Holds the chain's lock, shared, while it reads; not the run lock.
 */
#ifndef LSNCHAIN_FLOW_VERIFY_H
#define LSNCHAIN_FLOW_VERIFY_H

#include "flow/run.h"
#include "proof/proof.h"

#include <glib.h>

typedef struct {
    char *id;
    ProofLevel asked;
    ProofLevel reached;
    char *failed;            /* id of the link to blame; NULL: none */
    ProofLevel failed_level; /* with `failed` */
    uint64_t bytes_read;
    int64_t seconds;
    gboolean recorded; /* the marks have it */
} Verdict;

void verdict_clear(Verdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Verdict, verdict_clear)

/*
 * STATUS_VERIFY when a stored byte or the engine says no, or when the level is not built; other
 * failures keep their status, and blame no backup.  A failed link is quarantined.  `verdict` comes
 * zeroed and is valid in any case.  When something was recorded, run->catalog is a new one:
 * `backup` must not be used any more.
 */
gboolean flow_verify(Run *run, const Backup *backup, ProofLevel level, Verdict *verdict,
                     GError **error);

/* The engine that may prepare this backup; also for restore. */
Engine *verify_find_engine(const Run *run, const Backup *backup, GError **error);

/* What will be read of a path, for a display of progress. */
uint64_t verify_stored_bytes(const GPtrArray *path);

#endif
