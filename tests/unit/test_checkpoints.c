/* SPDX-License-Identifier: MIT */
#include "engine/metadata.h"

#include "base/error.h"
#include "engine/family.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const Engine engine = {&mariadb_backup_family, NULL, (char *)(size_t) "mariadb-backup", NULL,
                              FALSE};

#define FULL                                                                                       \
    "backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 44420\nlast_lsn = 124914\n"               \
    "recover_binlog_info = 0\n"
#define INCREMENTAL                                                                                \
    "backup_type = incremental\nfrom_lsn = 44420\nto_lsn = 44420\nlast_lsn = 124914\n"
#define INFO                                                                                       \
    "uuid = 22556f5d\nname = \ntool_name = mariadb-backup\ntool_command = --a=b --c=d\n"           \
    "tool_version = 10.11.19-MariaDB\nserver_version = 10.11.19-MariaDB-log\n"                     \
    "start_time = 2026-11-23 18:17:24\nend_time = 2026-11-23 18:17:25\n"
#define BINLOG "bin.000001\t10053\t0-1-15\n"
#define CONFIG "[mysqld]\ninnodb_page_size=16384\n"

/* ---- the checkpoints file alone
 * ------------------------------------------------------------------ */

static gboolean parse(const char *text, EngineCheckpoints *checkpoints, GError **error)
{
    g_autoptr(GString) string = g_string_new(text);
    return engine_parse_checkpoints("xtrabackup_checkpoints", string, checkpoints, error);
}

Test(checkpoints, reads_a_full)
{
    g_auto(EngineCheckpoints) got = {0};
    cr_assert(parse(FULL, &got, NULL));
    cr_expect_str_eq(got.backup_type, "full-backuped");
    cr_expect(got.from_lsn == 0 && got.to_lsn == 44420 && got.last_lsn == 124914);
}

Test(checkpoints, reads_the_largest_lsn_and_any_white_space_and_order)
{
    g_auto(EngineCheckpoints) got = {0};
    cr_assert(parse("last_lsn=18446744073709551615\r\n  to_lsn  =  2\nfrom_lsn = 1\n"
                    "backup_type = log-applied",
                    &got, NULL));
    cr_expect(got.last_lsn == G_MAXUINT64 && got.to_lsn == 2 && got.from_lsn == 1);
}

Test(checkpoints, names_file_and_key_of_whatever_is_wrong)
{
    static const struct {
        const char *text;
        const char *key;
    } cases[] = {
        {"", "backup_type"},
        {"backup_type = incremental\nto_lsn = 2\nlast_lsn = 3\n", "from_lsn"},
        {"backup_type = incremental\nfrom_lsn = 1\nlast_lsn = 3\n", "to_lsn"},
        {"backup_type = incremental\nfrom_lsn = 1\nto_lsn = 2\n", "last_lsn"},
        {FULL "to_lsn = 44420\n", "to_lsn"},
        {FULL "backup_type = full-backuped\n", "backup_type"},
        {"backup_type = x\nfrom_lsn = -1\nto_lsn = 2\nlast_lsn = 3\n", "from_lsn"},
        {"backup_type = x\nfrom_lsn = 1\nto_lsn = 0x2\nlast_lsn = 3\n", "to_lsn"},
        {"backup_type = x\nfrom_lsn = 1\nto_lsn = 2 3\nlast_lsn = 3\n", "to_lsn"},
        {"backup_type = x\nfrom_lsn = 1\nto_lsn = \nlast_lsn = 3\n", "to_lsn"},
        {"backup_type = x\nfrom_lsn = 1\nto_lsn = 2\nlast_lsn = 18446744073709551616\n",
         "last_lsn"},
        {"backup_type = x\nfrom_lsn = 1\nto_lsn = 2\nlast_lsn = 0:33\n", "last_lsn"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineCheckpoints) got = {0};
        g_autoptr(GError) error = NULL;
        cr_assert_not(parse(cases[i].text, &got, &error), "case %zu", i);
        cr_expect(error_status(error) == STATUS_ENGINE);
        cr_expect(strstr(error->message, cases[i].key) != NULL, "%s", error->message);
        cr_expect(strstr(error->message, "xtrabackup_checkpoints") != NULL, "%s", error->message);
        cr_expect_null(got.backup_type);
    }
}

Test(checkpoints, refuses_a_huge_file_and_one_with_zeros)
{
    g_auto(EngineCheckpoints) got = {0};
    g_autoptr(GString) huge = g_string_new(FULL);
    while (huge->len <= 1024 * 1024)
        g_string_append(huge, "x = yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n");
    cr_expect_not(engine_parse_checkpoints("f", huge, &got, NULL));
    g_autoptr(GString) zeros = g_string_new_len(FULL "\0x", sizeof FULL + 1);
    cr_expect_not(engine_parse_checkpoints("f", zeros, &got, NULL));
}

/* ---- all files of a capture
 * ------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    const char *text;
} File;

static GString *read_file(const char *name, void *data, GError **error)
{
    for (const File *file = data; file->name != NULL; file++) {
        if (strcmp(file->name, name) != 0)
            continue;
        if (file->text != NULL)
            return g_string_new(file->text);
        (void)fail(error, STATUS_STORAGE, "cannot read %s", name);
        return NULL;
    }
    return NULL;
}

static gboolean read_all(File *files, gboolean incremental, EngineMetadata *metadata,
                         GError **error)
{
    return engine_read_metadata(&engine, incremental, read_file, files, metadata, error);
}

Test(checkpoints, reads_all_metadata_under_the_old_names_and_the_new)
{
    static File olds[] = {{"xtrabackup_checkpoints", FULL},
                          {"xtrabackup_info", INFO},
                          {"xtrabackup_binlog_info", BINLOG},
                          {"backup-my.cnf", CONFIG},
                          {0}};
    static File news[] = {{"mariadb_backup_checkpoints", FULL},
                          {"mariadb_backup_info", INFO},
                          {"mariadb_backup_binlog_info", BINLOG},
                          {"backup-my.cnf", CONFIG "server_uuid=abc\n"},
                          {0}};
    File *both[] = {olds, news};
    for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
        g_auto(EngineMetadata) got = {0};
        g_autoptr(GError) error = NULL;
        cr_assert(read_all(both[i], FALSE, &got, &error), "%s", error ? error->message : "");
        cr_expect(got.checkpoints.to_lsn == 44420);
        cr_expect_str_eq(got.checkpoints_text, FULL);
        cr_expect_str_eq(got.tool_version, "10.11.19-MariaDB");
        cr_expect_str_eq(got.server_version, "10.11.19-MariaDB-log");
        cr_expect_str_eq(got.end_time, "2026-11-23 18:17:25");
        cr_expect_str_eq(got.binlog_file, "bin.000001");
        cr_expect(got.binlog_pos == 10053);
        cr_expect_str_eq(got.gtid, "0-1-15");
        cr_expect_str_eq(got.server_uuid, i == 0 ? "" : "abc");
    }
}

Test(checkpoints, accepts_a_server_without_a_binary_log)
{
    File files[] = {{"xtrabackup_checkpoints", INCREMENTAL},
                    {"xtrabackup_info", INFO},
                    {"backup-my.cnf", CONFIG},
                    {0}};
    g_auto(EngineMetadata) got = {0};
    cr_assert(read_all(files, TRUE, &got, NULL));
    cr_expect_str_eq(got.binlog_file, "");
    cr_expect(got.binlog_pos == 0);
    cr_expect_str_eq(got.gtid, "");
}

Test(checkpoints, refuses_what_is_missing_doubled_unreadable_or_not_what_was_asked_for)
{
    static File cases[][6] = {
        {{"xtrabackup_info", INFO}, {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", FULL}, {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", FULL}, {"xtrabackup_info", INFO}},
        {{"xtrabackup_checkpoints", FULL},
         {"mariadb_backup_checkpoints", FULL},
         {"xtrabackup_info", INFO},
         {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", NULL}, {"xtrabackup_info", INFO}, {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", INCREMENTAL},
         {"xtrabackup_info", INFO},
         {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", "backup_type = full-backuped\nfrom_lsn = 5\nto_lsn = 6\n"
                                    "last_lsn = 7\n"},
         {"xtrabackup_info", INFO},
         {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", "backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 6\n"
                                    "last_lsn = 5\n"},
         {"xtrabackup_info", INFO},
         {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", FULL},
         {"xtrabackup_info", "tool_version = 1\n"},
         {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", FULL},
         {"xtrabackup_info", INFO},
         {"xtrabackup_binlog_info", "bin.000001\tx\n"},
         {"backup-my.cnf", CONFIG}},
        {{"xtrabackup_checkpoints", FULL},
         {"xtrabackup_info", INFO},
         {"xtrabackup_binlog_info", ""},
         {"backup-my.cnf", CONFIG}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(EngineMetadata) got = {0};
        g_autoptr(GError) error = NULL;
        cr_assert_not(read_all(cases[i], FALSE, &got, &error), "case %zu", i);
        cr_expect_not_null(error);
        cr_expect(i == 4 || error_status(error) == STATUS_ENGINE, "case %zu: %s", i,
                  error->message);
    }
}

Test(checkpoints, refuses_a_full_where_an_incremental_was_asked_for_and_a_prepared_one)
{
    static const struct {
        const char *text;
        gboolean incremental;
    } cases[] = {
        {FULL, TRUE},
        {"backup_type = log-applied\nfrom_lsn = 0\nto_lsn = 6\nlast_lsn = 7\n", FALSE},
        {"backup_type = log-applied\nfrom_lsn = 5\nto_lsn = 6\nlast_lsn = 7\n", TRUE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        File files[] = {{"xtrabackup_checkpoints", cases[i].text},
                        {"xtrabackup_info", INFO},
                        {"backup-my.cnf", CONFIG},
                        {0}};
        g_auto(EngineMetadata) got = {0};
        cr_expect_not(read_all(files, cases[i].incremental, &got, NULL), "case %zu", i);
    }
}

Test(checkpoints, reads_them_from_a_prepared_directory)
{
    g_autofree char *dir = g_dir_make_tmp("lsnchain-checkpoints-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "xtrabackup_checkpoints", NULL);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(EngineCheckpoints) got = {0};
    g_autoptr(GError) error = NULL;
    cr_expect_not(engine_read_checkpoints(&engine, fd, &got, &error));
    cr_expect(error_status(error) == STATUS_ENGINE);

    cr_assert(g_file_set_contents(path, FULL, -1, NULL));
    cr_expect(engine_read_checkpoints(&engine, fd, &got, NULL));
    cr_expect(got.last_lsn == 124914);
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(dir);
}
