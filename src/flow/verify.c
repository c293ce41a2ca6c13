/* SPDX-License-Identifier: MIT */
#include "flow/verify.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/text.h"
#include "flow/failed.h"
#include "flow/history.h"
#include "flow/progress.h"
#include "flow/recording.h"
#include "flow/tools.h"
#include "model/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void verdict_clear(Verdict *verdict)
{
    g_clear_pointer(&verdict->id, g_free);
    g_clear_pointer(&verdict->failed, g_free);
    g_clear_pointer(&verdict->drill, drill_free);
    g_clear_pointer(&verdict->exam, exam_free);
}

uint64_t verify_stored_bytes(const GPtrArray *path)
{
    uint64_t bytes = 0;
    for (guint i = 0; i < path->len; i++) {
        const Backup *link = path->pdata[i];
        bytes += link->bytes_stored;
    }
    return bytes;
}

/* Where the copy is made and the engine's log is kept. */
typedef struct {
    char *directory; /* private copies are made below it */
    char *log_path;
    char *own; /* holds both: made for this proof, for nothing may be left in another's repository;
                  NULL: they are the instance's */
} Workshop;

static void workshop_clear(Workshop *workshop)
{
    g_autoptr(GError) error = NULL;
    if (workshop->own != NULL && !files_remove_tree(AT_FDCWD, workshop->own, &error))
        log_warning("%s", error->message);
    g_free(workshop->directory);
    g_free(workshop->log_path);
    g_free(workshop->own);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Workshop, workshop_clear)

static gboolean workshop_open(const Run *run, const char *id, Workshop *workshop, GError **error)
{
    if (run->records) {
        workshop->directory = run_proof_dir(run);
        workshop->log_path = failed_log_path(run, id, ".verify.log", error);
        return workshop->log_path != NULL;
    }
    workshop->own = g_dir_make_tmp("lsnchain-verify-XXXXXX", NULL);
    if (workshop->own == NULL)
        return fail_storage(error, "cannot make a directory in %s", g_get_tmp_dir());
    workshop->directory = g_build_filename(workshop->own, "copies", NULL);
    workshop->log_path = g_build_filename(workshop->own, "engine.log", NULL);
    return TRUE;
}

/* What engine and server said at a failure is worth keeping; elsewhere than in a directory that
 * goes. */
static void settle_log(const Run *run, const Workshop *workshop, const ProofResult *result,
                       gboolean done)
{
    gboolean telling = !done && result->failed != NULL && result->failed_level >= PROOF_PREPARE;
    if (!telling) {
        if (unlink(workshop->log_path) < 0 && errno != ENOENT)
            log_warning("cannot remove %s: %s", workshop->log_path, g_strerror(errno));
    } else if (workshop->own == NULL) {
        log_notice("what was said is in %s", workshop->log_path);
        failed_log_prune(run);
    }
}

/* ---- the proof ------------------------------------------------------------------------------- */

/* What was found out before the proof, and is only read from then on. */
typedef struct {
    Run *run;
    const VerifyRequest *request;
    const GPtrArray *path;
    const Backup *wanted;
    Tools tools; /* none for files */
    Rota *rota;
    Workshop workshop;
} Work;

static void work_clear(Work *work)
{
    tools_clear(&work->tools);
    g_clear_pointer(&work->rota, rota_free);
    workshop_clear(&work->workshop);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

static gboolean open_work(Work *work, GError **error)
{
    ProofLevel level = work->request->level;
    if (!workshop_open(work->run, work->wanted->id, &work->workshop, error))
        return FALSE;
    if (level < PROOF_PREPARE)
        return TRUE;
    if (!tools_find(work->run, work->wanted, level, &work->tools, error))
        return FALSE;
    if (level >= PROOF_SERVER && work->run->records) {
        g_autofree char *directory = run_state_path(work->run, "");
        work->rota = rota_open(directory);
    }
    return TRUE;
}

/*
 * The rolling base follows the newest link; other backups are proven on a copy of their own, and so
 * is what a proof has condemned.  Where it holds the very link already, a proof of `prepare` would
 * find out nothing on it.
 */
static ProofBase choose_base(const Work *work)
{
    const GPtrArray *backups = work->run->catalog->backups;
    const Backup *wanted = work->wanted;
    if (!work->run->config->rolling_base || !work->run->records ||
        wanted != chain_newest_link(backups) || !chain_sound(backups, wanted, NULL))
        return BASE_FRESH;
    gboolean distrusted = wanted->proof_failed != PROOF_NONE;
    gboolean repeated = work->request->level == PROOF_PREPARE && wanted->proof >= PROOF_PREPARE;
    return work->request->anew || distrusted || repeated ? BASE_ANEW : BASE_ROLLING;
}

/* Before a link's reading is too old it is read again; the last quarter of the time is for that. */
static int64_t reread_before(const Run *run)
{
    return clock_now() - run->config->reread_every / 4 * 3;
}

static ProofSpec proof_spec(const Work *work)
{
    const InstanceConfig *config = work->run->config;
    int64_t budget_s = work->request->max_time_s;
    return (ProofSpec){
        .shelf = work->run->shelf,
        .path = work->path,
        .level = work->request->level,
        .base = choose_base(work),
        .reread_before = reread_before(work->run),
        .engine = work->tools.engine,
        .directory = work->workshop.directory,
        .command = work->run->command,
        .memory = config->prepare_memory,
        .workers = config_workers(config),
        .options = work->tools.prepare_options,
        .stall_timeout_s = config->stall_timeout,
        .log_path = work->workshop.log_path,
        .server_binary = config->server_binary,
        .server_options = work->tools.server_options,
        .canary_schema = config->canary_schema,
        .asserts = config->asserts,
        .rota = work->rota,
        .until_us = budget_s > 0 ? g_get_monotonic_time() + budget_s * G_USEC_PER_SEC : 0,
    };
}

static gboolean prove(const Work *work, ProofResult *result, GError **error)
{
    g_autofree char *what = g_strdup_printf("verifying %s", work->wanted->id);
    Progress progress = progress_start(what, verify_stored_bytes(work->path));
    ProofSpec spec = proof_spec(work);
    spec.tick = progress_tick;
    spec.data = &progress;
    gboolean done = proof_run(&spec, result, error);
    progress_end();
    settle_log(work->run, &work->workshop, result, done);
    return done;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell_failure(const Run *run, const ProofResult *result, const Backup *wanted,
                         const char *reason)
{
    const char *link = result->failed->id;
    g_autofree char *failed = g_strdup_printf("the test restore of %s failed at level %s",
                                              wanted->id, proof_level_word(result->failed_level));
    run_raise(run, EVENT_PROOF_FAILED, link, "proof", failed, reason);
    if (result->failed_level > PROOF_PREPARE)
        return;
    g_autofree char *broken = g_strdup_printf("the chain is broken at %s", link);
    run_raise(run, EVENT_CHAIN_BROKEN, link, "proof", broken, reason);
}

/* Reading files is no test restore, unless nothing more is ever done here. */
static gboolean is_test_restore(const Run *run, ProofLevel reached)
{
    return reached >= PROOF_PREPARE || run->config->verify_after == PROOF_FILES;
}

/*
 * The alarm ends when the newest backup passed and nothing is left against it: an older one may be
 * fine beside a bad one, and reading files does not lift what a prepare condemned.
 */
static void tell_success(const Run *run, const char *id, ProofLevel reached)
{
    const GPtrArray *backups = run->catalog->backups;
    const Backup *newest = backups->pdata[backups->len - 1];
    if (g_str_equal(newest->id, id) && newest->proof_failed == PROOF_NONE &&
        chain_sound(backups, newest, NULL)) {
        if (is_test_restore(run, reached))
            run_raise(run, EVENT_PROOF_RECOVERED, id, "", "the test restore passed", "");
        run_raise(run, EVENT_CHAIN_RECOVERED, id, "", "the newest chain is sound again", "");
    }
}

/* What the fence condemned may well prepare: to other rows than the server had. */
static gboolean check_trusted(const Run *run, const char *id, GError **error)
{
    g_autofree char *why = NULL;
    const Backup *backup = catalog_find(run->catalog, id);
    if (backup == NULL || chain_sound(run->catalog->backups, backup, &why))
        return TRUE;
    return fail(error, STATUS_CHAIN,
                "%s passed, but it must not be trusted: %s" HINT(
                    "take a full: lsnchain -i %s backup --type=full"),
                id, why, run->config->name);
}

/* An engine or a server that says no to a stored link is a failed verification. */
static gboolean fail_verdict(const Run *run, const Verdict *verdict, const GError *failure,
                             GError **error)
{
    g_autofree char *hint = error_hint(failure);
    if (verdict->failed == NULL || hint != NULL)
        return fail(error, verdict->failed != NULL ? STATUS_VERIFY : error_status(failure), "%s",
                    failure->message);
    if (verdict->failed_level > PROOF_PREPARE)
        return fail(error, STATUS_VERIFY,
                    "%s" HINT("it can still be restored; look whether the server has the same "
                              "fault. The next backup is a full"),
                    failure->message);
    return fail(error, STATUS_VERIFY,
                "%s" HINT("do not rely on it; the backups before it still restore. Take a full: "
                          "lsnchain -i %s backup --type=full"),
                failure->message, run->config->name);
}

/* Before anything is recorded: that makes a new catalog, and the links of the result go. */
static void fill_verdict(Verdict *verdict, const ProofResult *result)
{
    verdict->reached = result->reached;
    verdict->bytes_read = result->bytes_read;
    verdict->seconds = result->drill->took_us / G_USEC_PER_SEC;
    if (result->failed != NULL) {
        verdict->failed = g_strdup(result->failed->id);
        verdict->failed_level = result->failed_level;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* None of these fails the proof: what was found out stands, and is told. */
static void keep(const Work *work, const ProofResult *result, const char *reason, Verdict *verdict)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *build =
        work->tools.engine != NULL
            ? g_strdup_printf("%s %s", work->tools.engine->name, work->tools.engine->version)
            : g_strdup("");
    const Recording recording = {
        .run = work->run,
        .path = work->path,
        .result = result,
        .engine = build,
        .reason = reason,
        .at = clock_now(),
    };
    text_set(&result->drill->engine, build);
    text_set(&result->drill->failure, reason);
    result->drill->at = recording.at;
    if (result->failed != NULL)
        tell_failure(work->run, result, work->wanted, reason);
    if (!recording_write(work->run, &recording, &verdict->recorded, &failure))
        log_warning("the result could not be recorded: %s", failure->message);
    g_clear_error(&failure);
    if (work->run->records)
        history_note(work->run, result->drill);
}

static gboolean prove_and_record(Work *work, Verdict *verdict, GError **error)
{
    g_auto(ProofResult) result = {0};
    g_autoptr(GError) failure = NULL;
    gboolean proven = prove(work, &result, &failure);
    g_autofree char *reason = failure != NULL ? error_sentence(failure) : g_strdup("");
    fill_verdict(verdict, &result);
    work->run->spent.proof_seconds = MAX(0, work->run->spent.proof_seconds) + verdict->seconds;
    keep(work, &result, reason, verdict);
    verdict->drill = g_steal_pointer(&result.drill);
    verdict->exam = g_steal_pointer(&result.exam);
    if (!proven)
        return fail_verdict(work->run, verdict, failure, error);
    tell_success(work->run, verdict->id, verdict->reached);
    return check_trusted(work->run, verdict->id, error);
}

gboolean flow_verify(Run *run, const Backup *wanted, const VerifyRequest *request, Verdict *verdict,
                     GError **error)
{
    priority_lower(run->config->nice, run->config->io_priority);
    verdict->id = g_strdup(wanted->id);
    verdict->asked = request->level;
    g_autoptr(Lock) lock = NULL;
    if (!run_read_chain(run, &wanted, &lock, error))
        return FALSE;
    g_autoptr(GError) gap = NULL;
    g_autoptr(GPtrArray) path = chain_path(run->catalog->backups, wanted, &gap);
    if (path == NULL) {
        run_raise(run, EVENT_PROOF_FAILED, wanted->id, "parent-present",
                  "a link of the chain is gone", gap->message);
        return fail(error, STATUS_VERIFY, "%s", gap->message);
    }
    g_auto(Work) work = {.run = run, .request = request, .path = path, .wanted = wanted};
    return open_work(&work, error) && prove_and_record(&work, verdict, error);
}

/* ---- sabotage -------------------------------------------------------------------------------- */

gboolean flow_judge_sabotage(const GPtrArray *results, const char *id, GError **error)
{
    for (guint i = 0; i < results->len; i++) {
        const SabotageResult *result = results->pdata[i];
        if (!result->tried)
            log_warning("sabotage %s was not tried on %s: %s", result->name, id, result->told);
    }
    for (guint i = 0; i < results->len; i++) {
        const SabotageResult *result = results->pdata[i];
        if (result->tried && !result->noticed)
            return fail(error, STATUS_VERIFY,
                        "the proof of %s did not notice that %s" HINT(
                            "do not rely on proofs of this level; look at the engine's and the "
                            "server's versions, and report it"),
                        id, result->harm);
    }
    return TRUE;
}

GPtrArray *flow_sabotage(Run *run, const Backup *wanted, const VerifyRequest *request,
                         GError **error)
{
    g_autoptr(Lock) lock = NULL;
    if (!run_read_chain(run, &wanted, &lock, error))
        return NULL;
    g_autoptr(GPtrArray) path = chain_path(run->catalog->backups, wanted, error);
    if (path == NULL)
        return NULL;
    g_auto(Work) work = {.run = run, .request = request, .path = path, .wanted = wanted};
    if (!open_work(&work, error))
        return NULL;
    const ProofSpec spec = proof_spec(&work);
    GPtrArray *results = sabotage_run(&spec, error);
    (void)unlink(work.workshop.log_path);
    return results;
}
