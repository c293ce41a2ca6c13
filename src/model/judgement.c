/* SPDX-License-Identifier: MIT */
#include "model/judgement.h"

#include "model/chain.h"

/* ---- look ------------------------------------------------------------------------------------ */

static void link_free(gpointer data)
{
    Link *link = data;
    g_free(link->sentence);
    g_free(link);
}

static void group_free(gpointer data)
{
    Group *group = data;
    g_ptr_array_unref(group->links);
    g_free(group);
}

void judgement_clear(Judgement *judgement)
{
    g_clear_pointer(&judgement->by_id, g_hash_table_unref);
    g_clear_pointer(&judgement->groups, g_ptr_array_unref);
    g_clear_pointer(&judgement->links, g_ptr_array_unref);
    g_clear_pointer(&judgement->backups, g_ptr_array_unref);
}

Link *judgement_parent(const Judgement *judgement, const Link *link)
{
    return g_hash_table_lookup(judgement->by_id, link->backup->parent);
}

/* Backups come by age, a parent before what hangs on it: what it knows is enough. */
static void look_at_link(Judgement *judgement, const Backup *backup)
{
    Link *link = g_new0(Link, 1);
    link->backup = backup;
    const Link *parent = backup->type == BACKUP_FULL ? NULL : judgement_parent(judgement, link);
    gboolean rests = backup->type == BACKUP_FULL || (parent != NULL && parent->sound);
    link->there = backup->state != STATE_MISSING;
    link->sound = rests && backup->state == STATE_COMPLETE;
    link->read_at = parent != NULL ? MIN(parent->read_at, backup->files_at) : backup->files_at;
    link->passed = link->sound && link->read_at != 0 && backup->proof >= PROOF_PREPARE &&
                   backup->proof_failed == PROOF_NONE;
    link->proven = link->passed && link->read_at >= judgement->facts->read_since;
    g_ptr_array_add(judgement->links, link);
    g_hash_table_insert(judgement->by_id, backup->id, link);
    if (link->sound)
        judgement->newest_sound = link;
}

static void look_at_chains(Judgement *judgement)
{
    g_autoptr(GPtrArray) chains = chain_all(judgement->backups);
    for (guint i = 0; i < chains->len; i++) {
        const Chain *chain = chains->pdata[i];
        Group *group = g_new0(Group, 1);
        group->id = chain->id;
        group->links = g_ptr_array_new();
        for (guint j = 0; j < chain->links->len; j++) {
            const Backup *backup = chain->links->pdata[j];
            Link *link = g_hash_table_lookup(judgement->by_id, backup->id);
            link->group = group;
            g_ptr_array_add(group->links, link);
        }
        g_ptr_array_add(judgement->groups, group);
    }
}

Judgement judgement_look(const GPtrArray *backups, const RetentionRules *rules,
                         const RetentionFacts *facts)
{
    Judgement judgement = {
        .rules = rules,
        .facts = facts,
        .backups = g_ptr_array_new(),
        .links = g_ptr_array_new_with_free_func(link_free),
        .groups = g_ptr_array_new_with_free_func(group_free),
        .by_id = g_hash_table_new(g_str_hash, g_str_equal),
    };
    for (guint i = 0; i < backups->len; i++)
        g_ptr_array_add(judgement.backups, backups->pdata[i]);
    g_ptr_array_sort(judgement.backups, backup_compare);
    for (guint i = 0; i < judgement.backups->len; i++)
        look_at_link(&judgement, judgement.backups->pdata[i]);
    look_at_chains(&judgement);
    return judgement;
}

const Group *judgement_newest_chain(const Judgement *judgement)
{
    const Backup *full = chain_newest_full(judgement->backups);
    const Link *link = full != NULL ? g_hash_table_lookup(judgement->by_id, full->id) : NULL;
    return link != NULL ? link->group : NULL;
}

/* ---- links and chains ------------------------------------------------------------------------ */

void link_keep(Link *link, const char *rule, const char *format, ...)
{
    if (link->rule != NULL)
        return;
    va_list args;
    va_start(args, format);
    link->rule = rule;
    link->sentence = g_strdup_vprintf(format, args);
    va_end(args);
}

gboolean link_is_sound(const Link *link)
{
    return link->sound;
}

gboolean link_is_passed(const Link *link)
{
    return link->passed;
}

gboolean link_is_proven(const Link *link)
{
    return link->proven;
}

gboolean link_is_kept(const Link *link)
{
    return link->rule != NULL;
}

gboolean group_has(const Group *group, LinkIsFn *is)
{
    for (guint i = 0; i < group->links->len; i++) {
        if (is(group->links->pdata[i]))
            return TRUE;
    }
    return FALSE;
}

void group_keep(const Group *group, const char *rule, const char *sentence)
{
    for (guint i = 0; i < group->links->len; i++)
        link_keep(group->links->pdata[i], rule, "%s", sentence);
}

void group_keep_sound(const Group *group, const char *rule, const char *sentence)
{
    for (guint i = 0; i < group->links->len; i++) {
        Link *link = group->links->pdata[i];
        if (link->sound)
            link_keep(link, rule, "%s", sentence);
    }
}
