/* SPDX-License-Identifier: MIT */
/*
 * event: one thing that people should be told of.
 *
 * The types and their severities are the contract with every receiver: words are only ever added.
 * All text is made harmless when the event is made, so that no channel has to think of it: broken
 * UTF-8 becomes U+FFFD; control, bidirectional and other invisible characters become '?'; line
 * breaks survive in `cause` and `remedy` only; what is too long is cut at a character and says so.
 */
#ifndef LSNCHAIN_ALERT_EVENT_H
#define LSNCHAIN_ALERT_EVENT_H

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

typedef enum { SEVERITY_CRITICAL, SEVERITY_WARNING, SEVERITY_RECOVERY } Severity;

/* clang-format off */
/* name, word, severity, the event that ends the incident it opens (itself: it opens none) */
#define EVENTS(X)                                                               \
    X(BACKUP_FAILED,       "backup_failed",        CRITICAL, BACKUP_RECOVERED)  \
    X(BACKUP_RECOVERED,    "backup_recovered",     RECOVERY, BACKUP_RECOVERED)  \
    X(CHAIN_BROKEN,        "chain_broken",         CRITICAL, CHAIN_RECOVERED)   \
    X(CHAIN_RECOVERED,     "chain_recovered",      RECOVERY, CHAIN_RECOVERED)   \
    X(PROOF_FAILED,        "proof_failed",         CRITICAL, PROOF_RECOVERED)   \
    X(PROOF_RECOVERED,     "proof_recovered",      RECOVERY, PROOF_RECOVERED)   \
    X(CATALOG_DAMAGED,     "catalog_damaged",      CRITICAL, CATALOG_RECOVERED) \
    X(CATALOG_RECOVERED,   "catalog_recovered",    RECOVERY, CATALOG_RECOVERED) \
    X(SPACE_LOW,           "space_low",            WARNING,  SPACE_RECOVERED)   \
    X(SPACE_RECOVERED,     "space_recovered",      RECOVERY, SPACE_RECOVERED)   \
    X(BACKUP_OVERDUE,      "backup_overdue",       CRITICAL, BACKUP_RECOVERED)  \
    X(PROOF_OVERDUE,       "proof_overdue",        WARNING,  PROOF_RECOVERED)   \
    X(CLOCK_MOVED,         "clock_moved",          WARNING,  CLOCK_RECOVERED)   \
    X(CLOCK_RECOVERED,     "clock_recovered",      RECOVERY, CLOCK_RECOVERED)   \
    X(ALERT_UNDELIVERABLE, "alert_undeliverable",  WARNING,  ALERT_RECOVERED)   \
    X(ALERT_RECOVERED,     "alert_recovered",      RECOVERY, ALERT_RECOVERED)   \
    X(ALERT_TEST,          "alert_test",           WARNING,  ALERT_TEST)
/* clang-format on */

typedef enum {
#define X(name, word, severity, ended_by) EVENT_##name,
    EVENTS(X)
#undef X
        EVENT_TYPES
} EventType;

enum {
    EVENT_SUMMARY_CHARACTERS = 120, /* one line, also in a mail's subject */
    EVENT_CAUSE_BYTES = 8192,
    EVENT_REMEDY_BYTES = 2048,
    EVENT_NAME_CHARACTERS = 120, /* instance, backup, rule, host, version, incident */
    EVENT_FIRES_S = 49 * 3600,   /* where nobody says how long: twice 24 h, and an hour */
};

/* What happened, as the one who noticed knows it; NULL is "".  Only read. */
typedef struct {
    EventType type;
    const char *instance;
    const char *backup; /* its id */
    const char *rule;   /* of the fence */
    const char *summary;
    const char *cause;
    const char *remedy;
    const char *part;         /* of the incident: see event_incident() */
    const char *incident;     /* its key; NULL: event_incident() of type, instance and part */
    const Severity *severity; /* NULL: that of its type; a test is sent with each */
    int64_t fires_until;      /* 0: EVENT_FIRES_S from now; for a recovery: now */
} EventFacts;

/*
 * `id` is unique, sorts by time and holds letters, digits, '-' and '_' only.  `incident` is the
 * same from the first alert to the recovery, and the same next year: receivers that keep incidents
 * find theirs by it.
 */
typedef struct {
    EventType type;
    Severity severity;
    int64_t timestamp;   /* seconds since the epoch */
    int64_t fires_until; /* a receiver that forgets counts it as firing until then */
    char *id;
    char *instance;
    char *backup;
    char *rule;
    char *summary;
    char *cause;
    char *remedy;
    char *host;
    char *version; /* of lsnchain */
    char *incident;
} Event;

/* Now and on this host. */
Event *event_new(const EventFacts *facts);
/*
 * When the clock went back: its id becomes one that sorts behind `id`.  Nothing where it does so
 * already, or where `id` is none of ours.
 */
void event_put_behind(Event *event, const char *id);
void event_free(Event *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Event, event_free)

/*
 * The body that a webhook receives: {"type","timestamp","data":{"severity","instance","backup",
 * "rule","summary","cause","remedy","host","version","incident","fires_until"}}.  json_decref() it.
 */
json_t *event_json(const Event *event);
/*
 * Back again; the body does not hold the id, and one of an older version no incident and no
 * fires_until.  NULL: it is no such body, or its type is unknown.
 */
Event *event_from_json(const char *id, const json_t *body);
gboolean event_id_is_sound(const char *id);

const char *event_word(EventType type);
gboolean event_from_word(const char *word, EventType *type);
const char *severity_word(Severity severity);
Severity event_severity(EventType type); /* where nobody says another one */

/* The event that ends the incident which `type` opens; `type` itself where it opens none. */
EventType event_ended_by(EventType type);
gboolean event_opens(EventType type);

/*
 * The key of an incident: lsnchain/INSTANCE/WORD/PART with the word of the event that opens it.
 * `instance` and `part` may be "" or NULL: then they are left out.  Of a recovery: that of the
 * first event it ends.
 */
char *event_incident(EventType type, const char *instance, const char *part);

/*
 * What a message shows below its summary, in this order: Event, Instance, Backup, Rule, Cause, What
 * to do, Host, Time, Incident; what is empty is left out.  `lines`: the value may have several.
 */
typedef void EventFieldFn(const char *title, const char *value, gboolean lines, void *data);
void event_fields(const Event *event, EventFieldFn *field, void *data);

#endif
