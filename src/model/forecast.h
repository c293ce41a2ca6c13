/* SPDX-License-Identifier: MIT */
/*
 * forecast: how long restoring would take now, learned from drills.
 *
 * A link that was unsealed and applied in a drill is expected to take what it took then (the median
 * of its newest drills).  Any other one is scaled: a fixed guess of how the work grows with files
 * and bytes gives the shape, and the newest drills of other links, of the same type where there are
 * some, say by which factor this machine is slower or faster than the guess (a median too).  So
 * more files or bytes are never forecast to take less, and a step too small to measure says
 * nothing about large ones.  Without any drill nothing is known, and that is said.
 *
 * What comes after the last link (flushing, moving into place) is known from real restores; as long
 * as there was none it is scaled like unsealing.
 */
#ifndef LSNCHAIN_MODEL_FORECAST_H
#define LSNCHAIN_MODEL_FORECAST_H

#include "model/backup.h"

#include <glib.h>
#include <stdint.h>

/* What was learned. */
typedef struct Pace Pace;

/*
 * From `drills` (const Drill *, oldest first), which need not live on.  Those that failed before
 * all was prepared teach nothing.
 */
Pace *pace_new(const GPtrArray *drills);
void pace_free(Pace *pace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pace, pace_free)

typedef enum {
    FORECAST_UNKNOWN,  /* there was no drill: `seconds` is 0 */
    FORECAST_SCALED,   /* some link was never drilled itself */
    FORECAST_MEASURED, /* every link was */
} ForecastBasis;

typedef struct {
    const Backup *backup; /* the restore point; NULL: there is none, and all else is 0 */
    guint links;
    ForecastBasis basis;
    int64_t seconds;        /* rounded up */
    uint64_t bytes_read;    /* from the repository */
    uint64_t bytes_written; /* unsealed; known without a drill, as bytes_read is */
} Forecast;

/* Of restoring the last link of `path`, which starts at its full (chain_path()). */
Forecast forecast_path(const Pace *pace, const GPtrArray *path);

/*
 * What comes after `link`, whose path is whole, by the next backup: an incremental on it, as large
 * as the last one was; or a full, as large as that of `link`, which `backup` then is.
 */
Forecast forecast_next(const Pace *pace, const GPtrArray *backups, const Backup *link);
Forecast forecast_full(const Pace *pace, const GPtrArray *backups, const Backup *link);

typedef struct {
    Forecast latest; /* the newest restore point */
    Forecast worst;  /* the one that takes longest */
    Forecast full;   /* in place of the latest: a full taken now */
} Outlook;

/* Of all sound `backups` of an instance. */
Outlook outlook_of(const Pace *pace, const GPtrArray *backups);

/*
 * The sentence when restoring the latest point takes longer than `within` seconds (0: no target),
 * with what a full taken now would bring; free it.  NULL: all is well, or nothing is known.
 */
char *outlook_problem(const Outlook *outlook, int64_t within);

const char *forecast_basis_word(ForecastBasis basis);

#endif
