/* SPDX-License-Identifier: MIT */
#include "flow/run.h"

#include "alert/alert.h"
#include "alert/syslog.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "flow/channels.h"
#include "model/chain.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void run_unlock(Run *run)
{
    g_clear_pointer(&run->shelf_lock, lock_free);
    g_clear_pointer(&run->state_lock, lock_free);
}

void run_clear(Run *run)
{
    run_unlock(run);
    g_clear_pointer(&run->catalog, catalog_free);
    g_clear_pointer(&run->damage, g_free);
    g_clear_pointer(&run->shelf, shelf_free);
}

gboolean run_open_shelf(Run *run, GError **error)
{
    run->shelf = shelf_open(run->repository->path, run->config->name, error);
    return run->shelf != NULL;
}

/* A killed removal leaves it in the catalog until the next run: it is gone all the same. */
static void forget_trashed(const Shelf *shelf, Catalog *catalog)
{
    g_autoptr(GPtrArray) ids = shelf_ids(shelf, ".trash", NULL);
    for (guint i = 0; ids != NULL && i < ids->len; i++) {
        Backup *backup = catalog_find(catalog, ids->pdata[i]);
        if (backup != NULL && !shelf_has_backup(shelf, backup->id))
            g_ptr_array_remove(catalog->backups, backup);
    }
}

gboolean run_open(Run *run, GError **error)
{
    if (!run_open_shelf(run, error))
        return FALSE;
    g_autoptr(GError) failure = NULL;
    g_clear_pointer(&run->damage, g_free);
    run->catalog = catalog_read(run->shelf, &run->damage, &failure);
    const char *damage = run->damage;
    if (damage != NULL)
        log_warning("%s: the other file is sound and is used; the next change writes both", damage);
    const char *cause = failure != NULL ? failure->message : damage;
    if (cause != NULL)
        run_raise(run, EVENT_CATALOG_DAMAGED, "", "", "the catalog is damaged", cause);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    if (run->catalog != NULL)
        forget_trashed(run->shelf, run->catalog);
    return run->catalog != NULL;
}

char *run_look(Run *run)
{
    g_autoptr(GError) failure = NULL;
    if (!run_open_shelf(run, &failure))
        return error_sentence(failure);
    g_clear_pointer(&run->damage, g_free);
    run->catalog = catalog_read(run->shelf, &run->damage, &failure);
    if (run->catalog == NULL)
        return error_sentence(failure);
    forget_trashed(run->shelf, run->catalog);
    return NULL;
}

/* Another run may have ended between our first look and the lock. */
static gboolean read_again(Run *run, GError **error)
{
    Catalog *again = catalog_read(run->shelf, NULL, error);
    if (again == NULL)
        return FALSE;
    forget_trashed(run->shelf, again);
    g_clear_pointer(&run->catalog, catalog_free);
    run->catalog = again;
    return TRUE;
}

gboolean run_lock_only(Run *run, GError **error)
{
    g_autofree char *state = run_state_path(run, "");
    if (!files_make_dirs(AT_FDCWD, state, 0700, error))
        return FALSE;
    g_autofree char *state_lock = run_state_path(run, "lock");
    g_autofree char *shelf_lock = g_build_filename(run->shelf->path, "lock", NULL);
    run->state_lock = lock_take(state_lock, LOCK_STATE, LOCK_EXCLUSIVE, run->command, 0, error);
    if (run->state_lock == NULL)
        return FALSE;
    run->shelf_lock = lock_take(shelf_lock, LOCK_RUN, LOCK_EXCLUSIVE, run->command, 0, error);
    return run->shelf_lock != NULL;
}

gboolean run_lock(Run *run, GError **error)
{
    return run_lock_only(run, error) && read_again(run, error);
}

gboolean run_read_chain(Run *run, const Backup **backup, Lock **lock, GError **error)
{
    g_autofree char *id = g_strdup((*backup)->id);
    GError *held = NULL;
    *lock = shelf_read_chain(run->shelf, (*backup)->chain, run->command, &held);
    if (held != NULL) {
        g_propagate_error(error, held);
        return FALSE;
    }
    if (!read_again(run, error))
        return FALSE;
    *backup = catalog_find(run->catalog, id);
    return *backup != NULL || fail(error, STATUS_USAGE, "%s was removed meanwhile", id);
}

char *run_state_path(const Run *run, const char *name)
{
    return g_build_filename(run->state_dir, run->config->name, name, NULL);
}

static char *scratch_root(const Run *run)
{
    return *run->config->scratch_dir != '\0'
               ? g_strdup(run->config->scratch_dir)
               : g_build_filename(run->repository->path, ".scratch", NULL);
}

char *run_capture_dir(const Run *run)
{
    g_autofree char *root = scratch_root(run);
    return g_build_filename(root, run->config->name, "capture", NULL);
}

char *run_proof_dir(const Run *run)
{
    g_autofree char *root =
        *run->config->proof_dir != '\0' ? g_strdup(run->config->proof_dir) : scratch_root(run);
    return g_build_filename(root, run->config->name, "proof", NULL);
}

gboolean run_change(Run *run, CatalogEditFn *edit, void *data, GError **error)
{
    Catalog *changed = catalog_change(run->shelf, run->command, edit, data, error);
    if (changed == NULL)
        return FALSE;
    forget_trashed(run->shelf, changed);
    g_clear_pointer(&run->catalog, catalog_free);
    run->catalog = changed;
    run_raise(run, EVENT_CATALOG_RECOVERED, "", "", "both files of the catalog were written", "");
    return TRUE;
}

/* What to type when this happens; one place, so that every channel says the same. */
static const char *remedy(EventType type)
{
    switch ((int)type) {
    case EVENT_BACKUP_FAILED:
        return "see the cause, then run: lsnchain -i INSTANCE backup";
    case EVENT_CHAIN_BROKEN:
        return "links before the break still restore; make sure that a full follows: "
               "lsnchain -i INSTANCE status";
    case EVENT_PROOF_FAILED:
        return "do not rely on this backup; take a full: lsnchain -i INSTANCE backup --type=full";
    case EVENT_BACKUP_OVERDUE:
        return "see whether cron or the timer still runs it, then run: lsnchain -i INSTANCE backup";
    case EVENT_PROOF_OVERDUE:
        return "run: lsnchain -i INSTANCE verify";
    case EVENT_CATALOG_DAMAGED:
        return "lsnchain -i INSTANCE catalog check; if neither file is sound: "
               "lsnchain -i INSTANCE catalog rebuild";
    case EVENT_SPACE_LOW:
        return "make room, or remove what no rule keeps: lsnchain -i INSTANCE expire --explain";
    case EVENT_CLOCK_MOVED:
        return "set the clock right; then the next backup runs by itself";
    default:
        return "";
    }
}

static gboolean raise_event(const Run *run, const EventFacts *facts, GError **error)
{
    const AlertRoute route = channels_route(&run->config->route);
    g_autofree char *state = run_state_path(run, "");
    g_autoptr(Spool) spool = spool_open(run->state_dir, error);
    g_autoptr(GError) unnoted = NULL;
    g_autoptr(Incidents) incidents =
        spool != NULL ? incidents_load(state, INCIDENTS_OF_INSTANCE, &unnoted) : NULL;
    const AlertDesk desk = {spool, incidents, &route, run->config->repeat_after, run->unkept};
    if (spool == NULL) {
        alert_hold(&desk, facts);
        return FALSE;
    }
    if (unnoted != NULL)
        log_warning("the incident %s could not be noted: %s", event_word(facts->type),
                    unnoted->message);
    return alert_raise(&desk, facts, error);
}

/* A recovery is offered every night; mostly nothing is open, and then nothing is written. */
static gboolean nothing_to_end(const Run *run, EventType type)
{
    g_autofree char *state = run_state_path(run, "");
    g_autoptr(Incidents) incidents = NULL;
    if (event_severity(type) != SEVERITY_RECOVERY)
        return FALSE;
    incidents = incidents_peek(state, INCIDENTS_OF_INSTANCE, NULL);
    const GPtrArray *open = incidents != NULL ? incidents_open(incidents) : NULL;
    for (guint i = 0; open != NULL && i < open->len; i++) {
        const Incident *incident = open->pdata[i];
        if (event_ended_by(incident->type) == type)
            return FALSE;
    }
    return TRUE;
}

gboolean run_owns_state(const char *state_dir)
{
    struct stat status;
    return stat(state_dir, &status) == 0 && status.st_uid == geteuid();
}

void run_raise(const Run *run, EventType type, const char *backup, const char *rule,
               const char *summary, const char *cause)
{
    if (!run->records || run->state_dir == NULL || nothing_to_end(run, type))
        return;
    if (!run_owns_state(run->state_dir)) {
        log_warning("nobody is told: the state directory %s is not there, or another user's",
                    run->state_dir);
        return;
    }
    g_auto(GStrv) parts = g_strsplit(remedy(type), "INSTANCE", -1);
    g_autofree char *what_to_do = g_strjoinv(run->config->name, parts);
    const EventFacts facts = {
        .type = type,
        .instance = run->config->name,
        .backup = backup,
        .rule = rule,
        .summary = summary,
        .cause = cause,
        .remedy = what_to_do,
    };
    g_autoptr(GError) error = NULL;
    if (raise_event(run, &facts, &error))
        return;
    g_autofree char *text = g_strdup_printf("the alert %s of %s could not be kept: %s",
                                            event_word(type), run->config->name, error->message);
    log_warning("%s", text);
    syslog_warn(text);
}

static Incidents *look_at_incidents(const Run *run)
{
    g_autofree char *state = run->state_dir != NULL ? run_state_path(run, "") : NULL;
    return state != NULL && run_owns_state(run->state_dir)
               ? incidents_peek(state, INCIDENTS_OF_INSTANCE, NULL)
               : NULL;
}

void run_raise_once(const Run *run, EventType type, const char *rule, const char *summary,
                    const char *cause)
{
    g_autoptr(Incidents) incidents = look_at_incidents(run);
    const Incident *open = incidents != NULL ? incidents_find(incidents, type, "") : NULL;
    const char *known = open != NULL && open->told_at != 0 ? open->rule : rule;
    run_raise(run, type, "", known, summary, cause);
}

/* As a sentence to free. */
static char *describe(const Incident *incident)
{
    if (incident->since == 0)
        return g_strdup_printf("%s may be open: incidents.ini is damaged",
                               event_word(incident->type));
    g_autofree char *since = clock_format(incident->since);
    return g_strdup_printf("%s (%s since %s)", incident->summary, event_word(incident->type),
                           since);
}

char *run_trouble(const Run *run)
{
    static const EventType grave[] = {EVENT_BACKUP_FAILED, EVENT_PROOF_FAILED, EVENT_CHAIN_BROKEN};
    g_autoptr(Incidents) incidents = look_at_incidents(run);
    for (size_t i = 0; incidents != NULL && i < G_N_ELEMENTS(grave); i++) {
        const Incident *incident = incidents_find(incidents, grave[i], "");
        g_autofree char *sentence = incident != NULL ? describe(incident) : NULL;
        if (sentence != NULL)
            return g_strdup_printf("something failed and has not been mended since: %s", sentence);
    }
    return NULL;
}

int64_t run_read_since(const Run *run)
{
    return clock_now() - run->config->reread_every;
}

static const Backup *find_word(const Run *run, const char *word)
{
    const GPtrArray *backups = run->catalog->backups;
    if (g_str_equal(word, "latest-full"))
        return chain_newest_full(backups);
    if (g_str_equal(word, "latest-proven"))
        return chain_proven_until(backups, run_read_since(run));
    return backups->len > 0 ? backups->pdata[backups->len - 1] : NULL;
}

static const Backup *find_prefix(const Run *run, const char *prefix, GError **error)
{
    const Backup *found = NULL;
    for (guint i = 0; i < run->catalog->backups->len; i++) {
        const Backup *backup = run->catalog->backups->pdata[i];
        if (!g_str_has_prefix(backup->id, prefix))
            continue;
        if (found != NULL) {
            (void)fail(error, STATUS_USAGE, "%s is not one backup: %s and %s begin so", prefix,
                       found->id, backup->id);
            return NULL;
        }
        found = backup;
    }
    if (found == NULL)
        (void)fail(error, STATUS_USAGE, "instance %s has no backup %s" HINT("see: lsnchain list"),
                   run->config->name, prefix);
    return found;
}

const Backup *run_find(const Run *run, const char *wanted, GError **error)
{
    if (!g_str_has_prefix(wanted, "latest"))
        return find_prefix(run, wanted, error);
    if (!g_str_equal(wanted, "latest") && !g_str_equal(wanted, "latest-full") &&
        !g_str_equal(wanted, "latest-proven")) {
        (void)fail(error, STATUS_USAGE,
                   "%s is no backup" HINT("latest, latest-full, latest-proven, or an id"), wanted);
        return NULL;
    }
    const Backup *found = find_word(run, wanted);
    if (found == NULL)
        (void)fail(error, STATUS_CHAIN, "instance %s has no %sbackup" HINT("see: lsnchain status"),
                   run->config->name, g_str_equal(wanted, "latest-proven") ? "proven " : "");
    return found;
}
