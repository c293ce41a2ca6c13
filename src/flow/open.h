/* SPDX-License-Identifier: MIT */
/*
 * open: a read-only server on a backup, for as long as somebody wants to look.
 *
 * On the rolling base when that stands at the backup, which takes seconds; else the chain is
 * prepared first.  Holds the chain's lock, shared, and the base's, shared.
 */
#ifndef LSNCHAIN_FLOW_OPEN_H
#define LSNCHAIN_FLOW_OPEN_H

#include "flow/run.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const Backup *backup;
    gboolean rolling; /* on the rolling base; FALSE: it was prepared for this */
    const char *socket;
    const char *version; /* of the server */
    double seconds;      /* until now */
} Opened;

/* Called when clients may come; what it is given lives during the call. */
typedef void OpenReadyFn(const Opened *opened, void *data);

/*
 * Until a signal asks us to stop: that is the one good end, and TRUE.  `socket` is a name for the
 * socket, absolute, or NULL.  FALSE: as prepare_chain() and trial_start() say, or the server ended.
 */
gboolean flow_open(Run *run, const Backup *backup, const char *socket, OpenReadyFn *ready,
                   void *data, GError **error);

#endif
