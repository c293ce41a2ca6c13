/* SPDX-License-Identifier: MIT */
/* drill_verdict: what page and JSON of a drill report say alike. */
#ifndef LSNCHAIN_REPORT_DRILL_VERDICT_H
#define LSNCHAIN_REPORT_DRILL_VERDICT_H

#include "report/drill_report.h"

#include <glib.h>
#include <stdint.h>

typedef enum {
    VERDICT_PASSED,
    VERDICT_FAILED,      /* the backup did not hold what was asked of it */
    VERDICT_NOT_REACHED, /* the drill did not get there, and blames no backup */
} DrillVerdict;

DrillVerdict drill_verdict(const DrillProof *proof);

/* The backup, with its marks; NULL: there is no path. */
const Backup *drill_verdict_backup(const DrillProof *proof);
/* Does it count as proven, the age of the last reading of its chain included? */
gboolean drill_verdict_proven(const DrillProof *proof);
/* Files read before then are to be read again; 0: not known. */
int64_t drill_verdict_read_since(const DrillProof *proof);

/* What a restore from the full on took in this drill; -1: it was none. */
int64_t drill_verdict_restore_us(const Drill *drill);
/* The newest drill of the history that measured one, or this one; NULL: none did. */
const Drill *drill_verdict_measured(const DrillProof *proof);
/* Why it has no RPO: a sentence. */
const char *drill_verdict_no_rpo(const DrillProof *proof);

/* As JSON calls them. */
const char *drill_fit_word(TableFit fit);
const char *drill_check_word(CheckEnd check);
/* Missing, extra, of another engine, or failed by CHECK TABLE. */
gboolean drill_table_at_fault(const ExamTable *table);

/* How it went about it, and its RPO, in words.  Free the second. */
const char *drill_way_text(const Drill *drill);
char *drill_rpo_text(const Drill *drill);

#endif
