/* SPDX-License-Identifier: MIT */
/*
 * run: what every run on one instance has in hand, and where its files are.
 *
 *     STATE/INSTANCE/lock        the run lock, then REPOSITORY/INSTANCE/lock
 *     STATE/INSTANCE/engine/     private files of the engine while it runs
 *     STATE/INSTANCE/failed/     logs of the last failed captures
 *     SCRATCH/INSTANCE/capture/  captures in progress
 *     PROOF/INSTANCE/proof/      prepared copies
 */
#ifndef LSNCHAIN_FLOW_RUN_H
#define LSNCHAIN_FLOW_RUN_H

#include "alert/event.h"
#include "base/lock.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "model/vitals.h"
#include "repo/repository.h"
#include "repo/shelf.h"

#include <glib.h>

typedef struct {
    const InstanceConfig *config;
    const Repository *repository;
    const char *state_dir; /* NULL without a configuration: then nothing is recorded */
    const char *command;   /* for the locks' text */
    gboolean records;      /* this run may write into repository and state directory */
    Shelf *shelf;
    Catalog *catalog;
    char *damage;   /* what is wrong with one of the catalog's two files; NULL: nothing is known */
    RunSpent spent; /* noted as the run goes on */
    GPtrArray *unkept; /* SpoolEntry *: alerts that the spool could not take; NULL: they are lost */

    Lock *state_lock; /* the two halves of the run lock; NULL: not taken */
    Lock *shelf_lock;
} Run;

/* Closes and frees what the run holds, not the Run itself. */
void run_clear(Run *run);

gboolean run_open_shelf(Run *run, GError **error);

/*
 * Opens shelf and catalog; a damaged catalog file whose twin is sound is a warning and an event.
 * What a killed removal left in .trash is left out of run->catalog.
 */
gboolean run_open(Run *run, GError **error);

/* The same for who only looks, and is heard by nobody.  The result is why run->catalog cannot be
 * read, a sentence to free; NULL: it is there. */
char *run_look(Run *run);

/* The run lock: one backup or expire at a time on this instance; then the catalog is read again. */
gboolean run_lock(Run *run, GError **error);
/* Without reading the catalog: for who makes a new one. */
gboolean run_lock_only(Run *run, GError **error);
void run_unlock(Run *run);

/* Paths; free them. */
char *run_state_path(const Run *run, const char *name);
char *run_capture_dir(const Run *run);
char *run_proof_dir(const Run *run);

/*
 * For who reads a chain: takes its lock, shared, then reads the catalog again, for the backup may
 * have been removed before the lock was ours.  `backup` is then of the new catalog.  No lock and
 * TRUE where nobody here can change the repository (read-only, another's).
 */
gboolean run_read_chain(Run *run, const Backup **backup, Lock **lock, GError **error);

/* Takes the catalog's new state over. */
gboolean run_change(Run *run, CatalogEditFn *edit, void *data, GError **error);

/*
 * An event into the spool, to be delivered when the last lock was let go; a repeat of one that is
 * open is held back for `repeat_after`, a recovery goes out for what is open (alert/alert.h).  It
 * never fails the run: an alert that cannot be kept is a warning, and goes to run->unkept.
 */
void run_raise(const Run *run, EventType type, const char *backup, const char *rule,
               const char *summary, const char *cause);

/* The same, but where such an incident is open this is no more than its repeat, whatever its rule.
 */
void run_raise_once(const Run *run, EventType type, const char *rule, const char *summary,
                    const char *cause);

/*
 * What keeps an operator from trusting the last run: an open incident of a failed backup or proof
 * or of a broken chain, as a sentence to free.  NULL: none that is known.
 */
char *run_trouble(const Run *run);

/* Is it there and ours?  In another user's nothing is left that its owner cannot open. */
gboolean run_owns_state(const char *state_dir);

/*
 * The backup that `wanted` names: an id, a unique prefix, latest (the newest, whatever its state),
 * latest-full, latest-proven.
 */
const Backup *run_find(const Run *run, const char *wanted, GError **error);

/* Proofs count as long as every link was read back since then. */
int64_t run_read_since(const Run *run);

#endif
