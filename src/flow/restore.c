/* SPDX-License-Identifier: MIT */
#include "flow/restore.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/history.h"
#include "flow/progress.h"
#include "flow/tools.h"
#include "flow/verify.h"
#include "model/chain.h"
#include "restore/restore.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

void restore_outcome_clear(RestoreOutcome *outcome)
{
    g_clear_pointer(&outcome->target, g_free);
}

/* USER[:GROUP]; without a group that of the user. */
static gboolean parse_owner(const char *text, RestoreSpec *spec, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    const struct passwd *user = getpwnam(parts[0]);
    if (user == NULL)
        return fail(error, STATUS_USAGE, "there is no user %s", parts[0]);
    spec->set_owner = TRUE;
    spec->user = user->pw_uid;
    spec->group = user->pw_gid;
    if (geteuid() != 0 && geteuid() != user->pw_uid)
        return fail(error, STATUS_RESTORE,
                    "only root can give files to %s" HINT(
                        "restore without --owner, then: sudo chown -R %s: DIR"),
                    parts[0], parts[0]);
    if (parts[1] == NULL || *parts[1] == '\0')
        return TRUE;
    const struct group *group = getgrnam(parts[1]);
    if (group == NULL)
        return fail(error, STATUS_USAGE, "there is no group %s", parts[1]);
    spec->group = group->gr_gid;
    return TRUE;
}

/* The last one whose data end at or before `time`; NULL: none. */
static const Backup *last_before(const Run *run, int64_t time)
{
    const GPtrArray *backups = run->catalog->backups;
    for (guint i = backups->len; i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (backup->data_until <= time && chain_sound(backups, backup, NULL))
            return backup;
    }
    return NULL;
}

/* Without archived binary logs no moment between two backups can be brought back. */
static gboolean refuse_time(const Run *run, const char *text, GError **error)
{
    int64_t time = 0;
    if (*text == '\0' || !clock_parse(text, &time))
        return fail(error, STATUS_USAGE,
                    "%s is no time" HINT("RFC 3339 with an offset, as 2026-11-22T02:00:00Z"), text);
    const Backup *before = last_before(run, time);
    if (before == NULL)
        return fail(error, STATUS_RESTORE, "no restorable backup ends before %s", text);
    g_autofree char *until = clock_format(before->data_until);
    return fail(error, STATUS_RESTORE,
                "binary logs are not archived, so the state at %s cannot be brought back; the last "
                "backup before it is %s, with the data of %s" HINT("lsnchain restore %s "
                                                                   "--target-dir=DIR"),
                text, before->id, until, before->id);
}

gboolean restore_check_sound(const Run *run, const Backup *backup, GError **error)
{
    g_autofree char *why = NULL;
    if (chain_sound(run->catalog->backups, backup, &why))
        return TRUE;
    const Backup *sound = chain_restorable_until(run->catalog->backups);
    return fail(error, STATUS_RESTORE, "%s cannot be restored: %s" HINT("restorable: %s"),
                backup->id, why, sound != NULL ? sound->id : "nothing");
}

const Backup *restore_find(const Run *run, const char *wanted, GError **error)
{
    const Backup *found = run_find(run, wanted, error);
    const Backup *sound = chain_restorable_until(run->catalog->backups);
    if (found == NULL || sound == NULL || sound == found || !g_str_equal(wanted, "latest"))
        return found;
    g_autofree char *why = NULL;
    if (!chain_sound(run->catalog->backups, found, &why))
        log_warning("the newest backup cannot be restored: %s", why);
    return sound;
}

static void fill_outcome(const Run *run, const Backup *backup, const GPtrArray *path,
                         const RestoreRequest *request, RestoreOutcome *outcome)
{
    outcome->backup = backup;
    outcome->proven = chain_proven(run->catalog->backups, backup, run_read_since(run));
    outcome->room = prepare_room(path);
    g_autoptr(Pace) pace = history_pace(run);
    outcome->forecast = forecast_path(pace, path);
    outcome->target = g_canonicalize_filename(request->target, NULL);
}

static RestoreSpec make_spec(const Run *run, const RestoreRequest *request, const char *target)
{
    return (RestoreSpec){
        .shelf = run->shelf,
        .target = target,
        .memory = request->memory != 0 ? request->memory : run->config->prepare_memory,
        .workers = config_workers(run->config),
        .stall_timeout_s = run->config->stall_timeout,
    };
}

/* A link that does not match is no end: an earlier one may do. */
static gboolean fail_restore(const RestoreOutcome *outcome, const GError *failure, GError **error)
{
    const Backup *link = outcome->prepared.failed;
    g_autofree char *hint = error_hint(failure);
    if (link == NULL || hint != NULL)
        return fail(error, error_status(failure), "%s", failure->message);
    return fail(error, error_status(failure),
                "%s" HINT("run: lsnchain verify %s; the backups before it may still restore"),
                failure->message, link->id);
}

/* A restore is a drill too: the next forecast learns from it. */
static void keep_drill(const Run *run, Drill *drill, const Engine *engine, int64_t took_us,
                       const GError *failure)
{
    if (cancel_signal() != 0)
        return;
    drill->at = clock_now();
    drill->fresh = TRUE;
    drill->took_us = took_us;
    g_autofree char *build = g_strdup_printf("%s %s", engine->name, engine->version);
    g_autofree char *sentence = failure != NULL ? error_sentence(failure) : g_strdup("");
    text_set(&drill->engine, build);
    text_set(&drill->host, g_get_host_name());
    text_set(&drill->failure, sentence);
    history_note(run, drill);
}

static gboolean restore_with(const Run *run, RestoreSpec *spec, const RestoreRequest *request,
                             RestoreOutcome *outcome, GError **error)
{
    if (!restore_check_target(spec, error))
        return FALSE;
    request->announce(outcome, request->data);
    if (request->dry_run)
        return TRUE;
    g_autofree char *what = g_strdup_printf("restoring %s", outcome->backup->id);
    Progress progress = progress_start(what, verify_stored_bytes(spec->path));
    spec->tick = progress_tick;
    spec->data = &progress;
    const Backup *backup = outcome->backup;
    g_autoptr(Drill) drill = drill_new(backup->id, backup->chain, DRILL_RESTORE);
    spec->drill = drill;
    int64_t started = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    outcome->restored = restore_run(spec, &outcome->prepared, &failure);
    progress_end();
    int64_t took_us = g_get_monotonic_time() - started;
    outcome->seconds = took_us / G_USEC_PER_SEC;
    keep_drill(run, drill, spec->engine, took_us, failure);
    return outcome->restored || fail_restore(outcome, failure, error);
}

gboolean flow_restore(Run *run, const Backup *backup, const RestoreRequest *request,
                      RestoreOutcome *outcome, GError **error)
{
    if (request->to_time != NULL)
        return refuse_time(run, request->to_time, error);
    g_autofree char *target = g_canonicalize_filename(request->target, NULL);
    RestoreSpec spec = make_spec(run, request, target);
    if (request->owner != NULL && !parse_owner(request->owner, &spec, error))
        return FALSE;
    g_autoptr(Lock) lock = NULL;
    if (!run_read_chain(run, &backup, &lock, error) || !restore_check_sound(run, backup, error))
        return FALSE;
    g_autoptr(GPtrArray) path = chain_path(run->catalog->backups, backup, error);
    g_auto(Tools) tools = {0};
    if (path == NULL || !tools_find(run, backup, PROOF_PREPARE, &tools, error))
        return FALSE;
    spec.path = path;
    spec.engine = tools.engine;
    spec.options = tools.prepare_options;
    fill_outcome(run, backup, path, request, outcome);
    return restore_with(run, &spec, request, outcome, error);
}
