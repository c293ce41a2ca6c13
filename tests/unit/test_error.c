/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <criterion/criterion.h>
#include <string.h>

Test(error, carries_status_sentence_and_hint)
{
    g_autoptr(GError) error = NULL;
    cr_expect_not(fail(&error, STATUS_LOCKED, "another run (pid %d) holds %s" HINT("wait for it"),
                       4711, "lock"));
    cr_assert_not_null(error);
    g_autofree char *sentence = error_sentence(error);
    g_autofree char *hint = error_hint(error);
    cr_expect(error_status(error) == STATUS_LOCKED);
    cr_expect_str_eq(sentence, "another run (pid 4711) holds lock");
    cr_expect_str_eq(hint, "wait for it");
}

Test(error, may_have_no_hint)
{
    g_autoptr(GError) error = NULL;
    (void)fail(&error, STATUS_STORAGE, "cannot write\nhint of a newline");
    g_autofree char *sentence = error_sentence(error);
    cr_expect_str_eq(sentence, "cannot write\nhint of a newline");
    cr_expect_null(error_hint(error));
}

Test(error, keeps_the_hint_last_when_context_is_added)
{
    g_autoptr(GError) error = NULL;
    (void)fail(&error, STATUS_STORAGE, "no space on %s" HINT("free %d MiB"), "/srv", 12);
    g_prefix_error(&error, "cannot write %s: ", "SHA256SUMS");
    g_prefix_error(&error, "cannot publish %s: ", "20261122T020000Z-full");
    g_autofree char *sentence = error_sentence(error);
    g_autofree char *hint = error_hint(error);
    cr_expect_str_eq(
        sentence,
        "cannot publish 20261122T020000Z-full: cannot write SHA256SUMS: no space on /srv");
    cr_expect_str_eq(hint, "free 12 MiB");
    cr_expect(error_status(error) == STATUS_STORAGE);
}

Test(error, keeps_a_hint_of_several_lines_whole)
{
    g_autoptr(GError) error = NULL;
    (void)fail(&error, STATUS_REFUSED, "another owner" HINT("type\nsudo -u backup lsnchain"));
    g_autofree char *hint = error_hint(error);
    cr_expect_str_eq(hint, "type\nsudo -u backup lsnchain");
}

Test(error, fails_without_a_place_for_the_error)
{
    cr_expect_not(fail(NULL, STATUS_FAILED, "nobody asks %s", "why"));
}

Test(error, takes_a_text_with_percent_signs_as_an_argument)
{
    g_autoptr(GError) error = NULL;
    (void)fail(&error, STATUS_SERVER, "%s", "100%s of %n");
    cr_expect_str_eq(error->message, "100%s of %n");
}

Test(error, gives_ok_for_no_error_and_failed_for_a_foreign_one)
{
    g_autoptr(GError) foreign =
        g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOSPC, "not one of ours");
    cr_expect(error_status(NULL) == STATUS_OK);
    cr_expect(error_status(foreign) == STATUS_FAILED, "got %d", error_status(foreign));
}

/* The table of the documentation; others script against it. */
Test(error, keeps_the_promised_numbers_and_words)
{
    static const struct {
        int status;
        const char *name;
        int number;
    } cases[] = {
        {STATUS_OK, "ok", 0},
        {STATUS_FAILED, "failed", 1},
        {STATUS_USAGE, "usage", 2},
        {STATUS_WARNINGS, "warnings", 3},
        {STATUS_CONFIG, "configuration", 10},
        {STATUS_LOCKED, "locked", 11},
        {STATUS_SERVER, "server", 12},
        {STATUS_UNFIT, "engine-unfit", 13},
        {STATUS_ENGINE, "engine", 14},
        {STATUS_REFUSED, "refused", 15},
        {STATUS_STORAGE, "storage", 16},
        {STATUS_TRANSFER, "transfer", 17},
        {STATUS_CHAIN, "chain", 18},
        {STATUS_CATALOG, "catalog", 19},
        {STATUS_VERIFY, "verify", 20},
        {STATUS_RESTORE, "restore", 21},
        {STATUS_KEY, "key", 22},
        {STATUS_TIMEOUT, "timeout", 23},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_expect(cases[i].status == cases[i].number, "%s: %d", cases[i].name, cases[i].status);
        cr_expect_str_eq(status_name(cases[i].number), cases[i].name);
        cr_expect(strlen(status_meaning(cases[i].number)) > 3, "%s", cases[i].name);
    }
}

Test(error, names_a_signal_and_calls_anything_else_unknown)
{
    cr_expect_str_eq(status_name(128 + 15), "signal");
    static const int unknown[] = {-1, 4, 9, 24, 127, 128};
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++) {
        cr_expect_str_eq(status_name(unknown[i]), "unknown");
        cr_expect_str_eq(status_meaning(unknown[i]), "unknown");
    }
}
