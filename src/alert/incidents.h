/* SPDX-License-Identifier: MIT */
/*
 * incidents: what is wrong and was told, so that it is not told every hour, and its end is told.
 *
 * STATE/INSTANCE/incidents.ini holds those of an instance, STATE/incidents.ini those of none
 * (channels that do not take their alerts).  A section is an open incident: the word of the event
 * that opened it and, where there can be several, a part.
 *
 * The first occurrence is news.  The same again (same type, same rule) is news when `repeat_after`
 * has passed, less a twenty-fourth of it, so that a cron job of every night is not a second too
 * early.  Another rule is always news.  An acknowledged incident is quiet until it ends; but when
 * it strikes another backup it is told as any repeat is, for nobody acknowledged that one.
 *
 * A damaged file is reported.  Then nobody knows which incidents are open, so each counts as
 * possibly open (`since` is 0): a recovery too many is harmless, a pager that nobody clears is not.
 */
#ifndef LSNCHAIN_ALERT_INCIDENTS_H
#define LSNCHAIN_ALERT_INCIDENTS_H

#include "alert/event.h"

typedef struct Incidents Incidents;

typedef struct {
    EventType type;          /* the event that opened it */
    char *part;              /* of alert_undeliverable: the channel; else "" */
    int64_t since;           /* 0: it may be open, or not */
    int64_t told_at;         /* when the alert went out last; 0: nobody was told, or not known */
    int64_t acknowledged_at; /* 0: it is not */
    unsigned held;           /* repeats held back since told_at */
    char *rule;
    char *backup;
    char *summary;   /* of the alert that went out last */
    char **channels; /* that it was sent to; NULL: not known */
} Incident;

typedef enum { INCIDENTS_OF_INSTANCE, INCIDENTS_OF_NONE } IncidentsOf;

/*
 * For who changes them: with a lock on the file until they are freed.  The directory is made when
 * absent; no file: nothing is open.
 */
Incidents *incidents_load(const char *dir, IncidentsOf of, GError **error);
/*
 * For who looks: nothing is made, locked or logged, a damaged file neither.  NULL: it cannot be
 * read.
 */
Incidents *incidents_peek(const char *dir, IncidentsOf of, GError **error);
void incidents_free(Incidents *incidents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Incidents, incidents_free)

/* Of incidents_load() only. */
gboolean incidents_save(Incidents *incidents, GError **error);

/* Incident *; belongs to `incidents`, as all below. */
const GPtrArray *incidents_open(const Incidents *incidents);
/* The one that such an event would open; NULL: it is not open. */
Incident *incidents_find(const Incidents *incidents, EventType type, const char *part);
/* Opens it unless it is open. */
Incident *incidents_take(Incidents *incidents, EventType type, const char *part);
/* Those that this recovery ends, Incident *; free the array.  They stay until they are closed. */
GPtrArray *incidents_ended_by(Incidents *incidents, EventType recovery, const char *part);
void incidents_close(Incidents *incidents, Incident *incident);

/* Is it to be told when it happens now? */
gboolean incident_is_news(const Incident *incident, const char *rule, const char *backup,
                          int64_t now, int64_t repeat_after_s);

/* event_incident() of it.  Free it. */
char *incident_key(const Incident *incident, const char *instance);

#endif
