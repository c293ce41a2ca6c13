/* SPDX-License-Identifier: MIT */
/*
 * drill: what one test restore, or a real one, did, and what each of its steps took.
 *
 * Kept as history (flow/history), read by the forecast (model/forecast) and by the drill report.
 */
#ifndef LSNCHAIN_MODEL_DRILL_H
#define LSNCHAIN_MODEL_DRILL_H

#include "model/backup.h"

#include <glib.h>
#include <stdint.h>

typedef enum { DRILL_VERIFY, DRILL_RESTORE } DrillKind;

/* A link that was unsealed and applied. */
typedef struct {
    char *id;
    BackupType type;
    uint64_t files;
    uint64_t bytes_stored; /* read from the repository */
    uint64_t bytes_plain;  /* written */
    int64_t unseal_us;
    int64_t prepare_us;
} DrillStep;

typedef struct {
    char *backup; /* the one that was wanted */
    char *chain;
    DrillKind kind;
    int64_t at;       /* UTC seconds: when it ended */
    ProofLevel asked; /* of a verify */
    ProofLevel reached;
    char *failure;      /* a sentence; "": it passed */
    gboolean fresh;     /* from the full on; FALSE: on the rolling base, the new links only */
    GPtrArray *steps;   /* DrillStep *, in the order of the chain; none when the base stood there */
    int64_t took_us;    /* all of it */
    int64_t start_us;   /* both starts of the throwaway server, and its stops; 0: none */
    int64_t ask_us;     /* what it was asked */
    uint64_t copied_up; /* bytes by which the throwaway server changed its own view of the base */
    guint tables;       /* in the restore; 0: not looked */
    guint checked;      /* of them by CHECK TABLE in this drill */
    int64_t rpo_s;      /* from the canary to the drill; -1: not measured */
    char *engine;       /* "mariadb-backup 10.11.19-MariaDB" */
    char *server;       /* @@version of the throwaway server; "": none was started */
    char *host;
} Drill;

Drill *drill_new(const char *backup, const char *chain, DrillKind kind);
void drill_free(Drill *drill);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Drill, drill_free)

/* Adds a step of this link; the caller fills in the rest. */
DrillStep *drill_add_step(Drill *drill, const char *id, BackupType type);

#endif
