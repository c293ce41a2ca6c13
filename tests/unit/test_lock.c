/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/proc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SECOND_US = G_USEC_PER_SEC };

static char *dir;
static char *path;

static void set_up(void)
{
    dir = g_dir_make_tmp("lsnchain-XXXXXX", NULL);
    path = g_build_filename(dir, "lock", NULL);
}

static void tear_down(void)
{
    (void)files_remove_tree(AT_FDCWD, dir, NULL);
    g_free(dir);
    g_free(path);
}

TestSuite(lock, .init = set_up, .fini = tear_down, .timeout = 20);

static Lock *take(LockKind kind)
{
    g_autoptr(GError) error = NULL;
    Lock *lock = lock_take(path, LOCK_COPY, kind, "backup", 0, &error);
    cr_assert_not_null(lock, "%s", error != NULL ? error->message : "");
    return lock;
}

static gboolean is_free(LockKind kind)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Lock) lock = lock_take(path, LOCK_COPY, kind, "verify", 0, &error);
    cr_assert(lock != NULL || error_status(error) == STATUS_LOCKED, "%s", error->message);
    return lock != NULL;
}

Test(lock, lets_readers_share_and_a_writer_be_alone)
{
    static const struct {
        LockKind held;
        LockKind wanted;
        gboolean granted;
    } cases[] = {
        {LOCK_EXCLUSIVE, LOCK_EXCLUSIVE, FALSE},
        {LOCK_EXCLUSIVE, LOCK_SHARED, FALSE},
        {LOCK_SHARED, LOCK_EXCLUSIVE, FALSE},
        {LOCK_SHARED, LOCK_SHARED, TRUE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Lock) held = take(cases[i].held);
        cr_assert(lock_fd(held) >= 0);
        cr_expect(is_free(cases[i].wanted) == cases[i].granted, "row %zu", i);
    }
}

Test(lock, is_released_when_freed)
{
    Lock *lock = take(LOCK_EXCLUSIVE);
    cr_expect_not(is_free(LOCK_SHARED));
    lock_free(lock);
    cr_expect(is_free(LOCK_EXCLUSIVE));
}

Test(lock, lets_readers_in_once_the_writer_has_become_one)
{
    g_autoptr(Lock) lock = take(LOCK_EXCLUSIVE);
    cr_assert(lock_share(lock));
    cr_expect(is_free(LOCK_SHARED));
    cr_expect_not(is_free(LOCK_EXCLUSIVE));
    g_autoptr(GError) error = NULL;
    cr_expect_null(lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "verify", 0, &error));
    g_autofree char *holder = g_strdup_printf("pid %d ", (int)getpid());
    cr_expect_not_null(strstr(error->message, holder), "%s", error->message);
}

Test(lock, says_who_holds_it_since_when_and_what_to_do)
{
    g_autoptr(Lock) held = take(LOCK_EXCLUSIVE);
    cr_assert(lock_fd(held) >= 0);
    g_autoptr(GError) error = NULL;
    cr_expect_null(lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "expire", 0, &error));
    cr_assert_not_null(error);
    cr_expect(error_status(error) == STATUS_LOCKED);

    g_autofree char *today = clock_format(clock_now());
    today[strlen("2026-11-22T")] = '\0';
    g_autofree char *pid =
        g_strdup_printf("pid %d on host %s (boot ", (int)getpid(), g_get_host_name());
    g_autofree char *since = g_strdup_printf("`backup` since %s", today);
    g_autofree char *boot = NULL;
    cr_assert(g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL));
    g_strstrip(boot);
    const char *const wanted[] = {path, pid, boot, since, "\nhint: "};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        cr_expect(strstr(error->message, wanted[i]) != NULL, "no '%s' in: %s", wanted[i],
                  error->message);
}

Test(lock, says_the_holder_of_today_not_the_longer_text_of_yesterday)
{
    cr_assert(g_file_set_contents(path,
                                  "pid 1 on host long-gone, a text much longer than the "
                                  "one that comes, and longer, and longer, and longer, "
                                  "and longer, and longer, and longer, and longer\n",
                                  -1, NULL));
    g_autoptr(Lock) held = take(LOCK_EXCLUSIVE);
    cr_assert(lock_fd(held) >= 0);
    g_autoptr(GError) error = NULL;
    cr_expect_null(lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "expire", 0, &error));
    cr_assert_not_null(error);
    cr_expect_null(strstr(error->message, "long-gone"));
    cr_expect_null(strstr(error->message, "longer"), "%s", error->message);
}

Test(lock, blames_no_earlier_holder_while_readers_hold_it)
{
    lock_free(take(LOCK_EXCLUSIVE));
    g_autoptr(Lock) reader = lock_take(path, LOCK_COPY, LOCK_SHARED, "verify", 0, NULL);
    cr_assert_not_null(reader);
    g_autoptr(GError) error = NULL;
    cr_expect_null(lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "expire", 0, &error));
    cr_assert_not_null(error);
    cr_expect_null(strstr(error->message, "`backup`"), "%s", error->message);
    cr_expect_not_null(strstr(error->message, "`verify`"), "%s", error->message);
}

/* Another process reads for as long as the test lives. */
static pid_t start_reader(const char *command)
{
    int ready[2];
    cr_assert(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        Lock *lock = lock_take(path, LOCK_COPY, LOCK_SHARED, command, 0, NULL);
        (void)!write(ready[1], lock != NULL ? "y" : "n", 1);
        (void)pause();
        _exit(0);
    }
    char answer = 'n';
    cr_assert(read(ready[0], &answer, 1) == 1 && answer == 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void stop(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static char *who_holds_it(void)
{
    g_autoptr(GError) error = NULL;
    cr_expect_null(lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "remove", 0, &error));
    cr_assert_not_null(error);
    return g_strdup(error->message);
}

Test(lock, names_every_reader_and_none_that_has_ended)
{
    pid_t verify = start_reader("verify");
    pid_t restore = start_reader("restore");
    pid_t ended = start_reader("show");
    stop(ended);
    g_autofree char *said = who_holds_it();
    char *pids[] = {g_strdup_printf("pid %d ", (int)verify),
                    g_strdup_printf("pid %d ", (int)restore)};
    cr_expect(strstr(said, pids[0]) != NULL && strstr(said, "`verify` since 20") != NULL, "%s",
              said);
    cr_expect(strstr(said, pids[1]) != NULL && strstr(said, "`restore` since 20") != NULL, "%s",
              said);
    cr_expect_null(strstr(said, "`show`"), "%s", said);
    g_free(pids[0]);
    g_free(pids[1]);
    stop(verify);
    stop(restore);
}

Test(lock, forgets_its_readers_when_a_new_one_comes_after_them)
{
    for (int round = 0; round < 50; round++)
        lock_free(take(LOCK_SHARED));
    g_autoptr(Lock) reader = take(LOCK_SHARED);
    g_autofree char *text = NULL;
    cr_assert(lock_fd(reader) >= 0 && g_file_get_contents(path, &text, NULL, NULL));
    cr_expect_null(strstr(strchr(text, '\n') + 1, "pid"), "%s", text);
}

Test(lock, says_nothing_of_a_holder_that_has_let_it_go)
{
    lock_free(take(LOCK_EXCLUSIVE));
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(path, &text, NULL, NULL));
    cr_expect_str_eq(text, "");
}

Test(lock, stays_with_a_process_that_inherited_its_descriptor)
{
    Lock *lock = take(LOCK_EXCLUSIVE);
    pid_t engine = fork();
    if (engine == 0) {
        (void)pause();
        _exit(0);
    }
    lock_free(lock);
    cr_expect_not(is_free(LOCK_EXCLUSIVE), "an orphaned engine counts as the run");
    (void)kill(engine, SIGKILL);
    (void)waitpid(engine, NULL, 0);
    cr_expect(is_free(LOCK_EXCLUSIVE));
}

/* In the watch of the child, which is the only one that still has the lock. */
typedef struct {
    Lock *lock;
    int held_by_child; /* -1: not looked yet */
} Handed;

static gboolean look(pid_t pid, void *data)
{
    (void)pid;
    Handed *handed = data;
    g_clear_pointer(&handed->lock, lock_free);
    handed->held_by_child = !is_free(LOCK_EXCLUSIVE);
    return FALSE;
}

Test(lock, is_handed_down_to_a_program_only_when_listed)
{
    for (int listed = 0; listed <= 1; listed++) {
        Handed handed = {take(LOCK_EXCLUSIVE), -1};
        const int inherit[] = {listed ? lock_fd(handed.lock) : -1, -1};
        const ProcSpec spec = {
            .argv = (const char *const[]){"/bin/sleep", "10", NULL},
            .env = proc_plain_env(),
            .inherit = inherit,
            .out_fd = -1,
            .watch = look,
            .data = &handed,
        };
        ProcEnd end;
        cr_assert(proc_run(&spec, &end, NULL));
        cr_expect(handed.held_by_child == listed, "listed %d, held %d", listed,
                  handed.held_by_child);
    }
}

/* Another process holds the lock for `us`; returns once it has it. */
static pid_t held_elsewhere(int64_t us)
{
    int ready[2];
    cr_assert(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        Lock *lock = lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "backup", 0, NULL);
        (void)!write(ready[1], lock != NULL ? "y" : "n", 1);
        g_usleep((gulong)us);
        _exit(0);
    }
    char answer = 'n';
    cr_assert(read(ready[0], &answer, 1) == 1 && answer == 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

Test(lock, is_waited_for_and_gained_when_the_holder_dies)
{
    pid_t holder = held_elsewhere(SECOND_US / 2);
    g_autoptr(GError) error = NULL;
    int64_t began = g_get_monotonic_time();
    g_autoptr(Lock) lock =
        lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "expire", 10 * SECOND_US, &error);
    cr_expect_not_null(lock);
    cr_expect(g_get_monotonic_time() - began > SECOND_US / 4, "it was not held at all");
    cr_expect(g_get_monotonic_time() - began < 5 * SECOND_US);
    (void)waitpid(holder, NULL, 0);
}

Test(lock, is_waited_for_no_longer_than_asked)
{
    pid_t holder = held_elsewhere(30 * (int64_t)SECOND_US);
    g_autoptr(GError) error = NULL;
    int64_t began = g_get_monotonic_time();
    cr_expect_null(lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "expire", SECOND_US / 3, &error));
    int64_t waited = g_get_monotonic_time() - began;
    cr_expect(error_status(error) == STATUS_LOCKED);
    cr_expect(waited >= SECOND_US / 3 && waited < 5 * SECOND_US, "waited %d us", (int)waited);
    (void)kill(holder, SIGKILL);
    (void)waitpid(holder, NULL, 0);
}

Test(lock, cannot_be_made_in_a_directory_that_is_missing_or_through_a_link)
{
    g_autofree char *missing = g_build_filename(dir, "gone", "lock", NULL);
    g_autofree char *link = g_build_filename(dir, "link", NULL);
    cr_assert(g_file_set_contents(path, "kept", -1, NULL));
    cr_assert(symlink("lock", link) == 0); /* nothing outside: broken code would write through it */
    const char *const paths[] = {missing, link};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        cr_expect_null(lock_take(paths[i], LOCK_COPY, LOCK_SHARED, "list", 0, &error));
        cr_assert_not_null(error);
        cr_expect(error_status(error) == STATUS_STORAGE, "%s", error->message);
        cr_expect(strstr(error->message, paths[i]) != NULL, "%s", error->message);
    }
    g_autofree char *text = NULL;
    cr_assert(g_file_get_contents(path, &text, NULL, NULL));
    cr_expect_str_eq(text, "kept");
}

/* As nobody, in a child: root may write everywhere. */
static int as_nobody(gboolean (*act)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        _exit(act() ? 1 : 0);
    }
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static gboolean share(void)
{
    g_autoptr(Lock) lock = lock_take(path, LOCK_COPY, LOCK_SHARED, "list", 0, NULL);
    return lock != NULL;
}

static gboolean own(void)
{
    g_autoptr(Lock) lock = lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "expire", 0, NULL);
    return lock != NULL;
}

Test(lock, can_be_shared_but_not_owned_without_write_permission)
{
    lock_free(take(LOCK_EXCLUSIVE));
    cr_assert(chmod(path, 0444) == 0 && chmod(dir, 0555) == 0);
    cr_expect(as_nobody(share) == 1);
    cr_expect(as_nobody(own) == 0);
    cr_assert(chmod(dir, 0755) == 0);
}

/* ---- the order ------------------------------------------------------------------------------- */

static Lock *take_rank(LockRank rank)
{
    g_autofree char *own = g_strdup_printf("%s/%d", dir, (int)rank);
    return lock_take(own, rank, LOCK_EXCLUSIVE, "backup", 0, NULL);
}

Test(lock, can_be_taken_in_the_order_of_the_ranks_again_and_again)
{
    for (guint round = 0; round < 3; round++) {
        g_autoptr(Lock) state = take_rank(LOCK_STATE);
        g_autoptr(Lock) run = take_rank(LOCK_RUN);
        g_autoptr(Lock) chain = take_rank(LOCK_CHAIN);
        g_autoptr(Lock) base = take(LOCK_EXCLUSIVE);
        g_autoptr(Lock) copy = take_rank(LOCK_COPY);
        for (guint moment = 0; moment < 3; moment++) {
            g_autoptr(Lock) catalog = take_rank(LOCK_CATALOG);
            g_autoptr(Lock) record = take_rank(LOCK_RECORD);
            cr_assert(state && run && chain && base && copy && catalog && record);
        }
    }
}

Test(lock, is_not_counted_when_somebody_else_has_it)
{
    g_autoptr(Lock) other = take(LOCK_EXCLUSIVE);
    cr_assert_null(lock_take(path, LOCK_CATALOG, LOCK_EXCLUSIVE, "pin", 0, NULL));
    g_autoptr(Lock) catalog = take_rank(LOCK_CATALOG);
    cr_assert_not_null(catalog);
}

Test(lock, taken_out_of_order_ends_a_program_under_test, .signal = SIGABRT)
{
    g_autoptr(Lock) catalog = take_rank(LOCK_CATALOG);
    g_autoptr(Lock) chain = take_rank(LOCK_CHAIN);
}

Test(lock, taken_beside_one_of_its_own_rank_ends_a_program_under_test, .signal = SIGABRT)
{
    g_autoptr(Lock) one = lock_take(path, LOCK_CHAIN, LOCK_SHARED, "verify", 0, NULL);
    g_autoptr(Lock) another = take_rank(LOCK_CHAIN);
}
