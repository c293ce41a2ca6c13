/* SPDX-License-Identifier: MIT */
#include "catalog/tree.h"

#include "base/error.h"
#include "base/files.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "catalog/record.h"
#include "config/ini.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { RECORD_LIMIT = 1 << 20, FACTS_MODE = 0440, MARKS_MODE = 0640 };

static char *marks_name(const char *id)
{
    return g_strconcat("marks/", id, ".ini", NULL);
}

static GString *body_start(void)
{
    GString *body = g_string_new(NULL);
    g_string_printf(body, "format = %d\n", CHECKED_FORMAT);
    return body;
}

gboolean tree_write_facts(int dir_fd, const Backup *backup, GError **error)
{
    g_autoptr(GString) body = body_start();
    record_append_facts(backup, body);
    g_autoptr(GString) text = checked_wrap("facts", body);
    return replace_file(dir_fd, FACTS_NAME, text, FACTS_MODE, error);
}

gboolean tree_write_marks(const Shelf *shelf, const Backup *backup, GError **error)
{
    autofd int fd = files_open_dir(shelf->fd, "marks", error);
    if (fd < 0)
        return FALSE;
    g_autoptr(GString) body = body_start();
    record_append_marks(backup, body);
    g_autoptr(GString) text = checked_wrap("marks", body);
    g_autofree char *name = g_strconcat(backup->id, ".ini", NULL);
    return replace_file(fd, name, text, MARKS_MODE, error);
}

gboolean tree_remove_marks(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *name = marks_name(id);
    return files_remove_tree(shelf->fd, name, error);
}

typedef struct {
    Backup *backup;
    RecordPart part;
    const char *section;
    const char *where;
    gboolean in_marks;
    gboolean has_format;
} Reading;

static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Reading *reading = data;
    if (!g_str_equal(section, reading->section))
        return fail(error, STATUS_CATALOG, "[%s] does not belong here", section);
    if (key == NULL || g_str_equal(key, "checksum"))
        return TRUE;
    if (g_str_equal(key, "format")) {
        reading->has_format = TRUE;
        return checked_format(value, reading->where, error);
    }
    return record_take(reading->backup, reading->part, &reading->in_marks, key, value, error);
}

static gboolean read_record(int dir_fd, const char *path, Reading *reading, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) text = files_read_text(dir_fd, path, RECORD_LIMIT, &failure);
    if (text == NULL)
        return fail(error, STATUS_CATALOG, "%s: %s", reading->where, failure->message);
    const IniReader reader = {STATUS_CATALOG, take_entry, reading};
    if (!checked_verify(text, reading->section, reading->where, error) ||
        !ini_read(text->str, text->len, reading->where, &reader, error))
        return FALSE;
    return reading->has_format ||
           fail(error, STATUS_CATALOG, "%s lacks its format", reading->where);
}

Backup *tree_read_facts(int dir_fd, const char *id, GError **error)
{
    g_autofree char *where = g_strconcat(id, "/", FACTS_NAME, NULL);
    g_autoptr(Backup) backup = backup_new(id);
    Reading reading = {backup, RECORD_FACTS, "facts", where, FALSE, FALSE};
    if (!read_record(dir_fd, FACTS_NAME, &reading, error) ||
        !record_check_facts(backup, where, error))
        return NULL;
    return g_steal_pointer(&backup);
}

static GString *facts_of(const Backup *backup)
{
    GString *text = g_string_new(NULL);
    record_append_facts(backup, text);
    return text;
}

gboolean tree_check_facts(int dir_fd, const Backup *known, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(Backup) backup = tree_read_facts(dir_fd, known->id, &failure);
    if (backup == NULL)
        return fail(error, STATUS_VERIFY, "%s", failure->message);
    g_autoptr(GString) there = facts_of(backup);
    g_autoptr(GString) wanted = facts_of(known);
    return g_string_equal(there, wanted) ||
           fail(error, STATUS_VERIFY, "%s/" FACTS_NAME " does not say what the catalog says",
                known->id);
}

gboolean tree_read_marks(const Shelf *shelf, Backup *backup, GError **error)
{
    g_autofree char *name = marks_name(backup->id);
    if (faccessat(shelf->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return TRUE;
    Reading reading = {backup, RECORD_MARKS, "marks", name, FALSE, FALSE};
    return read_record(shelf->fd, name, &reading, error);
}

Backup *tree_read(const Shelf *shelf, const char *id, GError **error)
{
    autofd int fd = shelf_open_backup(shelf, id, error);
    g_autoptr(Backup) backup = fd >= 0 ? tree_read_facts(fd, id, error) : NULL;
    if (backup == NULL || !tree_read_marks(shelf, backup, error))
        return NULL;
    return g_steal_pointer(&backup);
}
