/* SPDX-License-Identifier: MIT */
/*
 * alert: the front door of the room.
 *
 * While a run lasts it calls alert_raise(): the event goes to the spool on disk with the channels
 * that are to get it, nobody is waited for.  After the last lock was let go, alert_deliver() brings
 * what the spool holds to them.
 *
 * Delivery never holds up the end of a run: a channel gets at most three tries for an alert and
 * 60 s for all of them, all channels together 120 s, and 10 s more where one failed and the others
 * are told; one that fails is left alone until the next run, which finds its alerts in the spool.
 * Tried again is what may pass by itself: network errors, HTTP 408, 429 (Retry-After is honoured
 * while it fits) and 5xx, SMTP 4xx.  After a signal there is one short try.  Each channel gets its
 * alerts oldest first.
 *
 * A channel that does not take its alerts is a warning, a line in the system's log, and an alert
 * (alert_undeliverable) to every other channel.
 *
 * No url, password or secret is logged or put into an error: of a url only scheme, host and port.
 */
#ifndef LSNCHAIN_ALERT_ALERT_H
#define LSNCHAIN_ALERT_ALERT_H

#include "alert/channels.h"
#include "alert/incidents.h"
#include "alert/names.h"
#include "alert/spool.h"

/* Once, in main(), before any thread and before all below; it makes libcurl ready. */
gboolean alert_init(GError **error);
/* Once, at the end of main(). */
void alert_end(void);

/* STATUS_CONFIG, naming the channel: what it was given cannot work. */
gboolean alert_check_channel(const AlertChannel *channel, GError **error);

/* Names of channels for each severity; NULL: nobody. */
typedef struct {
    Names critical;
    Names warning;
    Names recovery;
} AlertRoute;

Names alert_receivers(const AlertRoute *route, Severity severity);
/* The same, but an end that nobody is named for goes where alarms go.  Free it. */
char **alert_receivers_or_all(const AlertRoute *route, Severity severity);

/* Where alert_raise() takes an event in. */
typedef struct {
    Spool *spool;
    Incidents *incidents;    /* of the event's instance, from incidents_load(); NULL: they cannot
                                be noted, then an alarm is told each time and an end is not */
    const AlertRoute *route; /* of the same */
    int64_t repeat_after_s;
    GPtrArray *unkept; /* SpoolEntry *: gets what the spool cannot take; NULL: that is lost */
} AlertDesk;

/*
 * An event that opens an incident goes to the channels of its severity, or is held back and counted
 * (incidents.h); one that ends incidents goes out once for each that is open: to those of its
 * channels that the route's `recovery` names, or to all of them where it names nobody.  A channel
 * that the route names nowhere any more is told too: it may have another name now.
 *
 * First the incident is noted, then the alert is in the spool, then that it was told: killed in
 * between, an alert is told twice, and none without its recovery.
 */
gboolean alert_raise(const AlertDesk *desk, const EventFacts *facts, GError **error);

/* Where there is no spool: an alarm goes to desk->unkept at once. */
void alert_hold(const AlertDesk *desk, const EventFacts *facts);

/* The route of an instance ("": of none); NULL: it has none. */
typedef const AlertRoute *AlertRouteFn(const char *instance, void *data);

/*
 * What became of an event at a channel.  `answer` is such as "HTTP status 204", "SMTP code 250" or
 * what is wrong with the channel.  `event` NULL: a test past all routes.
 */
typedef void AlertResultFn(const Event *event, const AlertChannel *channel, gboolean delivered,
                           const char *answer, void *data);

typedef struct {
    AlertResultFn *result;
    void *data; /* handed to result */
} AlertWatch;

typedef struct {
    const AlertChannel *channels;
    size_t count;
    AlertRouteFn *route;
    void *data; /* handed to route */
} AlertSetup;

typedef struct {
    unsigned sent;     /* messages that a channel took */
    unsigned done;     /* alerts that all their channels have */
    unsigned waiting;  /* alerts that stay in the spool */
    unsigned unrouted; /* alerts that no channel is routed for; removed */
} AlertReport;

/*
 * TRUE although a channel failed: that is a warning in the log, which makes the exit status 3, and
 * report->waiting.  FALSE: the spool cannot be used (STATUS_STORAGE), or another run was still
 * delivering after a minute (STATUS_LOCKED).
 */
gboolean alert_deliver(Spool *spool, const AlertSetup *setup, AlertReport *report, GError **error);

/* What no spool could take, SpoolEntry *, to its channels; what fails is lost, with a warning. */
void alert_deliver_unkept(GPtrArray *unkept, const AlertSetup *setup);

/*
 * Sends an alert_test of each severity along the routes of `instances` (NULL-terminated; "" is that
 * of none), as real alerts go: through the spool, after those that wait there.  `spool` NULL: there
 * is none that can be used, and the channels are asked directly.  Then the channels of `also` are
 * asked past all routes.  What is not delivered does not stay in the spool.
 *
 * FALSE: STATUS_TRANSFER when not all have it, or STATUS_CONFIG where there is no channel.
 */
gboolean alert_test(Spool *spool, const AlertSetup *setup, Names instances, Names also,
                    const AlertWatch *watch, GError **error);

#endif
