/* SPDX-License-Identifier: MIT */
/*
 * sabotage: the drill of the drill.
 *
 * A private copy of a chain is harmed, one harm at a time, and proven.  A proof that passes on it
 * would pass on anything.  Two of the harms leave every sum right, so that only the engine or the
 * restored server can notice.
 */
#ifndef LSNCHAIN_PROOF_SABOTAGE_H
#define LSNCHAIN_PROOF_SABOTAGE_H

#include "proof/proof.h"

#include <glib.h>

typedef struct {
    const char *name; /* "cut-file"; these two live for ever */
    const char *harm; /* "a stored file is cut in the middle" */
    gboolean tried;   /* FALSE: `told` says what it would need */
    gboolean noticed; /* the proof failed, and named a link */
    ProofLevel noticed_at;
    char *told; /* in the words of the proof */
} SabotageResult;

/*
 * One SabotageResult for each harm there is, tried or not; free it with g_ptr_array_unref(). `spec`
 * says how to prove; the copy is made below its directory and nothing is left of it.  NULL with the
 * error set: a harm could not be done, or its proof ended for a reason that says nothing of the
 * backup (no room, a signal).
 */
GPtrArray *sabotage_run(const ProofSpec *spec, GError **error);

#endif
