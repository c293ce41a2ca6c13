/* SPDX-License-Identifier: MIT */
#include "alert/post.h"

#include "base/cancel.h"
#include "base/error.h"

#include <string.h>

enum { POST_ANSWER_LIMIT = 64 * 1024, POST_CONNECT_LIMIT_MS = 10000 };

static const char user_agent[] = "lsnchain/" LSNCHAIN_VERSION;

static void note(Post *post, CURLcode code)
{
    if (post->trouble == CURLE_OK)
        post->trouble = code;
}

void post_set(Post *post, CURLoption option, const char *value)
{
    note(post, curl_easy_setopt(post->curl, option, value));
}

void post_set_long(Post *post, CURLoption option, long value)
{
    note(post, curl_easy_setopt(post->curl, option, value));
}

/* One without end is cut. */
static size_t take_answer(char *data, size_t size, size_t count, void *user)
{
    Post *post = user;
    if (post->answer->len + size * count > POST_ANSWER_LIMIT) {
        post->answer_cut = TRUE;
        return 0;
    }
    g_string_append_len(post->answer, data, (gssize)(size * count));
    return size * count;
}

static int watch(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    const Post *post = user;
    return post->heed_signal && cancel_signal() != 0;
}

Post *post_new(const char *url, const char *protocols, const char *ca_file)
{
    Post *post = g_new0(Post, 1);
    post->curl = curl_easy_init();
    post->answer = g_string_new(NULL);
    if (post->curl == NULL)
        g_error("libcurl has no memory left");
    post_set(post, CURLOPT_URL, url);
    post_set(post, CURLOPT_PROTOCOLS_STR, protocols);
    post_set(post, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    post_set(post, CURLOPT_USERAGENT, user_agent);
    post_set(post, CURLOPT_PROXY, ""); /* else http_proxy and its like decide where alerts go */
    post_set_long(post, CURLOPT_FOLLOWLOCATION, 0);
    post_set_long(post, CURLOPT_NOSIGNAL, 1);
    post_set_long(post, CURLOPT_QUICK_EXIT, 1); /* else a resolver that hangs is waited for */
    post_set_long(post, CURLOPT_SSL_VERIFYPEER, 1);
    post_set_long(post, CURLOPT_SSL_VERIFYHOST, 2);
    post_set_long(post, CURLOPT_NOPROGRESS, 0);
    if (ca_file != NULL && *ca_file != '\0')
        post_set(post, CURLOPT_CAINFO, ca_file);
    note(post, curl_easy_setopt(post->curl, CURLOPT_WRITEFUNCTION, take_answer));
    note(post, curl_easy_setopt(post->curl, CURLOPT_WRITEDATA, post));
    note(post, curl_easy_setopt(post->curl, CURLOPT_XFERINFOFUNCTION, watch));
    note(post, curl_easy_setopt(post->curl, CURLOPT_XFERINFODATA, post));
    return post;
}

void post_free(Post *post)
{
    if (post == NULL)
        return;
    curl_easy_cleanup(post->curl);
    curl_mime_free(post->mime);
    curl_slist_free_all(post->headers);
    curl_slist_free_all(post->recipients);
    g_string_free(post->answer, TRUE);
    if (post->body != NULL)
        g_string_free(post->body, TRUE);
    g_free(post);
}

static void append(Post *post, struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer == NULL)
        note(post, CURLE_OUT_OF_MEMORY);
    else
        *list = longer;
}

void post_header(Post *post, const char *name, const char *value)
{
    g_autofree char *line = g_strdup_printf("%s: %s", name, value);
    append(post, &post->headers, line);
}

void post_recipient(Post *post, const char *address)
{
    append(post, &post->recipients, address);
}

PostAnswer post_send(Post *post, int64_t limit_ms)
{
    PostAnswer answer = {CURLE_OK, 0, 0};
    curl_off_t retry_after_s = 0;

    post_set_long(post, CURLOPT_TIMEOUT_MS, (long)limit_ms);
    post_set_long(post, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(limit_ms, POST_CONNECT_LIMIT_MS));
    /* the answer to QUIT is waited for beyond that, by itself for two minutes */
    post_set_long(post, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)((limit_ms + 999) / 1000));
    note(post, curl_easy_setopt(post->curl, CURLOPT_HTTPHEADER, post->headers));
    answer.code = post->trouble;
    if (answer.code != CURLE_OK)
        return answer;

    answer.code = curl_easy_perform(post->curl);
    (void)curl_easy_getinfo(post->curl, CURLINFO_RESPONSE_CODE, &answer.status);
    (void)curl_easy_getinfo(post->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    answer.retry_after_s = (int64_t)retry_after_s;
    if (answer.code == CURLE_WRITE_ERROR && post->answer_cut)
        answer.code = CURLE_OK; /* we had the status and hung up on the rest */
    return answer;
}

static char *url_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    (void)curl_url_get(url, part, &text, 0);
    char *copy = g_strdup(text);
    curl_free(text);
    return copy;
}

char *post_place(const char *url)
{
    CURLU *parsed = curl_url();
    char *place = NULL;
    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
        g_autofree char *scheme = url_part(parsed, CURLUPART_SCHEME);
        g_autofree char *host = url_part(parsed, CURLUPART_HOST);
        g_autofree char *port = url_part(parsed, CURLUPART_PORT);
        place = g_strdup_printf("%s://%s%s%s", scheme, host, port != NULL ? ":" : "",
                                port != NULL ? port : "");
    }
    curl_url_cleanup(parsed);
    return place != NULL ? place : g_strdup("a url that cannot be read");
}

gboolean post_check_url(const char *url, const char *const *schemes, GError **error)
{
    if (url == NULL || *url == '\0')
        return fail(error, STATUS_CONFIG, "it has no url");
    CURLU *parsed = curl_url();
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, 0);
    g_autofree char *scheme = code == CURLUE_OK ? url_part(parsed, CURLUPART_SCHEME) : NULL;
    curl_url_cleanup(parsed);

    g_autofree char *words = g_strjoinv(":// or ", (char **)schemes);
    if (code != CURLUE_OK)
        return fail(error, STATUS_CONFIG, "its url cannot be read (%s)" HINT("begin it with %s://"),
                    curl_url_strerror(code), words);
    if (!g_strv_contains(schemes, scheme))
        return fail(error, STATUS_CONFIG, "its url begins with %s://" HINT("begin it with %s://"),
                    scheme, words);
    return TRUE;
}
