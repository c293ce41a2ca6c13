/* SPDX-License-Identifier: MIT */
#include "model/chain.h"

#include "base/error.h"

#include <string.h>

void chain_free(gpointer data)
{
    Chain *chain = data;
    g_ptr_array_unref(chain->links);
    g_free(chain);
}

GPtrArray *chain_all(const GPtrArray *backups)
{
    GPtrArray *chains = g_ptr_array_new_with_free_func(chain_free);
    g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < backups->len; i++) {
        Backup *backup = backups->pdata[i];
        Chain *chain = g_hash_table_lookup(by_id, backup->chain);
        if (chain == NULL) {
            chain = g_new0(Chain, 1);
            chain->id = backup->chain;
            chain->links = g_ptr_array_new();
            g_hash_table_insert(by_id, backup->chain, chain);
            g_ptr_array_add(chains, chain);
        }
        g_ptr_array_add(chain->links, backup);
    }
    return chains;
}

static void reverse(GPtrArray *array)
{
    for (guint i = 0; i < array->len / 2; i++) {
        gpointer first = array->pdata[i];
        array->pdata[i] = array->pdata[array->len - 1 - i];
        array->pdata[array->len - 1 - i] = first;
    }
}

GPtrArray *chain_path(const GPtrArray *backups, const Backup *backup, GError **error)
{
    g_autoptr(GPtrArray) path = g_ptr_array_new();
    const Backup *link = backup;
    g_ptr_array_add(path, (gpointer)(uintptr_t)link);
    while (link->type == BACKUP_INCREMENTAL) {
        const Backup *parent = backup_find(backups, link->parent);
        if (parent == NULL || parent->state == STATE_MISSING) {
            (void)fail(error, STATUS_CHAIN, "%s needs %s, which is not there", link->id,
                       *link->parent != '\0' ? link->parent : "a parent");
            return NULL;
        }
        /* ids only grow along a chain, so a loop of parents cannot pass here */
        if (strcmp(parent->id, link->id) >= 0) {
            (void)fail(error, STATUS_CHAIN, "%s names the younger %s as its parent", link->id,
                       parent->id);
            return NULL;
        }
        g_ptr_array_add(path, (gpointer)(uintptr_t)parent);
        link = parent;
    }
    reverse(path);
    return g_steal_pointer(&path);
}

/* Without a list of links, for `list` asks it of 10,000 backups. */
static gboolean is_sound(const GPtrArray *backups, const Backup *backup)
{
    const Backup *link = backup;
    while (link->state == STATE_COMPLETE && link->type == BACKUP_INCREMENTAL) {
        const Backup *parent = backup_find(backups, link->parent);
        if (parent == NULL || strcmp(parent->id, link->id) >= 0)
            return FALSE;
        link = parent;
    }
    return link->state == STATE_COMPLETE;
}

static char *what_is_wrong(const GPtrArray *backups, const Backup *backup)
{
    if (backup->state == STATE_MISSING)
        return g_strdup_printf("%s is missing from the tree", backup->id);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) path = chain_path(backups, backup, &error);
    if (path == NULL)
        return g_strdup(error->message);
    const Backup *link = path->pdata[0];
    for (guint i = 1; link->state != STATE_QUARANTINED; i++)
        link = path->pdata[i];
    return g_strdup_printf("%s is quarantined (%s): %s", link->id, link->rule, link->reason);
}

gboolean chain_sound(const GPtrArray *backups, const Backup *backup, char **why)
{
    gboolean sound = is_sound(backups, backup);
    if (!sound && why != NULL)
        *why = what_is_wrong(backups, backup);
    return sound;
}

const Backup *chain_newest_full(const GPtrArray *backups)
{
    for (guint i = backups->len; i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (backup->type == BACKUP_FULL)
            return backup;
    }
    return NULL;
}

const Backup *chain_newest_link(const GPtrArray *backups)
{
    const Backup *full = chain_newest_full(backups);
    for (guint i = backups->len; full != NULL && i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (g_str_equal(backup->chain, full->id))
            return backup;
    }
    return NULL;
}

guint chain_depth(const GPtrArray *backups, const Backup *backup)
{
    g_autoptr(GPtrArray) path = chain_path(backups, backup, NULL);
    return path != NULL ? path->len - 1 : 0;
}

gboolean chain_proven(const GPtrArray *backups, const Backup *backup, int64_t read_since)
{
    if (backup->proof < PROOF_PREPARE || backup->proof_failed != PROOF_NONE ||
        !chain_sound(backups, backup, NULL))
        return FALSE;
    g_autoptr(GPtrArray) path = chain_path(backups, backup, NULL);
    for (guint i = 0; path != NULL && i < path->len; i++) {
        const Backup *link = path->pdata[i];
        if (link->files_at == 0 || link->files_at < read_since)
            return FALSE;
    }
    return path != NULL;
}

const Backup *chain_restorable_until(const GPtrArray *backups)
{
    for (guint i = backups->len; i > 0; i--) {
        if (chain_sound(backups, backups->pdata[i - 1], NULL))
            return backups->pdata[i - 1];
    }
    return NULL;
}

const Backup *chain_proven_until(const GPtrArray *backups, int64_t read_since)
{
    for (guint i = backups->len; i > 0; i--) {
        if (chain_proven(backups, backups->pdata[i - 1], read_since))
            return backups->pdata[i - 1];
    }
    return NULL;
}
