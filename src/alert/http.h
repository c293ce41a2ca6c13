/* SPDX-License-Identifier: MIT */
/*
 * http: what all channels that speak HTTP have in common: a JSON request, and what a status means.
 *
 * Delivered is 2xx alone.  Worth another try: network errors, 408, 429 and 5xx; Retry-After is told
 * on.  401, 403, 404, 410 and redirects (never followed) need a person; any other 4xx is about this
 * one message.
 */
#ifndef LSNCHAIN_ALERT_HTTP_H
#define LSNCHAIN_ALERT_HTTP_H

#include "alert/channels.h"
#include "alert/post.h"

/* For a channel's check: its url is one of https:// or http://. */
gboolean http_check(const AlertChannel *channel, GError **error);

/*
 * A POST of `body` as application/json to `url`, with the channel's ca_file; NULL: a GET.  Headers
 * and a login may be added.  post_free() it.
 */
Post *http_request(const AlertChannel *channel, const char *url, const json_t *body);
/* The same, for a body that is text already. */
Post *http_request_text(const AlertChannel *channel, const char *url, const char *body);
/* Another method than POST, with the same body. */
void http_method(Post *post, const char *method);

/*
 * Sends it; TRUE: delivered.  `outcome` holds the verdict and "HTTP status 204"; post->answer holds
 * what came back.
 */
gboolean http_send(Post *post, const Attempt *attempt, Outcome *outcome);
/* The status of what was sent; 0: none came. */
long http_status(const Post *post);
/* What a status means, as above. */
Delivery http_verdict(long status);

#endif
