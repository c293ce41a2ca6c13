/* SPDX-License-Identifier: MIT */
/* recording: what a proof found, into the marks of the links that it concerns. */
#ifndef LSNCHAIN_FLOW_RECORDING_H
#define LSNCHAIN_FLOW_RECORDING_H

#include "flow/run.h"
#include "proof/proof.h"

#include <glib.h>

typedef struct {
    const Run *run;
    const GPtrArray *path;
    const ProofResult *result;
    const char *engine; /* "mariadb-backup 10.11.19-MariaDB"; "" for files */
    const char *reason; /* of a failure */
    int64_t at;
} Recording;

/*
 * Marks, then the catalog, under catalog.lock; run->catalog is then a new one.  A link that failed
 * `files` or `prepare` is quarantined, and with it every backup that shares a damaged file; one
 * that failed `server` or `queries` stays restorable.  Nothing is written, and `recorded` is FALSE,
 * where this run does not record, or nothing passed and no link is to blame: no space or no engine
 * says nothing of a backup.
 */
gboolean recording_write(Run *run, const Recording *recording, gboolean *recorded, GError **error);

#endif
