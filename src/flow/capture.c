/* SPDX-License-Identifier: MIT */
#include "flow/capture.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"
#include "catalog/tree.h"
#include "engine/judge.h"
#include "engine/metadata.h"
#include "flow/failed.h"
#include "flow/imported.h"
#include "flow/progress.h"
#include "flow/tables.h"
#include "flow/timeline.h"
#include "repo/sums.h"
#include "restore/script.h"
#include "seal/seal.h"
#include "seal/unseal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char log_name[] = "engine.log";
static const char sealed_log_name[] = "engine.log.lz4";
enum { PIPE_BYTES = 1 << 20, METADATA_LIMIT = 1 << 20, SERVER_TIMEOUT_S = 60 };

typedef struct {
    const CaptureSpec *spec;
    int dir_fd;
    int log_fd;
    gint throttle_off;
    Seal *seal;
    Progress progress;
    SealedTree *tree;
    EngineRun run;
    EngineMetadata metadata;
    gboolean stamped; /* its canary tells a server that lived on from one that was put back */
} Work;

static void work_clear(Work *work)
{
    files_clear_fd(&work->dir_fd);
    files_clear_fd(&work->log_fd);
    g_clear_pointer(&work->tree, sealed_tree_free);
    engine_run_clear(&work->run);
    engine_metadata_clear(&work->metadata);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

void capture_clear(Capture *capture)
{
    g_free(capture->path);
    g_clear_pointer(&capture->backup, backup_free);
    observed_clear(&capture->after);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static uint64_t stream_bytes(void *data)
{
    const Work *work = data;
    return seal_bytes(work->seal);
}

static gboolean stream_failed(void *data)
{
    const Work *work = data;
    return seal_failed(work->seal);
}

static void engine_locks(void *data)
{
    Work *work = data;
    g_atomic_int_set(&work->throttle_off, 1);
}

static void show_progress(void *data)
{
    Work *work = data;
    progress_show(&work->progress, seal_bytes(work->seal));
}

/* A good backup without something that the user may think is in it. */
static void tell_losses(const Engine *engine, const EngineLog *log)
{
    for (guint i = 0; i < MIN(log->n_warnings, (guint)ENGINE_LOG_WARNINGS); i++)
        log_warning("%s says: %s", engine->name, log->warnings[i]);
    if (log->n_warnings > ENGINE_LOG_WARNINGS)
        log_warning("%s says the like %u times more: see its log", engine->name,
                    log->n_warnings - ENGINE_LOG_WARNINGS);
}

static gboolean run_engine(Work *work, EngineHost *host, int stream_fd, GError **error)
{
    const CaptureSpec *spec = work->spec;
    const InstanceConfig *config = spec->run->config;
    const int inherit[] = {lock_fd(spec->run->state_lock), lock_fd(spec->run->shelf_lock), -1};
    const EngineCapture capture = {
        .engine = spec->engine,
        .host = host,
        .incremental = spec->plan->type == BACKUP_INCREMENTAL,
        .parallel = config->parallel,
        .checkpoint_first = config->checkpoint_first,
        .extra_options = spec->options,
        .out_fd = stream_fd,
        .log_fd = work->log_fd,
        .inherit = inherit,
        .lock_timeout_s = config->lock_timeout,
        .stall_timeout_s = config->stall_timeout,
        .max_time_s = config->backup_max_time,
        .datadir = spec->before->facts.datadir,
        .bytes = stream_bytes,
        .give_up = stream_failed,
        .locking = engine_locks,
        .tick = show_progress,
        .data = work,
    };
    if (!engine_capture(&capture, &work->run, error) ||
        !engine_judge_capture(spec->engine, &work->run, error))
        return FALSE;
    tell_losses(spec->engine, &work->run.log);
    return TRUE;
}

/*
 * Two can fail at once: an engine that dies cuts its stream, and a full disk here, or a stream that
 * is damaged, makes the engine die of a closed pipe.  The cause is the one that is not the other's
 * echo: sealing that failed before the stream was ended did not fail of its end.
 */
static gboolean settle(gboolean sealing_first, GError *engine_error, GError *seal_error,
                       GError **error)
{
    gboolean ours = seal_error != NULL && error_status(seal_error) != STATUS_ENGINE;
    GError *cause = engine_error == NULL || ours || (sealing_first && seal_error != NULL)
                        ? seal_error
                        : engine_error;
    GError *echo = cause == seal_error ? engine_error : seal_error;
    g_clear_error(&echo);
    if (cause != NULL)
        g_propagate_error(error, cause);
    return cause == NULL;
}

static gboolean run_stream(Work *work, EngineHost *host, GError **error)
{
    const InstanceConfig *config = work->spec->run->config;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(error, STATUS_FAILED, "cannot make a pipe: %s", g_strerror(errno));
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* only faster; a small one works too */
    autofd int stream_fd = ends[1];
    const SealSpec spec = {
        .stream_fd = ends[0],
        .dir_fd = work->dir_fd,
        .dialect =
            engine_stream_has_holes(work->spec->engine) ? XBSTREAM_PERCONA : XBSTREAM_MARIADB,
        .compress = config->compression == COMPRESSION_LZ4,
        .level = config->compression_level,
        .workers = MIN(config->parallel, config_workers(config)),
        .throttle = config->throttle,
        .throttle_off = &work->throttle_off,
    };
    work->seal = seal_start(&spec, error);
    if (work->seal == NULL)
        return FALSE;
    GError *engine_error = NULL;
    GError *seal_error = NULL;
    (void)run_engine(work, host, stream_fd, &engine_error);
    g_atomic_int_set(&work->throttle_off, 1); /* nothing is left that could be spared */
    progress_end();
    gboolean sealing_first = seal_failed(work->seal);
    (void)close(stream_fd); /* the last writer: now the stream ends */
    stream_fd = -1;
    work->tree = seal_finish(work->seal, &seal_error);
    return settle(sealing_first, engine_error, seal_error, error);
}

/* ---- metadata -------------------------------------------------------------------------------- */

/* A metadata file of a capture or backup, sealed or not; NULL without an error: not there. */
static GString *read_metadata_file(const char *name, void *data, GError **error)
{
    const int *dir_fd = data;
    g_autofree char *plain = g_strconcat("data/", name, NULL);
    g_autofree char *sealed = g_strconcat(plain, ".lz4", NULL);
    if (faccessat(*dir_fd, plain, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
        faccessat(*dir_fd, sealed, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    return unseal_small(*dir_fd, plain, METADATA_LIMIT, error);
}

/* Of the capture itself: what is no sense there is what the engine wrote, not what a disk lost. */
static GString *read_new_metadata(const char *name, void *data, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GString *text = read_metadata_file(name, data, &failure);
    if (failure != NULL && error_status(failure) == STATUS_VERIFY)
        (void)fail(error, STATUS_ENGINE, "the engine's %s makes no sense: %s", name,
                   failure->message);
    else if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return text;
}

char *capture_parent_checkpoints(const Run *run, const Engine *engine, const Backup *parent,
                                 GError **error)
{
    autofd int fd = shelf_open_backup(run->shelf, parent->id, error);
    g_auto(EngineMetadata) metadata = {0};
    if (fd < 0 || !engine_read_metadata(engine, parent->type == BACKUP_INCREMENTAL,
                                        read_metadata_file, &fd, &metadata, error)) {
        g_prefix_error(error, "cannot read the metadata of the parent %s: ", parent->id);
        return NULL;
    }
    if (metadata.checkpoints.to_lsn != parent->to_lsn) {
        (void)fail(error, STATUS_VERIFY,
                   "the checkpoints file of %s says LSN %" G_GUINT64_FORMAT
                   ", its facts say %" G_GUINT64_FORMAT,
                   parent->id, metadata.checkpoints.to_lsn, parent->to_lsn);
        return NULL;
    }
    return g_steal_pointer(&metadata.checkpoints_text);
}

static gboolean make_host_and_run(Work *work, GError **error)
{
    const CaptureSpec *spec = work->spec;
    g_autofree char *checkpoints = NULL;
    if (spec->plan->type == BACKUP_INCREMENTAL) {
        checkpoints =
            capture_parent_checkpoints(spec->run, spec->engine, spec->plan->parent, error);
        if (checkpoints == NULL)
            return FALSE;
    }
    g_autofree char *private_dir = run_state_path(spec->run, "engine");
    if (!files_make_dirs(AT_FDCWD, private_dir, 0700, error))
        return FALSE;
    autofd int private_fd = files_open_dir(AT_FDCWD, private_dir, error);
    if (private_fd < 0)
        return FALSE;
    EngineHost *host = engine_host_make(private_fd, private_dir, spec->login, checkpoints, error);
    if (host == NULL)
        return FALSE;
    gboolean ran = run_stream(work, host, error);
    return ran ? engine_host_remove(host, error) : (engine_host_free(host), FALSE);
}

/* "10.11.19" of "10.11.19-MariaDB-log": what both sides write alike. */
static gboolean same_number(const char *one, const char *other)
{
    static const char digits[] = "0123456789.";
    size_t length = strspn(one, digits);
    return length > 0 && length == strspn(other, digits) && strncmp(one, other, length) == 0;
}

/* The file tells what really ran: a package can be exchanged between our question and its run. */
static gboolean check_builds(const Work *work, GError **error)
{
    const char *tool = work->spec->engine->version;
    const char *server = work->spec->before->facts.version;
    const EngineMetadata *metadata = &work->metadata;
    if (!same_number(metadata->tool_version, tool))
        return fail(error, STATUS_ENGINE,
                    "the backup says it was taken by version %.60s of the engine, but %s is "
                    "installed" HINT("was a package exchanged meanwhile? run it again"),
                    metadata->tool_version, tool);
    if (!same_number(metadata->server_version, server))
        return fail(error, STATUS_ENGINE,
                    "the backup says it was taken of a server of version %.60s, but %s was asked "
                    "for" HINT("does the engine connect to another server? see its log"),
                    metadata->server_version, server);
    return TRUE;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void set_server_facts(Backup *backup, const ServerFacts *facts)
{
    backup_set_text(&backup->server_uuid, facts->uuid);
    backup_set_text(&backup->server_version, facts->version);
    backup_set_text(&backup->datadir_id, facts->datadir_id);
    backup->server_started = facts->started;
    for (guint i = 0; i < facts->params->len; i++) {
        const ServerParam *param = facts->params->pdata[i];
        backup_add_extra(backup->extra_facts, param->name, param->value);
    }
}

static void set_metadata(Backup *backup, const EngineMetadata *metadata)
{
    backup->from_lsn = metadata->checkpoints.from_lsn;
    backup->to_lsn = metadata->checkpoints.to_lsn;
    backup->last_lsn = metadata->checkpoints.last_lsn;
    backup->binlog_pos = metadata->binlog_pos;
    backup_set_text(&backup->binlog_file, metadata->binlog_file);
    backup_set_text(&backup->gtid, metadata->gtid);
}

static Backup *make_facts(const Work *work, int64_t started)
{
    const CaptureSpec *spec = work->spec;
    const Plan *plan = spec->plan;
    Backup *backup = backup_new(spec->id);
    backup->type = plan->type;
    backup_set_text(&backup->chain, plan->parent != NULL ? plan->parent->chain : spec->id);
    backup_set_text(&backup->parent, plan->parent != NULL ? plan->parent->id : "");
    set_metadata(backup, &work->metadata);
    set_server_facts(backup, &spec->before->facts);
    if (*work->metadata.server_uuid != '\0') /* what is in the backup, says the backup itself */
        backup_set_text(&backup->server_uuid, work->metadata.server_uuid);
    backup_set_text(&backup->engine, spec->engine->name);
    backup_set_text(&backup->engine_version, spec->engine->version);
    backup->started = started;
    backup->finished = clock_now();
    /* all commits before that moment are in; the engine's own stamp of it */
    backup->data_until = work->run.log.consistent_utc != 0 ? work->run.log.consistent_utc : started;
    backup->files = work->tree->files->len;
    backup->bytes_plain = work->tree->bytes_plain;
    backup->bytes_stored = work->tree->bytes_stored;
    backup->frame = work->tree->frame;
    gboolean has_canary = work->stamped && *spec->canary != '\0';
    backup_set_text(&backup->canary, has_canary ? spec->canary : "");
    backup_set_text(&backup->canary_schema, has_canary ? spec->run->config->canary_schema : "");
    backup_set_text(&backup->full_rule, plan->rule);
    backup_set_text(&backup->full_reason, plan->reason);
    return backup;
}

static gboolean add_small_file(Work *work, GPtrArray *sums, const char *name, const GString *text,
                               GError **error)
{
    uint8_t sum[DIGEST_BYTES];
    g_autoptr(Digest) digest = digest_new();
    digest_add(digest, text->str, text->len);
    digest_end(digest, sum);
    sums_add(sums, name, sum);
    return replace_file(work->dir_fd, name, text, 0440, error);
}

static gboolean add_log(Work *work, GPtrArray *sums, GError **error)
{
    SealedFile sealed = {0};
    if (!seal_file(work->dir_fd, log_name, sealed_log_name,
                   work->spec->run->config->compression_level, &sealed, error))
        return FALSE;
    sums_add(sums, sealed.name, sealed.sum);
    g_free(sealed.name);
    return files_remove_tree(work->dir_fd, log_name, error);
}

/* All files but backup.ini, then SHA256SUMS, then backup.ini: a capture that has it is whole. */
static gboolean write_files(Work *work, Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) sums = sums_new();
    for (guint i = 0; i < work->tree->files->len; i++) {
        const SealedFile *file = work->tree->files->pdata[i];
        sums_add(sums, file->name, file->sum);
    }
    g_autoptr(GString) tables = tables_text(work->spec->before, &capture->after, work->tree);
    g_autoptr(GString) script = restore_script();
    if (!add_log(work, sums, error) || !add_small_file(work, sums, "tables.tsv", tables, error) ||
        !add_small_file(work, sums, "RESTORE.sh", script, error))
        return FALSE;
    sums_sort(sums);
    g_autoptr(GString) text = sums_text(sums);
    if (!replace_file(work->dir_fd, SUMS_NAME, text, 0440, error))
        return FALSE;
    g_autofree char *sum = digest_text(text->str, text->len);
    backup_set_text(&capture->backup->sums, sum);
    crash_point("capture.sums");
    return tree_write_facts(work->dir_fd, capture->backup, error);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Hours may have passed: a connection kept open would have been closed by the server. */
static gboolean observe_again(Work *work, Observed *after, GError **error)
{
    const CaptureSpec *spec = work->spec;
    g_autoptr(Server) server = server_connect(spec->login, SERVER_TIMEOUT_S, error);
    if (server == NULL || !observe(server, after, error))
        return FALSE;
    g_autoptr(GError) failure = NULL;
    work->stamped = timeline_end(spec->run->config, server, spec->canary, spec->id, &failure);
    if (!work->stamped)
        log_warning("%s has no canary, so a restart of the server will cost a full: %s", spec->id,
                    failure->message);
    return TRUE;
}

static gboolean open_directory(Work *work, const char *path, GError **error)
{
    if (!files_make_dirs(AT_FDCWD, path, 0700, error))
        return FALSE;
    work->dir_fd = files_open_dir(AT_FDCWD, path, error);
    if (work->dir_fd < 0)
        return FALSE;
    work->log_fd = openat(work->dir_fd, log_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (work->log_fd < 0)
        return fail_storage(error, "cannot create %s/%s: %s", path, log_name, g_strerror(errno));
    return TRUE;
}

static gboolean take(Work *work, Capture *capture, GError **error)
{
    const CaptureSpec *spec = work->spec;
    int64_t started = clock_now();
    if (!open_directory(work, capture->path, error) || !make_host_and_run(work, error))
        return FALSE;
    crash_point("capture.streamed");
    if (!cancel_check(error) ||
        !engine_read_metadata(spec->engine, spec->plan->type == BACKUP_INCREMENTAL,
                              read_new_metadata, &work->dir_fd, &work->metadata, error) ||
        !check_builds(work, error) || !observe_again(work, &capture->after, error) ||
        !tables_check_complete(spec->engine, spec->before, &capture->after, work->tree,
                               work->dir_fd, error))
        return FALSE;
    capture->backup = make_facts(work, started);
    imported_note(capture->backup, &capture->after);
    if (!write_files(work, capture, error))
        return FALSE;
    crash_point("capture.made");
    return TRUE;
}

/* The log of a failed capture is all that is kept of it: its path, NULL when there is none. */
static char *keep_log(const CaptureSpec *spec, const char *capture_path)
{
    g_autofree char *from = g_build_filename(capture_path, log_name, NULL);
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(from, &text, &length, NULL) || length == 0)
        return NULL;
    g_autofree char *to = failed_log_path(spec->run, spec->id, ".log", &error);
    if (to == NULL || !g_file_set_contents_full(to, text, (gssize)length, G_FILE_SET_CONTENTS_NONE,
                                                0600, &error)) {
        log_warning("the engine's log could not be kept: %s", error->message);
        return NULL;
    }
    failed_log_prune(spec->run);
    log_notice("the engine's log is in %s", to);
    return g_steal_pointer(&to);
}

/* For all failures of the engine that know nothing better. */
static void add_hint(const char *log_path, GError **error)
{
    g_autofree char *known = error_hint(*error);
    if (known != NULL || error_status(*error) != STATUS_ENGINE)
        return;
    g_autoptr(GError) bare = g_steal_pointer(error);
    (void)fail(
        error, STATUS_ENGINE,
        "%s" HINT("nothing of it was kept and no chain is broken: see %s, then run it again"),
        bare->message, log_path != NULL ? log_path : "the engine");
}

gboolean capture_take(const CaptureSpec *spec, Capture *capture, GError **error)
{
    g_autofree char *parent = run_capture_dir(spec->run);
    capture->path = g_build_filename(parent, spec->id, NULL);
    g_autofree char *what = g_strdup_printf("%s %s", spec->run->config->name, spec->id);
    g_auto(Work) work = {
        .spec = spec,
        .dir_fd = -1,
        .log_fd = -1,
        .progress = progress_start(what, spec->expected_bytes),
    };
    g_autoptr(GError) failure = NULL;
    if (take(&work, capture, &failure))
        return TRUE;
    g_autofree char *kept = keep_log(spec, capture->path);
    add_hint(kept, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    g_autoptr(GError) left = NULL;
    if (!capture_remove(spec->run, spec->id, &left))
        log_warning("%s", left->message);
    g_clear_pointer(&capture->path, g_free);
    return FALSE;
}

gboolean capture_remove(const Run *run, const char *id, GError **error)
{
    g_autofree char *parent = run_capture_dir(run);
    g_autofree char *path = g_build_filename(parent, id, NULL);
    return files_remove_tree(AT_FDCWD, path, error);
}
