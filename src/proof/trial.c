/* SPDX-License-Identifier: MIT */
#include "proof/trial.h"

#include "base/cancel.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/judge.h"
#include "proof/guard.h"
#include "proof/owner.h"
#include "proof/serverargs.h"
#include "proof/startlog.h"
#include "proof/view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    TICK_US = 20 * 1000,
    STOP_GRACE_US = 120 * G_USEC_PER_SEC, /* what it has undone is written then */
    DYING_US = 10 * G_USEC_PER_SEC,
    NO_TIMEOUT = 0,
};

struct Trial {
    TrialSpec spec; /* valid while trial_start() runs; then only its numbers */
    char *work;
    char *program;
    char *run;    /* WORK/run: its socket and temporary files */
    char *socket; /* for programs to connect to */
    char *link;   /* NULL: the socket has no other name */
    int run_fd;
    int log_fd; /* both starts write there */
    off_t log_read;
    GString *partial;
    StartLog log; /* of the present start */
    Owner owner;
    View *view;
    Proc *proc; /* NULL: not running */
    Guard *guard;
    Server *server;
    char *version;
    int64_t start_us;
};

/* ---- what it says -----------------------------------------------------------------------------
 */

static void take_log(Trial *trial, const char *bytes, size_t length)
{
    if (trial->spec.log_fd >= 0)
        (void)files_write(trial->spec.log_fd, bytes, length);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n') {
            g_string_append_c(trial->partial, bytes[i]);
            continue;
        }
        startlog_line(&trial->log, trial->partial->str);
        g_string_truncate(trial->partial, 0);
    }
}

static void read_log(Trial *trial)
{
    char bytes[16 * 1024];
    for (;;) {
        ssize_t got = pread(trial->log_fd, bytes, sizeof bytes, trial->log_read);
        if (got <= 0)
            return;
        trial->log_read += got;
        take_log(trial, bytes, (size_t)got);
    }
}

/* ---- how it ended -----------------------------------------------------------------------------
 */

/* What is not in its own log: our limits, and those of the host. */
static gboolean fail_stopped(const Trial *trial, const ProcEnd *end, GError **error)
{
    g_autofree char *how = proc_end_text(end);
    if (!cancel_check(error))
        return FALSE;
    if (trial->guard != NULL && guard_fired(trial->guard))
        return fail(error, STATUS_TIMEOUT,
                    "the throwaway server was stopped: its time was up" HINT(
                        "give it more with --max-time"));
    return fail(error, STATUS_FAILED,
                "the throwaway server was ended by somebody else: %s" HINT(
                    "look for the kernel's out-of-memory killer (dmesg)"),
                how);
}

static gboolean fail_ended(Trial *trial, const ProcEnd *end, GError **error)
{
    read_log(trial);
    gboolean by_others = end->signal == SIGKILL || end->signal == SIGTERM ||
                         (end->signal == 0 && end->status == 0) || end->stop != PROC_BY_ITSELF;
    if (by_others || cancel_signal() != 0)
        return fail_stopped(trial, end, error);
    g_autofree char *how = proc_end_text(end);
    g_autofree char *errors = startlog_errors(&trial->log);
    if (!view_has_room(trial->view))
        return fail(error, STATUS_STORAGE, "the throwaway server ran out of room in %s%s",
                    trial->work, errors);
    const char *what = trial->server != NULL ? "the throwaway server died on this data"
                                             : "the server does not start on this data";
    if (trial->log.remedy != NULL)
        return fail(error, trial->log.fault, "%s: %s%s" HINT("%s"), what, how, errors,
                    trial->log.remedy);
    return fail(error, trial->log.fault, "%s: %s%s", what, how, errors);
}

/* One whose connection is gone may need a moment to be gone itself. */
gboolean trial_alive(Trial *trial, GError **error)
{
    ProcEnd end;
    gboolean lost = trial->server != NULL && !server_answers(trial->server);
    if (!proc_ended(trial->proc, lost ? DYING_US : 0, &end)) {
        read_log(trial);
        return TRUE;
    }
    return fail_ended(trial, &end, error);
}

gboolean trial_wait(Trial *trial, GError **error)
{
    while (cancel_signal() == 0) {
        ProcEnd end;
        if (proc_ended(trial->proc, TICK_US, &end))
            return cancel_signal() != 0 || fail_ended(trial, &end, error);
        read_log(trial);
    }
    return TRUE;
}

/* ---- starting and stopping --------------------------------------------------------------------
 */

/* A name in WORK/run by a descriptor of that directory, here as in the server, which inherits it.
 */
static char *by_descriptor(const Trial *trial, const char *name)
{
    return g_strdup_printf("/proc/self/fd/%d/%s", trial->run_fd, name);
}

/* The address of a socket has no room for a long path. */
static char *socket_address(const Trial *trial)
{
    enum { ROOM = sizeof((struct sockaddr_un *)NULL)->sun_path };
    g_autofree char *path = g_build_filename(trial->run, "socket", NULL);
    return strlen(path) < ROOM ? g_steal_pointer(&path) : by_descriptor(trial, "socket");
}

/* Servers take a list of directories here, and split it at colons. */
static char *temp_dir(const Trial *trial)
{
    return strchr(trial->run, ':') == NULL ? g_build_filename(trial->run, "tmp", NULL)
                                           : by_descriptor(trial, "tmp");
}

static gboolean launch(Trial *trial, ServerStart start, GError **error)
{
    g_autofree char *address = socket_address(trial);
    g_autofree char *temp = temp_dir(trial);
    const ServerArgs args = {
        .program = trial->program,
        .backup = trial->spec.backup,
        .datadir = view_path(trial->view),
        .run = trial->run,
        .socket = address,
        .tmpdir = temp,
        .options = trial->spec.options,
        .memory = trial->spec.memory,
    };
    g_autoptr(GPtrArray) argv = serverargs_make(&args, start);
    const int inherit[] = {trial->run_fd, -1};
    const ProcSpec spec = {
        .argv = (const char *const *)argv->pdata,
        .env = proc_plain_env(),
        .inherit = inherit,
        .cage = view_cage(trial->view),
        .out_fd = trial->log_fd,
        .grace_us = STOP_GRACE_US,
    };
    startlog_clear(&trial->log);
    startlog_init(&trial->log);
    trial->proc = proc_start(&spec, error);
    if (trial->proc == NULL)
        return FALSE;
    trial->guard = guard_start(trial->proc, trial->spec.deadline_us);
    return TRUE;
}

/* One turn of waiting for a start; TRUE: go on. */
static gboolean still_starting(Trial *trial, int64_t limit_at, GError **error)
{
    if (!cancel_check(error) || !trial_alive(trial, error))
        return FALSE;
    if (!view_has_room(trial->view))
        return fail(error, STATUS_STORAGE,
                    "the throwaway server left too little room in %s, and was stopped" HINT(
                        "more large tables than one had transactions open at the capture; make "
                        "room there, or choose another directory with proof_dir"),
                    trial->work);
    if (limit_at != 0 && g_get_monotonic_time() >= limit_at)
        return fail(error, STATUS_TIMEOUT,
                    "the throwaway server was not ready after %" G_GINT64_FORMAT " s",
                    trial->spec.start_limit_s);
    return TRUE;
}

static gboolean await_start(Trial *trial, ServerStart start, GError **error)
{
    int64_t limit_s = trial->spec.start_limit_s;
    int64_t limit_at = limit_s > 0 ? g_get_monotonic_time() + limit_s * G_USEC_PER_SEC : 0;
    while (start == START_UNDOING ? !startlog_settled(&trial->log) : !trial->log.ready) {
        ProcEnd end;
        (void)proc_ended(trial->proc, TICK_US, &end);
        if (!still_starting(trial, limit_at, error))
            return FALSE;
    }
    return TRUE;
}

static void end_guard(Trial *trial)
{
    g_clear_pointer(&trial->guard, guard_free);
}

static gboolean stop_cleanly(Trial *trial, GError **error)
{
    ProcEnd end;
    proc_stop(trial->proc, &end);
    if (end.signal != 0 || end.status != 0)
        return fail_ended(trial, &end, error);
    read_log(trial);
    end_guard(trial);
    g_clear_pointer(&trial->proc, proc_free);
    return cancel_check(error);
}

static gboolean undo(Trial *trial, GError **error)
{
    if (!launch(trial, START_UNDOING, error) || !await_start(trial, START_UNDOING, error))
        return FALSE;
    crash_point("trial.undone");
    return stop_cleanly(trial, error);
}

static gboolean let_in(Trial *trial, GError **error)
{
    static char nobody[] = "";
    static char root[] = "root";
    g_autofree char *address = socket_address(trial);
    const Login login = {.path = trial->work,
                         .user = root,
                         .password = nobody,
                         .socket = address,
                         .tls = LOGIN_TLS_DISABLED};
    g_autoptr(GError) failure = NULL;
    trial->server = server_connect(&login, NO_TIMEOUT, &failure);
    if (trial->server != NULL)
        return TRUE;
    if (!trial_alive(trial, error))
        return FALSE;
    return fail(error, STATUS_FAILED, "the throwaway server is up and does not let us in: %s",
                failure->message);
}

static gboolean read_only(Trial *trial, GError **error)
{
    guint prepared = trial->log.prepared;
    if (!launch(trial, START_READING, error) || !await_start(trial, START_READING, error) ||
        !let_in(trial, error))
        return FALSE;
    trial->log.prepared = MAX(trial->log.prepared, prepared);
    trial->version = g_strdup(server_version(trial->server));
    return TRUE;
}

/* ---- what it needs ----------------------------------------------------------------------------
 */

static void hear_version(ProcStream stream, const char *line, void *data)
{
    GString *said = data;
    if (stream == PROC_OUT && said->len == 0)
        g_string_append(said, line);
}

char *trial_find_program(const char *server_binary, const char *engine, const char *server_version,
                         GError **error)
{
    enum { VERSION_LIMIT_US = 30 * G_USEC_PER_SEC };
    const char *wanted =
        g_str_equal(server_binary, "auto") ? engine_server_program(engine) : server_binary;
    g_autofree char *program = proc_find(wanted, error);
    if (program == NULL)
        return NULL;
    g_autoptr(GString) said = g_string_new(NULL);
    const char *const argv[] = {program, "--no-defaults", "--version", NULL};
    const ProcSpec ask = {.argv = argv,
                          .env = proc_plain_env(),
                          .out_fd = -1,
                          .on_line = hear_version,
                          .data = said,
                          .limit_us = VERSION_LIMIT_US};
    ProcEnd end;
    if (!proc_run(&ask, &end, error))
        return NULL;
    if (engine_server_fits(engine, server_version, said->str, error))
        return g_steal_pointer(&program);
    g_prefix_error(error, "%s: ", program);
    return NULL;
}

static gboolean find_program(Trial *trial, GError **error)
{
    const Backup *backup = trial->spec.backup;
    trial->program = trial_find_program(trial->spec.server_binary, backup->engine,
                                        backup->server_version, error);
    return trial->program != NULL;
}

static gboolean make_dir(const Trial *trial, int dir_fd, const char *name, GError **error)
{
    const Owner *owner = &trial->owner;
    if (mkdirat(dir_fd, name, 0700) < 0 ||
        (owner->other && fchownat(dir_fd, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0))
        return fail_storage(error, "cannot create the directory %s in %s: %s", name, trial->work,
                            g_strerror(errno));
    return TRUE;
}

static gboolean make_work(Trial *trial, GError **error)
{
    autofd int work_fd = files_open_dir(AT_FDCWD, trial->work, error);
    if (work_fd < 0 || !make_dir(trial, work_fd, "run", error))
        return FALSE;
    trial->run_fd = files_open_dir(work_fd, "run", error);
    if (trial->run_fd < 0 || !make_dir(trial, trial->run_fd, "tmp", error) ||
        !make_dir(trial, trial->run_fd, "files", error))
        return FALSE;
    trial->log_fd =
        openat(work_fd, "server.log", O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (trial->log_fd < 0)
        return fail_storage(error, "cannot create %s/server.log: %s", trial->work,
                            g_strerror(errno));
    return TRUE;
}

/* Another name for the socket, which stays where only its owner and root may go. */
static gboolean name_socket(Trial *trial, GError **error)
{
    g_autofree char *path = g_build_filename(trial->run, "socket", NULL);
    if (trial->spec.socket == NULL) {
        trial->socket = g_steal_pointer(&path);
        return TRUE;
    }
    if (symlink(path, trial->spec.socket) < 0)
        return fail(error, errno == EEXIST ? STATUS_REFUSED : STATUS_STORAGE,
                    "cannot create the socket %s: %s" HINT("choose another path"),
                    trial->spec.socket, g_strerror(errno));
    trial->link = g_strdup(trial->spec.socket);
    trial->socket = g_strdup(trial->spec.socket);
    return TRUE;
}

static gboolean make_view(Trial *trial, GError **error)
{
    autofd int base_fd = files_open_dir(AT_FDCWD, trial->spec.base, error);
    if (base_fd < 0 || !owner_choose(base_fd, &trial->owner, error) ||
        !owner_check(&trial->owner, base_fd, trial->spec.base, error) || !make_work(trial, error) ||
        !name_socket(trial, error))
        return FALSE;
    const ViewSpec spec = {
        .base = trial->spec.base,
        .work = trial->work,
        .shared = trial->run,
        .owner = trial->owner,
    };
    trial->view = view_make(&spec, error);
    return trial->view != NULL;
}

/* An engine that was killed, or had not enough of something, says nothing of the backup. */
static Status finish_fault(const EngineRun *run, const GError *verdict)
{
    if (run->stop != ENGINE_BY_ITSELF)
        return error_status(verdict);
    gboolean host =
        run->end.signal == SIGKILL || run->end.signal == SIGTERM || run->log.host_failed;
    return host ? STATUS_FAILED : STATUS_VERIFY;
}

static gboolean finish(const Trial *trial, GError **error)
{
    const TrialSpec *spec = &trial->spec;
    if (spec->finish == NULL || !engine_has_last_step(spec->finish))
        return TRUE;
    const EnginePrepare prepare = {
        .engine = spec->finish,
        .base_dir = view_path(trial->view),
        .memory = spec->memory,
        .extra_options = spec->finish_options,
        .is_last = TRUE,
        .log_fd = spec->log_fd,
        .cage = view_cage(trial->view),
        .max_time_s = spec->start_limit_s,
    };
    g_auto(EngineRun) run = {0};
    g_autoptr(GError) verdict = NULL;
    if (!engine_prepare(&prepare, &run, error))
        return FALSE;
    return engine_judge_prepare(spec->finish, &run, spec->backup->last_lsn, &verdict) ||
           fail(error, finish_fault(&run, verdict), "%s", verdict->message);
}

/* ---- the trial --------------------------------------------------------------------------------
 */

static Trial *trial_new(const TrialSpec *spec)
{
    Trial *trial = g_new0(Trial, 1);
    trial->spec = *spec;
    trial->work = g_strdup(spec->work);
    trial->run = g_build_filename(spec->work, "run", NULL);
    trial->run_fd = trial->log_fd = -1;
    trial->partial = g_string_new(NULL);
    startlog_init(&trial->log);
    return trial;
}

static gboolean set_up(Trial *trial, GError **error)
{
    int64_t started = g_get_monotonic_time();
    if (!cancel_check(error) || !find_program(trial, error) || !make_view(trial, error) ||
        !finish(trial, error))
        return FALSE;
    crash_point("trial.viewed");
    if (!undo(trial, error) || !read_only(trial, error))
        return FALSE;
    trial->start_us = g_get_monotonic_time() - started;
    crash_point("trial.up");
    if (trial->log.prepared > 0)
        log_notice(
            "transactions that XA prepared (%u) stay in %s: what they changed shows, for only "
            "their coordinator may decide on them",
            trial->log.prepared, trial->spec.backup->id);
    return TRUE;
}

Trial *trial_start(const TrialSpec *spec, GError **error)
{
    g_autoptr(Trial) trial = trial_new(spec);
    return set_up(trial, error) ? g_steal_pointer(&trial) : NULL;
}

static void remove_work(const Trial *trial)
{
    static const char *const names[] = {"run", "server.log"};
    g_autoptr(GError) error = NULL;
    autofd int work_fd = files_open_dir(AT_FDCWD, trial->work, NULL);
    for (size_t i = 0; work_fd >= 0 && error == NULL && i < G_N_ELEMENTS(names); i++)
        (void)files_remove_tree(work_fd, names[i], &error);
    if (error != NULL)
        log_warning("what a throwaway server needed is still there: %s", error->message);
    if (trial->link != NULL && unlink(trial->link) < 0)
        log_warning("cannot remove the socket %s: %s", trial->link, g_strerror(errno));
}

/* What it would write at a clean stop is thrown away. */
void trial_free(Trial *trial)
{
    server_free(trial->server);
    end_guard(trial);
    if (trial->proc != NULL) {
        proc_kill(trial->proc);
        proc_free(trial->proc);
    }
    if (trial->view != NULL)
        view_free(trial->view);
    files_clear_fd(&trial->run_fd);
    files_clear_fd(&trial->log_fd);
    remove_work(trial);
    startlog_clear(&trial->log);
    g_string_free(trial->partial, TRUE);
    g_free(trial->work);
    g_free(trial->program);
    g_free(trial->run);
    g_free(trial->socket);
    g_free(trial->link);
    g_free(trial->version);
    g_free(trial);
}

Server *trial_server(const Trial *trial)
{
    return trial->server;
}

const char *trial_socket(const Trial *trial)
{
    return trial->socket;
}

const char *trial_version(const Trial *trial)
{
    return trial->version;
}

const char *trial_view(const Trial *trial)
{
    return view_word(trial->view);
}

int64_t trial_start_us(const Trial *trial)
{
    return trial->start_us;
}

uint64_t trial_copied_up(const Trial *trial)
{
    return view_changed(trial->view);
}

guint trial_prepared_by_xa(const Trial *trial)
{
    return trial->log.prepared;
}

char **trial_check_options(const char *text, GError **error)
{
    return serverargs_check(text, error);
}

gboolean trial_freeze_base(int base_fd, GError **error)
{
    return owner_freeze(base_fd, error);
}

gboolean trial_thaw_base(int base_fd, GError **error)
{
    return owner_thaw(base_fd, error);
}
