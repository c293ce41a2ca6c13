/* SPDX-License-Identifier: MIT */
/*
 * round: all that waits in the spool to all its channels, once.  The door is alert.h.
 *
 * Channel after channel, so that one that hangs takes no more than its share of the time, and each
 * oldest first.  A channel that wants to be tried again, or is down, is left alone from then on: so
 * what it gets later stays in order.
 */
#ifndef LSNCHAIN_ALERT_ROUND_H
#define LSNCHAIN_ALERT_ROUND_H

#include "alert/alert.h"

/* `watch` may be NULL. */
gboolean round_deliver(Spool *spool, const AlertSetup *setup, const AlertWatch *watch,
                       AlertReport *report, GError **error);

/* See alert_deliver_unkept(). */
void round_deliver_unkept(GPtrArray *unkept, const AlertSetup *setup);

/* A notice that nobody is routed for it. */
void round_tell_nobody(const Event *event);

#endif
