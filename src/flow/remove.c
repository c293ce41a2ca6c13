/* SPDX-License-Identifier: MIT */
#include "flow/remove.h"

#include "base/crash.h"
#include "base/error.h"
#include "catalog/tree.h"
#include "flow/expire.h"
#include "flow/recover.h"
#include "flow/removal.h"
#include "model/chain.h"
#include "repo/trash.h"

void remove_outcome_clear(RemoveOutcome *outcome)
{
    g_clear_pointer(&outcome->floors, g_ptr_array_unref);
    g_clear_pointer(&outcome->doomed, g_ptr_array_unref);
    g_clear_pointer(&outcome->backups, g_ptr_array_unref);
}

/* ---- look ------------------------------------------------------------------------------------ */

static gboolean is_in(const GPtrArray *backups, const char *id)
{
    return *id != '\0' && backup_find(backups, id) != NULL;
}

/* A parent is older, so one way from the oldest on meets all. */
static GPtrArray *with_all_that_hangs_on_it(const GPtrArray *backups, const Backup *backup)
{
    GPtrArray *found = g_ptr_array_new();
    for (guint i = 0; i < backups->len; i++) {
        Backup *other = backups->pdata[i];
        if (other == backup || is_in(found, other->parent))
            g_ptr_array_add(found, other);
    }
    return found;
}

static GPtrArray *without(const GPtrArray *backups, const GPtrArray *doomed)
{
    GPtrArray *left = g_ptr_array_new();
    for (guint i = 0; i < backups->len; i++) {
        const Backup *backup = backups->pdata[i];
        if (!is_in(doomed, backup->id))
            g_ptr_array_add(left, backups->pdata[i]);
    }
    return left;
}

static GPtrArray *floors_of(const Run *run, const GPtrArray *backups, const GPtrArray *doomed)
{
    g_autofree char *trouble = NULL;
    const RetentionRules rules = expire_rules(run);
    const RetentionFacts facts = expire_facts(run, &trouble);
    return retention_floors(backups, doomed, &rules, &facts);
}

static void look(const Run *run, const Backup *backup, RemoveOutcome *outcome)
{
    outcome->backups = g_ptr_array_new_with_free_func((GDestroyNotify)backup_free);
    for (guint i = 0; i < run->catalog->backups->len; i++)
        g_ptr_array_add(outcome->backups, backup_copy(run->catalog->backups->pdata[i]));
    const GPtrArray *all = outcome->backups;
    outcome->doomed = with_all_that_hangs_on_it(all, backup_find(all, backup->id));
    outcome->floors = floors_of(run, all, outcome->doomed);
    g_autoptr(GPtrArray) left = without(all, outcome->doomed);
    outcome->restorable[0] = chain_restorable_until(all);
    outcome->restorable[1] = chain_restorable_until(left);
    outcome->proven[0] = chain_proven_until(all, run_read_since(run));
    outcome->proven[1] = chain_proven_until(left, run_read_since(run));
}

static gboolean check_floors(const Run *run, const char *id, const GPtrArray *floors,
                             GError **error)
{
    if (floors->len == 0)
        return TRUE;
    g_autoptr(GString) why = g_string_new(NULL);
    for (guint i = 0; i < floors->len; i++) {
        const Fate *floor = floors->pdata[i];
        g_string_append_printf(why, "%s%s (%s): %s", i > 0 ? "; " : "", floor->backup->id,
                               floor->rule, floor->sentence);
    }
    return fail(error, STATUS_REFUSED,
                "%s is not removed: %s" HINT("see what would be lost: lsnchain -i %s remove %s "
                                             "--force --dry-run"),
                id, why->str, run->config->name, id);
}

/* ---- do -------------------------------------------------------------------------------------- */

typedef struct {
    Run *run;
    const RemoveRequest *request;
    RemoveOutcome *outcome;
} Work;

/* A verify may have condemned meanwhile what was to be left; the first of these is the one named.
 */
static gboolean check_floors_again(const Work *work, const Catalog *catalog, const GPtrArray *ids,
                                   GError **error)
{
    g_autoptr(GPtrArray) doomed = g_ptr_array_new();
    for (guint i = 0; i < ids->len; i++)
        g_ptr_array_add(doomed, catalog_find(catalog, ids->pdata[i]));
    g_autoptr(GPtrArray) floors = floors_of(work->run, catalog->backups, doomed);
    return check_floors(work->run, ids->pdata[0], floors, error);
}

/* What was looked at is as it was. */
static gboolean may_go(const Catalog *catalog, const GPtrArray *ids, void *data, GError **error)
{
    const Work *work = data;
    for (guint i = 0; i < ids->len; i++) {
        const Backup *then = backup_find(work->outcome->backups, ids->pdata[i]);
        const Backup *now = backup_find(catalog->backups, ids->pdata[i]);
        if (now == NULL || now->pinned != then->pinned || now->state != then->state ||
            now->proof != then->proof)
            return fail(error, STATUS_REFUSED, "%s was changed meanwhile" HINT("try it again"),
                        then->id);
    }
    return work->request->force || check_floors_again(work, catalog, ids, error);
}

static GPtrArray *ids_of(const GPtrArray *backups)
{
    GPtrArray *ids = g_ptr_array_new();
    for (guint i = 0; i < backups->len; i++) {
        const Backup *backup = backups->pdata[i];
        g_ptr_array_add(ids, backup->id);
    }
    return ids;
}

static gboolean remove_doomed(const Work *work, const char *chain, GError **error)
{
    Run *run = work->run;
    RemoveOutcome *outcome = work->outcome;
    gboolean dry_run = work->request->dry_run;
    g_autoptr(GPtrArray) ids = ids_of(outcome->doomed);
    g_autoptr(GPtrArray) removed = g_ptr_array_new_with_free_func(g_free);
    const RemovalSpec spec = {chain, ids, may_go, (void *)(uintptr_t)work};
    if (!trash_weigh(run->shelf, ids, &outcome->freed, error))
        return FALSE;
    outcome->removed = !dry_run && removal_run(run, &spec, removed, error);
    return dry_run || outcome->removed;
}

static gboolean remove_one(Run *run, const RemoveRequest *request, RemoveOutcome *outcome,
                           GError **error)
{
    if (!request->dry_run && (!run_lock(run, error) || !flow_recover(run, error)))
        return FALSE;
    const Backup *backup = run_find(run, request->wanted, error);
    if (backup == NULL)
        return FALSE;
    g_autofree char *id = g_strdup(backup->id);
    g_autofree char *chain = g_strdup(backup->chain);
    look(run, backup, outcome);
    if (!request->force && !check_floors(run, id, outcome->floors, error))
        return FALSE;
    const Work work = {run, request, outcome};
    if (remove_doomed(&work, chain, error))
        return TRUE;
    g_prefix_error(error, "cannot remove %s: ", id);
    return FALSE;
}

gboolean flow_remove(Run *run, const RemoveRequest *request, RemoveOutcome *outcome, GError **error)
{
    gboolean done = remove_one(run, request, outcome, error);
    run_unlock(run);
    return done;
}

/* ---- pin ------------------------------------------------------------------------------------- */

void pin_outcome_clear(PinOutcome *outcome)
{
    g_clear_pointer(&outcome->backup, backup_free);
    g_clear_pointer(&outcome->still_pinned_by, g_free);
}

typedef struct {
    const Run *run;
    const char *id;
    gboolean pinned;
} Pin;

static gboolean set_pin(Catalog *catalog, void *data, GError **error)
{
    const Pin *pin = data;
    const Shelf *shelf = pin->run->shelf;
    Backup *backup = catalog_find(catalog, pin->id);
    if (backup == NULL || !shelf_has_backup(shelf, pin->id))
        return fail(error, STATUS_USAGE, "%s was removed meanwhile", pin->id);
    /* the tree may be ahead of the catalog: a run was killed between the two */
    if (!tree_read_marks(shelf, backup, error))
        return FALSE;
    backup->pinned = pin->pinned;
    if (!tree_write_marks(shelf, backup, error))
        return FALSE;
    crash_point("pin.marked");
    return TRUE;
}

static void fill_pin(const Run *run, const char *id, PinOutcome *outcome)
{
    outcome->backup = backup_copy(catalog_find(run->catalog, id));
    for (guint i = 0; i < run->catalog->backups->len; i++) {
        const Backup *other = run->catalog->backups->pdata[i];
        if (other->pinned && outcome->still_pinned_by == NULL && !g_str_equal(other->id, id) &&
            g_str_equal(other->chain, outcome->backup->chain))
            outcome->still_pinned_by = g_strdup(other->id);
    }
}

gboolean flow_pin(Run *run, const char *wanted, gboolean pinned, PinOutcome *outcome,
                  GError **error)
{
    const Backup *backup = run_find(run, wanted, error);
    if (backup == NULL)
        return FALSE;
    if (backup->state == STATE_MISSING)
        return fail(error, STATUS_CHAIN, "%s is gone from the tree: there is nothing to pin",
                    backup->id);
    g_autofree char *id = g_strdup(backup->id);
    Pin pin = {run, id, pinned};
    outcome->changed = backup->pinned != pinned;
    if (outcome->changed && !run_change(run, set_pin, &pin, error))
        return FALSE;
    fill_pin(run, id, outcome);
    return TRUE;
}
