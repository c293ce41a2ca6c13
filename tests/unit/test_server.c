/* SPDX-License-Identifier: MIT */
/*
 * The questions, on a real server; and a full and an incremental by the real engine, prepared.
 *
 * One private server for all tests, started before the first and stopped after the last.
 */
#include "server/server.h"

#include "engine/judge.h"
#include "engine/metadata.h"
#include "engine/tables.h"
#include "private_server.h"

TestSuite(server, .init = find_home);

static const char *const schema[] = {
    "CREATE USER backup@localhost IDENTIFIED BY 'a\"b\\\\c#d '",
    "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, SHOW VIEW ON *.* TO backup@localhost",
    "CREATE USER blind@localhost IDENTIFIED BY 'x'",
    "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO blind@localhost",
    "CREATE USER poor@localhost IDENTIFIED BY 'x'",
    "CREATE DATABASE `\xc3\x9cn\xc3\xaf-code`",
    "CREATE TABLE `\xc3\x9cn\xc3\xaf-code`.`t\xc3\xa4 \xc3\x84.x` (id INT)",
    "CREATE TABLE `\xc3\x9cn\xc3\xaf-code`.`con` (id INT) ENGINE=MyISAM",
    "CREATE DATABASE shop",
    "CREATE TABLE shop.orders (id INT PRIMARY KEY, t VARCHAR(20))",
    "INSERT INTO shop.orders VALUES (1, 'one'), (2, 'two')",
    "CREATE TABLE shop.part (id INT) PARTITION BY HASH (id) PARTITIONS 3",
    "CREATE TABLE shop.mpart (id INT) ENGINE=MyISAM PARTITION BY HASH (id) PARTITIONS 2",
    "CREATE TABLE shop.aria (id INT) ENGINE=Aria",
    "CREATE TABLE shop.mem (id INT) ENGINE=MEMORY",
    "CREATE TABLE shop.csv (id INT NOT NULL) ENGINE=CSV",
    "CREATE TABLE shop.ft (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY (t))",
    "CREATE SEQUENCE shop.sq",
    "CREATE VIEW shop.v AS SELECT * FROM shop.orders",
    NULL};

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests;
    private_server_start(schema);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    private_server_stop();
}

static Server *connect_as(const char *user, const char *password)
{
    return connect_with(user, password, 10);
}

static Server *connect_backup(void)
{
    return connect_as("backup", "a\"b\\c#d ");
}

/* ---- connecting
 * ------------------------------------------------------------------------------------ */

Test(server, says_who_could_not_log_in_and_never_the_password)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Login) login = login_as("backup", "sesame");
    g_autoptr(Server) server = server_connect(login, 10, &error);
    cr_assert_null(server);
    cr_expect(error_status(error) == STATUS_SERVER);
    cr_expect(strstr(error->message, "backup@localhost (socket ") != NULL, "%s", error->message);
    cr_expect(strstr(error->message, "hint: test.cnf") != NULL, "%s", error->message);
    cr_expect(strstr(error->message, "sesame") == NULL);
}

Test(server, that_is_not_there_is_status_12)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Login) login = login_as("backup", "x");
    g_free(login->socket);
    login->socket = g_strdup("/nonexistent/s.sock");
    g_autoptr(Server) server = server_connect(login, 10, &error);
    cr_assert_null(server);
    cr_expect(error_status(error) == STATUS_SERVER);
}

Test(server, without_tls_is_refused_when_tls_was_asked_for)
{
    static const LoginTls modes[] = {LOGIN_TLS_REQUIRED, LOGIN_TLS_VERIFY};
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Login) login = login_as("backup", "a\"b\\c#d ");
        login->tls = modes[i];
        g_autoptr(Server) server = server_connect(login, 10, &error);
        cr_expect_null(server);
        cr_expect(error_status(error) == STATUS_SERVER);
    }
}

/* ---- facts
 * ------------------------------------------------------------------------------------------ */

static const char *param(const ServerFacts *facts, const char *name)
{
    for (guint i = 0; i < facts->params->len; i++) {
        const ServerParam *one = facts->params->pdata[i];
        if (strcmp(one->name, name) == 0)
            return one->value;
    }
    return NULL;
}

Test(server, tells_its_facts_and_tells_the_same_start_again)
{
    g_autoptr(Server) server = connect_backup();
    g_autoptr(GError) error = NULL;
    g_auto(ServerFacts) facts = {0};
    cr_assert(server_facts(server, &facts, &error), "%s", error ? error->message : "");
    cr_expect(facts.mariadb && !facts.read_only && !facts.replica && !facts.replica_known);
    cr_expect(strlen(facts.uuid) > 10, "%s", facts.uuid);
    cr_expect(strstr(facts.version, "MariaDB") != NULL);
    cr_expect(facts.lsn > 0);
    cr_expect_str_eq(facts.user, "backup@localhost");
    cr_expect(g_str_has_prefix(facts.datadir, home));
    cr_expect(*facts.gtid != '\0');
    cr_expect_str_eq(param(&facts, "param_page_size"), "16384");
    cr_expect_str_eq(param(&facts, "param_lower_case_table_names"), "0");
    cr_expect_not_null(param(&facts, "param_plugins"));
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    cr_expect(facts.started <= now && facts.started > now - 300, "%lld", (long long)facts.started);

    g_usleep(1100 * 1000);
    g_auto(ServerFacts) again = {0};
    cr_assert(server_facts(server, &again, &error));
    cr_expect(again.started == facts.started);
    cr_expect(again.lsn >= facts.lsn);
    cr_expect_str_eq(again.datadir_id, facts.datadir_id);
    cr_expect(geteuid() != 0 || *facts.datadir_id != '\0');
}

Test(server, shows_a_running_copy_of_another_data_directory_by_its_fingerprint)
{
    if (geteuid() != 0)
        cr_skip_test("the data directory is another user's");
    g_autoptr(Server) server = connect_backup();
    g_auto(ServerFacts) facts = {0};
    cr_assert(server_facts(server, &facts, NULL));
    g_auto(GStrv) parts = g_strsplit(facts.datadir_id, ":", -1);
    cr_assert(g_strv_length(parts) == 4, "%s", facts.datadir_id);
    cr_expect_str_neq(parts[2], "0");
}

Test(server, knows_its_size)
{
    g_autoptr(Server) server = connect_backup();
    uint64_t bytes = 0;
    cr_assert(server_data_bytes(server, &bytes, NULL));
    cr_expect(bytes > 1024 * 1024, "%" G_GUINT64_FORMAT, bytes);
}

/* ---- tables and privileges
 * ------------------------------------------------------------------------- */

static const ServerTable *find(const GPtrArray *tables, const char *table_schema, const char *name)
{
    for (guint i = 0; i < tables->len; i++) {
        const ServerTable *table = tables->pdata[i];
        if (strcmp(table->schema, table_schema) == 0 && strcmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

Test(server, lists_its_tables_sorted_and_complete)
{
    g_autoptr(Server) server = connect_backup();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) tables = server_tables(server, &error);
    cr_assert_not_null(tables, "%s", error ? error->message : "");
    cr_expect(server_tables_complete(server, tables, &error), "%s", error ? error->message : "");
    const ServerTable *orders = find(tables, "shop", "orders");
    cr_assert_not_null(orders);
    cr_expect_str_eq(orders->engine, "InnoDB");
    cr_expect_str_eq(find(tables, "shop", "v")->engine, "");
    cr_expect_str_eq(find(tables, "shop", "sq")->type, "SEQUENCE");
    cr_expect_null(find(tables, "information_schema", "TABLES"));
    for (guint i = 1; i < tables->len; i++) {
        const ServerTable *one = tables->pdata[i - 1];
        const ServerTable *next = tables->pdata[i];
        int schemas = strcmp(one->schema, next->schema);
        cr_expect(schemas < 0 || (schemas == 0 && strcmp(one->name, next->name) < 0));
    }
}

Test(server, refuses_a_list_that_the_grants_made_empty_and_says_what_to_grant)
{
    g_autoptr(Server) server = connect_as("blind", "x");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) tables = server_tables(server, &error);
    cr_assert_not_null(tables);
    cr_expect_null(find(tables, "shop", "orders"));
    cr_assert_not(server_tables_complete(server, tables, &error));
    cr_expect(error_status(error) == STATUS_SERVER);
    cr_expect(strstr(error->message, "hint: GRANT SHOW VIEW ON *.* TO `blind`@`localhost`;") !=
                  NULL,
              "%s", error->message);
}

Test(server, names_the_privileges_that_are_missing)
{
    static const char *const needed[] = {"RELOAD", "PROCESS", "SHOW VIEW", "SUPER", NULL};
    static const struct {
        const char *user;
        const char *password;
        const char *missing;
    } cases[] = {{"root", "", ""},
                 {"backup", "a\"b\\c#d ", "SUPER"},
                 {"blind", "x", "SHOW VIEW,SUPER"},
                 {"poor", "x", "RELOAD,PROCESS,SHOW VIEW,SUPER"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Server) server = connect_as(cases[i].user, cases[i].password);
        g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *remedy = NULL;
        cr_assert(server_privileges(server, needed, missing, &remedy, NULL));
        cr_expect((remedy == NULL) == (missing->len == 0));
        g_ptr_array_add(missing, NULL);
        g_autofree char *got = g_strjoinv(",", (char **)missing->pdata);
        cr_expect_str_eq(got, cases[i].missing);
    }
}

Test(server, that_was_lost_is_status_12_and_not_asked_again)
{
    g_autoptr(Server) server = connect_as("poor", "x");
    static const char *const kill_poor[] = {"KILL USER poor@localhost", NULL};
    cr_assert(run_sql(kill_poor));
    g_autoptr(GError) error = NULL;
    uint64_t lsn = 0;
    cr_assert_not(server_lsn(server, &lsn, &error));
    cr_expect(error_status(error) == STATUS_SERVER);
    cr_expect(strstr(error->message, "poor@localhost") != NULL, "%s", error->message);
}

/* ---- names of files
 * -------------------------------------------------------------------------------- */

/* All characters that an identifier may hold, a few hundred at a time. */
Test(server, writes_every_character_as_engine_file_name_does)
{
    MYSQL *mysql = admin();
    cr_assert_not_null(mysql);
    guint wrong = 0;
    for (gunichar from = 1; from < 0xffff; from += 500) {
        g_autoptr(GString) sql = g_string_new(NULL);
        for (gunichar c = from; c < MIN(from + 500, 0xffff); c++) {
            if (c < 0xd800 || c > 0xdfff)
                g_string_append_printf(sql,
                                       "%sSELECT %u, HEX(CONVERT(_ucs2 0x%04X USING filename))",
                                       sql->len > 0 ? " UNION ALL " : "", c, c);
        }
        if (sql->len == 0)
            continue;
        cr_assert(mysql_query(mysql, sql->str) == 0, "%s", mysql_error(mysql));
        MYSQL_RES *result = mysql_use_result(mysql);
        for (MYSQL_ROW row = mysql_fetch_row(result); row; row = mysql_fetch_row(result)) {
            char utf8[7] = {0};
            (void)g_unichar_to_utf8((gunichar)strtoul(row[0], NULL, 10), utf8);
            g_autofree char *ours = engine_file_name(utf8);
            g_autoptr(GString) hex = g_string_new(NULL);
            for (const char *at = ours; *at != '\0'; at++)
                g_string_append_printf(hex, "%02X", (unsigned)(unsigned char)*at);
            wrong += strcmp(hex->str, row[1]) != 0 ? 1 : 0;
        }
        mysql_free_result(result);
    }
    mysql_close(mysql);
    cr_expect(wrong == 0, "%u characters differ", wrong);
}

/* ---- the engine, for real
 * --------------------------------------------------------------------------- */

/* `mbstream -x`, for here is no reader of our own. */
static gboolean unpack(const char *stream, const char *dir)
{
    g_autofree char *command =
        g_strdup_printf("mkdir -p %s && mbstream -x -C %s < %s", dir, dir, stream);
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const ProcSpec spec = {.argv = argv, .env = proc_plain_env(), .out_fd = -1};
    ProcEnd end;
    return proc_run(&spec, &end, NULL) && end.status == 0;
}

static GString *read_in(const char *name, void *data, GError **error)
{
    g_autofree char *path = g_build_filename(data, name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS) ? files_read_text(AT_FDCWD, path, 1 << 20, error)
                                                 : NULL;
}

/* Captures into DIR/NAME; `parent` is the text of the parent's checkpoints. */
static void capture(const Engine *engine, const char *dir, const char *name, const char *parent,
                    EngineMetadata *metadata)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *stream = g_strconcat(dir, "/", name, ".stream", NULL);
    g_autofree char *target = g_build_filename(dir, name, NULL);
    autofd int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autofd int out_fd = open(stream, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    g_autoptr(Login) login = login_as("backup", "a\"b\\c#d ");
    g_autoptr(EngineHost) host = engine_host_make(dir_fd, dir, login, parent, &error);
    cr_assert_not_null(host, "%s", error ? error->message : "");
    const EngineCapture spec = {.engine = engine,
                                .host = host,
                                .incremental = parent != NULL,
                                .parallel = 2,
                                .out_fd = out_fd,
                                .log_fd = -1,
                                .lock_timeout_s = 60,
                                .stall_timeout_s = 60};
    g_auto(EngineRun) run = {0};
    cr_assert(engine_capture(&spec, &run, &error), "%s", error ? error->message : "");
    cr_assert(engine_judge_capture(engine, &run, &error), "%s", error ? error->message : "");
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    cr_expect(run.log.consistent_utc <= now && run.log.consistent_utc > now - 60);
    cr_assert(unpack(stream, target));
    cr_assert(engine_read_metadata(engine, parent != NULL, read_in, target, metadata, &error), "%s",
              error ? error->message : "");
}

static gboolean add_name(int root_fd, const char *name, const struct stat *status, void *data,
                         GError **error)
{
    (void)root_fd;
    (void)status;
    (void)error;
    engine_files_add(data, name);
    return TRUE;
}

static void expect_all_tables(const Engine *engine, const char *dir)
{
    g_autoptr(Server) server = connect_backup();
    g_autoptr(GPtrArray) tables = server_tables(server, NULL);
    g_autoptr(EngineFiles) files = engine_files_new(0);
    cr_assert(files_walk(AT_FDCWD, dir, add_name, files, NULL));
    cr_assert(tables->len > 30);
    for (guint i = 0; i < tables->len; i++) {
        g_autofree char *missing = engine_table_missing(engine, files, tables->pdata[i]);
        cr_expect_null(missing, "%s is not in %s", missing, dir);
    }
}

static void prepare(const Engine *engine, const char *base, const char *incr,
                    const EngineMetadata *metadata)
{
    g_autoptr(GError) error = NULL;
    const EnginePrepare spec = {.engine = engine,
                                .base_dir = base,
                                .incr_dir = incr,
                                .memory = 64 * 1024 * 1024,
                                .log_fd = -1,
                                .stall_timeout_s = 60};
    g_auto(EngineRun) run = {0};
    cr_assert(engine_prepare(&spec, &run, &error), "%s", error ? error->message : "");
    cr_expect(engine_judge_prepare(engine, &run, metadata->checkpoints.last_lsn, &error), "%s",
              error ? error->message : "");
    g_auto(EngineCheckpoints) now = {0};
    autofd int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(engine_read_checkpoints(engine, fd, &now, NULL));
    cr_expect(now.to_lsn == metadata->checkpoints.to_lsn);
}

Test(server, is_backed_up_and_prepared_by_the_real_engine)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("lsnchain-capture-XXXXXX", NULL);
    g_autofree char *full = g_build_filename(dir, "full", NULL);
    g_autofree char *incr = g_build_filename(dir, "incr", NULL);
    g_autoptr(Engine) engine = engine_find("auto", ENGINE_FOR_MARIADB, &error);
    cr_assert_not_null(engine, "%s", error ? error->message : "");

    g_auto(EngineMetadata) first = {0};
    capture(engine, dir, "full", NULL, &first);
    expect_all_tables(engine, full);
    static const char *const change[] = {"UPDATE shop.orders SET t = 'changed'", NULL};
    cr_assert(run_sql(change));
    g_auto(EngineMetadata) second = {0};
    capture(engine, dir, "incr", first.checkpoints_text, &second);
    expect_all_tables(engine, incr);
    cr_expect(second.checkpoints.from_lsn == first.checkpoints.to_lsn);
    cr_expect(second.binlog_pos > first.binlog_pos);

    prepare(engine, full, NULL, &first);
    prepare(engine, full, incr, &second);
    cr_expect(files_remove_tree(AT_FDCWD, dir, NULL));
}

Test(server, backup_that_nobody_reads_is_stopped_as_stalled)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("lsnchain-capture-XXXXXX", NULL);
    autofd int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(Engine) engine = engine_find("auto", ENGINE_FOR_MARIADB, &error);
    g_autoptr(Login) login = login_as("backup", "a\"b\\c#d ");
    g_autoptr(EngineHost) host = engine_host_make(dir_fd, dir, login, NULL, &error);
    cr_assert(engine != NULL && host != NULL);
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    const EngineCapture spec = {.engine = engine,
                                .host = host,
                                .out_fd = ends[1],
                                .log_fd = -1,
                                .stall_timeout_s = 3,
                                .max_time_s = 20};
    g_auto(EngineRun) run = {0};
    cr_assert(engine_capture(&spec, &run, &error), "%s", error ? error->message : "");
    cr_expect(run.stop == ENGINE_STALLED, "stop %u", run.stop);
    cr_expect_not(engine_judge_capture(engine, &run, &error));
    cr_expect(error_status(error) == STATUS_TIMEOUT);
    (void)close(ends[0]);
    (void)close(ends[1]);
    cr_expect(engine_host_remove(g_steal_pointer(&host), NULL));
    cr_expect(files_remove_tree(AT_FDCWD, dir, NULL));
}
