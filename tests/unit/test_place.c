/* SPDX-License-Identifier: MIT */
#include "prepare/place.h"

#include "base/lock.h"
#include "base/log.h"
#include "sample.h"

static char *root;
static char *parent;

static void set_up(void)
{
    root = sample_directory();
    parent = g_build_filename(root, "proofs/shop", NULL);
    log_show(LOG_ERROR);
}

static void tear_down(void)
{
    g_free(parent);
    sample_remove(root);
}

TestSuite(place, .init = set_up, .fini = tear_down, .timeout = 60);

static Place *make(const char *name)
{
    g_autoptr(GError) error = NULL;
    Place *place = place_make(parent, name, "verify", &error);
    cr_assert_not_null(place, "%s", error != NULL ? error->message : "");
    return place;
}

static void expect_left(const char *wanted)
{
    g_autoptr(GDir) dir = g_dir_open(parent, 0, NULL);
    cr_assert_not_null(dir);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
        cr_expect(g_str_equal(name, "lock") || (*wanted != '\0' && g_str_has_prefix(name, wanted)),
                  "%s is left", name);
}

Test(place, is_private_and_gone_when_it_is_freed)
{
    Place *place = make("20261122T020000Z-full");
    g_autofree char *path = g_strdup(place_path(place));
    cr_expect(g_str_has_prefix(path, parent));
    cr_expect((sample_stat(path, ".").st_mode & 07777) == 0700);
    cr_expect((sample_stat(parent, ".").st_mode & 07777) == 0700);
    sample_write(path, "shop/orders.ibd", "x");
    cr_assert(chmod(path, 0550) == 0);
    place_free(place);
    cr_expect_not(sample_exists(path, "."));
    expect_left("");
    cr_expect(log_warnings()->len == 0);
}

static gboolean make_and_die(void *data)
{
    (void)data;
    Place *place = make("20261122T020000Z-full");
    sample_write(place_path(place), "shop/orders.ibd", "x");
    raise(SIGKILL);
    return FALSE;
}

static void leave_one_behind(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(make_and_die(NULL));
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    g_autofree char *path =
        g_strdup_printf("%s/20261122T020000Z-full.%d/shop/orders.ibd", parent, (int)pid);
    cr_assert(access(path, F_OK) == 0);
}

Test(place, is_removed_by_the_next_one_when_its_maker_was_killed)
{
    leave_one_behind();
    Place *place = make("20261123T020000Z-incr");
    expect_left("20261123T020000Z-incr");
    place_free(place);
}

Test(place, is_removed_by_a_sweep_when_its_maker_was_killed)
{
    leave_one_behind();
    cr_expect(place_sweep(parent, NULL));
    expect_left("");
}

Test(place, is_left_alone_while_its_maker_lives)
{
    int ready[2];
    int done[2];
    cr_assert(pipe(ready) == 0 && pipe(done) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        g_autoptr(Place) place = make("busy");
        char byte = 0;
        (void)close(done[1]);
        gboolean fine = write(ready[1], &byte, 1) == 1 && read(done[0], &byte, 1) == 0;
        gboolean there = sample_exists(place_path(place), ".");
        g_clear_pointer(&place, place_free);
        _exit(fine && there ? 0 : 1);
    }
    char byte = 0;
    cr_assert(read(ready[0], &byte, 1) == 1);
    cr_expect(place_sweep(parent, NULL));
    Place *other = make("other");
    g_autofree char *busy = g_strdup_printf("busy.%d", (int)pid);
    cr_expect(sample_exists(parent, busy));
    place_free(other);

    (void)close(done[1]);
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "its place was taken from it");
    expect_left("");
}

Test(place, is_left_alone_when_its_lock_cannot_be_asked)
{
    sample_write(parent, "unknown.1/shop/orders.ibd", "x");
    g_autofree char *lock = g_build_filename(parent, "unknown.1.lock", NULL);
    cr_assert(symlink("elsewhere", lock) == 0); /* a lock is never followed */
    g_autoptr(GError) error = NULL;
    cr_expect_not(place_sweep(parent, &error));
    sample_expect_error(error, STATUS_STORAGE, "unknown.1.lock");
    cr_expect(sample_exists(parent, "unknown.1/shop/orders.ibd"));
}

Test(place, leaves_no_lock_whose_maker_was_killed_before_or_after_the_rest)
{
    sample_write(parent, "20261122T020000Z-full.17.lock", "pid 17");
    g_autoptr(GError) error = NULL;
    cr_expect(place_sweep(parent, &error), "%s", error != NULL ? error->message : "");
    expect_left("");
}

Test(place, sweeps_nothing_where_nothing_ever_was)
{
    cr_expect(place_sweep(parent, NULL));
    cr_expect_not(sample_exists(parent, "."));
}

Test(place, is_not_made_in_a_file)
{
    g_autofree char *above = g_path_get_dirname(parent);
    sample_write(above, "shop", "x");
    g_autoptr(GError) error = NULL;
    cr_expect_null(place_make(parent, "x", "verify", &error));
    sample_expect_error(error, STATUS_STORAGE, parent);
}

Test(place, says_when_it_could_not_be_removed)
{
    Place *place = make("x");
    g_autofree char *path = g_strdup(place_path(place));
    g_autofree char *lock = g_strconcat(path, ".lock", NULL);
    cr_assert(unlink(lock) == 0 && mkdir(lock, 0700) == 0); /* a directory: removed as well */
    place_free(place);
    cr_expect_not(sample_exists(lock, "."));
    cr_expect(log_warnings()->len == 0);
}
