/* SPDX-License-Identifier: MIT */
/*
 * channel_servicenow: an incident, by ServiceNow's Table API.
 *
 * The API knows no "create unless it is there": we look for the open incident of this trouble by
 * its correlation_id, then create one or add to it.  So a create whose answer was lost is found by
 * the next try.  ServiceNow leaves out a condition that it does not understand or whose field its
 * user may not read, and then answers with any incident; hence what it found must show that it is
 * what we asked for.
 */
#include "alert/http.h"
#include "alert/markup.h"

#include "base/error.h"

#include <string.h>

static const char table[] = "/api/now/table/incident";
static const char answered[] = "sysparm_fields=sys_id,number,correlation_id,active,state";
static const char resolved[] = "6"; /* a state; still "active" until somebody closes it */
static const char usual_close_code[] = "Solution provided";

enum {
    KEY_BYTES = 100, /* of correlation_id */
    SHORT_CHARACTERS = 160,
    LONG_CHARACTERS = 4000,
    SYS_ID_DIGITS = 32,
};

/* clang-format off */
/* How bad it is, from 1; ServiceNow computes the priority from both. */
static const struct {
    const char *urgency;
    const char *impact;
} weights[] = {
    [SEVERITY_CRITICAL] = {"1", "2"},
    [SEVERITY_WARNING]  = {"3", "3"},
    [SEVERITY_RECOVERY] = {"3", "3"},
};
/* clang-format on */

/* ---- the configuration ----------------------------------------------------------------------- */

/* With another value in these we would not find our own incidents again, or say something else. */
static const char *const own_fields[] = {
    "active", "correlation_display", "correlation_id", "description", "incident_state",
    "number", "short_description",   "state",          "sys_id",      "work_notes",
    NULL};

/* Those that an end needs; all others are for a new incident. */
static const char *const closing_fields[] = {"close_code", "close_notes", NULL};

static gboolean is_field_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= 80 && strspn(name, G_CSET_a_2_z G_CSET_DIGITS "_") == length &&
           !g_ascii_isdigit(*name);
}

static gboolean read_field(char *pair, json_t *fields)
{
    g_auto(GStrv) halves = g_strsplit(pair, "=", 2);
    if (g_strv_length(halves) < 2)
        return FALSE;
    const char *name = g_strstrip(halves[0]);
    const char *value = g_strstrip(halves[1]);
    return is_field_name(name) && *value != '\0' && !g_strv_contains(own_fields, name) &&
           json_object_set_new(fields, name, json_string(value)) == 0;
}

/* From NAME=VALUE, separated by commas; NULL: one is none.  json_decref() it. */
static json_t *read_fields(const char *text)
{
    json_auto_t *fields = json_object();
    g_auto(GStrv) pairs = g_strsplit(text != NULL ? text : "", ",", -1);
    for (char **pair = pairs; *pair != NULL; pair++) {
        if (!read_field(*pair, fields))
            return NULL;
    }
    return json_incref(fields);
}

static gboolean check_login(const AlertChannel *channel, GError **error)
{
    gboolean given = channel->user != NULL && *channel->user != '\0' && channel->password != NULL &&
                     *channel->password != '\0';
    if (!given)
        return fail(error, STATUS_CONFIG, "it needs user and password");
    return strchr(channel->user, ':') == NULL ||
           fail(error, STATUS_CONFIG, "its user holds a ':', which cannot be sent");
}

static gboolean check(const AlertChannel *channel, GError **error)
{
    static const char *const schemes[] = {"https", NULL}; /* it carries a password */
    if (!post_check_url(channel->url, schemes, error) || !check_login(channel, error))
        return FALSE;
    if (strpbrk(channel->url, "?#@") != NULL)
        return fail(error, STATUS_CONFIG,
                    "its url holds more than an address" HINT(
                        "write https://INSTANCE.service-now.com, user and password as own keys"));
    json_auto_t *fields = read_fields(channel->fields);
    return fields != NULL ||
           fail(error, STATUS_CONFIG,
                "its fields cannot be read" HINT("write NAME=VALUE with commas between, without "
                                                 "those that lsnchain fills: see "
                                                 "docs/alerts/servicenow.md"));
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* A '^' would begin another condition; a longer key would be cut when it is stored. */
static char *make_key(const char *incident)
{
    size_t length = strlen(incident);
    if (length <= KEY_BYTES &&
        strspn(incident, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "/._-") == length)
        return g_strdup(incident);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, incident, -1);
    return g_strconcat("lsnchain/", digest, NULL);
}

/* Indented, so that no line of a value can pass for one of ours. */
static void add_field(const char *title, const char *value, gboolean lines, void *data)
{
    GString *text = data;
    g_autoptr(GString) indented = g_string_new(value);
    g_string_replace(indented, "\n", "\n    ", 0);
    g_string_append_printf(text, "%s:%s%s\n", title, lines ? "\n    " : " ", indented->str);
}

static json_t *long_text(const Event *event)
{
    g_autoptr(GString) text = g_string_new(event->summary);
    g_string_append(text, "\n\n");
    event_fields(event, add_field, text);
    g_autofree char *safe = markup_servicenow(text->str, LONG_CHARACTERS);
    return json_string(safe);
}

static json_t *new_incident(const Event *event, const char *key, json_t *fields)
{
    g_autofree char *about =
        g_strdup_printf("lsnchain %s%s%s: %s", severity_word(event->severity),
                        *event->instance != '\0' ? " " : "", event->instance, event->summary);
    g_autofree char *safe = markup_servicenow(about, SHORT_CHARACTERS);
    /* clang-format off */
    json_t *body = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s}",
                             "short_description", safe,
                             "description", long_text(event),
                             "urgency", weights[event->severity].urgency,
                             "impact", weights[event->severity].impact,
                             "correlation_id", key,
                             "correlation_display", "lsnchain");
    /* clang-format on */
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(fields, name, value)
    {
        if (!g_strv_contains(closing_fields, name))
            (void)json_object_set(body, name, value);
    }
    return body;
}

static json_t *note(const Event *event)
{
    return json_pack("{s:o}", "work_notes", long_text(event));
}

static json_t *resolution(const Event *event, const json_t *fields)
{
    json_t *body = json_pack("{s:s, s:s, s:o}", "state", resolved, "close_code", usual_close_code,
                             "close_notes", long_text(event));
    for (const char *const *name = closing_fields; *name != NULL; name++) {
        json_t *given = json_object_get(fields, *name);
        if (given != NULL)
            (void)json_object_set(body, *name, given);
    }
    return body;
}

/* ---- the talk -------------------------------------------------------------------------------- */

typedef struct {
    const AlertChannel *channel;
    const Attempt *attempt;
    int64_t until_us; /* for all requests of a try */
    const char *key;
    Outcome *outcome;
} Talk;

static void say(Talk *talk, Delivery verdict, char *text)
{
    g_free(talk->outcome->text);
    talk->outcome->verdict = verdict;
    talk->outcome->text = text;
}

static char *make_url(const Talk *talk, const char *tail)
{
    g_autofree char *base = g_strdup(talk->channel->url);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        base[--length] = '\0';
    return g_strconcat(base, table, tail, NULL);
}

/* What "result" holds; NULL, with the outcome set: the status is not `wanted`, or there is none. */
static json_t *ask(Talk *talk, const char *method, const char *tail, const json_t *body,
                   long wanted)
{
    g_autofree char *url = make_url(talk, tail);
    g_autoptr(Post) post = http_request(talk->channel, url, body);
    http_method(post, method);
    post_header(post, "Accept", "application/json");
    post_set(post, CURLOPT_USERNAME, talk->channel->user);
    post_set(post, CURLOPT_PASSWORD, talk->channel->password);

    const int64_t left_us = talk->until_us - g_get_monotonic_time();
    const Attempt rest = {MAX(left_us / 1000, 1), talk->attempt->heed_signal};
    outcome_clear(talk->outcome);
    if (!http_send(post, &rest, talk->outcome))
        return NULL;
    json_auto_t *answer =
        json_loadb(post->answer->str, post->answer->len, JSON_REJECT_DUPLICATES, NULL);
    json_t *result = json_object_get(answer, "result");
    if (http_status(post) == wanted && result != NULL)
        return json_incref(result);
    /* what was written all the same is found by the next try */
    say(talk, body == NULL ? DELIVERY_DOWN : DELIVERY_AGAIN,
        g_strdup_printf("HTTP status %ld, but no answer of ServiceNow's Table API",
                        http_status(post)));
    return NULL;
}

/* "" where it is absent or no string. */
static const char *text_in(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));
    return text != NULL ? text : "";
}

static gboolean has_sys_id(const json_t *record)
{
    const char *id = text_in(record, "sys_id");
    return strlen(id) == SYS_ID_DIGITS && strspn(id, "0123456789abcdefABCDEF") == SYS_ID_DIGITS;
}

/* INC0010001, for people; what looks otherwise is not repeated. */
static const char *shown_number(const json_t *record)
{
    const char *number = text_in(record, "number");
    size_t length = strspn(number, G_CSET_A_2_Z G_CSET_DIGITS);
    return length > 0 && length <= 40 && number[length] == '\0' ? number : "an incident";
}

static gboolean is_what_we_asked_for(const Talk *talk, const json_t *record)
{
    return has_sys_id(record) && g_str_equal(text_in(record, "correlation_id"), talk->key) &&
           g_str_equal(text_in(record, "active"), "true") &&
           !g_str_equal(text_in(record, "state"), resolved);
}

/* FALSE: the outcome is set.  `record`: the open incident, or NULL.  json_decref() it. */
static gboolean find(Talk *talk, json_t **record)
{
    g_autofree char *query = g_strdup_printf(
        "correlation_id=%s^active=true^state!=%s^ORDERBYDESCsys_created_on", talk->key, resolved);
    g_autofree char *escaped = g_uri_escape_string(query, NULL, FALSE);
    g_autofree char *tail =
        g_strdup_printf("?sysparm_query=%s&%s&sysparm_limit=1", escaped, answered);
    json_auto_t *found = ask(talk, "GET", tail, NULL, 200);
    if (found == NULL)
        return FALSE;
    *record = json_incref(json_array_get(found, 0));
    if (json_is_array(found) && (*record == NULL || is_what_we_asked_for(talk, *record)))
        return TRUE;
    g_clear_pointer(record, json_decref);
    say(talk, DELIVERY_DOWN,
        g_strdup("it answers with an incident that was not asked for: may its user read "
                 "correlation_id, active and state?"));
    return FALSE;
}

static void create(Talk *talk, json_t *body)
{
    g_autofree char *tail = g_strconcat("?", answered, NULL);
    json_auto_t *record = ask(talk, "POST", tail, body, 201);
    if (record == NULL)
        return;
    if (has_sys_id(record) && g_str_equal(text_in(record, "correlation_id"), talk->key))
        say(talk, DELIVERY_DELIVERED, g_strdup_printf("%s created", shown_number(record)));
    else
        say(talk, DELIVERY_DOWN,
            g_strdup("what it created does not show our correlation_id: may its user write and "
                     "read that?"));
}

/* `state`: the one that must stand there then; NULL: any. */
static void change(Talk *talk, const json_t *record, json_t *body, const char *state)
{
    const char *id = text_in(record, "sys_id");
    g_autofree char *tail = g_strdup_printf("/%s?%s", id, answered);
    json_auto_t *now = ask(talk, "PATCH", tail, body, 200);
    if (now == NULL)
        return;
    if (!g_str_equal(text_in(now, "sys_id"), id))
        say(talk, DELIVERY_AGAIN, g_strdup("it changed another incident than it was asked to"));
    else if (state != NULL && !g_str_equal(text_in(now, "state"), state))
        say(talk, DELIVERY_REFUSED,
            g_strdup_printf("%s was not resolved: what does this ServiceNow demand for it?",
                            shown_number(now)));
    else
        say(talk, DELIVERY_DELIVERED,
            g_strdup_printf("%s %s", shown_number(now), state != NULL ? "resolved" : "added to"));
}

static void tell(Talk *talk, const Event *event)
{
    json_auto_t *record = NULL;
    if (!find(talk, &record))
        return;
    json_auto_t *fields = read_fields(talk->channel->fields);
    gboolean ended = event->severity == SEVERITY_RECOVERY;
    json_auto_t *body = ended            ? resolution(event, fields)
                        : record != NULL ? note(event)
                                         : new_incident(event, talk->key, fields);
    if (record != NULL)
        change(talk, record, body, ended ? resolved : NULL);
    else if (ended)
        say(talk, DELIVERY_DELIVERED, g_strdup("no open incident, nothing to resolve"));
    else
        create(talk, body);
}

static void send_event(const AlertChannel *channel, const Event *event, const Attempt *attempt,
                       Outcome *outcome)
{
    g_autofree char *key = make_key(event->incident);
    Talk talk = {
        .channel = channel,
        .attempt = attempt,
        .until_us = g_get_monotonic_time() + attempt->limit_ms * 1000,
        .key = key,
        .outcome = outcome,
    };
    tell(&talk, event);
}

const ChannelType channel_servicenow = {"servicenow", check, send_event};
