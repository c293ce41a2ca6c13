/* SPDX-License-Identifier: MIT */
/*
 * ping: tells a dead man's switch that a run began, and how it ended.
 *
 * The switch raises the alarm when good news stays away, so it also notices a host that is down, a
 * scheduler that was switched off and a program that was killed.  Whatever goes wrong here ends in
 * its alarm and never in its silence: a ping that did not arrive is told, and fails nothing.
 *
 * PING_HEALTHCHECKS: POST URL/start when the run begins; at its end POST URL after a good run, else
 * POST URL/STATUS; "rid" in the query pairs the two.  PING_PLAIN: GET URL after a good run alone.
 * A good run ended with STATUS_OK or STATUS_WARNINGS.
 *
 * Of the address, which is a credential, nothing is ever shown but scheme, host and port.
 */
#ifndef LSNCHAIN_ALERT_PING_H
#define LSNCHAIN_ALERT_PING_H

#include <glib.h>
#include <stdint.h>

typedef enum { PING_HEALTHCHECKS, PING_PLAIN } PingProtocol;

enum { PING_BODY_BYTES = 10000 }; /* what a switch keeps of a body at least */

typedef struct {
    const char *url;
    PingProtocol protocol;
    const char *run_id; /* a UUID, the same for start and end */
} Ping;

/* STATUS_CONFIG: with this address it cannot work.  Sends nothing. */
gboolean ping_check(const Ping *ping, GError **error);

/* One short try.  FALSE (STATUS_TRANSFER): it did not arrive, or was not recorded. */
gboolean ping_start(const Ping *ping, GError **error);

/* What all pings at the end of a run may take together; less once a signal came. */
int64_t ping_time_us(void);

/*
 * `status` is the program's exit status.  Of `body` valid UTF-8 without control characters is sent,
 * PING_BODY_BYTES at most.  A few tries; the time they took is taken off `left_us`.  FALSE as
 * above.
 */
gboolean ping_end(const Ping *ping, int status, const char *body, int64_t *left_us, GError **error);

#endif
