/* SPDX-License-Identifier: MIT */
#include "model/chain.h"

#include "sample.h"

/* Day 0 is a Sunday. */
static Backup *add_full(GPtrArray *backups, int day)
{
    return sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, NULL);
}

static Backup *add_link(GPtrArray *backups, int day, const Backup *parent)
{
    return sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, parent);
}

static Backup *proved(Backup *backup, int64_t read_at)
{
    backup->proof = PROOF_PREPARE;
    backup->files_at = read_at;
    return backup;
}

static void expect_path(const GPtrArray *backups, const Backup *backup, const char *days)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) path = chain_path(backups, backup, &error);
    cr_assert_not_null(path, "%s", error != NULL ? error->message : "");
    g_autoptr(GString) got = g_string_new(NULL);
    for (guint i = 0; i < path->len; i++) {
        const Backup *link = path->pdata[i];
        g_string_append_printf(got, "%d ", (int)((link->started - SAMPLE_SUNDAY) / SAMPLE_DAY));
    }
    cr_expect_str_eq(got->str, days);
}

static void expect_unsound(const GPtrArray *backups, const Backup *backup, const char *part)
{
    g_autofree char *why = NULL;
    cr_expect_not(chain_sound(backups, backup, &why), "%s is sound", backup->id);
    cr_assert_not_null(why);
    cr_expect_not_null(strstr(why, part), "'%s' does not say '%s'", why, part);
    cr_expect_not(chain_sound(backups, backup, NULL));
}

Test(chain, goes_from_the_full_to_the_link_and_no_further)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = add_full(backups, 0);
    const Backup *monday = add_link(backups, 1, full);
    const Backup *tuesday = add_link(backups, 2, monday);
    add_link(backups, 3, tuesday);
    expect_path(backups, full, "0 ");
    expect_path(backups, tuesday, "0 1 2 ");
    cr_expect(chain_depth(backups, full) == 0);
    cr_expect(chain_depth(backups, tuesday) == 2);
}

Test(chain, takes_each_branch_by_its_parents_and_not_by_lsns)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = add_full(backups, 0);
    Backup *misfit = add_link(backups, 1, full);
    const Backup *monday = add_link(backups, 2, full); /* the same LSNs as the misfit */
    const Backup *tuesday = add_link(backups, 3, monday);
    backup_quarantine(misfit, "timeline", "the server restarted", 1);
    expect_path(backups, misfit, "0 1 ");
    expect_path(backups, tuesday, "0 2 3 ");
    expect_unsound(backups, misfit, "timeline");
    cr_expect(chain_sound(backups, tuesday, NULL), "its sibling is none of its concern");
    cr_expect(chain_depth(backups, tuesday) == 2);

    g_autoptr(GPtrArray) chains = chain_all(backups);
    cr_assert(chains->len == 1);
    const Chain *chain = chains->pdata[0];
    cr_expect(chain->links->len == 4);
}

Test(chain, takes_links_of_equal_lsn_in_the_order_of_their_parents)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = add_full(backups, 0);
    Backup *first = add_link(backups, 1, full);
    first->to_lsn = first->from_lsn;
    Backup *second = add_link(backups, 2, first);
    second->to_lsn = second->from_lsn;
    const Backup *third = add_link(backups, 3, second);
    cr_assert(third->from_lsn == first->from_lsn);
    expect_path(backups, third, "0 1 2 3 ");
}

Test(chain, ends_trust_at_a_quarantined_link_in_the_middle)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = add_full(backups, 0);
    const Backup *monday = add_link(backups, 1, full);
    Backup *tuesday = add_link(backups, 2, monday);
    const Backup *wednesday = add_link(backups, 3, tuesday);
    backup_quarantine(tuesday, "lsn-continuity", "a gap", 1);
    cr_expect(chain_sound(backups, full, NULL));
    cr_expect(chain_sound(backups, monday, NULL));
    expect_unsound(backups, tuesday, "a gap");
    expect_unsound(backups, wednesday, tuesday->id);
    cr_expect(chain_restorable_until(backups) == monday);
    cr_expect(chain_newest_link(backups) == wednesday, "the next one sees why it cannot hang on");
}

Test(chain, needs_every_link_down_to_the_full)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *full = add_full(backups, 0);
    Backup *monday = add_link(backups, 1, full);
    Backup *tuesday = add_link(backups, 2, monday);

    monday->state = STATE_MISSING;
    expect_unsound(backups, tuesday, monday->id);
    expect_unsound(backups, monday, "missing");
    g_autoptr(GError) error = NULL;
    cr_expect_null(chain_path(backups, tuesday, &error));
    sample_expect_error(error, STATUS_CHAIN, monday->id);
    cr_expect(chain_depth(backups, tuesday) == 0);

    monday->state = STATE_COMPLETE;
    full->state = STATE_MISSING;
    expect_unsound(backups, monday, full->id);
    expect_unsound(backups, full, "missing");
    cr_expect_null(chain_restorable_until(backups));

    backup_set_text(&tuesday->parent, "");
    expect_unsound(backups, tuesday, "a parent");
}

Test(chain, makes_a_chain_of_incrementals_whose_full_is_gone)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *full = add_full(backups, 0);
    g_autofree char *id = g_strdup(full->id);
    const Backup *monday = add_link(backups, 1, full);
    g_ptr_array_remove(backups, full);
    g_autoptr(GPtrArray) chains = chain_all(backups);
    cr_assert(chains->len == 1);
    const Chain *chain = chains->pdata[0];
    cr_expect_str_eq(chain->id, id);
    cr_expect(chain->links->len == 1);
    expect_unsound(backups, monday, id);
    cr_expect_null(chain_newest_full(backups));
    cr_expect_null(chain_newest_link(backups));
}

Test(chain, is_not_caught_in_a_loop_of_parents, .timeout = 5)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = add_full(backups, 0);
    Backup *monday = add_link(backups, 1, full);
    Backup *tuesday = add_link(backups, 2, monday);
    backup_set_text(&monday->parent, tuesday->id);
    expect_unsound(backups, tuesday, "younger");
    expect_unsound(backups, monday, "younger");
    backup_set_text(&monday->parent, monday->id);
    expect_unsound(backups, tuesday, monday->id);
    expect_unsound(backups, monday, monday->id);
}

Test(chain, keeps_chains_apart_and_in_order)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *old = add_full(backups, 0);
    const Backup *young = add_full(backups, 7);
    const Backup *late = add_link(backups, 8, old); /* taken by hand on the old chain */
    const Backup *newest = add_link(backups, 9, young);
    add_link(backups, 10, late);
    g_autoptr(GPtrArray) chains = chain_all(backups);
    cr_assert(chains->len == 2);
    const Chain *first = chains->pdata[0];
    const Chain *second = chains->pdata[1];
    cr_expect_str_eq(first->id, old->id);
    cr_expect(first->links->len == 3 && first->links->pdata[0] == old);
    cr_expect(second->links->len == 2 && second->links->pdata[1] == newest);
    cr_expect(chain_newest_full(backups) == young);
    cr_expect(chain_newest_link(backups) == newest);
}

Test(chain, has_nothing_to_say_of_no_backups)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    g_autoptr(GPtrArray) chains = chain_all(backups);
    cr_expect(chains->len == 0);
    cr_expect_null(chain_newest_full(backups));
    cr_expect_null(chain_newest_link(backups));
    cr_expect_null(chain_restorable_until(backups));
    cr_expect_null(chain_proven_until(backups, 0));
}

enum { READ_SINCE = 1000 };

Test(chain, is_proven_from_prepare_on)
{
    static const gboolean wanted[] = {FALSE, FALSE, TRUE, TRUE, TRUE};
    for (int level = PROOF_NONE; level <= PROOF_QUERIES; level++) {
        g_autoptr(GPtrArray) backups = sample_backups();
        Backup *full = proved(add_full(backups, 0), READ_SINCE);
        full->proof = (ProofLevel)level;
        cr_expect(chain_proven(backups, full, READ_SINCE) == wanted[level], "level %d", level);
    }
}

Test(chain, loses_its_proof_with_a_failure_or_a_quarantine)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    Backup *full = proved(add_full(backups, 0), READ_SINCE);
    Backup *monday = proved(add_link(backups, 1, full), READ_SINCE);
    cr_expect(chain_proven(backups, monday, READ_SINCE));
    cr_expect(chain_proven_until(backups, READ_SINCE) == monday);

    monday->proof_failed = PROOF_QUERIES;
    cr_expect_not(chain_proven(backups, monday, READ_SINCE));
    cr_expect(chain_proven_until(backups, READ_SINCE) == full);
    cr_expect(chain_restorable_until(backups) == monday, "it may be the server's own fault");

    monday->proof_failed = PROOF_NONE;
    backup_quarantine(full, "proof", "it did not prepare", 1);
    cr_expect_not(chain_proven(backups, monday, READ_SINCE));
    cr_expect_null(chain_proven_until(backups, READ_SINCE));
}

Test(chain, is_proven_only_while_every_link_was_read_lately)
{
    static const struct {
        int64_t full;
        int64_t monday;
        int64_t tuesday;
        gboolean proven;
    } cases[] = {
        {READ_SINCE, READ_SINCE, READ_SINCE, TRUE},
        {READ_SINCE - 1, READ_SINCE, READ_SINCE, FALSE},
        {READ_SINCE, READ_SINCE - 1, READ_SINCE, FALSE},
        {READ_SINCE, READ_SINCE, READ_SINCE - 1, FALSE},
        {0, READ_SINCE, READ_SINCE, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) backups = sample_backups();
        Backup *full = add_full(backups, 0);
        full->files_at = cases[i].full; /* its own proof is not asked for */
        Backup *monday = add_link(backups, 1, full);
        monday->files_at = cases[i].monday;
        const Backup *tuesday = proved(add_link(backups, 2, monday), cases[i].tuesday);
        cr_expect(chain_proven(backups, tuesday, READ_SINCE) == cases[i].proven, "case %zu", i);
    }
}

Test(chain, is_not_proven_by_files_that_were_never_read)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    const Backup *full = proved(add_full(backups, 0), 0);
    cr_expect_not(chain_proven(backups, full, 0));
    cr_expect_not(chain_proven(backups, full, -5));
}

/* Whatever chains are drawn: what can be restored has a path on which nothing is wrong. */
Test(chain, says_restorable_only_of_a_path_without_a_fault)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20261122);
    for (int round = 0; round < 300; round++) {
        g_autoptr(GPtrArray) backups = sample_backups();
        for (int day = 0; day < 20; day++) {
            const Backup *parent = NULL;
            if (backups->len > 0 && g_rand_int_range(random, 0, 5) > 0)
                parent = backups->pdata[g_rand_int_range(random, 0, (gint32)backups->len)];
            Backup *backup = sample_add(backups, SAMPLE_SUNDAY + day * SAMPLE_DAY, parent);
            if (g_rand_int_range(random, 0, 6) == 0)
                backup->state = (BackupState)g_rand_int_range(random, 1, 3);
        }
        for (guint i = 0; i < backups->len; i++) {
            const Backup *link = backups->pdata[i];
            gboolean fine = link->state == STATE_COMPLETE;
            const Backup *at = link;
            while (fine && at->type == BACKUP_INCREMENTAL) {
                at = backup_find(backups, at->parent);
                fine = at->state == STATE_COMPLETE;
            }
            cr_assert(chain_sound(backups, link, NULL) == fine, "round %d: %s", round, link->id);
        }
    }
}
