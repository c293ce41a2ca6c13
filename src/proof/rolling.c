/* SPDX-License-Identifier: MIT */
#include "proof/rolling.h"

#include "base/cancel.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/log.h"
#include "prepare/place.h"
#include "proof/standing.h"
#include "proof/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char base_name[] = "base";
static const char incr_name[] = "incr";
enum { MOMENT_US = 2 * G_USEC_PER_SEC }; /* who looks whether it is free holds it for no longer */

struct Rolling {
    char *path; /* DIRECTORY/rolling */
    char *base;
    int fd; /* of path */
    Lock *lock;
    Standing *standing; /* NULL: nothing there that can be believed */
};

/* ---- opening --------------------------------------------------------------------------------- */

/* Why there is nothing to go on from, and nobody touched it: a first run is no news. */
static Standing *read_standing(const Rolling *rolling)
{
    g_autoptr(GError) damage = NULL;
    Standing *standing = standing_read(rolling->fd, &damage);
    if (damage != NULL)
        log_warning("%s: the rolling base in %s is not used", damage->message, rolling->path);
    return standing;
}

/* Is every file as the last roll left it? */
static gboolean is_untouched(const Rolling *rolling, const Standing *standing)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *now = standing_look(rolling->fd, base_name, &failure);
    if (now != NULL && g_str_equal(now, standing->touched))
        return TRUE;
    if (now != NULL)
        log_warning("%s was changed since the last proof, and not by lsnchain: it is not used",
                    rolling->base);
    else
        log_warning("%s: the rolling base is not used", failure->message);
    return FALSE;
}

/* Sets what is there and can be believed, under the lock. */
static void look(Rolling *rolling)
{
    g_clear_pointer(&rolling->standing, standing_free);
    g_autoptr(Standing) standing = read_standing(rolling);
    if (standing == NULL)
        return;
    if (*standing->half != '\0') {
        log_notice("a run that applied %s to the rolling base was killed: it is not used",
                   standing->half);
        return;
    }
    if (is_untouched(rolling, standing))
        rolling->standing = g_steal_pointer(&standing);
}

static char *path_in(const char *directory)
{
    return g_build_filename(directory, PLACE_ROLLING, NULL);
}

static Lock *take_lock(const char *directory, LockKind kind, const char *command, int64_t wait_us,
                       GError **error)
{
    g_autofree char *path = g_build_filename(directory, PLACE_ROLLING ".lock", NULL);
    return lock_take(path, LOCK_COPY, kind, command, wait_us, error);
}

/* Takes the lock over, also when it fails. */
static Rolling *rolling_new(const char *directory, Lock *lock, GError **error)
{
    g_autoptr(Rolling) rolling = g_new0(Rolling, 1);
    rolling->path = path_in(directory);
    rolling->base = g_build_filename(rolling->path, base_name, NULL);
    rolling->lock = lock;
    rolling->fd = files_open_dir(AT_FDCWD, rolling->path, error);
    return rolling->fd >= 0 ? g_steal_pointer(&rolling) : NULL;
}

Rolling *rolling_open(const char *directory, const char *command, GError **error)
{
    if (!files_make_dirs(AT_FDCWD, directory, 0700, error))
        return NULL;
    g_autoptr(Lock) lock = take_lock(directory, LOCK_EXCLUSIVE, command, MOMENT_US, error);
    g_autofree char *path = path_in(directory);
    if (lock == NULL || !files_make_dirs(AT_FDCWD, path, 0700, error))
        return NULL;
    Rolling *rolling = rolling_new(directory, g_steal_pointer(&lock), error);
    if (rolling != NULL)
        look(rolling);
    return rolling;
}

Rolling *rolling_share(const char *directory, const GPtrArray *path, const char *command,
                       GError **error)
{
    g_autofree char *there = path_in(directory);
    if (!g_file_test(there, G_FILE_TEST_IS_DIR))
        return NULL;
    g_autoptr(GError) failure = NULL;
    Lock *lock = take_lock(directory, LOCK_SHARED, command, MOMENT_US, &failure);
    if (lock == NULL) {
        if (error_status(failure) != STATUS_LOCKED)
            g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    g_autoptr(Rolling) rolling = rolling_new(directory, lock, error);
    if (rolling == NULL)
        return NULL;
    look(rolling);
    return rolling_stands_at(rolling, path) ? g_steal_pointer(&rolling) : NULL;
}

void rolling_free(Rolling *rolling)
{
    g_clear_pointer(&rolling->standing, standing_free);
    files_clear_fd(&rolling->fd);
    g_clear_pointer(&rolling->lock, lock_free);
    g_free(rolling->path);
    g_free(rolling->base);
    g_free(rolling);
}

gboolean rolling_stands_at(const Rolling *rolling, const GPtrArray *path)
{
    return rolling->standing != NULL && standing_holds(rolling->standing, path) == path->len;
}

const char *rolling_base(const Rolling *rolling)
{
    return rolling->base;
}

gboolean rolling_downgrade(Rolling *rolling)
{
    if (!lock_share(rolling->lock))
        return FALSE;
    /* somebody may have held it for a moment and be gone again */
    g_autoptr(Standing) now = standing_read(rolling->fd, NULL);
    if (now == NULL || rolling->standing == NULL)
        return now == NULL && rolling->standing == NULL;
    g_autoptr(GString) before = standing_text(rolling->standing);
    g_autoptr(GString) after = standing_text(now);
    return g_string_equal(before, after);
}

/* ---- throwing away --------------------------------------------------------------------------- */

/* The state goes first: without it nobody believes in what is left of the base. */
static gboolean throw_away(Rolling *rolling, GError **error)
{
    g_clear_pointer(&rolling->standing, standing_free);
    if (unlinkat(rolling->fd, STANDING_NAME, 0) < 0 && errno != ENOENT)
        return fail_storage(error, "cannot remove %s/" STANDING_NAME ": %s", rolling->path,
                            g_strerror(errno));
    if (!files_flush_dir(rolling->fd, ".", error))
        return FALSE;
    crash_point("rolling.disowned");
    return files_remove_tree(rolling->fd, incr_name, error) &&
           files_remove_tree(rolling->fd, base_name, error);
}

static void throw_away_or_warn(Rolling *rolling)
{
    g_autoptr(GError) failure = NULL;
    if (!throw_away(rolling, &failure))
        log_warning("the rolling base could not be removed: %s", failure->message);
}

/* ---- rolling --------------------------------------------------------------------------------- */

typedef struct {
    Rolling *rolling;
    const PrepareSpec *spec;
    guint held;       /* links of the path that the base had when the roll began */
    gboolean touched; /* it may be anything now */
} Roll;

static gboolean with_base(const Rolling *rolling, gboolean (*change)(int, GError **),
                          GError **error)
{
    autofd int fd = files_open_dir(rolling->fd, base_name, error);
    return fd >= 0 && change(fd, error);
}

/* From here on only the end of the roll makes it a base that can be believed. */
static gboolean begin_link(const Backup *link, void *data, GError **error)
{
    Roll *roll = data;
    Rolling *rolling = roll->rolling;
    g_autoptr(Standing) half =
        standing_new(roll->spec->engine, roll->spec->path, roll->held, link->id, "");
    gboolean first = !roll->touched;
    roll->touched = TRUE;
    g_clear_pointer(&rolling->standing, standing_free);
    if (!standing_write(rolling->fd, half, error))
        return FALSE;
    crash_point("rolling.marked");
    return !first || roll->held == 0 || with_base(rolling, trial_thaw_base, error);
}

/* What was written must be on the disk before it is said to be. */
static gboolean flush(const Rolling *rolling, GError **error)
{
    /* this descriptor was opened before the first write, so it hears of every write that failed */
    return syncfs(rolling->fd) == 0 ||
           fail_storage(error, "cannot flush the rolling base: %s", g_strerror(errno));
}

static gboolean settle(Roll *roll, GError **error)
{
    Rolling *rolling = roll->rolling;
    const PrepareSpec *spec = roll->spec;
    if (!with_base(rolling, trial_freeze_base, error) || !flush(rolling, error))
        return FALSE;
    crash_point("rolling.flushed");
    g_autofree char *touched = standing_look(rolling->fd, base_name, error);
    if (touched == NULL)
        return FALSE;
    g_autoptr(Standing) standing =
        standing_new(spec->engine, spec->path, spec->path->len, "", touched);
    if (!standing_write(rolling->fd, standing, error))
        return FALSE;
    crash_point("rolling.settled");
    rolling->standing = g_steal_pointer(&standing);
    return TRUE;
}

static gboolean apply_links(Roll *roll, Prepared *prepared, GError **error)
{
    Rolling *rolling = roll->rolling;
    const int inherit[] = {lock_fd(rolling->lock), -1};
    PrepareSpec spec = *roll->spec;
    spec.work = rolling->path;
    spec.applied = roll->held;
    spec.leave_open = TRUE;
    spec.inherit = inherit; /* an engine that outlives us still changes it */
    spec.touching = begin_link;
    spec.keeper = roll;
    return prepare_check_room_behind(spec.path, spec.applied, spec.work, error) &&
           prepare_chain(&spec, prepared, error) && settle(roll, error);
}

/* What was not touched stays, for the next link may fit. */
static gboolean run_roll(Roll *roll, Prepared *prepared, GError **error)
{
    Rolling *rolling = roll->rolling;
    if (!files_remove_tree(rolling->fd, incr_name, error))
        return FALSE;
    if (apply_links(roll, prepared, error))
        return TRUE;
    g_autoptr(GError) failure = NULL;
    if (roll->touched)
        throw_away_or_warn(rolling);
    else if (!files_remove_tree(rolling->fd, incr_name, &failure))
        log_warning("%s", failure->message);
    return FALSE;
}

/* How many links of the path there are to go on from; 0: none. */
static guint held_by(const Rolling *rolling, const PrepareSpec *spec)
{
    if (rolling->standing == NULL)
        return 0;
    if (!standing_is_of(rolling->standing, spec->engine)) {
        log_notice("the rolling base was prepared by %s: it is made anew",
                   rolling->standing->engine);
        return 0;
    }
    guint held = standing_holds(rolling->standing, spec->path);
    if (held == 0)
        log_detail("the rolling base stands elsewhere: it is made anew");
    return held;
}

static gboolean make_anew(Rolling *rolling, const PrepareSpec *spec, Prepared *prepared,
                          GError **error)
{
    Roll roll = {.rolling = rolling, .spec = spec};
    return throw_away(rolling, error) && run_roll(&roll, prepared, error);
}

/* The engine said no: to the link, or to what a base of many nights has become? */
static gboolean may_be_the_base(const Roll *roll, const GError *failure)
{
    return roll->touched && error_status(failure) == STATUS_ENGINE && cancel_signal() == 0;
}

gboolean rolling_roll(Rolling *rolling, const PrepareSpec *spec, gboolean anew, Prepared *prepared,
                      gboolean *fresh, GError **error)
{
    *prepared = (Prepared){0};
    guint held = anew ? 0 : held_by(rolling, spec);
    *fresh = held == 0;
    if (held == 0)
        return make_anew(rolling, spec, prepared, error);
    if (held == spec->path->len) {
        prepared->links_held = held;
        return TRUE;
    }
    Roll roll = {.rolling = rolling, .spec = spec, .held = held};
    guint steps = spec->drill != NULL ? spec->drill->steps->len : 0;
    g_autoptr(GError) failure = NULL;
    if (run_roll(&roll, prepared, &failure))
        return TRUE;
    if (!may_be_the_base(&roll, failure)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    log_warning("%s; this was on the rolling base, which is made anew to see whose fault it is",
                failure->message);
    if (spec->drill != NULL)
        g_ptr_array_set_size(spec->drill->steps, (int)steps);
    *prepared = (Prepared){0}; /* who was blamed on the old base is not blamed for want of room */
    *fresh = TRUE;
    return make_anew(rolling, spec, prepared, error);
}

/* ---- sweeping -------------------------------------------------------------------------------- */

/* Will somebody roll it forward? */
static gboolean is_alive(const Rolling *rolling, const GPtrArray *backups)
{
    g_autoptr(Standing) standing = standing_read(rolling->fd, NULL);
    if (standing == NULL || *standing->half != '\0' || standing->links->len == 0)
        return FALSE;
    for (guint i = 0; i < standing->links->len; i++) {
        const StandingLink *link = standing->links->pdata[i];
        const Backup *backup = backup_find(backups, link->id);
        if (backup == NULL || backup->state == STATE_MISSING)
            return FALSE;
    }
    return TRUE;
}

static gboolean sweep_open(Rolling *rolling, const GPtrArray *backups, gboolean wanted,
                           GError **error)
{
    if (wanted && is_alive(rolling, backups))
        return files_remove_tree(rolling->fd, incr_name, error);
    if (faccessat(rolling->fd, base_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        log_notice("removing the rolling base in %s: no proof goes on from it", rolling->path);
    return throw_away(rolling, error);
}

gboolean rolling_sweep(const char *directory, const GPtrArray *backups, gboolean wanted,
                       GError **error)
{
    g_autofree char *path = path_in(directory);
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return TRUE;
    g_autoptr(GError) failure = NULL;
    Lock *lock = take_lock(directory, LOCK_EXCLUSIVE, "sweep", 0, &failure);
    if (lock == NULL && error_status(failure) == STATUS_LOCKED)
        return TRUE;
    if (lock == NULL) { /* whether somebody is at work in it is not known */
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autoptr(Rolling) rolling = rolling_new(directory, lock, error);
    return rolling != NULL && sweep_open(rolling, backups, wanted, error);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static gboolean add_bytes(int root_fd, const char *name, const struct stat *status, void *data,
                          GError **error)
{
    enum { BLOCK = 512 };
    (void)root_fd;
    (void)name;
    (void)error;
    *(uint64_t *)data += (uint64_t)status->st_blocks * BLOCK;
    return TRUE;
}

uint64_t rolling_bytes(const char *directory)
{
    g_autofree char *path = path_in(directory);
    uint64_t bytes = 0;
    /* what cannot be seen now, or is going away, is not counted */
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        (void)files_walk(AT_FDCWD, path, add_bytes, &bytes, NULL);
    return bytes;
}
