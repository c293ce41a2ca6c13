/* SPDX-License-Identifier: MIT */
/*
 * removal: backups leave tree and catalog, in an order that no kill can spoil.
 *
 * Under catalog.lock: children first, from backups/ to .trash/, directories flushed, then one
 * catalog without them.  Then their files go, then their marks.  A backup that stands in .trash is
 * on its way out whatever the catalog says: removal_finish() takes it out of both.  Children go
 * first, so what a kill leaves of a chain is a shorter chain.
 *
 * The run lock is held by the caller.
 */
#ifndef LSNCHAIN_FLOW_REMOVAL_H
#define LSNCHAIN_FLOW_REMOVAL_H

#include "flow/run.h"

#include <glib.h>

/* Asked under catalog.lock, of the catalog as it is then: may these go?  FALSE comes with an error.
 */
typedef gboolean RemovalMayFn(const Catalog *catalog, const GPtrArray *ids, void *data,
                              GError **error);

typedef struct {
    const char *chain;
    const GPtrArray *ids; /* char *, all of this chain, sorted, with all that hangs on them */
    RemovalMayFn *may;
    void *data; /* handed to may */
} RemovalSpec;

/*
 * STATUS_LOCKED: somebody reads the chain, nothing was changed.  `removed` gets the ids that are
 * gone, also when the call fails half-way.  run->catalog is a new one.
 */
gboolean removal_run(Run *run, const RemovalSpec *spec, GPtrArray *removed, GError **error);

/*
 * What stands in .trash leaves the catalog, then the disk.  When the disk is too full to write the
 * catalog the files go first; their directories, which tell the tale, still go last.
 */
gboolean removal_finish(Run *run, GError **error);

#endif
