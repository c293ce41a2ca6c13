/* SPDX-License-Identifier: MIT */
#include "../fakes/receivers/receiver.h"

#include "base/error.h"

#include <sys/stat.h>

static char *summaries(const Desk *desk)
{
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(GPtrArray) entries = spool_entries(desk->spool, NULL);
    cr_assert_not_null(entries);
    for (guint i = 0; i < entries->len; i++) {
        const SpoolEntry *entry = entries->pdata[i];
        g_string_append_printf(all, "%s ", entry->event->summary);
    }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    cr_assert(g_file_set_contents(path, text, -1, NULL));
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0, "%s", path);
    return status.st_mode & 07777;
}

static char *spool_file(const Desk *desk)
{
    g_autofree char *path = g_build_filename(desk->state, "spool", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = g_dir_read_name(dir);
    return g_build_filename(path, name, NULL);
}

Test(spool, gives_back_what_it_was_given_oldest_first)
{
    g_auto(Desk) desk = open_desk();
    g_autoptr(GString) expected = g_string_new(NULL);
    for (int i = 0; i < 50; i++) {
        g_autofree char *summary = g_strdup_printf("alert%d", i);
        spool_one(&desk, EVENT_CHAIN_BROKEN, summary);
        g_string_append_printf(expected, "%s ", summary);
    }
    g_autofree char *got = summaries(&desk);
    cr_expect_str_eq(got, expected->str);
}

Test(spool, keeps_the_order_in_which_it_was_given_alerts_when_the_clock_goes_back)
{
    static const char *const clocks[] = {"+86400", "+0", "-3600", "+0"};
    g_auto(Desk) desk = open_desk();
    g_autoptr(GString) expected = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(clocks); i++) {
        g_autofree char *summary = g_strdup_printf("alert%zu", i);
        g_setenv("LSNCHAIN_CLOCK", clocks[i], TRUE);
        spool_one(&desk, EVENT_CHAIN_BROKEN, summary);
        g_string_append_printf(expected, "%s ", summary);
    }
    g_autofree char *got = summaries(&desk);
    cr_expect_str_eq(got, expected->str);
}

Test(spool, is_for_its_owner_alone)
{
    mode_t before = umask(0);
    g_auto(Desk) desk = open_desk();
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    (void)umask(before);
    g_autofree char *file = spool_file(&desk);
    g_autofree char *dir = g_path_get_dirname(file);
    cr_expect_eq(mode_of(dir), 0700);
    cr_expect_eq(mode_of(file), 0600);
}

Test(spool, remembers_who_is_to_get_it_who_has_it_and_forgets_what_was_removed)
{
    static const char *const to[] = {"mail", "oncall", NULL};
    g_auto(Desk) desk = open_desk();
    const EventFacts facts = {.type = EVENT_CHAIN_BROKEN, .instance = "shop", .summary = "x"};
    g_autoptr(Event) event = event_new(&facts);
    cr_assert(spool_add(desk.spool, event, to, NULL));

    g_autoptr(GPtrArray) entries = spool_entries(desk.spool, NULL);
    SpoolEntry *entry = entries->pdata[0];
    cr_expect_not(spool_entry_has(entry, "mail"));
    cr_assert(spool_note(desk.spool, entry, "mail", NULL));

    g_autoptr(GPtrArray) again = spool_entries(desk.spool, NULL);
    entry = again->pdata[0];
    cr_expect(spool_entry_has(entry, "mail"));
    cr_expect_not(spool_entry_has(entry, "oncall"));
    cr_expect(spool_entry_waits(entry));
    cr_expect(g_strv_equal((Names)entry->to, to));
    cr_assert(spool_note(desk.spool, entry, "oncall", NULL));
    cr_expect_not(spool_entry_waits(entry));
    cr_assert(spool_remove(desk.spool, entry, NULL));
    cr_expect_eq(still_spooled(&desk), 0);
    cr_assert(spool_note(desk.spool, entry, "mail", NULL));
    cr_expect_eq(still_spooled(&desk), 0, "what was dropped meanwhile came back");
}

Test(spool, takes_an_alert_of_a_version_that_did_not_say_who_is_to_get_it)
{
    g_auto(Desk) desk = open_desk();
    write_file(desk.state, "spool/20261122T020000Z-000000-0a0b0c0d.json",
               "{\"format\": 1, \"event\": {\"type\": \"backup_recovered\", "
               "\"timestamp\": \"2026-11-22T02:00:00Z\", \"data\": {\"severity\": "
               "\"recovery\", \"instance\": \"shop\", \"backup\": \"\", \"rule\": \"\", "
               "\"summary\": \"old\", \"cause\": \"\", \"remedy\": \"\", "
               "\"host\": \"db1\", \"version\": \"0.1.0\"}}, \"delivered\": [\"mail\"]}\n");
    g_autoptr(GPtrArray) entries = spool_entries(desk.spool, NULL);
    cr_assert_eq(entries->len, 1);
    const SpoolEntry *entry = entries->pdata[0];
    cr_expect_null(entry->to);
    cr_expect(spool_entry_has(entry, "mail"));
    cr_expect_str_eq(entry->event->incident, "lsnchain/shop/backup_failed");
}

Test(spool, who_only_looks_changes_nothing_and_makes_nothing)
{
    g_auto(Desk) desk = open_desk();
    unsigned unread = 9;
    write_file(desk.state, "spool/2020-x.json", "{");
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    g_autoptr(GPtrArray) entries = spool_peek(desk.state, &unread, NULL);
    cr_assert_not_null(entries);
    cr_expect_eq(entries->len, 1);
    cr_expect_eq(unread, 1);
    g_autofree char *damaged = g_build_filename(desk.state, "spool/2020-x.json", NULL);
    cr_expect_eq(access(damaged, F_OK), 0, "it was set aside");

    g_autofree char *nowhere = g_build_filename(desk.state, "nowhere", NULL);
    g_autoptr(GPtrArray) none = spool_peek(nowhere, &unread, NULL);
    cr_assert_not_null(none);
    cr_expect_eq(none->len, 0);
    cr_expect_neq(access(nowhere, F_OK), 0, "it was made");
}

Test(spool, drops_the_oldest_when_full_and_counts_them)
{
    g_auto(Desk) desk = open_desk();
    for (unsigned i = 0; i < SPOOL_MOST; i++) {
        g_autofree char *name = g_strdup_printf("spool/20200101T000000Z-%06u.json", i);
        write_file(desk.state, name, "{}");
    }
    spool_one(&desk, EVENT_CHAIN_BROKEN, "newest");
    g_autofree char *first =
        g_build_filename(desk.state, "spool/20200101T000000Z-000000.json", NULL);
    g_autofree char *second =
        g_build_filename(desk.state, "spool/20200101T000000Z-000001.json", NULL);
    cr_expect_eq(still_spooled(&desk), SPOOL_MOST);
    cr_expect_neq(access(first, F_OK), 0);
    cr_expect_eq(access(second, F_OK), 0);
    g_autofree char *said = warnings();
    expect_holds(said, "1 of the oldest alerts were dropped");
    SpoolDropped dropped;
    cr_assert(spool_dropped(desk.state, &dropped, NULL));
    cr_expect_eq(dropped.count, 1);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "newer still");
    cr_assert(spool_dropped(desk.state, &dropped, NULL));
    cr_expect_eq(dropped.count, 2);
    cr_expect_neq(dropped.last, 0);
}

Test(spool, a_count_that_cannot_be_read_is_not_taken_for_none)
{
    g_auto(Desk) desk = open_desk();
    SpoolDropped dropped = {7, 7};
    cr_expect(spool_dropped(desk.state, &dropped, NULL));
    cr_expect_eq(dropped.count, 0);
    static const char *const damaged[] = {"", "x 2026-11-22T02:00:00Z\n", "3\n", "3 soon\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_autoptr(GError) error = NULL;
        write_file(desk.state, "spool/.dropped", damaged[i]);
        cr_expect_not(spool_dropped(desk.state, &dropped, &error), "%s", damaged[i]);
        cr_expect_eq(error_status(error), STATUS_STORAGE);
    }
}

Test(spool, sets_damaged_files_aside_and_goes_on)
{
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{\"format\":1}",
        "{\"format\":2,\"event\":{},\"delivered\":[]}",
        "{\"format\":1,\"event\":{},\"delivered\":[]}",
        "{\"format\":1,\"event\":[],\"delivered\":[7]}",
        "{\"format\":1,\"event\":{},\"to\":7,\"delivered\":[]}",
    };
    g_auto(Desk) desk = open_desk();
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_autofree char *name = g_strdup_printf("spool/2020-%zu.json", i);
        write_file(desk.state, name, damaged[i]);
    }
    g_autofree char *huge = g_strnfill(1024 * 1024, ' ');
    write_file(desk.state, "spool/2020-huge.json", huge);
    spool_one(&desk, EVENT_CHAIN_BROKEN, "sound");

    g_autofree char *got = summaries(&desk);
    cr_expect_str_eq(got, "sound ");
    cr_expect_eq(log_warnings()->len, G_N_ELEMENTS(damaged) + 1);
    cr_expect_eq(still_spooled(&desk), 1);
    g_free(got);
    got = summaries(&desk);
    cr_expect_str_eq(got, "sound ");
    cr_expect_eq(log_warnings()->len, G_N_ELEMENTS(damaged) + 1, "said twice");
}

Test(spool, takes_no_file_of_a_later_format)
{
    g_auto(Desk) desk = open_desk();
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    g_autofree char *file = spool_file(&desk);
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(file, &text, NULL, NULL));
    char *format = strstr(text, "\"format\": 1");
    cr_assert_not_null(format, "%s", text);
    format[strlen("\"format\": ")] = '2';
    cr_assert(g_file_set_contents(file, text, -1, NULL));
    g_autofree char *got = summaries(&desk);
    cr_expect_str_eq(got, "");
}

Test(spool, says_when_it_cannot_be_written)
{
    g_auto(Desk) desk = open_desk();
    g_autoptr(GError) error = NULL;
    write_file(desk.state, "file", "");
    g_autofree char *path = g_build_filename(desk.state, "file", NULL);
    cr_expect_null(spool_open(path, &error));
    cr_expect_eq(error_status(error), STATUS_STORAGE);
}
