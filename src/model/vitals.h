/* SPDX-License-Identifier: MIT */
/*
 * vitals: how an instance is doing, for whoever looks from outside: `status`, Nagios, Prometheus.
 *
 * They join what the catalog tells, what status.json remembers of the last runs, the open
 * incidents, and the ages that are wanted.  Times are seconds since the epoch and 0 where not
 * known; ages are for the reader to make, so that they do not freeze in a file.  flow/vitals.h
 * fills them.
 */
#ifndef LSNCHAIN_MODEL_VITALS_H
#define LSNCHAIN_MODEL_VITALS_H

#include "base/process.h"
#include "model/backup.h"
#include "model/health.h"

#include <glib.h>
#include <stdint.h>

/* Commands whose runs are remembered. */
typedef enum { VITAL_NONE, VITAL_BACKUP, VITAL_VERIFY, VITAL_EXPIRE, VITAL_RUNS } VitalRun;

/* What a run took, as far as it came; -1: that stage was not reached. */
typedef struct {
    int64_t capture_seconds;
    int64_t publish_seconds;
    int64_t proof_seconds;
    uint64_t bytes_plain; /* of the backup that it made; 0: none */
    uint64_t bytes_stored;
    uint64_t bytes_new;
} RunSpent;

#define RUN_SPENT_NOTHING                                                                          \
    {                                                                                              \
        .capture_seconds = -1, .publish_seconds = -1, .proof_seconds = -1                          \
    }

typedef struct {
    int64_t started;  /* of the last that ended; 0: none did */
    int64_t finished; /* the same one */
    int exit_status;  /* the same one */
    RunSpent spent;   /* the same one */

    int64_t succeeded; /* end of the last that ended with 0 or 3 */

    int64_t running_since; /* 0: none is under way */
    Process process;       /* that one's */
    gboolean gone;         /* it was killed: that process is not there any more */
} LastRun;

typedef enum {
    RECORD_NONE, /* without a configuration there is no state directory */
    RECORD_SOUND,
    RECORD_ABSENT, /* there is no file, or it says nothing of the instance */
    RECORD_DAMAGED,
    RECORD_FOREIGN, /* another user's, and we may not read it */
} RecordState;

typedef struct {
    const char *type; /* the word of the event that opened it */
    gboolean critical;
    gboolean common; /* of all instances together: a channel that takes no alerts */
    int64_t since;   /* 0: it may be open, or not: the file is damaged */
    char *summary;
} VitalIncident;

typedef struct {
    char *instance;

    /* status.json */
    RecordState record;
    char *record_path; /* for messages */
    char *record_why;  /* what is wrong with it; NULL: nothing */
    int64_t written;   /* when it was last written */
    LastRun runs[VITAL_RUNS];

    /* the catalog; all NULL or 0 when it is not known */
    gboolean catalog_known;
    char *catalog_why;  /* why not, or what is wrong with one of its files; NULL: nothing */
    int64_t catalog_at; /* when it last changed: the first good backup is waited for since then */
    Health health;      /* newest, restorable, proven, and all problems */
    const Backup *newest_full;        /* of those that restore */
    const Backup *newest_incremental; /* the same */
    const Backup *oldest_restorable;
    guint chain_length; /* links up to the newest restorable backup, its full included */
    guint count[STATE_MISSING + 1]; /* backups, by their state */
    uint64_t bytes_stored;          /* of all backups, a hard-linked file counted once */

    /* what is wanted; 0: not watched */
    int64_t backup_within; /* seconds */
    int64_t proof_within;  /* seconds */
    int64_t next_expected; /* when the newest good backup will be too old */
    int64_t next_proof;    /* when the newest proven backup, or its proof, will be too old */

    /* alerts */
    GPtrArray *incidents;     /* VitalIncident * */
    gboolean incidents_known; /* FALSE: there may be others */
    int undelivered;          /* of all instances; -1: not known */
    int64_t dropped;          /* of all instances, since the spool was made; -1: not known */
    int64_t dropped_at;       /* when the last was; 0: never */
    char *alerts_why;         /* why one of these is not known; NULL: all are */
    int64_t free_bytes;       /* of the filesystem of the repository; -1: not known */
    int64_t size_bytes;       /* the same */
} Vitals;

Vitals *vitals_new(const char *instance);
void vitals_free(Vitals *vitals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vitals, vitals_free)

/* Belongs to `vitals`. */
VitalIncident *vitals_add_incident(Vitals *vitals, const char *type, gboolean critical,
                                   int64_t since, const char *summary);

/* All that the backups tell.  They must live as long as `vitals`. */
void vitals_add_catalog(Vitals *vitals, const GPtrArray *backups, int64_t read_since);

/*
 * What is wrong at the moment `now`, into vitals->health.problems.  Once, when all else is filled
 * in.
 */
void vitals_judge(Vitals *vitals, int64_t now);

/* The last run of this kind was killed, and no good backup came after it, which does its work too.
 */
gboolean vitals_was_killed(const Vitals *vitals, VitalRun run);

/* The sentence when the last backup was killed and none came after it; free it.  NULL: it was not.
 */
char *vitals_backup_killed(const Vitals *vitals);

/*
 * The sentence when the newest good backup, or its proof, is older than is wanted, or when there is
 * none for as long; free it.  NULL: it is not, is not watched, or is not known.
 */
char *vitals_backup_overdue(const Vitals *vitals, int64_t now);
char *vitals_proof_overdue(const Vitals *vitals, int64_t now);

/* "backup", "verify", "expire"; VITAL_NONE: no such runs are remembered. */
const char *vitals_run_word(VitalRun run);
VitalRun vitals_run_of(const char *word);

#endif
