/* SPDX-License-Identifier: MIT */
/*
 * expire: what no rule keeps goes, chain by chain.
 *
 * Takes the run lock, and each chain's lock exclusively; a chain that somebody reads stays for
 * today.  Each chain is judged once more under catalog.lock, right before it goes.
 */
#ifndef LSNCHAIN_FLOW_EXPIRE_H
#define LSNCHAIN_FLOW_EXPIRE_H

#include "flow/run.h"
#include "model/retention.h"

#include <glib.h>

typedef struct {
    gboolean ran;
    gboolean dry_run;
    GPtrArray *backups; /* copies of all as they were before; the fates point here */
    Retention retention;
    GPtrArray *removed; /* char *, ids that are gone */
    uint64_t freed;     /* bytes on disk; of a dry run those that would be */
} ExpireOutcome;

void expire_outcome_clear(ExpireOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ExpireOutcome, expire_outcome_clear)

/* The rules of the configuration, and what is known of the moment.  `trouble` is to be freed. */
RetentionRules expire_rules(const Run *run);
RetentionFacts expire_facts(const Run *run, char **trouble);

/* `run` is open and not locked.  `outcome` comes zeroed and is valid in any case. */
gboolean flow_expire(Run *run, gboolean dry_run, ExpireOutcome *outcome, GError **error);

/*
 * After a backup that went well, when any rule asks for it.  A failure here is a warning: the
 * backup is there.
 */
void flow_expire_after(Run *run, ExpireOutcome *outcome);

#endif
