/* SPDX-License-Identifier: MIT */
#include "alert/incidents.h"

#include "alert/names.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char incidents_file[] = "incidents.ini";
static const char lock_file[] = "incidents.lock";
static const char head[] = "incidents"; /* the section that holds the checksum */

enum { INCIDENTS_FILE_LIMIT = 256 * 1024, INCIDENTS_LOCK_WAIT_S = 30 };

struct Incidents {
    char *dir;
    Lock *lock; /* NULL: only looked at */
    GPtrArray *open;
    IncidentsOf of;
    gboolean damaged;
};

static void incident_free(void *data)
{
    Incident *incident = data;
    g_free(incident->part);
    g_free(incident->rule);
    g_free(incident->backup);
    g_free(incident->summary);
    g_strfreev(incident->channels);
    g_free(incident);
}

Incident *incidents_find(const Incidents *incidents, EventType type, const char *part)
{
    for (guint i = 0; i < incidents->open->len; i++) {
        Incident *incident = incidents->open->pdata[i];
        if (incident->type == type && g_str_equal(incident->part, part))
            return incident;
    }
    return NULL;
}

Incident *incidents_take(Incidents *incidents, EventType type, const char *part)
{
    Incident *incident = incidents_find(incidents, type, part);
    if (incident != NULL)
        return incident;
    incident = g_new0(Incident, 1);
    incident->type = type;
    incident->part = g_strdup(part);
    incident->rule = g_strdup("");
    incident->backup = g_strdup("");
    incident->summary = g_strdup("");
    g_ptr_array_add(incidents->open, incident);
    return incident;
}

/* ---- the file -------------------------------------------------------------------------------- */

static gboolean take_text(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
    return TRUE;
}

static gboolean take_number(unsigned *field, const char *value)
{
    guint64 number = 0;
    if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT32, &number, NULL))
        return FALSE;
    *field = (unsigned)number;
    return TRUE;
}

static gboolean take_names(char ***field, const char *value)
{
    g_strfreev(*field);
    *field = names_parse(value);
    return TRUE;
}

/* A key that this version does not know changes nothing. */
static gboolean take_value(Incident *incident, const char *key, const char *value)
{
    if (g_str_equal(key, "since"))
        return clock_parse(value, &incident->since);
    if (g_str_equal(key, "told_at"))
        return clock_parse(value, &incident->told_at);
    if (g_str_equal(key, "acknowledged_at"))
        return clock_parse(value, &incident->acknowledged_at);
    if (g_str_equal(key, "held"))
        return take_number(&incident->held, value);
    if (g_str_equal(key, "rule"))
        return take_text(&incident->rule, value);
    if (g_str_equal(key, "backup"))
        return take_text(&incident->backup, value);
    if (g_str_equal(key, "summary"))
        return take_text(&incident->summary, value);
    if (g_str_equal(key, "channels"))
        return take_names(&incident->channels, value);
    return TRUE;
}

/* A section for each open incident: "backup_failed", "alert_undeliverable mail". */
static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Incidents *incidents = data;
    EventType type = EVENT_ALERT_TEST;
    if (g_str_equal(section, head))
        return TRUE;
    g_auto(GStrv) words = g_strsplit(section, " ", 2);
    const char *part = words[0] != NULL && words[1] != NULL ? words[1] : "";
    if (words[0] == NULL || !event_from_word(words[0], &type) || !event_opens(type))
        return fail(error, STATUS_FAILED, "[%s] opens no incident", section);
    Incident *incident = incidents_take(incidents, type, part);
    if (key == NULL || take_value(incident, key, value))
        return TRUE;
    return fail(error, STATUS_FAILED, "the value of %s makes no sense", key);
}

static void suspect_all(Incidents *incidents)
{
    incidents->damaged = TRUE;
    for (EventType type = 0; type < EVENT_TYPES && incidents->of == INCIDENTS_OF_INSTANCE; type++) {
        if (event_opens(type) && type != EVENT_ALERT_UNDELIVERABLE)
            (void)incidents_take(incidents, type, "");
    }
}

static gboolean read_file(Incidents *incidents, const char *path, GError **error)
{
    const IniReader reader = {STATUS_FAILED, take_entry, incidents};
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, INCIDENTS_FILE_LIMIT, error);
    return text != NULL && checked_verify(text, head, path, error) &&
           ini_read(text->str, text->len, path, &reader, error);
}

static gboolean is_absent(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, 0) < 0 && errno == ENOENT;
}

static gboolean is_barred(const char *path)
{
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && errno == EACCES;
}

static Incidents *new_incidents(const char *dir, IncidentsOf of)
{
    Incidents *incidents = g_new0(Incidents, 1);
    incidents->dir = g_strdup(dir);
    incidents->of = of;
    incidents->open = g_ptr_array_new_with_free_func(incident_free);
    return incidents;
}

/* FALSE: it is damaged, and all that may be open is taken for open. */
static gboolean fill(Incidents *incidents, const char *path, GError **error)
{
    if (is_absent(path) || read_file(incidents, path, error))
        return TRUE;
    suspect_all(incidents);
    return FALSE;
}

Incidents *incidents_load(const char *dir, IncidentsOf of, GError **error)
{
    if (!files_make_dirs(AT_FDCWD, dir, 0700, error))
        return NULL;
    g_autofree char *lock = g_build_filename(dir, lock_file, NULL);
    g_autofree char *path = g_build_filename(dir, incidents_file, NULL);
    g_autoptr(Incidents) incidents = new_incidents(dir, of);
    incidents->lock = lock_take(lock, LOCK_RECORD, LOCK_EXCLUSIVE, "alert",
                                INCIDENTS_LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
    if (incidents->lock == NULL)
        return NULL;
    g_autoptr(GError) damage = NULL;
    if (!fill(incidents, path, &damage))
        log_warning("%s: which incidents are open is not known, so each recovery is told once",
                    damage->message);
    return g_steal_pointer(&incidents);
}

Incidents *incidents_peek(const char *dir, IncidentsOf of, GError **error)
{
    g_autofree char *path = g_build_filename(dir, incidents_file, NULL);
    if (is_barred(path)) {
        (void)fail_storage(error, "cannot read %s: %s" HINT("run this as the user of the backups"),
                           path, g_strerror(EACCES));
        return NULL;
    }
    g_autoptr(Incidents) incidents = new_incidents(dir, of);
    (void)fill(incidents, path, NULL);
    return g_steal_pointer(&incidents);
}

void incidents_free(Incidents *incidents)
{
    if (incidents == NULL)
        return;
    g_free(incidents->dir);
    g_clear_pointer(&incidents->open, g_ptr_array_unref);
    g_clear_pointer(&incidents->lock, lock_free);
    g_free(incidents);
}

static void add_text(GString *body, const char *key, const char *value)
{
    if (*value != '\0')
        g_string_append_printf(body, "%s = %s\n", key, value);
}

static void add_time(GString *body, const char *key, int64_t value)
{
    g_autofree char *text = clock_format(value);
    add_text(body, key, text);
}

static void add_incident(GString *body, const Incident *incident)
{
    g_string_append_printf(body, "\n[%s%s%s]\n", event_word(incident->type),
                           *incident->part != '\0' ? " " : "", incident->part);
    add_time(body, "since", incident->since);
    add_time(body, "told_at", incident->told_at);
    add_time(body, "acknowledged_at", incident->acknowledged_at);
    if (incident->held > 0)
        g_string_append_printf(body, "held = %u\n", incident->held);
    add_text(body, "rule", incident->rule);
    add_text(body, "backup", incident->backup);
    if (incident->channels != NULL) {
        g_autofree char *channels = names_text((Names)incident->channels);
        g_string_append_printf(body, "channels = %s\n", channels);
    }
    add_text(body, "summary", incident->summary);
}

gboolean incidents_save(Incidents *incidents, GError **error)
{
    g_assert(incidents->lock != NULL);
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_printf(body, "format = %d\n", CHECKED_FORMAT);
    for (guint i = 0; i < incidents->open->len; i++)
        add_incident(body, incidents->open->pdata[i]);
    g_autoptr(GString) file = checked_wrap(head, g_steal_pointer(&body));
    autofd int fd = files_open_dir(AT_FDCWD, incidents->dir, error);
    if (fd < 0 || !replace_file(fd, incidents_file, file, 0600, error)) {
        g_prefix_error(error, "cannot keep the open incidents in %s: ", incidents->dir);
        return FALSE;
    }
    return TRUE;
}

/* ---- the rules ------------------------------------------------------------------------------- */

const GPtrArray *incidents_open(const Incidents *incidents)
{
    return incidents->open;
}

GPtrArray *incidents_ended_by(Incidents *incidents, EventType recovery, const char *part)
{
    GPtrArray *ended = g_ptr_array_new();
    if (incidents->damaged && recovery == EVENT_ALERT_RECOVERED)
        (void)incidents_take(incidents, EVENT_ALERT_UNDELIVERABLE, part);
    for (guint i = 0; i < incidents->open->len; i++) {
        Incident *incident = incidents->open->pdata[i];
        if (event_ended_by(incident->type) == recovery && g_str_equal(incident->part, part))
            g_ptr_array_add(ended, incident);
    }
    return ended;
}

void incidents_close(Incidents *incidents, Incident *incident)
{
    (void)g_ptr_array_remove(incidents->open, incident);
}

gboolean incident_is_news(const Incident *incident, const char *rule, const char *backup,
                          int64_t now, int64_t repeat_after_s)
{
    if (incident->told_at == 0 || incident->told_at > now) /* the clock was moved */
        return TRUE;
    if (!g_str_equal(incident->rule, rule))
        return TRUE;
    gboolean another = *backup != '\0' && !g_str_equal(incident->backup, backup);
    if (incident->acknowledged_at != 0 && !another)
        return FALSE;
    return now - incident->told_at >= repeat_after_s - repeat_after_s / 24;
}

char *incident_key(const Incident *incident, const char *instance)
{
    return event_incident(incident->type, instance, incident->part);
}
