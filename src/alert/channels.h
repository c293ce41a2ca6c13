/* SPDX-License-Identifier: MIT */
/*
 * channels: the ways out, one row for each type.
 *
 * A channel turns an event into a request (`prepare`) and says what an answer means (`judge`).
 * Sending, trying again and remembering are the same for all, in deliver.h.
 */
#ifndef LSNCHAIN_ALERT_CHANNELS_H
#define LSNCHAIN_ALERT_CHANNELS_H

#include "alert/event.h"
#include "alert/post.h"

/* One [alert NAME] section; what a type does not use is NULL or "". */
typedef struct {
    const char *name;
    const char *type;
    const char *url;      /* a secret: only post_place() of it is shown */
    const char *user;     /* smtp */
    const char *password; /* smtp; a secret */
    const char *from;     /* smtp: one address */
    const char *to;       /* smtp: addresses, separated by commas */
    const char *tls;      /* smtp: "required" (also NULL and "") or "none" */
    const char *ca_file;  /* PEM, instead of the system's */
    const char *secret;   /* webhook: one or two, separated by a space or a comma; a secret */
    int64_t timeout_s;    /* for one request; 0: 15 s */
} AlertChannel;

typedef enum {
    DELIVERY_DELIVERED,
    DELIVERY_AGAIN,   /* worth another try, now or in the next run */
    DELIVERY_REFUSED, /* this message; others may pass */
    DELIVERY_DOWN,    /* nothing will pass before somebody does something */
} Delivery;

typedef struct {
    const char *word; /* the value of `type` */
    const char *protocols;
    gboolean (*check)(const AlertChannel *channel, GError **error);
    void (*prepare)(Post *post, const AlertChannel *channel, const Event *event);
    /* `text` becomes a new string that says what was answered, without secrets. */
    Delivery (*judge)(const PostAnswer *answer, char **text);
} ChannelType;

/* NULL: there is no such type. */
const ChannelType *channel_type(const char *word);

/* What an answer means that never got as far as a status. */
Delivery channel_judge_transport(CURLcode code, char **text);

extern const ChannelType channel_smtp;
extern const ChannelType channel_webhook;

#endif
