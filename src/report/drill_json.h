/* SPDX-License-Identifier: MIT */
/* drill_json: a drill and what belongs to it as JSON; docs/drill-report.md has the keys. */
#ifndef LSNCHAIN_REPORT_DRILL_JSON_H
#define LSNCHAIN_REPORT_DRILL_JSON_H

#include "report/drill_report.h"

#include <jansson.h>

/* A proof with its tables and assertions; its links by their ids only. */
json_t *drill_json_proof(const DrillProof *proof);
/* A drill of the history. */
json_t *drill_json_drill(const Drill *drill);

#endif
