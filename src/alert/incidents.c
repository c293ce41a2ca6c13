/* SPDX-License-Identifier: MIT */
#include "alert/incidents.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>

static const char incidents_file[] = "incidents.ini";
static const char head[] = "incidents"; /* the section that holds the checksum */

enum { INCIDENTS_FILE_LIMIT = 64 * 1024 };

struct Incidents {
    char *dir;
    GPtrArray *open;
};

static void incident_free(void *data)
{
    Incident *incident = data;
    g_free(incident->summary);
    g_free(incident);
}

static Incident *find(const Incidents *incidents, EventType type)
{
    for (guint i = 0; i < incidents->open->len; i++) {
        Incident *incident = incidents->open->pdata[i];
        if (incident->type == type)
            return incident;
    }
    return NULL;
}

static void record(Incidents *incidents, EventType type, int64_t since, const char *summary)
{
    Incident *incident = find(incidents, type);
    if (incident == NULL) {
        incident = g_new0(Incident, 1);
        incident->type = type;
        g_ptr_array_add(incidents->open, incident);
    }
    if (incident->since == 0)
        incident->since = since;
    char *copy = g_strdup(summary);
    g_free(incident->summary);
    incident->summary = copy;
}

/* A section for each open incident, named by the event that opened it. */
static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Incidents *incidents = data;
    EventType type = EVENT_ALERT_TEST;
    int64_t since = 0;
    if (g_str_equal(section, head))
        return TRUE;
    if (!event_from_word(section, &type) || event_ended_by(type) == type)
        return fail(error, STATUS_FAILED, "[%s] opens no incident", section);
    if (key == NULL)
        return TRUE;
    if (g_str_equal(key, "since") && clock_parse(value, &since))
        record(incidents, type, since, "");
    else if (g_str_equal(key, "summary"))
        record(incidents, type, 0, value);
    else
        return fail(error, STATUS_FAILED, "the value of %s makes no sense", key);
    return TRUE;
}

static void suspect_all(Incidents *incidents)
{
    for (EventType type = 0; type < EVENT_TYPES; type++) {
        if (event_ended_by(type) != type && find(incidents, type) == NULL)
            record(incidents, type, 0, "");
    }
}

static gboolean read_file(Incidents *incidents, const char *path, GError **error)
{
    const IniReader reader = {STATUS_FAILED, take_entry, incidents};
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, INCIDENTS_FILE_LIMIT, error);
    return text != NULL && checked_verify(text, head, path, error) &&
           ini_read(text->str, text->len, path, &reader, error);
}

Incidents *incidents_load(const char *instance_dir, GError **error)
{
    if (!files_make_dirs(AT_FDCWD, instance_dir, 0700, error))
        return NULL;
    g_autoptr(Incidents) incidents = g_new0(Incidents, 1);
    incidents->dir = g_strdup(instance_dir);
    incidents->open = g_ptr_array_new_with_free_func(incident_free);

    g_autofree char *path = g_build_filename(instance_dir, incidents_file, NULL);
    if (faccessat(AT_FDCWD, path, F_OK, 0) < 0 && errno == ENOENT)
        return g_steal_pointer(&incidents);
    g_autoptr(GError) unread = NULL;
    if (!read_file(incidents, path, &unread)) {
        log_warning("%s: which incidents are open is not known, so each recovery is told once",
                    unread->message);
        suspect_all(incidents);
    }
    return g_steal_pointer(&incidents);
}

void incidents_free(Incidents *incidents)
{
    if (incidents == NULL)
        return;
    g_free(incidents->dir);
    g_clear_pointer(&incidents->open, g_ptr_array_unref);
    g_free(incidents);
}

static gboolean end_incidents(Incidents *incidents, EventType recovery)
{
    guint before = incidents->open->len;
    for (guint i = before; i > 0; i--) {
        const Incident *incident = incidents->open->pdata[i - 1];
        if (event_ended_by(incident->type) == recovery)
            g_ptr_array_remove_index(incidents->open, i - 1);
    }
    return incidents->open->len < before;
}

gboolean incidents_admit(Incidents *incidents, const Event *event)
{
    if (event->severity == SEVERITY_RECOVERY)
        return end_incidents(incidents, event->type);
    if (event_ended_by(event->type) != event->type)
        record(incidents, event->type, event->timestamp, event->summary);
    return TRUE;
}

gboolean incidents_save(Incidents *incidents, GError **error)
{
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_printf(body, "format = %d\n", CHECKED_FORMAT);
    for (guint i = 0; i < incidents->open->len; i++) {
        const Incident *incident = incidents->open->pdata[i];
        g_autofree char *since = clock_format(incident->since);
        g_string_append_printf(body, "\n[%s]\nsince = %s\nsummary = %s\n",
                               event_word(incident->type), since, incident->summary);
    }
    g_autoptr(GString) file = checked_wrap(head, body);
    autofd int fd = files_open_dir(AT_FDCWD, incidents->dir, error);
    if (fd < 0 || !replace_file(fd, incidents_file, file, 0600, error)) {
        g_prefix_error(error, "cannot keep the open incidents in %s: ", incidents->dir);
        return FALSE;
    }
    return TRUE;
}

const GPtrArray *incidents_open(const Incidents *incidents)
{
    return incidents->open;
}
