/* SPDX-License-Identifier: MIT */
#include "proof/serverargs.h"

#include "base/error.h"
#include "engine/engine.h"

#include <criterion/criterion.h>
#include <string.h>

static char *argv_of(const Backup *backup, ServerStart start)
{
    char last[] = "--last=1";
    char *const options[] = {last, NULL};
    const ServerArgs args = {.program = "/usr/sbin/mariadbd",
                             .backup = backup,
                             .datadir = "/w/view",
                             .socket = "/w/run/socket",
                             .tmpdir = "/w/run/tmp",
                             .run = "/w/run",
                             .options = options,
                             .memory = 1 << 20};
    g_autoptr(GPtrArray) argv = serverargs_make(&args, start);
    return g_strjoinv(" ", (char **)argv->pdata);
}

static Backup *backup_with_params(const char *engine)
{
    Backup *backup = backup_new("20261124T020000Z-full");
    backup_set_text(&backup->engine, engine);
    backup_add_extra(backup->extra_facts, "param_page_size", "32768");
    backup_add_extra(backup->extra_facts, "param_lower_case_table_names", "1");
    backup_add_extra(backup->extra_facts, "param_data_file_path",
                     "/old/ibdata1:12M;ibdata2:10M:autoextend");
    backup_add_extra(backup->extra_facts, "param_plugins", "ARCHIVE=ha_archive.so");
    return backup;
}

Test(serverargs, starts_the_server_as_the_source_was_and_shut_off_from_all)
{
    static const char *const words[] = {
        "/usr/sbin/mariadbd --no-defaults ",
        " --datadir=/w/view ",
        " --socket=/w/run/socket ",
        " --tmpdir=/w/run/tmp ",
        " --innodb-buffer-pool-size=1048576 ",
        " --skip-networking ",
        " --skip-grant-tables ",
        " --skip-log-bin ",
        " --loose-skip-slave-start ",
        " --loose-skip-replica-start ",
        " --event-scheduler=DISABLED ",
        " --innodb-page-size=32768 ",
        " --lower-case-table-names=1 ",
        " --innodb-data-file-path=ibdata1:12M;ibdata2:10M:autoextend ",
        " --plugin-load-add=ARCHIVE=ha_archive.so "};
    g_autoptr(Backup) backup = backup_with_params("mariadb-backup");
    for (int start = START_UNDOING; start <= START_READING; start++) {
        g_autofree char *argv = argv_of(backup, (ServerStart)start);
        for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
            cr_expect_not_null(strstr(argv, words[i]), "%s not in %s", words[i], argv);
        cr_expect(g_str_has_suffix(argv, " --last=1"), "%s", argv);
    }
}

Test(serverargs, forces_recovery_only_on_a_family_that_undoes_then)
{
    g_autoptr(Backup) maria = backup_with_params("mariadb-backup");
    g_autoptr(Backup) mysql = backup_with_params("xtrabackup");
    g_autofree char *maria_undoes = argv_of(maria, START_UNDOING);
    g_autofree char *maria_reads = argv_of(maria, START_READING);
    g_autofree char *mysql_undoes = argv_of(mysql, START_UNDOING);
    cr_expect_not_null(strstr(maria_undoes, " --innodb-force-recovery=2 "));
    cr_expect_null(strstr(maria_undoes, "read-only"));
    cr_expect_null(strstr(maria_reads, "force-recovery"));
    cr_expect_not_null(strstr(maria_reads, " --innodb-read-only=1 "));
    cr_expect_null(strstr(mysql_undoes, "force-recovery"));
}

Test(serverargs, takes_the_users_options_and_refuses_ours_however_they_are_written)
{
    static const char *const good[] = {"", "  ", "--plugin-load-add=x --x='a b'",
                                       "--log-warnings=3"};
    static const char *const bad[] = {"--datadir=/x",
                                      "--data=/x",
                                      "--loose-skip-innodb-read-only",
                                      "--user=root",
                                      "--innodb_read_only=0",
                                      "--skip-networking",
                                      "--skip-loose-port=1",
                                      "-uroot",
                                      "word",
                                      "--",
                                      "--x='open",
                                      "--init-file=/x"};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_auto(GStrv) words = serverargs_check(good[i], NULL);
        cr_expect_not_null(words, "%s", good[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) words = serverargs_check(bad[i], &error);
        cr_expect(words == NULL && error_status(error) == STATUS_CONFIG, "%s", bad[i]);
    }
}

Test(serverargs, belong_to_a_server_of_the_series_of_the_backup)
{
    static const struct {
        const char *engine, *data, *said;
        gboolean fits;
    } cases[] = {
        {"mariadb-backup", "10.11.19-MariaDB-log", "x  Ver 10.11.19-MariaDB-0+deb12u1 for", TRUE},
        {"mariadb-backup", "10.11.19-MariaDB-log", "x  Ver 10.11.6-MariaDB for", TRUE},
        {"mariadb-backup", "10.11.19-MariaDB-log", "x  Ver 11.4.3-MariaDB for", FALSE},
        {"mariadb-backup", "10.11.19-MariaDB-log", "x  Ver 10.11.19 for Linux", FALSE},
        {"xtrabackup", "8.0.36-28", "x  Ver 8.0.36-28 for Linux on x86_64 (Percona)", TRUE},
        {"xtrabackup", "8.0.36-28", "x  Ver 8.0.40 for Linux", TRUE},
        {"xtrabackup", "8.0.36-28", "x  Ver 8.0.35 for Linux", FALSE},
        {"xtrabackup", "8.0.36-28", "x  Ver 8.4.0 for Linux", FALSE},
        {"xtrabackup", "8.0.36-28", "no version", FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gboolean fits = engine_server_fits(cases[i].engine, cases[i].data, cases[i].said, &error);
        cr_expect(fits == cases[i].fits, "%s on %s", cases[i].said, cases[i].data);
        cr_expect(fits || error_status(error) == STATUS_UNFIT);
    }
}
