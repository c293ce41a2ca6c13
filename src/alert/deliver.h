/* SPDX-License-Identifier: MIT */
/* deliver: a few tries in a limited time, for one event to one channel and for a ping. */
#ifndef LSNCHAIN_ALERT_DELIVER_H
#define LSNCHAIN_ALERT_DELIVER_H

#include "alert/channels.h"

/* What a channel may still use in this run. */
typedef struct {
    int64_t left_us;
    unsigned tries;       /* for one event */
    gboolean heed_signal; /* stop when a signal comes */
} DeliverBudget;

/*
 * The share of a channel when `channels` still have something to get, in a round that began at
 * `began_us` (monotonic): all together 120 s, each 60 s.  Much less when a signal ends the run.
 */
DeliverBudget deliver_share(int64_t began_us, unsigned channels);
/* When a round must have begun for 10 s to be left, at least. */
int64_t deliver_extend(int64_t began_us);

/* STATUS_CONFIG, not naming the channel: what it was given cannot work. */
gboolean deliver_check(const AlertChannel *channel, GError **error);

/*
 * Tries until it is not DELIVERY_AGAIN, or tries or time are used up; `limit_s` is for each try.
 * Between two tries it waits twice as long each time, with some chance in it, or as long as
 * `retry_after_s` asks for.  `outcome` is that of the last try.
 */
typedef void DeliverTryFn(const Attempt *attempt, Outcome *outcome, void *data);
void deliver_try(DeliverTryFn *attempt_once, void *data, int64_t limit_s, DeliverBudget *budget,
                 Outcome *outcome);

/*
 * Never DELIVERY_AGAIN without having used up tries or time.  `answer` becomes a new string without
 * secrets.  The channel has passed its check.
 */
Delivery deliver(const AlertChannel *channel, const Event *event, DeliverBudget *budget,
                 char **answer);

#endif
