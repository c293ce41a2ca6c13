/* SPDX-License-Identifier: MIT */
/* What the engine is told: its argv, the options that a user may add, versions; and tables' files.
 */
#include "engine/engine.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/family.h"
#include "engine/tables.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const Engine engine = {&mariadb_backup_family, (char *)(size_t) "/usr/bin/mariadb-backup",
                              (char *)(size_t) "mariadb-backup",
                              (char *)(size_t) "10.11.19-MariaDB", FALSE};

static char *joined(GPtrArray *argv)
{
    g_ptr_array_add(argv, NULL);
    return g_strjoinv(" ", (char **)argv->pdata);
}

static char *dir_new(int *fd)
{
    char *dir = g_dir_make_tmp("lsnchain-argv-XXXXXX", NULL);
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(*fd >= 0);
    return dir;
}

static Login *login_new(void)
{
    return login_parse("x.cnf", "[client]\nuser=backup\npassword=\"secret word\"\n", NULL);
}

Test(argv, of_an_incremental_holds_no_secret_and_begins_with_its_option_file)
{
    autofd int fd = -1;
    g_autofree char *dir = dir_new(&fd);
    g_autoptr(Login) login = login_new();
    g_autoptr(EngineHost) host = engine_host_make(fd, dir, login, "to_lsn = 5\n", NULL);
    cr_assert_not_null(host);
    const EngineCapture capture = {.engine = &engine,
                                   .host = host,
                                   .incremental = TRUE,
                                   .parallel = 4,
                                   .checkpoint_first = TRUE};
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    mariadb_backup_family.capture_argv(argv, &capture);
    g_autofree char *got = joined(argv);
    g_autofree char *private = g_build_filename(dir, "engine.private", NULL);
    g_autofree char *expected = g_strdup_printf(
        "--defaults-file=%s/login.cnf --backup --stream=mbstream --target-dir=%s/temp "
        "--tmpdir=%s/temp --parallel=4 --incremental-basedir=%s/parent "
        "--innodb-log-checkpoint-now=1",
        private, private, private, private);
    cr_expect_str_eq(got, expected);
    cr_expect(engine_host_remove(g_steal_pointer(&host), NULL));
    cr_expect(rmdir(dir) == 0, "something is left in %s", dir);
}

Test(argv, of_a_prepare_reads_no_option_file_of_the_system)
{
    const EnginePrepare prepare = {
        .engine = &engine, .base_dir = "/base", .incr_dir = "/incr", .memory = 536870912};
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    mariadb_backup_family.prepare_argv(argv, &prepare);
    g_autofree char *got = joined(argv);
    cr_expect_str_eq(got, "--defaults-file=/base/backup-my.cnf --prepare --target-dir=/base "
                          "--incremental-dir=/incr "
                          "--use-memory=536870912");
}

Test(argv, private_files_are_private_and_replace_those_of_a_killed_run)
{
    autofd int fd = -1;
    g_autofree char *dir = dir_new(&fd);
    cr_assert(mkdirat(fd, "engine.private", 0755) == 0);
    autofd int left = openat(fd, "engine.private/login.cnf", O_WRONLY | O_CREAT, 0644);
    cr_assert(left >= 0);
    g_autoptr(Login) login = login_new();
    g_autoptr(GError) error = NULL;
    EngineHost *host = engine_host_make(fd, dir, login, "to_lsn = 5\n", &error);
    cr_assert_not_null(host, "%s", error ? error->message : "");
    static const struct {
        const char *name;
        mode_t mode;
    } files[] = {{"engine.private", 0700},
                 {"engine.private/login.cnf", 0600},
                 {"engine.private/parent/xtrabackup_checkpoints", 0600}};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        struct stat status;
        cr_assert(fstatat(fd, files[i].name, &status, 0) == 0, "%s", files[i].name);
        cr_expect((status.st_mode & 07777) == files[i].mode, "%s: %o", files[i].name,
                  status.st_mode);
    }
    cr_expect(engine_host_remove(host, NULL));
    cr_expect(rmdir(dir) == 0);
}

/* ---- options of the user
 * -------------------------------------------------------------------------- */

Test(argv, splits_options_as_a_shell_would)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words =
        engine_check_options(&engine, " --open_files_limit='5'  --slave-info --skip-close-files",
                             ENGINE_FOR_CAPTURE, &error);
    cr_assert_not_null(words, "%s", error ? error->message : "");
    cr_assert(g_strv_length(words) == 3);
    cr_expect_str_eq(words[0], "--open_files_limit=5");
    g_auto(GStrv) none = engine_check_options(&engine, "  ", ENGINE_FOR_PREPARE, NULL);
    cr_expect(none != NULL && none[0] == NULL);
}

Test(argv, refuses_our_options_partial_backups_and_unknown_words)
{
    static const char *const words[] = {
        "--target-dir=/x",
        "--target_dir=/x",
        "--stream=xbstream",
        "--defaults-file=/x",
        "--defaults-extra-file=/x",
        "--no-defaults",
        "--user=x",
        "--password=x",
        "--socket=/x",
        "--host=x",
        "--port=1",
        "--incremental-lsn=1",
        "--incremental-basedir=/x",
        "--backup",
        "--prepare",
        "--throttle=5",
        "--parallel=9",
        "--compress",
        "--compress=quicklz",
        "--skip-compress",
        "--extra-lsndir=/x",
        "--history",
        "--history=x",
        "--tables=a",
        "--tables-exclude=a",
        "--databases=a",
        "--databases-file=a",
        "--no-lock",
        "--skip-no-lock",
        "--safe-slave-backup",
        "--datadir=/x",
        "--help",
        "--version",
        "--encrypt=AES256",
        "--loose-anything",
        "--loose-no-lock",
        "--mysqld-args",
        "--m",
        "--mysqld",
        "-pfoo",
        "-u",
        "word",
        "--",
        "-",
        "--open-files-limit",
        "--bogus",
        "--bogus=1",
        "--use-memory=1G",
        "--apply-log-only",
        "'unfinished",
        "--ssl-ca=/x",
        "--log-innodb-page-corruption",
        "--innodb-log-checkpoint-now",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) got = engine_check_options(&engine, words[i], ENGINE_FOR_CAPTURE, &error);
        cr_expect_null(got, "%s was taken", words[i]);
        cr_expect(error_status(error) == STATUS_CONFIG, "%s", words[i]);
    }
}

Test(argv, says_why_an_option_is_refused)
{
    static const struct {
        const char *word;
        const char *why;
    } cases[] = {{"--stream=xbstream", "set by lsnchain itself"},
                 {"--tables=a", "no chain can stand on that"},
                 {"--no-lock", "cannot be vouched for"},
                 {"--plugin-dir=/x", "not for a backup"},
                 {"--bogus", "no option --bogus"},
                 {"-phush", "\"-p...\" is no option"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) got =
            engine_check_options(&engine, cases[i].word, ENGINE_FOR_CAPTURE, &error);
        cr_assert_null(got);
        cr_expect(strstr(error->message, cases[i].why) != NULL, "%s", error->message);
        cr_expect(strstr(error->message, "hush") == NULL, "%s", error->message);
    }
}

Test(argv, knows_whether_the_engine_keeps_the_files_of_all_tables_open)
{
    static const struct {
        const EngineFamily *family;
        const char *words;
        gboolean keeps;
    } cases[] = {
        {&mariadb_backup_family, "", TRUE},
        {&mariadb_backup_family, "--slave-info", TRUE},
        {&mariadb_backup_family, "--close-files", FALSE},
        {&mariadb_backup_family, "--slave-info --close_files", FALSE},
        {&xtrabackup_family, "", FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Engine of = {.family = cases[i].family};
        g_auto(GStrv) words = g_strsplit(cases[i].words, " ", -1);
        cr_expect(engine_keeps_files_open(&of, words) == cases[i].keeps, "%s: %s", of.family->name,
                  cases[i].words);
    }
    cr_expect(engine_keeps_files_open(&engine, NULL));
}

Test(argv, knows_which_options_are_for_a_prepare)
{
    g_auto(GStrv) good =
        engine_check_options(&engine, "--innodb-doublewrite", ENGINE_FOR_PREPARE, NULL);
    cr_expect_not_null(good);
    g_auto(GStrv) bad = engine_check_options(&engine, "--slave-info", ENGINE_FOR_PREPARE, NULL);
    cr_expect_null(bad);
    g_auto(GStrv) worse = engine_check_options(&engine, "--export", ENGINE_FOR_PREPARE, NULL);
    cr_expect_null(worse);
}

Test(argv, table_of_options_has_each_once_and_in_one_class)
{
    for (size_t i = 0; i < mariadb_backup_family.n_options; i++) {
        const EngineOption *option = &mariadb_backup_family.options[i];
        for (size_t k = i + 1; k < mariadb_backup_family.n_options; k++)
            cr_expect(strcmp(option->name, mariadb_backup_family.options[k].name) != 0, "%s twice",
                      option->name);
        gboolean ours = (option->flags & (OURS | PARTIAL | UNSAFE)) != 0;
        gboolean passed = (option->flags & (FOR_CAPTURE | FOR_PREPARE)) != 0;
        cr_expect(ours != passed, "%s is neither or both", option->name);
    }
}

/* ---- versions
 * ---------------------------------------------------------------------------------------- */

Test(argv, says_of_an_engine_that_was_asked_for_by_name_that_it_is_missing)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) found = engine_find("xtrabackup9", ENGINE_FOR_MARIADB, &error);
    cr_assert_null(found);
    cr_expect(g_str_has_prefix(error->message, "no engine xtrabackup9 is installed\n"), "%s",
              error->message);
}

Test(argv, shows_one_line_of_what_a_program_that_is_no_engine_says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) found = engine_find("/bin/true", ENGINE_FOR_ANY, &error);
    cr_assert_null(found);
    cr_expect(strstr(error->message, "coreutils") && !strstr(error->message, "Copyright"), "%s",
              error->message);
}

Test(argv, finds_the_installed_engine)
{
    static const char *const wanted[] = {"auto", "mariadb-backup", "/usr/bin/mariadb-backup"};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Engine) found = engine_find(wanted[i], ENGINE_FOR_ANY, &error);
        cr_assert_not_null(found, "%s", error ? error->message : "");
        cr_expect_str_eq(found->name, "mariadb-backup");
        cr_expect(g_ascii_isdigit(found->version[0]), "%s", found->version);
    }
}

Test(argv, knows_no_engine_in_a_shell_or_in_nothing)
{
    static const char *const wanted[] = {"/bin/sh",     "/bin/true",   "/nonexistent",
                                         "xtrabackup9", "/etc/passwd", "/bin/false"};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Engine) found = engine_find(wanted[i], ENGINE_FOR_ANY, &error);
        cr_expect_null(found, "%s", wanted[i]);
        cr_expect(error_status(error) == STATUS_UNFIT, "%s: %s", wanted[i],
                  error ? error->message : "");
    }
}

Test(argv, fits_only_a_mariadb_of_its_own_series)
{
    static const struct {
        const char *server;
        gboolean mariadb;
        gboolean fits;
    } cases[] = {
        {"10.11.19-MariaDB-0+deb12u1-log", TRUE, TRUE},
        {"10.11.2-MariaDB", TRUE, TRUE},
        {"10.11-MariaDB", TRUE, TRUE},
        {"11.4.13-MariaDB", TRUE, FALSE},
        {"10.1.11-MariaDB", TRUE, FALSE},
        {"10.110.1-MariaDB", TRUE, FALSE},
        {"10.6.19-MariaDB", TRUE, FALSE},
        {"8.4.3", FALSE, FALSE},
        {"10.11.19", FALSE, FALSE},
        {"MariaDB", TRUE, FALSE},
        {"", TRUE, FALSE},
        {"10.", TRUE, FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gboolean fits = engine_fits(&engine, cases[i].server, cases[i].mariadb, &error);
        cr_expect(fits == cases[i].fits, "%s", cases[i].server);
        cr_expect(error_status(error) == (cases[i].fits ? STATUS_OK : STATUS_UNFIT));
    }
}

Test(argv, extends_a_chain_of_the_same_series_only)
{
    const EngineBuild parent = {"mariadb-backup", "10.11.18-MariaDB", "10.11.18-MariaDB"};
    EngineBuild patched = {"mariadb-backup", "10.11.19-MariaDB", "10.11.19-MariaDB-log"};
    g_autofree char *why = NULL;
    cr_expect(engine_extends(&parent, &patched, &why));
    cr_expect_null(why);

    const EngineBuild others[] = {
        {"xtrabackup", "10.11.19-MariaDB", "10.11.19-MariaDB"},
        {"mariadb-backup", "11.4.1-MariaDB", "10.11.19-MariaDB"},
        {"mariadb-backup", "10.11.19-MariaDB", "11.4.1-MariaDB"},
        {"mariadb-backup", "", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *reason = NULL;
        cr_expect_not(engine_extends(&parent, &others[i], &reason), "case %zu", i);
        cr_expect_not_null(reason);
    }
}

/* ---- files of tables
 * ---------------------------------------------------------------------------------- */

Test(argv, writes_identifiers_as_the_server_does)
{
    static const struct {
        const char *identifier;
        const char *file;
    } cases[] = {
        {"orders", "orders"},
        {"a-b", "a@002db"},
        {"a.b c", "a@002eb@0020c"},
        {"\xc3\x9cn\xc3\xaf-code", "@1On@0v@002dcode"},
        {"t\xc3\xa4"
         "ble \xc3\x84\xc3\x96.x",
         "t@0kble@0020@0K@1I@002ex"},
        {"\xe6\x97\xa5\xe6\x9c\xac", "@65e5@672c"},
        {"con", "con@@@"},
        {"Lpt9", "Lpt9@@@"},
        {"clock$", "clock@0024"},
        {"console", "console"},
        {"#sql-1", "@0023sql@002d1"},
        {"../../etc", "@002e@002e@002f@002e@002e@002fetc"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = engine_file_name(cases[i].identifier);
        cr_expect_str_eq(got, cases[i].file);
    }
}

static const char *const stream[] = {
    "shop/orders.frm",
    "shop/orders.ibd",
    "shop/changed.frm",
    "shop/changed.ibd.delta",
    "shop/changed.ibd.meta",
    "shop/new.frm",
    "shop/new.new",
    "shop/my.frm",
    "shop/my.MYD",
    "shop/my.MYI",
    "shop/half.frm",
    "shop/half.MYD",
    "shop/aria.frm",
    "shop/aria.MAD",
    "shop/aria.MAI",
    "shop/noindex.frm",
    "shop/noindex.MAD",
    "shop/v.frm",
    "shop/c.frm",
    "shop/c.CSV",
    "shop/c.CSM",
    "shop/ar.ARZ",
    "shop/mg.frm",
    "shop/mg.MRG",
    "shop/mem.frm",
    "shop/part.frm",
    "shop/part.par",
    "shop/part#P#p0.ibd",
    "shop/part#P#p1.ibd.delta",
    "shop/sub.frm",
    "shop/sub#P#p0#SP#p0sp0.ibd",
    "shop/mpart.frm",
    "shop/mpart#P#p0.MYD",
    "shop/mpart#P#p0.MYI",
    "shop/mpart#P#p1.MYD",
    "shop/only.ibd",
    "shop/Mixed.frm",
    "shop/Mixed.ibd",
    "shop/noparts.frm",
    "shop/noparts.par",
    "ibdata1",
    "shop/db.opt",
    "shop/gone.frm",
    "shop/gone.ibd.meta",
    "shop/gone.isl",
};

static char *missing(const char *name, const char *type, const char *table_engine, int lower)
{
    g_autoptr(EngineFiles) files = engine_files_new(lower);
    for (size_t i = 0; i < G_N_ELEMENTS(stream); i++)
        engine_files_add(files, stream[i]);
    ServerTable *table = server_table_new("shop", name, type, table_engine);
    char *result = engine_table_missing(&engine, files, table);
    server_table_free(table);
    return result;
}

Test(argv, finds_all_files_of_a_table_or_names_the_one_that_is_not_there)
{
    static const struct {
        const char *name;
        const char *engine;
        const char *missing; /* NULL: none */
    } cases[] = {
        {"orders", "InnoDB", NULL},
        {"changed", "InnoDB", NULL},
        {"new", "InnoDB", NULL},
        {"my", "MyISAM", NULL},
        {"half", "MyISAM", "half.MYI"},
        {"aria", "Aria", NULL},
        {"noindex", "Aria", "noindex.MAI"},
        {"v", "", NULL},
        {"c", "CSV", NULL},
        {"ar", "ARCHIVE", NULL},
        {"mg", "MRG_MyISAM", NULL},
        {"mem", "MEMORY", NULL},
        {"part", "InnoDB", NULL},
        {"sub", "InnoDB", NULL},
        {"mpart", "MyISAM", "mpart#P#p1.MYI"},
        {"only", "InnoDB", "only.frm"},
        {"Mixed", "InnoDB", NULL},
        {"mixed", "InnoDB", "mixed.frm"},
        {"noparts", "InnoDB", "noparts.ibd"},
        {"v", "InnoDB", "v.ibd"},
        {"absent", "", "absent.frm"},
        {"orders", "Aria", "orders.MAD"},
        {"gone", "InnoDB", "gone.ibd"},
        {"mem", "SomethingNew", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = missing(cases[i].name, "BASE TABLE", cases[i].engine, 0);
        g_autofree char *expected =
            cases[i].missing != NULL ? g_strconcat("shop/", cases[i].missing, NULL) : NULL;
        cr_expect(g_strcmp0(got, expected) == 0, "%s %s: %s instead of %s", cases[i].name,
                  cases[i].engine, got, expected);
    }
}

Test(argv, compares_names_without_case_where_the_server_does)
{
    static const char *const names[] = {"mixed", "MIXED", "Mixed", "PART", "Sub"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *got = missing(names[i], "BASE TABLE", "InnoDB", 1);
        cr_expect_null(got, "%s", got);
    }
}
