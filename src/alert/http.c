/* SPDX-License-Identifier: MIT */
#include "alert/http.h"

static const char protocols[] = "http,https";

gboolean http_check(const AlertChannel *channel, GError **error)
{
    static const char *const schemes[] = {"https", "http", NULL};
    return post_check_url(channel->url, schemes, error);
}

Post *http_request_text(const AlertChannel *channel, const char *url, const char *body)
{
    Post *post = post_new(url, protocols, channel->ca_file);
    if (body == NULL)
        return post;
    post->body = g_string_new(body);
    post_set_long(post, CURLOPT_POST, 1);
    post_set(post, CURLOPT_POSTFIELDS, post->body->str);
    post_set_long(post, CURLOPT_POSTFIELDSIZE, (long)post->body->len);
    post_header(post, "Content-Type", "application/json");
    return post;
}

Post *http_request(const AlertChannel *channel, const char *url, const json_t *body)
{
    g_autofree char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    return http_request_text(channel, url, text);
}

void http_method(Post *post, const char *method)
{
    post_set(post, CURLOPT_CUSTOMREQUEST, method);
}

static const char *meaning(long status)
{
    if (status == 401 || status == 403)
        return ": it does not know us, look at url, user and keys";
    if (status == 404)
        return ": there is nothing at this url";
    if (status == 410)
        return ": gone for good, change its url";
    return status >= 300 && status <= 399 ? ": a redirect, give the final url" : "";
}

Delivery http_verdict(long status)
{
    if (status >= 200 && status <= 299)
        return DELIVERY_DELIVERED;
    if (status == 408 || status == 429 || status >= 500)
        return DELIVERY_AGAIN;
    if (status < 400 || status == 401 || status == 403 || status == 404 || status == 410)
        return DELIVERY_DOWN;
    return DELIVERY_REFUSED;
}

gboolean http_send(Post *post, const Attempt *attempt, Outcome *outcome)
{
    post->heed_signal = attempt->heed_signal;
    const PostAnswer answer = post_send(post, attempt->limit_ms);
    if (answer.code != CURLE_OK) {
        channel_judge_transport(answer.code, outcome);
        if (answer.code == CURLE_UNSUPPORTED_PROTOCOL) { /* libcurl's word for it misleads */
            g_free(outcome->text);
            outcome->text = g_strdup("what answers there does not speak HTTP");
        }
        return FALSE;
    }
    outcome->verdict = http_verdict(answer.status);
    outcome->retry_after_s = answer.retry_after_s;
    outcome->text = g_strdup_printf("HTTP status %ld%s", answer.status, meaning(answer.status));
    return outcome->verdict == DELIVERY_DELIVERED;
}

long http_status(const Post *post)
{
    long status = 0;
    (void)curl_easy_getinfo(post->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
