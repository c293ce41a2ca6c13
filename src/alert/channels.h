/* SPDX-License-Identifier: MIT */
/*
 * channels: the ways out, one row for each type.
 *
 * A channel makes one try to hand an event over, and says what became of it.  Trying again and
 * remembering are the same for all, in deliver.h.
 */
#ifndef LSNCHAIN_ALERT_CHANNELS_H
#define LSNCHAIN_ALERT_CHANNELS_H

#include "alert/event.h"

#include <curl/curl.h>

/* One [alert NAME] section; what a type does not use is NULL or "". */
typedef struct {
    const char *name;
    const char *type;
    const char *url;         /* a secret: only post_place() of it is shown */
    const char *user;        /* smtp, servicenow */
    const char *password;    /* smtp, servicenow; a secret */
    const char *from;        /* smtp: one address */
    const char *to;          /* smtp: addresses, separated by commas */
    const char *tls;         /* smtp: "required" (also NULL and "") or "none" */
    const char *ca_file;     /* PEM, instead of the system's */
    const char *secret;      /* webhook: one or two, separated by a space or a comma; a secret */
    const char *body_file;   /* webhook: a template of the body instead of ours */
    const char *routing_key; /* pagerduty; a secret */
    const char *fields;      /* servicenow: NAME=VALUE, separated by commas */
    const char *command;     /* command: program and arguments, split as a shell would */
    const char *socket;      /* syslog: NULL and "" are /dev/log */
    int64_t timeout_s;       /* for one try; 0: 15 s */
} AlertChannel;

typedef enum {
    DELIVERY_DELIVERED,
    DELIVERY_AGAIN,   /* worth another try, now or in the next run */
    DELIVERY_REFUSED, /* this message; others may pass */
    DELIVERY_DOWN,    /* nothing will pass before somebody does something */
} Delivery;

/* What one try may use. */
typedef struct {
    int64_t limit_ms;     /* at least 1 */
    gboolean heed_signal; /* a signal cuts it short */
} Attempt;

/* What became of it. */
typedef struct {
    Delivery verdict;
    char *text;            /* what was answered, without secrets */
    int64_t retry_after_s; /* with DELIVERY_AGAIN; 0: the receiver did not say */
} Outcome;

void outcome_clear(Outcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

typedef struct {
    const char *word; /* the value of `type` */
    /* STATUS_CONFIG: with these keys it cannot work.  Nothing is sent. */
    gboolean (*check)(const AlertChannel *channel, GError **error);
    /* `outcome` comes zeroed; the channel has passed its check. */
    void (*send)(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                 Outcome *outcome);
} ChannelType;

/* NULL: there is no such type. */
const ChannelType *channel_type(const char *word);

/* What an answer means that never got as far as a status. */
void channel_judge_transport(CURLcode code, Outcome *outcome);

extern const ChannelType channel_pagerduty;
extern const ChannelType channel_slack;
extern const ChannelType channel_smtp;
extern const ChannelType channel_teams;
extern const ChannelType channel_webhook;
extern const ChannelType channel_syslog;
extern const ChannelType channel_command;
extern const ChannelType channel_alertmanager;
extern const ChannelType channel_servicenow;

#endif
