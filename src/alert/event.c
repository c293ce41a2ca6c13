/* SPDX-License-Identifier: MIT */
#include "alert/event.h"

#include "base/clock.h"

#include <string.h>

static const struct {
    const char *word;
    Severity severity;
    EventType ended_by;
} kinds[] = {
#define X(name, word, severity, ended_by) {word, SEVERITY_##severity, EVENT_##ended_by},
    EVENTS(X)
#undef X
};

static const char *const severity_words[] = {"critical", "warning", "recovery"};

const char *event_word(EventType type)
{
    return kinds[type].word;
}

gboolean event_from_word(const char *word, EventType *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_equal(kinds[i].word, word)) {
            *type = (EventType)i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *severity_word(Severity severity)
{
    return severity_words[severity];
}

Severity event_severity(EventType type)
{
    return kinds[type].severity;
}

static gboolean severity_from_word(const char *word, Severity *severity)
{
    for (size_t i = 0; i < G_N_ELEMENTS(severity_words); i++) {
        if (g_str_equal(severity_words[i], word)) {
            *severity = (Severity)i;
            return TRUE;
        }
    }
    return FALSE;
}

EventType event_ended_by(EventType type)
{
    return kinds[type].ended_by;
}

gboolean event_opens(EventType type)
{
    return kinds[type].ended_by != type;
}

char *event_incident(EventType type, const char *instance, const char *part)
{
    EventType opening = type;
    for (EventType i = 0; i < EVENT_TYPES && kinds[type].severity == SEVERITY_RECOVERY; i++) {
        if (event_opens(i) && kinds[i].ended_by == type) {
            opening = i;
            break;
        }
    }
    GString *key = g_string_new("lsnchain");
    if (instance != NULL && *instance != '\0')
        g_string_append_printf(key, "/%s", instance);
    g_string_append_printf(key, "/%s", event_word(opening));
    if (part != NULL && *part != '\0')
        g_string_append_printf(key, "/%s", part);
    return g_string_free(key, FALSE);
}

/* Characters that are not seen, or that change how their neighbours are shown. */
static gboolean invisible(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT ||
           type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR ||
           type == G_UNICODE_SURROGATE;
}

/* Valid, visible text; a break of line is kept as "\n" or becomes a space. */
static GString *clean(const char *text, gboolean keep_lines)
{
    g_autofree char *valid = g_utf8_make_valid(text != NULL ? text : "", -1);
    GString *out = g_string_sized_new(strlen(valid));
    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c == '\r' && p[1] == '\n')
            continue;
        if (c == '\n')
            g_string_append_c(out, keep_lines ? '\n' : ' ');
        else if (c == '\t')
            g_string_append_c(out, ' ');
        else
            g_string_append_unichar(out, invisible(c) ? '?' : c);
    }
    return out;
}

static char *clean_line(const char *text, glong characters)
{
    static const char cut_mark[] = "…";
    g_autoptr(GString) line = clean(text, FALSE);
    if (g_utf8_strlen(line->str, -1) > characters) {
        char *end = g_utf8_offset_to_pointer(line->str, characters - 1);
        g_string_truncate(line, (gsize)(end - line->str));
        g_string_append(line, cut_mark);
    }
    return g_strstrip(g_string_free(g_steal_pointer(&line), FALSE));
}

static char *clean_lines(const char *text, size_t bytes)
{
    g_autoptr(GString) lines = clean(text, TRUE);
    if (lines->len > bytes) {
        g_autofree char *mark = g_strdup_printf("… (cut, %zu bytes in all)", (size_t)lines->len);
        const char *end = lines->str + (bytes - strlen(mark));
        if ((*end & 0xC0) == 0x80) /* in the middle of a character */
            end = g_utf8_find_prev_char(lines->str, end);
        g_string_truncate(lines, (gsize)(end - lines->str));
        g_string_append(lines, mark);
    }
    return g_strchomp(g_string_free(g_steal_pointer(&lines), FALSE));
}

static Event *make(const EventFacts *facts, const char *id, const char *host, const char *version)
{
    Event *event = g_new0(Event, 1);
    event->type = facts->type;
    event->severity = facts->severity != NULL ? *facts->severity : kinds[facts->type].severity;
    event->id = g_strdup(id);
    event->instance = clean_line(facts->instance, EVENT_NAME_CHARACTERS);
    event->backup = clean_line(facts->backup, EVENT_NAME_CHARACTERS);
    event->rule = clean_line(facts->rule, EVENT_NAME_CHARACTERS);
    event->summary = clean_line(facts->summary, EVENT_SUMMARY_CHARACTERS);
    event->cause = clean_lines(facts->cause, EVENT_CAUSE_BYTES);
    event->remedy = clean_lines(facts->remedy, EVENT_REMEDY_BYTES);
    event->host = clean_line(host, EVENT_NAME_CHARACTERS);
    event->version = clean_line(version, EVENT_NAME_CHARACTERS);
    g_autofree char *key = event_incident(facts->type, facts->instance, facts->part);
    event->incident =
        clean_line(facts->incident != NULL ? facts->incident : key, EVENT_NAME_CHARACTERS);
    return event;
}

static void set_times(Event *event, int64_t timestamp, int64_t fires_until)
{
    event->timestamp = timestamp;
    event->fires_until = fires_until != 0                       ? fires_until
                         : event->severity == SEVERITY_RECOVERY ? timestamp
                                                                : timestamp + EVENT_FIRES_S;
}

/* From microseconds since the epoch. */
static char *make_id(int64_t time_us)
{
    g_autofree char *stamp = clock_format_id(time_us / G_USEC_PER_SEC);
    g_autofree char *random = g_uuid_string_random();
    return g_strdup_printf("%s-%06d-%.8s", stamp, (int)(time_us % G_USEC_PER_SEC), random);
}

Event *event_new(const EventFacts *facts)
{
    int64_t now = clock_now();
    int64_t now_us = g_get_real_time();
    while (clock_now() != now) { /* both must be of one second, or ids would not sort */
        now = clock_now();
        now_us = g_get_real_time();
    }
    g_autofree char *id = make_id(now * G_USEC_PER_SEC + now_us % G_USEC_PER_SEC);
    Event *event = make(facts, id, g_get_host_name(), LSNCHAIN_VERSION);
    set_times(event, now, facts->fires_until);
    return event;
}

void event_put_behind(Event *event, const char *id)
{
    int64_t seconds = 0;
    guint64 us = 0;
    g_auto(GStrv) parts = g_strsplit(id, "-", 3);
    if (strcmp(event->id, id) > 0 || g_strv_length(parts) < 2 ||
        !clock_parse_id(parts[0], &seconds) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, G_USEC_PER_SEC - 1, &us, NULL))
        return;
    g_free(event->id);
    event->id = make_id(seconds * G_USEC_PER_SEC + (int64_t)us + 1);
}

void event_free(Event *event)
{
    if (event == NULL)
        return;
    g_free(event->id);
    g_free(event->instance);
    g_free(event->backup);
    g_free(event->rule);
    g_free(event->summary);
    g_free(event->cause);
    g_free(event->remedy);
    g_free(event->host);
    g_free(event->version);
    g_free(event->incident);
    g_free(event);
}

json_t *event_json(const Event *event)
{
    g_autofree char *timestamp = clock_format(event->timestamp);
    g_autofree char *fires_until = clock_format(event->fires_until);
    /* clang-format off */
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}",
                     "type", event_word(event->type),
                     "timestamp", timestamp,
                     "data",
                     "severity", severity_word(event->severity),
                     "instance", event->instance,
                     "backup", event->backup,
                     "rule", event->rule,
                     "summary", event->summary,
                     "cause", event->cause,
                     "remedy", event->remedy,
                     "host", event->host,
                     "version", event->version,
                     "incident", event->incident,
                     "fires_until", fires_until);
    /* clang-format on */
}

void event_fields(const Event *event, EventFieldFn *field, void *data)
{
    g_autofree char *time = clock_format(event->timestamp);
    const struct {
        const char *title;
        const char *value;
        gboolean lines;
    } fields[] = {
        {"Event", event_word(event->type), FALSE},
        {"Instance", event->instance, FALSE},
        {"Backup", event->backup, FALSE},
        {"Rule", event->rule, FALSE},
        {"Cause", event->cause, TRUE},
        {"What to do", event->remedy, TRUE},
        {"Host", event->host, FALSE},
        {"Time", time, FALSE},
        {"Incident", event->incident, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (*fields[i].value != '\0')
            field(fields[i].title, fields[i].value, fields[i].lines, data);
    }
}

gboolean event_id_is_sound(const char *id)
{
    size_t length = strlen(id);
    return length > 0 && length <= 128 &&
           strspn(id, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_") == length;
}

Event *event_from_json(const char *id, const json_t *body)
{
    EventFacts facts = {.type = EVENT_ALERT_TEST};
    const char *word = NULL;
    const char *time = NULL;
    const char *severity_text = NULL;
    const char *host = NULL;
    const char *version = NULL;
    const char *fires_until = NULL;
    int64_t timestamp = 0;
    Severity severity = SEVERITY_WARNING;
    /* clang-format off */
    int failed = json_unpack((json_t *)body,
                             "{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s?s, s?s}}",
                             "type", &word,
                             "timestamp", &time,
                             "data",
                             "severity", &severity_text,
                             "instance", &facts.instance,
                             "backup", &facts.backup,
                             "rule", &facts.rule,
                             "summary", &facts.summary,
                             "cause", &facts.cause,
                             "remedy", &facts.remedy,
                             "host", &host,
                             "version", &version,
                             "incident", &facts.incident,
                             "fires_until", &fires_until);
    /* clang-format on */
    if (failed != 0 || !event_id_is_sound(id) || !event_from_word(word, &facts.type) ||
        !severity_from_word(severity_text, &severity) || !clock_parse(time, &timestamp) ||
        (fires_until != NULL && !clock_parse(fires_until, &facts.fires_until)))
        return NULL;
    facts.severity = &severity;
    Event *event = make(&facts, id, host, version);
    set_times(event, timestamp, facts.fires_until);
    return event;
}
