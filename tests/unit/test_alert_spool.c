/* SPDX-License-Identifier: MIT */
#include "../fakes/receivers/receiver.h"

#include "base/error.h"

#include <sys/stat.h>

static gboolean note_summary(SpoolEntry *entry, void *data, GError **error)
{
    (void)error;
    g_string_append_printf(data, "%s ", entry->event->summary);
    return TRUE;
}

static char *summaries(const Desk *desk)
{
    g_autoptr(GString) all = g_string_new(NULL);
    cr_assert(spool_each(desk->spool, note_summary, all, NULL));
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

static gboolean note_channel(SpoolEntry *entry, void *data, GError **error)
{
    const Desk *desk = data;
    cr_expect_not(spool_entry_has(entry, "mail"));
    return spool_note(desk->spool, entry, "mail", error);
}

static gboolean expect_channel(SpoolEntry *entry, void *data, GError **error)
{
    const Desk *desk = data;
    cr_expect(spool_entry_has(entry, "mail"));
    cr_expect_not(spool_entry_has(entry, "oncall"));
    return spool_remove(desk->spool, entry, error);
}

Test(spool, remembers_who_has_it_and_forgets_what_was_removed)
{
    g_auto(Desk) desk = open_desk();
    spool_one(&desk, EVENT_CHAIN_BROKEN, "x");
    cr_assert(spool_each(desk.spool, note_channel, &desk, NULL));
    cr_expect_eq(still_spooled(&desk), 1);
    cr_assert(spool_each(desk.spool, expect_channel, &desk, NULL));
    cr_expect_eq(still_spooled(&desk), 0);
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

static Incidents *load(const Desk *desk)
{
    g_autofree char *dir = g_build_filename(desk->state, "shop", NULL);
    g_autoptr(GError) error = NULL;
    Incidents *incidents = incidents_load(dir, &error);
    cr_assert_not_null(incidents, "%s", error != NULL ? error->message : "");
    return incidents;
}

/* Each time from the file, as runs do.  TRUE: it went to the spool. */
static gboolean raise_event(const Desk *desk, EventType type)
{
    unsigned before = still_spooled(desk);
    const EventFacts facts = {.type = type, .instance = "shop", .summary = "x"};
    g_autoptr(Event) event = event_new(&facts);
    g_autoptr(Incidents) incidents = load(desk);
    cr_assert(alert_raise(desk->spool, incidents, event, NULL));
    return still_spooled(desk) > before;
}

Test(incidents, a_recovery_goes_out_once_and_only_while_something_is_open)
{
    g_auto(Desk) desk = open_desk();
    cr_expect_not(raise_event(&desk, EVENT_CHAIN_RECOVERED));
    cr_expect(raise_event(&desk, EVENT_CHAIN_BROKEN));
    cr_expect_not(raise_event(&desk, EVENT_BACKUP_RECOVERED));
    cr_expect(raise_event(&desk, EVENT_CHAIN_BROKEN));
    cr_expect(raise_event(&desk, EVENT_CHAIN_RECOVERED));
    cr_expect_not(raise_event(&desk, EVENT_CHAIN_RECOVERED));
}

Test(incidents, one_recovery_ends_all_that_it_can_end)
{
    g_auto(Desk) desk = open_desk();
    cr_expect(raise_event(&desk, EVENT_BACKUP_FAILED));
    cr_expect(raise_event(&desk, EVENT_BACKUP_OVERDUE));
    cr_expect(raise_event(&desk, EVENT_PROOF_FAILED));
    cr_expect(raise_event(&desk, EVENT_BACKUP_RECOVERED));
    g_autoptr(Incidents) incidents = load(&desk);
    cr_assert_eq(incidents_open(incidents)->len, 1);
    const Incident *left = incidents_open(incidents)->pdata[0];
    cr_expect_eq(left->type, EVENT_PROOF_FAILED);
    cr_expect_str_eq(left->summary, "x");
}

Test(incidents, say_since_when_they_are_open)
{
    g_auto(Desk) desk = open_desk();
    g_setenv("LSNCHAIN_CLOCK", "-86400", TRUE);
    cr_expect(raise_event(&desk, EVENT_CHAIN_BROKEN));
    g_setenv("LSNCHAIN_CLOCK", "0", TRUE);
    cr_expect(raise_event(&desk, EVENT_CHAIN_BROKEN));
    g_autoptr(Incidents) incidents = load(&desk);
    const Incident *incident = incidents_open(incidents)->pdata[0];
    int64_t age = g_get_real_time() / G_USEC_PER_SEC - incident->since;
    cr_expect(age >= 86400 && age < 86500, "%" G_GINT64_FORMAT, age);
}

Test(incidents, what_no_event_ends_is_told_and_not_recorded)
{
    g_auto(Desk) desk = open_desk();
    cr_expect(raise_event(&desk, EVENT_ALERT_TEST));
    g_autoptr(Incidents) incidents = load(&desk);
    cr_expect_eq(incidents_open(incidents)->len, 0);
}

Test(incidents, a_damaged_file_is_reported_and_loses_no_recovery)
{
    static const char *const damaged[] = {
        "",
        "[incidents]\n",
        "[incidents]\nchecksum = 0\nformat = 1\n",
        "[backup_failed]\nsince = 2026-11-22T02:00:00Z\nsummary = no checksum above\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_auto(Desk) desk = open_desk();
        (void)raise_event(&desk, EVENT_CHAIN_BROKEN);
        write_file(desk.state, "shop/incidents.ini", damaged[i]);
        log_reset();
        cr_expect(raise_event(&desk, EVENT_BACKUP_FAILED));
        cr_expect_eq(log_warnings()->len, 1, "%s", damaged[i]);
        cr_expect(raise_event(&desk, EVENT_CHAIN_RECOVERED), "%s", damaged[i]);
        cr_expect_not(raise_event(&desk, EVENT_CHAIN_RECOVERED), "%s", damaged[i]);
        cr_expect(raise_event(&desk, EVENT_PROOF_RECOVERED), "%s", damaged[i]);
        cr_expect_eq(log_warnings()->len, 1, "%s", damaged[i]);
    }
}
