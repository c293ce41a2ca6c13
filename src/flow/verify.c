/* SPDX-License-Identifier: MIT */
#include "flow/verify.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "catalog/tree.h"
#include "flow/failed.h"
#include "flow/progress.h"
#include "model/chain.h"
#include "repo/contents.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

void verdict_clear(Verdict *verdict)
{
    g_clear_pointer(&verdict->id, g_free);
    g_clear_pointer(&verdict->failed, g_free);
}

/* What a proof found, on its way into the marks. */
typedef struct {
    const Run *run;
    const GPtrArray *path;
    const ProofResult *result;
    const char *engine;       /* "mariadb-backup 10.11.19-MariaDB"; "" for files */
    const char *reason;       /* of a failure */
    const GPtrArray *damaged; /* names of the failed link's bad files; NULL: none */
    int64_t at;
} Finding;

static void note_failure(Backup *backup, const Finding *finding)
{
    ProofLevel level = finding->result->failed_level;
    backup->proof = MIN(backup->proof, level - 1);
    backup->proof_failed = level;
    backup->proof_failed_at = finding->at;
    backup_set_text(&backup->proof_failed_reason, finding->reason);
    if (backup->state == STATE_COMPLETE)
        backup_quarantine(backup, "proof", finding->reason, finding->at);
}

static void note_success(Backup *backup, const Finding *finding, gboolean is_last)
{
    const ProofResult *result = finding->result;
    if (result->reached >= backup->proof_failed) {
        backup->proof_failed = PROOF_NONE;
        backup->proof_failed_at = 0;
        backup_set_text(&backup->proof_failed_reason, "");
    }
    /* what only a proof had condemned, a proof at `prepare` or above lifts */
    if (result->reached >= PROOF_PREPARE && backup->state == STATE_QUARANTINED &&
        g_str_equal(backup->rule, "proof")) {
        backup->state = STATE_COMPLETE;
        backup->quarantined_at = 0;
        backup_set_text(&backup->rule, "");
        backup_set_text(&backup->reason, "");
    }
    if (result->reached < backup->proof || (!is_last && result->reached == backup->proof))
        return;
    backup->proof = result->reached;
    backup->proof_at = finding->at;
    backup->proof_seconds = is_last ? (uint64_t)result->seconds : 0;
    backup_set_text(&backup->proof_engine, finding->engine);
}

/*
 * Links of a path that was prepared to its end were each prepared on the way; how long that took is
 * known of the last one only.
 */
static void note_link(Backup *backup, const Finding *finding, guint index)
{
    const ProofResult *result = finding->result;
    if (index < result->links_read)
        backup->files_at = finding->at;
    if (result->failed != NULL && g_str_equal(result->failed->id, backup->id))
        note_failure(backup, finding);
    else if (result->failed == NULL)
        note_success(backup, finding, index + 1 == finding->path->len);
}

/* One inode may stand in many generations: who holds a damaged one is damaged too. */
static gboolean holds_damage(const Finding *finding, const Backup *backup, char **name)
{
    autofd int failed_fd =
        shelf_open_backup(finding->run->shelf, finding->result->failed->id, NULL);
    autofd int fd = shelf_open_backup(finding->run->shelf, backup->id, NULL);
    for (guint i = 0; failed_fd >= 0 && fd >= 0 && i < finding->damaged->len; i++) {
        struct stat bad;
        struct stat own;
        *name = finding->damaged->pdata[i];
        if (fstatat(failed_fd, *name, &bad, AT_SYMLINK_NOFOLLOW) == 0 &&
            fstatat(fd, *name, &own, AT_SYMLINK_NOFOLLOW) == 0 && bad.st_ino == own.st_ino)
            return TRUE;
    }
    return FALSE;
}

static gboolean note_shared_damage(const Catalog *catalog, const Finding *finding, GError **error)
{
    for (guint i = 0; i < catalog->backups->len; i++) {
        Backup *backup = catalog->backups->pdata[i];
        char *name = NULL;
        if (backup->state != STATE_COMPLETE || !holds_damage(finding, backup, &name))
            continue;
        if (!tree_read_marks(finding->run->shelf, backup, error))
            return FALSE;
        g_autofree char *reason = g_strdup_printf("shares the damaged file %s with %s", name,
                                                  finding->result->failed->id);
        backup_quarantine(backup, "proof", reason, finding->at);
        backup->proof = PROOF_NONE;
        backup->proof_failed = PROOF_FILES;
        backup->proof_failed_at = finding->at;
        backup_set_text(&backup->proof_failed_reason, reason);
        if (!tree_write_marks(finding->run->shelf, backup, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean record(Catalog *catalog, void *data, GError **error)
{
    const Finding *finding = data;
    for (guint i = 0; i < finding->path->len; i++) {
        const Backup *link = finding->path->pdata[i];
        Backup *backup = catalog_find(catalog, link->id);
        if (backup == NULL) /* removed meanwhile: nothing to say of it */
            continue;
        /* the tree may be ahead of the catalog: a run was killed between the two */
        if (!tree_read_marks(finding->run->shelf, backup, error))
            return FALSE;
        note_link(backup, finding, i);
        if (!tree_write_marks(finding->run->shelf, backup, error))
            return FALSE;
        crash_point("verify.marked");
    }
    return finding->damaged == NULL || note_shared_damage(catalog, finding, error);
}

Engine *verify_find_engine(const Run *run, const Backup *backup, GError **error)
{
    const char *wanted =
        g_str_equal(run->config->engine, "auto") ? backup->engine : run->config->engine;
    g_autoptr(Engine) engine = engine_find(wanted, ENGINE_FOR_ANY, error);
    if (engine == NULL)
        return NULL;
    const EngineBuild taken = {backup->engine, backup->engine_version, backup->server_version};
    const EngineBuild ours = engine_build(engine, backup->server_version);
    g_autofree char *why = NULL;
    if (!engine_extends(&taken, &ours, &why)) {
        (void)fail(error, STATUS_UNFIT,
                   "%s cannot prepare %s: %s" HINT("install the engine that took it"), engine->path,
                   backup->id, why);
        return NULL;
    }
    return g_steal_pointer(&engine);
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
    char *directory;
    char *log_path;
    gboolean ours; /* made for this proof, for nothing may be left in another's repository */
} Workshop;

static void workshop_clear(Workshop *workshop)
{
    g_autoptr(GError) error = NULL;
    if (workshop->ours && !files_remove_tree(AT_FDCWD, workshop->directory, &error))
        log_warning("%s", error->message);
    g_free(workshop->directory);
    g_free(workshop->log_path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Workshop, workshop_clear)

static gboolean workshop_open(const Run *run, const char *id, Workshop *workshop, GError **error)
{
    workshop->ours = !run->records;
    workshop->directory =
        run->records ? run_proof_dir(run) : g_dir_make_tmp("lsnchain-verify-XXXXXX", NULL);
    if (workshop->directory == NULL) {
        workshop->ours = FALSE;
        return fail_storage(error, "cannot make a directory in %s", g_get_tmp_dir());
    }
    workshop->log_path = run->records ? failed_log_path(run, id, ".verify.log", error)
                                      : g_build_filename(workshop->directory, "engine.log", NULL);
    return workshop->log_path != NULL;
}

/* The log of a prepare that failed is worth keeping; elsewhere than in a directory that goes. */
static void settle_log(const Run *run, const Workshop *workshop, const ProofResult *result,
                       gboolean done)
{
    gboolean telling = !done && result->failed != NULL && result->failed_level == PROOF_PREPARE;
    if (!telling) {
        if (unlink(workshop->log_path) < 0 && errno != ENOENT)
            log_warning("cannot remove %s: %s", workshop->log_path, g_strerror(errno));
    } else if (!workshop->ours) {
        log_notice("what the engine said is in %s", workshop->log_path);
        failed_log_prune(run);
    }
}

static gboolean prove(const Run *run, const GPtrArray *path, ProofLevel level, const Engine *engine,
                      ProofResult *result, GError **error)
{
    const InstanceConfig *config = run->config;
    const Backup *last = path->pdata[path->len - 1];
    g_auto(Workshop) workshop = {0};
    if (!workshop_open(run, last->id, &workshop, error))
        return FALSE;
    g_auto(GStrv) options = NULL;
    if (engine != NULL) {
        options = engine_check_options(engine, config->prepare_options, ENGINE_FOR_PREPARE, error);
        if (options == NULL)
            return FALSE;
    }
    g_autofree char *what = g_strdup_printf("verifying %s", last->id);
    Progress progress = progress_start(what, verify_stored_bytes(path));
    const ProofSpec spec = {
        .shelf = run->shelf,
        .path = path,
        .level = level,
        .engine = engine,
        .directory = workshop.directory,
        .memory = config->prepare_memory,
        .workers = config->parallel,
        .options = options,
        .stall_timeout_s = config->stall_timeout,
        .log_path = workshop.log_path,
        .tick = progress_tick,
        .data = &progress,
    };
    gboolean done = proof_run(&spec, result, error);
    progress_end();
    settle_log(run, &workshop, result, done);
    return done;
}

static void tell_failure(const Run *run, const ProofResult *result, const Backup *wanted,
                         const char *reason)
{
    const char *link = result->failed->id;
    g_autofree char *failed = g_strdup_printf("the test restore of %s failed at level %s",
                                              wanted->id, proof_level_word(result->failed_level));
    g_autofree char *broken = g_strdup_printf("the chain is broken at %s", link);
    run_raise(run, EVENT_PROOF_FAILED, link, "proof", failed, reason);
    run_raise(run, EVENT_CHAIN_BROKEN, link, "proof", broken, reason);
}

/*
 * The alarm ends when the newest backup passed and nothing is left against it: an older one may be
 * fine beside a bad one, and reading files does not lift what a prepare condemned.
 */
static void tell_success(const Run *run, const char *id)
{
    const GPtrArray *backups = run->catalog->backups;
    const Backup *newest = backups->pdata[backups->len - 1];
    if (g_str_equal(newest->id, id) && newest->proof_failed == PROOF_NONE &&
        chain_sound(backups, newest, NULL)) {
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

static void fill_verdict(Verdict *verdict, const ProofResult *result)
{
    verdict->reached = result->reached;
    verdict->bytes_read = result->bytes_read;
    verdict->seconds = result->seconds;
    if (result->failed != NULL) {
        verdict->failed = g_strdup(result->failed->id);
        verdict->failed_level = result->failed_level;
    }
}

/* Only what passed, or blames a link, is a finding; no space or no engine says nothing of it. */
static gboolean record_finding(Run *run, const Finding *finding, Verdict *verdict, GError **error)
{
    const ProofResult *result = finding->result;
    if (!run->records || (result->failed == NULL && result->reached == PROOF_NONE))
        return TRUE;
    Finding copy = *finding;
    verdict->recorded = run_change(run, record, &copy, error);
    return verdict->recorded;
}

/* Every bad file of the link that failed, not only the first one met. */
static GPtrArray *find_damage(const Run *run, const ProofResult *result)
{
    if (result->failed == NULL || result->failed_level != PROOF_FILES)
        return NULL;
    const Backup *link = result->failed;
    autofd int fd = shelf_open_backup(run->shelf, link->id, NULL);
    g_autoptr(GPtrArray) sums = fd >= 0 ? sums_read(fd, link->id, link->sums, NULL) : NULL;
    return sums != NULL ? contents_damaged(fd, sums) : NULL;
}

static gboolean prove_and_record(Run *run, const GPtrArray *path, const Engine *engine,
                                 Verdict *verdict, GError **error)
{
    const Backup *wanted = path->pdata[path->len - 1];
    ProofResult result = {0};
    g_autoptr(GError) failure = NULL;
    gboolean proven = prove(run, path, verdict->asked, engine, &result, &failure);
    fill_verdict(verdict, &result);

    g_autofree char *reason = failure != NULL ? error_sentence(failure) : NULL;
    g_autoptr(GPtrArray) damaged = find_damage(run, &result);
    g_autofree char *build =
        engine != NULL ? g_strdup_printf("%s %s", engine->name, engine->version) : g_strdup("");
    const Finding finding = {
        .run = run,
        .path = path,
        .result = &result,
        .engine = build,
        .reason = reason != NULL ? reason : "",
        .damaged = damaged,
        .at = clock_now(),
    };
    if (result.failed != NULL)
        tell_failure(run, &result, wanted, finding.reason);
    g_autoptr(GError) unrecorded = NULL;
    if (!record_finding(run, &finding, verdict, &unrecorded))
        log_warning("the result could not be recorded: %s", unrecorded->message);
    if (proven) {
        tell_success(run, verdict->id);
        return check_trusted(run, verdict->id, error);
    }
    /* an engine that says no to a stored link is a failed verification */
    Status status = verdict->failed != NULL ? STATUS_VERIFY : error_status(failure);
    g_autofree char *hint = error_hint(failure);
    if (verdict->failed == NULL || hint != NULL)
        return fail(error, status, "%s", failure->message);
    return fail(error, status,
                "%s" HINT("do not rely on it; the backups before it still restore. Take a full: "
                          "lsnchain -i %s backup --type=full"),
                failure->message, run->config->name);
}

gboolean flow_verify(Run *run, const Backup *wanted, ProofLevel level, Verdict *verdict,
                     GError **error)
{
    verdict->id = g_strdup(wanted->id);
    verdict->asked = level;
    if (level > PROOF_HIGHEST)
        return fail(error, STATUS_VERIFY,
                    "level %s is not built yet, so it cannot be reached" HINT(
                        "the highest level is: --level=%s"),
                    proof_level_word(level), proof_level_word(PROOF_HIGHEST));
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
    g_autoptr(Engine) engine = NULL;
    if (level >= PROOF_PREPARE) {
        engine = verify_find_engine(run, wanted, error);
        if (engine == NULL)
            return FALSE;
    }
    return prove_and_record(run, path, engine, verdict, error);
}
