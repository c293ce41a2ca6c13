/* SPDX-License-Identifier: MIT */
/*
 * proof: can this backup be restored?  Found out by doing it.
 *
 * files: every stored byte of every link is read and matches.  prepare: the chain is unsealed into
 * a private copy and the engine prepares it, link by link, up to the very LSN.  The published tree
 * is only read.
 */
#ifndef LSNCHAIN_PROOF_PROOF_H
#define LSNCHAIN_PROOF_PROOF_H

#include "engine/engine.h"
#include "model/backup.h"
#include "prepare/prepare.h"
#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const Shelf *shelf;
    const GPtrArray *path; /* const Backup *, from the full to the backup that is proven */
    ProofLevel level;      /* files or prepare */
    const Engine *engine;  /* NULL for files */
    const char *directory; /* prepared copies are made below it */
    uint64_t memory;
    int workers;
    char **options; /* of the engine's prepare */
    int64_t stall_timeout_s;
    const char *log_path; /* what the engine says at a prepare that fails is kept here */
    PrepareTickFn *tick;  /* may be NULL */
    void *data;           /* handed to tick */
} ProofSpec;

typedef struct {
    ProofLevel reached;
    const Backup *failed;    /* the link that is to blame; NULL: none, or the world */
    ProofLevel failed_level; /* the level that it failed */
    guint links_read;        /* links of the path, from the full on, whose bytes all matched */
    uint64_t bytes_read;
    int64_t seconds;
} ProofResult;

/* FALSE when the level was not reached, for whatever reason; `result` is set in any case. */
gboolean proof_run(const ProofSpec *spec, ProofResult *result, GError **error);

#endif
