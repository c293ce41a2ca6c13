/* SPDX-License-Identifier: MIT */
#include "alert/channels.h"

/* clang-format off */
static const ChannelType *const types[] = {
    &channel_smtp,
    &channel_webhook,
    &channel_slack,
    &channel_teams,
    &channel_pagerduty,
    &channel_alertmanager,
    &channel_servicenow,
    &channel_command,
    &channel_syslog,
};
/* clang-format on */

const ChannelType *channel_type(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_strcmp0(types[i]->word, word) == 0)
            return types[i];
    }
    return NULL;
}

/* Troubles of the network pass by themselves; everything else waits for a person. */
static const CURLcode passing[] = {
    CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
    CURLE_OPERATION_TIMEDOUT,   CURLE_SSL_CONNECT_ERROR,
    CURLE_SEND_ERROR,           CURLE_RECV_ERROR,
    CURLE_GOT_NOTHING,          CURLE_PARTIAL_FILE,
    CURLE_WEIRD_SERVER_REPLY,   CURLE_HTTP2,
    CURLE_HTTP2_STREAM,         CURLE_ABORTED_BY_CALLBACK,
};

void channel_judge_transport(CURLcode code, Outcome *outcome)
{
    /* never libcurl's longer message: it may repeat parts of the url */
    outcome->text = g_strdup(code == CURLE_ABORTED_BY_CALLBACK ? "a signal cut it short"
                                                               : curl_easy_strerror(code));
    outcome->verdict = DELIVERY_DOWN;
    for (size_t i = 0; i < G_N_ELEMENTS(passing); i++) {
        if (passing[i] == code)
            outcome->verdict = DELIVERY_AGAIN;
    }
}

void outcome_clear(Outcome *outcome)
{
    g_clear_pointer(&outcome->text, g_free);
    *outcome = (Outcome){0};
}
