/* SPDX-License-Identifier: MIT */
#include "prepare/binlogs.h"

#include "base/log.h"
#include "sample.h"

static char *root;

static void set_up(void)
{
    root = sample_directory();
    log_show(LOG_ERROR);
}

static void tear_down(void)
{
    sample_remove(root);
}

TestSuite(binlogs, .init = set_up, .fini = tear_down, .timeout = 60);

static void expect_home(const char *name, const char *wanted)
{
    autofd int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    cr_assert(binlogs_stay_home(fd, &error), "%s", error != NULL ? error->message : "");
    g_autoptr(GString) text = files_read_text(fd, name, 1 << 20, &error);
    cr_assert_not_null(text, "%s", error != NULL ? error->message : "");
    cr_expect_str_eq(text->str, wanted);
}

Test(binlogs, names_the_copy_beside_it_and_not_the_log_of_the_source)
{
    sample_write(root, "binlog.000012", "log");
    sample_write(root, "binlog.index", "/var/log/mysql/binlog.000012\n");
    expect_home("binlog.index", "./binlog.000012\n");
    expect_home("binlog.index", "./binlog.000012\n");
}

Test(binlogs, forgets_logs_that_did_not_come_along)
{
    static const char *const lines[] = {
        "/logs/binlog.000011\n/logs/binlog.000012", "binlog.000011\nbinlog.000012\n",
        "./binlog.000012\n../binlog.000011\n", "/logs/..\n/logs/\n\n.\n./shop\n/x/binlog.000012\n"};
    sample_write(root, "binlog.000012", "log");
    sample_write(root, "shop/orders.ibd", "pages");
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        sample_write(root, "binlog.index", lines[i]);
        expect_home("binlog.index", "./binlog.000012\n");
    }
}

Test(binlogs, leaves_an_empty_index_where_no_log_came_along)
{
    sample_write(root, "binlog.index", "/logs/binlog.000011\n");
    expect_home("binlog.index", "");
}

Test(binlogs, looks_at_an_index_of_any_name_and_at_nothing_else)
{
    sample_write(root, "db1-bin.000003", "log");
    sample_write(root, "db1-bin.index", "/logs/db1-bin.000003\n");
    sample_write(root, "relay.index", "/logs/relay.000001\n");
    sample_write(root, "xtrabackup_tablespaces", "/logs/db1-bin.000003\n");
    sample_write(root, "shop/t.index", "/logs/db1-bin.000003\n");
    g_autofree char *directory = g_build_filename(root, "x.index", NULL);
    cr_assert(mkdir(directory, 0700) == 0);
    expect_home("db1-bin.index", "./db1-bin.000003\n");
    expect_home("relay.index", "");
    expect_home("xtrabackup_tablespaces", "/logs/db1-bin.000003\n");
    expect_home("shop/t.index", "/logs/db1-bin.000003\n");
}

Test(binlogs, keeps_an_index_that_is_right_as_it_is)
{
    sample_write(root, "binlog.000012", "log");
    sample_write(root, "binlog.index", "./binlog.000012\n");
    struct stat before = sample_stat(root, "binlog.index");
    expect_home("binlog.index", "./binlog.000012\n");
    cr_expect(before.st_ino == sample_stat(root, "binlog.index").st_ino);
}
