/* SPDX-License-Identifier: MIT */
#include "model/fence.h"

#include "sample.h"

/* Sunday's full, Monday's and Tuesday's incrementals, and a server that has lived through all. */
typedef struct {
    GPtrArray *backups;
    Backup *full;
    Backup *parent;
    Backup *link;
    Witness before;
    Witness after;
} Scene;

static Scene scene_new(void)
{
    Scene scene = {.backups = sample_backups()};
    scene.full = sample_add(scene.backups, SAMPLE_SUNDAY, NULL);
    scene.parent = sample_add(scene.backups, SAMPLE_SUNDAY + SAMPLE_DAY, scene.full);
    scene.link = sample_backup(SAMPLE_SUNDAY + 2 * SAMPLE_DAY, scene.parent);
    scene.before = (Witness){
        .server_uuid = "server-a",
        .uuid_identifies = TRUE,
        .datadir_id = "8:1:77",
        .started = scene.parent->server_started,
        .lsn = scene.parent->last_lsn + 1000,
        .gtid = "",
    };
    scene.after = scene.before;
    return scene;
}

static void scene_clear(Scene *scene)
{
    backup_free(scene->link);
    g_ptr_array_unref(scene->backups);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

/* "rule" for a broken one, "rule?" for one of which nothing is known. */
static char *rules_of(const GPtrArray *breaches)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < breaches->len; i++) {
        const Breach *breach = breaches->pdata[i];
        cr_expect(*breach->sentence != '\0', "%s says nothing", breach->rule);
        g_string_append_printf(text, "%s%s%s", i > 0 ? " " : "", breach->rule,
                               breach->unknown ? "?" : "");
    }
    return g_string_free(text, FALSE);
}

static GPtrArray *ask_before(const Scene *scene)
{
    return fence_before_capture(scene->backups, scene->parent, &scene->before);
}

static GPtrArray *ask_after(const Scene *scene)
{
    return fence_after_capture(scene->backups, scene->parent, scene->link, &scene->before,
                               &scene->after);
}

typedef void ChangeFn(Scene *scene);

typedef struct {
    const char *name;
    ChangeFn *change; /* the one thing that the case is about */
    const char *rules;
} Case;

typedef GPtrArray *AskFn(const Scene *scene);

static void expect_rules(const Case *cases, size_t count, AskFn *ask)
{
    for (size_t i = 0; i < count; i++) {
        g_auto(Scene) scene = scene_new();
        cases[i].change(&scene);
        g_autoptr(GPtrArray) breaches = ask(&scene);
        g_autofree char *rules = rules_of(breaches);
        cr_expect(g_str_equal(rules, cases[i].rules), "%s: '%s', not '%s'", cases[i].name, rules,
                  cases[i].rules);
    }
}

#define CHANGE(name, what)                                                                         \
    static void name(Scene *s)                                                                     \
    {                                                                                              \
        what;                                                                                      \
    }

/* clang-format off */
CHANGE(nothing, (void)s)
CHANGE(server_at_last_lsn, s->before.lsn = s->parent->last_lsn)
CHANGE(server_behind, s->before.lsn = s->parent->last_lsn - 1)
CHANGE(server_between_to_and_last, s->before.lsn = s->parent->to_lsn)
CHANGE(cannot_extend, s->before.cannot_extend = "the engine is of another series")
CHANGE(other_datadir, s->before.datadir_id = "8:1:78")
CHANGE(datadir_unseen, s->before.datadir_id = "")
CHANGE(datadir_was_unseen, backup_set_text(&s->parent->datadir_id, ""))
CHANGE(datadir_never_seen, (s->before.datadir_id = "", backup_set_text(&s->parent->datadir_id, "")))
CHANGE(other_uuid, s->before.server_uuid = "server-b")
CHANGE(other_uuid_of_mariadb, (s->before.server_uuid = "server-b", s->before.uuid_identifies = FALSE))
CHANGE(restarted, s->before.started += 3600)
CHANGE(started_before, s->before.started -= 3600)
CHANGE(start_moved_up, s->before.started += 1)
CHANGE(start_moved_down, s->before.started -= 1)
CHANGE(start_was_unknown, s->parent->server_started = 0)
CHANGE(start_never_known, s->parent->server_started = s->before.started = 0)
CHANGE(parent_quarantined, backup_quarantine(s->parent, "complete", "it was cut", 1))
CHANGE(parent_missing, s->parent->state = STATE_MISSING)
CHANGE(grandparent_quarantined, backup_quarantine(s->full, "lsn-order", "backwards", 1))
CHANGE(grandparent_missing, s->full->state = STATE_MISSING)
CHANGE(grandparent_unknown, g_ptr_array_remove(s->backups, s->full))
CHANGE(parent_proof_failed, s->parent->proof_failed = PROOF_PREPARE)
CHANGE(canary_stamped, s->before.canary = CANARY_STAMPED)
CHANGE(canary_unstamped, s->before.canary = CANARY_UNSTAMPED)
CHANGE(canary_gone, s->before.canary = CANARY_GONE)
CHANGE(restarted_with_canary, (restarted(s), s->before.canary = CANARY_STAMPED))
CHANGE(restarted_without_stamp, (restarted(s), s->before.canary = CANARY_UNSTAMPED))
CHANGE(page_size_unknown, s->before.parameters[0] = NULL)
CHANGE(page_size_was_unknown, s->before.parameters[0] = "4096")
CHANGE(same_files, (backup_add_extra(s->parent->extra_facts, "param_data_file_path", "ibdata1:12M"),
                    s->before.parameters[1] = "ibdata1:12M"))
CHANGE(another_file, (same_files(s), s->before.parameters[1] = "ibdata1:12M;ibdata2:8M"))
CHANGE(other_undo, (backup_add_extra(s->parent->extra_facts, "param_undo_tablespaces", "3"),
                    s->before.parameters[2] = "0"))
CHANGE(other_page_size, (backup_add_extra(s->parent->extra_facts, "param_page_size", "16384"),
                         s->before.parameters[0] = "4096"))
CHANGE(other_pages_and_undo, (other_page_size(s), other_undo(s)))
CHANGE(gtid_went_on, (backup_set_text(&s->parent->gtid, "0-1-5"), s->before.gtid = "0-1-9"))
CHANGE(gtid_went_back, (backup_set_text(&s->parent->gtid, "0-1-5"), s->before.gtid = "0-1-4"))
CHANGE(gtid_went_back_with_canary, (gtid_went_back(s), s->before.canary = CANARY_STAMPED))
CHANGE(restarted_and_gtid_went_on, (restarted(s), gtid_went_on(s)))
/* clang-format on */

Test(fence, holds_the_server_to_the_row_that_it_got_with_the_parent)
{
    static const Case cases[] = {
        {"the row and its stamp", canary_stamped, ""},
        {"a restart, and both are there", restarted_with_canary, ""},
        {"the row without its stamp", canary_unstamped, "timeline"},
        {"a restart, and no stamp", restarted_without_stamp, "timeline"},
        {"no row", canary_gone, "timeline"},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_before);
}

Test(fence, refuses_a_server_whose_shared_files_are_others_since_a_restart)
{
    static const Case cases[] = {
        {"the same files", same_files, ""},
        {"one more file", another_file, "parameters"},
        {"no undo tablespaces any more", other_undo, "parameters"},
        {"another page size", other_page_size, "parameters"},
        {"two at once", other_pages_and_undo, "parameters parameters"},
        {"a server that does not tell", page_size_unknown, ""},
        {"a parent that does not tell", page_size_was_unknown, ""},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_before);
}

Test(fence, lets_gtids_break_the_timeline_but_never_prove_it)
{
    static const Case cases[] = {
        {"more transactions than the parent saw", gtid_went_on, ""},
        {"fewer", gtid_went_back, "timeline"},
        {"fewer, whatever the row says", gtid_went_back_with_canary, "timeline"},
        {"more, but restarted", restarted_and_gtid_went_on, "timeline?"},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_before);
}

Test(fence, asks_each_rule_before_the_capture)
{
    static const Case cases[] = {
        {"a link that fits", nothing, ""},
        {"a server that wrote nothing", server_at_last_lsn, ""},
        {"a server behind what the parent saw", server_behind, "lsn-regression"},
        {"a server between to_lsn and last_lsn", server_between_to_and_last, "lsn-regression"},
        {"a version that cannot extend", cannot_extend, "version"},
        {"another data directory", other_datadir, "server-identity"},
        {"another MySQL", other_uuid, "server-identity"},
        {"MariaDB's uid, which identifies nothing", other_uuid_of_mariadb, ""},
        {"a quarantined parent", parent_quarantined, "parent-present"},
        {"a missing parent", parent_missing, "parent-present"},
        {"a quarantined grandparent", grandparent_quarantined, "parent-present"},
        {"a missing grandparent", grandparent_missing, "parent-present"},
        {"a grandparent that nobody knows", grandparent_unknown, "parent-present"},
        {"a parent whose proof failed", parent_proof_failed, ""},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_before);
}

Test(fence, tells_what_it_cannot_know_from_what_is_broken)
{
    static const Case cases[] = {
        {"the data directory is not seen", datadir_unseen, "server-identity?"},
        {"the data directory was not seen", datadir_was_unseen, "server-identity?"},
        {"the data directory was never seen", datadir_never_seen, "server-identity?"},
        {"a restart", restarted, "timeline?"},
        {"an older start", started_before, "timeline?"},
        {"a start 3 s later", start_moved_up, "timeline?"},
        {"a start 3 s earlier", start_moved_down, "timeline?"},
        {"a start that was not known", start_was_unknown, "timeline?"},
        {"two starts that are not known", start_never_known, "timeline?"},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_before);
}

/* clang-format off */
CHANGE(gap, s->link->from_lsn++)
CHANGE(overlap, s->link->from_lsn--)
CHANGE(idle_day, (s->link->to_lsn = s->link->from_lsn, s->link->last_lsn = s->parent->last_lsn))
CHANGE(idle_since_the_copy, s->link->last_lsn = s->link->to_lsn)
CHANGE(to_before_from, s->link->to_lsn = s->link->from_lsn - 1)
CHANGE(last_before_to, s->link->last_lsn = s->link->to_lsn - 1)
CHANGE(last_before_parents, (s->link->to_lsn = s->link->from_lsn, s->link->last_lsn = s->parent->last_lsn - 1))
CHANGE(restarted_meanwhile, s->after.started += 1)
CHANGE(stepped_back_meanwhile, s->after.started -= 1)
CHANGE(datadir_exchanged, s->after.datadir_id = "8:1:78")
CHANGE(datadir_lost_from_sight, s->after.datadir_id = "")
CHANGE(data_of_another, backup_set_text(&s->link->server_uuid, "server-b"))
CHANGE(server_exchanged, s->after.server_uuid = "server-b")
CHANGE(server_exchanged_mariadb, (s->after.server_uuid = "server-b", s->before.uuid_identifies = s->after.uuid_identifies = FALSE))
/* clang-format on */

Test(fence, asks_each_rule_after_the_capture)
{
    static const Case cases[] = {
        {"a link that fits", nothing, ""},
        {"a gap", gap, "lsn-continuity"},
        {"an overlap", overlap, "lsn-continuity"},
        {"a day on which nothing was written", idle_day, ""},
        {"nothing written during the copy", idle_since_the_copy, ""},
        {"to_lsn before from_lsn", to_before_from, "lsn-order"},
        {"last_lsn before to_lsn", last_before_to, "lsn-order"},
        {"last_lsn before the parent's", last_before_parents, "lsn-order"},
        {"a restart during the capture", restarted_meanwhile, "timeline"},
        {"a start that went back", stepped_back_meanwhile, "timeline"},
        {"an exchanged data directory", datadir_exchanged, "server-identity"},
        {"a data directory that went out of sight", datadir_lost_from_sight, "server-identity"},
        {"an exchanged server", server_exchanged, "server-identity"},
        {"an exchanged MariaDB", server_exchanged_mariadb, "server-identity"},
        {"a parent quarantined meanwhile", parent_quarantined, "parent-present"},
        {"a parent gone meanwhile", parent_missing, "parent-present"},
        {"a grandparent quarantined meanwhile", grandparent_quarantined, "parent-present"},
        {"a grandparent gone meanwhile", grandparent_unknown, "parent-present"},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_after);
}

static GPtrArray *ask_after_full(const Scene *scene)
{
    return fence_after_capture(scene->backups, NULL, scene->link, &scene->before, &scene->after);
}

Test(fence, asks_of_a_full_only_what_needs_no_parent)
{
    static const Case cases[] = {
        {"a full", nothing, ""},
        {"a full that starts anywhere", gap, ""},
        {"a full beside a broken chain", parent_quarantined, ""},
        {"a full that runs backwards", last_before_to, "lsn-order"},
        {"a restart", restarted_meanwhile, "timeline"},
        {"an exchanged server", server_exchanged, "server-identity"},
        {"data of another server", data_of_another, "server-identity"},
    };
    expect_rules(cases, G_N_ELEMENTS(cases), ask_after_full);
}

Test(fence, names_every_broken_rule_before_the_capture_at_once)
{
    g_auto(Scene) scene = scene_new();
    server_behind(&scene);
    cannot_extend(&scene);
    other_uuid(&scene);
    scene.before.datadir_id = "8:1:78";
    restarted(&scene);
    grandparent_quarantined(&scene);
    g_autoptr(GPtrArray) breaches = ask_before(&scene);
    g_autofree char *rules = rules_of(breaches);
    cr_expect_str_eq(rules, "parent-present version lsn-regression server-identity server-identity "
                            "timeline?");
}

Test(fence, names_every_broken_rule_after_the_capture_at_once)
{
    g_auto(Scene) scene = scene_new();
    scene.link->from_lsn++;
    scene.link->last_lsn = scene.parent->last_lsn - 1;
    restarted_meanwhile(&scene);
    server_exchanged(&scene);
    datadir_exchanged(&scene);
    parent_quarantined(&scene);
    g_autoptr(GPtrArray) breaches = ask_after(&scene);
    g_autofree char *rules = rules_of(breaches);
    cr_expect_str_eq(rules, "lsn-order timeline server-identity server-identity parent-present "
                            "lsn-continuity lsn-order");
}

Test(fence, holds_up_to_the_largest_lsn)
{
    g_auto(Scene) scene = scene_new();
    scene.parent->to_lsn = scene.parent->last_lsn = G_MAXUINT64;
    scene.link->from_lsn = scene.link->to_lsn = scene.link->last_lsn = G_MAXUINT64;
    scene.before.lsn = G_MAXUINT64;
    g_autoptr(GPtrArray) before = ask_before(&scene);
    g_autoptr(GPtrArray) after = ask_after(&scene);
    cr_expect(before->len == 0);
    cr_expect(after->len == 0);
    scene.link->from_lsn = 0; /* no arithmetic that could wrap around */
    g_autoptr(GPtrArray) wrapped = ask_after(&scene);
    cr_expect(wrapped->len == 1);
}

Test(fence, breaks_a_chain_only_for_what_is_known)
{
    g_auto(Scene) scene = scene_new();
    g_autoptr(GPtrArray) none = ask_before(&scene);
    cr_expect_not(fence_broken(none));
    cr_expect_null(fence_gravest(none));

    restarted(&scene);
    g_autoptr(GPtrArray) unknown = ask_before(&scene);
    cr_expect(unknown->len == 1 && !fence_broken(unknown));
    cr_expect_str_eq(fence_gravest(unknown)->rule, "timeline");

    datadir_unseen(&scene); /* stands before what is known */
    other_uuid(&scene);
    g_autoptr(GPtrArray) both = ask_before(&scene);
    const Breach *first = both->pdata[0];
    cr_expect(first->unknown && fence_broken(both));
    cr_expect_not(fence_gravest(both)->unknown);
    cr_expect_str_eq(fence_gravest(both)->rule, "server-identity");
}

Test(fence, says_both_sides_of_what_does_not_agree)
{
    g_auto(Scene) scene = scene_new();
    scene.link->from_lsn = 4711;
    g_autoptr(GPtrArray) breaches = ask_after(&scene);
    g_autofree char *text = fence_text(breaches);
    g_autofree char *wanted = g_strdup_printf(
        "lsn-order: runs backwards: from LSN 4711 to 300, last 310; lsn-continuity: starts at LSN "
        "4711, but its parent %s ends at 200",
        scene.parent->id);
    cr_expect_str_eq(text, wanted);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autofree char *nothing_said = fence_text(none);
    cr_expect_str_eq(nothing_said, "");
}

Test(fence, names_the_link_that_ended_the_trust)
{
    g_auto(Scene) scene = scene_new();
    grandparent_quarantined(&scene);
    g_autoptr(GPtrArray) breaches = ask_before(&scene);
    const Breach *breach = breaches->pdata[0];
    cr_expect_not_null(strstr(breach->sentence, scene.full->id));
    cr_expect_not_null(strstr(breach->sentence, "lsn-order"));
    cr_expect_not_null(strstr(breach->sentence, "backwards"));
}
