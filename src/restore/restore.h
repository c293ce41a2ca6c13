/* SPDX-License-Identifier: MIT */
/*
 * restore: a backup into a directory that a server can start on.
 *
 * The target is absent or empty, and carries `lsnchain-restore.ini` from the first step to the
 * last: a directory that still has it is not whole.  The work is done in TARGET/.lsnchain (also
 * right when TARGET is a mount point of its own), so the target shows no table before all of them
 * are good. On failure the target is left as it is, with the marker: what it holds may help to
 * understand.
 */
#ifndef LSNCHAIN_RESTORE_RESTORE_H
#define LSNCHAIN_RESTORE_RESTORE_H

#include "engine/engine.h"
#include "model/drill.h"
#include "prepare/prepare.h"
#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#define RESTORE_MARKER "lsnchain-restore.ini"

typedef struct {
    const Shelf *shelf;
    const GPtrArray *path; /* const Backup *, from the full to the backup that is restored */
    const Engine *engine;
    const char *target; /* absolute */
    uint64_t memory;
    int workers;
    char **options;
    int64_t stall_timeout_s;
    gboolean set_owner;
    uid_t user; /* with set_owner */
    gid_t group;
    Drill *drill;        /* gets a step for each link; may be NULL */
    PrepareTickFn *tick; /* may be NULL */
    void *data;          /* handed to tick */
} RestoreSpec;

/* STATUS_RESTORE when the target is not absent or empty; STATUS_STORAGE without room. */
gboolean restore_check_target(const RestoreSpec *spec, GError **error);

/* Checks the target again, then does it.  `prepared` may not be NULL. */
gboolean restore_run(const RestoreSpec *spec, Prepared *prepared, GError **error);

#endif
