/* SPDX-License-Identifier: MIT */
#include "model/health.h"

#include "sample.h"

enum { READ_SINCE = 1000 };

typedef struct {
    GPtrArray *backups;
    Backup *full;
    Backup *link;
} Scene;

/* A full and an incremental, both proven: nothing is wrong. */
static Scene scene_new(void)
{
    Scene scene = {.backups = sample_backups()};
    scene.full = sample_add(scene.backups, SAMPLE_SUNDAY, NULL);
    scene.link = sample_add(scene.backups, SAMPLE_SUNDAY + SAMPLE_DAY, scene.full);
    scene.full->proof = scene.link->proof = PROOF_PREPARE;
    scene.full->files_at = READ_SINCE + 50;
    scene.link->files_at = READ_SINCE + 90;
    return scene;
}

static void scene_clear(Scene *scene)
{
    g_ptr_array_unref(scene->backups);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static gboolean says(const Health *health, const char *part)
{
    for (guint i = 0; i < health->problems->len; i++) {
        const Problem *problem = health->problems->pdata[i];
        if (strstr(problem->sentence, part) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Exactly these sentences (parts of them), ended by NULL. */
static void expect_problems(const Health *health, const char *const *parts)
{
    guint count = 0;
    for (; parts[count] != NULL; count++)
        cr_expect(says(health, parts[count]), "no problem says '%s'", parts[count]);
    cr_expect(health->problems->len == count, "%u problems, not %u", health->problems->len, count);
}

Test(health, finds_nothing_wrong_where_nothing_is)
{
    g_auto(Scene) scene = scene_new();
    g_auto(Health) health = health_of(scene.backups, READ_SINCE);
    cr_expect(health.newest == scene.link);
    cr_expect(health.restorable == scene.link);
    cr_expect(health.proven == scene.link);
    cr_expect(health.read_at == READ_SINCE + 50, "the oldest reading of the chain counts");
    expect_problems(&health, (const char *const[]){NULL});
}

Test(health, says_that_there_is_no_backup)
{
    g_autoptr(GPtrArray) backups = sample_backups();
    g_auto(Health) health = health_of(backups, READ_SINCE);
    cr_expect(health.newest == NULL && health.restorable == NULL && health.proven == NULL);
    cr_expect(health.read_at == 0);
    expect_problems(&health, (const char *const[]){"there is no backup", NULL});
}

Test(health, says_that_nothing_is_proven)
{
    g_auto(Scene) scene = scene_new();
    scene.full->proof = scene.link->proof = PROOF_FILES;
    g_auto(Health) health = health_of(scene.backups, READ_SINCE);
    cr_expect(health.restorable == scene.link && health.proven == NULL);
    expect_problems(&health, (const char *const[]){"no backup is proven", NULL});
}

Test(health, says_that_the_newest_is_not_proven)
{
    g_auto(Scene) scene = scene_new();
    scene.link->proof = PROOF_NONE;
    g_auto(Health) health = health_of(scene.backups, READ_SINCE);
    cr_expect(health.restorable == scene.link && health.proven == scene.full);
    expect_problems(&health, (const char *const[]){"is not proven", NULL});
    cr_expect(says(&health, scene.link->id));
}

Test(health, says_that_a_proof_has_grown_old)
{
    g_auto(Scene) scene = scene_new();
    g_auto(Health) health = health_of(scene.backups, READ_SINCE + 51);
    cr_expect_null(health.proven);
    cr_expect(health.read_at == 0);
    expect_problems(&health, (const char *const[]){"no backup is proven", NULL});
}

Test(health, says_which_backup_is_quarantined_and_what_hangs_on_it)
{
    g_auto(Scene) scene = scene_new();
    backup_quarantine(scene.full, "files", "a byte has changed", 1);
    g_auto(Health) health = health_of(scene.backups, READ_SINCE);
    cr_expect(health.restorable == NULL && health.proven == NULL);
    expect_problems(&health, (const char *const[]){"is quarantined (files): a byte has changed",
                                                   "no backup can be restored",
                                                   "no backup is proven", NULL});
}

Test(health, says_that_only_an_older_backup_restores)
{
    g_auto(Scene) scene = scene_new();
    scene.link->state = STATE_MISSING;
    g_auto(Health) health = health_of(scene.backups, READ_SINCE);
    cr_expect(health.newest == scene.link);
    cr_expect(health.restorable == scene.full && health.proven == scene.full);
    expect_problems(&health,
                    (const char *const[]){"is gone from the tree", "cannot be restored", NULL});
}

Test(health, says_which_proof_failed_and_why)
{
    g_auto(Scene) scene = scene_new();
    scene.link->proof_failed = PROOF_QUERIES;
    backup_set_text(&scene.link->proof_failed_reason, "orders are empty");
    g_auto(Health) health = health_of(scene.backups, READ_SINCE);
    cr_expect(health.restorable == scene.link && health.proven == scene.full);
    expect_problems(&health, (const char *const[]){"failed at level queries: orders are empty",
                                                   "is not proven", NULL});
}
