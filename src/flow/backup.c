/* SPDX-License-Identifier: MIT */
#include "flow/backup.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/proc.h"
#include "base/units.h"
#include "catalog/tree.h"
#include "engine/datadir.h"
#include "flow/capture.h"
#include "flow/imported.h"
#include "flow/inspect.h"
#include "flow/plan.h"
#include "flow/publishing.h"
#include "flow/recover.h"
#include "flow/room.h"
#include "flow/tables.h"
#include "flow/timeline.h"
#include "model/chain.h"
#include "model/fence.h"

#include <fcntl.h>
#include <string.h>

enum {
    SERVER_TIMEOUT_S = 60,
    OTHER_BACKUP_WAIT_S = 15, /* less than the above */
    ID_WAIT_S = 5,
};

/* What was found out before the capture, and is only read from then on. */
typedef struct {
    Run *run;
    const BackupRequest *request;
    Login *login;
    Engine *engine;
    char **options;
    Observed before;
    uint64_t data_bytes;
    Plan plan;
    gboolean broke;  /* the fence broke before or after the capture */
    char *broke_why; /* all sentences */
} Work;

static void work_clear(Work *work)
{
    g_clear_pointer(&work->login, login_free);
    g_clear_pointer(&work->engine, engine_free);
    g_clear_pointer(&work->options, g_strfreev);
    observed_clear(&work->before);
    plan_clear(&work->plan);
    g_free(work->broke_why);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

void backup_outcome_clear(BackupOutcome *outcome)
{
    g_clear_pointer(&outcome->backup, backup_free);
    plan_clear(&outcome->plan);
    verdict_clear(&outcome->verdict);
    expire_outcome_clear(&outcome->expired);
}

/* ---- look ------------------------------------------------------------------------------------ */

/* Now, not after hours of copying. */
static gboolean check_rsync(const InstanceConfig *config, GError **error)
{
    g_autoptr(GError) missing = NULL;
    g_autofree char *rsync = proc_find(config->rsync, &missing);
    return rsync != NULL || fail(error, STATUS_REFUSED, "%s", missing->message);
}

/* One that fits this server, and the options that the user gave it. */
static gboolean find_engine(Work *work, const ServerFacts *facts, GError **error)
{
    const InstanceConfig *config = work->run->config;
    EngineServer server = facts->mariadb ? ENGINE_FOR_MARIADB : ENGINE_FOR_MYSQL;
    work->engine = engine_find(config->engine, server, error);
    if (work->engine == NULL)
        return FALSE;
    work->options =
        engine_check_options(work->engine, config->engine_options, ENGINE_FOR_CAPTURE, error);
    return work->options != NULL &&
           engine_fits(work->engine, facts->version, facts->mariadb, error) &&
           engine_check_checkpoint_first(work->engine, config->checkpoint_first, error);
}

static gboolean look(Work *work, GError **error)
{
    const InstanceConfig *config = work->run->config;
    if (!check_rsync(config, error))
        return FALSE;
    work->login = login_read(config->defaults_file, error);
    const ServerFacts *facts = &work->before.facts;
    g_autoptr(Server) server =
        work->login != NULL ? server_connect(work->login, SERVER_TIMEOUT_S, error) : NULL;
    if (server == NULL || !server_facts(server, &work->before.facts, error))
        return FALSE;
    Inspection inspection = {
        .server = server,
        .facts = facts,
        .login = work->login,
        .backups = work->run->catalog->backups,
        .sample_us = G_USEC_PER_SEC / 10,
        .wait_s = work->request->dry_run ? 0 : OTHER_BACKUP_WAIT_S,
    };
    /* whom the server takes for somebody else lacks privileges too, and that would mislead */
    if (!inspect_one(&inspect_user, &inspection, error) || !find_engine(work, facts, error) ||
        !datadir_check_readable(facts, error) ||
        !observe_privileges(server, work->engine, config->checkpoint_first, error))
        return FALSE;
    inspection.engine = work->engine;
    inspection.options = work->options;
    if (!inspect_all(&inspection, error))
        return FALSE;
    server_facts_clear(&work->before.facts);
    return observe(server, &work->before, error) &&
           server_data_bytes(server, &work->data_bytes, error);
}

/* ---- plan ------------------------------------------------------------------------------------ */

/* An incremental was planned, and does not fit: a full takes its place, unless it was insisted on.
 */
static gboolean give_up_parent(Work *work, const char *rule, const char *sentence, const char *all,
                               GError **error)
{
    const char *parent = work->plan.parent->id;
    if (work->request->want == WANT_INCREMENTAL)
        return fail(
            error, STATUS_CHAIN,
            "no incremental fits %s: %s" HINT("take a full: lsnchain -i %s backup --type=full"),
            parent, all, work->run->config->name);
    log_warning("no incremental fits %s, so a full is taken: %s", parent, all);
    plan_turn_full(&work->plan, rule, sentence);
    return TRUE;
}

static void tell_break(Work *work, const char *rule, const char *why)
{
    work->broke = TRUE;
    g_free(work->broke_why);
    work->broke_why = g_strdup(why);
    if (!work->request->dry_run)
        run_raise(work->run, EVENT_CHAIN_BROKEN, work->plan.parent->id, rule,
                  "the chain is broken: no incremental fits its newest link", why);
}

/* Part of `parent-present`: what the engine will be given of the parent can be read, and agrees. */
static gboolean check_parent_files(Work *work, gboolean *readable, GError **error)
{
    static const char rule[] = "parent-present";
    g_autoptr(GError) failure = NULL;
    g_autofree char *checkpoints =
        capture_parent_checkpoints(work->run, work->engine, work->plan.parent, &failure);
    *readable = checkpoints != NULL;
    if (*readable)
        return TRUE;
    g_autofree char *sentence = error_sentence(failure);
    tell_break(work, rule, sentence);
    return give_up_parent(work, rule, sentence, sentence, error);
}

static gboolean apply_fence(Work *work, GError **error)
{
    if (work->plan.type == BACKUP_FULL)
        return TRUE;
    gboolean readable = FALSE;
    if (!check_parent_files(work, &readable, error) || !readable)
        return work->plan.type == BACKUP_FULL;
    const Backup *parent = work->plan.parent;
    const EngineBuild taken = {parent->engine, parent->engine_version, parent->server_version};
    const EngineBuild next = engine_build(work->engine, work->before.facts.version);
    Witness witness = observed_witness(&work->before);
    g_autofree char *why = NULL;
    if (!engine_extends(&taken, &next, &why))
        witness.cannot_extend = why;
    if (!timeline_of_parent(work->run->config, work->login, parent, &witness.canary, error))
        return FALSE;

    g_autofree char *too_long = tables_too_long(&work->before);
    if (too_long != NULL)
        return give_up_parent(work, "name-length", too_long, too_long, error);
    g_autofree char *imported = imported_since(parent, &work->before);
    if (imported != NULL)
        return give_up_parent(work, "imported", imported, imported, error);

    g_autoptr(GPtrArray) breaches =
        fence_before_capture(work->run->catalog->backups, parent, &witness);
    const Breach *gravest = fence_gravest(breaches);
    if (gravest == NULL)
        return TRUE;
    g_autofree char *text = fence_text(breaches);
    if (fence_broken(breaches))
        tell_break(work, gravest->rule, text);
    return give_up_parent(work, gravest->rule, gravest->sentence, text, error);
}

static gboolean make_plan(Work *work, Want want, GError **error)
{
    plan_clear(&work->plan);
    if (!plan_next(work->run, want, &work->plan, error))
        return FALSE;
    if (work->plan.too_slow)
        log_warning("a restore takes longer than restore_within, and a full would not change that: "
                    "see lsnchain -i %s status",
                    work->run->config->name);
    if (g_str_equal(work->plan.rule, "not-sound") && !work->request->dry_run) {
        log_warning("the newest chain is not sound, so a full is taken: %s", work->plan.reason);
        work->broke = TRUE;
        run_raise_once(work->run, EVENT_CHAIN_BROKEN, "not-sound", "the newest chain is not sound",
                       work->plan.reason);
    }
    return apply_fence(work, error);
}

/* ---- room ------------------------------------------------------------------------------------ */

static gboolean check_room(const Work *work, GError **error)
{
    Finding *finding =
        room_for(work->run, work->run->catalog->backups, &work->plan, work->data_bytes, error);
    if (finding != NULL && finding->weight == FINDING_REFUSES)
        run_raise(work->run, EVENT_SPACE_LOW, "", "", "there is no room for the next backup",
                  finding->text);
    return inspect_accept("space", finding, error);
}

/* ---- id -------------------------------------------------------------------------------------- */

/* Ids of an instance only grow, whatever the clock does. */
static gboolean choose_id(const Work *work, char **id, GError **error)
{
    const GPtrArray *backups = work->run->catalog->backups;
    const Backup *newest = backups->len > 0 ? backups->pdata[backups->len - 1] : NULL;
    int64_t last = 0;
    BackupType type = BACKUP_FULL;
    if (newest != NULL && !backup_parse_id(newest->id, &last, &type))
        return fail(error, STATUS_CATALOG, "%s is not a backup id", newest->id);
    int64_t behind = last + 1 - clock_now();
    if (behind > ID_WAIT_S) {
        g_autofree char *by = units_duration(behind);
        run_raise(work->run, EVENT_CLOCK_MOVED, newest->id, "", "the clock runs behind",
                  "a backup's id would be older than that of the newest backup");
        return fail(error, STATUS_REFUSED,
                    "the clock is %s behind the newest backup %s" HINT("set the clock right"), by,
                    newest->id);
    }
    while (clock_now() <= last)
        g_usleep(G_USEC_PER_SEC / 10);
    *id = backup_make_id(clock_now(), work->plan.type);
    return TRUE;
}

/* ---- capture and publish --------------------------------------------------------------------- */

static void fence_in(Work *work, Capture *capture)
{
    const Witness before = observed_witness(&work->before);
    const Witness after = observed_witness(&capture->after);
    g_autoptr(GPtrArray) breaches = fence_after_capture(
        work->run->catalog->backups, work->plan.parent, capture->backup, &before, &after);
    const Breach *gravest = fence_gravest(breaches);
    if (gravest == NULL)
        return;
    g_free(work->broke_why);
    work->broke_why = breaches->len == 1 ? g_strdup(gravest->sentence) : fence_text(breaches);
    work->broke = TRUE;
    backup_quarantine(capture->backup, gravest->rule, work->broke_why, clock_now());
}

/* For the display of progress: an incremental is mostly as large as the last one. */
static uint64_t expected_stream(const Work *work)
{
    const GPtrArray *backups = work->run->catalog->backups;
    for (guint i = backups->len; work->plan.type == BACKUP_INCREMENTAL && i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (backup->type == BACKUP_INCREMENTAL)
            return backup->bytes_plain;
    }
    return work->plan.type == BACKUP_FULL ? work->data_bytes : 0;
}

/* What cannot be published now would not be tomorrow either, and its room is needed. */
static void drop_unpublished(const Run *run, const char *id)
{
    g_autofree char *incoming = shelf_incoming(id);
    g_autoptr(GError) left = NULL;
    if (!files_remove_tree(run->shelf->fd, incoming, &left) || !capture_remove(run, id, &left))
        log_warning("%s", left->message);
}

static void note_spent(Run *run, const Backup *backup, int64_t publishing)
{
    RunSpent *spent = &run->spent;
    spent->capture_seconds = MAX(0, backup->finished - backup->started);
    spent->publish_seconds = (g_get_monotonic_time() - publishing) / G_USEC_PER_SEC;
    spent->bytes_plain = backup->bytes_plain;
    spent->bytes_stored = backup->bytes_stored;
    spent->bytes_new = backup->bytes_new;
}

static gboolean capture_and_publish(Work *work, BackupOutcome *outcome, GError **error)
{
    g_autofree char *id = NULL;
    if (!choose_id(work, &id, error))
        return FALSE;
    log_detail("%s %s%s%s", backup_type_word(work->plan.type), id,
               *work->plan.reason != '\0' ? ": " : "", work->plan.reason);
    g_autofree char *canary = NULL;
    if (!timeline_begin(work->run->config, work->login, &work->before.facts, id, &canary, error))
        return FALSE;
    /* the first canary makes a schema, and the server decides who may read its directory */
    if (*canary != '\0' && !datadir_check_readable(&work->before.facts, error))
        return FALSE;
    const CaptureSpec spec = {
        .run = work->run,
        .engine = work->engine,
        .login = work->login,
        .plan = &work->plan,
        .id = id,
        .canary = canary,
        .before = &work->before,
        .options = work->options,
        .expected_bytes = expected_stream(work),
    };
    g_auto(Capture) capture = {0};
    if (!capture_take(&spec, &capture, error))
        return FALSE;
    fence_in(work, &capture);
    if (capture.backup->state == STATE_QUARANTINED &&
        !tree_write_marks(work->run->shelf, capture.backup, error))
        return FALSE;
    int64_t publishing = g_get_monotonic_time();
    if (!publishing_run(work->run, capture.backup, capture.path, &outcome->published, error)) {
        g_prefix_error(error, "cannot publish %s: ", id);
        drop_unpublished(work->run, id);
        return FALSE;
    }
    note_spent(work->run, capture.backup, publishing);
    g_clear_pointer(&outcome->backup, backup_free);
    outcome->backup = backup_copy(catalog_find(work->run->catalog, id));
    return TRUE;
}

static gboolean tell_break_after(const Work *work, const BackupOutcome *outcome, GError **error)
{
    const Backup *backup = outcome->backup;
    run_raise(work->run, EVENT_CHAIN_BROKEN, backup->id, backup->rule,
              "a capture does not fit its parent", backup->reason);
    return fail(error, STATUS_CHAIN,
                "%s was taken, but it does not fit and is quarantined: %s" HINT(
                    "the next run takes a full; links before it stay restorable"),
                backup->id, backup->reason);
}

/* The parent belongs to the catalog that was read under the lock; publishing reads a new one. */
static gboolean take_under_lock(Work *work, BackupOutcome *outcome, GError **error)
{
    if (!capture_and_publish(work, outcome, error))
        return FALSE;
    if (outcome->backup->state != STATE_QUARANTINED)
        return TRUE;
    if (work->run->config->full_after_break == FULL_AFTER_BREAK_NEXT ||
        work->plan.type == BACKUP_FULL)
        return tell_break_after(work, outcome, error);

    g_autoptr(GError) broken = NULL;
    (void)tell_break_after(work, outcome, &broken);
    g_autofree char *sentence = error_sentence(broken);
    log_warning("%s; a full follows at once", sentence);
    plan_turn_full(&work->plan, g_intern_string(outcome->backup->rule), outcome->backup->reason);
    observed_clear(&work->before);
    g_autoptr(Server) server = server_connect(work->login, SERVER_TIMEOUT_S, error);
    if (server == NULL || !observe(server, &work->before, error) ||
        !capture_and_publish(work, outcome, error))
        return FALSE;
    return outcome->backup->state != STATE_QUARANTINED || tell_break_after(work, outcome, error);
}

static gboolean run_locked(Work *work, BackupOutcome *outcome, GError **error)
{
    Run *run = work->run;
    if (!run_lock(run, error) || !flow_recover(run, error) || !look(work, error) ||
        !make_plan(work, work->request->want, error) || !check_room(work, error))
        return FALSE;
    crash_point("backup.planned");
    return take_under_lock(work, outcome, error);
}

static void tell_success(const Work *work, const BackupOutcome *outcome)
{
    const Backup *backup = outcome->backup;
    run_raise(work->run, EVENT_BACKUP_RECOVERED, backup->id, "", "backups succeed again", "");
    run_raise(work->run, EVENT_SPACE_RECOVERED, backup->id, "", "there was room for a backup", "");
    run_raise(work->run, EVENT_CLOCK_RECOVERED, backup->id, "", "the clock runs ahead again", "");
    if (backup->type == BACKUP_FULL)
        run_raise(work->run, EVENT_CHAIN_RECOVERED, backup->id, "", "a new full starts a chain",
                  backup->full_reason);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static gboolean dry_run(Work *work, BackupOutcome *outcome, GError **error)
{
    if (!look(work, error) || !make_plan(work, work->request->want, error))
        return FALSE;
    outcome->plan = work->plan;
    outcome->plan.reason = g_strdup(work->plan.reason);
    return TRUE;
}

static gboolean prove(const Work *work, BackupOutcome *outcome, GError **error)
{
    ProofLevel level = (ProofLevel)work->run->config->verify_after;
    const Backup *backup = catalog_find(work->run->catalog, outcome->backup->id);
    if (level == PROOF_NONE || backup == NULL)
        return TRUE;
    const VerifyRequest request = {.level = level,
                                   .max_time_s = work->run->config->verify_max_time};
    outcome->verified = TRUE;
    g_autoptr(GError) failure = NULL;
    gboolean proven = flow_verify(work->run, backup, &request, &outcome->verdict, &failure);
    const Backup *again = catalog_find(work->run->catalog, outcome->verdict.id);
    if (again != NULL) {
        g_clear_pointer(&outcome->backup, backup_free);
        outcome->backup = backup_copy(again);
    }
    if (proven)
        return TRUE;
    if (outcome->verdict.failed != NULL)
        return fail(error, STATUS_VERIFY, "%s was taken, but its proof failed: %s",
                    outcome->verdict.id, failure->message);
    log_warning("%s was taken, but its proof could not be done: %s", outcome->verdict.id,
                failure->message);
    return TRUE;
}

static gboolean take(Work *work, BackupOutcome *outcome, GError **error)
{
    Run *run = work->run;
    int64_t started = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    gboolean taken = run_locked(work, outcome, &failure);
    run_unlock(run);
    outcome->seconds = (g_get_monotonic_time() - started) / G_USEC_PER_SEC;
    if (taken) {
        tell_success(work, outcome);
        return TRUE;
    }
    const char *backup = outcome->backup != NULL ? outcome->backup->id : "";
    if (!work->broke || error_status(failure) != STATUS_CHAIN) /* that alarm is out already */
        run_raise(run, EVENT_BACKUP_FAILED, backup, "", "the backup failed", failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/*
 * Under heavy DDL an engine now and then makes a full that says "completed OK!" and cannot be
 * prepared; the next attempt is mostly good.
 */
static gboolean is_worth_another(const BackupOutcome *outcome)
{
    return outcome->backup != NULL && outcome->backup->type == BACKUP_FULL &&
           outcome->verdict.failed != NULL && outcome->verdict.failed_level <= PROOF_PREPARE &&
           g_str_equal(outcome->verdict.failed, outcome->backup->id);
}

static gboolean take_and_prove(Run *run, const BackupRequest *request, BackupOutcome *outcome,
                               GError **error)
{
    g_auto(Work) work = {.run = run, .request = request};
    if (request->dry_run)
        return dry_run(&work, outcome, error);
    g_autoptr(GError) failure = NULL;
    if (!take(&work, outcome, error))
        return FALSE;
    if (prove(&work, outcome, &failure))
        return TRUE;
    if (!is_worth_another(outcome)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autofree char *sentence = error_sentence(failure);
    log_warning("%s; a full is tried once more", sentence);
    const BackupRequest again = {.want = WANT_FULL};
    g_auto(Work) second = {.run = run, .request = &again};
    backup_outcome_clear(outcome);
    *outcome = (BackupOutcome){0};
    return take(&second, outcome, error) && prove(&second, outcome, error);
}

gboolean flow_backup(Run *run, const BackupRequest *request, BackupOutcome *outcome, GError **error)
{
    priority_lower(run->config->nice, run->config->io_priority);
    if (!take_and_prove(run, request, outcome, error))
        return FALSE;
    if (!request->dry_run)
        flow_expire_after(run, &outcome->expired);
    return TRUE;
}
