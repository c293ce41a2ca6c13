/* SPDX-License-Identifier: MIT */
#include "alert/incidents.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>

static const char incidents_file[] = "incidents.json";

enum { INCIDENTS_FORMAT = 1, INCIDENTS_FILE_LIMIT = 64 * 1024 };

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
    g_free(incident->summary);
    incident->summary = g_strdup(summary);
}

static gboolean parse_one(Incidents *incidents, json_t *row)
{
    const char *word = NULL;
    const char *time = NULL;
    const char *summary = NULL;
    EventType type = EVENT_ALERT_TEST;
    int64_t since = 0;
    if (json_unpack(row, "{s:s, s:s, s:s}", "type", &word, "since", &time, "summary", &summary) !=
        0)
        return FALSE;
    if (!event_from_word(word, &type) || event_ended_by(type) == type || !clock_parse(time, &since))
        return FALSE;
    record(incidents, type, since, summary);
    return TRUE;
}

static gboolean parse(Incidents *incidents, const GString *text)
{
    int format = 0;
    json_t *rows = NULL;
    size_t i = 0;
    json_t *row = NULL;

    json_auto_t *root = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL ||
        json_unpack(root, "{s:i, s:o}", "format", &format, "incidents", &rows) != 0 ||
        format != INCIDENTS_FORMAT || !json_is_array(rows))
        return FALSE;
    json_array_foreach(rows, i, row)
    {
        if (!parse_one(incidents, row))
            return FALSE;
    }
    return TRUE;
}

static void suspect_all(Incidents *incidents)
{
    for (EventType type = 0; type < EVENT_TYPES; type++) {
        if (event_ended_by(type) != type && find(incidents, type) == NULL)
            record(incidents, type, 0, "");
    }
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
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, INCIDENTS_FILE_LIMIT, &unread);
    if (text == NULL || !parse(incidents, text)) {
        log_warning("%s is damaged (%s): which incidents are open is not known, so each recovery "
                    "is told once",
                    path, unread != NULL ? unread->message : "it is not a list of incidents");
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
    json_t *rows = json_array();
    for (guint i = 0; i < incidents->open->len; i++) {
        const Incident *incident = incidents->open->pdata[i];
        g_autofree char *since = clock_format(incident->since);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "type", event_word(incident->type),
                                              "since", since, "summary", incident->summary));
    }
    json_auto_t *root = json_pack("{s:i, s:o}", "format", INCIDENTS_FORMAT, "incidents", rows);
    g_autofree char *text = json_dumps(root, JSON_INDENT(1));
    g_autoptr(GString) file = g_string_new(text);
    g_string_append_c(file, '\n');
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
