/* SPDX-License-Identifier: MIT */
#include "proof/proof.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "catalog/tree.h"
#include "prepare/place.h"
#include "proof/examine.h"
#include "proof/rolling.h"
#include "proof/trial.h"
#include "repo/contents.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Long enough for crash recovery of what a backup carries, and for a CHECK TABLE that was begun;
 * a server that hangs must end. */
enum { START_LIMIT_S = 15 * 60, SERVER_LIMIT_S = 24 * 60 * 60 };

void proof_result_clear(ProofResult *result)
{
    g_clear_pointer(&result->read, g_free);
    g_clear_pointer(&result->drill, drill_free);
    g_clear_pointer(&result->exam, exam_free);
}

/* One way up the levels.  The copy is in `place`, or it is the rolling base. */
typedef struct {
    const ProofSpec *spec;
    ProofResult *result;
    const Backup *last;
    int log_fd;
    Place *place;
    Rolling *rolling;
    char *base; /* the prepared directory; NULL: none yet */
} Climb;

static void climb_clear(Climb *climb)
{
    g_clear_pointer(&climb->rolling, rolling_free);
    g_clear_pointer(&climb->place, place_free);
    g_clear_pointer(&climb->base, g_free);
    files_clear_fd(&climb->log_fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Climb, climb_clear)

/* What is wrong is wrong with this link; other failures say nothing of it. */
static gboolean blame(const Climb *climb, const Backup *link, ProofLevel level, GError *failure,
                      GError **error)
{
    if (error_status(failure) == STATUS_VERIFY) {
        climb->result->failed = link;
        climb->result->failed_level = level;
    }
    g_propagate_error(error, failure);
    return FALSE;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void count_bytes(uint64_t bytes, void *data)
{
    const Climb *climb = data;
    climb->result->bytes_read += bytes;
    if (climb->spec->tick != NULL)
        climb->spec->tick(climb->result->bytes_read, climb->spec->data);
}

static gboolean read_link(const Climb *climb, const Backup *link, GError **error)
{
    log_detail("reading %s", link->id);
    autofd int fd = shelf_open_backup(climb->spec->shelf, link->id, error);
    if (fd < 0)
        return FALSE;
    g_autoptr(GPtrArray) sums = sums_read(fd, link->id, link->sums, error);
    const Contents contents = {
        .fd = fd,
        .id = link->id,
        .sums = sums,
        .read = CONTENTS_ALL,
        .workers = climb->spec->workers,
        .tick = count_bytes,
        .data = (void *)(uintptr_t)climb,
    };
    return sums != NULL && contents_check(&contents, error) && tree_check_facts(fd, link, error);
}

static gboolean read_one(const Climb *climb, guint index, GError **error)
{
    const Backup *link = climb->spec->path->pdata[index];
    GError *failure = NULL;
    if (!read_link(climb, link, &failure))
        return blame(climb, link, PROOF_FILES, failure, error);
    climb->result->read[index] = TRUE;
    return TRUE;
}

static gboolean read_all(const Climb *climb, GError **error)
{
    for (guint i = 0; i < climb->spec->path->len; i++) {
        if (!read_one(climb, i, error))
            return FALSE;
    }
    climb->result->reached = PROOF_FILES;
    return TRUE;
}

static gboolean time_is_up(const ProofSpec *spec)
{
    return spec->until_us != 0 && g_get_monotonic_time() >= spec->until_us;
}

/*
 * What the rolling base holds was read when it was merged.  Before that is too long ago to count it
 * is read again: a sector that went bad meanwhile is in the way of a restore, and the base cannot
 * know.
 */
static gboolean read_what_is_old(const Climb *climb, GError **error)
{
    const ProofSpec *spec = climb->spec;
    for (guint i = 0; i < spec->path->len; i++) {
        const Backup *link = spec->path->pdata[i];
        gboolean is_old = !climb->result->read[i] && link->files_at < spec->reread_before;
        if (!is_old)
            continue;
        if (time_is_up(spec)) {
            log_notice("%s waits to be read again until there is time", link->id);
            return TRUE;
        }
        if (!read_one(climb, i, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- prepare --------------------------------------------------------------------------------- */

static void note_prepared(const Climb *climb, const Prepared *prepared)
{
    ProofResult *result = climb->result;
    guint first = prepared->links_held;
    result->bytes_read += prepared->bytes_read;
    result->first_applied = first;
    for (guint i = 0; i < prepared->links_read && first + i < climb->spec->path->len; i++)
        result->read[first + i] = TRUE;
    result->failed = prepared->failed;
    result->failed_level = prepared->failed_level;
}

static PrepareSpec prepare_spec(const Climb *climb)
{
    const ProofSpec *spec = climb->spec;
    return (PrepareSpec){
        .shelf = spec->shelf,
        .path = spec->path,
        .engine = spec->engine,
        .memory = spec->memory,
        .workers = spec->workers,
        .options = spec->options,
        .log_fd = climb->log_fd,
        .stall_timeout_s = spec->stall_timeout_s,
        .drill = climb->result->drill,
        .tick = spec->tick,
        .data = spec->data,
    };
}

static gboolean make_place(Climb *climb, GError **error)
{
    climb->place = place_make(climb->spec->directory, climb->last->id, climb->spec->command, error);
    return climb->place != NULL;
}

static gboolean prepare_fresh(Climb *climb, GError **error)
{
    climb->result->drill->fresh = TRUE;
    if (!make_place(climb, error) ||
        !prepare_check_room(climb->spec->path, place_path(climb->place), error))
        return FALSE;
    PrepareSpec prepare = prepare_spec(climb);
    prepare.work = place_path(climb->place);
    Prepared prepared;
    gboolean done = prepare_chain(&prepare, &prepared, error);
    note_prepared(climb, &prepared);
    climb->base = g_build_filename(place_path(climb->place), "base", NULL);
    return done;
}

static gboolean prepare_rolling(Climb *climb, gboolean anew, GError **error)
{
    const ProofSpec *spec = climb->spec;
    PrepareSpec prepare = prepare_spec(climb);
    Prepared prepared;
    gboolean done = rolling_roll(climb->rolling, &prepare, anew, &prepared,
                                 &climb->result->drill->fresh, error);
    note_prepared(climb, &prepared);
    climb->base = g_strdup(rolling_base(climb->rolling));
    /* the base held it: its bytes are read all the same */
    return done && (climb->result->read[spec->path->len - 1] ||
                    read_one(climb, spec->path->len - 1, error));
}

/* A server that runs on the rolling base, or another proof, is no reason not to prove. */
static gboolean prepare(Climb *climb, ProofBase base, GError **error)
{
    const ProofSpec *spec = climb->spec;
    if (base == BASE_FRESH)
        return prepare_fresh(climb, error);
    g_autoptr(GError) failure = NULL;
    climb->rolling = rolling_open(spec->directory, spec->command, &failure);
    if (climb->rolling != NULL)
        return prepare_rolling(climb, base == BASE_ANEW, error);
    if (error_status(failure) != STATUS_LOCKED) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autofree char *sentence = error_sentence(failure);
    log_notice("a copy of its own is made for this proof: %s", sentence);
    return prepare_fresh(climb, error);
}

static gboolean prove_prepare(Climb *climb, ProofBase base, GError **error)
{
    const char *log_path = climb->spec->log_path;
    climb->log_fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (climb->log_fd < 0)
        return fail_storage(error, "cannot create %s: %s", log_path, g_strerror(errno));
    if (!prepare(climb, base, error) || !read_what_is_old(climb, error))
        return FALSE;
    climb->result->reached = PROOF_PREPARE;
    return TRUE;
}

/* ---- server and queries ---------------------------------------------------------------------- */

static gboolean is_alive(void *data, GError **error)
{
    return trial_alive(data, error);
}

static gboolean ask(const Climb *climb, Trial *trial, GError **error)
{
    const ProofSpec *spec = climb->spec;
    ProofResult *result = climb->result;
    autofd int backup_fd = shelf_open_backup(spec->shelf, climb->last->id, error);
    if (backup_fd < 0)
        return FALSE;
    /* where it was written; a backup of an older lsnchain does not say it */
    const char *canary_schema =
        *climb->last->canary_schema != '\0' ? climb->last->canary_schema : spec->canary_schema;
    const ExamineSpec examine = {
        .server = trial_server(trial),
        .backup = climb->last,
        .backup_fd = backup_fd,
        .canary_schema = canary_schema,
        .asserts = spec->asserts,
        .until_us = spec->until_us,
        .rota = spec->rota,
        .alive = is_alive,
        .data = trial,
    };
    result->exam = exam_new();
    GError *failure = NULL;
    if (!examine_tables(&examine, result->exam, &failure))
        return blame(climb, climb->last, PROOF_SERVER, failure, error);
    result->reached = PROOF_SERVER;
    if (spec->level == PROOF_SERVER)
        return TRUE;
    if (!examine_queries(&examine, result->exam, &failure))
        return blame(climb, climb->last, PROOF_QUERIES, failure, error);
    result->reached = PROOF_QUERIES;
    return TRUE;
}

static void note_trial(const Climb *climb, const Trial *trial, int64_t asked_us)
{
    Drill *drill = climb->result->drill;
    const Exam *exam = climb->result->exam;
    drill->start_us = trial_start_us(trial);
    drill->ask_us = asked_us;
    drill->copied_up = trial_copied_up(trial);
    text_set(&drill->server, trial_version(trial));
    if (exam == NULL)
        return;
    drill->tables = exam->tables->len;
    drill->checked = exam->checked;
    if (exam->canary_found)
        drill->rpo_s = MAX(0, clock_now() - exam->canary_at);
}

/* The base: the rolling one is shared while the server runs, so that others may look at it too. */
static gboolean ready_base(Climb *climb, GError **error)
{
    if (climb->rolling != NULL)
        return rolling_downgrade(climb->rolling) ||
               fail(error, STATUS_LOCKED,
                    "another run has taken the rolling base meanwhile" HINT("try again"));
    autofd int base_fd = files_open_dir(AT_FDCWD, climb->base, error);
    return base_fd >= 0 && trial_freeze_base(base_fd, error);
}

/* Without a server of this series, or a way to give it the base, nothing is known of the backup. */
static gboolean fail_unreached(GError *failure, GError **error)
{
    g_propagate_prefixed_error(error, failure,
                               "level %s was not reached: ", proof_level_word(PROOF_SERVER));
    if (error != NULL)
        (*error)->code = STATUS_VERIFY;
    return FALSE;
}

static gboolean prove_server(Climb *climb, GError **error)
{
    const ProofSpec *spec = climb->spec;
    if (!cancel_check(error) || !ready_base(climb, error) ||
        (climb->place == NULL && !make_place(climb, error)))
        return FALSE;
    g_autofree char *work = g_build_filename(place_path(climb->place), "trial", NULL);
    if (mkdir(work, 0700) < 0)
        return fail_storage(error, "cannot create %s: %s", work, g_strerror(errno));
    const TrialSpec trial_spec = {
        .base = climb->base,
        .work = work,
        .backup = climb->last,
        .finish = climb->rolling != NULL ? spec->engine : NULL,
        .finish_options = spec->options,
        .server_binary = spec->server_binary,
        .options = spec->server_options,
        .memory = spec->memory,
        .start_limit_s = START_LIMIT_S,
        .deadline_us = g_get_monotonic_time() + (int64_t)SERVER_LIMIT_S * G_USEC_PER_SEC,
        .log_fd = climb->log_fd,
    };
    GError *failure = NULL;
    log_detail("starting a server on %s", climb->last->id);
    g_autoptr(Trial) trial = trial_start(&trial_spec, &failure);
    if (trial == NULL && error_status(failure) == STATUS_UNFIT)
        return fail_unreached(failure, error);
    if (trial == NULL)
        return blame(climb, climb->last, PROOF_SERVER, failure, error);
    int64_t started = g_get_monotonic_time();
    gboolean passed = ask(climb, trial, error);
    note_trial(climb, trial, g_get_monotonic_time() - started);
    return passed;
}

/* ---- the ladder ------------------------------------------------------------------------------ */

static void start_result(const ProofSpec *spec, ProofResult *result)
{
    const Backup *last = spec->path->pdata[spec->path->len - 1];
    proof_result_clear(result);
    *result = (ProofResult){
        .read = g_new0(gboolean, spec->path->len),
        .first_applied = spec->path->len,
        .drill = drill_new(last->id, last->chain, DRILL_VERIFY),
    };
    result->drill->asked = spec->level;
    text_set(&result->drill->host, g_get_host_name());
}

static gboolean climb(const ProofSpec *spec, ProofBase base, ProofResult *result, GError **error)
{
    start_result(spec, result);
    g_auto(Climb) climb = {
        .spec = spec,
        .result = result,
        .last = spec->path->pdata[spec->path->len - 1],
        .log_fd = -1,
    };
    if (spec->level == PROOF_FILES)
        return read_all(&climb, error);
    return prove_prepare(&climb, base, error) &&
           (spec->level == PROOF_PREPARE || prove_server(&climb, error));
}

/*
 * Did it fail by what may have happened to the rolling base since?  An assertion that is not true
 * is not: the rows are what they are.
 */
static gboolean may_be_the_base(const ProofResult *result)
{
    if (result->drill->fresh || result->failed == NULL || result->failed_level < PROOF_SERVER)
        return FALSE;
    if (result->exam == NULL)
        return TRUE;
    g_autofree char *fault = exam_table_fault(result->exam);
    return fault != NULL || (result->exam->canary_wanted && !result->exam->canary_found);
}

gboolean proof_run(const ProofSpec *spec, ProofResult *result, GError **error)
{
    int64_t started = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    gboolean done = climb(spec, spec->base, result, &failure);
    if (!done && spec->base != BASE_FRESH && may_be_the_base(result)) {
        g_autofree char *sentence = error_sentence(failure);
        log_warning("the rolling base is made anew, to see whether it is to blame: %s", sentence);
        g_clear_error(&failure);
        done = climb(spec, BASE_ANEW, result, &failure);
    }
    result->drill->reached = result->reached;
    result->drill->took_us = g_get_monotonic_time() - started;
    if (done)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
