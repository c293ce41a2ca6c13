/* SPDX-License-Identifier: MIT */
#include "engine/metadata.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/family.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LIMIT = 1024 * 1024 }; /* the info file holds the server's GTID set */

static const char config_name[] = "backup-my.cnf";

/* ---- "key = value" lines -----------------------------------------------------------------------
 */

/* Of `key`, without white space around it; `*times` says how often it stands there.  Free it. */
static char *find_key(const char *text, const char *key, guint *times)
{
    char *found = NULL;
    *times = 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        char *equals = strchr(*line, '=');
        if (equals == NULL)
            continue;
        *equals = '\0';
        if (strcmp(g_strstrip(*line), key) != 0)
            continue;
        if ((*times)++ == 0)
            found = g_strdup(g_strstrip(equals + 1));
    }
    return found;
}

static gboolean check_text(const char *name, const GString *text, GError **error)
{
    if (text->len > FILE_LIMIT)
        return fail(error, STATUS_ENGINE, "the engine's %s has %zu bytes, which is no sense", name,
                    text->len);
    if (strlen(text->str) != text->len)
        return fail(error, STATUS_ENGINE, "the engine's %s is not text", name);
    return TRUE;
}

static gboolean read_text(const char *name, const GString *text, const char *key, char **value,
                          GError **error)
{
    guint times = 0;
    g_autofree char *found = find_key(text->str, key, &times);
    if (times == 0)
        return fail(error, STATUS_ENGINE, "the engine's %s lacks the key %s", name, key);
    if (times > 1)
        return fail(error, STATUS_ENGINE, "the engine's %s has the key %s %u times", name, key,
                    times);
    *value = g_steal_pointer(&found);
    return TRUE;
}

static gboolean read_lsn(const char *name, const GString *text, const char *key, uint64_t *lsn,
                         GError **error)
{
    g_autofree char *value = NULL;
    guint64 number = 0;
    if (!read_text(name, text, key, &value, error))
        return FALSE;
    if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &number, NULL))
        return fail(error, STATUS_ENGINE, "the engine's %s says %s = \"%.40s\", which is no LSN",
                    name, key, value);
    *lsn = number;
    return TRUE;
}

gboolean engine_parse_checkpoints(const char *name, const GString *text,
                                  EngineCheckpoints *checkpoints, GError **error)
{
    *checkpoints = (EngineCheckpoints){0};
    if (check_text(name, text, error) &&
        read_text(name, text, "backup_type", &checkpoints->backup_type, error) &&
        read_lsn(name, text, "from_lsn", &checkpoints->from_lsn, error) &&
        read_lsn(name, text, "to_lsn", &checkpoints->to_lsn, error) &&
        read_lsn(name, text, "last_lsn", &checkpoints->last_lsn, error))
        return TRUE;
    engine_checkpoints_clear(checkpoints);
    return FALSE;
}

/* ---- the files of a capture ---------------------------------------------------------------------
 */

typedef struct {
    EngineReadFn *read;
    void *data;
} Source;

/* The one of `names` that is there; NULL without an error when none is. */
static GString *read_one(const Source *source, const char *const *names, const char **name,
                         GError **error)
{
    g_autoptr(GString) found = NULL;
    for (; *names != NULL; names++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GString) text = source->read(*names, source->data, &failure);
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
        if (text == NULL)
            continue;
        if (found != NULL) {
            (void)fail(error, STATUS_ENGINE, "the backup has both %s and %s", *name, *names);
            return NULL;
        }
        *name = *names;
        found = g_steal_pointer(&text);
    }
    if (found != NULL && !check_text(*name, found, error))
        return NULL;
    return g_steal_pointer(&found);
}

static GString *read_needed(const Source *source, const char *const *names, const char **name,
                            GError **error)
{
    g_autoptr(GError) failure = NULL;
    GString *text = read_one(source, names, name, &failure);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (text == NULL)
        (void)fail(error, STATUS_ENGINE,
                   "the backup has no %s, so the engine did not come to its end", names[0]);
    return text;
}

static gboolean read_checkpoints(const EngineFamily *family, const Source *source,
                                 gboolean incremental, EngineMetadata *metadata, GError **error)
{
    const char *name = NULL;
    g_autoptr(GString) text = read_needed(source, family->checkpoints_names, &name, error);
    EngineCheckpoints *checkpoints = &metadata->checkpoints;
    if (text == NULL || !engine_parse_checkpoints(name, text, checkpoints, error))
        return FALSE;
    const char *wanted = incremental ? "incremental" : "full-backuped";
    if (strcmp(checkpoints->backup_type, wanted) != 0)
        return fail(error, STATUS_ENGINE, "%s says backup_type = %.40s, but %s was asked for", name,
                    checkpoints->backup_type, wanted);
    if (!incremental && checkpoints->from_lsn != 0)
        return fail(error, STATUS_ENGINE,
                    "%s says that a full backup starts at LSN %" G_GUINT64_FORMAT, name,
                    checkpoints->from_lsn);
    if (checkpoints->to_lsn == 0 || checkpoints->last_lsn < checkpoints->to_lsn)
        return fail(error, STATUS_ENGINE,
                    "%s says to_lsn = %" G_GUINT64_FORMAT ", last_lsn = %" G_GUINT64_FORMAT
                    ", which makes no sense",
                    name, checkpoints->to_lsn, checkpoints->last_lsn);
    metadata->checkpoints_text = g_strdup(text->str);
    return TRUE;
}

static gboolean read_info(const EngineFamily *family, const Source *source,
                          EngineMetadata *metadata, GError **error)
{
    const char *name = NULL;
    g_autoptr(GString) text = read_needed(source, family->info_names, &name, error);
    return text != NULL && read_text(name, text, "tool_version", &metadata->tool_version, error) &&
           read_text(name, text, "server_version", &metadata->server_version, error) &&
           read_text(name, text, "start_time", &metadata->start_time, error) &&
           read_text(name, text, "end_time", &metadata->end_time, error);
}

/* "bin.000001\t1512\t0-1-7\n"; the file is absent where the server has no binary log. */
static gboolean read_binlog(const EngineFamily *family, const Source *source,
                            EngineMetadata *metadata, GError **error)
{
    const char *name = NULL;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) text = read_one(source, family->binlog_names, &name, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (text == NULL) {
        metadata->binlog_file = g_strdup("");
        metadata->gtid = g_strdup("");
        return TRUE;
    }
    g_auto(GStrv) parts = g_strsplit(g_strstrip(text->str), "\t", 3);
    guint64 position = 0;
    guint n = g_strv_length(parts);
    if (n < 2 || *parts[0] == '\0' ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXUINT64, &position, NULL))
        return fail(error, STATUS_ENGINE, "the engine's %s does not tell file and position: %.100s",
                    name, text->str);
    metadata->binlog_file = g_strdup(parts[0]);
    metadata->binlog_pos = position;
    /* A long set is broken into lines. */
    metadata->gtid = n == 3 ? g_strdelimit(g_strdup(parts[2]), "\n", ' ') : g_strdup("");
    return TRUE;
}

static gboolean read_config(const Source *source, EngineMetadata *metadata, GError **error)
{
    static const char *const names[] = {config_name, NULL};
    const char *name = NULL;
    g_autoptr(GString) text = read_needed(source, names, &name, error);
    if (text == NULL)
        return FALSE;
    guint times = 0;
    char *uuid = find_key(text->str, "server_uuid", &times);
    metadata->server_uuid = uuid != NULL ? uuid : g_strdup("");
    return TRUE;
}

gboolean engine_read_metadata(const Engine *engine, gboolean incremental, EngineReadFn *read,
                              void *data, EngineMetadata *metadata, GError **error)
{
    const Source source = {read, data};
    const EngineFamily *family = engine->family;
    *metadata = (EngineMetadata){0};
    if (read_checkpoints(family, &source, incremental, metadata, error) &&
        read_info(family, &source, metadata, error) &&
        read_binlog(family, &source, metadata, error) && read_config(&source, metadata, error))
        return TRUE;
    engine_metadata_clear(metadata);
    return FALSE;
}

/* ---- a directory
 * --------------------------------------------------------------------------------- */

static GString *read_below(const char *name, void *data, GError **error)
{
    const int *dir_fd = data;
    if (faccessat(*dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return NULL;
    return files_read_text(*dir_fd, name, FILE_LIMIT, error);
}

/* A directory that was prepared by a newer engine may have the file under both names: the newest.
 */
gboolean engine_read_checkpoints(const Engine *engine, int dir_fd, EngineCheckpoints *checkpoints,
                                 GError **error)
{
    for (const char *const *name = engine->family->checkpoints_names; *name != NULL; name++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GString) text = read_below(*name, &dir_fd, &failure);
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (text != NULL)
            return engine_parse_checkpoints(*name, text, checkpoints, error);
    }
    return fail(error, STATUS_ENGINE, "there is no checkpoints file in the prepared directory");
}

void engine_checkpoints_clear(EngineCheckpoints *checkpoints)
{
    g_free(checkpoints->backup_type);
    *checkpoints = (EngineCheckpoints){0};
}

void engine_metadata_clear(EngineMetadata *metadata)
{
    engine_checkpoints_clear(&metadata->checkpoints);
    g_free(metadata->checkpoints_text);
    g_free(metadata->tool_version);
    g_free(metadata->server_version);
    g_free(metadata->start_time);
    g_free(metadata->end_time);
    g_free(metadata->binlog_file);
    g_free(metadata->gtid);
    g_free(metadata->server_uuid);
    *metadata = (EngineMetadata){0};
}
