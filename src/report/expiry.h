/* SPDX-License-Identifier: MIT */
/* expiry: what retention decided, and what was removed, as text and JSON. */
#ifndef LSNCHAIN_REPORT_EXPIRY_H
#define LSNCHAIN_REPORT_EXPIRY_H

#include "model/retention.h"
#include "report/report.h"

#include <glib.h>

typedef struct {
    const GPtrArray *backups; /* all, as they were before */
    const Retention *retention;
    const GPtrArray *removed; /* char *, ids that are gone */
    uint64_t freed;
    gboolean dry_run;
    gboolean explain; /* text: each backup with its rule, and the restore points that are left */
} Expiry;

/* Prints it, and gives the same as an object. */
json_t *view_expiry(Report *report, const Expiry *expiry);

/* A removal by hand. */
typedef struct {
    const GPtrArray *doomed;         /* const Backup * */
    const GPtrArray *floors;         /* Fate * */
    const Backup *const *restorable; /* before and after */
    const Backup *const *proven;
    uint64_t freed;
    gboolean removed;
} Riddance;

/* Into the instance's object. */
void view_riddance(Report *report, const Riddance *riddance);

#endif
