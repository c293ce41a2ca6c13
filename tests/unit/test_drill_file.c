/* SPDX-License-Identifier: MIT */
#include "report/drill_file.h"

#include "sample.h"

static char *root;

static void set_up(void)
{
    root = sample_directory();
}

static void tear_down(void)
{
    sample_remove(root);
}

TestSuite(drill_file, .init = set_up, .fini = tear_down);

static DrillFile *open_below(const char *name, GError **error)
{
    g_autofree char *path = g_strconcat(root, "/", name, NULL);
    return drill_file_open(path, error);
}

static void write_below(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrillReport) report = drill_report_new("db1");
    g_autoptr(DrillFile) file = open_below(name, &error);
    cr_assert_not_null(file, "%s", error != NULL ? error->message : "");
    cr_expect(drill_file_write(file, report, &error), "%s", error != NULL ? error->message : "");
}

Test(drill_file, the_json_stands_beside_the_page)
{
    static const char *const cases[][2] = {
        {"drill.html", "drill.json"},
        {"week.htm", "week.json"},
        {"year", "year.json"},
        {"drill.2026.txt", "drill.2026.txt.json"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        write_below(cases[i][0]);
        cr_expect(sample_exists(root, cases[i][0]), "%s", cases[i][0]);
        cr_expect(sample_exists(root, cases[i][1]), "%s", cases[i][1]);
    }
}

Test(drill_file, replaces_an_older_report_and_keeps_who_may_read_it)
{
    sample_write(root, "drill.html", "of yesterday");
    g_autofree char *path = g_build_filename(root, "drill.html", NULL);
    cr_assert(chmod(path, 0604) == 0);
    write_below("drill.html");
    g_autoptr(GString) page = g_string_new(NULL);
    sample_read(root, "drill.html", page);
    cr_expect(g_str_has_prefix(page->str, "<!DOCTYPE html>"));
    cr_expect((sample_stat(root, "drill.html").st_mode & 07777) == 0604);
    cr_expect((sample_stat(root, "drill.json").st_mode & 07777) == 0640);
}

Test(drill_file, opening_leaves_the_older_report_alone)
{
    sample_write(root, "drill.html", "of yesterday");
    g_autoptr(DrillFile) file = open_below("drill.html", NULL);
    g_autoptr(GString) page = g_string_new(NULL);
    sample_read(root, "drill.html", page);
    cr_expect_str_eq(page->str, "of yesterday");
    cr_expect(!sample_exists(root, "drill.json"));
}

Test(drill_file, refuses_what_is_no_name_for_a_page)
{
    static const char *const names[] = {"", "sub/", ".", "..", "drill.json"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_null(open_below(names[i], &error));
        sample_expect_error(error, STATUS_USAGE, "--report=");
    }
    g_autofree char *name = g_strnfill(250, 'x');
    g_autoptr(GError) error = NULL;
    cr_expect_null(open_below(name, &error));
    sample_expect_error(error, STATUS_USAGE, "too long");
}

Test(drill_file, refuses_a_directory_that_is_not_there_before_anything_is_done)
{
    g_autoptr(GError) error = NULL;
    cr_expect_null(open_below("absent/drill.html", &error));
    sample_expect_error(error, STATUS_STORAGE, "absent");
}

Test(drill_file, refuses_to_replace_what_is_no_plain_file)
{
    g_autofree char *link = g_build_filename(root, "drill.html", NULL);
    cr_assert(symlink("elsewhere", link) == 0);
    g_autofree char *directory = g_build_filename(root, "week.json", NULL);
    cr_assert(mkdir(directory, 0700) == 0);
    static const char *const names[] = {"drill.html", "week.html"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_null(open_below(names[i], &error));
        sample_expect_error(error, STATUS_STORAGE, "no plain file");
    }
}

/* Run as root, permissions stop nobody; these cannot be written by anybody. */
Test(drill_file, refuses_a_place_that_cannot_be_written)
{
    static const char *const paths[] = {"/proc/drill.html", "/proc/self/drill.html"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_null(drill_file_open(paths[i], &error));
        sample_expect_error(error, STATUS_STORAGE, "cannot write a report into /proc");
    }
}

Test(drill_file, leaves_nothing_where_it_tried_to_write)
{
    g_autoptr(DrillFile) file = open_below("drill.html", NULL);
    cr_assert_not_null(file);
    cr_expect(rmdir(root) == 0, "something was left");
    cr_assert(mkdir(root, 0700) == 0);
}
