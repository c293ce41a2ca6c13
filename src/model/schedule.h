/* SPDX-License-Identifier: MIT */
/* schedule: what the next backup is, and why. */
#ifndef LSNCHAIN_MODEL_SCHEDULE_H
#define LSNCHAIN_MODEL_SCHEDULE_H

#include "model/backup.h"
#include "model/forecast.h"

#include <glib.h>
#include <stdint.h>

typedef enum { WANT_AUTO, WANT_FULL, WANT_INCREMENTAL } Want;

typedef struct {
    int64_t full_every;       /* seconds; 0: never by age */
    int64_t max_incrementals; /* 0: no incrementals at all */
    int64_t restore_within;   /* seconds; 0: no target */
    const Pace *pace;         /* with restore_within; NULL: nothing is known */
} ScheduleRules;

typedef struct {
    BackupType type;
    const Backup *parent; /* NULL for a full; points into `backups` */
    /* why a full: first, asked, not-sound, proof-failed, full-every, max-incrementals,
       restore-within; else "" */
    const char *rule;
    char *reason;      /* the sentence; "" for an incremental */
    gboolean too_slow; /* restoring takes too long, and no full would change that */
} Plan;

void plan_clear(Plan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

/*
 * `plan` comes zeroed.  FALSE with STATUS_CHAIN when an incremental was asked for and there is
 * nothing sound to hang it on.  A full is due when the age of the newest full plus half the time
 * since the newest backup reaches `full_every`, so that a daily run with 7d stays on its weekday.
 *
 * A chain with a link whose proof failed at `server` or `queries` is restorable, so one full is
 * tried; when that fails alike, the fault is not in the chain, and no further full is taken for it.
 * A chain whose restore passes `restore_within` is ended only when a full alone keeps it.
 */
gboolean schedule_plan(const GPtrArray *backups, const ScheduleRules *rules, Want want, int64_t now,
                       Plan *plan, GError **error);

/*
 * Is the next full due to store all its files anew, so that one bad sector cannot be in every
 * generation?  Every `every`th is, counted from the last that shares no file with an earlier
 * backup; 0: never.
 */
gboolean schedule_reseeds(const GPtrArray *backups, int64_t every);

/*
 * The full that stored all its files anew last; nothing is linked to what is older, for its bad
 * sectors would come along.  NULL: there is none.
 */
const Backup *schedule_newest_seed(const GPtrArray *backups);

/* Makes a full of a planned incremental, because of `rule`. */
void plan_turn_full(Plan *plan, const char *rule, const char *reason);

#endif
