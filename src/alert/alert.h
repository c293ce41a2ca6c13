/* SPDX-License-Identifier: MIT */
/*
 * alert: the front door of the room.
 *
 * While a run lasts it calls alert_raise(): the event goes to the spool on disk, nobody is waited
 * for.  After the last lock was let go, alert_deliver() brings what the spool holds to the channels
 * of its route.
 *
 * Delivery never holds up the end of a run: each channel gets at most three tries for an alert and
 * 60 s for all of them; one that fails is left alone until the next run, which finds its alerts in
 * the spool.  Tried again is what may pass by itself: network errors, HTTP 408, 429 (Retry-After is
 * honoured while it fits) and 5xx, SMTP 4xx.  After a signal there is one short try.
 *
 * No url, password or secret is logged or put into an error: of a url only scheme, host and port.
 */
#ifndef LSNCHAIN_ALERT_ALERT_H
#define LSNCHAIN_ALERT_ALERT_H

#include "alert/channels.h"
#include "alert/incidents.h"
#include "alert/spool.h"

/* Once, in main(), before any thread and before all below; it makes libcurl ready. */
gboolean alert_init(GError **error);
/* Once, at the end of main(). */
void alert_end(void);

/* STATUS_CONFIG, naming the channel: what it was given cannot work. */
gboolean alert_check_channel(const AlertChannel *channel, GError **error);

/*
 * Takes an event in: incidents are noted and saved, and what goes out is in the spool.  First the
 * spool: killed in between, an alert is told and only its end may be missed.
 */
gboolean alert_raise(Spool *spool, Incidents *incidents, const Event *event, GError **error);

/* Names of channels for each severity, NULL-terminated; NULL and an empty list: nobody. */
typedef struct {
    const char *const *critical;
    const char *const *warning;
    const char *const *recovery;
} AlertRoute;

/* The route of an instance; NULL: it has none. */
typedef const AlertRoute *AlertRouteFn(const char *instance, void *data);

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

/* `answer` is such as "HTTP status 204", "SMTP code 250" or what is wrong with the channel. */
typedef void AlertResultFn(const AlertChannel *channel, gboolean delivered, const char *answer,
                           void *data);

/*
 * Sends an alert_test event to every channel, past routes and spool, and tells of each what it
 * answered.  Mail is stricter than usual: one refused recipient fails it.  FALSE (STATUS_TRANSFER,
 * or STATUS_CONFIG where there is no channel): not all have it.
 */
gboolean alert_send_test(const AlertSetup *setup, const char *instance, AlertResultFn *result,
                         void *data, GError **error);

#endif
