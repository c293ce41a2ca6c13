/* SPDX-License-Identifier: MIT */
#include "base/files.h"

#include "base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
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

TestSuite(files, .init = set_up, .fini = tear_down, .timeout = 30);

static void make_dir(const char *path)
{
    cr_assert(files_make_dirs(dir_fd, path, 0700, NULL), "%s", path);
}

static void make_file(const char *path, const char *text)
{
    autofd int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && files_write(fd, text, strlen(text)), "%s", path);
}

static gboolean exists(const char *path)
{
    struct stat status;
    return fstatat(dir_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void expect_storage(GError *error, const char *object)
{
    cr_assert_not_null(error);
    cr_expect(error_status(error) == STATUS_STORAGE, "status %d", error_status(error));
    cr_expect(strstr(error->message, object) != NULL, "no '%s' in: %s", object, error->message);
}

/* ---- reading and writing --------------------------------------------------------------------- */

Test(files, writes_and_reads_the_whole_length_through_a_pipe_in_small_pieces)
{
    enum { LENGTH = 1 << 20 };
    int ends[2];
    cr_assert(pipe(ends) == 0);
    g_autofree char *sent = g_malloc(LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        sent[i] = (char)(i * 31);
    pid_t writer = fork();
    if (writer == 0)
        _exit(files_write(ends[1], sent, LENGTH) ? 0 : 1);
    (void)close(ends[1]);
    g_autofree char *got = g_malloc(LENGTH + 10);
    cr_expect(files_read(ends[0], got, LENGTH + 10) == LENGTH, "short only at the end");
    cr_expect(memcmp(sent, got, LENGTH) == 0);
    cr_expect(files_read(ends[0], got, 1) == 0);
    (void)waitpid(writer, NULL, 0);
}

static void ignore_alarm(int number)
{
    (void)number;
}

Test(files, carries_on_reading_after_a_signal)
{
    const struct sigaction action = {.sa_handler = ignore_alarm}; /* no SA_RESTART */
    (void)sigaction(SIGUSR1, &action, NULL);
    int ends[2];
    cr_assert(pipe(ends) == 0);
    pid_t parent = getpid();
    pid_t other = fork();
    if (other == 0) {
        for (int i = 0; i < 5; i++) {
            g_usleep(50000);
            (void)kill(parent, SIGUSR1);
            g_usleep(50000);
            (void)!write(ends[1], "x", 1);
        }
        _exit(0);
    }
    (void)close(ends[1]);
    char bytes[5];
    cr_expect(files_read(ends[0], bytes, sizeof bytes) == 5);
    (void)waitpid(other, NULL, 0);
}

Test(files, tells_a_failed_read_and_write_by_errno)
{
    char byte;
    errno = 0;
    cr_expect(files_read(-1, &byte, 1) == -1 && errno == EBADF);
    errno = 0;
    cr_expect_not(files_write(-1, "x", 1));
    cr_expect(errno == EBADF);
    autofd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    errno = 0;
    cr_expect_not(files_write(full, "x", 1));
    cr_expect(errno == ENOSPC);
}

Test(files, reads_a_text_up_to_its_limit_and_no_further)
{
    make_file("text", "12345678");
    for (size_t limit = 0; limit < 12; limit++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) text = files_read_text(dir_fd, "text", limit, &error);
        cr_expect((text != NULL) == (limit >= 8), "limit %zu", limit);
        if (text == NULL)
            expect_storage(error, "text");
        else
            cr_expect_str_eq(text->str, "12345678");
    }
}

Test(files, reads_texts_with_nul_empty_ones_and_large_ones)
{
    autofd int fd = openat(dir_fd, "nul", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(files_write(fd, "a\0b", 3));
    make_file("empty", "");
    g_autofree char *many = g_strnfill(100000, 'x');
    make_file("large", many);
    g_autoptr(GString) nul = files_read_text(dir_fd, "nul", 10, NULL);
    g_autoptr(GString) empty = files_read_text(dir_fd, "empty", 10, NULL);
    g_autoptr(GString) large = files_read_text(dir_fd, "large", 100000, NULL);
    cr_assert(nul != NULL && empty != NULL && large != NULL);
    cr_expect(nul->len == 3 && memcmp(nul->str, "a\0b", 4) == 0);
    cr_expect(empty->len == 0 && empty->str[0] == '\0');
    cr_expect_str_eq(large->str, many);
}

Test(files, tells_whether_a_file_holds_a_text_to_the_last_byte)
{
    enum { LENGTH = (1 << 16) + 7 }; /* more than is read at once */
    g_autofree char *letters = g_strnfill(LENGTH, 'x');
    g_autoptr(GString) text = g_string_new(letters);
    make_file("same", letters);
    cr_expect(files_hold(dir_fd, "same", text));
    for (size_t at = 0; at < LENGTH; at += LENGTH / 4) {
        text->str[at] = 'y';
        cr_expect_not(files_hold(dir_fd, "same", text), "byte %zu", at);
        text->str[at] = 'x';
    }
    g_string_append_c(text, 'x');
    cr_expect_not(files_hold(dir_fd, "same", text), "the file is shorter");
    g_string_truncate(text, LENGTH - 1);
    cr_expect_not(files_hold(dir_fd, "same", text), "the file is longer");
    cr_expect_not(files_hold(dir_fd, "absent", text));
    g_string_truncate(text, 0);
    cr_expect_not(files_hold(dir_fd, ".", text), "a directory holds nothing");
    make_file("empty", "");
    cr_expect(files_hold(dir_fd, "empty", text));
}

Test(files, reads_what_the_kernel_tells_though_its_size_is_0)
{
    g_autoptr(GString) boot =
        files_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100, NULL);
    cr_assert_not_null(boot);
    cr_expect(boot->len == 37, "%zu bytes", boot->len);
    g_autoptr(GError) error = NULL;
    cr_expect_null(files_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 36, &error));
    expect_storage(error, "boot_id");
}

Test(files, refuses_to_read_what_is_no_file)
{
    make_dir("directory");
    cr_assert(mkfifoat(dir_fd, "pipe", 0600) == 0);
    static const char *const names[] = {"directory", "pipe", "missing"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_null(files_read_text(dir_fd, names[i], 100, &error), "%s", names[i]);
        expect_storage(error, names[i]);
    }
}

/* ---- directories ----------------------------------------------------------------------------- */

Test(files, makes_directories_with_their_parents_again_and_again)
{
    static const char *const paths[] = {"a", "a/b/c", "a/b/c", "x//y/", "a/b/c/"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect(files_make_dirs(dir_fd, paths[i], 0700, &error), "%s: %s", paths[i],
                  error != NULL ? error->message : "");
        cr_expect(exists(paths[i]), "%s", paths[i]);
    }
    g_autofree char *absolute = g_build_filename(dir, "p", "q", NULL);
    cr_expect(files_make_dirs(AT_FDCWD, absolute, 0700, NULL));
    cr_expect(exists("p/q"));
}

Test(files, makes_no_directory_where_a_file_is_or_no_name_is_given)
{
    make_file("file", "");
    static const char *const paths[] = {"file", "file/below", ""};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_not(files_make_dirs(dir_fd, paths[i], 0700, &error), "'%s'", paths[i]);
        expect_storage(error, paths[i]);
    }
}

Test(files, makes_a_directory_that_is_a_link_to_one)
{
    make_dir("real");
    cr_assert(symlinkat("real", dir_fd, "link") == 0);
    cr_expect(files_make_dirs(dir_fd, "link/below", 0700, NULL));
    cr_expect(files_make_dirs(dir_fd, "link", 0700, NULL));
    cr_expect(exists("real/below"));
}

Test(files, opens_and_flushes_directories_and_nothing_else)
{
    make_dir("directory");
    make_file("file", "");
    autofd int fd = files_open_dir(dir_fd, "directory", NULL);
    cr_expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    cr_expect(files_flush_dir(dir_fd, "directory", NULL));
    static const char *const names[] = {"file", "missing"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) open_error = NULL;
        g_autoptr(GError) flush_error = NULL;
        cr_expect(files_open_dir(dir_fd, names[i], &open_error) == -1);
        cr_expect_not(files_flush_dir(dir_fd, names[i], &flush_error));
        expect_storage(open_error, names[i]);
        expect_storage(flush_error, names[i]);
    }
}

Test(files, closes_a_descriptor_at_the_end_of_its_scope)
{
    int number;
    {
        autofd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        autofd int none = -1;
        number = fd;
        cr_expect(none == -1);
    }
    cr_expect(fcntl(number, F_GETFD) < 0 && errno == EBADF);
}

/* ---- removing -------------------------------------------------------------------------------- */

Test(files, removes_a_file_a_link_a_tree_and_what_is_not_there)
{
    make_dir("tree/a/b");
    make_file("tree/a/b/file", "x");
    make_file("tree/file", "x");
    make_file("single", "x");
    make_dir("target");
    make_file("target/kept", "x");
    cr_assert(symlinkat("../target", dir_fd, "tree/link") == 0);
    cr_assert(symlinkat("target", dir_fd, "link") == 0);
    static const char *const paths[] = {"tree", "single", "link", "missing", "missing"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect(files_remove_tree(dir_fd, paths[i], &error), "%s", paths[i]);
        cr_expect_null(error);
        cr_expect_not(exists(paths[i]), "%s", paths[i]);
    }
    cr_expect(exists("target/kept"), "a link was followed");
}

/* In a child as nobody: root needs no write bit. */
static gboolean removes_as_nobody(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        _exit(files_remove_tree(dir_fd, path, NULL) ? 0 : 1);
    }
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 9, "cannot become nobody");
    return WEXITSTATUS(status) == 0;
}

static void hand_to_nobody(const char *path, mode_t mode)
{
    if (geteuid() == 0)
        cr_assert(fchownat(dir_fd, path, 65534, 65534, AT_SYMLINK_NOFOLLOW) == 0);
    cr_assert(fchmodat(dir_fd, path, mode, 0) == 0);
}

Test(files, removes_a_published_tree_without_being_root)
{
    make_dir("tree/a/b");
    make_file("tree/a/b/file", "x");
    hand_to_nobody("tree/a/b/file", 0440);
    hand_to_nobody("tree/a/b", 0550);
    hand_to_nobody("tree/a", 0000);
    hand_to_nobody("tree", 0550);
    hand_to_nobody(".", 0700);
    cr_expect(removes_as_nobody("tree"));
    cr_expect_not(exists("tree"));
}

Test(files, says_what_it_could_not_remove)
{
    if (geteuid() != 0)
        cr_skip_test("only root can make a directory that we may not change");
    make_dir("tree/a");
    make_file("tree/a/file", "x");
    hand_to_nobody(".", 0755);
    cr_assert(fchmodat(dir_fd, "tree", 0755, 0) == 0);
    cr_expect_not(removes_as_nobody("tree"));
    cr_expect(exists("tree/a/file"));
}

Test(files, removes_a_tree_that_is_deep_and_one_that_is_wide)
{
    g_autoptr(GString) path = g_string_new("deep");
    for (int i = 0; i < 200; i++)
        g_string_append(path, "/d");
    make_dir(path->str);
    make_dir("wide");
    for (int i = 0; i < 3000; i++) {
        g_autofree char *name = g_strdup_printf("wide/%d", i);
        make_file(name, "");
    }
    cr_expect(files_remove_tree(dir_fd, "deep", NULL));
    cr_expect(files_remove_tree(dir_fd, "wide", NULL));
    cr_expect_not(exists("deep") || exists("wide"));
}

/* ---- walking --------------------------------------------------------------------------------- */

typedef struct {
    GString *names;
    const char *stop_at;
    int root_fd;
} Walked;

static gboolean note(int root_fd, const char *name, const struct stat *status, void *data,
                     GError **error)
{
    Walked *walked = data;
    struct stat again;
    cr_expect(fstatat(root_fd, name, &again, AT_SYMLINK_NOFOLLOW) == 0,
              "%s is not relative to the root", name);
    cr_expect(again.st_ino == status->st_ino, "the status of %s is another's", name);
    g_string_append_printf(walked->names, "%s ", name);
    if (walked->stop_at != NULL && g_str_equal(walked->stop_at, name))
        return fail(error, STATUS_CHAIN, "stopped at %s", name);
    return TRUE;
}

Test(files, walks_parents_first_and_in_the_order_of_strcmp)
{
    static const char *const dirs[] = {"walk/b", "walk/a/z", "walk/B", "walk/a-b", "walk/empty"};
    static const char *const names[] = {"walk/a/2",      "walk/a/10",  "walk/b/x",    "walk/a.ibd",
                                        "walk/\xc3\xa9", "walk/a/z/y", "walk/.hidden"};
    for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++)
        make_dir(dirs[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        make_file(names[i], "x");
    cr_assert(symlinkat("a", dir_fd, "walk/link") == 0);
    Walked walked = {.names = g_string_new(NULL)};
    cr_expect(files_walk(dir_fd, "walk", note, &walked, NULL));
    cr_expect_str_eq(walked.names->str, ".hidden B a a/10 a/2 a/z a/z/y a-b a.ibd b b/x empty link "
                                        "\xc3\xa9 ");
    g_string_free(walked.names, TRUE);
}

Test(files, stops_walking_at_the_first_refusal_with_its_error)
{
    make_dir("walk/b");
    make_file("walk/a", "");
    make_file("walk/b/x", "");
    make_file("walk/c", "");
    Walked walked = {.names = g_string_new(NULL), .stop_at = "b/x"};
    g_autoptr(GError) error = NULL;
    cr_expect_not(files_walk(dir_fd, "walk", note, &walked, &error));
    cr_assert_not_null(error);
    cr_expect(error_status(error) == STATUS_CHAIN);
    cr_expect_str_eq(walked.names->str, "a b b/x ");
    g_string_free(walked.names, TRUE);
}

Test(files, cannot_walk_what_is_no_directory)
{
    make_file("file", "");
    static const char *const names[] = {"file", "missing"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        Walked walked = {.names = g_string_new(NULL)};
        g_autoptr(GError) error = NULL;
        cr_expect_not(files_walk(dir_fd, names[i], note, &walked, &error));
        expect_storage(error, names[i]);
        g_string_free(walked.names, TRUE);
    }
}

Test(files, leaks_no_descriptor)
{
    make_dir("tree/a/b");
    make_file("tree/a/b/file", "x");
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)close(before);
    Walked walked = {.names = g_string_new(NULL), .stop_at = "a/b"};
    cr_expect_not(files_walk(dir_fd, "tree", note, &walked, NULL));
    g_autoptr(GString) text = files_read_text(dir_fd, "tree/a/b/file", 10, NULL);
    cr_expect_not_null(text);
    cr_expect_null(files_read_text(dir_fd, "tree/a/b/file", 0, NULL));
    cr_expect(files_flush_dir(dir_fd, "tree", NULL));
    cr_expect(files_remove_tree(dir_fd, "tree", NULL));
    autofd int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_expect(after == before, "%d, then %d", before, after);
    g_string_free(walked.names, TRUE);
}

Test(files, tells_the_space_that_is_left)
{
    uint64_t bytes = 0;
    cr_expect(files_free_space(dir_fd, &bytes, NULL));
    cr_expect(bytes > 4096);
    g_autoptr(GError) error = NULL;
    cr_expect_not(files_free_space(-1, &bytes, &error));
    expect_storage(error, "free space");
}
