/* SPDX-License-Identifier: MIT */
/* drill_time: where the time of a drill went, and how drills went over months, in the page. */
#ifndef LSNCHAIN_REPORT_DRILL_TIME_H
#define LSNCHAIN_REPORT_DRILL_TIME_H

#include "model/drill.h"

#include <glib.h>

void drill_time_add(GString *out, const Drill *drill);
/* `drills`: Drill *, oldest first. */
void drill_time_add_history(GString *out, const char *instance, const GPtrArray *drills);

#endif
