/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/family.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum {
    LOG_LIMIT = 64 * 1024 * 1024, /* 100,000 tables make 20 MB; the rest is read, but not kept */
    SAMPLE_US = G_USEC_PER_SEC,
    /* In a second.  While it waits, its log copier still reads 2 MiB of redo log each second. */
    READS_MATTER = 6 * 1024 * 1024,
};

/* What stands behind both kinds of run while the engine works. */
typedef struct {
    EngineRun *run;
    int log_fd;
    int log_errno;
    uint64_t log_bytes;
    int64_t stall_us;
    int64_t lock_us;
    uint64_t (*bytes)(void *data);
    gboolean (*give_up)(void *data);
    void (*locking)(void *data);
    void (*tick)(void *data);
    void *data;

    gboolean locking_told;
    uint64_t seen_bytes;
    uint64_t seen_lines;
    uint64_t seen_io;
    int64_t sampled_at;
    int64_t moved_at;
} Watch;

void engine_add_arg(GPtrArray *argv, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(argv, g_strdup_vprintf(format, args));
    va_end(args);
}

/* ---- what it says -----------------------------------------------------------------------------
 */

/*
 * It prints what SHOW GRANTS says, the hash of our password included, and the password of the key
 * file: neither is kept.
 */
static char *hide_secret(const char *line)
{
    static const char *const secrets[][2] = {
        {"GRANT ", " IDENTIFIED "},
        {"Encryption plugin parameter", "_filekey="},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++) {
        const char *where = strstr(line, secrets[i][0]);
        const char *at = where != NULL ? strstr(where, secrets[i][1]) : NULL;
        if (at != NULL)
            return g_strdup_printf("%.*s%s(hidden)", (int)(at - line), line, secrets[i][1]);
    }
    return NULL;
}

static void keep_line(Watch *watch, const char *line)
{
    static const char cut[] = "(lsnchain: the log is cut here)\n";
    EngineRun *run = watch->run;
    if (watch->log_fd < 0 || watch->log_errno != 0 || run->log_cut)
        return;
    size_t length = strlen(line);
    run->log_cut = watch->log_bytes + length > LOG_LIMIT;
    gboolean kept = run->log_cut ? files_write(watch->log_fd, cut, strlen(cut))
                                 : files_write(watch->log_fd, line, length) &&
                                       files_write(watch->log_fd, "\n", 1);
    watch->log_bytes += length + 1;
    if (!kept)
        watch->log_errno = errno;
}

static void on_line(ProcStream stream, const char *line, void *data)
{
    Watch *watch = data;
    g_autofree char *shown = hide_secret(line);
    (void)stream;
    keep_line(watch, shown != NULL ? shown : line);
    engine_log_line(&watch->run->log, line, g_get_monotonic_time());
    if (watch->run->log.stage != ENGINE_STAGE_COPY && !watch->locking_told) {
        watch->locking_told = TRUE;
        if (watch->locking != NULL)
            watch->locking(watch->data);
    }
}

/* ---- is it still alive, and does it hold its locks for too long? -------------------------------
 */

/* All that the process read and wrote, as the kernel counts; 0 when it does not say, as of an
 * engine with file capabilities: that is remembered, for it makes a stall less sure. */
static uint64_t process_io(pid_t pid, EngineRun *run)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? files_read(fd, text, sizeof text - 1) : -1;
    run->reads_hidden |= got < 0 && errno == EACCES;
    if (got <= 0)
        return 0;
    text[got] = '\0';
    uint64_t sum = 0;
    static const char *const keys[] = {"rchar: ", "wchar: ", "\nread_bytes: ", "\nwrite_bytes: "};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *at = strstr(text, keys[i]);
        sum += at != NULL ? g_ascii_strtoull(at + strlen(keys[i]), NULL, 10) : 0;
    }
    return sum;
}

static gboolean moved(Watch *watch, pid_t pid, int64_t now)
{
    uint64_t bytes = watch->bytes != NULL ? watch->bytes(watch->data) : 0;
    uint64_t lines = watch->run->log.lines;
    gboolean any = bytes != watch->seen_bytes || lines != watch->seen_lines;
    watch->seen_bytes = bytes;
    watch->seen_lines = lines;
    if (now - watch->sampled_at >= SAMPLE_US) {
        uint64_t io = process_io(pid, watch->run);
        any |= io > watch->seen_io + READS_MATTER;
        watch->seen_io = io;
        watch->sampled_at = now;
    }
    return any;
}

static gboolean stop(Watch *watch, EngineStop why, int64_t limit_us)
{
    watch->run->stop = why;
    watch->run->stop_limit_s = limit_us / G_USEC_PER_SEC;
    return FALSE;
}

static int64_t locked_since(const EngineLog *log)
{
    return log->ddl_locked_at != 0 ? log->ddl_locked_at : log->commit_locked_at;
}

/* A DDL lock that is held for the whole run by choice counts for the report, not for the limit. */
static int64_t limited_since(const EngineLog *log)
{
    return log->ddl_held ? log->commit_locked_at : locked_since(log);
}

static gboolean watch_run(pid_t pid, void *data)
{
    Watch *watch = data;
    int64_t now = g_get_monotonic_time();
    const EngineLog *log = &watch->run->log;
    if (watch->tick != NULL)
        watch->tick(watch->data);
    if (watch->give_up != NULL && watch->give_up(watch->data))
        return stop(watch, ENGINE_GIVEN_UP, 0);
    if (moved(watch, pid, now))
        watch->moved_at = now;
    gboolean locked = limited_since(log) != 0 && log->released_at == 0;
    if (locked && watch->lock_us > 0 && now - limited_since(log) >= watch->lock_us)
        return stop(watch, ENGINE_LOCKED, watch->lock_us);
    if (watch->stall_us > 0 && now - watch->moved_at >= watch->stall_us)
        return stop(watch, ENGINE_STALLED, watch->stall_us);
    return TRUE;
}

/* ---- running it --------------------------------------------------------------------------------
 */

/* The times in its log and its info file have no zone: so they are UTC. */
static const char *const engine_env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC",
    NULL};

static void measure_locks(EngineRun *run, int64_t ended_at)
{
    const EngineLog *log = &run->log;
    int64_t until = log->released_at != 0 ? log->released_at : ended_at;
    if (locked_since(log) != 0)
        run->ddl_locked_ms = (until - locked_since(log)) / 1000;
    if (log->commit_locked_at != 0)
        run->commit_locked_ms = (until - log->commit_locked_at) / 1000;
}

static void note_end(EngineRun *run, int64_t max_time_s)
{
    if (run->end.stop == PROC_CANCELLED) {
        run->stop = ENGINE_CANCELLED;
    } else if (run->end.stop == PROC_LIMIT) {
        run->stop = ENGINE_TOO_LONG;
        run->stop_limit_s = max_time_s;
    }
    measure_locks(run, g_get_monotonic_time());
}

static gboolean run_engine(ProcSpec *spec, Watch *watch, int64_t max_time_s, GError **error)
{
    EngineRun *run = watch->run;
    watch->moved_at = watch->sampled_at = g_get_monotonic_time();
    spec->env = engine_env;
    spec->on_line = on_line;
    spec->watch = watch_run;
    spec->data = watch;
    spec->limit_us = max_time_s * G_USEC_PER_SEC;
    if (!proc_run(spec, &run->end, error))
        return FALSE;
    note_end(run, max_time_s);
    if (watch->log_errno == 0)
        return TRUE;
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", watch->log_fd);
    g_autofree char *path = g_file_read_link(link, NULL);
    return fail_storage(error, "cannot keep what the engine says in %s: %s",
                        path != NULL ? path : "its log", g_strerror(watch->log_errno));
}

static void add_extra(GPtrArray *argv, char *const *extra)
{
    for (; extra != NULL && *extra != NULL; extra++)
        g_ptr_array_add(argv, g_strdup(*extra));
    g_ptr_array_add(argv, NULL);
}

gboolean engine_capture(const EngineCapture *capture, EngineRun *run, GError **error)
{
    *run = (EngineRun){.user = g_strdup(engine_host_user(capture->host))};
    engine_log_init(&run->log, capture->engine->family->log,
                    (const char *const *)capture->extra_options);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    engine_add_arg(argv, "%s", capture->engine->path);
    capture->engine->family->capture_argv(argv, capture);
    add_extra(argv, capture->extra_options);

    Watch watch = {.run = run,
                   .log_fd = capture->log_fd,
                   .stall_us = capture->stall_timeout_s * G_USEC_PER_SEC,
                   .lock_us = capture->lock_timeout_s * G_USEC_PER_SEC,
                   .bytes = capture->bytes,
                   .give_up = capture->give_up,
                   .locking = capture->locking,
                   .tick = capture->tick,
                   .data = capture->data};
    ProcSpec spec = {.argv = (const char *const *)argv->pdata,
                     .inherit = capture->inherit,
                     .out_fd = capture->out_fd};
    if (run_engine(&spec, &watch, capture->max_time_s, error))
        return TRUE;
    engine_run_clear(run);
    return FALSE;
}

gboolean engine_prepare(const EnginePrepare *prepare, EngineRun *run, GError **error)
{
    *run = (EngineRun){0};
    engine_log_init(&run->log, prepare->engine->family->log,
                    (const char *const *)prepare->extra_options);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    engine_add_arg(argv, "%s", prepare->engine->path);
    prepare->engine->family->prepare_argv(argv, prepare);
    add_extra(argv, prepare->extra_options);

    Watch watch = {.run = run,
                   .log_fd = prepare->log_fd,
                   .stall_us = prepare->stall_timeout_s * G_USEC_PER_SEC,
                   .tick = prepare->tick,
                   .data = prepare->data};
    ProcSpec spec = {.argv = (const char *const *)argv->pdata,
                     .inherit = prepare->inherit,
                     .cage = prepare->cage,
                     .out_fd = -1};
    if (run_engine(&spec, &watch, prepare->max_time_s, error))
        return TRUE;
    engine_run_clear(run);
    return FALSE;
}

void engine_run_clear(EngineRun *run)
{
    engine_log_clear(&run->log);
    g_free(run->user);
    *run = (EngineRun){0};
}
