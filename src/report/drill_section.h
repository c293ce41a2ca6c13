/* SPDX-License-Identifier: MIT */
/* drill_section: a proof in a drill report's page. */
#ifndef LSNCHAIN_REPORT_DRILL_SECTION_H
#define LSNCHAIN_REPORT_DRILL_SECTION_H

#include "report/drill_report.h"

#include <glib.h>

/* Its row in the summary; `number` is the section's, 0: it has none. */
void drill_section_add_row(GString *out, const DrillProof *proof, guint number);
/* `most`: the length of `out` from which on tables are counted, not listed. */
void drill_section_add(GString *out, const DrillProof *proof, guint number, gsize most);

#endif
