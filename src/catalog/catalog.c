/* SPDX-License-Identifier: MIT */
#include "catalog/catalog.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "catalog/plain.h"
#include "catalog/record.h"
#include "catalog/tree.h"
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char file_name[] = "catalog.ini";
static const char copy_name[] = "catalog.ini.copy";
static const char section_name[] = "catalog";
static const char backup_prefix[] = "backup ";
enum { CATALOG_LIMIT = 1 << 30, LOCK_WAIT_US = 60 * G_USEC_PER_SEC, MODE = 0640 };

Catalog *catalog_new(const char *instance)
{
    Catalog *catalog = g_new0(Catalog, 1);
    catalog->instance = g_strdup(instance);
    catalog->backups = g_ptr_array_new_with_free_func((GDestroyNotify)backup_free);
    catalog->extras = backup_extras_new();
    return catalog;
}

void catalog_free(Catalog *catalog)
{
    g_free(catalog->instance);
    g_ptr_array_unref(catalog->backups);
    g_ptr_array_unref(catalog->extras);
    g_free(catalog);
}

Backup *catalog_find(const Catalog *catalog, const char *id)
{
    return (Backup *)(uintptr_t)backup_find(catalog->backups, id);
}

void catalog_add(Catalog *catalog, Backup *backup)
{
    g_ptr_array_add(catalog->backups, backup);
    g_ptr_array_sort(catalog->backups, backup_compare);
}

/* ---- text ------------------------------------------------------------------------------------ */

GString *catalog_text(const Catalog *catalog)
{
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_append_printf(body, "format = %d\ngeneration = %" G_GUINT64_FORMAT "\ninstance = %s\n",
                           CHECKED_FORMAT, catalog->generation, catalog->instance);
    for (guint i = 0; i < catalog->extras->len; i++) {
        const BackupExtra *extra = catalog->extras->pdata[i];
        g_string_append_printf(body, "%s = %s\n", extra->key, extra->value);
    }
    for (guint i = 0; i < catalog->backups->len; i++) {
        const Backup *backup = catalog->backups->pdata[i];
        g_string_append_printf(body, "\n[%s%s]\n", backup_prefix, backup->id);
        record_append_all(backup, body);
    }
    return checked_wrap(section_name, g_steal_pointer(&body));
}

typedef struct {
    Catalog *catalog;
    const char *where;
    Backup *current;
    gboolean in_marks;
    gboolean has_format;
    gboolean has_generation;
} Reading;

static gboolean take_head(Reading *reading, const char *key, const char *value, GError **error)
{
    Catalog *catalog = reading->catalog;
    if (g_str_equal(key, "checksum"))
        return TRUE;
    if (g_str_equal(key, "format")) {
        reading->has_format = TRUE;
        return checked_format(value, reading->where, error);
    }
    if (g_str_equal(key, "generation")) {
        reading->has_generation = TRUE;
        return g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &catalog->generation, NULL) ||
               fail(error, STATUS_CATALOG, "the value of generation makes no sense");
    }
    if (g_str_equal(key, "instance")) {
        g_free(catalog->instance);
        catalog->instance = g_strdup(value);
        return TRUE;
    }
    backup_add_extra(catalog->extras, key, value);
    return TRUE;
}

static gboolean take_backup(Reading *reading, const char *id, const char *key, const char *value,
                            GError **error)
{
    if (reading->current == NULL || !g_str_equal(reading->current->id, id)) {
        reading->current = backup_new(id);
        reading->in_marks = FALSE;
        g_ptr_array_add(reading->catalog->backups, reading->current);
    }
    return key == NULL ||
           record_take(reading->current, RECORD_BOTH, &reading->in_marks, key, value, error);
}

static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Reading *reading = data;
    if (g_str_equal(section, section_name))
        return key == NULL || take_head(reading, key, value, error);
    if (g_str_has_prefix(section, backup_prefix))
        return take_backup(reading, section + strlen(backup_prefix), key, value, error);
    return fail(error, STATUS_CATALOG, "[%s] is no section of a catalog", section);
}

static gboolean check_backups(const Catalog *catalog, const char *where, GError **error)
{
    for (guint i = 0; i < catalog->backups->len; i++) {
        const Backup *backup = catalog->backups->pdata[i];
        const Backup *before = i > 0 ? catalog->backups->pdata[i - 1] : NULL;
        if (!record_check_facts(backup, where, error))
            return FALSE;
        if (before != NULL && strcmp(before->id, backup->id) >= 0)
            return fail(error, STATUS_CATALOG, "%s: %s stands twice", where, backup->id);
    }
    return TRUE;
}

static gboolean take_plain_head(Plain *plain, Catalog *catalog)
{
    const char *format = NULL;
    const char *generation = NULL;
    const char *instance = NULL;
    if (!plain_value(plain, "format", &format) || !checked_format(format, "", NULL) ||
        !plain_value(plain, "generation", &generation) ||
        !g_ascii_string_to_unsigned(generation, 10, 0, G_MAXUINT64, &catalog->generation, NULL) ||
        !plain_value(plain, "instance", &instance))
        return FALSE;
    g_free(catalog->instance);
    catalog->instance = g_strdup(instance);
    return plain_extras(plain, catalog->extras);
}

/* NULL: it is not to the letter as we write it, which says nothing yet. */
static Catalog *read_plain(const GString *text)
{
    g_autoptr(Plain) plain = plain_begin(text, section_name);
    g_autoptr(Catalog) catalog = catalog_new("");
    const char *id = NULL;
    if (plain == NULL || !take_plain_head(plain, catalog) ||
        !plain_section(plain, backup_prefix, &id))
        return NULL;
    while (id != NULL) {
        Backup *backup = backup_new(id);
        g_ptr_array_add(catalog->backups, backup);
        if (!plain_facts(plain, backup) || !plain_marks(plain, backup) ||
            !plain_section(plain, backup_prefix, &id))
            return NULL;
    }
    return g_steal_pointer(&catalog);
}

static Catalog *read_ini(const GString *text, const char *where, GError **error)
{
    g_autoptr(Catalog) catalog = catalog_new("");
    Reading reading = {.catalog = catalog, .where = where};
    const IniReader reader = {STATUS_CATALOG, take_entry, &reading};
    if (!ini_read(text->str, text->len, where, &reader, error))
        return NULL;
    if (!reading.has_format || !reading.has_generation) {
        (void)fail(error, STATUS_CATALOG, "%s lacks its format or its generation", where);
        return NULL;
    }
    return g_steal_pointer(&catalog);
}

/* The error is set, and becomes that of the line that makes no sense, if there is one. */
static void blame_line(const GString *text, const char *where, GError **error)
{
    g_autoptr(GError) nonsense = NULL;
    g_autoptr(Catalog) read = read_ini(text, where, &nonsense);
    if (read == NULL)
        checked_blame(nonsense, where, error);
}

/* What has to be known of a text before anything that was read from it counts. */
typedef struct {
    const GString *text;
    const char *where;
    gboolean clean;
    GError *changed; /* NULL: the checksum is right */
} Check;

static gpointer check_text(gpointer data)
{
    Check *check = data;
    check->clean = plain_is_clean(check->text);
    (void)checked_verify(check->text, section_name, check->where, &check->changed);
    return NULL;
}

/* Checked and read by a thread each, for of 10,000 backups both take their time. */
static Catalog *read_checked(const GString *text, const char *where, GError **error)
{
    Check check = {.text = text, .where = where};
    GThread *thread = g_thread_try_new("checksum", check_text, &check, NULL);
    g_autoptr(Catalog) catalog = read_plain(text);
    (void)(thread != NULL ? g_thread_join(thread) : check_text(&check));
    if (check.changed != NULL) {
        blame_line(text, where, &check.changed);
        g_propagate_error(error, check.changed);
        return NULL;
    }
    return catalog != NULL && check.clean ? g_steal_pointer(&catalog)
                                          : read_ini(text, where, error);
}

Catalog *catalog_parse(const GString *text, const char *where, GError **error)
{
    g_autoptr(Catalog) catalog = read_checked(text, where, error);
    if (catalog == NULL)
        return NULL;
    g_ptr_array_sort(catalog->backups, backup_compare);
    if (!check_backups(catalog, where, error))
        return NULL;
    return g_steal_pointer(&catalog);
}

/* ---- files ----------------------------------------------------------------------------------- */

static GString *read_text(const Shelf *shelf, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GString *text = files_read_text(shelf->fd, name, CATALOG_LIMIT, &failure);
    if (text == NULL)
        (void)fail(error, STATUS_CATALOG, "%s", failure->message);
    return text;
}

/* `text` may be NULL: the error is then set. */
static Catalog *parse_one(const Shelf *shelf, const char *name, const GString *text, GError **error)
{
    if (text == NULL)
        return NULL;
    g_autofree char *where = g_strconcat(shelf->path, "/", name, NULL);
    g_autoptr(Catalog) catalog = catalog_parse(text, where, error);
    if (catalog != NULL && !g_str_equal(catalog->instance, shelf->instance)) {
        (void)fail(error, STATUS_CATALOG, "%s is the catalog of instance %s", where,
                   catalog->instance);
        return NULL;
    }
    return g_steal_pointer(&catalog);
}

static gboolean exists(const Shelf *shelf, const char *name)
{
    return faccessat(shelf->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* No catalog at all: right before the first backup, and never again. */
static Catalog *read_none(const Shelf *shelf, GError **error)
{
    g_autoptr(GPtrArray) ids = shelf_ids(shelf, "backups", error);
    if (ids == NULL)
        return NULL;
    if (ids->len == 0)
        return catalog_new(shelf->instance);
    (void)fail(error, STATUS_CATALOG,
               "%s/%s is missing, and so is its copy, but there are %u backups" HINT(
                   "make it again from the tree: lsnchain -i %s catalog rebuild"),
               shelf->path, file_name, ids->len, shelf->instance);
    return NULL;
}

static Catalog *choose(Catalog *first, Catalog *second)
{
    if (first == NULL || (second != NULL && second->generation > first->generation)) {
        g_clear_pointer(&first, catalog_free);
        return second;
    }
    g_clear_pointer(&second, catalog_free);
    return first;
}

/* A run that was killed between the first two files ever written leaves just this. */
static gboolean copy_not_yet_written(const Shelf *shelf, const Catalog *first)
{
    return first != NULL && first->generation <= 1 && !exists(shelf, copy_name);
}

/* A sentence to free, with the line of a hand edit: the sound twin tells what stood there. */
static char *name_line(const GError *wrong, const GString *text, const GString *twin,
                       const char *twin_name)
{
    char *sentence = error_sentence(wrong);
    guint line = text != NULL && twin != NULL ? checked_first_difference(text, twin) : 0;
    if (line == 0)
        return sentence;
    g_autofree char *plain = sentence;
    return g_strdup_printf("%s; line %u is the first that is not as in %s", plain, line, twin_name);
}

Catalog *catalog_read(const Shelf *shelf, char **damage, GError **error)
{
    if (damage != NULL)
        *damage = NULL;
    if (!exists(shelf, file_name) && !exists(shelf, copy_name))
        return read_none(shelf, error);

    g_autoptr(GError) wrong = NULL;
    g_autoptr(GError) copy_wrong = NULL;
    g_autoptr(GString) text = read_text(shelf, file_name, &wrong);
    Catalog *first = parse_one(shelf, file_name, text, &wrong);
    if (first != NULL &&
        (files_hold(shelf->fd, copy_name, text) || copy_not_yet_written(shelf, first)))
        return first;
    g_autoptr(GString) copy = read_text(shelf, copy_name, &copy_wrong);
    Catalog *second = parse_one(shelf, copy_name, copy, &copy_wrong);
    if (first == NULL && second == NULL) {
        (void)fail(error, STATUS_CATALOG,
                   "%s; and its copy: %s" HINT(
                       "make it again from the tree: lsnchain -i %s catalog rebuild"),
                   wrong->message, copy_wrong->message, shelf->instance);
        return NULL;
    }
    if (damage != NULL && wrong != NULL)
        *damage = name_line(wrong, text, copy, copy_name);
    else if (damage != NULL && copy_wrong != NULL)
        *damage = name_line(copy_wrong, copy, text, file_name);
    return choose(first, second);
}

static gboolean write_both(const Shelf *shelf, const Catalog *catalog, GError **error)
{
    g_autoptr(GString) text = catalog_text(catalog);
    if (!replace_file(shelf->fd, file_name, text, MODE, error))
        return FALSE;
    crash_point("catalog.replaced");
    return replace_file(shelf->fd, copy_name, text, MODE, error);
}

gboolean catalog_init(const Shelf *shelf, GError **error)
{
    if (exists(shelf, file_name) || exists(shelf, copy_name))
        return TRUE;
    g_autoptr(Catalog) none = read_none(shelf, NULL);
    return none == NULL || write_both(shelf, none, error);
}

static Lock *take_lock(const Shelf *shelf, const char *command, GError **error)
{
    g_autofree char *path = g_build_filename(shelf->path, "catalog.lock", NULL);
    return lock_take(path, LOCK_CATALOG, LOCK_EXCLUSIVE, command, LOCK_WAIT_US, error);
}

Catalog *catalog_change(const Shelf *shelf, const char *command, CatalogEditFn *edit, void *data,
                        GError **error)
{
    g_autoptr(Lock) lock = take_lock(shelf, command, error);
    if (lock == NULL)
        return NULL;
    g_autoptr(Catalog) catalog = catalog_read(shelf, NULL, error);
    if (catalog == NULL || !edit(catalog, data, error))
        return NULL;
    crash_point("catalog.edited");
    catalog->generation++;
    if (!write_both(shelf, catalog, error)) {
        g_prefix_error(error, "cannot write the catalog of %s: ", shelf->instance);
        return NULL;
    }
    return g_steal_pointer(&catalog);
}

/* ---- drafts ---------------------------------------------------------------------------------- */

static gboolean remove_drafts(const Shelf *shelf, const char *directory, gboolean *seen,
                              gboolean remove, GError **error)
{
    g_autofree char *path = g_build_filename(shelf->path, directory, NULL);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &failure);
    if (dir == NULL)
        return fail_storage(error, "cannot list %s: %s", path, failure->message);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *draft = g_build_filename(directory, name, NULL);
        gboolean is_draft = replace_is_draft(name);
        *seen = *seen || is_draft;
        if (is_draft && remove && !files_remove_tree(shelf->fd, draft, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean each_draft(const Shelf *shelf, gboolean *seen, gboolean remove, GError **error)
{
    *seen = FALSE;
    return remove_drafts(shelf, ".", seen, remove, error) &&
           remove_drafts(shelf, "marks", seen, remove, error);
}

/* Looked for without the lock, for there is hardly ever one. */
gboolean catalog_sweep(const Shelf *shelf, const char *command, GError **error)
{
    gboolean seen = FALSE;
    if (!each_draft(shelf, &seen, FALSE, error))
        return FALSE;
    if (!seen)
        return TRUE;
    g_autoptr(Lock) lock = take_lock(shelf, command, error);
    return lock != NULL && each_draft(shelf, &seen, TRUE, error);
}

/* ---- against the tree ------------------------------------------------------------------------ */

/* What to do depends on which of the two files it is. */
static gboolean fail_unreadable(const Shelf *shelf, const char *id, const GError *failure,
                                GError **error)
{
    autofd int fd = shelf_open_backup(shelf, id, NULL);
    g_autoptr(Backup) facts = fd >= 0 ? tree_read_facts(fd, id, NULL) : NULL;
    g_autofree char *sentence = error_sentence(failure);
    if (facts != NULL)
        return fail(
            error, error_status(failure),
            "%s" HINT("remove %s/marks/%s.ini: the proof, pin and quarantine of this backup "
                      "are then forgotten; and try again"),
            sentence, shelf->path, id);
    return fail(error, error_status(failure),
                "%s" HINT("bring its backup.ini back, or move %s/backups/%s out of the repository; "
                          "and try again"),
                sentence, shelf->path, id);
}

static void damage_free(gpointer data)
{
    CatalogDamage *damage = data;
    g_free(damage->id);
    g_free(damage->sentence);
    g_free(damage);
}

GPtrArray *catalog_damages_new(void)
{
    return g_ptr_array_new_with_free_func(damage_free);
}

/* What a catalog is made from, and what became of what could not be read. */
typedef struct {
    const Shelf *shelf;
    const Catalog *sound; /* NULL: neither file is */
    GPtrArray *damaged;
} Rebuilding;

static void note_damage(const Rebuilding *rebuilding, const char *id, const GError *failure,
                        const char *outcome, gboolean lost)
{
    CatalogDamage *damage = g_new0(CatalogDamage, 1);
    g_autofree char *sentence = error_sentence(failure);
    damage->id = g_strdup(id);
    damage->sentence = g_strdup_printf("%s: %s", sentence, outcome);
    damage->lost = lost;
    g_ptr_array_add(rebuilding->damaged, damage);
}

/* `known` is what the sound catalog says; NULL: nothing. */
static Backup *mend_marks(const Rebuilding *rebuilding, Backup *facts, const Backup *known,
                          const GError *failure)
{
    if (known != NULL) {
        g_autoptr(Backup) copy = backup_copy(known);
        backup_swap_marks(facts, copy);
        note_damage(rebuilding, facts->id, failure, "written again from the catalog", FALSE);
        return facts;
    }
    backup_quarantine(facts, "complete",
                      "its marks were damaged and in no catalog: it may have been quarantined",
                      clock_now());
    facts->pinned = TRUE;
    note_damage(
        rebuilding, facts->id, failure,
        "no catalog has them, so it is quarantined and pinned, for it may have been either: "
        "take a full",
        TRUE);
    return facts;
}

/* NULL: it is left out. */
static Backup *mend_facts(const Rebuilding *rebuilding, const char *id, const Backup *known,
                          const GError *failure)
{
    if (known == NULL) {
        note_damage(rebuilding, id, failure,
                    "no catalog has its facts, so it is left out until the file is brought back "
                    "from a copy",
                    TRUE);
        return NULL;
    }
    Backup *backup = backup_copy(known);
    if (backup->state != STATE_QUARANTINED)
        backup_quarantine(backup, "proof", "its backup.ini is damaged", clock_now());
    note_damage(
        rebuilding, id, failure,
        "it is quarantined, with the facts that the old catalog has: bring the file back from a "
        "copy and verify it, or remove it",
        TRUE);
    return backup;
}

/* `backup` is NULL when it is left out.  The tree first: its marks are written here. */
static gboolean mend(const Rebuilding *rebuilding, const char *id, const GError *failure,
                     Backup **backup, GError **error)
{
    const Shelf *shelf = rebuilding->shelf;
    const Backup *known = rebuilding->sound != NULL ? catalog_find(rebuilding->sound, id) : NULL;
    autofd int fd = shelf_open_backup(shelf, id, NULL);
    Backup *facts = fd >= 0 ? tree_read_facts(fd, id, NULL) : NULL;
    if (facts != NULL && tree_marks_damaged(shelf, id))
        *backup = mend_marks(rebuilding, facts, known, failure);
    else if (facts == NULL && tree_facts_damaged(shelf, id))
        *backup = mend_facts(rebuilding, id, known, failure);
    else {
        g_clear_pointer(&facts, backup_free);
        return fail_unreadable(shelf, id, failure, error);
    }
    return *backup == NULL || tree_write_marks(shelf, *backup, error);
}

static Catalog *make_from_tree(const Rebuilding *rebuilding, GError **error)
{
    const Shelf *shelf = rebuilding->shelf;
    g_autoptr(GPtrArray) ids = shelf_ids(shelf, "backups", error);
    g_autoptr(Catalog) catalog = ids != NULL ? catalog_new(shelf->instance) : NULL;
    for (guint i = 0; ids != NULL && i < ids->len; i++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(Backup) backup = tree_read(shelf, ids->pdata[i], &failure);
        if (backup == NULL && !mend(rebuilding, ids->pdata[i], failure, &backup, error))
            return NULL;
        if (backup != NULL)
            g_ptr_array_add(catalog->backups, g_steal_pointer(&backup)); /* ids come sorted */
    }
    return g_steal_pointer(&catalog);
}

/* What the tree does not have: the generation, and what we do not know of the head. */
static void take_head_over(Catalog *catalog, Catalog *sound)
{
    catalog->generation = sound->generation;
    GPtrArray *extras = catalog->extras;
    catalog->extras = sound->extras;
    sound->extras = extras;
}

Catalog *catalog_rebuild(const Shelf *shelf, const char *command, GPtrArray *damaged,
                         GError **error)
{
    g_autoptr(Lock) lock = take_lock(shelf, command, error);
    if (lock == NULL)
        return NULL;
    g_autoptr(Catalog) sound = catalog_read(shelf, NULL, NULL);
    const Rebuilding rebuilding = {shelf, sound, damaged};
    g_autoptr(Catalog) catalog = make_from_tree(&rebuilding, error);
    if (catalog == NULL)
        return NULL;
    if (sound != NULL)
        take_head_over(catalog, sound);
    catalog->generation++;
    return write_both(shelf, catalog, error) ? g_steal_pointer(&catalog) : NULL;
}

G_GNUC_PRINTF(2, 3)
static void tell(GPtrArray *differences, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(differences, g_strdup_vprintf(format, args));
    va_end(args);
}

static GString *record_text(const Backup *backup)
{
    GString *text = g_string_new(NULL);
    record_append_all(backup, text);
    return text;
}

static void compare_backups(const char *where, const Catalog *catalog, const Catalog *tree,
                            GPtrArray *unreadable, GPtrArray *differences)
{
    for (guint i = 0; i < tree->backups->len; i++) {
        const Backup *there = tree->backups->pdata[i];
        const Backup *known = catalog_find(catalog, there->id);
        g_autoptr(GString) truth = record_text(there);
        g_autoptr(GString) said = known != NULL ? record_text(known) : g_string_new(NULL);
        if (known == NULL)
            tell(differences, "%s: %s is in the tree, but not here", where, there->id);
        else if (!g_string_equal(truth, said))
            tell(differences, "%s: %s is not what its facts and marks say", where, there->id);
    }
    for (guint i = 0; i < catalog->backups->len; i++) {
        const Backup *known = catalog->backups->pdata[i];
        gboolean told = g_ptr_array_find_with_equal_func(unreadable, known->id, g_str_equal, NULL);
        if (known->state != STATE_MISSING && catalog_find(tree, known->id) == NULL && !told)
            tell(differences, "%s: %s is not in the tree", where, known->id);
    }
}

/* What of the tree can be read; of the rest a sentence each, with the line that was changed. */
static Catalog *read_tree(const Shelf *shelf, GPtrArray *differences, GPtrArray *unreadable,
                          GError **error)
{
    g_autoptr(GPtrArray) ids = shelf_ids(shelf, "backups", error);
    g_autoptr(Catalog) sound = catalog_read(shelf, NULL, NULL);
    g_autoptr(Catalog) tree = ids != NULL ? catalog_new(shelf->instance) : NULL;
    for (guint i = 0; ids != NULL && i < ids->len; i++) {
        const char *id = ids->pdata[i];
        g_autoptr(GError) wrong = NULL;
        Backup *backup = tree_read(shelf, id, &wrong);
        if (backup != NULL) {
            g_ptr_array_add(tree->backups, backup);
            continue;
        }
        const Backup *known = sound != NULL ? catalog_find(sound, id) : NULL;
        guint line = known != NULL ? tree_changed_line(shelf, known) : 0;
        if (line > 0)
            tell(differences, "%s; line %u is the first that is not what the catalog says",
                 wrong->message, line);
        else
            tell(differences, "%s", wrong->message);
        g_ptr_array_add(unreadable, g_strdup(id));
    }
    return g_steal_pointer(&tree);
}

static void compare_file(const Shelf *shelf, const char *name, const Catalog *tree,
                         GPtrArray *unreadable, GPtrArray *differences)
{
    g_autoptr(GError) wrong = NULL;
    g_autoptr(GString) text = read_text(shelf, name, &wrong);
    g_autoptr(Catalog) catalog = parse_one(shelf, name, text, &wrong);
    if (catalog == NULL)
        tell(differences, "%s", wrong->message);
    else
        compare_backups(name, catalog, tree, unreadable, differences);
}

GPtrArray *catalog_compare(const Shelf *shelf, GError **error)
{
    g_autoptr(GPtrArray) differences = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) unreadable = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Catalog) tree = read_tree(shelf, differences, unreadable, error);
    if (tree == NULL)
        return NULL;
    if (tree->backups->len + unreadable->len == 0 && !exists(shelf, file_name) &&
        !exists(shelf, copy_name))
        return g_steal_pointer(&differences);
    compare_file(shelf, file_name, tree, unreadable, differences);
    compare_file(shelf, copy_name, tree, unreadable, differences);
    return g_steal_pointer(&differences);
}
