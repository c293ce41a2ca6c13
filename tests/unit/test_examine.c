/* SPDX-License-Identifier: MIT */
/* What a restored backup is asked, on a real server that stands for the restore. */
#include "proof/examine.h"

#include "config/config.h"
#include "model/tablelist.h"
#include "private_server.h"
#include "sample.h"
#include "server/restored.h"

static const char canary[] = "0b5e8a52-8a0e-4cfb-b2a2-0b0e3a1e7c11";
static const char stamped[] = "9c1d5f0e-6d0c-4d55-9a0f-5f3c2b1a0d22";

/* One kind of server is enough here: others are asked in tests/integration. */
static const char *const schema[] = {
    "CREATE DATABASE shop",
    "CREATE TABLE shop.orders (id INT PRIMARY KEY, b BIT(4), d DATE, t TIME, KEY (d))",
    "INSERT INTO shop.orders VALUES (1, b'0010', '2026-11-24', '00:00:07'), (2, b'0', NULL, '0')",
    "CREATE TABLE shop.`odd ``na\tme\nx` (id INT) ENGINE=Aria",
    "CREATE TABLE shop.parts (id INT) PARTITION BY HASH (id) PARTITIONS 3",
    "CREATE TABLE shop.memory (id INT) ENGINE=MEMORY",
    "CREATE SEQUENCE shop.numbers",
    "CREATE TABLE shop.gone (id INT)",
    "CREATE VIEW shop.of_gone AS SELECT * FROM shop.gone",
    "DROP TABLE shop.gone",
    "CREATE FUNCTION shop.writes() RETURNS INT DETERMINISTIC BEGIN INSERT INTO shop.orders (id) "
    "VALUES (9);"
    " RETURN 1; END",
    "CREATE PROCEDURE shop.selects() BEGIN SELECT 1; SELECT 2; END",
    "CREATE TABLE shop.spoiled (id INT PRIMARY KEY, t CHAR(20)) ENGINE=MyISAM",
    "INSERT INTO shop.spoiled SELECT seq, 'row' FROM shop.seq_1_to_100",
    "FLUSH TABLES",
    "CREATE DATABASE lsnchain",
    "CREATE TABLE lsnchain.canary (uuid CHAR(36), event ENUM('written', 'stamped'), at "
    "DATETIME(6))",
    "INSERT INTO lsnchain.canary VALUES"
    " ('0b5e8a52-8a0e-4cfb-b2a2-0b0e3a1e7c11', 'written', '2026-11-22 02:00:00.75'),"
    " ('9c1d5f0e-6d0c-4d55-9a0f-5f3c2b1a0d22', 'written', '2026-11-22 02:00:00'),"
    " ('9c1d5f0e-6d0c-4d55-9a0f-5f3c2b1a0d22', 'stamped', '2026-11-22 02:05:00')",
    NULL};

/* Half of the rows are cut off: what a bad disk does. */
static void spoil(void)
{
    g_autofree char *path = g_build_filename(home, "data/shop/spoiled.MYD", NULL);
    if (truncate(path, 1000) != 0)
        (void)fprintf(stderr, "cannot spoil %s\n", path);
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests;
    private_server_start(schema);
    spoil();
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    private_server_stop();
}

TestSuite(examine, .init = find_home);

/* ---- a scene --------------------------------------------------------------------------------- */

typedef struct {
    Server *server;
    Backup *backup;
    GPtrArray *asserts;
    Exam *exam;
    char *directory; /* of the backup */
    ExamineSpec spec;
    GError *error;
} Scene;

static void scene_clear(Scene *scene)
{
    server_free(scene->server);
    backup_free(scene->backup);
    g_ptr_array_unref(scene->asserts);
    exam_free(scene->exam);
    files_clear_fd(&scene->spec.backup_fd);
    sample_remove(scene->directory);
    g_clear_error(&scene->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static Scene scene_new(void)
{
    Scene scene = {.server = connect_with("root", "", 0),
                   .backup = sample_backup(SAMPLE_SUNDAY, NULL),
                   .asserts = g_ptr_array_new_with_free_func(g_free),
                   .exam = exam_new(),
                   .directory = sample_directory()};
    scene.spec = (ExamineSpec){.server = scene.server,
                               .backup = scene.backup,
                               .backup_fd = files_open_dir(AT_FDCWD, scene.directory, NULL),
                               .canary_schema = "lsnchain",
                               .asserts = scene.asserts};
    cr_assert(scene.spec.backup_fd >= 0);
    return scene;
}

/* tables.tsv as if the backup was of this very server; `change` is made to each table of it, and
 * FALSE leaves the table out. */
typedef gboolean ChangeFn(ListedTable *table);

static gboolean no_change(ListedTable *table)
{
    (void)table;
    return TRUE;
}

static void list(Scene *scene, ChangeFn *change, const char *more)
{
    g_autoptr(GPtrArray) tables = server_tables(scene->server, NULL);
    cr_assert_not_null(tables);
    g_autoptr(GString) text = tablelist_new();
    for (guint i = 0; i < tables->len; i++) {
        const ServerTable *table = tables->pdata[i];
        ListedTable listed = {.schema = table->schema,
                              .name = table->name,
                              .engine = *table->engine != '\0' ? table->engine : table->type,
                              .size_class = (char *)"1M"};
        if (change(&listed))
            tablelist_append(text, &listed);
    }
    g_string_append(text, more);
    sample_write(scene->directory, TABLELIST_FILE, text->str);
}

static gboolean is_orders(const ListedTable *table)
{
    return g_str_equal(table->schema, "shop") && g_str_equal(table->name, "orders");
}

static const ExamTable *examined(const Scene *scene, const char *name)
{
    for (guint i = 0; i < scene->exam->tables->len; i++) {
        const ExamTable *table = scene->exam->tables->pdata[i];
        if (g_str_equal(table->name, name))
            return table;
    }
    cr_assert_fail("%s was not examined", name);
    return NULL;
}

static void expect_good(Scene *scene, gboolean result)
{
    cr_expect(result, "%s", scene->error != NULL ? scene->error->message : "");
}

static void expect_fault(Scene *scene, gboolean result, const char *sentence)
{
    cr_assert_not(result);
    g_autofree char *got = error_sentence(scene->error);
    g_autofree char *hint = error_hint(scene->error);
    cr_expect_eq(error_status(scene->error), STATUS_VERIFY, "%s", scene->error->message);
    cr_expect_str_eq(got, sentence);
    cr_expect_not_null(hint);
}

/* ---- the list of tables ---------------------------------------------------------------------- */

static gboolean tables(Scene *scene)
{
    return examine_tables(&scene->spec, scene->exam, &scene->error);
}

Test(examine, finds_the_tables_that_were_backed_up_whatever_their_names_and_engines)
{
    g_auto(Scene) scene = scene_new();
    list(&scene, no_change, "");
    expect_good(&scene, tables(&scene));
    cr_expect_eq(examined(&scene, "odd `na\tme\nx")->fit, TABLE_SAME);
    cr_expect_eq(examined(&scene, "numbers")->fit, TABLE_SAME);
    cr_expect_eq(examined(&scene, "global_priv")->fit, TABLE_SAME);
    cr_expect_eq(examined(&scene, "of_gone")->check, CHECK_NEEDLESS, "a view holds no rows");
    cr_expect_str_eq(examined(&scene, "parts")->engine, "InnoDB");
    cr_expect(scene.exam->list_us > 0);
}

Test(examine, names_a_table_that_the_restore_lost)
{
    g_auto(Scene) scene = scene_new();
    list(&scene, no_change, "shop\tcustomers\tInnoDB\t1M\tboth\n");
    expect_fault(&scene, tables(&scene),
                 "shop.customers: was backed up, but is not in the restore");
    cr_expect_eq(examined(&scene, "customers")->fit, TABLE_LOST);
    cr_expect_eq(examined(&scene, "orders")->fit, TABLE_SAME);
}

static gboolean leave_orders_out(ListedTable *table)
{
    return !is_orders(table);
}

Test(examine, names_a_table_that_was_not_backed_up)
{
    g_auto(Scene) scene = scene_new();
    list(&scene, leave_orders_out, "");
    expect_fault(&scene, tables(&scene), "shop.orders: is in the restore, but was not backed up");
    cr_expect_eq(examined(&scene, "orders")->fit, TABLE_EXTRA);
    cr_expect_str_eq(examined(&scene, "orders")->engine, "InnoDB");
}

static gboolean orders_in_aria(ListedTable *table)
{
    if (is_orders(table))
        table->engine = (char *)"Aria";
    return TRUE;
}

Test(examine, names_a_table_that_came_back_with_another_engine)
{
    g_auto(Scene) scene = scene_new();
    list(&scene, orders_in_aria, "");
    expect_fault(&scene, tables(&scene), "shop.orders: was Aria, and is InnoDB in the restore");
    cr_expect_eq(examined(&scene, "orders")->fit, TABLE_OTHER_ENGINE);
}

static gboolean orders_seen_after(ListedTable *table)
{
    if (is_orders(table)) {
        table->seen = SEEN_AFTER;
        table->engine = (char *)"Aria";
    }
    return TRUE;
}

Test(examine, demands_nothing_of_a_table_that_came_or_went_during_the_capture)
{
    g_auto(Scene) scene = scene_new();
    list(&scene, orders_seen_after, "shop\tcustomers\tInnoDB\t1M\tbefore\n");
    expect_good(&scene, tables(&scene));
    cr_expect_eq(examined(&scene, "orders")->fit, TABLE_COMING_OR_GOING);
    cr_expect_eq(examined(&scene, "customers")->fit, TABLE_COMING_OR_GOING);
    cr_expect_str_eq(examined(&scene, "customers")->type, "", "it is not there");
}

Test(examine, names_the_first_of_many_tables_and_counts_the_others)
{
    g_auto(Scene) scene = scene_new();
    list(&scene, leave_orders_out,
         "shop\tzebra\tInnoDB\t1M\tboth\n"
         "shop\tant\tInnoDB\t1M\tboth\n");
    expect_fault(&scene, tables(&scene),
                 "shop.ant: was backed up, but is not in the restore (and 2 more)");
}

static gboolean in_capitals(ListedTable *table)
{
    static char capitals[] = "ORDERS"; /* the name is the server's list's */
    if (is_orders(table))
        table->name = capitals;
    return TRUE;
}

Test(examine, takes_capitals_for_small_letters_only_where_the_server_does)
{
    for (int folds = 0; folds < 3; folds++) {
        g_auto(Scene) scene = scene_new();
        g_autofree char *value = g_strdup_printf("%d", folds);
        backup_add_extra(scene.backup->extra_facts, "param_lower_case_table_names", value);
        list(&scene, in_capitals, "");
        cr_expect_eq(tables(&scene), folds != 0, "lower_case_table_names = %d", folds);
    }
}

Test(examine, does_not_blame_the_backup_for_a_list_that_cannot_be_read)
{
    g_auto(Scene) scene = scene_new();
    cr_expect_not(tables(&scene));
    cr_expect_eq(error_status(scene.error), STATUS_STORAGE, "%s", scene.error->message);
}

/* ---- the canary ------------------------------------------------------------------------------ */

static gboolean queries(Scene *scene)
{
    return examine_queries(&scene->spec, scene->exam, &scene->error);
}

Test(examine, tells_when_the_canary_was_written)
{
    g_auto(Scene) scene = scene_new();
    backup_set_text(&scene.backup->canary, canary);
    expect_good(&scene, queries(&scene));
    cr_expect(scene.exam->canary_wanted && scene.exam->canary_found);
    cr_expect_eq(scene.exam->canary_at, SAMPLE_SUNDAY);
}

Test(examine, misses_no_canary_where_none_was_written)
{
    g_auto(Scene) scene = scene_new();
    expect_good(&scene, queries(&scene));
    cr_expect_not(scene.exam->canary_wanted);
}

Test(examine, misses_the_canary_of_another_moment)
{
    static const char nobody[] = "11111111-2222-3333-4444-555555555555";
    g_auto(Scene) scene = scene_new();
    backup_set_text(&scene.backup->canary, nobody);
    expect_fault(&scene, queries(&scene),
                 "the canary 11111111-2222-3333-4444-555555555555, written before this backup was "
                 "taken, is not in lsnchain.canary");
    g_clear_error(&scene.error);
    backup_set_text(&scene.backup->canary, stamped);
    expect_fault(&scene, queries(&scene),
                 "the canary 9c1d5f0e-6d0c-4d55-9a0f-5f3c2b1a0d22 in lsnchain.canary has the stamp "
                 "that it got after this backup was taken");
}

Test(examine, misses_the_canary_where_its_schema_is_gone)
{
    g_auto(Scene) scene = scene_new();
    backup_set_text(&scene.backup->canary, canary);
    scene.spec.canary_schema = "elsewhere";
    cr_expect_not(queries(&scene));
    cr_expect_eq(error_status(scene.error), STATUS_VERIFY);
}

/* ---- assertions ------------------------------------------------------------------------------ */

static void assert_that(Scene *scene, const char *name, const char *sql)
{
    AssertConfig *wanted = g_new0(AssertConfig, 1);
    wanted->name = (char *)name;
    wanted->sql = (char *)sql;
    g_ptr_array_add(scene->asserts, wanted);
}

static const struct {
    const char *sql;
    gboolean holds;
    const char *answer; /* a part of it */
} assertions[] = {
    {"SELECT COUNT(*) > 0 FROM shop.orders", TRUE, "1"},
    {"SELECT COUNT(*) > 7 FROM shop.orders", FALSE, "0"},
    {"SELECT COUNT(*) FROM shop.orders", TRUE, "2"},
    {"SELECT id, 0 FROM shop.orders ORDER BY id", TRUE, "1"},
    {"SELECT b FROM shop.orders WHERE id = 1", TRUE, ""},
    {"SELECT b FROM shop.orders WHERE id = 2", FALSE, ""},
    {"SELECT d FROM shop.orders WHERE id = 1", TRUE, "2026-11-24"},
    {"SELECT t FROM shop.orders WHERE id = 1", TRUE, "00:00:07"},
    {"SELECT t FROM shop.orders WHERE id = 2", FALSE, "00:00:00"},
    {"SELECT d FROM shop.orders WHERE id = 2", FALSE, "NULL"},
    {"SELECT 'yes'", FALSE, "yes"},
    {"SELECT ''", FALSE, "an empty text"},
    {"SELECT 0.4", TRUE, "0.4"},
    {"SELECT \"7\" || ''", TRUE, "1"}, /* neither ANSI_QUOTES nor PIPES_AS_CONCAT */
    {"SELECT 'two\nlines'", FALSE, "two lines"},
    {"WITH n AS (SELECT 5 AS five) SELECT five FROM n", TRUE, "5"},
    {"SELECT id FROM shop.orders WHERE id > 7", FALSE, "no row"},
    {"SELECT id FROM shop.nothing", FALSE, "Table 'shop.nothing' doesn't exist (1146)"},
    {"SELECT", FALSE, "You have an error in your SQL syntax"},
    {"SELECT 1; SELECT 2", FALSE, "You have an error in your SQL syntax"},
    {"SELECT ?", FALSE, "You have an error in your SQL syntax"},
    {"", FALSE, "Query was empty (1065)"},
    /* what writes, or is no question */
    {"INSERT INTO shop.orders (id) VALUES (5)", FALSE, "READ ONLY transaction (1792)"},
    {"INSERT INTO shop.orders (id) VALUES (5) RETURNING id", FALSE, "READ ONLY transaction (1792)"},
    {"DELETE FROM shop.orders RETURNING 1", FALSE, "READ ONLY transaction (1792)"},
    {"SELECT shop.writes()", FALSE, "READ ONLY transaction (1792)"},
    {"SELECT NEXTVAL(shop.numbers)", FALSE, "READ ONLY transaction (1792)"},
    {"DROP TABLE shop.orders", FALSE, "not asked: it would answer with no row"},
    {"CREATE TABLE shop.more AS SELECT 1", FALSE, "READ ONLY transaction (1792)"},
    {"CALL shop.selects()", FALSE, "not asked: it would answer with no row"},
    {"SET GLOBAL read_only = 1", FALSE, "not asked: it would answer with no row"},
    {"SET SESSION autocommit = 0", FALSE, "not asked: it would answer with no row"},
    {"SHUTDOWN", FALSE, "not asked: it would answer with no row"},
    {"COMMIT", FALSE, "not asked: it would answer with no row"},
    {"DO 1", FALSE, "not asked: it would answer with no row"},
    {"SELECT 1 INTO @x", FALSE, "not asked: it would answer with no row"},
    {"SELECT 1 INTO OUTFILE 'written'", FALSE, "not asked: it would answer with no row"},
};

Test(examine, judges_each_assertion_by_the_first_value_of_its_answer)
{
    g_auto(Scene) scene = scene_new();
    for (size_t i = 0; i < G_N_ELEMENTS(assertions); i++)
        assert_that(&scene, "one", assertions[i].sql);
    cr_expect_not(queries(&scene));
    cr_expect_eq(error_status(scene.error), STATUS_VERIFY, "%s", scene.error->message);
    cr_assert_eq(scene.exam->asserts->len, G_N_ELEMENTS(assertions));
    for (size_t i = 0; i < G_N_ELEMENTS(assertions); i++) {
        const ExamAssert *query = scene.exam->asserts->pdata[i];
        cr_expect_eq(query->passed, assertions[i].holds, "%s: %s", query->sql, query->answer);
        cr_expect(strstr(query->answer, assertions[i].answer) != NULL, "%s: %s", query->sql,
                  query->answer);
    }
    cr_expect(run_sql((const char *const[]){"DO 1", NULL}), "the server still runs");
}

Test(examine, names_the_assertion_that_does_not_hold_and_its_answer)
{
    g_auto(Scene) scene = scene_new();
    assert_that(&scene, "many-orders", "SELECT COUNT(*) > 1000 FROM shop.orders");
    assert_that(&scene, "some-orders", "SELECT COUNT(*) > 0 FROM shop.orders");
    assert_that(&scene, "typo", "SELECT COUNT(*) > 0 FROM shop.order");
    expect_fault(&scene, queries(&scene), "assertion many-orders: 0 (and 1 more)");
}

Test(examine, ends_an_assertion_that_takes_too_long)
{
    g_autoptr(Server) server = connect_with("root", "", 0);
    g_autoptr(GError) error = NULL;
    g_autofree char *answer = NULL;
    gboolean holds = TRUE;
    int64_t began = g_get_monotonic_time();
    cr_expect(restored_assert(server, "SELECT 1 FROM (SELECT SLEEP(60) FROM DUAL) s", 1, &holds,
                              &answer, &error),
              "%s", error != NULL ? error->message : "");
    cr_expect_not(holds);
    cr_expect_str_eq(answer,
                     "Query execution was interrupted (max_statement_time exceeded) (1969)");
    cr_expect(g_get_monotonic_time() - began < 20 * G_USEC_PER_SEC);
    g_free(g_steal_pointer(&answer));
    cr_expect(restored_assert(server, "SELECT SLEEP(1.2) = 0", 5, &holds, &answer, &error));
    cr_expect(holds, "the limit was of the other one: %s", answer);
}

/* ---- CHECK TABLE ----------------------------------------------------------------------------- */

static ExamTable *there(Scene *scene, const char *name)
{
    ExamTable *table = exam_add_table(scene->exam, "shop", name);
    g_free(table->type);
    table->type = g_strdup("BASE TABLE");
    return table;
}

Test(examine, checks_every_table_that_is_there)
{
    g_auto(Scene) scene = scene_new();
    ExamTable *sound[] = {there(&scene, "orders"), there(&scene, "odd `na\tme\nx"),
                          there(&scene, "parts")};
    ExamTable *needless[] = {there(&scene, "memory"), there(&scene, "numbers")};
    ExamTable *gone = exam_add_table(scene.exam, "shop", "gone");
    expect_good(&scene, queries(&scene));
    for (size_t i = 0; i < G_N_ELEMENTS(sound); i++)
        cr_expect_eq(sound[i]->check, CHECK_PASSED, "%s", sound[i]->name);
    for (size_t i = 0; i < G_N_ELEMENTS(needless); i++)
        cr_expect_eq(needless[i]->check, CHECK_NEEDLESS, "%s", needless[i]->name);
    cr_expect_eq(gone->check, CHECK_NOT_DONE);
    cr_expect_eq(scene.exam->checked, 3);
    cr_expect_eq(scene.exam->left, 0);
    cr_expect(sound[0]->checked_at > SAMPLE_SUNDAY - 3650L * SAMPLE_DAY);
    cr_expect(sound[0]->check_us > 0);
}

Test(examine, names_the_table_that_a_bad_disk_cut_off)
{
    g_auto(Scene) scene = scene_new();
    (void)there(&scene, "orders");
    ExamTable *spoiled = there(&scene, "spoiled");
    expect_fault(&scene, queries(&scene),
                 "shop.spoiled: Size of datafile is:      1000         Should be: 2500; Corrupt");
    cr_expect_eq(spoiled->check, CHECK_FAILED);
    cr_expect_eq(scene.exam->checked, 2);
}

Test(examine, names_what_check_table_cannot_find)
{
    g_auto(Scene) scene = scene_new();
    (void)there(&scene, "nothing");
    expect_fault(&scene, queries(&scene),
                 "shop.nothing: Table 'shop.nothing' doesn't exist; Operation failed");
}

Test(examine, checks_a_part_of_the_tables_when_time_is_up_and_the_others_the_next_time)
{
    g_auto(Scene) scene = scene_new();
    g_autoptr(Rota) rota = rota_open(NULL);
    ExamTable *orders = there(&scene, "orders");
    ExamTable *parts = there(&scene, "parts");
    scene.spec.until_us = 1;
    scene.spec.rota = rota;
    expect_good(&scene, queries(&scene));
    cr_expect_eq(scene.exam->checked, 1);
    cr_expect_eq(scene.exam->left, 1);
    cr_expect_eq(orders->check, CHECK_PASSED);
    cr_expect_eq(parts->checked_at, 0);
    scene.exam->checked = scene.exam->left = 0;
    orders->check = CHECK_NOT_DONE;
    expect_good(&scene, queries(&scene));
    cr_expect_eq(orders->check, CHECK_NOT_DONE);
    cr_expect_eq(parts->check, CHECK_PASSED);
    cr_expect(orders->checked_at > 0, "it is known from the time before");
}

static void count_ticks(const char *question, guint done, guint all, void *data)
{
    cr_expect(done < all);
    g_string_append_printf(data, "%s;", question);
}

Test(examine, tells_what_it_asks)
{
    g_auto(Scene) scene = scene_new();
    g_autoptr(GString) told = g_string_new(NULL);
    (void)there(&scene, "orders");
    assert_that(&scene, "one", "SELECT 1");
    scene.spec.tick = count_ticks;
    scene.spec.data = told;
    expect_good(&scene, queries(&scene));
    cr_expect_str_eq(told->str, "assertion one;CHECK TABLE shop.orders;");
}

/* ---- a server that is gone ------------------------------------------------------------------- */

static gboolean crashed(void *data, GError **error)
{
    (void)data;
    return fail(error, STATUS_VERIFY, "mariadbd was ended by signal 6" HINT("see its log"));
}

static gboolean killed(void *data, GError **error)
{
    (void)data;
    return fail(error, STATUS_FAILED, "mariadbd was killed" HINT("has the host enough memory?"));
}

static gboolean lives(void *data, GError **error)
{
    (void)error;
    return ++*(int *)data > 0;
}

/* As a server does that ends: the connection is closed under the next question. */
static void cut_connection(const Scene *scene)
{
    gboolean holds = FALSE;
    g_autofree char *id = NULL;
    cr_assert(restored_assert(scene->server, "SELECT CONNECTION_ID()", 5, &holds, &id, NULL));
    g_autofree char *sql = g_strdup_printf("KILL CONNECTION %s", id);
    cr_assert(run_sql((const char *const[]){sql, NULL}));
}

Test(examine, blames_the_table_at_which_the_server_crashed)
{
    g_auto(Scene) scene = scene_new();
    ExamTable *orders = there(&scene, "orders");
    ExamTable *parts = there(&scene, "parts");
    scene.spec.alive = crashed;
    cut_connection(&scene);
    expect_fault(&scene, queries(&scene),
                 "shop.orders: the server crashed when it checked it: mariadbd was ended by signal "
                 "6");
    cr_expect_eq(orders->check, CHECK_FAILED);
    cr_expect_eq(parts->check, CHECK_NOT_DONE);
    cr_expect_eq(scene.exam->left, 1);
}

Test(examine, does_not_blame_the_backup_for_a_server_that_was_killed)
{
    for (int asserts = 0; asserts < 2; asserts++) {
        g_auto(Scene) scene = scene_new();
        ExamTable *orders = there(&scene, "orders");
        if (asserts)
            assert_that(&scene, "one", "SELECT 1");
        scene.spec.alive = killed;
        cut_connection(&scene);
        cr_expect_not(queries(&scene));
        cr_expect_eq(error_status(scene.error), STATUS_FAILED, "%s", scene.error->message);
        cr_expect(strstr(scene.error->message, "mariadbd was killed") != NULL);
        cr_expect_eq(orders->check, CHECK_NOT_DONE);
        cr_expect_eq(scene.exam->asserts->len, 0, "it was not answered, so it is not false");
    }
}

Test(examine, tells_at_which_assertion_the_server_crashed)
{
    g_auto(Scene) scene = scene_new();
    assert_that(&scene, "one", "SELECT 1");
    scene.spec.alive = crashed;
    cut_connection(&scene);
    expect_fault(&scene, queries(&scene), "assertion one: mariadbd was ended by signal 6");
    const ExamAssert *query = scene.exam->asserts->pdata[0];
    cr_expect_not(query->passed);
    cr_expect(strstr(query->answer, "signal 6") != NULL);
}

Test(examine, tells_of_a_lost_connection_where_the_server_lives_on)
{
    g_auto(Scene) scene = scene_new();
    int asked = 0;
    list(&scene, no_change, "");
    scene.spec.alive = lives;
    scene.spec.data = &asked;
    cut_connection(&scene);
    cr_expect_not(tables(&scene));
    cr_expect_eq(error_status(scene.error), STATUS_SERVER, "%s", scene.error->message);
    cr_expect(asked > 1, "it may end a moment later");
}
