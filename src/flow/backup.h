/* SPDX-License-Identifier: MIT */
/*
 * backup: one backup of one instance, from the first check to the commit; then its proof, then the
 * end of old ones.
 *
 * The order is that of the design (§3.3).  Locks are let go before the proof.
 */
#ifndef LSNCHAIN_FLOW_BACKUP_H
#define LSNCHAIN_FLOW_BACKUP_H

#include "flow/expire.h"
#include "flow/run.h"
#include "flow/verify.h"
#include "model/schedule.h"
#include "repo/publish.h"

#include <glib.h>

typedef struct {
    Want want;
    gboolean dry_run; /* says what would be done, changes nothing */
} BackupRequest;

typedef struct {
    Backup *backup; /* as it was committed; NULL: none was, or a dry run */
    Plan plan;      /* of a dry run */
    Published published;
    gboolean verified; /* a proof was asked for and ran; `verdict` says how */
    Verdict verdict;
    int64_t seconds;
    ExpireOutcome expired; /* after a success, where a rule asks for it */
} BackupOutcome;

void backup_outcome_clear(BackupOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BackupOutcome, backup_outcome_clear)

/*
 * `run` is open and not locked.  `outcome` comes zeroed and is valid in any case: a backup can be
 * committed and the call fail all the same (a break found after the capture is STATUS_CHAIN, a
 * failed proof STATUS_VERIFY).
 */
gboolean flow_backup(Run *run, const BackupRequest *request, BackupOutcome *outcome,
                     GError **error);

#endif
