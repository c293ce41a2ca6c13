/* SPDX-License-Identifier: MIT */
/*
 * incidents: what is wrong with an instance and was told, so that its end is told too.
 *
 * STATE/INSTANCE/incidents.ini.  An opening event goes out each time and is
 * recorded; the event that ends it goes out only while it is open, and closes it.  So a run may
 * offer its good news every night.
 *
 * A damaged file is reported.  Then nobody knows which incidents are open, so each counts as
 * possibly open (`since` is 0): a recovery too many is harmless, a pager that nobody clears is not.
 */
#ifndef LSNCHAIN_ALERT_INCIDENTS_H
#define LSNCHAIN_ALERT_INCIDENTS_H

#include "alert/event.h"

typedef struct Incidents Incidents;

typedef struct {
    EventType type; /* the event that opened it */
    int64_t since;  /* 0: it may be open, or not */
    char *summary;  /* of the last such event */
} Incident;

/* `instance_dir` is STATE/INSTANCE; it is made when absent.  No file: nothing is open. */
Incidents *incidents_load(const char *instance_dir, GError **error);
void incidents_free(Incidents *incidents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Incidents, incidents_free)

/* TRUE: the event goes out.  What it opens or ends is noted here; incidents_save() keeps it. */
gboolean incidents_admit(Incidents *incidents, const Event *event);
gboolean incidents_save(Incidents *incidents, GError **error);

/* Incident *; belongs to `incidents`. */
const GPtrArray *incidents_open(const Incidents *incidents);

#endif
