/* SPDX-License-Identifier: MIT */
#include "base/replace.h"

#include "base/error.h"
#include "base/files.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *dir;
static int dir_fd = -1;

static void set_up(void)
{
    dir = g_dir_make_tmp("lsnchain-XXXXXX", NULL);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(dir_fd >= 0);
}

static void tear_down(void)
{
    (void)files_remove_tree(AT_FDCWD, dir, NULL);
    (void)close(dir_fd);
    g_free(dir);
}

TestSuite(replace, .init = set_up, .fini = tear_down);

static gboolean put(const char *text, mode_t mode, GError **error)
{
    g_autoptr(GString) string = g_string_new(text);
    return replace_file(dir_fd, "catalog.ini", string, mode, error);
}

static void expect_text(const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = files_read_text(dir_fd, "catalog.ini", 1 << 24, &error);
    cr_assert_not_null(text, "%s", error != NULL ? error->message : "");
    cr_expect_str_eq(text->str, wanted);
}

static gboolean each_name(int root_fd, const char *name, const struct stat *status, void *data,
                          GError **error)
{
    (void)root_fd, (void)status, (void)error;
    g_string_append_printf(data, "%s ", name);
    return TRUE;
}

static void expect_names(const char *wanted)
{
    g_autoptr(GString) names = g_string_new(NULL);
    cr_assert(files_walk(dir_fd, ".", each_name, names, NULL));
    cr_expect_str_eq(names->str, wanted);
}

Test(replace, makes_a_file_and_changes_it)
{
    cr_expect(put("first", 0600, NULL));
    expect_text("first");
    cr_expect(put("", 0600, NULL));
    expect_text("");
    cr_expect(put("third", 0600, NULL));
    expect_text("third");
    expect_names("catalog.ini ");
}

Test(replace, keeps_every_byte_of_a_text_with_nul_and_of_a_large_one)
{
    g_autoptr(GString) text = g_string_new_len("a\0b", 3);
    g_string_set_size(text, 3 << 20);
    memset(text->str + 3, 'x', text->len - 3);
    cr_assert(replace_file(dir_fd, "catalog.ini", text, 0600, NULL));
    g_autoptr(GString) read = files_read_text(dir_fd, "catalog.ini", 1 << 24, NULL);
    cr_assert_not_null(read);
    cr_expect(g_string_equal(read, text));
}

Test(replace, gives_the_mode_whatever_the_umask)
{
    (void)umask(0077);
    static const mode_t modes[] = {0600, 0640, 0444, 0440};
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        struct stat status;
        cr_assert(put("text", modes[i], NULL));
        cr_assert(fstatat(dir_fd, "catalog.ini", &status, 0) == 0);
        cr_expect((status.st_mode & 07777) == modes[i], "wanted %o, got %o", modes[i],
                  status.st_mode & 07777);
    }
}

Test(replace, leaves_a_reader_of_the_old_file_the_old_text)
{
    cr_assert(put("old", 0600, NULL));
    autofd int reader = openat(dir_fd, "catalog.ini", O_RDONLY | O_CLOEXEC);
    cr_assert(put("new", 0600, NULL));
    char text[4] = "";
    cr_expect(read(reader, text, 3) == 3);
    cr_expect_str_eq(text, "old");
}

Test(replace, follows_no_symbolic_link)
{
    cr_assert(symlinkat("elsewhere", dir_fd, "catalog.ini") == 0);
    cr_assert(symlinkat("elsewhere", dir_fd, ".catalog.ini.new") == 0);
    cr_expect(put("text", 0600, NULL));
    expect_names("catalog.ini ");
}

Test(replace, removes_the_draft_that_a_killed_run_left)
{
    autofd int left = openat(dir_fd, ".catalog.ini.new", O_CREAT | O_WRONLY | O_CLOEXEC, 0400);
    cr_assert(left >= 0);
    cr_expect(put("text", 0600, NULL));
    expect_names("catalog.ini ");
}

static void expect_failure(GError *error, const char *object)
{
    cr_assert_not_null(error);
    cr_expect(error_status(error) == STATUS_STORAGE, "status %d", error_status(error));
    cr_expect(strstr(error->message, object) != NULL, "'%s' names no %s", error->message, object);
}

Test(replace, fails_in_a_directory_that_is_gone)
{
    g_autoptr(GError) error = NULL;
    cr_assert(rmdir(dir) == 0);
    cr_expect_not(put("text", 0600, &error));
    expect_failure(error, "catalog.ini");
}

Test(replace, fails_on_a_descriptor_that_is_none)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new("text");
    cr_expect_not(replace_file(-1, "catalog.ini", text, 0600, &error));
    expect_failure(error, "catalog.ini");
}

Test(replace, leaves_no_draft_when_the_rename_fails)
{
    g_autoptr(GError) error = NULL;
    cr_assert(mkdirat(dir_fd, "catalog.ini", 0700) == 0);
    cr_expect_not(put("text", 0600, &error));
    expect_failure(error, "catalog.ini");
    expect_names("catalog.ini ");
}

Test(replace, leaves_the_old_file_and_no_draft_when_the_disk_is_full)
{
    cr_assert(put("old", 0600, NULL));
    g_autoptr(GError) error = NULL;
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0); /* as near as one comes without a mount */
    g_autofree char *large = g_strnfill(10000, 'x');
    cr_expect_not(put(large, 0600, &error));
    expect_failure(error, "catalog.ini");
    expect_names("catalog.ini ");
    expect_text("old");
}

/* A child that dies at `point`, as a power cut would make it. */
static void die_at(const char *point)
{
    pid_t pid = fork();
    if (pid == 0) {
        g_setenv("LSNCHAIN_CRASH", point, TRUE);
        _exit(put("new", 0600, NULL) ? 0 : 1);
    }
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not passed", point);
}

Test(replace, leaves_the_old_or_the_new_file_at_each_crash_point)
{
    static const struct {
        const char *point;
        const char *text;
        const char *names;
    } cases[] = {
        {"replace.written", "old", ".catalog.ini.new catalog.ini "},
        {"replace.renamed", "new", "catalog.ini "},
        {"replace.renamed:1", "new", "catalog.ini "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_assert(put("old", 0600, NULL));
        die_at(cases[i].point);
        expect_text(cases[i].text);
        expect_names(cases[i].names);
        cr_expect(put("next", 0600, NULL), "the next run needs a hand");
        expect_text("next");
        expect_names("catalog.ini ");
    }
}

static void expect_survival(const char *point)
{
    pid_t pid = fork();
    if (pid == 0) {
        g_setenv("LSNCHAIN_CRASH", point, TRUE);
        _exit(put("new", 0600, NULL) ? 0 : 1);
    }
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "killed at %s", point);
}

Test(replace, is_not_killed_at_a_point_of_another_name_or_number)
{
    static const char *const points[] = {"replace", "replace.renamed2", "replace.renamed:2",
                                         "replace.renamed:x", "replace.renamed:"};
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++)
        expect_survival(points[i]);
}

Test(replace, is_killed_when_a_point_is_passed_for_the_nth_time)
{
    pid_t pid = fork();
    if (pid == 0) {
        g_setenv("LSNCHAIN_CRASH", "replace.renamed:3", TRUE);
        for (int i = 1; i < 9; i++) {
            g_autofree char *text = g_strdup_printf("%d", i);
            (void)put(text, 0600, NULL);
        }
        _exit(0);
    }
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    expect_text("3");
}
