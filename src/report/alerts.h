/* SPDX-License-Identifier: MIT */
/* alerts: open incidents and waiting alerts as tables and JSON. */
#ifndef LSNCHAIN_REPORT_ALERTS_H
#define LSNCHAIN_REPORT_ALERTS_H

#include "alert/incidents.h"
#include "alert/spool.h"
#include "report/report.h"

#include <glib.h>

/* {"incident", "event", "rule", "backup", "since", "told_at", "held", "acknowledged_at",
 * "channels", "summary"}; times that are not known are null. */
json_t *view_incident_json(const Incident *incident, const char *instance);

/* A line each, with what it is about below; "" for no instance. */
void view_incidents(const Report *report, const GPtrArray *incidents, const char *instance);

/* What waits in the spool, SpoolEntry *, oldest first, and what it lost. */
json_t *view_entry_json(const SpoolEntry *entry, int64_t now);
void view_spool(Report *report, const GPtrArray *entries, unsigned unread,
                const SpoolDropped *dropped, int64_t now);

#endif
