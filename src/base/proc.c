/* SPDX-License-Identifier: MIT */
#include "base/proc.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PLAIN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
    LINE_LIMIT = 64 * 1024,
    TICK_MS = 100,
    DEFAULT_GRACE_US = 5 * G_USEC_PER_SEC,
    DRAIN_US = G_USEC_PER_SEC, /* for what still stands in the pipes of a program that ended */
    NAP_US = 10 * 1000,
    LINGER_US = G_USEC_PER_SEC, /* and for what it started to end as well */
};

typedef struct {
    int fd;
    ProcStream stream;
    GString *partial;
} Pipe;

typedef struct {
    const ProcSpec *spec;
    pid_t pid;
    int pid_fd;
    Pipe pipes[2];
    GArray *before; /* pid_t: children of ours that are not its */
    ProcStop stop;
    int64_t limit_at; /* 0: none */
    int64_t kill_at;  /* 0: not stopped yet */
    gboolean killed;
} Run;

/* ---- the child: only async-signal-safe calls between fork and exec -------------------------- */

/* What a child does before it is the program, and fails at. */
typedef enum {
    STEP_RUN,
    STEP_APART,
    STEP_MAP,
    STEP_PRIVATE,
    STEP_OPEN,
    STEP_STAGE,
    STEP_MOUNT,
    STEP_USER,
} Step;

static const char *const step_texts[] = {
    [STEP_RUN] = "run",
    [STEP_APART] = "get namespaces of its own for",
    [STEP_MAP] = "keep our uid in the user namespace of",
    [STEP_PRIVATE] = "keep the mounts to itself of",
    [STEP_OPEN] = "open what is to be mounted for",
    [STEP_STAGE] = "mount an empty directory for",
    [STEP_MOUNT] = "mount what it works on for",
    [STEP_USER] = "change the uid of",
};

typedef struct {
    int step;
    int number; /* errno */
} Failure;

/* A mount, with every text that it takes made beforehand. */
typedef struct {
    const ProcMount *mount;
    int fds[3];          /* the numbers under which its directories are opened; -1: none */
    char *source;        /* "/proc/self/fd/7": a path may hold what means something in options */
    char *options;       /* of an overlay */
    char *plain_options; /* the same for an older kernel */
} MountPlan;

typedef struct {
    const ProcCage *cage;
    gboolean user_namespace;
    char *uid_map;
    char *gid_map;
    MountPlan mounts[PROC_MOUNTS];
} CagePlan;

typedef struct {
    const ProcSpec *spec; /* NULL: the cage is only tried */
    const CagePlan *plan; /* NULL: none */
    pid_t parent;
    int out_fd;
    int err_fd;
    int report_fd; /* a Failure goes here */
} Child;

G_GNUC_NORETURN
static void child_fail(const Child *child, Step step)
{
    const Failure failure = {(int)step, errno};
    (void)!write(child->report_fd, &failure, sizeof failure);
    _exit(127);
}

static void child_die_with_parent(const Child *child)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        child_fail(child, STEP_RUN);
    if (getppid() != child->parent) /* it died before we asked to die with it */
        _exit(127);
}

static gboolean child_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t length = strlen(text);
    return fd >= 0 && write(fd, text, length) == (ssize_t)length && close(fd) == 0;
}

static void child_separate(const Child *child)
{
    const CagePlan *plan = child->plan;
    int user = plan->user_namespace ? CLONE_NEWUSER : 0;
    if (unshare(user | CLONE_NEWNS | CLONE_NEWNET) < 0)
        child_fail(child, STEP_APART);
    if (user != 0 && !(child_write("/proc/self/setgroups", "deny") &&
                       child_write("/proc/self/uid_map", plan->uid_map) &&
                       child_write("/proc/self/gid_map", plan->gid_map)))
        child_fail(child, STEP_MAP);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        child_fail(child, STEP_PRIVATE);
}

/* By paths of the new namespace, for a mount takes nothing from another one. */
static void child_open_sources(const Child *child)
{
    for (size_t i = 0; i < child->plan->cage->n_mounts; i++) {
        const MountPlan *plan = &child->plan->mounts[i];
        const ProcMount *mount = plan->mount;
        const char *const paths[] = {mount->source, mount->changes, mount->scratch};
        for (size_t k = 0; k < G_N_ELEMENTS(paths); k++) {
            if (plan->fds[k] < 0)
                continue;
            int fd = open(paths[k], O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (fd < 0 || dup3(fd, plan->fds[k], O_CLOEXEC) < 0)
                child_fail(child, STEP_OPEN);
        }
    }
}

static void child_set_stage(const Child *child)
{
    const ProcCage *cage = child->plan->cage;
    if (mount("tmpfs", cage->stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=1m") < 0)
        child_fail(child, STEP_STAGE);
    mode_t ours = umask(0); /* the uid must pass them, and our umask leaves nothing to others */
    for (const char *const *dir = cage->dirs; dir != NULL && *dir != NULL; dir++) {
        if (mkdir(*dir, 0711) < 0)
            child_fail(child, STEP_STAGE);
    }
    (void)umask(ours);
}

static void child_mount(const Child *child, const MountPlan *plan)
{
    const char *at = plan->mount->at;
    int done = plan->options == NULL ? mount(plan->source, at, NULL, MS_BIND | MS_REC, NULL)
                                     : mount("overlay", at, "overlay", 0, plan->options);
    if (done < 0 && errno == EINVAL && plan->plain_options != NULL)
        done = mount("overlay", at, "overlay", 0, plan->plain_options);
    if (done < 0)
        child_fail(child, STEP_MOUNT);
}

/* By the bare calls: those of the C library would tell threads that are not here. */
static void child_become(const Child *child)
{
    const ProcCage *cage = child->plan->cage;
    if (syscall(SYS_setgroups, 0, NULL) < 0 ||
        syscall(SYS_setresgid, cage->gid, cage->gid, cage->gid) < 0 ||
        syscall(SYS_setresuid, cage->uid, cage->uid, cage->uid) < 0)
        child_fail(child, STEP_USER);
}

static void child_enter_cage(const Child *child)
{
    const ProcCage *cage = child->plan->cage;
    if (cage->apart) {
        child_separate(child);
        child_open_sources(child);
        if (cage->stage != NULL)
            child_set_stage(child);
        for (size_t i = 0; i < cage->n_mounts; i++)
            child_mount(child, &child->plan->mounts[i]);
    }
    if (cage->other_user)
        child_become(child);
    child_die_with_parent(child); /* the kernel forgets it with a change of uid */
}

static void child_reset_signals(void)
{
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &fallback, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void child_keep(const int *inherit)
{
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (; inherit != NULL && *inherit >= 0; inherit++)
        (void)fcntl(*inherit, F_SETFD, 0);
}

G_GNUC_NORETURN
static void child_run(const Child *child)
{
    const ProcSpec *spec = child->spec;
    (void)setpgid(0, 0);
    child_die_with_parent(child);
    child_reset_signals();
    child_raise_files();
    gboolean is_given = spec != NULL && spec->in_fd > 0;
    int in_fd = is_given ? spec->in_fd : open("/dev/null", O_RDONLY);
    if (in_fd < 0 || dup2(in_fd, STDIN_FILENO) < 0 || dup2(child->out_fd, STDOUT_FILENO) < 0 ||
        dup2(child->err_fd, STDERR_FILENO) < 0)
        child_fail(child, STEP_RUN);
    if (child->plan != NULL)
        child_enter_cage(child);
    if (spec == NULL)
        _exit(0);
    child_keep(spec->inherit);
    execve(spec->argv[0], (char *const *)spec->argv, (char *const *)spec->env);
    child_fail(child, STEP_RUN);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void emit(const Run *run, ProcStream stream, GString *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if (line->str[i] == '\0')
            line->str[i] = ' ';
    }
    if (run->spec->on_line != NULL)
        run->spec->on_line(stream, line->str, run->spec->data);
    g_string_truncate(line, 0);
}

static void take_bytes(const Run *run, Pipe *from, const char *bytes, size_t length)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        size_t part = newline != NULL ? (size_t)(newline - bytes) : length;
        size_t room = LINE_LIMIT - from->partial->len;
        size_t taken = MIN(part, room);
        g_string_append_len(from->partial, bytes, (gssize)taken);
        gboolean whole = newline != NULL && taken == part;
        if (whole || from->partial->len == LINE_LIMIT)
            emit(run, from->stream, from->partial);
        if (whole)
            taken++;
        bytes += taken;
        length -= taken;
    }
}

static void close_pipe(const Run *run, Pipe *from)
{
    if (from->fd < 0)
        return;
    if (from->partial->len > 0)
        emit(run, from->stream, from->partial);
    (void)close(from->fd);
    from->fd = -1;
}

static void read_pipe(const Run *run, Pipe *from)
{
    char bytes[16 * 1024];
    ssize_t got = read(from->fd, bytes, sizeof bytes);
    if (got > 0)
        take_bytes(run, from, bytes, (size_t)got);
    else if (got == 0 || (errno != EINTR && errno != EAGAIN))
        close_pipe(run, from);
}

static void stop(Run *run, ProcStop why)
{
    if (run->stop != PROC_BY_ITSELF)
        return;
    run->stop = why;
    int64_t grace = run->spec->grace_us > 0 ? run->spec->grace_us : DEFAULT_GRACE_US;
    run->kill_at = g_get_monotonic_time() + grace;
    (void)kill(-run->pid, SIGTERM);
}

static gboolean asked_to_stop(const Run *run)
{
    return !run->spec->sees_it_through && cancel_signal() != 0;
}

static void check_limits(Run *run)
{
    int64_t now = g_get_monotonic_time();
    if (run->limit_at != 0 && now >= run->limit_at)
        stop(run, PROC_LIMIT);
    if (asked_to_stop(run))
        stop(run, PROC_CANCELLED);
    if (run->stop == PROC_BY_ITSELF && run->spec->watch != NULL &&
        !run->spec->watch(run->pid, run->spec->data))
        stop(run, PROC_WATCH);
    if (run->kill_at != 0 && now >= run->kill_at && !run->killed) {
        run->killed = TRUE;
        (void)kill(-run->pid, SIGKILL);
    }
}

/* One turn: reads what there is; TRUE when the program itself has ended. */
static gboolean turn(Run *run, gboolean ended)
{
    /* A signal that already stopped us must not turn the wait into a busy loop. */
    gboolean heeds = run->stop == PROC_BY_ITSELF && !run->spec->sees_it_through;
    int wake_fd = heeds ? cancel_fd() : -1;
    struct pollfd polled[] = {
        {.fd = run->pipes[0].fd, .events = POLLIN},
        {.fd = run->pipes[1].fd, .events = POLLIN},
        {.fd = ended ? -1 : run->pid_fd, .events = POLLIN},
        {.fd = wake_fd, .events = POLLIN},
    };
    int ready = poll(polled, G_N_ELEMENTS(polled), TICK_MS);
    for (size_t i = 0; ready > 0 && i < G_N_ELEMENTS(run->pipes); i++) {
        if (polled[i].revents != 0)
            read_pipe(run, &run->pipes[i]);
    }
    return ready > 0 && polled[2].revents != 0;
}

static void attend(Run *run)
{
    int64_t watched_at = 0;
    while (!turn(run, FALSE)) {
        int64_t now = g_get_monotonic_time();
        if (now - watched_at < (int64_t)TICK_MS * 1000 && !asked_to_stop(run))
            continue;
        watched_at = now;
        check_limits(run);
    }
}

/* ---- what a program leaves behind ----------------------------------------------------------- */

/* From "PID (name) S PARENT ...", where the name may hold anything. */
static pid_t parent_of(const char *pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? files_read(fd, text, sizeof text - 1) : 0;
    text[MAX(got, 0)] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && strlen(name_end) > 4 ? (pid_t)g_ascii_strtoll(name_end + 4, NULL, 10)
                                                    : 0;
}

/* Of all our children; those of a program that ended are among them, for we adopt orphans. */
static GArray *children(void)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL;
         name = g_dir_read_name(dir)) {
        if (!g_ascii_isdigit(name[0]) || parent_of(name) != getpid())
            continue;
        pid_t pid = (pid_t)g_ascii_strtoll(name, NULL, 10);
        g_array_append_val(pids, pid);
    }
    return pids;
}

static gboolean holds_pid(const GArray *pids, pid_t pid)
{
    for (guint i = 0; i < pids->len; i++) {
        if (g_array_index(pids, pid_t, i) == pid)
            return TRUE;
    }
    return FALSE;
}

/* How many live on; the dead are reaped, the living get this signal (0: none). */
static guint count_orphans(const Run *run, int signal_number)
{
    guint alive = 0;
    g_autoptr(GArray) pids = children();
    for (guint i = 0; i < pids->len; i++) {
        pid_t pid = g_array_index(pids, pid_t, i);
        if (pid == run->pid || holds_pid(run->before, pid) || waitpid(pid, NULL, WNOHANG) == pid)
            continue;
        alive++;
        (void)kill(pid, signal_number);
    }
    return alive;
}

/* Nothing that it started outlives it by much.  The leader is not reaped yet: its number is its. */
static guint end_orphans(Run *run)
{
    int64_t until = g_get_monotonic_time() + (run->stop == PROC_BY_ITSELF ? LINGER_US : 0);
    guint left = count_orphans(run, 0);
    while (left > 0 && g_get_monotonic_time() < until) {
        (void)turn(run, TRUE);
        left = count_orphans(run, 0);
    }
    (void)kill(-run->pid, SIGKILL);
    until = g_get_monotonic_time() + LINGER_US;
    while (count_orphans(run, SIGKILL) > 0 && g_get_monotonic_time() < until)
        g_usleep(NAP_US);
    return left;
}

static ProcEnd end_of(int status, ProcStop why)
{
    return (ProcEnd){
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .stop = why,
    };
}

/* Then both pipes run dry. */
static void finish(Run *run, ProcEnd *end)
{
    guint left_behind = end_orphans(run);
    int status = 0;
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        continue;

    int64_t until = g_get_monotonic_time() + DRAIN_US;
    while ((run->pipes[0].fd >= 0 || run->pipes[1].fd >= 0) && g_get_monotonic_time() < until)
        (void)turn(run, TRUE);

    *end = end_of(status, run->stop);
    end->left_behind = left_behind;
}

typedef struct {
    int out[2];
    int err[2];
    int report[2];
} Plumbing;

static void plumbing_clear(Plumbing *plumbing)
{
    int *all[] = {plumbing->out, plumbing->err, plumbing->report};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        files_clear_fd(&all[i][0]);
        files_clear_fd(&all[i][1]);
    }
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plumbing, plumbing_clear)

static int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* ---- the cage ---------------------------------------------------------------------------------
 */

static void plan_clear(CagePlan *plan)
{
    g_free(plan->uid_map);
    g_free(plan->gid_map);
    for (size_t i = 0; i < G_N_ELEMENTS(plan->mounts); i++) {
        MountPlan *mount = &plan->mounts[i];
        for (size_t k = 0; mount->mount != NULL && k < G_N_ELEMENTS(mount->fds); k++)
            files_clear_fd(&mount->fds[k]);
        g_free(mount->source);
        g_free(mount->options);
        g_free(mount->plain_options);
    }
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CagePlan, plan_clear)

static gboolean plan_mount(const ProcMount *mount, MountPlan *plan, GError **error)
{
    const char *const paths[] = {mount->source, mount->changes, mount->scratch};
    *plan = (MountPlan){.mount = mount, .fds = {-1, -1, -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (paths[i] == NULL)
            continue;
        plan->fds[i] = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (plan->fds[i] < 0)
            return fail_storage(error, "cannot open %s: %s", paths[i], g_strerror(errno));
    }
    plan->source = g_strdup_printf("/proc/self/fd/%d", plan->fds[0]);
    if (mount->changes == NULL)
        return TRUE;
    plan->plain_options = g_strdup_printf(
        "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,index=off",
        plan->fds[0], plan->fds[1], plan->fds[2]);
    plan->options = g_strconcat(plan->plain_options, ",userxattr", NULL);
    return TRUE;
}

/* All that the child must not make itself: between fork and exec nothing may be allocated. */
static gboolean plan_cage(const ProcCage *cage, CagePlan *plan, GError **error)
{
    g_assert(cage->n_mounts <= PROC_MOUNTS);
    plan->cage = cage;
    plan->user_namespace = geteuid() != 0;
    plan->uid_map = g_strdup_printf("%u %u 1", geteuid(), geteuid());
    plan->gid_map = g_strdup_printf("%u %u 1", getegid(), getegid());
    for (size_t i = 0; i < cage->n_mounts; i++) {
        if (!plan_mount(&cage->mounts[i], &plan->mounts[i], error))
            return FALSE;
    }
    return TRUE;
}

/* ---- starting ---------------------------------------------------------------------------------
 */

/* `child` comes with where its streams go; -1: into `plumbing`.  Then its number, or -1. */
static pid_t start(Child *child, Plumbing *plumbing, GError **error)
{
    gboolean own_out = child->out_fd < 0;
    gboolean own_err = child->err_fd < 0;
    if (pipe2(plumbing->report, O_CLOEXEC) < 0 ||
        (own_err && pipe2(plumbing->err, O_CLOEXEC) < 0) ||
        (own_out && pipe2(plumbing->out, O_CLOEXEC) < 0)) {
        (void)fail(error, STATUS_FAILED, "cannot make a pipe: %s", g_strerror(errno));
        return -1;
    }
    if (own_out)
        child->out_fd = plumbing->out[1];
    if (own_err)
        child->err_fd = plumbing->err[1];
    child->report_fd = plumbing->report[1];
    child->parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child_run(child);
    if (pid < 0) {
        (void)fail(error, STATUS_FAILED, "cannot fork: %s", g_strerror(errno));
        return -1;
    }
    (void)setpgid(pid, pid); /* the child does so too; whoever comes first */
    files_clear_fd(&plumbing->out[1]);
    files_clear_fd(&plumbing->err[1]);
    files_clear_fd(&plumbing->report[1]);
    plumbing->out[1] = plumbing->err[1] = plumbing->report[1] = -1;
    return pid;
}

/* An exec that worked closed the report pipe; what failed before stands in it. */
static gboolean started(const char *program, pid_t pid, int report_fd, GError **error)
{
    Failure failure = {0, 0};
    if (files_read(report_fd, &failure, sizeof failure) != (ssize_t)sizeof failure)
        return TRUE;
    (void)waitpid(pid, NULL, 0);
    if (failure.step == STEP_RUN && failure.number == ENOENT &&
        g_file_test(program, G_FILE_TEST_EXISTS))
        return fail(error, STATUS_UNFIT,
                    "cannot run %s: the interpreter or loader that it names is missing", program);
    if (failure.step == STEP_APART && failure.number == ENOSPC) /* it says nothing of a disk */
        return fail(error, STATUS_UNFIT, "cannot %s %s: no more are allowed (sysctl user.max_*)",
                    step_texts[failure.step], program);
    return fail(error, STATUS_UNFIT, "cannot %s %s: %s", step_texts[failure.step], program,
                g_strerror(failure.number));
}

gboolean proc_run(const ProcSpec *spec, ProcEnd *end, GError **error)
{
    g_auto(Plumbing) plumbing = {{-1, -1}, {-1, -1}, {-1, -1}};
    g_auto(CagePlan) plan = {0};
    if (spec->cage != NULL && !plan_cage(spec->cage, &plan, error))
        return FALSE;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* what it leaves behind becomes ours, and is found */
    g_autoptr(GArray) before = children();
    Child child = {.spec = spec,
                   .plan = spec->cage != NULL ? &plan : NULL,
                   .out_fd = spec->out_fd < 0 ? -1 : spec->out_fd,
                   .err_fd = -1};
    pid_t pid = start(&child, &plumbing, error);
    if (pid < 0 || !started(spec->argv[0], pid, plumbing.report[0], error))
        return FALSE;

    g_autoptr(GString) out_partial = g_string_new(NULL);
    g_autoptr(GString) err_partial = g_string_new(NULL);
    int64_t now = g_get_monotonic_time();
    Run run = {
        .spec = spec,
        .pid = pid,
        .pid_fd = pidfd_open(pid, 0),
        .before = before,
        .pipes = {{take_fd(&plumbing.out[0]), PROC_OUT, out_partial},
                  {take_fd(&plumbing.err[0]), PROC_ERR, err_partial}},
        .limit_at = spec->limit_us > 0 ? now + spec->limit_us : 0,
    };
    if (run.pid_fd < 0)
        g_error("pidfd_open: %s", g_strerror(errno));

    attend(&run);
    finish(&run, end);
    close_pipe(&run, &run.pipes[0]);
    close_pipe(&run, &run.pipes[1]);
    (void)close(run.pid_fd);
    return TRUE;
}

gboolean proc_try_cage(const ProcCage *cage, GError **error)
{
    g_auto(Plumbing) plumbing = {{-1, -1}, {-1, -1}, {-1, -1}};
    g_auto(CagePlan) plan = {0};
    if (!plan_cage(cage, &plan, error))
        return FALSE;
    Child child = {.plan = &plan, .out_fd = STDERR_FILENO, .err_fd = STDERR_FILENO};
    pid_t pid = start(&child, &plumbing, error);
    if (pid < 0 || !started("a program", pid, plumbing.report[0], error))
        return FALSE;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return TRUE;
}

/* ---- beside us --------------------------------------------------------------------------------
 */

struct Proc {
    pid_t pid;
    int pid_fd;
    int64_t grace_us;
    gboolean ended;
    ProcEnd end;
};

Proc *proc_start(const ProcSpec *spec, GError **error)
{
    g_auto(Plumbing) plumbing = {{-1, -1}, {-1, -1}, {-1, -1}};
    g_auto(CagePlan) plan = {0};
    g_assert(spec->out_fd >= 0);
    if (spec->cage != NULL && !plan_cage(spec->cage, &plan, error))
        return NULL;
    Child child = {.spec = spec,
                   .plan = spec->cage != NULL ? &plan : NULL,
                   .out_fd = spec->out_fd,
                   .err_fd = spec->out_fd};
    pid_t pid = start(&child, &plumbing, error);
    if (pid < 0 || !started(spec->argv[0], pid, plumbing.report[0], error))
        return NULL;
    Proc *proc = g_new0(Proc, 1);
    proc->pid = pid;
    proc->pid_fd = pidfd_open(pid, 0);
    proc->grace_us = spec->grace_us > 0 ? spec->grace_us : DEFAULT_GRACE_US;
    if (proc->pid_fd < 0)
        g_error("pidfd_open: %s", g_strerror(errno));
    return proc;
}

/* FALSE: it has not ended within that time.  A signal to us ends the wait too. */
static gboolean await_end(const Proc *proc, int64_t wait_us)
{
    struct pollfd polled = {.fd = proc->pid_fd, .events = POLLIN};
    return poll(&polled, 1, (int)((wait_us + 999) / 1000)) > 0;
}

/* What it started is in its group. */
static void reap(Proc *proc, ProcStop why)
{
    int status = 0;
    (void)kill(-proc->pid, SIGKILL);
    while (waitpid(proc->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    proc->ended = TRUE;
    proc->end = end_of(status, why);
}

gboolean proc_ended(Proc *proc, int64_t wait_us, ProcEnd *end)
{
    if (!proc->ended && await_end(proc, wait_us))
        reap(proc, PROC_BY_ITSELF);
    *end = proc->end;
    return proc->ended;
}

void proc_stop(Proc *proc, ProcEnd *end)
{
    if (!proc_ended(proc, 0, end)) {
        int64_t until = g_get_monotonic_time() + proc->grace_us;
        gboolean done = FALSE;
        (void)kill(-proc->pid, SIGTERM);
        for (int64_t now = g_get_monotonic_time(); !done && now < until;
             now = g_get_monotonic_time())
            done = await_end(proc, until - now);
        reap(proc, PROC_WATCH);
    }
    *end = proc->end;
}

/* By its descriptor: the number may be another's by now. */
void proc_kill(const Proc *proc)
{
    (void)pidfd_send_signal(proc->pid_fd, SIGKILL, NULL, 0);
}

void proc_free(Proc *proc)
{
    ProcEnd end;
    proc_stop(proc, &end);
    (void)close(proc->pid_fd);
    g_free(proc);
}

char *proc_end_text(const ProcEnd *end)
{
    g_autofree char *how = end->signal != 0
                               ? g_strdup_printf("ended by SIG%s", sigabbrev_np(end->signal))
                               : g_strdup_printf("exit status %d", end->status);
    switch (end->stop) {
    case PROC_LIMIT:
        return g_strdup_printf("stopped after its time limit, %s", how);
    case PROC_CANCELLED:
        return g_strdup_printf("stopped because we were, %s", how);
    case PROC_WATCH:
        return g_strdup_printf("stopped, %s", how);
    case PROC_BY_ITSELF:
    default:
        return g_steal_pointer(&how);
    }
}

const char *const *proc_plain_env(void)
{
    static const char *env[4];
    static gsize once;
    if (g_once_init_enter(&once)) {
        const char *zone = g_getenv("TZ");
        size_t n = 0;
        env[n++] = "PATH=" PLAIN_PATH;
        env[n++] = "LC_ALL=C";
        if (zone != NULL)
            env[n++] = g_strconcat("TZ=", zone, NULL);
        g_once_init_leave(&once, 1);
    }
    return env;
}

/* Along our own PATH: what is run does not depend on whose shell or cron we were started from. */
static char *find_in_plain_path(const char *program)
{
    g_auto(GStrv) directories = g_strsplit(PLAIN_PATH, ":", -1);
    for (size_t i = 0; directories[i] != NULL; i++) {
        g_autofree char *path = g_build_filename(directories[i], program, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test(path, G_FILE_TEST_IS_DIR))
            return g_steal_pointer(&path);
    }
    return NULL;
}

char *proc_find(const char *program, GError **error)
{
    char *path = strchr(program, '/') != NULL ? g_find_program_in_path(program)
                                              : find_in_plain_path(program);
    if (path == NULL)
        (void)fail(error, STATUS_UNFIT,
                   "there is no program %s" HINT("install it, or give its path"), program);
    return path;
}
