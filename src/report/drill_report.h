/* SPDX-License-Identifier: MIT */
/*
 * drill_report: what a drill showed, as a page that an auditor can read and as JSON.
 *
 *     g_autoptr(DrillReport) report = drill_report_new(host);
 *     drill_report_add(report, &proof);      for each backup, proven or not
 *     drill_report_html(report), drill_report_json(report), report/drill_file.h
 *
 * A proof is rendered when it is added: nothing that it points to has to outlive the call.  The
 * page needs nothing but itself: no script, no font, no picture from elsewhere.  Text of servers
 * and engines may hold anything; it arrives as text.
 */
#ifndef LSNCHAIN_REPORT_DRILL_REPORT_H
#define LSNCHAIN_REPORT_DRILL_REPORT_H

#include "model/backup.h"
#include "model/drill.h"
#include "model/exam.h"

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

typedef struct {
    const char *instance;
    const char *repository; /* where the backups are */
    const Drill *drill;     /* of a proof that failed too */
    const Exam *exam;       /* NULL: no server was asked */
    /* const Backup *, from the full to the backup, with the marks as they are after the drill; NULL
     * or empty: a link is missing, so there is no path */
    const GPtrArray *path;
    const GPtrArray *history; /* Drill *, oldest first, this one included; NULL: none is kept */
    const char *blamed;       /* id of the link that is to blame; NULL: none */
    const char *remedy;       /* what to do now, the error's hint; NULL: nothing */
    gboolean recorded;        /* the marks have the result */
    int64_t forecast_s;       /* of a restore of the latest point now; -1: not known */
    int64_t restore_within_s; /* the target; 0: none */
    int64_t reread_every_s;   /* proofs count while every link was read within it; 0: not known */
} DrillProof;

typedef struct DrillReport DrillReport;

/* `host`: of the machine that drills. */
DrillReport *drill_report_new(const char *host);
void drill_report_free(DrillReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrillReport, drill_report_free)

void drill_report_add(DrillReport *report, const DrillProof *proof);
/* So many backups of the instance were left for another time: --max-time. */
void drill_report_add_left(DrillReport *report, const char *instance, guint left);

GString *drill_report_html(const DrillReport *report);
json_t *drill_report_json(const DrillReport *report);

#endif
