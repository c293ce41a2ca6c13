/* SPDX-License-Identifier: MIT */
/*
 * examine: asks a throwaway server on a restored backup whether everything is there.
 *
 * examine_tables() is the level `server`, examine_queries() the level `queries`; call them in this
 * order with the same Exam, which is worth reading whatever they return.  All faults are gathered
 * in it; the error names the first and counts the rest.
 *
 * STATUS_VERIFY: the restore is not what was backed up, and the sentence names the table, the
 * canary or the assertion.  A server that crashes at a question about a table is such a fault of
 * that table.  Any other status: the world failed (the server was killed, a signal asked us to
 * stop), and nothing is said about the backup.
 */
#ifndef LSNCHAIN_PROOF_EXAMINE_H
#define LSNCHAIN_PROOF_EXAMINE_H

#include "model/backup.h"
#include "model/exam.h"
#include "proof/rota.h"
#include "server/server.h"

#include <glib.h>
#include <stdint.h>

/* What is being asked ("CHECK TABLE shop.orders"), and how far it is: `done` of `all` questions. */
typedef void ExamineTickFn(const char *question, guint done, guint all, void *data);

/*
 * After a connection that was lost, as trial_alive(): FALSE with the error set when the server has
 * ended, STATUS_VERIFY when it crashed.
 */
typedef gboolean ExamineAliveFn(void *data, GError **error);

typedef struct {
    /* Read-only, as one who may do everything; connected without a limit on answers (timeout 0). */
    Server *server;
    const Backup *backup; /* the restored link */
    int backup_fd;        /* its directory, for tables.tsv, whose sum was checked */
    const char *canary_schema;
    const GPtrArray *asserts; /* AssertConfig *; NULL: none */
    int64_t until_us;         /* g_get_monotonic_time() from which no table is begun; 0: no limit */
    Rota *rota;               /* whose turn it is; brought up to date and saved; may be NULL */
    ExamineTickFn *tick;      /* may be NULL */
    ExamineAliveFn *alive;    /* may be NULL */
    void *data;               /* handed to both */
} ExamineSpec;

/* The list of tables against tables.tsv. */
gboolean examine_tables(const ExamineSpec *spec, Exam *exam, GError **error);

/*
 * The canary, the assertions, then CHECK TABLE on as many tables as there is time for: longest
 * unchecked first, at least one.  Tables that time did not reach are no failure; exam->left tells.
 */
gboolean examine_queries(const ExamineSpec *spec, Exam *exam, GError **error);

#endif
