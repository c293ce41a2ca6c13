/* SPDX-License-Identifier: MIT */
/*
 * proof: can this backup be restored?  Found out by doing it.
 *
 * files: every stored byte of every link is read and matches.  prepare: the chain is unsealed into
 * a private copy and the engine prepares it, link by link, up to the very LSN.  server: a throwaway
 * server starts on that copy and has the tables of the backup.  queries: it is asked (examine.h).
 * Each level contains the ones below it.  The published tree is only read.
 *
 * With the rolling base (rolling.h) the private copy is kept, and only links that it does not hold
 * yet are read and applied.  A failure on it says nothing of the backup before the same chain has
 * failed from the full on: that is tried at once, and what is told is of that.
 */
#ifndef LSNCHAIN_PROOF_PROOF_H
#define LSNCHAIN_PROOF_PROOF_H

#include "engine/engine.h"
#include "model/backup.h"
#include "model/drill.h"
#include "model/exam.h"
#include "prepare/prepare.h"
#include "proof/rota.h"
#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

typedef enum {
    BASE_FRESH,   /* a copy of its own, thrown away in the end */
    BASE_ROLLING, /* the rolling base, forward from where it stands */
    BASE_ANEW,    /* the rolling base, thrown away and made from the full on */
} ProofBase;

typedef struct {
    const Shelf *shelf;
    const GPtrArray *path; /* const Backup *, from the full to the backup that is proven */
    ProofLevel level;
    ProofBase base;
    int64_t reread_before; /* links that were last read before this are read again; UTC seconds */

    const Engine *engine;  /* NULL for files */
    const char *directory; /* prepared copies are made below it */
    const char *command;   /* for the locks' texts */
    uint64_t memory;
    int workers;
    char **options; /* of the engine's prepare */
    int64_t stall_timeout_s;
    const char *log_path; /* what engine and server say at a proof that fails is kept here */

    const char *server_binary; /* these for server and queries only */
    char **server_options;
    const char *canary_schema;
    const GPtrArray *asserts; /* AssertConfig * */
    Rota *rota;               /* may be NULL */
    int64_t until_us;         /* monotonic: no further table is checked, no link reread; 0: none */

    PrepareTickFn *tick; /* may be NULL */
    void *data;          /* handed to tick */
} ProofSpec;

typedef struct {
    ProofLevel reached;
    const Backup *failed;    /* the link that is to blame; NULL: none, or the world */
    ProofLevel failed_level; /* the level that it failed */
    gboolean *read;          /* for each link of the path: all its bytes matched now */
    guint first_applied;     /* links from this one on were applied now; path->len: none */
    uint64_t bytes_read;
    Drill *drill; /* never NULL */
    Exam *exam;   /* NULL: no server was asked */
} ProofResult;

void proof_result_clear(ProofResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProofResult, proof_result_clear)

/*
 * FALSE when the level was not reached, for whatever reason; `result`, which comes zeroed, is set
 * in any case.
 */
gboolean proof_run(const ProofSpec *spec, ProofResult *result, GError **error);

#endif
