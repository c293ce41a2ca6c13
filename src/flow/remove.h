/* SPDX-License-Identifier: MIT */
/* remove: one backup and what hangs on it, by hand; pin and unpin, which no removal touches. */
#ifndef LSNCHAIN_FLOW_REMOVE_H
#define LSNCHAIN_FLOW_REMOVE_H

#include "flow/run.h"
#include "model/retention.h"

#include <glib.h>

typedef struct {
    GPtrArray *backups; /* copies of all as they were before; all below point here */
    GPtrArray *doomed;  /* const Backup *: it and what hangs on it, sorted; NULL: not found */
    GPtrArray *floors;  /* Fate *: the floors that it breaks */
    const Backup *restorable[2]; /* the newest one before and after; NULL: none */
    const Backup *proven[2];
    gboolean removed;
    uint64_t freed; /* bytes on disk, or what would be */
} RemoveOutcome;

void remove_outcome_clear(RemoveOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RemoveOutcome, remove_outcome_clear)

typedef struct {
    const char *wanted; /* as run_find() takes it */
    gboolean dry_run;
    gboolean force; /* the floors do not hold; who reads the chain still does */
} RemoveRequest;

/*
 * `run` is open and not locked.  STATUS_REFUSED when a floor holds, STATUS_LOCKED when somebody
 * reads the chain.  `outcome` comes zeroed and is valid in any case.
 */
gboolean flow_remove(Run *run, const RemoveRequest *request, RemoveOutcome *outcome,
                     GError **error);

typedef struct {
    Backup *backup;        /* as it is now */
    char *still_pinned_by; /* another link of its chain that holds it; NULL: none */
    gboolean changed;
} PinOutcome;

void pin_outcome_clear(PinOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PinOutcome, pin_outcome_clear)

/* Holds catalog.lock only, so it need not wait for a run.  `outcome` comes zeroed. */
gboolean flow_pin(Run *run, const char *wanted, gboolean pinned, PinOutcome *outcome,
                  GError **error);

#endif
