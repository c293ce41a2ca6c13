/* SPDX-License-Identifier: MIT */
/*
 * verify: proves a backup and writes what was found into the marks.
 *
 * Holds the chain's lock, shared, while it reads; not the run lock.
 */
#ifndef LSNCHAIN_FLOW_VERIFY_H
#define LSNCHAIN_FLOW_VERIFY_H

#include "flow/run.h"
#include "proof/proof.h"
#include "proof/sabotage.h"

#include <glib.h>

typedef struct {
    ProofLevel level;
    gboolean anew;      /* from the full on, whatever the rolling base holds */
    int64_t max_time_s; /* no further table is checked after it; 0: no limit */
} VerifyRequest;

typedef struct {
    char *id;
    ProofLevel asked;
    ProofLevel reached;
    char *failed;            /* id of the link to blame; NULL: none */
    ProofLevel failed_level; /* with `failed` */
    uint64_t bytes_read;
    int64_t seconds;
    gboolean recorded; /* the marks have it */
    Drill *drill;      /* NULL: it never began */
    Exam *exam;        /* NULL: no server was asked */
} Verdict;

void verdict_clear(Verdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Verdict, verdict_clear)

/*
 * STATUS_VERIFY when a stored byte, the engine or the restored server says no; other failures keep
 * their status, and blame no backup.  A link that failed `files` or `prepare` is quarantined.
 * `verdict` comes zeroed and is valid in any case.  When something was recorded, run->catalog is a
 * new one: `backup` must not be used any more.
 */
gboolean flow_verify(Run *run, const Backup *backup, const VerifyRequest *request, Verdict *verdict,
                     GError **error);

/*
 * Harms private copies of the chain of `backup` and proves them (proof/sabotage.h): of
 * SabotageResult, to be freed with g_ptr_array_unref().  Nothing is recorded.
 */
GPtrArray *flow_sabotage(Run *run, const Backup *backup, const VerifyRequest *request,
                         GError **error);

/* STATUS_VERIFY, naming the first harm that no proof noticed; one not tried is a warning. */
gboolean flow_judge_sabotage(const GPtrArray *results, const char *id, GError **error);

/* What will be read of a path, for a display of progress. */
uint64_t verify_stored_bytes(const GPtrArray *path);

#endif
