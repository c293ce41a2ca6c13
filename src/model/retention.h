/* SPDX-License-Identifier: MIT */
/*
 * retention: which backups may go, and what keeps the others.
 *
 * A backup stays when any rule keeps it, and with it what it needs.  Whole chains go: while
 * anything of a chain stays, all that is sound in it stays, for a chain cut short gives up restore
 * points and hardly any room.  Only what cannot be restored (quarantined, or hanging on such) may
 * leave a chain that stays, when its time is over.
 *
 * The floors hold whatever the settings say: the newest chain, that of the newest restorable and
 * of the newest proven backup, pinned chains, and the only copy of a restore point stay; nothing
 * goes after a failed run, while the clock looks wrong, or while the newest chain is unproven and
 * keep_proven asks for a proof.
 *
 * Ages count from the newest restorable backup and periods are those that have one (UTC; weeks
 * begin on Monday), so neither a wrong clock nor a month without backups makes anything older.  The
 * one of a period is the newest that was ever proven, else the newest sound, else the newest there.
 */
#ifndef LSNCHAIN_MODEL_RETENTION_H
#define LSNCHAIN_MODEL_RETENTION_H

#include "model/backup.h"

#include <glib.h>
#include <stdint.h>

/* Counts, 0: this rule keeps nothing.  Without any of the first five nothing ever goes. */
typedef struct {
    int64_t keep_chains;
    int64_t keep_days;
    int64_t keep_weekly;
    int64_t keep_monthly;
    int64_t keep_yearly;
    int64_t keep_proven;
    int64_t keep_quarantined; /* seconds */
} RetentionRules;

typedef struct {
    int64_t now;
    int64_t read_since;       /* proofs count if every link was read back since then */
    const char *trouble_rule; /* failed-run, catalog-damaged: nothing goes; NULL: no trouble */
    const char *trouble;      /* its sentence */
} RetentionFacts;

/* What becomes of one backup, and why. */
typedef struct {
    const Backup *backup;
    gboolean kept;
    const char *rule;
    char *sentence;
} Fate;

typedef struct {
    GPtrArray *fates;  /* Fate *, one for each backup, sorted by id */
    guint due;         /* how many go, or would if nothing withheld it */
    const char *rule;  /* what withholds all of it: failed-run, clock, ...; NULL: nothing */
    char *withheld;    /* its sentence */
    gboolean alarming; /* it is a trouble of its own, not just a proof that is still to come */
} Retention;

gboolean retention_asks(const RetentionRules *rules);

/* `backups` in any order; the fates point into it. */
Retention retention_judge(const GPtrArray *backups, const RetentionRules *rules,
                          const RetentionFacts *facts);
void retention_clear(Retention *retention);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Retention, retention_clear)

/* NULL: it judged no such backup. */
const Fate *retention_find(const Retention *retention, const char *id);

void fate_free(gpointer fate);
/* It stays after all. */
void fate_keep(Fate *fate, const char *rule, const char *sentence);

/*
 * The floors that removing exactly `doomed` (const Backup *) would break: a Fate for each, with the
 * backup that it is about.  Empty: none.  What cannot be restored is held by a pin and as the only
 * copy alone.
 */
GPtrArray *retention_floors(const GPtrArray *backups, const GPtrArray *doomed,
                            const RetentionRules *rules, const RetentionFacts *facts);

/* To what one can go back with those that are kept; the ends are NULL where there are none. */
typedef struct {
    guint count;
    const Backup *earliest;
    const Backup *newest;
    const Backup *densest[2]; /* the two neighbours that are closest in time */
    const Backup *widest[2];  /* ... and farthest */
} RestorePoints;

RestorePoints retention_points(const GPtrArray *backups, const GPtrArray *fates);

/* When it was taken, as its id says: by our own clock, like `now`. */
int64_t retention_moment(const Backup *backup);

#endif
