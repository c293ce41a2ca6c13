/* SPDX-License-Identifier: MIT */
#include "prepare/prepare.h"

#include "base/cancel.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/units.h"
#include "catalog/tree.h"
#include "engine/judge.h"
#include "engine/metadata.h"
#include "prepare/binlogs.h"
#include "prepare/complete.h"
#include "repo/contents.h"
#include "repo/sums.h"
#include "seal/unseal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* Links of another place than this one would be followed by a server. */
static const char *const left_out[] = {".isl", NULL};

typedef struct {
    const PrepareSpec *spec;
    Prepared *prepared;
    int work_fd;
    char *base; /* absolute */
    char *incr;
    uint64_t held_bytes; /* stored bytes of the links that the base held before */
} Work;

static void work_clear(Work *work)
{
    files_clear_fd(&work->work_fd);
    g_free(work->base);
    g_free(work->incr);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

/* A failure whose cause is in the link itself; no space or a signal is nobody's fault. */
static void blame(const Work *work, const Backup *link, const GError *error)
{
    Status status = error_status(error);
    if (status != STATUS_VERIFY && status != STATUS_ENGINE)
        return;
    /* its bytes matched in this very pass, and they were prepared before: it is not the link */
    if (status == STATUS_ENGINE && link->proof >= PROOF_PREPARE)
        return;
    if (cancel_signal() != 0)
        return;
    work->prepared->failed = link;
    work->prepared->failed_level = status == STATUS_VERIFY ? PROOF_FILES : PROOF_PREPARE;
}

static gboolean watch_unsealing(uint64_t stored_bytes, void *data, GError **error)
{
    const Work *work = data;
    if (work->spec->tick != NULL)
        work->spec->tick(work->held_bytes + work->prepared->bytes_read + stored_bytes,
                         work->spec->data);
    return cancel_check(error);
}

static gboolean unseal_link(const Work *work, const Backup *link, const char *target,
                            DrillStep *step, GError **error)
{
    autofd int backup_fd = shelf_open_backup(work->spec->shelf, link->id, error);
    if (backup_fd < 0)
        return FALSE;
    g_autoptr(GPtrArray) sums = sums_read(backup_fd, link->id, link->sums, error);
    if (sums == NULL)
        return FALSE;
    const Contents contents = {.fd = backup_fd,
                               .id = link->id,
                               .sums = sums,
                               .read = CONTENTS_BUT_DATA,
                               .read_too = left_out,
                               .workers = work->spec->workers};
    if (!contents_check(&contents, error) || !tree_check_facts(backup_fd, link, error))
        return FALSE;
    if (mkdirat(work->work_fd, target, 0700) < 0)
        return fail_storage(error, "cannot create %s/%s: %s", work->spec->work, target,
                            g_strerror(errno));
    autofd int target_fd = files_open_dir(work->work_fd, target, error);
    if (target_fd < 0)
        return FALSE;

    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(UnsealFile));
    for (guint i = 0; i < sums->len; i++) {
        const SumLine *line = sums->pdata[i];
        UnsealFile file = {.name = line->name};
        memcpy(file.sum, line->sum, DIGEST_BYTES);
        g_array_append_val(files, file);
    }
    const UnsealSpec spec = {
        .backup_fd = backup_fd,
        .target_dir_fd = target_fd,
        .files = (const UnsealFile *)(const void *)files->data,
        .count = files->len,
        .frame = link->frame,
        .workers = work->spec->workers,
        .checked = link->proof >= PROOF_PREPARE,
        .read_soon = link->type != BACKUP_FULL, /* a delta is applied at once, and removed */
        .skip_suffixes = left_out,
        .watch = watch_unsealing,
        .data = (void *)(uintptr_t)work,
    };
    UnsealTotals totals = {0};
    int64_t started = g_get_monotonic_time();
    gboolean done = unseal_tree(&spec, &totals, error);
    step->unseal_us = g_get_monotonic_time() - started;
    step->files = totals.files;
    step->bytes_stored = totals.bytes_stored;
    step->bytes_plain = totals.bytes_plain;
    work->prepared->unseal_us += step->unseal_us;
    work->prepared->bytes_read += totals.bytes_stored;
    work->prepared->bytes_plain += totals.bytes_plain;
    if (!done)
        g_prefix_error(error, "%s: ", link->id);
    return done;
}

/* The engine's own file must say that the base now stands where the link ends. */
static gboolean check_position(const Work *work, const Backup *link, gboolean is_last,
                               GError **error)
{
    const Engine *engine = work->spec->engine;
    autofd int fd = files_open_dir(AT_FDCWD, work->base, error);
    g_auto(EngineCheckpoints) checkpoints = {0};
    return fd >= 0 && engine_read_checkpoints(engine, fd, &checkpoints, error) &&
           engine_judge_prepared(engine, &checkpoints, link->to_lsn, is_last, error);
}

/* What must be so before a server may start on it. */
static gboolean finish(const Work *work, const Backup *last, GError **error)
{
    autofd int base_fd = files_open_dir(AT_FDCWD, work->base, error);
    autofd int backup_fd =
        base_fd >= 0 ? shelf_open_backup(work->spec->shelf, last->id, error) : -1;
    return backup_fd >= 0 && complete_check(work->spec->engine, last, backup_fd, base_fd, error) &&
           binlogs_stay_home(base_fd, error);
}

/*
 * An engine that was killed, or had no memory or no room, says nothing of the link.  One that
 * crashed by itself does: a full that looks whole and crashes its prepare has been seen.
 */
static Status cause_of(const Work *work, const EngineRun *run, const GError *verdict)
{
    enum { ROOM_LEFT = 4 << 20 };
    uint64_t free_bytes = 0;
    if (run->stop != ENGINE_BY_ITSELF)
        return error_status(verdict);
    if (run->end.signal == SIGKILL || run->end.signal == SIGTERM)
        return STATUS_FAILED;
    if (!files_free_space(work->work_fd, &free_bytes, NULL) || free_bytes < ROOM_LEFT)
        return STATUS_STORAGE;
    return run->log.host_failed ? STATUS_FAILED : error_status(verdict);
}

static gboolean apply(const Work *work, const Backup *link, gboolean is_last, DrillStep *step,
                      GError **error)
{
    const PrepareSpec *spec = work->spec;
    const EnginePrepare prepare = {
        .engine = spec->engine,
        .base_dir = work->base,
        .incr_dir = link->type == BACKUP_INCREMENTAL ? work->incr : NULL,
        .memory = memory_within(spec->memory, memory_available()),
        .parallel = spec->workers,
        .extra_options = spec->options,
        .is_last = is_last && !spec->leave_open,
        .log_fd = spec->log_fd,
        .inherit = spec->inherit,
        .stall_timeout_s = spec->stall_timeout_s,
    };
    g_auto(EngineRun) run = {0};
    int64_t started = g_get_monotonic_time();
    gboolean ran = engine_prepare(&prepare, &run, error);
    step->prepare_us = g_get_monotonic_time() - started;
    work->prepared->prepare_us += step->prepare_us;
    if (!ran)
        return FALSE;
    g_autoptr(GError) verdict = NULL;
    if (engine_judge_prepare(spec->engine, &run, link->last_lsn, &verdict))
        return check_position(work, link, prepare.is_last, error);
    return fail(error, cause_of(work, &run, verdict), "%s", verdict->message);
}

static gboolean touch_base(const Work *work, const Backup *link, GError **error)
{
    const PrepareSpec *spec = work->spec;
    return spec->touching == NULL || spec->touching(link, spec->keeper, error);
}

static gboolean prepare_link(const Work *work, const Backup *link, gboolean is_last,
                             DrillStep *step, GError **error)
{
    gboolean is_full = link->type == BACKUP_FULL;
    const char *target = is_full ? "base" : "incr";
    log_detail("unsealing %s", link->id);
    if (!cancel_check(error) || (is_full && !touch_base(work, link, error)) ||
        !unseal_link(work, link, target, step, error))
        return FALSE;
    work->prepared->links_read++;
    crash_point("prepare.unsealed");
    if (!is_full && !touch_base(work, link, error))
        return FALSE;
    log_detail("preparing %s", link->id);
    if (!apply(work, link, is_last, step, error) || (is_last && !finish(work, link, error))) {
        g_prefix_error(error, "cannot prepare %s: ", link->id);
        return FALSE;
    }
    crash_point("prepare.applied");
    return is_full || files_remove_tree(work->work_fd, target, error);
}

/* The steps belong to the drill of whoever asked for them. */
static gboolean take_step(const Work *work, guint at, GError **error)
{
    const Backup *link = work->spec->path->pdata[at];
    gboolean is_last = at + 1 == work->spec->path->len;
    DrillStep unnamed = {0};
    DrillStep *step = work->spec->drill != NULL
                          ? drill_add_step(work->spec->drill, link->id, link->type)
                          : &unnamed;
    return prepare_link(work, link, is_last, step, error);
}

static void hold(Work *work)
{
    for (guint i = 0; i < work->spec->applied; i++) {
        const Backup *link = work->spec->path->pdata[i];
        work->held_bytes += link->bytes_stored;
    }
    work->prepared->links_held = work->spec->applied;
}

gboolean prepare_chain(const PrepareSpec *spec, Prepared *prepared, GError **error)
{
    *prepared = (Prepared){0};
    g_auto(Work) work = {
        .spec = spec,
        .prepared = prepared,
        .work_fd = files_open_dir(AT_FDCWD, spec->work, error),
        .base = g_build_filename(spec->work, "base", NULL),
        .incr = g_build_filename(spec->work, "incr", NULL),
    };
    if (work.work_fd < 0)
        return FALSE;
    hold(&work);
    for (guint i = spec->applied; i < spec->path->len; i++) {
        g_autoptr(GError) failure = NULL;
        if (take_step(&work, i, &failure))
            continue;
        blame(&work, spec->path->pdata[i], failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

uint64_t prepare_room_behind(const GPtrArray *path, guint applied)
{
    uint64_t all = 0;
    uint64_t largest = 0;
    for (guint i = applied; i < path->len; i++) {
        const Backup *link = path->pdata[i];
        all += link->bytes_plain;
        if (link->type == BACKUP_INCREMENTAL)
            largest = MAX(largest, link->bytes_plain);
    }
    return all + largest;
}

uint64_t prepare_room(const GPtrArray *path)
{
    return prepare_room_behind(path, 0);
}

gboolean prepare_check_room_behind(const GPtrArray *path, guint applied, const char *directory,
                                   GError **error)
{
    autofd int fd = files_open_dir(AT_FDCWD, directory, error);
    return fd >= 0 &&
           files_check_room(fd, directory, prepare_room_behind(path, applied), "the prepared chain",
                            "make room there, or choose another directory", error);
}

gboolean prepare_check_room(const GPtrArray *path, const char *directory, GError **error)
{
    return prepare_check_room_behind(path, 0, directory, error);
}
