/* SPDX-License-Identifier: MIT */
/*
 * restore: chooses the backup, says what will be done, does it, and keeps how long it took.
 *
 * Holds the chain's lock, shared.
 */
#ifndef LSNCHAIN_FLOW_RESTORE_H
#define LSNCHAIN_FLOW_RESTORE_H

#include "flow/run.h"
#include "model/forecast.h"
#include "prepare/prepare.h"

#include <glib.h>

typedef struct {
    const Backup *backup; /* belongs to the run's catalog */
    gboolean proven;
    uint64_t room;     /* bytes that are needed at the target */
    Forecast forecast; /* how long it will take */
    char *target;      /* absolute */
    Prepared prepared;
    int64_t seconds;
    gboolean restored;
} RestoreOutcome;

void restore_outcome_clear(RestoreOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RestoreOutcome, restore_outcome_clear)

/* As run_find(), but `latest` is the newest that can be restored; a warning says when that is not
 * the newest of all. */
const Backup *restore_find(const Run *run, const char *wanted, GError **error);

/* STATUS_RESTORE, naming one that can be, when this backup cannot be restored. */
gboolean restore_check_sound(const Run *run, const Backup *backup, GError **error);

/* Called when all is known and nothing is done yet: for "this is what will happen". */
typedef void RestoreAnnounceFn(const RestoreOutcome *outcome, void *data);

typedef struct {
    const char *target;  /* as typed; made absolute here */
    const char *owner;   /* "mysql" or "mysql:mysql"; NULL: as it comes */
    const char *to_time; /* NULL: none */
    uint64_t memory;     /* 0: as configured */
    gboolean dry_run;
    RestoreAnnounceFn *announce;
    void *data; /* handed to announce */
} RestoreRequest;

/* `outcome` comes zeroed.  run->catalog is a new one afterwards. */
gboolean flow_restore(Run *run, const Backup *backup, const RestoreRequest *request,
                      RestoreOutcome *outcome, GError **error);

#endif
