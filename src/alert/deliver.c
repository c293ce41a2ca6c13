/* SPDX-License-Identifier: MIT */
#include "alert/deliver.h"

#include "base/cancel.h"
#include "base/error.h"

#include <poll.h>
#include <unistd.h>

enum {
    DELIVER_TRIES = 3,
    DELIVER_ALL_S = 120,
    DELIVER_MOST_S = 60,
    DELIVER_HURRIED_ALL_S = 20,
    DELIVER_HURRIED_MOST_S = 10,
    DELIVER_EXTENDED_S = 10,
    DELIVER_TIMEOUT_S = 15, /* for one request, where the channel does not say */
    DELIVER_PAUSE_MS = 1000,
};

static int64_t all_us(void)
{
    return (cancel_signal() != 0 ? DELIVER_HURRIED_ALL_S : DELIVER_ALL_S) * G_USEC_PER_SEC;
}

int64_t deliver_extend(int64_t began_us)
{
    const int64_t extended_us = DELIVER_EXTENDED_S * G_USEC_PER_SEC;
    return MAX(began_us, g_get_monotonic_time() - (all_us() - extended_us));
}

DeliverBudget deliver_share(int64_t began_us, unsigned channels)
{
    const gboolean hurried = cancel_signal() != 0;
    const int64_t most_us = (hurried ? DELIVER_HURRIED_MOST_S : DELIVER_MOST_S) * G_USEC_PER_SEC;
    const int64_t left_us = MAX(all_us() - (g_get_monotonic_time() - began_us), 0);
    return (DeliverBudget){
        .left_us = MIN(left_us / MAX(channels, 1), most_us),
        .tries = hurried ? 1 : DELIVER_TRIES,
        .heed_signal = !hurried,
    };
}

gboolean deliver_check(const AlertChannel *channel, GError **error)
{
    const ChannelType *type = channel_type(channel->type);
    if (type == NULL)
        return fail(error, STATUS_CONFIG, "it has no known type");
    if (channel->ca_file != NULL && *channel->ca_file != '\0' && access(channel->ca_file, R_OK) < 0)
        return fail(error, STATUS_CONFIG, "its ca_file %s cannot be read", channel->ca_file);
    return type->check(channel, error);
}

/* Twice as long each time, and never the same for two hosts that failed together. */
static int64_t pause_ms(unsigned tried, const Outcome *outcome)
{
    if (outcome->retry_after_s > 0)
        return MIN(outcome->retry_after_s, G_MAXINT32) * 1000;
    return ((int64_t)DELIVER_PAUSE_MS << (tried - 1)) + g_random_int_range(0, DELIVER_PAUSE_MS / 2);
}

/* FALSE: it would last too long, or a signal came. */
static gboolean wait_ms(int64_t pause, const DeliverBudget *budget)
{
    if (pause * 1000 >= budget->left_us)
        return FALSE;
    struct pollfd signal = {.fd = budget->heed_signal ? cancel_fd() : -1, .events = POLLIN};
    (void)poll(&signal, 1, (int)pause);
    return !budget->heed_signal || cancel_signal() == 0;
}

void deliver_try(DeliverTryFn *attempt_once, void *data, int64_t limit_s, DeliverBudget *budget,
                 Outcome *outcome)
{
    const int64_t start = g_get_monotonic_time();
    DeliverBudget now = *budget;
    for (unsigned tried = 1; tried <= budget->tries; tried++) {
        const Attempt attempt = {
            .limit_ms = MAX(MIN(limit_s * 1000, now.left_us / 1000), 1),
            .heed_signal = budget->heed_signal,
        };
        outcome_clear(outcome);
        attempt_once(&attempt, outcome, data);
        now.left_us = budget->left_us - (g_get_monotonic_time() - start);
        if (outcome->verdict != DELIVERY_AGAIN || tried == budget->tries ||
            !wait_ms(pause_ms(tried, outcome), &now))
            break;
        now.left_us = budget->left_us - (g_get_monotonic_time() - start);
    }
    budget->left_us = MAX(budget->left_us - (g_get_monotonic_time() - start), 0);
}

typedef struct {
    const AlertChannel *channel;
    const Event *event;
} Letter;

static void send_letter(const Attempt *attempt, Outcome *outcome, void *data)
{
    const Letter *letter = data;
    channel_type(letter->channel->type)->send(letter->channel, letter->event, attempt, outcome);
}

Delivery deliver(const AlertChannel *channel, const Event *event, DeliverBudget *budget,
                 char **answer)
{
    Letter letter = {channel, event};
    g_auto(Outcome) outcome = {.verdict = DELIVERY_AGAIN};
    int64_t limit_s = channel->timeout_s > 0 ? channel->timeout_s : DELIVER_TIMEOUT_S;
    deliver_try(send_letter, &letter, limit_s, budget, &outcome);
    *answer = g_steal_pointer(&outcome.text);
    return outcome.verdict;
}
