/* SPDX-License-Identifier: MIT */
#include "flow/publishing.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/proc.h"
#include "catalog/tree.h"
#include "flow/capture.h"
#include "model/chain.h"
#include "model/schedule.h"

#include <errno.h>
#include <fcntl.h>

/* Behind the parent, which comes first: the newest incremental and the newest full. */
static void take_newest(const Backup *wanted[3], const Backup *backup)
{
    size_t slot = backup->type == BACKUP_INCREMENTAL ? 1 : 2;
    if (wanted[slot] == NULL && backup->state == STATE_COMPLETE)
        wanted[slot] = backup;
}

/*
 * The parent, the newest incremental (its unchanged deltas are the same), the newest full; only of
 * sound backups, for a damaged file must not spread; with `reseed_every` only as far back as the
 * last full that was stored anew.
 */
static GPtrArray *choose_against(const Run *run, const Backup *backup)
{
    GPtrArray *ids = g_ptr_array_new();
    const GPtrArray *backups = run->catalog->backups;
    int64_t every = run->config->reseed_every;
    const Backup *seed = every > 0 ? schedule_newest_seed(backups) : NULL;
    const Backup *wanted[3] = {NULL};
    wanted[0] = backup_find(backups, backup->parent);
    for (guint i = backups->len; i > 0 && backups->pdata[i - 1] != seed; i--)
        take_newest(wanted, backups->pdata[i - 1]);
    if (seed != NULL)
        take_newest(wanted, seed);
    gboolean anew = backup->type == BACKUP_FULL && schedule_reseeds(backups, every);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted) && !anew; i++) {
        gboolean twice = i > 0 && wanted[i] == wanted[0];
        if (wanted[i] != NULL && wanted[i]->state == STATE_COMPLETE && !twice)
            g_ptr_array_add(ids, wanted[i]->id);
    }
    g_ptr_array_add(ids, NULL);
    return ids;
}

/* Made by the owner, so that readers of any user find it. */
static gboolean make_chain_lock(const Shelf *shelf, const char *chain, GError **error)
{
    g_autofree char *name = g_strconcat("locks/", chain, NULL);
    autofd int fd = openat(shelf->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 || fail_storage(error, "cannot create the lock %s: %s", name, g_strerror(errno));
}

typedef struct {
    Run *run;
    const Backup *backup;
    const GPtrArray *against; /* ids, NULL-terminated */
} Commit;

/* Why it must not be trusted: what was sound when it was begun may not be any more. */
static char *find_objection(const Catalog *catalog, const Commit *data, const char **rule)
{
    const Backup *backup = data->backup;
    const Backup *parent = backup_find(catalog->backups, backup->parent);
    char *why = NULL;
    *rule = "parent-present";
    if (backup->type == BACKUP_INCREMENTAL && parent == NULL)
        return g_strdup("its parent has left the catalog");
    if (backup->type == BACKUP_INCREMENTAL && !chain_sound(catalog->backups, parent, &why))
        return why;
    *rule = "proof"; /* so that a proof can lift it: it need not hold the damaged file */
    for (guint i = 0; data->against->pdata[i] != NULL; i++) {
        const Backup *other = backup_find(catalog->backups, data->against->pdata[i]);
        if (other != NULL && other->state == STATE_QUARANTINED)
            return g_strdup_printf("%s, with which it shares files, was quarantined meanwhile",
                                   other->id);
    }
    return NULL;
}

static gboolean commit(Catalog *catalog, void *data, GError **error)
{
    const Commit *commit_data = data;
    const Shelf *shelf = commit_data->run->shelf;
    const char *id = commit_data->backup->id;
    if (catalog_find(catalog, id) != NULL)
        return fail(error, STATUS_CATALOG, "%s is in the catalog already", id);
    g_autoptr(Backup) backup = backup_copy(commit_data->backup);
    const char *rule = NULL;
    g_autofree char *why =
        backup->state == STATE_COMPLETE ? find_objection(catalog, commit_data, &rule) : NULL;
    if (why != NULL) {
        backup_quarantine(backup, rule, why, clock_now());
        if (!tree_write_marks(shelf, backup, error))
            return FALSE;
    }
    if (!make_chain_lock(shelf, backup->chain, error) || !publish_commit(shelf, id, error))
        return FALSE;
    crash_point("publishing.committed");
    catalog_add(catalog, g_steal_pointer(&backup));
    return TRUE;
}

gboolean publishing_run(Run *run, Backup *backup, const char *capture, Published *published,
                        GError **error)
{
    g_autofree char *rsync = proc_find(run->config->rsync, error);
    if (rsync == NULL)
        return FALSE;
    g_autoptr(GPtrArray) against = choose_against(run, backup);
    const PublishSpec spec = {
        .shelf = run->shelf,
        .id = backup->id,
        .capture = capture,
        .against = (const char *const *)against->pdata,
        .rsync = rsync,
    };
    if (!publish_tree(&spec, published, error))
        return FALSE;
    backup->bytes_new = published->bytes_new;
    if (!tree_write_marks(run->shelf, backup, error) || !publish_flush(run->shelf, error))
        return FALSE;
    Commit commit_data = {run, backup, against};
    if (!run_change(run, commit, &commit_data, error))
        return FALSE;
    crash_point("publishing.catalogued");
    g_autoptr(GError) left = NULL;
    if (!capture_remove(run, backup->id, &left)) /* the backup exists; the next run removes it */
        log_warning("%s", left->message);
    return TRUE;
}
