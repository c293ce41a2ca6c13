/* SPDX-License-Identifier: MIT */
#include "alert/ping.h"

#include "alert/deliver.h"
#include "alert/http.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum {
    PING_TRIES = 3,
    PING_TRY_S = 5, /* so that three fit, even where nobody answers */
    PING_END_S = 20,
    PING_HURRIED_S = 5, /* once a signal came: with one try */
    EXIT_STATUS_MOST = 255,
};

/* ---- the address ------------------------------------------------------------------------------
 */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CURLU, curl_url_cleanup)

/* The path without a slash at its end.  Free it. */
static char *path_of(CURLU *url)
{
    char *path = NULL;
    (void)curl_url_get(url, CURLUPART_PATH, &path, 0);
    char *copy = g_strdup(path != NULL ? path : "");
    curl_free(path);
    while (g_str_has_suffix(copy, "/"))
        copy[strlen(copy) - 1] = '\0';
    return copy;
}

static gboolean set_part(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
    return curl_url_set(url, part, text, flags) == CURLUE_OK;
}

/*
 * Where to: of the healthchecks protocol with `suffix` behind the path and the run's id in the
 * query.  NULL: the address cannot be read.
 */
static char *address(const Ping *ping, const char *suffix)
{
    g_autoptr(CURLU) url = curl_url();
    if (!set_part(url, CURLUPART_URL, ping->url, 0))
        return NULL;
    if (ping->protocol == PING_PLAIN)
        return g_strdup(ping->url);
    g_autofree char *own = path_of(url);
    g_autofree char *path = g_strconcat(own, suffix, NULL);
    g_autofree char *query = g_strconcat("rid=", ping->run_id, NULL);
    if (!set_part(url, CURLUPART_PATH, path, 0) ||
        !set_part(url, CURLUPART_QUERY, query, CURLU_APPENDQUERY))
        return NULL;
    char *text = NULL;
    (void)curl_url_get(url, CURLUPART_URL, &text, 0);
    char *copy = g_strdup(text);
    curl_free(text);
    return copy;
}

gboolean ping_check(const Ping *ping, GError **error)
{
    static const char *const schemes[] = {"https", "http", NULL};
    static const char *const ours[] = {"/start", "/fail", "/log"};
    if (!post_check_url(ping->url, schemes, error))
        return FALSE;
    if (ping->protocol == PING_PLAIN)
        return TRUE;
    g_autoptr(CURLU) url = curl_url();
    (void)curl_url_set(url, CURLUPART_URL, ping->url, 0);
    g_autofree char *path = path_of(url);
    if (*path == '\0')
        return fail(error, STATUS_CONFIG,
                    "its url names no check" HINT("copy the whole ping url of the check; or set "
                                                  "ping = plain"));
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        if (g_str_has_suffix(path, ours[i]))
            return fail(error, STATUS_CONFIG,
                        "its url ends with %s" HINT("leave %s out: lsnchain adds it"), ours[i],
                        ours[i]);
    }
    return TRUE;
}

/* ---- one try --------------------------------------------------------------------------------- */

/* Control characters, broken UTF-8 and what is too long are no news.  Free it. */
static char *harmless(const char *body)
{
    char *text = log_printable(body);
    if (strlen(text) > PING_BODY_BYTES)
        *g_utf8_find_prev_char(text, text + PING_BODY_BYTES + 1) = '\0';
    return text;
}

static void add_body(Post *post, const char *body)
{
    g_autofree char *text = harmless(body);
    post->body = g_string_new(text);
    post_set_long(post, CURLOPT_POST, 1);
    post_set(post, CURLOPT_POSTFIELDS, post->body->str);
    post_set_long(post, CURLOPT_POSTFIELDSIZE, (long)post->body->len);
    post_header(post, "Content-Type", "text/plain; charset=utf-8");
}

/* Of a check's UUID this protocol says 200 in any case, and means it only when it adds nothing. */
static void judge_words(const Post *post, Outcome *outcome)
{
    static const struct {
        const char *answer;
        Delivery verdict;
        const char *text;
    } words[] = {
        {"OK (not found)", DELIVERY_DOWN, "it knows no check of this url"},
        {"OK (rate limited)", DELIVERY_AGAIN, "it takes no more pings of this check for a while"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (post->answer == NULL || !g_str_has_prefix(post->answer->str, words[i].answer))
            continue;
        outcome->verdict = words[i].verdict;
        g_free(outcome->text);
        outcome->text = g_strdup(words[i].text);
    }
}

typedef struct {
    const Ping *ping;
    const char *url;
    const char *body;
} Call;

static void call_once(const Attempt *attempt, Outcome *outcome, void *data)
{
    const Call *call = data;
    const gboolean speaks = call->ping->protocol == PING_HEALTHCHECKS;
    g_autoptr(Post) post = post_new(call->url, "http,https", NULL);
    if (speaks)
        add_body(post, call->body);
    if (http_send(post, attempt, outcome) && speaks)
        judge_words(post, outcome);
}

static gboolean lost(const Ping *ping, const char *why, GError **error)
{
    g_autofree char *place = post_place(ping->url);
    return fail(error, STATUS_TRANSFER, "the dead man's switch at %s: %s", place, why);
}

/* ---- start and end ----------------------------------------------------------------------------
 */

gboolean ping_start(const Ping *ping, GError **error)
{
    if (ping->protocol == PING_PLAIN)
        return TRUE;
    const Attempt attempt = {.limit_ms = PING_TRY_S * 1000, .heed_signal = TRUE};
    g_auto(Outcome) outcome = {0};
    g_autofree char *url = address(ping, "/start");
    if (url == NULL)
        return lost(ping, "its url cannot be read", error);
    Call call = {ping, url, ""};
    call_once(&attempt, &outcome, &call);
    return outcome.verdict == DELIVERY_DELIVERED || lost(ping, outcome.text, error);
}

int64_t ping_time_us(void)
{
    return (cancel_signal() != 0 ? PING_HURRIED_S : PING_END_S) * (int64_t)G_USEC_PER_SEC;
}

/* After a signal a second one may come at any time: what is said is said at once. */
static DeliverBudget budget_of(int64_t left_us)
{
    const gboolean hurried = cancel_signal() != 0;
    return (DeliverBudget){
        .left_us = left_us,
        .tries = hurried ? 1 : PING_TRIES,
        .heed_signal = !hurried,
    };
}

static char *suffix_of(int status)
{
    if (status_is_success(status))
        return g_strdup("");
    if (status < 0 || status > EXIT_STATUS_MOST)
        return g_strdup("/fail");
    return g_strdup_printf("/%d", status);
}

gboolean ping_end(const Ping *ping, int status, const char *body, int64_t *left_us, GError **error)
{
    if (ping->protocol == PING_PLAIN && !status_is_success(status))
        return TRUE;
    if (*left_us <= 0)
        return lost(ping, "the time for it was used up", error);
    g_autofree char *suffix = suffix_of(status);
    g_autofree char *url = address(ping, suffix);
    if (url == NULL)
        return lost(ping, "its url cannot be read", error);
    Call call = {ping, url, body};
    DeliverBudget budget = budget_of(*left_us);
    g_auto(Outcome) outcome = {0};
    deliver_try(call_once, &call, PING_TRY_S, &budget, &outcome);
    *left_us = budget.left_us;
    return outcome.verdict == DELIVERY_DELIVERED || lost(ping, outcome.text, error);
}
