/* SPDX-License-Identifier: MIT */
#include "report/drill_report.h"

#include "page.h"
#include "sample.h"

/* A drill of a full and one incremental that passed at all levels; each test changes what it is
 * about. */
typedef struct {
    GPtrArray *path;
    GPtrArray *history;
    Drill *drill;
    Exam *exam;
    DrillProof proof;
} Sample;

static void drill_free_any(gpointer drill)
{
    drill_free(drill);
}

static void set(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

static Drill *sample_drill(const GPtrArray *path, int64_t at)
{
    const Backup *last = path->pdata[path->len - 1];
    Drill *drill = drill_new(last->id, last->chain, DRILL_VERIFY);
    drill->at = at;
    drill->asked = drill->reached = PROOF_QUERIES;
    drill->fresh = TRUE;
    for (guint i = 0; i < path->len; i++) {
        const Backup *link = path->pdata[i];
        DrillStep *step = drill_add_step(drill, link->id, link->type);
        step->bytes_stored = 1 << 20;
        step->bytes_plain = 4 << 20;
        step->unseal_us = 3 * G_USEC_PER_SEC;
        step->prepare_us = 7 * G_USEC_PER_SEC;
    }
    drill->start_us = G_USEC_PER_SEC;
    drill->ask_us = 2 * G_USEC_PER_SEC;
    drill->took_us = 25 * G_USEC_PER_SEC;
    drill->rpo_s = 7260;
    set(&drill->engine, "mariadb-backup 10.11.19-MariaDB");
    set(&drill->server, "10.11.19-MariaDB-test");
    set(&drill->host, "db1");
    return drill;
}

static ExamTable *sample_table(Exam *exam, const char *schema, const char *name)
{
    ExamTable *table = exam_add_table(exam, schema, name);
    set(&table->engine, "InnoDB");
    set(&table->type, "BASE TABLE");
    table->check = CHECK_PASSED;
    table->checked_at = SAMPLE_SUNDAY + 2 * SAMPLE_DAY;
    exam->checked++;
    return table;
}

static Sample sample(void)
{
    Sample sample = {
        .path = sample_backups(),
        .history = g_ptr_array_new_with_free_func(drill_free_any),
        .exam = exam_new(),
    };
    const Backup *full = sample_add(sample.path, SAMPLE_SUNDAY, NULL);
    (void)sample_add(sample.path, SAMPLE_SUNDAY + SAMPLE_DAY, full);
    for (guint i = 0; i < sample.path->len; i++) {
        Backup *link = sample.path->pdata[i];
        link->proof = PROOF_QUERIES;
        link->files_at = SAMPLE_SUNDAY + 2 * SAMPLE_DAY;
    }
    (void)sample_table(sample.exam, "shop", "orders");
    exam_add_assert(sample.exam, "recent", "SELECT 1")->passed = TRUE;
    sample.exam->canary_wanted = sample.exam->canary_found = TRUE;
    sample.drill = sample_drill(sample.path, SAMPLE_SUNDAY + 2 * SAMPLE_DAY);
    sample.proof = (DrillProof){
        .instance = "shop",
        .repository = "/backup",
        .drill = sample.drill,
        .exam = sample.exam,
        .path = sample.path,
        .history = sample.history,
        .recorded = TRUE,
        .forecast_s = 3600,
        .restore_within_s = 7200,
        .reread_every_s = 30 * (int64_t)SAMPLE_DAY,
    };
    return sample;
}

static void sample_clear(Sample *sample)
{
    g_ptr_array_unref(sample->path);
    g_ptr_array_unref(sample->history);
    drill_free(sample->drill);
    exam_free(sample->exam);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sample, sample_clear)

/* The queries failed: a table that CHECK TABLE does not like. */
static void fail_it(Sample *sample)
{
    Backup *last = sample->path->pdata[1];
    ExamTable *table = sample->exam->tables->pdata[0];
    table->check = CHECK_FAILED;
    set(&table->message, "Index PRIMARY is corrupted");
    set(&sample->drill->failure, "shop.orders: Index PRIMARY is corrupted");
    sample->drill->reached = PROOF_SERVER;
    last->proof = PROOF_SERVER;
    last->proof_failed = PROOF_QUERIES;
    sample->proof.blamed = last->id;
    sample->proof.remedy = "take a full";
}

static Page page_of(const Sample *sample)
{
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &sample->proof);
    g_autoptr(GString) html = drill_report_html(report);
    return page_read(html);
}

static json_t *proof_at(const json_t *json, size_t instance, size_t proof)
{
    const json_t *proofs =
        json_object_get(json_array_get(json_object_get(json, "instances"), instance), "proofs");
    return json_array_get(proofs, proof);
}

static json_t *json_of(const Sample *sample)
{
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &sample->proof);
    return drill_report_json(report);
}

static void expect_keys(const json_t *object, const char *wanted)
{
    g_autoptr(GString) keys = g_string_new(NULL);
    void *at = json_object_iter((json_t *)object);
    for (; at != NULL; at = json_object_iter_next((json_t *)object, at))
        g_string_append_printf(keys, "%s%s", keys->len > 0 ? " " : "", json_object_iter_key(at));
    cr_expect_str_eq(keys->str, wanted, "%s", keys->str);
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "(null)";
}

/* ---- what it says ---------------------------------------------------------------------------- */

Test(drill_report, says_what_was_proven_when_where_and_with_what)
{
    g_auto(Sample) it = sample();
    g_auto(Page) page = page_of(&it);
    static const char *const wanted[] = {
        "✓ Passed at level queries",
        "20261123T020000Z-incr",
        "20261122T020000Z-full",
        "mariadb-backup 10.11.19-MariaDB",
        "10.11.19-MariaDB-test",
        "2026-11-24 02:00:00",
        "/backup",
        "db1",
        "from the full on, into a fresh private copy",
        "2h 01m", /* RPO */
        "21.0 s", /* both links and the start of the server */
        "1h 00m", /* the forecast */
        "target 2h 00m: ✓ within it",
        "orders",
        "SELECT 1",
        "✓ true",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        page_expect(&page, wanted[i]);
    page_expect_not(&page, "✗");
}

Test(drill_report, of_a_failure_says_what_where_and_what_to_do)
{
    g_auto(Sample) it = sample();
    fail_it(&it);
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "✗ Failed at level queries");
    page_expect(&page, "shop.orders: Index PRIMARY is corrupted");
    page_expect(&page, "To blame: 20261123T020000Z-incr.");
    page_expect(&page, "take a full");
    page_expect(&page, "Tables at fault");
    page_expect(&page, "It passed the level server, and not the one above.");
    page_expect_not(&page, "✓ Passed");
}

Test(drill_report, of_a_failure_names_the_level_that_failed_not_the_one_that_was_asked)
{
    g_auto(Sample) it = sample();
    Backup *full = it.path->pdata[0];
    full->state = STATE_QUARANTINED;
    backup_set_text(&full->reason, "data/shop/orders.ibd.lz4 is damaged");
    set(&it.drill->failure, "20261122T020000Z-full: data/shop/orders.ibd.lz4 is damaged");
    it.drill->reached = PROOF_NONE;
    it.proof.blamed = full->id;
    it.proof.exam = NULL;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "✗ Failed at level files");
    page_expect(&page, "✗ quarantined: data/shop/orders.ibd.lz4 is damaged");
}

Test(drill_report, never_calls_passed_what_was_not_reached_though_nobody_is_to_blame)
{
    g_auto(Sample) it = sample();
    set(&it.drill->failure, "there is no room in /proof");
    it.drill->reached = PROOF_FILES;
    it.proof.exam = NULL;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "✗ Not proven at level queries");
    page_expect(&page, "there is no room in /proof");
    page_expect(&page, "which blames no backup");
    page_expect(&page, "✗ not reached");
    page_expect(&page, "No server was asked in this drill");
    page_expect_not(&page, "✓ Passed");
    page_expect_not(&page, "To blame");
}

Test(drill_report, never_calls_passed_a_level_below_the_one_asked_though_no_failure_is_told)
{
    g_auto(Sample) it = sample();
    it.drill->reached = PROOF_SERVER;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "✗ Not proven at level queries");
    page_expect_not(&page, "✓ Passed");
    json_t *json = json_of(&it);
    cr_expect(json_is_false(json_object_get(json, "passed")));
    cr_expect(json_is_false(json_object_get(proof_at(json, 0, 0), "passed")));
    json_decref(json);
}

Test(drill_report, does_not_count_as_proven_what_was_not_read_for_too_long)
{
    g_auto(Sample) it = sample();
    Backup *full = it.path->pdata[0];
    full->files_at = SAMPLE_SUNDAY - 60 * (int64_t)SAMPLE_DAY;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "✓ Passed at level queries");
    page_expect(&page, ", overdue");
    page_expect(&page, "✗ no");
}

Test(drill_report, takes_no_forward_roll_for_a_measured_restore)
{
    g_auto(Sample) it = sample();
    it.drill->fresh = FALSE;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "no restore from the full on was timed so far");

    Drill *older = sample_drill(it.path, SAMPLE_SUNDAY);
    g_ptr_array_add(it.history, older);
    g_auto(Page) with_history = page_of(&it);
    page_expect(&with_history, "2026-11-22 02:00:00, a test restore of 20261123T020000Z-incr");
}

Test(drill_report, says_what_this_drill_did_not_do_itself)
{
    g_auto(Sample) it = sample();
    it.exam->left = 17;
    it.drill->fresh = FALSE;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "CHECK TABLE did not come to 17 tables in this drill");
    page_expect(&page, "✓ passed, for the new links");
    g_ptr_array_set_size(it.drill->steps, 0);
    g_auto(Page) nothing_new = page_of(&it);
    page_expect(&nothing_new, "✓ passed, in an earlier drill");
    it.drill->fresh = TRUE;
    g_auto(Page) fresh = page_of(&it);
    page_expect_not(&fresh, "✓ passed, ");
}

Test(drill_report, says_when_the_forecast_is_over_its_target_or_not_known)
{
    g_auto(Sample) it = sample();
    it.proof.forecast_s = 7201;
    g_auto(Page) over = page_of(&it);
    page_expect(&over, "target 2h 00m: ✗ over it");
    it.proof.forecast_s = -1;
    g_auto(Page) unknown = page_of(&it);
    page_expect(&unknown, "not known");
    page_expect_not(&unknown, "within it");
    it.proof.restore_within_s = 0;
    g_auto(Page) none = page_of(&it);
    page_expect(&none, "no target is set");
}

Test(drill_report, says_why_there_is_no_rpo)
{
    g_auto(Sample) it = sample();
    it.drill->rpo_s = -1;
    it.exam->canary_wanted = it.exam->canary_found = FALSE;
    g_auto(Page) none = page_of(&it);
    page_expect(&none, "no canary row was written before this backup");
    it.exam->canary_wanted = TRUE;
    g_auto(Page) lost = page_of(&it);
    page_expect(&lost, "its canary row was not found");
}

Test(drill_report, is_made_of_a_chain_that_lacks_a_link_too)
{
    g_auto(Sample) it = sample();
    set(&it.drill->failure, "20261122T020000Z-full is missing");
    it.drill->reached = PROOF_NONE;
    it.proof.path = NULL;
    it.proof.exam = NULL;
    it.proof.history = NULL;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "A link of the chain is missing");
    page_expect(&page, "It passed no level in this drill.");
}

Test(drill_report, of_several_proofs_has_a_summary_and_the_failure_first)
{
    g_auto(Sample) good = sample();
    g_auto(Sample) bad = sample();
    fail_it(&bad);
    bad.proof.instance = "crm";
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &good.proof);
    drill_report_add(report, &bad.proof);
    drill_report_add_left(report, "crm", 12);
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    page_expect(&page, "Restore drill: 2 instances");
    page_expect(&page, "1 of 2 not passed");
    page_expect(&page, "12 backups are left for another time");
    const char *failed = strstr(page.text->str, "crm: 2026");
    const char *passed = strstr(page.text->str, "shop: 2026");
    cr_assert(failed != NULL && passed != NULL);
    cr_expect(failed < passed);
}

Test(drill_report, of_nothing_claims_nothing)
{
    g_autoptr(DrillReport) report = drill_report_new("db1");
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    page_expect(&page, "nothing was drilled");
    page_expect_not(&page, "assed at level");
    json_t *json = drill_report_json(report);
    cr_expect(json_is_false(json_object_get(json, "passed")));
    json_decref(json);
}

/* ---- harmless, and not too long -------------------------------------------------------------- */

static void expect_harmless(const Page *page)
{
    static const char *const known =
        " html head meta title style body header main footer section h1 h2 h3 p strong a div dl dt "
        "dd table caption thead tbody tr th td details summary span svg defs pattern rect circle "
        "line path text ";
    static const char *const attributes =
        " lang charset name content http-equiv id class href scope tabindex colspan open role "
        "aria-hidden width height viewBox patternUnits patternTransform x y x1 y1 x2 y2 cx cy r d ";
    GHashTable *const sets[] = {page->elements, page->attributes};
    const char *const allowed[] = {known, attributes};
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
        GHashTableIter iter;
        gpointer name = NULL;
        g_hash_table_iter_init(&iter, sets[i]);
        while (g_hash_table_iter_next(&iter, &name, NULL)) {
            g_autofree char *word = g_strdup_printf(" %s ", (const char *)name);
            cr_expect_not_null(strstr(allowed[i], word), "'%s' is in the page", (char *)name);
        }
    }
}

Test(drill_report, hostile_names_and_messages_are_harmless_wherever_they_stand)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    for (int round = 0; round < 60; round++) {
        g_auto(Sample) it = sample();
        g_autofree char *piece = sample_hostile(random);
        g_autofree char *text =
            g_strconcat("<script>alert(1)</script>\" onload='x'\xe2\x80\xae", piece, NULL);
        ExamTable *table = sample_table(it.exam, text, text);
        table->fit = TABLE_EXTRA;
        char **fields[] = {&table->type,       &table->engine,    &table->message,
                           &it.drill->failure, &it.drill->engine, &it.drill->server,
                           &it.drill->host};
        for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
            set(fields[i], text);
        set(&exam_add_assert(it.exam, text, text)->answer, text);
        it.proof.instance = it.proof.repository = it.proof.blamed = it.proof.remedy = text;
        Backup *last = it.path->pdata[1];
        last->state = STATE_QUARANTINED;
        backup_set_text(&last->reason, text);
        backup_set_text(&last->server_version, text);
        Drill *older = sample_drill(it.path, SAMPLE_SUNDAY);
        set(&older->failure, text);
        g_ptr_array_add(it.history, older);
        g_auto(Page) page = page_of(&it);
        expect_harmless(&page);
        page_expect(&page, "<script>alert(1)</script>\" onload='x'[U+202E]");
        json_t *json = json_of(&it);
        char *dumped = json_dumps(json, 0);
        cr_expect_not_null(dumped, "the JSON cannot be written");
        free(dumped);
        json_decref(json);
    }
}

static void add_tables(Exam *exam, guint schemas, guint tables)
{
    for (guint i = 0; i < schemas; i++) {
        g_autofree char *schema = g_strdup_printf("customer_%05u", i);
        for (guint j = 0; j < tables; j++) {
            g_autofree char *name = g_strdup_printf("a_table_with_quite_a_long_name_%05u", j);
            (void)sample_table(exam, schema, name);
        }
    }
}

Test(drill_report, with_20000_tables_lists_all_of_them_in_a_page_below_3_mib)
{
    g_auto(Sample) it = sample();
    add_tables(it.exam, 100, 200);
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &it.proof);
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    cr_expect(page.rows > 20000, "%u rows", page.rows);
    cr_expect(html->len < 3 << 20, "%zu bytes", html->len);
}

Test(drill_report, with_more_tables_than_a_page_can_hold_says_so_and_has_them_in_the_json)
{
    g_auto(Sample) it = sample();
    add_tables(it.exam, 60000, 1);
    fail_it(&it);
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &it.proof);
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    cr_expect(html->len < 4 << 20, "%zu bytes", html->len);
    page_expect(&page, "The page is full: ");
    page_expect(&page, "59801 more schemas are not in this table");
    page_expect(&page, "Index PRIMARY is corrupted");
    json_t *json = drill_report_json(report);
    const json_t *tables = json_object_get(json_object_get(proof_at(json, 0, 0), "exam"), "tables");
    cr_expect(json_array_size(tables) == 60001);
    json_decref(json);
}

Test(drill_report, of_one_schema_that_is_larger_than_a_page_lists_what_there_is_room_for)
{
    g_auto(Sample) it = sample();
    add_tables(it.exam, 1, 60000);
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &it.proof);
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    cr_expect(html->len < 4 << 20, "%zu bytes", html->len);
    page_expect(&page, "more tables are listed in the JSON file only");
}

Test(drill_report, of_20000_tables_at_fault_names_500_and_counts_the_rest)
{
    g_auto(Sample) it = sample();
    add_tables(it.exam, 1, 20000);
    for (guint i = 0; i < it.exam->tables->len; i++) {
        ExamTable *table = it.exam->tables->pdata[i];
        table->fit = TABLE_LOST;
        g_free(table->message);
        table->message = g_strnfill(4096, '<');
    }
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &it.proof);
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    cr_expect(html->len < 6 << 20, "%zu bytes", html->len);
    page_expect(&page, "19501 more tables are at fault");
}

Test(drill_report, of_400_backups_that_pass_stays_readable_and_links_every_section_it_has)
{
    g_auto(Sample) it = sample();
    add_tables(it.exam, 10, 200);
    g_autoptr(DrillReport) report = drill_report_new("db1");
    for (int i = 0; i < 400; i++)
        drill_report_add(report, &it.proof);
    g_autoptr(GString) html = drill_report_html(report);
    g_auto(Page) page = page_read(html);
    cr_expect(html->len < 4 << 20, "%zu bytes", html->len);
    page_expect(&page, "what has no link here is told in the JSON file only");
    for (int i = 1; i <= 400; i++) {
        g_autofree char *link = g_strdup_printf("href=\"#drill-%d\"", i);
        g_autofree char *section = g_strdup_printf("id=\"drill-%d\"", i);
        cr_expect((strstr(html->str, link) != NULL) == (strstr(html->str, section) != NULL), "%d",
                  i);
    }
}

Test(drill_report, of_a_chain_of_200_links_the_middle_is_one_row_and_the_time_is_all_there)
{
    g_auto(Sample) it = sample();
    const Backup *parent = it.path->pdata[1];
    for (int i = 2; i < 200; i++)
        parent = sample_add(it.path, SAMPLE_SUNDAY + i * (int64_t)SAMPLE_DAY, parent);
    drill_free(it.drill);
    it.drill = sample_drill(it.path, SAMPLE_SUNDAY + 300 * (int64_t)SAMPLE_DAY);
    it.proof.drill = it.drill;
    g_auto(Page) page = page_of(&it);
    page_expect(&page, "140 links between; the JSON file has them");
    page_expect(&page, "160 links between");
    cr_expect(page.rows < 140, "%u rows", page.rows);
    page_expect(&page, "26m 40s"); /* 160 links of 10 s */
}

/* ---- JSON ------------------------------------------------------------------------------------ */

Test(drill_report, json_has_the_keys_that_are_promised)
{
    g_auto(Sample) it = sample();
    g_ptr_array_add(it.history, sample_drill(it.path, SAMPLE_SUNDAY));
    json_t *json = json_of(&it);
    const json_t *instance = json_array_get(json_object_get(json, "instances"), 0);
    const json_t *proof = proof_at(json, 0, 0);
    const json_t *exam = json_object_get(proof, "exam");
    expect_keys(json,
                "schema_version report made host version passed drilled not_passed instances");
    expect_keys(instance, "instance repository left proofs history backups");
    expect_keys(proof, "id chain kind at level reached passed failure fresh seconds start_seconds "
                       "ask_seconds copied_up table_count checked rpo_seconds engine server host "
                       "steps verdict blamed remedy recorded proven data_until rto links exam");
    expect_keys(json_object_get(proof, "rto"),
                "measured_seconds measured_at measured_id forecast_seconds restore_within_seconds "
                "within");
    expect_keys(json_array_get(json_object_get(proof, "steps"), 0),
                "id type files bytes_stored bytes_plain unseal_seconds prepare_seconds");
    expect_keys(exam,
                "canary checked left list_seconds check_seconds assert_seconds asserts tables");
    expect_keys(json_object_get(exam, "canary"), "wanted found written_at");
    expect_keys(json_array_get(json_object_get(exam, "tables"), 0),
                "schema name type engine size_class fit check message check_seconds checked_at");
    expect_keys(json_array_get(json_object_get(exam, "asserts"), 0), "name sql passed answer");
    cr_expect(json_array_size(json_object_get(instance, "backups")) == 2);
    cr_expect(json_array_size(json_object_get(instance, "history")) == 1);
    cr_expect(json_is_true(json_object_get(json, "passed")));
    json_decref(json);
}

Test(drill_report, json_tells_a_failure_from_what_was_not_reached)
{
    g_auto(Sample) it = sample();
    fail_it(&it);
    json_t *json = json_of(&it);
    cr_expect_str_eq(text_at(proof_at(json, 0, 0), "verdict"), "failed");
    cr_expect_str_eq(text_at(proof_at(json, 0, 0), "blamed"), "20261123T020000Z-incr");
    cr_expect(json_is_false(json_object_get(json, "passed")));
    json_decref(json);

    it.proof.blamed = NULL;
    json = json_of(&it);
    cr_expect_str_eq(text_at(proof_at(json, 0, 0), "verdict"), "not_reached");
    cr_expect(json_is_false(json_object_get(json, "passed")));
    json_decref(json);
}

Test(drill_report, json_has_each_backup_once_as_the_last_drill_left_it)
{
    g_auto(Sample) it = sample();
    g_autoptr(DrillReport) report = drill_report_new("db1");
    drill_report_add(report, &it.proof);
    fail_it(&it);
    drill_report_add(report, &it.proof);
    json_t *json = drill_report_json(report);
    const json_t *backups =
        json_object_get(json_array_get(json_object_get(json, "instances"), 0), "backups");
    cr_assert(json_array_size(backups) == 2);
    cr_expect_str_eq(text_at(json_array_get(backups, 1), "proof_failed"), "queries");
    json_decref(json);
}
