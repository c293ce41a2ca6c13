/* SPDX-License-Identifier: MIT */
/*
 * rota: whose turn it is to be checked, when there is not time for all tables.
 *
 * Remembers for each table when CHECK TABLE last looked at it in a test restore, and how long that
 * took: STATE/INSTANCE/checked.tsv.  To lose that file only means to start over: it is no part of
 * what is known of a backup.
 *
 * The table that has waited longest, since it was last checked or first seen, has the first turn
 * and always gets it, however long it takes: so of N tables each has its turn within N rounds, also
 * when new ones come all the time.  Then follow those that were never checked, then the others,
 * longest unchecked first, small ones before large ones; each as far as the time is expected to do.
 */
#ifndef LSNCHAIN_PROOF_ROTA_H
#define LSNCHAIN_PROOF_ROTA_H

#include "model/exam.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    char *schema;
    char *name;
    int64_t since;   /* UTC seconds: when it was first seen */
    int64_t at;      /* UTC seconds: when it was last checked; 0: never */
    int64_t took_us; /* that check */
    char *backup;    /* id of the backup in whose restore that was; "" */
} RotaEntry;

typedef struct Rota Rota;

/* An empty one where there is no file, or one that makes no sense (a notice in the log).  With NULL
 * for the directory nothing is ever written. */
Rota *rota_open(const char *directory);
void rota_free(Rota *rota);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rota, rota_free)

/* NULL: it was not there in the last round. */
const RotaEntry *rota_find(const Rota *rota, const char *schema, const char *name);

/* Checks a table and sets its `check` and `check_us`.  FALSE: it could not, and the round ends. */
typedef gboolean RotaCheckFn(ExamTable *table, void *data, GError **error);

typedef struct {
    const GPtrArray *tables; /* ExamTable *: all that can be checked; others are forgotten */
    const char *backup;      /* its id */
    int64_t now;             /* UTC seconds */
    int64_t until_us;        /* no table is begun from then on, but the first; 0: no limit */
    int64_t (*clock)(void);  /* that `until_us` belongs to: g_get_monotonic_time */
    RotaCheckFn *check;
    void *data; /* handed to check */
} RotaRound;

/*
 * One round.  Tables whose turn did not come are left with CHECK_NOT_DONE.  What was checked is
 * written down in any case, once a minute too; that it could not be is a warning.
 */
gboolean rota_go_round(Rota *rota, const RotaRound *round, GError **error);

#endif
