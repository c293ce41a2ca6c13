/* SPDX-License-Identifier: MIT */
#include "flow/removal.h"

#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "catalog/tree.h"
#include "repo/trash.h"

#include <fcntl.h>

static void drop(Catalog *catalog, const char *id)
{
    Backup *known = catalog_find(catalog, id);
    if (known != NULL)
        g_ptr_array_remove(catalog->backups, known);
}

/* ---- what stands in .trash ------------------------------------------------------------------- */

typedef struct {
    const Run *run;
    GPtrArray *ids; /* in .trash */
} Trash;

static gboolean drop_trashed(Catalog *catalog, void *data, GError **error)
{
    (void)error;
    const Trash *trash = data;
    for (guint i = 0; i < trash->ids->len; i++) {
        if (!shelf_has_backup(trash->run->shelf, trash->ids->pdata[i]))
            drop(catalog, trash->ids->pdata[i]);
    }
    return TRUE;
}

/* By the files: run->catalog leaves out what stands in .trash. */
static gboolean is_known(const Trash *trash, gboolean *known, GError **error)
{
    *known = FALSE;
    g_autoptr(Catalog) catalog =
        trash->ids->len > 0 ? catalog_read(trash->run->shelf, NULL, error) : NULL;
    for (guint i = 0; catalog != NULL && i < trash->ids->len; i++) {
        const char *id = trash->ids->pdata[i];
        *known = *known ||
                 (catalog_find(catalog, id) != NULL && !shelf_has_backup(trash->run->shelf, id));
    }
    return trash->ids->len == 0 || catalog != NULL;
}

static gboolean empty_all(const Trash *trash, GError **error)
{
    for (guint i = 0; i < trash->ids->len; i++) {
        if (!trash_empty(trash->run->shelf, trash->ids->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean drop_all(Run *run, Trash *trash, GError **error)
{
    g_autoptr(GError) full = NULL;
    if (run_change(run, drop_trashed, trash, &full))
        return TRUE;
    if (error_status(full) != STATUS_STORAGE)
        return fail(error, error_status(full), "%s", full->message);
    return empty_all(trash, error) && run_change(run, drop_trashed, trash, error);
}

/* Before anything relies on it: a run that was killed flushed neither its moves nor its catalog. */
static gboolean flush_all(const Shelf *shelf, GError **error)
{
    return trash_flush(shelf, error) && files_flush_dir(AT_FDCWD, shelf->path, error);
}

gboolean removal_finish(Run *run, GError **error)
{
    g_autoptr(GPtrArray) ids = shelf_ids(run->shelf, ".trash", error);
    Trash trash = {run, ids};
    gboolean known = FALSE;
    if (ids == NULL || (ids->len > 0 && !flush_all(run->shelf, error)) ||
        !is_known(&trash, &known, error) || (known && !drop_all(run, &trash, error)))
        return FALSE;
    crash_point("removal.catalogued");
    for (guint i = ids->len; i > 0; i--) {
        const char *id = ids->pdata[i - 1];
        log_detail("removing the files of %s", id);
        if (!trash_remove(run->shelf, id, error))
            return FALSE;
        crash_point("removal.unlinked");
        if (!shelf_has_backup(run->shelf, id) && !tree_remove_marks(run->shelf, id, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- removing -------------------------------------------------------------------------------- */

typedef struct {
    const Run *run;
    const RemovalSpec *spec;
    GPtrArray *moved; /* of the ids */
    gboolean flushed; /* the moves will outlive a power cut */
    GError *failure;  /* that ended it half-way */
} Work;

static void work_clear(Work *work)
{
    g_clear_pointer(&work->moved, g_ptr_array_unref);
    g_clear_error(&work->failure);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

/* Stopped half-way, the parents that are left are a sound chain, and the catalog is to say so. */
static gboolean move(Catalog *catalog, void *data, GError **error)
{
    Work *work = data;
    const Shelf *shelf = work->run->shelf;
    const GPtrArray *ids = work->spec->ids;
    if (!work->spec->may(catalog, ids, work->spec->data, error))
        return FALSE;
    for (guint i = ids->len; i > 0 && work->failure == NULL; i--) {
        if (trash_move(shelf, ids->pdata[i - 1], &work->failure))
            g_ptr_array_add(work->moved, ids->pdata[i - 1]);
    }
    if (work->moved->len == 0) {
        g_propagate_error(error, g_steal_pointer(&work->failure));
        return FALSE;
    }
    work->flushed = trash_flush(shelf, error);
    if (!work->flushed)
        return FALSE;
    crash_point("removal.moved");
    for (guint i = 0; i < work->moved->len; i++)
        drop(catalog, work->moved->pdata[i]);
    return TRUE;
}

/* Once more from the start: of a catalog that could not be replaced nobody knows what is on disk.
 */
static gboolean drop_moved(Catalog *catalog, void *data, GError **error)
{
    (void)error;
    const Work *work = data;
    for (guint i = 0; i < work->moved->len; i++) {
        if (!shelf_has_backup(work->run->shelf, work->moved->pdata[i]))
            drop(catalog, work->moved->pdata[i]);
    }
    return TRUE;
}

static gboolean remove_all_marks(const Run *run, const GPtrArray *ids, GError **error)
{
    for (guint i = 0; i < ids->len; i++) {
        if (!tree_remove_marks(run->shelf, ids->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean is_left(const Run *run, const char *chain)
{
    for (guint i = 0; i < run->catalog->backups->len; i++) {
        const Backup *backup = run->catalog->backups->pdata[i];
        if (g_str_equal(backup->chain, chain))
            return TRUE;
    }
    return FALSE;
}

gboolean removal_run(Run *run, const RemovalSpec *spec, GPtrArray *removed, GError **error)
{
    g_autoptr(Lock) lock = shelf_own_chain(run->shelf, spec->chain, run->command, error);
    if (lock == NULL)
        return FALSE;
    g_auto(Work) work = {.run = run, .spec = spec, .moved = g_ptr_array_new()};
    g_autoptr(GError) failure = NULL;
    if (!run_change(run, move, &work, &failure) &&
        (error_status(failure) != STATUS_STORAGE || !work.flushed)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    /* also the way out of a disk that is too full for a new catalog */
    if (!removal_finish(run, error) || !remove_all_marks(run, work.moved, error) ||
        (failure != NULL && !run_change(run, drop_moved, &work, error)))
        return FALSE;
    for (guint i = 0; i < work.moved->len; i++)
        g_ptr_array_add(removed, g_strdup(work.moved->pdata[i]));
    if (!is_left(run, spec->chain))
        shelf_forget_chain(run->shelf, spec->chain);
    if (work.failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&work.failure));
    return FALSE;
}
