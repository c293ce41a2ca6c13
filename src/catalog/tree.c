/* SPDX-License-Identifier: MIT */
#include "catalog/tree.h"

#include "base/error.h"
#include "base/files.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "catalog/plain.h"
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

static GString *facts_text(const Backup *backup)
{
    g_autoptr(GString) body = body_start();
    record_append_facts(backup, body);
    return checked_wrap("facts", g_steal_pointer(&body));
}

static GString *marks_text(const Backup *backup)
{
    g_autoptr(GString) body = body_start();
    record_append_marks(backup, body);
    return checked_wrap("marks", g_steal_pointer(&body));
}

gboolean tree_write_facts(int dir_fd, const Backup *backup, GError **error)
{
    g_autoptr(GString) text = facts_text(backup);
    return replace_file(dir_fd, FACTS_NAME, text, FACTS_MODE, error);
}

gboolean tree_write_marks(const Shelf *shelf, const Backup *backup, GError **error)
{
    autofd int fd = files_open_dir(shelf->fd, "marks", error);
    if (fd < 0)
        return FALSE;
    g_autoptr(GString) text = marks_text(backup);
    g_autofree char *name = g_strconcat(backup->id, ".ini", NULL);
    return replace_file(fd, name, text, MARKS_MODE, error);
}

gboolean tree_remove_marks(const Shelf *shelf, const char *id, GError **error)
{
    g_autofree char *name = marks_name(id);
    return files_remove_tree(shelf->fd, name, error);
}

/* Of a file in the tree. */
typedef struct {
    RecordPart part;
    const char *section;
    const char *where;
} Kind;

/* NULL: not to the letter as we write it, which says nothing yet. */
static Backup *read_plain(const GString *text, const char *id, const Kind *kind)
{
    g_autoptr(Plain) plain = plain_begin(text, kind->section);
    g_autoptr(Backup) backup = backup_new(id);
    const char *value = NULL;
    if (plain == NULL || !plain_is_clean(text) || !plain_value(plain, "format", &value) ||
        !checked_format(value, kind->where, NULL))
        return NULL;
    gboolean taken =
        kind->part == RECORD_FACTS ? plain_facts(plain, backup) : plain_marks(plain, backup);
    return taken && plain_section(plain, "", &value) && value == NULL ? g_steal_pointer(&backup)
                                                                      : NULL;
}

typedef struct {
    const Kind *kind;
    Backup *backup;
    gboolean in_marks;
    gboolean has_format;
} Reading;

static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Reading *reading = data;
    const Kind *kind = reading->kind;
    if (!g_str_equal(section, kind->section))
        return fail(error, STATUS_CATALOG, "[%s] does not belong here", section);
    if (key == NULL || g_str_equal(key, "checksum"))
        return TRUE;
    if (g_str_equal(key, "format")) {
        reading->has_format = TRUE;
        return checked_format(value, kind->where, error);
    }
    return record_take(reading->backup, kind->part, &reading->in_marks, key, value, error);
}

static Backup *read_ini(const GString *text, const char *id, const Kind *kind, GError **error)
{
    g_autoptr(Backup) backup = backup_new(id);
    Reading reading = {.kind = kind, .backup = backup};
    const IniReader reader = {STATUS_CATALOG, take_entry, &reading};
    if (!ini_read(text->str, text->len, kind->where, &reader, error))
        return NULL;
    if (!reading.has_format) {
        (void)fail(error, STATUS_CATALOG, "%s lacks its format", kind->where);
        return NULL;
    }
    return g_steal_pointer(&backup);
}

/* The error is set, and becomes that of the line that makes no sense, if there is one. */
static void blame_line(const GString *text, const char *id, const Kind *kind, GError **error)
{
    g_autoptr(GError) nonsense = NULL;
    g_autoptr(Backup) read = read_ini(text, id, kind, &nonsense);
    if (read == NULL)
        checked_blame(nonsense, kind->where, error);
}

static Backup *read_record(int dir_fd, const char *path, const char *id, const Kind *kind,
                           GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) text = files_read_text(dir_fd, path, RECORD_LIMIT, &failure);
    if (text == NULL) {
        (void)fail(error, STATUS_CATALOG, "%s: %s", kind->where, failure->message);
        return NULL;
    }
    if (!checked_verify(text, kind->section, kind->where, &failure)) {
        blame_line(text, id, kind, &failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    Backup *backup = read_plain(text, id, kind);
    return backup != NULL ? backup : read_ini(text, id, kind, error);
}

Backup *tree_read_facts(int dir_fd, const char *id, GError **error)
{
    g_autofree char *where = g_strconcat(id, "/", FACTS_NAME, NULL);
    const Kind facts = {RECORD_FACTS, "facts", where};
    g_autoptr(Backup) backup = read_record(dir_fd, FACTS_NAME, id, &facts, error);
    if (backup == NULL || !record_check_facts(backup, where, error))
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
    const Kind marks = {RECORD_MARKS, "marks", name};
    g_autoptr(Backup) read = read_record(shelf->fd, name, backup->id, &marks, error);
    if (read == NULL)
        return FALSE;
    backup_swap_marks(backup, read);
    return TRUE;
}

Backup *tree_read(const Shelf *shelf, const char *id, GError **error)
{
    autofd int fd = shelf_open_backup(shelf, id, error);
    g_autoptr(Backup) backup = fd >= 0 ? tree_read_facts(fd, id, error) : NULL;
    if (backup == NULL || !tree_read_marks(shelf, backup, error))
        return NULL;
    return g_steal_pointer(&backup);
}

static gboolean is_damaged(int dir_fd, const char *path, const char *section)
{
    g_autoptr(GString) text = files_read_text(dir_fd, path, RECORD_LIMIT, NULL);
    return text != NULL && !checked_verify(text, section, path, NULL);
}

/* A backup without them is no better than one with damaged ones. */
gboolean tree_facts_damaged(const Shelf *shelf, const char *id)
{
    autofd int fd = shelf_open_backup(shelf, id, NULL);
    if (fd < 0)
        return FALSE;
    gboolean absent = faccessat(fd, FACTS_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
    return absent || is_damaged(fd, FACTS_NAME, "facts");
}

gboolean tree_marks_damaged(const Shelf *shelf, const char *id)
{
    g_autofree char *name = marks_name(id);
    return is_damaged(shelf->fd, name, "marks");
}

guint tree_changed_line(const Shelf *shelf, const Backup *known)
{
    autofd int fd = shelf_open_backup(shelf, known->id, NULL);
    g_autoptr(Backup) sound = fd >= 0 ? tree_read_facts(fd, known->id, NULL) : NULL;
    g_autofree char *name = marks_name(known->id);
    g_autoptr(GString) there = sound != NULL ? files_read_text(shelf->fd, name, RECORD_LIMIT, NULL)
                                             : files_read_text(fd, FACTS_NAME, RECORD_LIMIT, NULL);
    g_autoptr(GString) wanted = sound != NULL ? marks_text(known) : facts_text(known);
    return there != NULL ? checked_first_difference(there, wanted) : 0;
}
