/* SPDX-License-Identifier: MIT */
/* The xtrabackup family: versions, options, argv, log, metadata.  None of it meets the real tool;
 * tests/unit/data/xtrabackup/README.md says where the data come from. */
#include "engine/engine.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/family.h"
#include "engine/judge.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#define DATA TEST_DATA "/xtrabackup/"

static Engine engine_of(const char *version)
{
    return (Engine){&xtrabackup_family, (char *)(size_t) "/usr/bin/xtrabackup",
                    (char *)(size_t) "xtrabackup", (char *)(size_t)version};
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
        {"--no-version-check", ENGINE_FOR_CAPTURE, TRUE},
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
         "--incremental-dir=/incr "
         "--use-memory=9"},
        {TRUE, "/incr",
         "--defaults-file=/base/backup-my.cnf --prepare --target-dir=/base --incremental-dir=/incr "
         "--use-memory=9"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const EnginePrepare prepare = {.base_dir = "/base",
                                       .incr_dir = cases[i].incr_dir,
                                       .is_last = cases[i].is_last,
                                       .memory = 9};
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
