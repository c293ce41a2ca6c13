/* SPDX-License-Identifier: MIT */
/*
 * post: one request to a channel through libcurl, and its answer.
 *
 * What every request has: only the protocols of its channel, no redirect, no proxy from the
 * environment, no signals, limits for connecting and for all, TLS that is verified, an answer of
 * which at most 64 KiB are taken.  An option that libcurl refuses is remembered
 * and fails the sending; no request goes out with less than was asked for.
 */
#ifndef LSNCHAIN_ALERT_POST_H
#define LSNCHAIN_ALERT_POST_H

#include <curl/curl.h>
#include <glib.h>
#include <stdint.h>

typedef struct {
    CURL *curl;
    struct curl_slist *headers;
    struct curl_slist *recipients;
    curl_mime *mime;
    GString *body;        /* the exact bytes of an HTTP request */
    CURLcode trouble;     /* the first option that was refused */
    gboolean heed_signal; /* a signal cuts it short */
    GString *answer;      /* what came back; never shown whole: it may repeat what we sent */
    gboolean answer_cut;
} Post;

/* A url given here must have passed post_check_url(); `protocols` as in CURLOPT_PROTOCOLS_STR;
 * `ca_file` NULL or "": the system's. */
Post *post_new(const char *url, const char *protocols, const char *ca_file);
void post_free(Post *post);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Post, post_free)

void post_set(Post *post, CURLoption option, const char *value);
void post_set_long(Post *post, CURLoption option, long value);
/* The caller made sure that `value` holds no line break but a folding one. */
void post_header(Post *post, const char *name, const char *value);
void post_recipient(Post *post, const char *address);

typedef struct {
    CURLcode code;
    long status; /* HTTP status or SMTP code; 0: none came */
    int64_t retry_after_s;
} PostAnswer;

PostAnswer post_send(Post *post, int64_t limit_ms);

/* Scheme, host and port of a URL: all that may be shown of it.  Free it. */
char *post_place(const char *url);

/*
 * STATUS_CONFIG unless the URL can be read and has one of `schemes`.  Nothing of it is repeated but
 * what post_place() gives.
 */
gboolean post_check_url(const char *url, const char *const *schemes, GError **error);

#endif
