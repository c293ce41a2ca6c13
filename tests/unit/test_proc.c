/* SPDX-License-Identifier: MIT */
#include "base/proc.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECOND_US = G_USEC_PER_SEC };

/* What a child said, both streams apart, lines ended by '|'. */
typedef struct {
    GString *text[2];
    size_t lines[2];
    size_t longest;
} Heard;

static void hear(ProcStream stream, const char *line, void *data)
{
    Heard *heard = data;
    g_string_append_printf(heard->text[stream], "%s|", line);
    heard->lines[stream]++;
    heard->longest = MAX(heard->longest, strlen(line));
}

static void heard_clear(Heard *heard)
{
    g_string_free(heard->text[PROC_OUT], TRUE);
    g_string_free(heard->text[PROC_ERR], TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Heard, heard_clear)

static Heard heard_new(void)
{
    return (Heard){.text = {g_string_new(NULL), g_string_new(NULL)}};
}

/* A spec that runs `script` with sh; each test changes the one thing that it is about. */
#define SHELL(script)                                                                              \
    (ProcSpec)                                                                                     \
    {                                                                                              \
        .argv = (const char *const[]){"/bin/sh", "-c", (script), NULL}, .env = proc_plain_env(),   \
        .out_fd = -1                                                                               \
    }

static ProcEnd run(const ProcSpec *spec)
{
    g_autoptr(GError) error = NULL;
    ProcEnd end = {.status = -2};
    cr_assert(proc_run(spec, &end, &error), "%s", error != NULL ? error->message : "no error");
    cr_assert_null(error);
    return end;
}

static char *run_and_hear(ProcSpec spec)
{
    g_auto(Heard) heard = heard_new();
    spec.on_line = hear;
    spec.data = &heard;
    ProcEnd end = run(&spec);
    cr_expect(end.status == 0, "exit status %d", end.status);
    return g_strdup(heard.text[PROC_OUT]->str);
}

Test(proc, reports_the_exit_status)
{
    const ProcSpec spec = SHELL("exit 7");
    ProcEnd end = run(&spec);
    cr_expect(end.status == 7, "got %d", end.status);
    cr_expect(end.signal == 0);
    cr_expect(end.stop == PROC_BY_ITSELF);
}

Test(proc, reports_the_signal_that_ended_the_program)
{
    const ProcSpec spec = SHELL("kill -SEGV $$");
    ProcEnd end = run(&spec);
    cr_expect(end.status == -1, "got %d", end.status);
    cr_expect(end.signal == SIGSEGV, "got %d", end.signal);
    cr_expect(end.stop == PROC_BY_ITSELF);
}

Test(proc, hands_over_both_streams_line_by_line)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("echo one; echo two >&2; echo; printf last");
    spec.on_line = hear;
    spec.data = &heard;
    (void)run(&spec);
    cr_expect_str_eq(heard.text[PROC_OUT]->str, "one||last|");
    cr_expect_str_eq(heard.text[PROC_ERR]->str, "two|");
}

Test(proc, is_not_blocked_by_a_child_that_is_chatty_on_both_streams, .timeout = 30)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("i=0; while [ $i -lt 300 ]; do"
                          " printf '%01000d\\n' 1; printf '%01000d\\n' 2 >&2; i=$((i+1)); done;"
                          " printf '%0200000d\\n' 3 >&2; printf '%0200000d\\n' 4");
    spec.on_line = hear;
    spec.data = &heard;
    ProcEnd end = run(&spec);
    cr_expect(end.status == 0);
    cr_expect(heard.text[PROC_OUT]->len - heard.lines[PROC_OUT] == 500000);
    cr_expect(heard.text[PROC_ERR]->len - heard.lines[PROC_ERR] == 500000);
}

Test(proc, is_not_blocked_when_nobody_listens, .timeout = 30)
{
    const ProcSpec spec = SHELL("printf '%0300000d\\n' 1; printf '%0300000d\\n' 1 >&2");
    cr_expect(run(&spec).status == 0);
}

Test(proc, hands_over_a_line_of_200_kilobytes_in_pieces_and_loses_nothing)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("printf '%0200000d\\nnext\\n' 7");
    spec.on_line = hear;
    spec.data = &heard;
    (void)run(&spec);
    cr_expect(heard.longest == 65536, "longest piece: %zu", heard.longest);
    cr_expect(heard.lines[PROC_OUT] == 5, "%zu pieces", heard.lines[PROC_OUT]);
    cr_expect(heard.text[PROC_OUT]->len == 200000 + 4 + 5);
    cr_expect(g_str_has_suffix(heard.text[PROC_OUT]->str, "07|next|"));
}

Test(proc, shows_nul_bytes_as_spaces_so_that_they_hide_nothing)
{
    g_autofree char *said = run_and_hear(SHELL("printf 'a\\000b\\nc\\n'"));
    cr_expect_str_eq(said, "a b|c|");
}

Test(proc, stops_a_program_at_its_limit_with_sigterm, .timeout = 20)
{
    ProcSpec spec = SHELL("exec sleep 60");
    spec.limit_us = SECOND_US / 5;
    int64_t began = g_get_monotonic_time();
    ProcEnd end = run(&spec);
    cr_expect(end.stop == PROC_LIMIT);
    cr_expect(end.signal == SIGTERM, "got %d", end.signal);
    cr_expect(g_get_monotonic_time() - began >= spec.limit_us);
    cr_expect(g_get_monotonic_time() - began < 5 * SECOND_US);
}

Test(proc, kills_a_program_that_ignores_sigterm_after_the_grace, .timeout = 20)
{
    ProcSpec spec = SHELL("trap '' TERM; while :; do sleep 0.05; done");
    spec.limit_us = SECOND_US / 5;
    spec.grace_us = SECOND_US / 2;
    int64_t began = g_get_monotonic_time();
    ProcEnd end = run(&spec);
    cr_expect(end.stop == PROC_LIMIT);
    cr_expect(end.signal == SIGKILL, "got %d", end.signal);
    cr_expect(g_get_monotonic_time() - began >= spec.limit_us + spec.grace_us);
}

Test(proc, lets_a_program_use_its_grace_to_end_well, .timeout = 20)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("trap 'echo cleaned; exit 3' TERM; while :; do sleep 0.05; done");
    spec.on_line = hear;
    spec.data = &heard;
    spec.limit_us = SECOND_US / 5;
    ProcEnd end = run(&spec);
    cr_expect(end.stop == PROC_LIMIT);
    cr_expect(end.status == 3, "got %d", end.status);
    cr_expect_str_eq(heard.text[PROC_OUT]->str, "cleaned|");
}

Test(proc, reaches_the_children_of_the_program_at_its_limit, .timeout = 20)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec =
        SHELL("(trap 'echo reached; exit' TERM; while :; do sleep 0.05; done) & child=$!;"
              "trap 'wait $child; exit 0' TERM; while :; do sleep 0.05; done");
    spec.on_line = hear;
    spec.data = &heard;
    spec.limit_us = SECOND_US / 5;
    ProcEnd end = run(&spec);
    cr_expect(end.stop == PROC_LIMIT);
    cr_expect_str_eq(heard.text[PROC_OUT]->str, "reached|");
}

static gboolean alive(const char *pid_text)
{
    pid_t pid = (pid_t)g_ascii_strtoll(pid_text, NULL, 10);
    cr_assert(pid > 1, "no pid in '%s'", pid_text);
    for (int tries = 0; tries < 100 && kill(pid, 0) == 0; tries++)
        g_usleep(SECOND_US / 50); /* a killed orphan is there until init has reaped it */
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *stat = NULL;
    return g_file_get_contents(path, &stat, NULL, NULL) && strstr(stat, ") Z ") == NULL;
}

Test(proc, does_not_wait_for_a_grandchild_that_keeps_the_pipe_and_kills_it, .timeout = 20)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("sleep 60 & echo $!");
    spec.on_line = hear;
    spec.data = &heard;
    int64_t began = g_get_monotonic_time();
    ProcEnd end = run(&spec);
    cr_expect(end.status == 0);
    cr_expect(g_get_monotonic_time() - began < 5 * SECOND_US);
    cr_expect_not(alive(heard.text[PROC_OUT]->str), "the grandchild outlived its leader");
}

Test(proc, does_not_wait_for_ever_for_a_grandchild_that_left_the_group, .timeout = 20)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("setsid sh -c 'echo $$; exec sleep 60' & sleep 0.5");
    spec.on_line = hear;
    spec.data = &heard;
    int64_t began = g_get_monotonic_time();
    ProcEnd end = run(&spec);
    cr_expect(end.status == 0);
    cr_expect(end.left_behind == 1, "%u", end.left_behind);
    cr_expect(g_get_monotonic_time() - began < 4 * SECOND_US);
    cr_expect_not(alive(heard.text[PROC_OUT]->str), "the grandchild outlived us");
    cr_expect(waitpid(-1, NULL, WNOHANG) < 0, "a child was left unreaped");
}

Test(proc, finds_orphans_of_orphans_too, .timeout = 20)
{
    const ProcSpec spec = SHELL("setsid sh -c 'setsid sleep 60 & sleep 60' >/dev/null 2>&1 &");
    cr_expect(run(&spec).left_behind == 1, "only the first is ours before it was killed");
    cr_expect(waitpid(-1, NULL, WNOHANG) < 0, "a child was left unreaped");
}

Test(proc, lets_what_it_left_behind_end_by_itself, .timeout = 20)
{
    g_auto(Heard) heard = heard_new();
    ProcSpec spec = SHELL("(sleep 0.3; echo last words) &");
    spec.on_line = hear;
    spec.data = &heard;
    cr_expect(run(&spec).left_behind == 0);
    cr_expect_str_eq(heard.text[PROC_OUT]->str, "last words|");
}

Test(proc, leaves_other_children_of_ours_alone, .timeout = 20)
{
    pid_t other = fork();
    if (other == 0) {
        (void)sleep(60);
        _exit(0);
    }
    const ProcSpec spec = SHELL("exit 0");
    cr_expect(run(&spec).left_behind == 0);
    cr_expect(kill(other, 0) == 0 && waitpid(other, NULL, WNOHANG) == 0);
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
}

Test(proc, says_that_the_interpreter_is_missing_and_not_the_script)
{
    g_autofree char *path = NULL;
    autofd int fd = g_file_open_tmp("lsnchain-XXXXXX", &path, NULL);
    cr_assert(files_write(fd, "#!/nonexistent/python\n", 22) && fchmod(fd, 0755) == 0);
    (void)close(g_steal_fd(&fd));
    g_autoptr(GError) error = NULL;
    ProcSpec spec = SHELL("");
    spec.argv = (const char *const[]){path, NULL};
    ProcEnd end;
    cr_expect_not(proc_run(&spec, &end, &error));
    cr_expect_not_null(strstr(error->message, "interpreter"), "%s", error->message);
    (void)unlink(path);
}

Test(proc, says_unfit_for_what_cannot_be_executed)
{
    static const char *const cases[] = {"/nonexistent/engine", "/dev/null", "/tmp"};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ProcSpec spec = SHELL("");
        spec.argv = (const char *const[]){cases[i], NULL};
        ProcEnd end;
        cr_expect_not(proc_run(&spec, &end, &error), "%s", cases[i]);
        cr_assert_not_null(error);
        cr_expect(error_status(error) == STATUS_UNFIT, "%s: %s", cases[i], error->message);
        cr_expect(strstr(error->message, cases[i]) != NULL, "%s", error->message);
        cr_expect(waitpid(-1, NULL, WNOHANG) < 0, "%s left a child behind", cases[i]);
    }
}

/* `ls` has one descriptor more: that of the directory it reads. */
static const char list_descriptors[] = "ls /proc/self/fd";

Test(proc, leaks_no_descriptor_to_the_child)
{
    autofd int open_on_exec = open("/dev/null", O_RDONLY); /* NOLINT: on purpose without CLOEXEC */
    autofd int high = fcntl(open_on_exec, F_DUPFD, 200);
    cr_assert(high >= 200);
    g_autofree char *said = run_and_hear(SHELL(list_descriptors));
    cr_expect_str_eq(said, "0|1|2|3|");
}

Test(proc, leaks_no_descriptor_in_the_parent)
{
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)close(before);
    const ProcSpec good = SHELL("echo x");
    ProcSpec bad = SHELL("");
    bad.argv = (const char *const[]){"/nonexistent", NULL};
    for (int i = 0; i < 3; i++) {
        ProcEnd end;
        (void)run(&good);
        cr_expect_not(proc_run(&bad, &end, NULL));
    }
    autofd int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_expect(after == before, "%d, then %d", before, after);
}

Test(proc, hands_down_the_descriptors_it_is_given)
{
    autofd int one = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 50);
    autofd int two = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 60);
    autofd int not_given = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 70);
    cr_assert(one == 50 && two == 60 && not_given == 70);
    ProcSpec spec = SHELL(list_descriptors);
    spec.inherit = (const int[]){one, two, -1};
    g_autofree char *said = run_and_hear(spec);
    cr_expect_str_eq(said, "0|1|2|3|50|60|");
    cr_expect(fcntl(one, F_GETFD) == FD_CLOEXEC, "the parent's own flag changed");
}

Test(proc, gives_the_child_exactly_the_environment_it_was_given)
{
    g_setenv("LSNCHAIN_SECRET", "planted", TRUE);
    ProcSpec spec = SHELL("");
    spec.argv = (const char *const[]){"/usr/bin/env", NULL};
    spec.env = (const char *const[]){"A=1", "B=two words", NULL};
    g_autofree char *said = run_and_hear(spec);
    cr_expect_str_eq(said, "A=1|B=two words|");
}

Test(proc, plain_environment_holds_nothing_of_ours_but_the_time_zone)
{
    g_setenv("LSNCHAIN_SECRET", "planted", TRUE);
    g_setenv("LANG", "de_DE.UTF-8", TRUE);
    g_setenv("TZ", "Asia/Tokyo", TRUE);
    ProcSpec spec = SHELL("");
    spec.argv = (const char *const[]){"/usr/bin/env", NULL};
    spec.env = proc_plain_env();
    g_autofree char *said = run_and_hear(spec);
    cr_expect_str_eq(said, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|"
                           "LC_ALL=C|TZ=Asia/Tokyo|");
}

Test(proc, gives_the_child_an_empty_stdin_default_signals_and_all_its_files)
{
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 64;
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);

    g_autofree char *said =
        run_and_hear(SHELL("cat; ulimit -n; grep -E '^Sig(Blk|Ign)' /proc/self/status"));
    g_autofree char *files = limit.rlim_max == RLIM_INFINITY
                                 ? g_strdup("unlimited")
                                 : g_strdup_printf("%lu", (unsigned long)limit.rlim_max);
    g_autofree char *wanted =
        g_strdup_printf("%s|SigBlk:\t0000000000000000|SigIgn:\t0000000000000000|", files);
    cr_expect_str_eq(said, wanted);
}

Test(proc, gives_the_child_the_stdin_it_is_given)
{
    int pipe_fds[2];
    cr_assert(pipe(pipe_fds) == 0);
    cr_assert(files_write(pipe_fds[1], "a question", 10));
    (void)close(pipe_fds[1]);
    ProcSpec spec = SHELL("cat; ls /proc/self/fd | wc -l");
    spec.in_fd = pipe_fds[0];
    g_autofree char *said = run_and_hear(spec);
    cr_expect_str_eq(said, "a question4|", "nothing but it, stdout, stderr and ls' own");
    (void)close(pipe_fds[0]);
}

Test(proc, makes_the_child_lead_a_group_of_its_own)
{
    g_autofree char *said =
        run_and_hear(SHELL("[ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo leads"));
    cr_expect_str_eq(said, "leads|");
}

Test(proc, writes_stdout_to_the_descriptor_it_is_given)
{
    g_auto(Heard) heard = heard_new();
    int pipe_fds[2];
    cr_assert(pipe(pipe_fds) == 0);
    ProcSpec spec = SHELL("printf 'a\\000\\n\\nb'; echo log >&2");
    spec.out_fd = pipe_fds[1];
    spec.on_line = hear;
    spec.data = &heard;
    (void)run(&spec);
    (void)close(pipe_fds[1]);
    char bytes[16] = "";
    cr_expect(files_read(pipe_fds[0], bytes, sizeof bytes) == 5, "bytes were added or lost");
    cr_expect(memcmp(bytes, "a\0\n\nb", 5) == 0);
    cr_expect_str_eq(heard.text[PROC_OUT]->str, "");
    cr_expect_str_eq(heard.text[PROC_ERR]->str, "log|");
}

typedef struct {
    int calls;
    int until;
    pid_t pid;
} Watched;

static gboolean watch(pid_t pid, void *data)
{
    Watched *watched = data;
    watched->pid = pid;
    return ++watched->calls < watched->until;
}

Test(proc, is_stopped_by_its_watch, .timeout = 20)
{
    Watched watched = {.until = 4};
    ProcSpec spec = SHELL("trap 'sleep 0.5; exit 3' TERM; while :; do sleep 0.05; done");
    spec.watch = watch;
    spec.data = &watched;
    int64_t began = g_get_monotonic_time();
    ProcEnd end = run(&spec);
    cr_expect(end.stop == PROC_WATCH);
    cr_expect(end.status == 3, "got %d", end.status);
    cr_expect(watched.calls == 4, "asked again after it had said no: %d", watched.calls);
    cr_expect(watched.pid > 1);
    cr_expect(g_get_monotonic_time() - began >= SECOND_US / 4, "asked far too often");
}

Test(proc, asks_its_watch_of_a_chatty_child_no_more_often, .timeout = 20)
{
    Watched watched = {.until = G_MAXINT};
    ProcSpec spec = SHELL("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; sleep 0.5");
    spec.watch = watch;
    spec.data = &watched;
    int64_t began = g_get_monotonic_time();
    cr_expect(run(&spec).stop == PROC_BY_ITSELF);
    int64_t tenths = (g_get_monotonic_time() - began) / (SECOND_US / 10);
    cr_expect(watched.calls >= 3 && watched.calls <= tenths + 2, "%d calls in %d tenths",
              watched.calls, (int)tenths);
}

Test(proc, is_stopped_when_a_signal_asks_us_to_stop, .timeout = 20)
{
    cancel_install();
    Watched watched = {.until = G_MAXINT};
    ProcSpec spec = SHELL("kill -INT $PPID; exec sleep 60");
    spec.watch = watch;
    spec.data = &watched;
    ProcEnd end = run(&spec);
    cr_expect(cancel_signal() == SIGINT);
    cr_expect(end.stop == PROC_CANCELLED);
    cr_expect(end.signal == SIGTERM);

    g_autoptr(GError) error = NULL;
    cr_expect_not(cancel_check(&error));
    cr_assert_not_null(error);
    cr_expect(strstr(error->message, "SIGINT") != NULL, "%s", error->message);
}

Test(proc, sees_it_through_when_it_is_told_to_although_a_signal_came, .timeout = 20)
{
    cancel_install();
    ProcSpec spec = SHELL("kill -INT $PPID; sleep 0.5; exit 7");
    spec.sees_it_through = TRUE;
    ProcEnd end = run(&spec);
    cr_expect(cancel_signal() == SIGINT);
    cr_expect(end.stop == PROC_BY_ITSELF);
    cr_expect(end.status == 7, "got %d", end.status);

    spec = SHELL("sleep 60"); /* its limit still holds */
    spec.sees_it_through = TRUE;
    spec.limit_us = SECOND_US / 10;
    cr_expect(run(&spec).stop == PROC_LIMIT);
}

/* A parent in between, which is killed while its child sleeps; the child tells its pid first. */
Test(proc, lets_the_child_die_with_its_parent, .timeout = 20)
{
    int told[2];
    cr_assert(pipe(told) == 0);
    pid_t between = fork();
    if (between == 0) {
        ProcSpec spec = SHELL("echo $$; exec sleep 60");
        spec.out_fd = told[1];
        ProcEnd end;
        _exit(proc_run(&spec, &end, NULL) ? 0 : 1);
    }
    (void)close(told[1]);
    char pid_text[16] = "";
    cr_assert(read(told[0], pid_text, sizeof pid_text - 1) > 0);
    (void)kill(between, SIGKILL);
    (void)waitpid(between, NULL, 0);
    cr_expect_not(alive(pid_text), "the child outlived its parent");
}

Test(proc, tells_an_end_in_words)
{
    static const struct {
        ProcEnd end;
        const char *words;
    } cases[] = {
        {{0, 0, PROC_BY_ITSELF, 0}, "exit status 0"},
        {{1, 0, PROC_BY_ITSELF, 0}, "exit status 1"},
        {{-1, SIGKILL, PROC_BY_ITSELF, 0}, "ended by SIGKILL"},
        {{-1, SIGTERM, PROC_LIMIT, 0}, "stopped after its time limit, ended by SIGTERM"},
        {{3, 0, PROC_WATCH, 0}, "stopped, exit status 3"},
        {{-1, SIGKILL, PROC_CANCELLED, 0}, "stopped because we were, ended by SIGKILL"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *words = proc_end_text(&cases[i].end);
        cr_expect_str_eq(words, cases[i].words);
    }
}

Test(proc, finds_a_program_in_path_or_as_it_was_given)
{
    g_setenv("PATH", "/nonexistent:/usr/bin:/bin", TRUE);
    g_autofree char *by_name = proc_find("env", NULL);
    g_autofree char *by_path = proc_find("/usr/bin/env", NULL);
    cr_expect_str_eq(by_name, "/usr/bin/env");
    cr_expect_str_eq(by_path, "/usr/bin/env");

    g_autoptr(GError) error = NULL;
    cr_expect_null(proc_find("mariadb-backup-of-1832", &error));
    cr_assert_not_null(error);
    cr_expect(error_status(error) == STATUS_UNFIT);
    cr_expect(strstr(error->message, "mariadb-backup-of-1832") != NULL);
}

/* ---- beside us ------------------------------------------------------------------------------- */

static char *new_place(void)
{
    char *place = g_dir_make_tmp("lsnchain-proc-XXXXXX", NULL);
    cr_assert_not_null(place);
    return place;
}

static int new_log(const char *place)
{
    g_autofree char *path = g_build_filename(place, "log", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    return fd;
}

static char *text_of(const char *place, const char *name)
{
    g_autofree char *path = g_build_filename(place, name, NULL);
    char *text = NULL;
    (void)g_file_get_contents(path, &text, NULL, NULL);
    return text != NULL ? text : g_strdup("");
}

static Proc *start(ProcSpec spec, int log)
{
    g_autoptr(GError) error = NULL;
    spec.out_fd = log;
    Proc *proc = proc_start(&spec, &error);
    cr_assert_not_null(proc, "%s", error != NULL ? error->message : "");
    return proc;
}

Test(proc, runs_a_program_beside_us_until_it_ends, .timeout = 20)
{
    g_autofree char *place = new_place();
    autofd int log = new_log(place);
    ProcEnd end;
    g_autoptr(Proc) proc = start(SHELL("echo one; echo two >&2; sleep 1; exit 3"), log);
    cr_expect(!proc_ended(proc, 0, &end), "it cannot have ended yet");
    cr_expect(proc_ended(proc, 15 * (int64_t)SECOND_US, &end));
    cr_expect(end.status == 3 && end.stop == PROC_BY_ITSELF, "%d", end.status);
    proc_stop(proc, &end);
    cr_expect(end.status == 3 && end.stop == PROC_BY_ITSELF, "a stop too late changes nothing");
    g_autofree char *said = text_of(place, "log");
    cr_expect_str_eq(said, "one\ntwo\n");
    (void)files_remove_tree(AT_FDCWD, place, NULL);
}

Test(proc, stops_a_program_beside_us_and_kills_one_that_does_not_listen, .timeout = 20)
{
    g_autofree char *place = new_place();
    autofd int log = new_log(place);
    ProcEnd end;
    g_autoptr(Proc) good =
        start(SHELL("trap 'exit 5' TERM; echo; while :; do sleep 0.1; done"), log);
    ProcSpec spec = SHELL("trap '' TERM; echo; while :; do sleep 0.1; done");
    spec.grace_us = SECOND_US / 2;
    g_autoptr(Proc) deaf = start(spec, log);
    for (off_t size = 0; size < 2; size = lseek(log, 0, SEEK_END))
        g_usleep(10 * 1000);
    proc_stop(good, &end);
    cr_expect(end.status == 5 && end.stop == PROC_WATCH, "%d", end.status);
    proc_stop(deaf, &end);
    cr_expect(end.signal == SIGKILL, "%d", end.signal);
    (void)files_remove_tree(AT_FDCWD, place, NULL);
}

/* ---- the cage -------------------------------------------------------------------------------- */

static char *make_dir(const char *place, const char *name)
{
    char *path = g_build_filename(place, name, NULL);
    cr_assert(g_mkdir_with_parents(path, 0755) == 0 && chmod(path, 0755) == 0);
    return path;
}

/* An overlay of base/ at view/, below a directory where nobody but we may go. */
typedef struct {
    char *place, *base, *changes, *scratch, *view;
    ProcMount mount;
    ProcCage cage;
} Caged;

static void caged_set(Caged *caged)
{
    caged->place = new_place();
    caged->base = make_dir(caged->place, "base");
    caged->changes = make_dir(caged->place, "changes");
    caged->scratch = make_dir(caged->place, "scratch");
    caged->view = make_dir(caged->place, "view, a:b");
    g_autofree char *file = g_build_filename(caged->base, "file", NULL);
    cr_assert(g_file_set_contents(file, "as it was\n", -1, NULL) && chmod(file, 0666) == 0);
    cr_assert(chmod(caged->changes, 0777) == 0 && chmod(caged->base, 0777) == 0);
    caged->mount = (ProcMount){caged->base, caged->changes, caged->scratch, caged->view};
    gboolean root = geteuid() == 0;
    caged->cage = (ProcCage){.apart = TRUE,
                             .mounts = &caged->mount,
                             .n_mounts = 1,
                             .other_user = root,
                             .uid = 64637,
                             .gid = 64637};
}

static void caged_clear(Caged *caged)
{
    (void)files_remove_tree(AT_FDCWD, caged->place, NULL);
    g_free(caged->place);
    g_free(caged->base);
    g_free(caged->changes);
    g_free(caged->scratch);
    g_free(caged->view);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Caged, caged_clear)

static void need_cages(const Caged *caged)
{
    g_autoptr(GError) error = NULL;
    if (!proc_try_cage(&caged->cage, &error))
        cr_skip("this host gives no namespaces: %s", error->message);
}

static const char *const change_view = "cd \"$0\" && echo changed > file && cat file && id -u";

Test(proc, shows_a_program_a_directory_that_it_may_change_and_leaves_it_as_it_is, .timeout = 20)
{
    g_auto(Caged) caged = {0};
    caged_set(&caged);
    const char *const dirs[] = {caged.view, NULL};
    if (geteuid() == 0) { /* where its uid may not pass */
        cr_assert(chmod(caged.place, 0700) == 0);
        caged.cage.stage = caged.place;
        caged.cage.dirs = dirs;
    }
    need_cages(&caged);
    const ProcSpec spec = {
        .argv = (const char *const[]){"/bin/sh", "-c", change_view, caged.view, NULL},
        .env = proc_plain_env(),
        .cage = &caged.cage,
        .out_fd = -1};
    g_autofree char *said = run_and_hear(spec);
    g_autofree char *expected = g_strdup_printf("changed|%u|", geteuid() == 0 ? 64637 : geteuid());
    g_autofree char *base = text_of(caged.base, "file");
    g_autofree char *changes = text_of(caged.changes, "file");
    g_autofree char *mounts = text_of("/proc/self", "mounts");
    cr_expect_str_eq(said, expected);
    cr_expect_str_eq(base, "as it was\n");
    cr_expect_str_eq(changes, "changed\n");
    cr_expect_null(strstr(mounts, caged.place), "a mount is left");
}

Test(proc, names_the_step_at_which_a_cage_failed)
{
    g_auto(Caged) caged = {0};
    caged_set(&caged);
    need_cages(&caged);
    g_autoptr(GError) error = NULL;
    caged.mount.at = "/nonexistent";
    cr_expect(!proc_try_cage(&caged.cage, &error));
    cr_expect(error_status(error) == STATUS_UNFIT, "%d", error->code);
    cr_expect_str_eq(error->message, "cannot mount what it works on for a program: "
                                     "No such file or directory");
    g_clear_error(&error);
    caged.mount.changes = "/nonexistent";
    cr_expect(!proc_try_cage(&caged.cage, &error));
    cr_expect_str_eq(error->message, "cannot open /nonexistent: No such file or directory");
}

/* Its death must not depend on anything that we do: we are killed. */
Test(proc, lets_a_program_beside_us_die_with_us_even_with_another_uid, .timeout = 30)
{
    g_auto(Caged) caged = {0};
    caged_set(&caged);
    need_cages(&caged);
    autofd int log = new_log(caged.place);
    pid_t pid = fork();
    if (pid == 0) {
        ProcSpec spec = SHELL("echo $$; exec sleep 600");
        spec.cage = &caged.cage;
        Proc *proc = start(spec, log);
        while (proc != NULL && lseek(log, 0, SEEK_END) == 0)
            g_usleep(10 * 1000);
        (void)kill(getpid(), SIGKILL);
    }
    cr_assert(waitpid(pid, NULL, 0) == pid);
    g_autofree char *said = text_of(caged.place, "log");
    pid_t its = (pid_t)g_ascii_strtoll(said, NULL, 10);
    cr_assert(its > 1, "it said \"%s\"", said);
    int left = 500;
    while (kill(its, 0) == 0 && left-- > 0)
        g_usleep(10 * 1000);
    cr_expect(left > 0, "%d lives on", (int)its);
}
