/* SPDX-License-Identifier: MIT */
#include "model/explain.h"

#include "sample.h"

/* Two chains of a full and two incrementals each: 0 1 2 and 3 4 5. */
static GPtrArray *two_chains(void)
{
    GPtrArray *backups = sample_backups();
    Backup *parent = NULL;
    for (int i = 0; i < 6; i++)
        parent = sample_add(backups, SAMPLE_SUNDAY + i * SAMPLE_DAY, i % 3 == 0 ? NULL : parent);
    return backups;
}

/* "topic topic ..." */
static char *topics(const GPtrArray *answers)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < answers->len; i++) {
        const Answer *answer = answers->pdata[i];
        cr_expect(*answer->sentence != '\0', "%s says nothing", answer->topic);
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", answer->topic);
    }
    return g_string_free(text, FALSE);
}

static const Answer *find(const GPtrArray *answers, const char *topic)
{
    for (guint i = 0; i < answers->len; i++) {
        const Answer *answer = answers->pdata[i];
        if (g_str_equal(answer->topic, topic))
            return answer;
    }
    cr_assert_fail("there is no answer on %s", topic);
    return NULL;
}

static char *lost(const GPtrArray *backups, int which)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    g_ptr_array_add(ids, ((Backup *)backups->pdata[which])->id);
    g_autoptr(GPtrArray) gone = explain_loss(backups, ids);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < gone->len; i++) {
        for (guint j = 0; j < backups->len; j++) {
            if (backups->pdata[j] == gone->pdata[i])
                g_string_append_printf(text, "%u", j);
        }
    }
    return g_string_free(text, FALSE);
}

Test(explain, a_backup_takes_all_that_hangs_on_it_along)
{
    g_autoptr(GPtrArray) backups = two_chains();
    g_autofree char *full = lost(backups, 0);
    g_autofree char *middle = lost(backups, 4);
    g_autofree char *last = lost(backups, 5);
    cr_expect_str_eq(full, "012");
    cr_expect_str_eq(middle, "45");
    cr_expect_str_eq(last, "5");
}

Test(explain, what_does_not_restore_today_cannot_be_lost)
{
    g_autoptr(GPtrArray) backups = two_chains();
    backup_quarantine(backups->pdata[1], "lsn-continuity", "a gap", SAMPLE_SUNDAY);
    g_autofree char *gone = lost(backups, 0);
    cr_expect_str_eq(gone, "0");
}

Test(explain, a_sound_backup_needs_no_salvage)
{
    g_autoptr(GPtrArray) backups = two_chains();
    g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[2], 0);
    g_autofree char *said = topics(answers);
    cr_expect_str_eq(said, "type restorable proof");
}

Test(explain, a_broken_chain_restores_up_to_the_link_before_the_fault)
{
    g_autoptr(GPtrArray) backups = two_chains();
    const Backup *parent = backups->pdata[3];
    backup_quarantine(backups->pdata[4], "lsn-continuity", "a gap", SAMPLE_SUNDAY);
    g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[5], 0);
    g_autofree char *said = topics(answers);
    cr_expect_str_eq(said, "type restorable quarantine salvage proof");
    g_autofree char *command = g_strdup_printf("restore %s --target-dir=DIR", parent->id);
    cr_expect_str_eq(find(answers, "salvage")->command, command);
}

Test(explain, only_a_proof_lifts_a_quarantine_and_only_one_that_a_proof_had_set)
{
    g_autoptr(GPtrArray) backups = two_chains();
    Backup *link = backups->pdata[4];
    backup_quarantine(link, "proof", "a byte", SAMPLE_SUNDAY);
    g_autoptr(GPtrArray) lifted = explain_backup(backups, link, 0);
    cr_expect(g_str_has_prefix(find(lifted, "quarantine")->command, "verify "));
    backup_quarantine(link, "timeline", "put back", SAMPLE_SUNDAY);
    g_autoptr(GPtrArray) kept = explain_backup(backups, link, 0);
    cr_expect_str_eq(find(kept, "quarantine")->command, "backup --type=full");
}

Test(explain, a_chain_whose_full_is_bad_has_nothing_left)
{
    g_autoptr(GPtrArray) backups = two_chains();
    backup_quarantine(backups->pdata[3], "proof", "a byte", SAMPLE_SUNDAY);
    g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[5], 0);
    cr_expect_str_eq(find(answers, "salvage")->command, "");
}

Test(explain, an_instance_tells_of_its_broken_chains_the_newest_first)
{
    g_autoptr(GPtrArray) backups = two_chains();
    const Plan plan = {.type = BACKUP_INCREMENTAL, .parent = backups->pdata[5], .rule = ""};
    g_autoptr(GPtrArray) fine = explain_instance(backups, &plan, 0);
    g_autofree char *said = topics(fine);
    cr_expect_str_eq(said, "next proof");

    backup_quarantine(backups->pdata[1], "lsn-order", "backwards", SAMPLE_SUNDAY);
    ((Backup *)backups->pdata[3])->state = STATE_MISSING;
    g_autoptr(GPtrArray) broken = explain_instance(backups, &plan, 0);
    g_autofree char *both = topics(broken);
    cr_expect_str_eq(both, "next broken missing salvage broken quarantine salvage proof");
}

Test(explain, a_link_that_is_gone_is_named_from_all_that_hangs_on_it_and_can_come_back)
{
    g_autoptr(GPtrArray) backups = two_chains();
    Backup *gone = backups->pdata[4];
    gone->state = STATE_MISSING;
    for (guint i = 4; i < 6; i++) {
        g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[i], 0);
        const Answer *restorable = find(answers, "restorable");
        cr_expect_not_null(strstr(restorable->sentence, gone->id), "%s", restorable->sentence);
        cr_expect_not_null(strstr(find(answers, "missing")->sentence, gone->id));
    }
}

Test(explain, of_two_faults_the_one_below_is_told_for_the_other_cannot_be_mended_before_it)
{
    g_autoptr(GPtrArray) backups = two_chains();
    const Backup *below = backups->pdata[3];
    backup_quarantine(backups->pdata[3], "proof", "a byte", SAMPLE_SUNDAY);
    backup_quarantine(backups->pdata[4], "proof", "a byte", SAMPLE_SUNDAY);
    g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[5], 0);
    const Answer *quarantine = find(answers, "quarantine");
    cr_expect_not_null(strstr(quarantine->command, below->id), "%s", quarantine->command);
}

Test(explain, no_command_is_told_that_cannot_help)
{
    g_autoptr(GPtrArray) backups = two_chains();
    backup_quarantine(backups->pdata[1], "timeline", "put back", SAMPLE_SUNDAY);
    g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[2], 0);
    const Answer *quarantine = find(answers, "quarantine");
    cr_expect_str_eq(find(answers, "proof")->command, "", "no verify mends a broken chain");
    cr_expect_str_eq(quarantine->command, "", "there is a newer full already");
    cr_expect_not_null(strstr(quarantine->sentence, "newer full"), "%s", quarantine->sentence);
}

Test(explain, a_chain_with_branches_restores_up_to_the_newest_link_of_the_sound_one)
{
    g_autoptr(GPtrArray) backups = two_chains();
    const Backup *sound = backups->pdata[5];
    Backup *beside = sample_add(backups, SAMPLE_SUNDAY + 6 * SAMPLE_DAY, backups->pdata[4]);
    backup_quarantine(beside, "lsn-order", "backwards", SAMPLE_SUNDAY);
    const Plan plan = {.type = BACKUP_FULL, .rule = "not-sound", .reason = (char[]){"it is so"}};
    g_autoptr(GPtrArray) answers = explain_instance(backups, &plan, 0);
    const Answer *salvage = find(answers, "salvage");
    cr_expect_not_null(strstr(salvage->command, sound->id), "%s", salvage->command);
}

Test(explain, nobody_says_what_comes_next_where_no_configuration_tells)
{
    g_autoptr(GPtrArray) backups = two_chains();
    g_autoptr(GPtrArray) answers = explain_instance(backups, NULL, 0);
    g_autofree char *said = topics(answers);
    cr_expect_str_eq(said, "proof");
}

Test(explain, parents_that_go_round_in_a_loop_end_no_answer, .timeout = 5)
{
    g_autoptr(GPtrArray) backups = two_chains();
    const Backup *last = backups->pdata[5];
    backup_set_text(&((Backup *)backups->pdata[4])->parent, last->id);
    g_autoptr(GPtrArray) answers = explain_backup(backups, last, 0);
    cr_expect_str_eq(find(answers, "salvage")->command, "");
}

Test(explain, files_that_were_not_read_for_long_are_named)
{
    g_autoptr(GPtrArray) backups = two_chains();
    for (guint i = 0; i < backups->len; i++) {
        Backup *backup = backups->pdata[i];
        backup->proof = PROOF_PREPARE;
        backup->files_at = SAMPLE_SUNDAY + 100;
    }
    Backup *full = backups->pdata[0];
    full->files_at = SAMPLE_SUNDAY;
    g_autoptr(GPtrArray) answers = explain_backup(backups, backups->pdata[2], SAMPLE_SUNDAY + 50);
    const Answer *proof = find(answers, "proof");
    cr_expect_not_null(strstr(proof->sentence, full->id), "%s", proof->sentence);
    ((Backup *)backups->pdata[1])->files_at = SAMPLE_SUNDAY + 49;
    g_autoptr(GPtrArray) several = explain_backup(backups, backups->pdata[2], SAMPLE_SUNDAY + 50);
    proof = find(several, "proof");
    cr_expect_not_null(strstr(proof->sentence, full->id), "the longest unread: %s",
                       proof->sentence);
    cr_expect_not_null(strstr(proof->command, "--level=files"), "%s", proof->command);
}
