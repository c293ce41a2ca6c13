/* SPDX-License-Identifier: MIT */
/*
 * fence: may this incremental hang on that parent?
 *
 * Asked when a backup is taken, never when it is restored: before the capture (about the server)
 * and after it (about what came).  Each function returns every broken rule, not the first one.
 *
 * The engines check none of this: an incremental from another server, or from one that was put
 * back, says "completed OK!" and restores to other rows.
 */
#ifndef LSNCHAIN_MODEL_FENCE_H
#define LSNCHAIN_MODEL_FENCE_H

#include "model/backup.h"

#include <glib.h>
#include <stdint.h>

/*
 * What became of the parent's row: it is written before a capture and stamped when that has ended,
 * so the stamp lies behind all that the capture holds, and a server that has it was not put back
 * before its end.
 */
typedef enum {
    CANARY_UNKNOWN, /* the parent has none, or it cannot be asked for */
    CANARY_STAMPED,
    CANARY_UNSTAMPED, /* put back to a moment during the capture */
    CANARY_GONE,      /* put back to one before it */
} CanaryState;

/*
 * Start parameters that a server can change over a restart, and no chain lives through: which files
 * the system tablespace and the undo logs have.  Names of facts without "param_", as
 * backup_param() wants them.
 */
enum { FENCE_PARAMETERS = 3 };
extern const char *const fence_parameters[FENCE_PARAMETERS];

/* What the server says of itself, before and after a capture. */
typedef struct {
    const char *server_uuid;
    gboolean uuid_identifies; /* MySQL's does; MariaDB's was the same on two servers of one host */
    const char *datadir_id;   /* "" when it cannot be seen from here */
    int64_t started;
    uint64_t lsn;
    const char *gtid;   /* all transactions that it has; "" when it counts none */
    CanaryState canary; /* that of the parent; before a capture only */
    const char *parameters[FENCE_PARAMETERS]; /* their values; NULL: not known */
    const char *cannot_extend; /* rule `version`: why engine or server cannot; NULL: they can */
} Witness;

typedef struct {
    const char *rule;
    char *sentence;
    gboolean unknown; /* no witness is left: a full is due, but nothing says that a chain broke */
} Breach;

GPtrArray *fence_before_capture(const GPtrArray *backups, const Backup *parent,
                                const Witness *witness);

/*
 * About the captured link.  `parent` is NULL for a full.  What the engine room found incomplete is
 * not asked again: such a capture is removed before it comes here.
 */
GPtrArray *fence_after_capture(const GPtrArray *backups, const Backup *parent, const Backup *link,
                               const Witness *before, const Witness *after);

/* Of one breach that is not `unknown` the chain is broken. */
gboolean fence_broken(const GPtrArray *breaches);
/* The first that is not `unknown`, else the first; NULL: all rules hold. */
const Breach *fence_gravest(const GPtrArray *breaches);
/* All sentences in one line.  Free it. */
char *fence_text(const GPtrArray *breaches);

#endif
