/* SPDX-License-Identifier: MIT */
#include "flow/recover.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "catalog/record.h"
#include "catalog/tree.h"
#include "flow/capture.h"
#include "flow/publishing.h"
#include "flow/removal.h"
#include "model/chain.h"
#include "model/fence.h"
#include "prepare/place.h"
#include "proof/rolling.h"
#include "repo/contents.h"
#include "repo/publish.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- captures and .incoming ------------------------------------------------------------------ */

/* Only what the files themselves say is an answer; a signal or a full table of files is none. */
static gboolean is_answer(const GError *error)
{
    return cancel_signal() == 0 &&
           (error_status(error) == STATUS_VERIFY || error_status(error) == STATUS_CATALOG);
}

static gboolean check_whole(int fd, const char *id, Backup **backup, GError **error)
{
    *backup = tree_read_facts(fd, id, error);
    if (*backup == NULL)
        return FALSE;
    g_autoptr(GPtrArray) sums = sums_read(fd, id, (*backup)->sums, error);
    const Contents contents = {
        .fd = fd, .id = id, .sums = sums, .read = CONTENTS_ALL, .workers = 1};
    return sums != NULL && contents_check(&contents, error);
}

/*
 * Every file there, every byte as its sum says?  `backup` is NULL when not; FALSE when that cannot
 * be told now: then nothing is removed or condemned.
 */
static gboolean whole_capture(const char *path, const char *id, Backup **backup, GError **error)
{
    *backup = NULL;
    autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ||
               fail_storage(error, "cannot open %s: %s", path, g_strerror(errno));
    g_autoptr(GError) failure = NULL;
    if (check_whole(fd, id, backup, &failure))
        return TRUE;
    g_clear_pointer(backup, backup_free);
    return is_answer(failure) || fail(error, error_status(failure), "%s", failure->message);
}

/* What cannot be published for want of room is dropped: a new backup may be smaller, or find room.
 */
static gboolean publish_on(Run *run, const char *id, const char *capture, GError **error)
{
    g_autoptr(Backup) backup = NULL;
    if (!whole_capture(capture, id, &backup, error))
        return FALSE;
    if (backup == NULL || !tree_read_marks(run->shelf, backup, NULL))
        return TRUE;
    log_notice("publishing %s, which a killed run had finished capturing", id);
    Published published;
    g_autoptr(GError) failure = NULL;
    if (publishing_run(run, backup, capture, &published, &failure))
        return TRUE;
    if (error_status(failure) != STATUS_STORAGE && error_status(failure) != STATUS_TRANSFER)
        return fail(error, error_status(failure), "%s", failure->message);
    g_autofree char *sentence = error_sentence(failure);
    log_warning("%s is dropped, for it cannot be published: %s", id, sentence);
    return TRUE;
}

static gboolean recover_incoming(Run *run, GError **error)
{
    g_autoptr(GPtrArray) ids = shelf_ids(run->shelf, ".incoming", error);
    g_autofree char *captures = run_capture_dir(run);
    for (guint i = 0; ids != NULL && i < ids->len; i++) {
        const char *id = ids->pdata[i];
        g_autofree char *capture = g_build_filename(captures, id, NULL);
        g_autofree char *incoming = shelf_incoming(id);
        if (!publish_on(run, id, capture, error) ||
            !files_remove_tree(run->shelf->fd, incoming, error))
            return FALSE;
    }
    return ids != NULL;
}

static gboolean remove_below(const char *directory, const char *what, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    if (dir == NULL)
        return TRUE;
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        log_notice("removing %s %s, left by a run that was killed", what, name);
        if (!files_remove_tree(AT_FDCWD, path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean recover_leftovers(Run *run, GError **error)
{
    g_autofree char *captures = run_capture_dir(run);
    g_autofree char *private_files = run_state_path(run, "engine");
    g_autofree char *incoming = g_build_filename(run->shelf->path, ".incoming", NULL);
    g_autofree char *trash = g_build_filename(run->shelf->path, ".trash", NULL);
    g_autofree char *proofs = run_proof_dir(run);
    return removal_finish(run, error) && recover_incoming(run, error) &&
           remove_below(captures, "the capture", error) &&
           remove_below(incoming, "the unpublished", error) &&
           remove_below(trash, "the expired", error) &&
           remove_below(private_files, "the private files", error) && place_sweep(proofs, error) &&
           rolling_sweep(proofs, run->catalog->backups, run->config->rolling_base, error) &&
           catalog_sweep(run->shelf, run->command, error);
}

/* ---- catalog and tree ------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `ids` are sorted. */
static gboolean in_tree(const GPtrArray *ids, const char *id)
{
    return ids->len > 0 && bsearch(&id, ids->pdata, ids->len, sizeof *ids->pdata, compare_ids);
}

static char *marks_of(const Backup *backup)
{
    GString *text = g_string_new(NULL);
    record_append_marks(backup, text);
    return g_string_free(text, FALSE);
}

/* What there is to do; decided without the catalog's lock, done under it. */
typedef struct {
    Run *run;
    GPtrArray *ids;    /* in the tree */
    GPtrArray *adopt;  /* Backup: in the tree, not in the catalog */
    GPtrArray *marked; /* id: its marks in the tree are newer */
    GPtrArray *mend;   /* id: its marks in the tree are damaged, and the catalog has them */
    GPtrArray *gone;   /* id: in the catalog, not in the tree */
} Differences;

static void differences_clear(Differences *differences)
{
    g_clear_pointer(&differences->ids, g_ptr_array_unref);
    g_clear_pointer(&differences->adopt, g_ptr_array_unref);
    g_clear_pointer(&differences->marked, g_ptr_array_unref);
    g_clear_pointer(&differences->mend, g_ptr_array_unref);
    g_clear_pointer(&differences->gone, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Differences, differences_clear)

/* What can be read but makes no sense is damaged; what cannot be read now may be tomorrow. */
static void find_marks(Differences *differences, const Backup *backup)
{
    const Shelf *shelf = differences->run->shelf;
    g_autoptr(Backup) fresh = backup_new(backup->id);
    g_autoptr(GError) failure = NULL;
    if (tree_read_marks(shelf, fresh, &failure)) {
        g_autofree char *old = marks_of(backup);
        g_autofree char *new = marks_of(fresh);
        if (!g_str_equal(old, new))
            g_ptr_array_add(differences->marked, g_strdup(backup->id));
        return;
    }
    g_autofree char *sentence = error_sentence(failure);
    guint line = tree_changed_line(shelf, backup);
    if (line == 0) {
        log_warning("%s: the catalog's marks are kept", sentence);
        return;
    }
    log_warning("%s; line %u is the first that is not what the catalog says: the file is written "
                "again from the catalog",
                sentence, line);
    g_ptr_array_add(differences->mend, g_strdup(backup->id));
}

/* The fence, as far as facts alone can tell: the server of that time cannot be asked any more. */
static void judge_adopted(const Catalog *catalog, Backup *backup)
{
    const Backup *parent =
        backup->type == BACKUP_INCREMENTAL ? backup_find(catalog->backups, backup->parent) : NULL;
    if (backup->type == BACKUP_INCREMENTAL && parent == NULL) {
        backup_quarantine(backup, "parent-present", "its parent is not in the catalog",
                          clock_now());
        return;
    }
    const Witness then = {
        .server_uuid = backup->server_uuid,
        .datadir_id = backup->datadir_id,
        .started = backup->server_started,
        .gtid = "",
    };
    g_autoptr(GPtrArray) broken =
        fence_after_capture(catalog->backups, parent, backup, &then, &then);
    const Breach *gravest = fence_gravest(broken);
    if (gravest != NULL)
        backup_quarantine(backup, gravest->rule, gravest->sentence, clock_now());
}

/* One that was marked missing and is there again is looked at as if it were new. */
static void forget_missing(Backup *backup)
{
    if (backup->state != STATE_MISSING)
        return;
    backup->state = STATE_COMPLETE;
    backup->quarantined_at = 0;
    backup_set_text(&backup->rule, "");
    backup_set_text(&backup->reason, "");
}

/* Reads all of it, which takes its time: not under the catalog's lock. */
static gboolean find_adoption(Differences *differences, const char *id, GError **error)
{
    const Run *run = differences->run;
    g_autoptr(GError) failure = NULL;
    g_autoptr(Backup) backup = tree_read(run->shelf, id, &failure);
    if (backup == NULL) {
        g_autofree char *sentence = error_sentence(failure);
        log_warning("%s is in the tree, but it cannot be used: %s", id, sentence);
        return TRUE;
    }
    forget_missing(backup);
    g_autofree char *path = g_build_filename(run->shelf->path, "backups", id, NULL);
    g_autoptr(Backup) whole = NULL;
    if (!whole_capture(path, id, &whole, error))
        return FALSE;
    if (whole == NULL && backup->state == STATE_COMPLETE)
        backup_quarantine(backup, "complete", "left by a killed run, and not whole", clock_now());
    g_ptr_array_add(differences->adopt, g_steal_pointer(&backup));
    return TRUE;
}

static gboolean find_adoptions(Differences *differences, GError **error)
{
    for (guint i = 0; i < differences->ids->len; i++) {
        const char *id = differences->ids->pdata[i];
        const Backup *known = catalog_find(differences->run->catalog, id);
        if ((known == NULL || known->state == STATE_MISSING) &&
            !find_adoption(differences, id, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean find_differences(Differences *differences, GError **error)
{
    Run *run = differences->run;
    differences->ids = shelf_ids(run->shelf, "backups", error);
    for (guint i = 0; differences->ids != NULL && i < differences->ids->len; i++)
        publish_protect(run->shelf, differences->ids->pdata[i]);
    if (differences->ids == NULL || !find_adoptions(differences, error))
        return FALSE;
    for (guint i = 0; i < run->catalog->backups->len; i++) {
        Backup *backup = run->catalog->backups->pdata[i];
        gboolean there = in_tree(differences->ids, backup->id);
        gboolean back = there && backup->state == STATE_MISSING;
        if (there && !back)
            find_marks(differences, backup);
        if (!there && backup->state != STATE_MISSING)
            g_ptr_array_add(differences->gone, g_strdup(backup->id));
    }
    return TRUE;
}

static gboolean adopt(Catalog *catalog, Differences *differences, Backup *backup, GError **error)
{
    Backup *known = catalog_find(catalog, backup->id);
    if (known != NULL && known->state != STATE_MISSING)
        return TRUE;
    if (backup->state == STATE_COMPLETE)
        judge_adopted(catalog, backup);
    gboolean quarantined = backup->state == STATE_QUARANTINED;
    log_notice("%s, found in the tree, is in the catalog now%s%s", backup->id,
               quarantined ? ", quarantined: " : "", backup->reason);
    if (!publish_settle(differences->run->shelf, backup->id, error) ||
        !tree_write_marks(differences->run->shelf, backup, error))
        return FALSE;
    if (known != NULL)
        g_ptr_array_remove(catalog->backups, known);
    catalog_add(catalog, backup_copy(backup));
    return TRUE;
}

static gboolean mark_missing(Catalog *catalog, const Run *run, const char *id, GError **error)
{
    Backup *backup = catalog_find(catalog, id);
    if (backup == NULL)
        return TRUE;
    backup->state = STATE_MISSING;
    backup->quarantined_at = clock_now();
    backup_set_text(&backup->rule, "parent-present");
    backup_set_text(&backup->reason, "its directory is gone from the tree");
    run_raise(run, EVENT_CHAIN_BROKEN, id, "parent-present", "a backup is gone from the tree",
              backup->reason);
    log_warning("%s is gone from the tree: the chain is broken there", id);
    return tree_write_marks(run->shelf, backup, error);
}

static gboolean settle(Catalog *catalog, void *data, GError **error)
{
    Differences *differences = data;
    for (guint i = 0; i < differences->adopt->len; i++) {
        if (!adopt(catalog, differences, differences->adopt->pdata[i], error))
            return FALSE;
    }
    /* a run that was killed between its rename and its flush may have left them */
    if (differences->marked->len > 0 &&
        !files_flush_dir(differences->run->shelf->fd, "marks", error))
        return FALSE;
    for (guint i = 0; i < differences->marked->len; i++) {
        Backup *backup = catalog_find(catalog, differences->marked->pdata[i]);
        if (backup != NULL && !tree_read_marks(differences->run->shelf, backup, error))
            return FALSE;
    }
    for (guint i = 0; i < differences->mend->len; i++) {
        const Backup *backup = catalog_find(catalog, differences->mend->pdata[i]);
        if (backup != NULL && !tree_write_marks(differences->run->shelf, backup, error))
            return FALSE;
    }
    for (guint i = 0; i < differences->gone->len; i++) {
        if (!mark_missing(catalog, differences->run, differences->gone->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* Marks are written before their backup is renamed into place. */
static gboolean remove_stray_marks(const Differences *differences, GError **error)
{
    static const char ending[] = ".ini";
    const Run *run = differences->run;
    g_autofree char *path = g_build_filename(run->shelf->path, "marks", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL;
         name = g_dir_read_name(dir)) {
        if (!g_str_has_suffix(name, ending))
            continue;
        g_autofree char *id = g_strndup(name, strlen(name) - strlen(ending));
        if (!in_tree(differences->ids, id) && catalog_find(run->catalog, id) == NULL &&
            !tree_remove_marks(run->shelf, id, error))
            return FALSE;
    }
    return TRUE;
}

gboolean flow_recover(Run *run, GError **error)
{
    if (!recover_leftovers(run, error)) {
        g_prefix_error(error, "cannot clean up after an earlier run: ");
        return FALSE;
    }
    crash_point("recover.cleaned");
    g_auto(Differences) differences = {
        .run = run,
        .adopt = g_ptr_array_new_with_free_func((GDestroyNotify)backup_free),
        .marked = g_ptr_array_new_with_free_func(g_free),
        .mend = g_ptr_array_new_with_free_func(g_free),
        .gone = g_ptr_array_new_with_free_func(g_free),
    };
    if (!find_differences(&differences, error) || !remove_stray_marks(&differences, error))
        return FALSE;
    if (differences.adopt->len + differences.marked->len + differences.mend->len +
            differences.gone->len ==
        0)
        return TRUE;
    return run_change(run, settle, &differences, error);
}
