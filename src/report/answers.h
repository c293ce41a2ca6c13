/* SPDX-License-Identifier: MIT */
/* answers: what `why` and `impact` say, as text and JSON. */
#ifndef LSNCHAIN_REPORT_ANSWERS_H
#define LSNCHAIN_REPORT_ANSWERS_H

#include "model/backup.h"
#include "report/report.h"

#include <glib.h>

/* `answers` are of model/explain.h; `about` is an id or the instance.  Before each command to type
 * stands `prefix`: "lsnchain -i shop". */
void view_answers(Report *report, const char *about, const GPtrArray *answers, const char *prefix);

typedef struct {
    const GPtrArray *backups;
    const char *what;         /* path or id, as it was asked */
    const GPtrArray *holders; /* char *: the backups that hold it */
    const GPtrArray *lost;    /* const Backup *: the restore points that go with it */
    int64_t read_since;
} Impact;

void view_impact(Report *report, const Impact *impact);

#endif
