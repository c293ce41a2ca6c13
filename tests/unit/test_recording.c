/* SPDX-License-Identifier: MIT */
#include "flow/recording.h"

#include "catalog/tree.h"

#include "sample.h"

enum { LINKS = 3, NOW = SAMPLE_SUNDAY + 10 * SAMPLE_DAY };

static const InstanceConfig shop = {.name = (char *)(size_t) "shop"};
static char *root;
static Run run;

/* Three links, published and in the catalog; no proof has been made. */
static void set_up(void)
{
    root = sample_directory();
    run = (Run){.config = &shop, .command = "verify", .records = TRUE, .shelf = sample_shelf(root)};
    g_autoptr(GPtrArray) links = sample_backups();
    const Backup *parent = NULL;
    for (int day = 0; day < LINKS; day++) {
        parent = sample_add(links, SAMPLE_SUNDAY + day * SAMPLE_DAY, parent);
        g_autofree char *name = shelf_backup(parent->id);
        g_autofree char *at = g_build_filename(run.shelf->path, name, NULL);
        cr_assert(g_mkdir_with_parents(at, 0755) == 0);
        autofd int fd = files_open_dir(AT_FDCWD, at, NULL);
        cr_assert(tree_write_facts(fd, parent, NULL) && tree_write_marks(run.shelf, parent, NULL));
    }
    g_autoptr(GPtrArray) damaged = catalog_damages_new();
    g_autoptr(GError) error = NULL;
    run.catalog = catalog_rebuild(run.shelf, "test", damaged, &error);
    cr_assert_not_null(run.catalog, "%s", error != NULL ? error->message : "");
}

static void tear_down(void)
{
    g_clear_pointer(&run.catalog, catalog_free);
    shelf_free(run.shelf);
    sample_remove(root);
}

TestSuite(recording, .init = set_up, .fini = tear_down, .timeout = 60);

static Backup *link_at(guint index)
{
    return run.catalog->backups->pdata[index];
}

/* A proof of the first `links`, as it ended. */
typedef struct {
    guint links;
    guint first_applied; /* from this one on they were applied, and read */
    ProofLevel reached;
    int failed; /* the link to blame; -1: none */
    ProofLevel failed_level;
} Proof;

static gboolean record(const Proof *proof)
{
    gboolean read[LINKS] = {FALSE};
    g_autoptr(GPtrArray) path = g_ptr_array_new();
    for (guint i = 0; i < proof->links; i++) {
        g_ptr_array_add(path, link_at(i));
        read[i] = i >= proof->first_applied;
    }
    g_autoptr(Drill) drill = drill_new("x", "x", DRILL_VERIFY);
    const ProofResult result = {
        .reached = proof->reached,
        .failed = proof->failed >= 0 ? link_at((guint)proof->failed) : NULL,
        .failed_level = proof->failed_level,
        .read = read,
        .first_applied = proof->first_applied,
        .drill = drill,
    };
    const Recording recording = {&run, path, &result, "engine 1", "it is broken", NOW};
    gboolean recorded = FALSE;
    g_autoptr(GError) error = NULL;
    cr_assert(recording_write(&run, &recording, &recorded, &error), "%s",
              error != NULL ? error->message : "");
    return recorded;
}

/* "prepare queries none": what each link has passed. */
static void expect_proofs(const char *wanted)
{
    g_autoptr(GString) got = g_string_new(NULL);
    for (guint i = 0; i < run.catalog->backups->len; i++)
        g_string_append_printf(got, "%s%s", i > 0 ? " " : "", proof_level_word(link_at(i)->proof));
    cr_expect_str_eq(got->str, wanted);
}

static const Proof of_all = {.links = 3, .reached = PROOF_QUERIES, .failed = -1};

Test(recording, notes_what_the_last_link_passed_and_that_the_others_were_prepared)
{
    cr_expect(record(&of_all));
    expect_proofs("prepare prepare queries");
    cr_expect(link_at(0)->files_at == NOW && link_at(2)->files_at == NOW);
}

Test(recording, notes_nothing_of_links_that_the_rolling_base_held)
{
    record(&(Proof){.links = 3, .first_applied = 2, .reached = PROOF_QUERIES, .failed = -1});
    expect_proofs("none none queries");
    cr_expect_eq(link_at(1)->files_at, 0);
}

Test(recording, notes_of_every_link_that_its_files_were_read)
{
    record(&(Proof){.links = 3, .reached = PROOF_FILES, .failed = -1});
    expect_proofs("files files files");
}

Test(recording, keeps_the_higher_level_that_a_link_passed_before)
{
    record(&of_all);
    record(&(Proof){.links = 3, .reached = PROOF_PREPARE, .failed = -1});
    record(&(Proof){.links = 3, .reached = PROOF_FILES, .failed = -1});
    expect_proofs("prepare prepare queries");
}

Test(recording, takes_the_level_that_failed_back_and_leaves_the_link_restorable)
{
    record(&of_all);
    record(&(Proof){3, 0, PROOF_SERVER, 2, PROOF_QUERIES});
    expect_proofs("prepare prepare server");
    const Backup *last = link_at(2);
    cr_expect_eq(last->proof_failed, PROOF_QUERIES);
    cr_expect_eq(last->proof_failed_at, NOW);
    cr_expect_str_eq(last->proof_failed_reason, "it is broken");
    cr_expect_eq(last->state, STATE_COMPLETE);
}

Test(recording, condemns_the_link_that_cannot_be_prepared_and_notes_no_success_beside_it)
{
    record(&(Proof){3, 0, PROOF_NONE, 1, PROOF_PREPARE});
    expect_proofs("none none none");
    cr_expect_eq(link_at(1)->state, STATE_QUARANTINED);
    cr_expect_str_eq(link_at(1)->rule, "proof");
    cr_expect_eq(link_at(0)->state, STATE_COMPLETE);
    cr_expect_eq(link_at(2)->state, STATE_COMPLETE);
}

Test(recording, lifts_a_failure_by_a_proof_of_that_level_and_not_by_a_lower_one)
{
    record(&(Proof){3, 0, PROOF_SERVER, 2, PROOF_QUERIES});
    record(&(Proof){.links = 3, .reached = PROOF_SERVER, .failed = -1});
    cr_expect_eq(link_at(2)->proof_failed, PROOF_QUERIES);
    record(&of_all);
    cr_expect_eq(link_at(2)->proof_failed, PROOF_NONE);
    cr_expect_str_eq(link_at(2)->proof_failed_reason, "");
}

Test(recording, lifts_a_quarantine_by_a_prepare_and_not_by_reading)
{
    record(&(Proof){3, 0, PROOF_NONE, 1, PROOF_PREPARE});
    record(&(Proof){.links = 3, .reached = PROOF_FILES, .failed = -1});
    cr_expect_eq(link_at(1)->state, STATE_QUARANTINED);
    record(&(Proof){.links = 3, .first_applied = 2, .reached = PROOF_QUERIES, .failed = -1});
    cr_expect_eq(link_at(1)->state, STATE_QUARANTINED, "the base held it: it was not tried");
    record(&of_all);
    cr_expect_eq(link_at(1)->state, STATE_COMPLETE);
    cr_expect_eq(link_at(1)->proof_failed, PROOF_NONE);
}

Test(recording, notes_nothing_when_the_world_failed_before_anything_passed)
{
    cr_expect_not(record(&(Proof){3, 3, PROOF_NONE, -1, PROOF_NONE}));
    expect_proofs("none none none");
}

Test(recording, writes_the_marks_of_the_tree_as_well_as_the_catalog)
{
    record(&of_all);
    g_autoptr(Backup) last = tree_read(run.shelf, link_at(2)->id, NULL);
    cr_assert_not_null(last);
    cr_expect_eq(last->proof, PROOF_QUERIES);
    cr_expect_str_eq(last->proof_engine, "engine 1");
}
