/* SPDX-License-Identifier: MIT */
/* The xtrabackup family: versions, options, argv, log, metadata.  None of it meets the real tool;
 * tests/unit/data/xtrabackup/README.md says where the data come from. */
#include "engine/engine.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/family.h"
#include "engine/judge.h"
#include "engine/tables.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#define DATA TEST_DATA "/xtrabackup/"

static Engine engine_of(const char *version)
{
    return (Engine){&xtrabackup_family, (char *)(size_t) "/usr/bin/xtrabackup",
                    (char *)(size_t) "xtrabackup", (char *)(size_t)version, FALSE};
}

/* ---- versions --------------------------------------------------------------------------------
 */

Test(xtrabackup, fits_only_the_servers_of_its_series)
{
    static const struct {
        const char *tool;
        const char *server;
        gboolean mariadb;
        gboolean fits;
    } cases[] = {
        {"8.0.35-36", "8.0.35", FALSE, TRUE},
        {"8.0.35-36", "8.0.42-0ubuntu0.24.04.2", FALSE, TRUE},
        {"8.0.35-36", "8.0.42-33", FALSE, TRUE},
        {"8.0.34-29", "8.0.99", FALSE, TRUE},
        {"8.0.33-28", "8.0.33-25", FALSE, TRUE},
        {"8.0.33-28", "8.0.32", FALSE, TRUE},
        {"8.0.33-28", "8.0.34", FALSE, FALSE},
        {"8.0.12-1", "8.0.13", FALSE, FALSE},
        {"8.0.35-36", "8.4.3", FALSE, FALSE},
        {"8.0.35-36", "5.7.44", FALSE, FALSE},
        {"2.4.29", "5.7.44", FALSE, FALSE},
        {"5.7.1", "5.7.44", FALSE, FALSE},
        {"8.4.0-7", "8.4.6-6", FALSE, TRUE},
        {"8.4.0-7", "8.0.42", FALSE, FALSE},
        {"8.4.0-7", "9.7.1", FALSE, FALSE},
        {"9.7.1-rc1", "9.7.4", FALSE, TRUE},
        {"9.7.1-rc1", "9.6.0", FALSE, FALSE},
        {"9.7.1-rc1", "9.8.0", FALSE, FALSE},
        {"8.4.0-7", "10.11.19-MariaDB", TRUE, FALSE},
        {"8.4.0-7", "8.4.3-MariaDB", TRUE, FALSE},
        {"8.4.0-7", "", FALSE, FALSE},
        {"8.4.0-7", "8", FALSE, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Engine engine = engine_of(cases[i].tool);
        g_autoptr(GError) error = NULL;
        gboolean fits = engine_fits(&engine, cases[i].server, cases[i].mariadb, &error);
        cr_expect(fits == cases[i].fits, "%s for %s: %s", cases[i].tool, cases[i].server,
                  error != NULL ? error->message : "fits");
        cr_expect(error_status(error) == (fits ? STATUS_OK : STATUS_UNFIT));
    }
}

Test(xtrabackup, extends_no_chain_across_a_series_or_another_redo_log)
{
    static const struct {
        EngineBuild parent;
        EngineBuild next;
        gboolean extends;
    } cases[] = {
        {{"xtrabackup", "8.0.35-30", "8.0.36"}, {"xtrabackup", "8.0.35-36", "8.0.42"}, TRUE},
        {{"xtrabackup", "8.4.0-1", "8.4.0"}, {"xtrabackup", "8.4.0-7", "8.4.6-6"}, TRUE},
        {{"xtrabackup", "8.0.30-23", "8.0.30"}, {"xtrabackup", "8.0.35-36", "8.0.42"}, TRUE},
        {{"xtrabackup", "8.0.29-22", "8.0.29"}, {"xtrabackup", "8.0.35-36", "8.0.29"}, FALSE},
        {{"xtrabackup", "8.0.35-36", "8.0.29"}, {"xtrabackup", "8.0.35-36", "8.0.30"}, FALSE},
        {{"xtrabackup", "8.0.35-36", "8.0.42"}, {"xtrabackup", "8.4.0-7", "8.0.42"}, FALSE},
        {{"xtrabackup", "8.0.35-36", "8.0.42"}, {"xtrabackup", "8.0.35-36", "8.4.3"}, FALSE},
        {{"xtrabackup", "9.6.0-1", "9.6.0"}, {"xtrabackup", "9.7.1-rc1", "9.6.0"}, FALSE},
        {{"mariadb-backup", "8.4.0-7", "8.4.6"}, {"xtrabackup", "8.4.0-7", "8.4.6"}, FALSE},
        {{"xtrabackup", "8.4.0-7", "8.4.6"}, {"mariadb-backup", "8.4.0-7", "8.4.6"}, FALSE},
        {{"xtrabackup", "", ""}, {"xtrabackup", "", ""}, FALSE},
        {{"other", "1.0", "1.0"}, {"other", "1.0", "1.0"}, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        gboolean extends = engine_extends(&cases[i].parent, &cases[i].next, &why);
        cr_expect(extends == cases[i].extends, "case %zu: %s", i, why);
        cr_expect((why == NULL) == extends, "case %zu", i);
    }
}

/* A program that says on stderr what the real one says of itself. */
static char *program_that_says(const char *dir, const char *text)
{
    char *path = g_build_filename(dir, "xtrabackup", NULL);
    g_autofree char *script = g_strdup_printf("#!/bin/sh\ncat >&2 <<'END'\n%s\nEND\n", text);
    cr_assert(
        g_file_set_contents_full(path, script, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0700, NULL));
    return path;
}

Test(xtrabackup, is_known_by_what_it_says_of_itself)
{
    static const struct {
        const char *says;
        const char *version;
    } cases[] = {
        {"xtrabackup version 8.0.35-30 based on MySQL server 8.0.35 Linux (x86_64) (revision id: "
         "6beb4b49)",
         "8.0.35-30"},
        {"xtrabackup: recognized server arguments: --datadir=/var/lib/mysql \nxtrabackup version "
         "8.0.26-18 based on MySQL server 8.0.26 Linux (x86_64) (revision id: 4aecf8219ca)",
         "8.0.26-18"},
        {"2026-01-05T14:03:44.617022+00:00 0 [Note] [MY-011825] [Xtrabackup] recognized server "
         "arguments: --datadir=/data/mysql\n/opt/bin/xtrabackup version 8.4.0-7 based on MySQL "
         "server 8.4.0 Linux (x86_64) (revision id: 1)",
         "8.4.0-7"},
        {"xtrabackup version 9.7.1-rc1 based on MySQL server 9.7.1 Linux (x86_64)", "9.7.1-rc1"},
        {"xtrabackup version unknown", NULL},
        {"innobackupex version 2.4.28 Linux (x86_64)", NULL},
        {"", NULL},
    };
    g_autofree char *dir = g_dir_make_tmp("lsnchain-xtrabackup-XXXXXX", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = program_that_says(dir, cases[i].says);
        g_autoptr(Engine) engine = engine_find(path, ENGINE_FOR_ANY, &error);
        cr_assert((engine != NULL) == (cases[i].version != NULL), "%s: %s", cases[i].says,
                  error != NULL ? error->message : "found");
        if (engine == NULL)
            continue;
        cr_expect_str_eq(engine->version, cases[i].version);
        cr_expect_str_eq(engine->name, "xtrabackup");
        cr_expect(engine_stream_has_holes(engine));
    }
    cr_expect(files_remove_tree(AT_FDCWD, dir, NULL));
}

/* ---- options ---------------------------------------------------------------------------------
 */

typedef struct {
    const char *name;
    const char *argument;
    const char *since;
    const char *until;
} Row;

static Row row_of(char *line)
{
    g_auto(GStrv) cells = g_strsplit(line, "\t", -1);
    cr_assert(g_strv_length(cells) == 8, "%s", line);
    return (Row){g_intern_string(cells[0]), g_intern_string(cells[1]), g_intern_string(cells[5]),
                 g_intern_string(cells[6])};
}

/* The rows of the table that are options of one of the versions that it knows. */
static GArray *table_rows(void)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(Row));
    g_autoptr(GString) text =
        files_read_text(AT_FDCWD, DATA "xtrabackup-options.tsv", 1 << 20, NULL);
    cr_assert_not_null(text);
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    gboolean heading = TRUE;
    for (char **line = lines; *line != NULL; line++) {
        if (**line == '#' || **line == '\0')
            continue;
        Row row = row_of(*line);
        gboolean none = strcmp(row.until, "absent") == 0 || strcmp(row.until, "2.4") == 0;
        if (!heading && !none)
            g_array_append_val(rows, row);
        heading = FALSE;
    }
    return rows;
}

static const EngineOption *option_of(const char *name)
{
    for (size_t i = 0; i < xtrabackup_family.n_options; i++) {
        if (strcmp(xtrabackup_family.options[i].name, name) == 0)
            return &xtrabackup_family.options[i];
    }
    return NULL;
}

Test(xtrabackup, options_are_those_of_the_table_and_no_others)
{
    static const char *const arguments[] = {
        [OPTION_FLAG] = "none", [OPTION_REQUIRED] = "required", [OPTION_OPTIONAL] = "optional"};
    g_autoptr(GArray) rows = table_rows();
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = &g_array_index(rows, Row, i);
        const EngineOption *option = option_of(row->name);
        cr_assert_not_null(option, "%s is not in xtrabackup.c", row->name);
        cr_expect(strcmp(row->argument, "-") == 0 ||
                      strcmp(arguments[option->argument], row->argument) == 0,
                  "%s takes an argument: %s", row->name, row->argument);
        cr_expect_str_eq(option->since, row->since);
        cr_expect_str_eq(option->until, row->until);
    }
    cr_expect(rows->len == xtrabackup_family.n_options, "%u rows, %zu options", rows->len,
              xtrabackup_family.n_options);
}

Test(xtrabackup, each_option_stands_there_once_and_in_one_class)
{
    for (size_t i = 0; i < xtrabackup_family.n_options; i++) {
        const EngineOption *option = &xtrabackup_family.options[i];
        cr_expect(option_of(option->name) == option, "%s twice", option->name);
        gboolean refused = (option->flags & (OURS | PARTIAL | UNSAFE)) != 0;
        gboolean passed = (option->flags & (FOR_CAPTURE | FOR_PREPARE)) != 0;
        cr_expect(refused != passed, "%s is neither or both", option->name);
    }
}

static gboolean takes(const char *version, const char *words, EngineMode mode)
{
    Engine engine = engine_of(version);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) got = engine_check_options(&engine, words, mode, &error);
    cr_expect(got != NULL || error_status(error) == STATUS_CONFIG, "%s", words);
    return got != NULL;
}

Test(xtrabackup, takes_an_option_only_where_the_installed_version_has_it)
{
    static const struct {
        const char *option;
        const char *version;
        gboolean has;
    } cases[] = {
        {"page-tracking", "8.0.26-18", FALSE},
        {"page-tracking", "8.0.27-18", FALSE},
        {"page-tracking", "8.0.27-19", TRUE},
        {"page-tracking", "8.4.0-1", TRUE},
        {"page-tracking", "9.7.1-rc1", TRUE},
        {"page-tracking-merge-gap", "8.0.35-36", FALSE},
        {"page-tracking-merge-gap", "8.4.0-6", FALSE},
        {"page-tracking-merge-gap", "8.4.0-7", TRUE},
        {"page-tracking-merge-gap", "9.0.0-1", FALSE},
        {"page-tracking-merge-gap", "9.7.1-rc1", FALSE},
        {"page-tracking-merge-gap", "9.7.1-2", TRUE},
        {"page-tracking-merge-gap", "9.8.0-1", TRUE},
        {"check-tables", "8.4.0-5", FALSE},
        {"check-tables", "8.4.0-6", TRUE},
        {"check-tables", "8.0.35-36", FALSE},
        {"apply-redo-only", "8.4.0-8", TRUE},
        {"apply-redo-only", "9.7.2-2", TRUE},
        {"apply-redo-only", "8.4.0-7", FALSE},
        {"component-keyring-config", "8.0.29-22", FALSE},
        {"component-keyring-config", "8.0.30-23", TRUE},
        {"tls-sni-servername", "8.0.35-36", FALSE},
        {"tls-sni-servername", "8.4.0-1", TRUE},
        {"innodb-file-io-threads", "8.0.30-23", TRUE},
        {"innodb-file-io-threads", "8.4.0-1", FALSE},
        {"debug-sync-thread", "9.7.1-2", FALSE},
        {"slave-info", "8.0.12-1", TRUE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const EngineOption *option = option_of(cases[i].option);
        cr_assert_not_null(option);
        cr_expect(engine_has_option(cases[i].version, option) == cases[i].has, "%s in %s",
                  cases[i].option, cases[i].version);
    }
    cr_expect_not(takes("8.0.26-18", "--page-tracking", ENGINE_FOR_CAPTURE));
    cr_expect(takes("8.0.35-36", "--page-tracking", ENGINE_FOR_CAPTURE));
}

Test(xtrabackup, takes_what_is_harmless_and_refuses_the_rest)
{
    static const struct {
        const char *words;
        EngineMode mode;
        gboolean taken;
    } cases[] = {
        {"--slave-info --galera-info", ENGINE_FOR_CAPTURE, TRUE},
        {"--page-tracking", ENGINE_FOR_CAPTURE, TRUE},
        {"--lock-ddl-timeout=600", ENGINE_FOR_CAPTURE, TRUE},
        {"--no-version-check", ENGINE_FOR_CAPTURE, FALSE},
        {"--apply-redo-only", ENGINE_FOR_PREPARE, FALSE},
        {"--backup-incremental-base=/x", ENGINE_FOR_CAPTURE, FALSE},
        {"--prepare-incremental-from-dir=/x", ENGINE_FOR_PREPARE, FALSE},
        {"--innodb-checksum-algorithm=none", ENGINE_FOR_CAPTURE, FALSE},
        {"--skip-innodb-checksums", ENGINE_FOR_CAPTURE, FALSE},
        {"--innodb-log-checksums=OFF", ENGINE_FOR_PREPARE, FALSE},
        {"--check-tables", ENGINE_FOR_PREPARE, TRUE},
        {"--check-tables", ENGINE_FOR_CAPTURE, FALSE},
        {"--component-keyring-config=/etc/x", ENGINE_FOR_PREPARE, TRUE},
        {"--no-lock", ENGINE_FOR_CAPTURE, FALSE},
        {"--no-backup-locks", ENGINE_FOR_CAPTURE, FALSE},
        {"--no-server-version-check", ENGINE_FOR_CAPTURE, FALSE},
        {"--safe-slave-backup", ENGINE_FOR_CAPTURE, FALSE},
        {"--register-redo-log-consumer", ENGINE_FOR_CAPTURE, FALSE},
        {"--redo-log-arch-dir=a:/b", ENGINE_FOR_CAPTURE, FALSE},
        {"--tables=a", ENGINE_FOR_CAPTURE, FALSE},
        {"--databases=a", ENGINE_FOR_CAPTURE, FALSE},
        {"--compress", ENGINE_FOR_CAPTURE, FALSE},
        {"--encrypt=AES256", ENGINE_FOR_CAPTURE, FALSE},
        {"--skip-strict", ENGINE_FOR_CAPTURE, FALSE},
        {"--skip-tables-compatibility-check", ENGINE_FOR_CAPTURE, FALSE},
        {"--apply-log-only", ENGINE_FOR_PREPARE, FALSE},
        {"--export", ENGINE_FOR_PREPARE, FALSE},
        {"--rollback-prepared-trx", ENGINE_FOR_PREPARE, FALSE},
        {"--transition-key=x", ENGINE_FOR_PREPARE, FALSE},
        {"--password=x", ENGINE_FOR_CAPTURE, FALSE},
        {"--history=x", ENGINE_FOR_CAPTURE, FALSE},
        {"--throttle=1", ENGINE_FOR_CAPTURE, FALSE},
        {"--backup-locks", ENGINE_FOR_CAPTURE, FALSE},
        {"--binlog-info=ON", ENGINE_FOR_CAPTURE, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        cr_expect(takes("8.4.0-7", cases[i].words, cases[i].mode) == cases[i].taken, "%s",
                  cases[i].words);
}

Test(xtrabackup, locks_ddl_for_all_of_the_run_or_for_its_end_but_never_not_at_all)
{
    static const struct {
        const char *version;
        const char *words;
        gboolean taken;
    } cases[] = {
        {"8.0.35-36", "--lock-ddl", TRUE},
        {"8.0.35-36", "--lock-ddl=ON", TRUE},
        {"8.0.35-36", "--lock_ddl=on", TRUE},
        {"8.4.0-7", "--lock-ddl=REDUCED", TRUE},
        {"8.4.0-2", "--lock-ddl=reduced", TRUE},
        {"9.7.1-rc1", "--lock-ddl=REDUCED", TRUE},
        {"8.4.0-1", "--lock-ddl=REDUCED", FALSE},
        {"8.0.35-36", "--lock-ddl=REDUCED", FALSE},
        {"8.4.0-7", "--lock-ddl=OFF", FALSE},
        {"8.4.0-7", "--lock-ddl=0", FALSE},
        {"8.4.0-7", "--lock-ddl=false", FALSE},
        {"8.4.0-7", "--lock-ddl=REDUCE", FALSE},
        {"8.4.0-7", "--lock-ddl=", FALSE},
        {"8.4.0-7", "--lock-ddl=ON --lock-ddl=OFF", FALSE},
        {"8.4.0-7", "--skip-lock-ddl", FALSE},
        {"8.4.0-7", "--disable-lock_ddl", FALSE},
        {"8.4.0-7", "--lock-ddl=REDUCED --page-tracking", FALSE},
        {"8.4.0-7", "--lock-ddl=ON --page-tracking", TRUE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        cr_expect(takes(cases[i].version, cases[i].words, ENGINE_FOR_CAPTURE) == cases[i].taken,
                  "%s %s", cases[i].version, cases[i].words);
}

/* ---- argv ------------------------------------------------------------------------------------
 */

Test(xtrabackup, is_told_its_option_file_the_data_directory_and_how_long_to_wait_for_locks)
{
    g_autofree char *dir = g_dir_make_tmp("lsnchain-xtrabackup-XXXXXX", NULL);
    autofd int fd = files_open_dir(AT_FDCWD, dir, NULL);
    g_autoptr(Login) login =
        login_parse("x.cnf", "[client]\nuser=backup\npassword=\"secret word\"\n", NULL);
    g_autoptr(EngineHost) host = engine_host_make(fd, dir, login, "to_lsn = 5\n", NULL);
    cr_assert_not_null(host);
    Engine engine = engine_of("8.4.0-7");
    const EngineCapture capture = {.engine = &engine,
                                   .host = host,
                                   .incremental = TRUE,
                                   .parallel = 4,
                                   .datadir = "/var/lib/mysql/",
                                   .lock_timeout_s = 60};
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    xtrabackup_family.capture_argv(argv, &capture);
    g_ptr_array_add(argv, NULL);
    g_autofree char *got = g_strjoinv(" ", (char **)argv->pdata);
    g_autofree char *private = g_build_filename(dir, "engine.private", NULL);
    g_autofree char *expected = g_strdup_printf(
        "--defaults-file=%s/login.cnf --backup --stream=xbstream --target-dir=%s/temp "
        "--tmpdir=%s/temp --parallel=4 --datadir=/var/lib/mysql/ --incremental-basedir=%s/parent "
        "--lock-ddl-timeout=60 --backup-lock-timeout=60",
        private, private, private, private);
    cr_expect_str_eq(got, expected);
    engine.calls_home = TRUE;
    g_autoptr(GPtrArray) more = g_ptr_array_new_with_free_func(g_free);
    xtrabackup_family.capture_argv(more, &capture);
    cr_expect_str_eq(more->pdata[more->len - 1], "--no-version-check");
    cr_expect(engine_host_remove(g_steal_pointer(&host), NULL));
    cr_expect(files_remove_tree(AT_FDCWD, dir, NULL));
}

Test(xtrabackup, rolls_back_with_the_last_link_only)
{
    static const struct {
        gboolean is_last;
        const char *incr_dir;
        const char *argv;
    } cases[] = {
        {FALSE, NULL,
         "--defaults-file=/base/backup-my.cnf --prepare --apply-log-only --target-dir=/base "
         "--use-memory=9"},
        {TRUE, NULL,
         "--defaults-file=/base/backup-my.cnf --prepare --target-dir=/base --use-memory=9"},
        {FALSE, "/incr",
         "--defaults-file=/base/backup-my.cnf --prepare --apply-log-only --target-dir=/base "
         "--incremental-dir=/incr --parallel=3 "
         "--use-memory=9"},
        {TRUE, "/incr",
         "--defaults-file=/base/backup-my.cnf --prepare --target-dir=/base --incremental-dir=/incr "
         "--parallel=3 --use-memory=9"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const EnginePrepare prepare = {.base_dir = "/base",
                                       .incr_dir = cases[i].incr_dir,
                                       .is_last = cases[i].is_last,
                                       .memory = 9,
                                       .parallel = 3};
        g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
        xtrabackup_family.prepare_argv(argv, &prepare);
        g_ptr_array_add(argv, NULL);
        g_autofree char *got = g_strjoinv(" ", (char **)argv->pdata);
        cr_expect_str_eq(got, cases[i].argv);
    }
}

Test(xtrabackup, leaves_a_directory_ready_for_more_or_finished)
{
    static const struct {
        const char *type;
        uint64_t to_lsn;
        gboolean is_last;
        const char *wrong; /* NULL: nothing */
    } cases[] = {
        {"log-applied", 100, FALSE, NULL},
        {"full-prepared", 100, TRUE, NULL},
        {"full-prepared", 100, FALSE, "instead of \"log-applied\""},
        {"log-applied", 100, TRUE, "instead of \"full-prepared\""},
        {"full-backuped", 100, TRUE, "full-backuped"},
        {"log-applied", 99, FALSE, "LSN 99"},
        {"full-prepared", 101, TRUE, "LSN 101"},
    };
    Engine engine = engine_of("8.4.0-7");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const EngineCheckpoints checkpoints = {(char *)(size_t)cases[i].type, 0, cases[i].to_lsn,
                                               200};
        g_autoptr(GError) error = NULL;
        gboolean good = engine_judge_prepared(&engine, &checkpoints, 100, cases[i].is_last, &error);
        cr_expect(good == (cases[i].wrong == NULL), "case %zu", i);
        cr_expect(good || strstr(error->message, cases[i].wrong) != NULL, "%s", error->message);
    }
}

/* ---- its log ---------------------------------------------------------------------------------
 */

static EngineRun run_of(const char *name, int status, const char *const *options)
{
    EngineRun run = {.user = g_strdup("backup"), .end = {.status = status}};
    g_autofree char *path = g_strconcat(DATA, name, ".log", NULL);
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, 1 << 20, NULL);
    cr_assert_not_null(text, "%s", path);
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    int64_t now = 1000000;
    engine_log_init(&run.log, xtrabackup_family.log, options);
    for (char **line = lines; *line != NULL; line++)
        engine_log_line(&run.log, *line, now += 1000);
    return run;
}

static void expect_capture(const char *name, int status, const char *words)
{
    Engine engine = engine_of("8.4.0-7");
    g_autoptr(GError) error = NULL;
    g_auto(EngineRun) run = run_of(name, status, NULL);
    gboolean good = engine_judge_capture(&engine, &run, &error);
    cr_expect(good == (words == NULL), "%s: %s", name, error != NULL ? error->message : "good");
    cr_expect(error == NULL || words == NULL || strstr(error->message, words) != NULL,
              "%s: \"%s\" lacks \"%s\"", name, error != NULL ? error->message : "", words);
}

Test(xtrabackup, good_captures_are_good)
{
    static const char *const names[] = {"full",         "full-percona", "full-myisam",
                                        "full-reduced", "incremental",  "incremental-tracked",
                                        "lost-tables",  "old-full"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        expect_capture(names[i], 0, NULL);
        expect_capture(names[i], 1, "exit status 1");
    }
}

Test(xtrabackup, each_failure_is_seen_and_comes_with_what_to_do)
{
    static const struct {
        const char *log;
        const char *words;
    } cases[] = {
        {"redo-overwritten", "hint: the server overwrote its redo log"},
        {"redo-gone", "hint: the server overwrote its redo log"},
        {"ddl-lock", "hint: something holds a lock for long"},
        {"read-lock", "hint: something holds a lock for long"},
        {"privilege", "hint: grant it"},
        {"checked-privilege", "hint: grant it"},
        {"version", "hint: install the engine of the server's own series"},
        {"no-server", "hint: is the server up"},
        {"wrong-password", "hint: check user and password"},
        {"unlogged-ddl", "hint: a DDL ran meanwhile that is not logged"},
        {"page-corrupted", "hint: the server's own file is damaged"},
        {"disk-full", "hint: make room"},
        {"open-files", "hint: raise the limit of open files"},
        {"connection-lost", "hint: the server closed the connection"},
        {"instant-columns", "hint: OPTIMIZE TABLE"},
        {"unknown-option", "hint: remove it"},
        {"killed", "exit status 1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        expect_capture(cases[i].log, 1, cases[i].words);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        expect_capture(cases[i].log, 0, "it ended with status 0, but");
}

Test(xtrabackup, a_capture_that_took_no_lock_against_ddl_is_void)
{
    expect_capture("no-lock", 0, "it took no lock against DDL");
}

Test(xtrabackup, what_is_not_in_a_good_backup_is_told)
{
    g_auto(EngineRun) run = run_of("lost-tables", 0, NULL);
    cr_assert(run.log.n_warnings == 2, "%u", run.log.n_warnings);
    cr_expect_str_eq(run.log.warnings[0],
                     "\"shop/old_log\" uses engine \"ARCHIVE\" and will not be backed up.");
    cr_expect_not_null(strstr(run.log.warnings[1], "shop/gone"));

    static const char *const asked[] = {"--slave-info", "--page_tracking=1", NULL};
    g_auto(EngineRun) full_scan = run_of("incremental", 0, asked);
    cr_assert(full_scan.log.n_warnings == 1);
    cr_expect_not_null(strstr(full_scan.log.warnings[0], "using the full scan"));
    g_auto(EngineRun) not_asked = run_of("incremental", 0, NULL);
    cr_expect(not_asked.log.n_warnings == 0);
    g_auto(EngineRun) tracked = run_of("incremental-tracked", 0, asked);
    cr_expect(tracked.log.n_warnings == 0);
}

Test(xtrabackup, a_lock_held_for_the_whole_run_is_not_the_one_that_is_limited)
{
    static const struct {
        const char *log;
        gboolean ddl_held;
        gboolean blocks_commits;
    } cases[] = {
        {"full", TRUE, FALSE},          {"full-percona", TRUE, FALSE}, {"full-myisam", TRUE, TRUE},
        {"full-reduced", FALSE, FALSE}, {"incremental", TRUE, FALSE},  {"old-full", TRUE, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineRun) run = run_of(cases[i].log, 0, NULL);
        const EngineLog *log = &run.log;
        cr_expect(log->ddl_held == cases[i].ddl_held, "%s", cases[i].log);
        cr_expect((log->commit_locked_at != 0) == cases[i].blocks_commits, "%s", cases[i].log);
        cr_expect(log->ddl_locked_at > 0 && log->released_at > log->ddl_locked_at, "%s",
                  cases[i].log);
        cr_expect(log->stage == ENGINE_STAGE_RELEASED, "%s", cases[i].log);
    }
}

Test(xtrabackup, pacing_goes_on_under_a_lock_of_the_whole_run_until_the_copy_ends)
{
    static const struct {
        const char *text;
        EngineStage stage;
    } lines[] = {
        {"Executing LOCK INSTANCE FOR BACKUP ...", ENGINE_STAGE_COPY},
        {"Streaming ./ibdata1", ENGINE_STAGE_COPY},
        {"Starting to backup non-InnoDB tables and files", ENGINE_STAGE_FLUSH},
        {"Executing FLUSH TABLES WITH READ LOCK...", ENGINE_STAGE_BLOCK_COMMIT},
        {"All tables unlocked", ENGINE_STAGE_RELEASED},
    };
    EngineLog log;
    engine_log_init(&log, xtrabackup_family.log, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *line =
            g_strconcat("2026-11-22T02:00:00.000001+00:00 0 [Note] [MY-011825] [Xtrabackup] ",
                        lines[i].text, NULL);
        engine_log_line(&log, line, 1000 + (int64_t)i);
        cr_expect(log.stage == lines[i].stage, "%s: stage %d", lines[i].text, log.stage);
    }
    engine_log_clear(&log);
}

Test(xtrabackup, the_data_are_those_of_the_moment_when_the_positions_were_selected)
{
    static const char *const stamps[] = {"2026-11-22T02:00:05.5+00:00", "2026-11-22T02:00:05Z",
                                         "2026-11-22T07:30:05.142247+05:30",
                                         "2026-11-21T21:00:05.1-05:00"};
    for (size_t i = 0; i < G_N_ELEMENTS(stamps); i++) {
        EngineLog log;
        engine_log_init(&log, xtrabackup_family.log, NULL);
        g_autofree char *line =
            g_strdup_printf("%s 0 [Note] [MY-011825] [Xtrabackup] Selecting LSN and binary log "
                            "position from p_s.log_status",
                            stamps[i]);
        engine_log_line(&log, line, 1);
        cr_expect(log.consistent_utc == 1795312805, "%s: %lld", stamps[i],
                  (long long)log.consistent_utc);
        engine_log_clear(&log);
    }
    g_auto(EngineRun) old = run_of("old-full", 0, NULL);
    cr_expect(old.log.consistent_utc == 1795312803, "%lld", (long long)old.log.consistent_utc);
}

Test(xtrabackup, each_kind_of_prepare_is_judged_by_its_log)
{
    static const struct {
        const char *log;
        int status;
        const char *words; /* NULL: good */
    } cases[] = {
        {"prepare-only-apply", 0, NULL},
        {"prepare-incremental", 0, NULL},
        {"prepare-last", 0, NULL},
        {"prepare-last", 1, "exit status 1"},
        {"prepare-wrong-base", 1, "hint: this link does not belong on this base"},
        {"prepare-finished-base", 1, "hint: this base takes no further link"},
        {"prepare-short-redo", 1, "hint: the redo log in this backup is not whole"},
        {"prepare-used-twice", 1, "hint: this link was applied once"},
        {"prepare-redo-format", 1, "hint: install the engine that took the backup"},
        {"prepare-delta-failed", 0, "hint: this link does not go onto its base"},
        {"prepare-no-memory", 1, "hint: give less `prepare_memory`"},
        {"prepare-no-metadata", 1, "failed to read metadata"},
    };
    Engine engine = engine_of("8.4.0-7");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(EngineRun) run = run_of(cases[i].log, cases[i].status, NULL);
        gboolean good = engine_judge_prepare(&engine, &run, 20351047, &error);
        cr_expect(good == (cases[i].words == NULL), "%s: %s", cases[i].log,
                  error != NULL ? error->message : "good");
        cr_expect(good || strstr(error->message, cases[i].words) != NULL, "%s", error->message);
        cr_expect(run.log.host_failed == (strstr(cases[i].log, "no-memory") != NULL), "%s",
                  cases[i].log);
    }
}

/* ---- its metadata ----------------------------------------------------------------------------
 */

typedef struct {
    const char *name;
    const char *text;
} File;

static GString *read_file(const char *name, void *data, GError **error)
{
    (void)error;
    for (const File *file = data; file->name != NULL; file++) {
        if (strcmp(file->name, name) == 0)
            return g_string_new(file->text);
    }
    return NULL;
}

#define CHECKPOINTS_8_4                                                                            \
    "backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 20351037\nlast_lsn = 20351047\n"          \
    "flushed_lsn = 20351037\nredo_memory = 0\nredo_frames = 0\n"
#define INFO_8_0                                                                                   \
    "uuid = 6c1b\nname = \ntool_name = xtrabackup\ntool_command = --backup --stream=xbstream\n"    \
    "tool_version = 8.0.35-30\nibbackup_version = 8.0.35-30\nserver_version = 8.0.42\n"            \
    "start_time = 2026-11-22 02:00:00\nend_time = 2026-11-22 02:00:09\nlock_time = 8\n"            \
    "binlog_pos = filename 'binlog.000018', position '157', GTID of the last change 'aa:1-5,\n"    \
    "bb:1-3'\ninnodb_from_lsn = 0\ninnodb_to_lsn = 20351037\npartial = N\nincremental = N\n"       \
    "format = xbstream\ncompressed = N\nencrypted = N\n"
#define INFO_8_4                                                                                   \
    "uuid = 6c1b\nname = \ntool_name = xtrabackup\ntool_command = --backup\n"                      \
    "tool_version = 8.4.0-7\nibbackup_version = 8.4.0-7\nserver_version = 8.4.6\n"                 \
    "server_flavor = MySQL\nstart_time = 2026-11-22 02:00:00\nend_time = 2026-11-22 02:00:09\n"    \
    "lock_time = 8\nbinlog_pos = \ninnodb_from_lsn = 0\ninnodb_to_lsn = 20351037\npartial = N\n"   \
    "incremental = N\nformat = xbstream\ncompressed = N\nencrypted = N\nlock_ddl_type = ON\n"      \
    "backup_size = 1 MiB (1048576 bytes)\n"
#define CONFIG                                                                                     \
    "[mysqld]\ninnodb_checksum_algorithm=crc32\ninnodb_log_checksums=1\n"                          \
    "innodb_log_checksums=1\nserver_id=1\nserver_uuid=3e11fa47-71ca-11e1-9e33-c80aa9429562\n"

Test(xtrabackup, reads_the_metadata_of_each_series_and_a_gtid_set_of_many_lines)
{
    static const struct {
        const char *info;
        const char *binlog; /* NULL: no such file */
        const char *version;
        const char *gtid;
    } cases[] = {
        {INFO_8_0, "binlog.000018\t157\taa:1-5,\nbb:1-3\n", "8.0.42", "aa:1-5, bb:1-3"},
        {INFO_8_4, "binlog.000018\t157\n", "8.4.6", ""},
        {INFO_8_4, NULL, "8.4.6", ""},
    };
    Engine engine = engine_of("8.4.0-7");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        File files[] = {
            {"xtrabackup_checkpoints", CHECKPOINTS_8_4},
            {"xtrabackup_info", cases[i].info},
            {"backup-my.cnf", CONFIG},
            {cases[i].binlog != NULL ? "xtrabackup_binlog_info" : NULL, cases[i].binlog},
            {0}};
        g_auto(EngineMetadata) got = {0};
        g_autoptr(GError) error = NULL;
        cr_assert(engine_read_metadata(&engine, FALSE, read_file, files, &got, &error), "%s",
                  error != NULL ? error->message : "");
        cr_expect(got.checkpoints.to_lsn == 20351037 && got.checkpoints.last_lsn == 20351047);
        cr_expect_str_eq(got.server_version, cases[i].version);
        cr_expect_str_eq(got.gtid, cases[i].gtid);
        cr_expect_str_eq(got.binlog_file, cases[i].binlog != NULL ? "binlog.000018" : "");
        cr_expect_str_eq(got.server_uuid, "3e11fa47-71ca-11e1-9e33-c80aa9429562");
    }
}

/* ---- files of tables ------------------------------------------------------------------------ */

Test(xtrabackup, finds_the_files_of_tables_as_mysql_names_them)
{
    static const char *const sent[] = {"shop/orders.ibd",    "shop/m.MYD",
                                       "shop/m.MYI",         "shop/m_345.sdi",
                                       "shop/half.MYD",      "shop/c.CSV",
                                       "shop/c.CSM",         "shop/ar.ARZ",
                                       "shop/part#p#p0.ibd", "shop/part#p#p1.ibd.delta",
                                       "shop/general.ibd",   "shop/sub#p#a#sp#b.ibd",
                                       "shop/lost.sdi"};
    static const struct {
        const char *name;
        const char *engine;
        const char *missing;
    } cases[] = {
        {"orders", "InnoDB", NULL}, {"m", "MyISAM", NULL},   {"half", "MyISAM", "half.MYI"},
        {"c", "CSV", NULL},         {"ar", "ARCHIVE", NULL}, {"old", "ARCHIVE", "old.ARZ"},
        {"part", "InnoDB", NULL},   {"sub", "InnoDB", NULL}, {"lost", "MyISAM", "lost.MYD"},
        {"mem", "MEMORY", NULL},
    };
    Engine engine = engine_of("8.4.0-8");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(EngineFiles) files = engine_files_new(0);
        for (size_t k = 0; k < G_N_ELEMENTS(sent); k++)
            engine_files_add(files, sent[k]);
        ServerTable *table = server_table_new("shop", cases[i].name, "BASE TABLE", cases[i].engine);
        g_autofree char *got = engine_table_missing(&engine, files, table);
        g_autofree char *wanted =
            cases[i].missing != NULL ? g_strconcat("shop/", cases[i].missing, NULL) : NULL;
        cr_expect(g_strcmp0(got, wanted) == 0, "%s: %s", cases[i].name, got);
        server_table_free(table);
    }
}
