/* SPDX-License-Identifier: MIT */
/* schedule: what the next backup is, and why. */
#ifndef LSNCHAIN_MODEL_SCHEDULE_H
#define LSNCHAIN_MODEL_SCHEDULE_H

#include "model/backup.h"

#include <glib.h>
#include <stdint.h>

typedef enum { WANT_AUTO, WANT_FULL, WANT_INCREMENTAL } Want;

typedef struct {
    int64_t full_every;       /* seconds; 0: never by age */
    int64_t max_incrementals; /* 0: no incrementals at all */
} ScheduleRules;

typedef struct {
    BackupType type;
    const Backup *parent; /* NULL for a full; points into `backups` */
    const char
        *rule;    /* why a full: first, asked, not-sound, full-every, max-incrementals; else "" */
    char *reason; /* the sentence; "" for an incremental */
} Plan;

void plan_clear(Plan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

/*
 * `plan` comes zeroed.  FALSE with STATUS_CHAIN when an incremental was asked for and there is
 * nothing sound to hang it on.  A full is due when the age of the newest full plus half the time
 * since the newest backup reaches `full_every`, so that a daily run with 7d stays on its weekday.
 */
gboolean schedule_plan(const GPtrArray *backups, const ScheduleRules *rules, Want want, int64_t now,
                       Plan *plan, GError **error);

/* Makes a full of a planned incremental, because of `rule`. */
void plan_turn_full(Plan *plan, const char *rule, const char *reason);

#endif
