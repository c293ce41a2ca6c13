/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include "base/log.h"
#include "report/status.h"
#include "report/table.h"
#include "report/views.h"
#include "sample.h"

static void set_up(void)
{
    log_show(LOG_ERROR);
    log_reset();
}

TestSuite(report, .init = set_up);

typedef struct {
    gboolean json;
    SampleFn *tell; /* what stands in the report; gets the Report */
    int status;
    const GError *error;
} Telling;

static gboolean tell(void *data)
{
    const Telling *telling = data;
    Report report;
    report_start(&report, telling->json);
    if (telling->tell != NULL)
        (void)telling->tell(&report);
    report_end(&report, "list", telling->status, telling->error);
    report_clear(&report);
    return TRUE;
}

/* The one object on stdout, and nothing but white space behind it. */
static json_t *told(SampleFn *function, int status, const GError *error)
{
    Telling telling = {TRUE, function, status, error};
    g_autofree char *text = sample_stdout(tell, &telling);
    json_error_t fault;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &fault);
    cr_assert_not_null(object, "%s in: %s", fault.text, text);
    cr_assert(json_is_object(object));
    return object;
}

static char *printed(SampleFn *function)
{
    Telling telling = {FALSE, function, 0, NULL};
    return sample_stdout(tell, &telling);
}

static const char *string_at(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    cr_assert(json_is_string(value), "%s is no string", key);
    return json_string_value(value);
}

static void expect_keys(json_t *object, const char *wanted)
{
    g_autoptr(GString) got = g_string_new(NULL);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value) g_string_append_printf(got, "%s ", key);
    cr_expect_str_eq(got->str, wanted);
}

static const char envelope[] =
    "schema_version command status status_name warnings error instances ";

Test(report, is_one_object_with_the_same_keys_after_a_success)
{
    json_t *object = told(NULL, STATUS_OK, NULL);
    expect_keys(object, envelope);
    cr_expect(json_integer_value(json_object_get(object, "schema_version")) == 1);
    cr_expect(json_is_integer(json_object_get(object, "status")));
    cr_expect_str_eq(string_at(object, "command"), "list");
    cr_expect_str_eq(string_at(object, "status_name"), "ok");
    cr_expect(json_is_null(json_object_get(object, "error")));
    cr_expect(json_array_size(json_object_get(object, "warnings")) == 0);
    cr_expect(json_is_array(json_object_get(object, "instances")));
    json_decref(object);
}

Test(report, is_one_object_with_the_same_keys_after_each_failure)
{
    static const int statuses[] = {1,  2,  3,  10, 11, 12, 13, 14,      15,      16,
                                   17, 18, 19, 20, 21, 22, 23, 128 + 2, 128 + 15};
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autoptr(GError) error = NULL;
        (void)fail(&error, STATUS_ENGINE, "the engine \"failed\"" HINT("look at\nits log"));
        json_t *object = told(NULL, statuses[i], error);
        expect_keys(object, envelope);
        cr_expect(json_integer_value(json_object_get(object, "status")) == statuses[i]);
        cr_expect_str_eq(string_at(object, "status_name"), status_name(statuses[i]));
        json_t *wrong = json_object_get(object, "error");
        expect_keys(wrong, "message hint ");
        cr_expect_str_eq(string_at(wrong, "message"), "the engine \"failed\"");
        cr_expect_str_eq(string_at(wrong, "hint"), "look at\nits log");
        json_decref(object);
    }
}

Test(report, has_a_null_hint_where_there_is_none)
{
    g_autoptr(GError) error = NULL;
    (void)fail(&error, STATUS_ENGINE, "it failed");
    json_t *object = told(NULL, STATUS_ENGINE, error);
    cr_expect(json_is_null(json_object_get(json_object_get(object, "error"), "hint")));
    json_decref(object);
}

Test(report, tells_the_warnings_of_the_run)
{
    log_warning("two of %d\nfiles", 3);
    log_warning("bad \xff byte");
    json_t *object = told(NULL, STATUS_WARNINGS, NULL);
    json_t *warnings = json_object_get(object, "warnings");
    cr_assert(json_array_size(warnings) == 2);
    cr_expect_str_eq(json_string_value(json_array_get(warnings, 0)), "two of 3\nfiles");
    cr_expect_not_null(strstr(json_string_value(json_array_get(warnings, 1)), "bad "));
    json_decref(object);
}

static gboolean tell_two_instances(void *data)
{
    Report *report = data;
    g_autoptr(GError) error = NULL;
    (void)fail(&error, STATUS_LOCKED, "another run" HINT("wait"));
    report_instance_error(report, error); /* of none: dropped */
    report_instance(report, "bank");
    report_instance(report, "shop");
    report_instance_error(report, error);
    report_print(report, "never in JSON\n");
    json_object_set_new(report->extra, "status", json_string("hides the envelope's"));
    json_object_set_new(report->extra, "room", json_integer(5));
    return TRUE;
}

Test(report, keeps_instances_apart_and_the_envelope_its_own)
{
    json_t *object = told(tell_two_instances, STATUS_LOCKED, NULL);
    cr_expect(json_integer_value(json_object_get(object, "status")) == STATUS_LOCKED);
    cr_expect(json_integer_value(json_object_get(object, "room")) == 5);
    json_t *instances = json_object_get(object, "instances");
    cr_assert(json_array_size(instances) == 2);
    cr_expect_str_eq(string_at(json_array_get(instances, 0), "instance"), "bank");
    cr_expect_null(json_object_get(json_array_get(instances, 0), "error"));
    json_t *shop = json_array_get(instances, 1);
    cr_expect_str_eq(string_at(json_object_get(shop, "error"), "message"), "another run");
    json_decref(object);
}

Test(report, is_valid_whatever_stands_in_a_text)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20261122);
    for (int round = 0; round < 200; round++) {
        g_autofree char *text = sample_hostile(random);
        g_autofree char *valid = g_utf8_make_valid(text, -1);
        g_autoptr(GError) error = g_error_new_literal(LSNCHAIN_ERROR, STATUS_FAILED, text);
        json_t *object = told(NULL, STATUS_FAILED, error);
        json_decref(object);
        json_t *string = report_string(text);
        cr_assert(json_is_string(string), "round %d", round);
        cr_expect_str_eq(json_string_value(string), valid);
        json_decref(string);
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static gboolean tell_hostile(void *data)
{
    report_print(data, "%s\n",
                 "a\tb\rc\x1b[2Jd\x7f"
                 "e\xc2\x9b"
                 "2Jf\xc2\x85g Köln");
    return TRUE;
}

Test(report, plays_with_no_terminal)
{
    g_autofree char *text = printed(tell_hostile);
    cr_expect_str_eq(text, "a?b?c?[2Jd?e?2Jf?g Köln\n");
}

static gboolean tell_broken(void *data)
{
    report_print(data, "%s\n", "a\xffz \xe2\x82");
    return TRUE;
}

Test(report, prints_valid_text_whatever_it_is_given)
{
    g_autofree char *text = printed(tell_broken);
    cr_expect(g_utf8_validate(text, -1, NULL), "%s", text);
    cr_expect(g_str_has_prefix(text, "a"));
}

static gboolean tell_nothing(void *data)
{
    (void)data;
    return TRUE;
}

Test(report, prints_no_json_where_text_was_asked_for)
{
    g_autofree char *text = printed(tell_nothing);
    cr_expect_str_eq(text, "");
}

static gboolean tell_table(void *data)
{
    static const char *const headings[] = {"NAME", ">SIZE", "STATE", NULL};
    g_autoptr(Table) table = table_new(headings);
    static const char *const cells[] = {"Köln", "5",      "fine", "ab",   "1.4 GiB", "größer",
                                        "",     "12 MiB", "",     "日本", "7",       "x"};
    for (size_t i = 0; i < G_N_ELEMENTS(cells); i++)
        table_add(table, cells[i]);
    table_print(table, data, "  ");
    return TRUE;
}

Test(report, aligns_columns_by_characters_and_not_by_bytes)
{
    g_autofree char *text = printed(tell_table);
    cr_expect_str_eq(text, "  NAME     SIZE  STATE\n"
                           "  Köln        5  fine\n"
                           "  ab    1.4 GiB  größer\n"
                           "         12 MiB\n"
                           "  日本        7  x\n");
}

static gboolean tell_hostile_table(void *data)
{
    static const char *const headings[] = {"NAME", "STATE", NULL};
    g_autoptr(Table) table = table_new(headings);
    table_add(table, "cut \xe2");
    table_add(table, "\xf0\x9f");
    table_add(table, "line\nbreak");
    table_add(table, "fine");
    table_print(table, data, "");
    return TRUE;
}

Test(report, keeps_a_row_on_its_line_whatever_stands_in_a_cell)
{
    g_autofree char *text = printed(tell_hostile_table);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    cr_assert(g_strv_length(lines) == 4, "%s", text);
    cr_expect_str_eq(lines[2], "line?break  fine");
    cr_expect(g_utf8_validate(text, -1, NULL));
}

/* ---- views ----------------------------------------------------------------------------------- */

static GPtrArray *two_backups(void)
{
    GPtrArray *backups = sample_backups();
    Backup *full = sample_add(backups, SAMPLE_SUNDAY, NULL);
    full->proof = PROOF_PREPARE;
    full->files_at = SAMPLE_SUNDAY + 500;
    full->bytes_plain = 3 << 20;
    backup_add_extra(full->extra_facts, "param_page_size", "16384");
    Backup *link = sample_add(backups, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    backup_quarantine(link, "timeline", "put \"back\"", SAMPLE_SUNDAY + SAMPLE_DAY);
    return backups;
}

static gboolean tell_chains(void *data)
{
    Report *report = data;
    g_autoptr(GPtrArray) backups = two_backups();
    report_instance(report, "shop");
    view_chains(report, backups, SAMPLE_SUNDAY);
    return TRUE;
}

Test(report, lists_chains_and_links_under_the_names_of_the_catalog)
{
    json_t *object = told(tell_chains, STATUS_OK, NULL);
    json_t *shop = json_array_get(json_object_get(object, "instances"), 0);
    json_t *chains = json_object_get(shop, "chains");
    cr_assert(json_array_size(chains) == 1);
    json_t *chain = json_array_get(chains, 0);
    cr_expect_str_eq(string_at(chain, "id"), "20261122T020000Z-full");
    json_t *links = json_object_get(chain, "links");
    cr_assert(json_array_size(links) == 2);
    json_t *full = json_array_get(links, 0);
    json_t *link = json_array_get(links, 1);
    for (size_t i = 0; i < backup_facts_count; i++)
        cr_expect_not_null(json_object_get(full, backup_facts[i].key), "%s", backup_facts[i].key);
    for (size_t i = 0; i < backup_marks_count; i++)
        cr_expect_not_null(json_object_get(full, backup_marks[i].key), "%s", backup_marks[i].key);
    cr_expect_str_eq(string_at(full, "id"), "20261122T020000Z-full");
    cr_expect_str_eq(string_at(full, "started"), "2026-11-22T02:00:00Z");
    cr_expect_str_eq(string_at(full, "param_page_size"), "16384");
    cr_expect(json_is_null(json_object_get(full, "quarantined_at")));
    cr_expect(json_is_true(json_object_get(full, "proven")));
    cr_expect(json_is_false(json_object_get(full, "pinned")));
    cr_expect(json_integer_value(json_object_get(full, "bytes_plain")) == 3 << 20);
    cr_expect_str_eq(string_at(link, "type"), "incremental");
    cr_expect_str_eq(string_at(link, "state"), "quarantined");
    cr_expect_str_eq(string_at(link, "reason"), "put \"back\"");
    cr_expect(json_is_false(json_object_get(link, "proven")));
    json_decref(object);
}

Test(report, prints_a_chain_as_a_table)
{
    g_autofree char *text = printed(tell_chains);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    cr_assert(g_strv_length(lines) == 5, "%s", text);
    cr_expect_str_eq(lines[0], "chain 20261122T020000Z-full");
    cr_expect_not_null(strstr(lines[2], "20261122T020000Z-full"));
    cr_expect_not_null(strstr(lines[2], "3.0 MiB"));
    cr_expect_not_null(strstr(lines[2], "complete"));
    cr_expect_not_null(strstr(lines[2], "prepare"));
    cr_expect_not_null(strstr(lines[3], "quarantined"));
}

static gboolean tell_one(void *data)
{
    Report *report = data;
    g_autoptr(GPtrArray) backups = two_backups();
    report_instance(report, "shop");
    view_backup(report, backups, backups->pdata[1], SAMPLE_SUNDAY);
    return TRUE;
}

Test(report, says_why_one_backup_cannot_be_restored)
{
    json_t *object = told(tell_one, STATUS_OK, NULL);
    json_t *shop = json_array_get(json_object_get(object, "instances"), 0);
    json_t *backup = json_object_get(shop, "backup");
    cr_expect(json_is_false(json_object_get(backup, "restorable")));
    json_decref(object);
    g_autofree char *text = printed(tell_one);
    cr_expect_not_null(strstr(text, "no: 20261123T020000Z-incr is quarantined (timeline)"));
}

static gboolean tell_health(void *data)
{
    Report *report = data;
    g_autoptr(GPtrArray) backups = two_backups();
    g_autoptr(Vitals) vitals = vitals_new("shop");
    vitals_add_catalog(vitals, backups, SAMPLE_SUNDAY);
    report_instance(report, "shop");
    view_status(report, vitals, SAMPLE_SUNDAY + 2 * SAMPLE_DAY);
    return TRUE;
}

Test(report, tells_three_times_and_what_is_wrong)
{
    json_t *object = told(tell_health, STATUS_OK, NULL);
    json_t *shop = json_array_get(json_object_get(object, "instances"), 0);
    cr_expect_str_eq(string_at(shop, "newest_backup_id"), "20261123T020000Z-incr");
    cr_expect_str_eq(string_at(shop, "restorable_until"), "2026-11-22T02:01:00Z");
    cr_expect_str_eq(string_at(shop, "proven_until"), "2026-11-22T02:01:00Z");
    cr_expect_str_eq(string_at(shop, "files_at"), "2026-11-22T02:08:20Z");
    cr_expect(json_array_size(json_object_get(shop, "problems")) == 2);
    json_decref(object);
    g_autofree char *text = printed(tell_health);
    cr_expect_not_null(strstr(text, "wrong: 20261123T020000Z-incr is quarantined"));
    cr_expect_not_null(strstr(text, "1d 23h ago, 20261122T020000Z-full"));
}

static gboolean tell_no_health(void *data)
{
    Report *report = data;
    g_autoptr(GPtrArray) backups = sample_backups();
    g_autoptr(Vitals) vitals = vitals_new("shop");
    vitals_add_catalog(vitals, backups, SAMPLE_SUNDAY);
    report_instance(report, "shop");
    view_status(report, vitals, SAMPLE_SUNDAY);
    view_chains(report, backups, SAMPLE_SUNDAY);
    return TRUE;
}

Test(report, says_never_where_there_is_nothing)
{
    json_t *object = told(tell_no_health, STATUS_OK, NULL);
    json_t *shop = json_array_get(json_object_get(object, "instances"), 0);
    cr_expect(json_is_null(json_object_get(shop, "newest_backup")));
    cr_expect(json_is_null(json_object_get(shop, "proven_until_id")));
    cr_expect(json_array_size(json_object_get(shop, "chains")) == 0);
    json_decref(object);
    g_autofree char *text = printed(tell_no_health);
    cr_expect_not_null(strstr(text, "proven until      never"));
    cr_expect_not_null(strstr(text, "no backup yet"));
}
