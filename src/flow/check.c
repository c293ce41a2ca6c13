/* SPDX-License-Identifier: MIT */
#include "flow/check.h"

#include "alert/alert.h"
#include "alert/ping.h"
#include "alert/post.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/units.h"
#include "engine/datadir.h"
#include "engine/engine.h"
#include "flow/channels.h"
#include "flow/expire.h"
#include "flow/history.h"
#include "flow/inspect.h"
#include "flow/metrics.h"
#include "flow/plan.h"
#include "flow/room.h"
#include "flow/timeline.h"
#include "flow/vitals.h"
#include "flow/witness.h"
#include "proof/trial.h"
#include "server/server.h"

#include <fcntl.h>
#include <string.h>

enum { SERVER_TIMEOUT_S = 20 };

/* What earlier probes found, for later ones; NULL where they found nothing. */
typedef struct {
    const Config *config;
    const InstanceConfig *instance;
    Repository *repository;
    Shelf *shelf;
    Catalog *catalog;
    Vitals *vitals; /* what is overdue was told */
    int64_t now;    /* of the vitals */
    Login *login;
    Server *server;
    gboolean facts_known;
    ServerFacts facts;
    Engine *engine;
    char **options; /* for the engine's capture */
} Found;

static void found_clear(Found *found)
{
    g_clear_pointer(&found->vitals, vitals_free);
    g_clear_pointer(&found->repository, repository_free);
    g_clear_pointer(&found->shelf, shelf_free);
    g_clear_pointer(&found->catalog, catalog_free);
    g_clear_pointer(&found->login, login_free);
    g_clear_pointer(&found->server, server_free);
    g_clear_pointer(&found->engine, engine_free);
    g_clear_pointer(&found->options, g_strfreev);
    server_facts_clear(&found->facts);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

void probe_free(gpointer data)
{
    Probe *probe = data;
    g_free(probe->text);
    g_free(probe->hint);
    g_free(probe);
}

/* A probe says what it found in `text`; FALSE with the error set is a failure. */
typedef gboolean ProbeFn(Found *found, Probe *probe, GError **error);

static gboolean skip(Probe *probe, const char *because)
{
    probe->result = PROBE_SKIPPED;
    probe->text = g_strdup(because);
    return TRUE;
}

static gboolean warn(Probe *probe, char *text)
{
    probe->result = PROBE_WARNS;
    probe->text = text;
    return TRUE;
}

static gboolean probe_repository(Found *found, Probe *probe, GError **error)
{
    const Config *config = found->config;
    found->repository = repository_open(config->repository, error);
    if (found->repository == NULL ||
        !repository_check_remembered(found->repository, config->state_dir, error) ||
        !repository_check_owner(found->repository, error))
        return FALSE;
    found->shelf = shelf_open(config->repository, found->instance->name, error);
    probe->text = g_strdup_printf("%s, uuid %s", config->repository, found->repository->uuid);
    return found->shelf != NULL;
}

static gboolean probe_catalog(Found *found, Probe *probe, GError **error)
{
    if (found->shelf == NULL)
        return skip(probe, "there is no repository to look in");
    g_autofree char *damage = NULL;
    found->catalog = catalog_read(found->shelf, &damage, error);
    if (found->catalog == NULL)
        return FALSE;
    if (damage != NULL)
        return warn(probe, g_steal_pointer(&damage));
    probe->text = g_strdup_printf("%u backups, generation %" G_GUINT64_FORMAT,
                                  found->catalog->backups->len, found->catalog->generation);
    return TRUE;
}

/* Enough of a run for who only reads. */
static Run run_of(const Found *found)
{
    return (Run){
        .config = found->instance,
        .repository = found->repository,
        .state_dir = found->config->state_dir,
        .shelf = found->shelf,
        .catalog = found->catalog,
    };
}

/*
 * A host whose cron line was lost runs no backup that could fail: who looks in the morning tells.
 * That a backup was killed is told although its disk is gone too.
 */
static const Vitals *look_at_vitals(Found *found)
{
    if (found->vitals == NULL) {
        Run run = run_of(found);
        run.command = "check";
        run.records = run_owns_state(run.state_dir);
        found->now = clock_now();
        found->vitals = vitals_glance(&run, NULL, found->now);
        vitals_raise_overdue(&run, found->vitals, found->now);
    }
    return found->catalog != NULL ? found->vitals : NULL;
}

static gboolean tell_age(Probe *probe, char *overdue, const char *what, int64_t then, int64_t now,
                         const char *hint)
{
    if (overdue != NULL) {
        probe->hint = g_strdup(hint);
        return warn(probe, overdue);
    }
    g_autofree char *age = units_duration(MAX(0, now - then));
    probe->text = then != 0 ? g_strdup_printf("%s old", age) : g_strdup_printf("no %s yet", what);
    return TRUE;
}

static gboolean probe_newest_backup(Found *found, Probe *probe, GError **error)
{
    (void)error;
    const Vitals *vitals = look_at_vitals(found);
    if (vitals == NULL)
        return skip(probe, "the catalog is not known");
    const Backup *backup = vitals->health.restorable;
    return tell_age(probe, vitals_backup_overdue(vitals, found->now), "good backup",
                    backup != NULL ? backup->finished : 0, found->now,
                    "see whether cron or the timer still runs it, then: lsnchain backup");
}

static gboolean probe_newest_proof(Found *found, Probe *probe, GError **error)
{
    (void)error;
    const Vitals *vitals = look_at_vitals(found);
    if (vitals == NULL)
        return skip(probe, "the catalog is not known");
    const Backup *proven = vitals->health.proven;
    return tell_age(probe, vitals_proof_overdue(vitals, found->now), "proof",
                    proven != NULL ? proven->proof_at : 0, found->now,
                    "run: lsnchain verify; or set verify_after = prepare or higher");
}

static gboolean probe_login(Found *found, Probe *probe, GError **error)
{
    found->login = login_read(found->instance->defaults_file, error);
    if (found->login == NULL)
        return FALSE;
    probe->text = login_text(found->login);
    return TRUE;
}

static gboolean probe_server(Found *found, Probe *probe, GError **error)
{
    if (found->login == NULL)
        return skip(probe, "there is no login to connect with");
    found->server = server_connect(found->login, SERVER_TIMEOUT_S, error);
    if (found->server == NULL || !server_facts(found->server, &found->facts, error))
        return FALSE;
    found->facts_known = TRUE;
    probe->text = g_strdup_printf("%s, as %s", found->facts.version, found->facts.user);
    return TRUE;
}

static gboolean probe_engine(Found *found, Probe *probe, GError **error)
{
    EngineServer server = !found->facts_known    ? ENGINE_FOR_ANY
                          : found->facts.mariadb ? ENGINE_FOR_MARIADB
                                                 : ENGINE_FOR_MYSQL;
    found->engine = engine_find(found->instance->engine, server, error);
    if (found->engine == NULL)
        return FALSE;
    probe->text = g_strdup_printf("%s %s", found->engine->path, found->engine->version);
    return TRUE;
}

static gboolean probe_engine_fits(Found *found, Probe *probe, GError **error)
{
    if (found->engine == NULL || !found->facts_known)
        return skip(probe, "engine or server are not known");
    if (!engine_fits(found->engine, found->facts.version, found->facts.mariadb, error) ||
        !engine_check_checkpoint_first(found->engine, found->instance->checkpoint_first, error))
        return FALSE;
    probe->text = g_strdup_printf("%s for server %s", found->engine->version, found->facts.version);
    return TRUE;
}

static gboolean probe_options(Found *found, Probe *probe, GError **error)
{
    if (found->engine == NULL)
        return skip(probe, "there is no engine");
    const InstanceConfig *instance = found->instance;
    found->options =
        engine_check_options(found->engine, instance->engine_options, ENGINE_FOR_CAPTURE, error);
    if (found->options == NULL)
        return FALSE;
    g_auto(GStrv) prepare =
        engine_check_options(found->engine, instance->prepare_options, ENGINE_FOR_PREPARE, error);
    if (prepare == NULL)
        return FALSE;
    gboolean any = *instance->engine_options != '\0' || *instance->prepare_options != '\0';
    probe->text =
        g_strdup(any ? "the engine knows them, and none of them is ours" : "none of yours");
    return TRUE;
}

static gboolean probe_privileges(Found *found, Probe *probe, GError **error)
{
    if (found->engine == NULL || !found->facts_known)
        return skip(probe, "engine or server are not known");
    if (!observe_privileges(found->server, found->engine, found->instance->checkpoint_first, error))
        return FALSE;
    probe->text = g_strdup("all that the engine and the table list need");
    return TRUE;
}

static gboolean probe_tables(Found *found, Probe *probe, GError **error)
{
    if (!found->facts_known)
        return skip(probe, "the server is not known");
    g_autoptr(GPtrArray) tables = server_tables(found->server, error);
    if (tables == NULL || !server_tables_complete(found->server, tables, error))
        return FALSE;
    probe->text = g_strdup_printf("%u tables", tables->len);
    return TRUE;
}

static gboolean probe_datadir(Found *found, Probe *probe, GError **error)
{
    if (!found->facts_known)
        return skip(probe, "the server is not known");
    if (!datadir_check_readable(&found->facts, error))
        return FALSE;
    probe->text = g_strdup(found->facts.datadir);
    return TRUE;
}

/* What server and host are like, as a backup would find it; the finding is used up. */
static gboolean tell(Probe *probe, Finding *given, GError **error)
{
    static const ProbeResult results[] = {[FINDING_GOOD] = PROBE_GOOD,
                                          [FINDING_UNKNOWN] = PROBE_UNKNOWN,
                                          [FINDING_WORRIES] = PROBE_WARNS,
                                          [FINDING_REFUSES] = PROBE_FAILED};
    g_autoptr(Finding) finding = given;
    if (finding == NULL)
        return FALSE;
    if (finding->weight == FINDING_REFUSES)
        return fail(error, finding->status, "%s" HINT("%s"), finding->text, finding->hint);
    probe->result = results[finding->weight];
    probe->text = g_steal_pointer(&finding->text);
    probe->hint = g_steal_pointer(&finding->hint);
    return TRUE;
}

static gboolean inspect(Found *found, Probe *probe, const Question *question, GError **error)
{
    if (!found->facts_known)
        return skip(probe, "the server is not known");
    const Inspection inspection = {
        .server = found->server,
        .facts = &found->facts,
        .login = found->login,
        .backups = found->catalog != NULL ? found->catalog->backups : NULL,
        .engine = found->engine,
        .options = found->options,
        .sample_us = G_USEC_PER_SEC,
    };
    return tell(probe, question->ask(&inspection, error), error);
}

/* Of the backup that would be taken now. */
static gboolean probe_space(Found *found, Probe *probe, GError **error)
{
    if (found->catalog == NULL || !found->facts_known)
        return skip(probe, "catalog or server are not known");
    const Run run = run_of(found);
    g_auto(Plan) plan = {0};
    uint64_t data = 0;
    return server_data_bytes(found->server, &data, error) &&
           plan_next(&run, WANT_AUTO, &plan, error) &&
           tell(probe, room_for(&run, run.catalog->backups, &plan, data, error), error);
}

static gboolean probe_rsync(Found *found, Probe *probe, GError **error)
{
    probe->text = proc_find(found->instance->rsync, error);
    return probe->text != NULL;
}

static gboolean probe_alerts(Found *found, Probe *probe, GError **error)
{
    g_autoptr(Channels) channels = channels_new(found->config);
    for (size_t i = 0; i < channels->count; i++) {
        if (!alert_check_channel(&channels->list[i], error))
            return FALSE;
    }
    if (channels->count == 0 || found->instance->route.critical[0] == NULL)
        return warn(probe, g_strdup("nobody is told when a backup fails: [route] has no critical"));
    probe->text = g_strdup_printf("%zu %s (try: lsnchain alert test)", channels->count,
                                  channels->count == 1 ? "channel" : "channels");
    return TRUE;
}

/* Another instance with the same switch: its good news would hide that this one has none. */
static const char *sharer(const Found *found)
{
    for (guint i = 0; i < found->config->instances->len; i++) {
        const InstanceConfig *other = found->config->instances->pdata[i];
        if (other != found->instance && g_str_equal(other->ping_url, found->instance->ping_url))
            return other->name;
    }
    return NULL;
}

/* Nothing is sent: a switch would take it for news of a backup. */
static gboolean probe_ping(Found *found, Probe *probe, GError **error)
{
    const InstanceConfig *instance = found->instance;
    const Ping ping = {.url = instance->ping_url, .protocol = (PingProtocol)instance->ping};
    if (*ping.url == '\0') {
        probe->text = g_strdup("none; where this host falls silent, only another one can tell");
        return TRUE;
    }
    if (!ping_check(&ping, error)) {
        g_prefix_error(error, "ping_url cannot work: ");
        return FALSE;
    }
    g_autofree char *place = post_place(ping.url);
    const char *other = sharer(found);
    if (other == NULL) {
        probe->text = g_strdup_printf("%s; not tried, for it would count as a backup", place);
        return TRUE;
    }
    probe->hint = g_strdup("give each instance a ping_url of its own");
    return warn(probe, g_strdup_printf("%s has the same ping_url: good news of one hides that the "
                                       "other has none",
                                       other));
}

static gboolean probe_metrics(Found *found, Probe *probe, GError **error)
{
    (void)error;
    const char *path = found->instance->metrics_file;
    if (*path == '\0') {
        probe->text = g_strdup("none for Prometheus; metrics_file names the file");
        return TRUE;
    }
    char *doubt = metrics_doubt(path);
    if (doubt == NULL) {
        probe->text = g_strdup(path);
        return TRUE;
    }
    probe->hint = g_strdup("see docs/monitoring.md");
    return warn(probe, doubt);
}

static gboolean probe_canary(Found *found, Probe *probe, GError **error)
{
    if (!found->facts_known)
        return skip(probe, "the server is not known");
    g_autofree char *remedy = NULL;
    if (!timeline_outlook(found->instance, found->server, &found->facts, &probe->text, &remedy,
                          error))
        return FALSE;
    if (remedy == NULL)
        return TRUE;
    probe->result = PROBE_WARNS;
    probe->hint = g_strdup_printf("type: %s", remedy);
    return TRUE;
}

/* Of the latest restore point. */
static gboolean probe_forecast(Found *found, Probe *probe, GError **error)
{
    (void)error;
    if (found->catalog == NULL)
        return skip(probe, "the catalog is not known");
    const Run run = run_of(found);
    g_autoptr(Pace) pace = history_pace(&run);
    const Outlook outlook = outlook_of(pace, found->catalog->backups);
    char *problem = outlook_problem(&outlook, found->instance->restore_within);
    if (problem != NULL)
        return warn(probe, problem);
    g_autofree char *takes = units_duration(outlook.latest.seconds);
    if (outlook.latest.backup == NULL)
        probe->text = g_strdup("there is nothing to restore yet");
    else if (outlook.latest.basis == FORECAST_UNKNOWN)
        probe->text = g_strdup("how long a restore takes is not known until a first drill");
    else
        probe->text =
            g_strdup_printf("restoring %s takes about %s", outlook.latest.backup->id, takes);
    return TRUE;
}

/* The server that a test restore would start; without it a proof ends at `prepare`. */
static gboolean probe_trial(Found *found, Probe *probe, GError **error)
{
    ProofLevel level = (ProofLevel)found->instance->verify_after;
    if (found->engine == NULL || !found->facts_known)
        return skip(probe, "engine or server are not known");
    if (level < PROOF_SERVER) {
        probe->text =
            g_strdup_printf("starts no server: verify_after = %s", proof_level_word(level));
        return TRUE;
    }
    g_autoptr(GError) missing = NULL;
    (void)error;
    probe->text = trial_find_program(found->instance->server_binary, found->engine->name,
                                     found->facts.version, &missing);
    if (probe->text != NULL)
        return TRUE;
    probe->hint = g_strdup("install the server's package here, set server_binary, or be content "
                           "with verify_after = prepare");
    return warn(probe, g_strdup_printf("cannot start a server: %s", missing->message));
}

static gboolean probe_assertions(Found *found, Probe *probe, GError **error)
{
    (void)error;
    guint n = found->instance->asserts->len;
    ProofLevel level = (ProofLevel)found->instance->verify_after;
    if (n == 0) {
        probe->text = g_strdup("none; [assert INSTANCE] is for queries of your own");
        return TRUE;
    }
    if (level >= PROOF_QUERIES) {
        probe->text = g_strdup_printf("%u, asked of each backup's test restore", n);
        return TRUE;
    }
    probe->hint = g_strdup("set verify_after = queries, or run `lsnchain verify --level=queries` "
                           "at times");
    return warn(probe, g_strdup_printf("%u that no backup is asked: verify_after = %s", n,
                                       proof_level_word(level)));
}

static guint count_withheld(const Found *found, const RetentionRules *rules)
{
    const RetentionFacts facts = {.now = clock_now(),
                                  .read_since = clock_now() - found->instance->reread_every};
    g_auto(Retention) retention = retention_judge(found->catalog->backups, rules, &facts);
    return retention.withheld != NULL ? retention.due : 0;
}

/* Where nobody proves, nothing is ever removed: quiet until there is something to remove. */
static gboolean probe_retention(Found *found, Probe *probe, GError **error)
{
    (void)error;
    if (found->catalog == NULL)
        return skip(probe, "the catalog is not known");
    const InstanceConfig *config = found->instance;
    const Run run = {.config = config};
    const RetentionRules rules = expire_rules(&run);
    gboolean proves = config->keep_proven == 0 || config->verify_after >= (int)PROOF_PREPARE;
    guint withheld = proves ? 0 : count_withheld(found, &rules);
    if (!retention_asks(&rules))
        probe->text = g_strdup("no keep_ rule is set, so nothing is ever removed");
    else if (proves)
        probe->text = g_strdup("after each good backup goes what no rule keeps");
    else
        probe->text = g_strdup("nothing goes until the newest chain was verified by hand: "
                               "keep_proven asks for a proof, and verify_after makes none");
    if (withheld == 0)
        return TRUE;
    probe->result = PROBE_WARNS;
    probe->hint = g_strdup_printf("%u backups would go; set verify_after = prepare or higher, or "
                                  "run verify latest, or set keep_proven = 0",
                                  withheld);
    return TRUE;
}

/* What needs PROCESS would fail without it or, worse, see nothing and call it good. */
static gboolean lacks_process(Found *found)
{
    static const char *const needed[] = {"PROCESS", NULL};
    if (!found->facts_known)
        return FALSE;
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *remedy = NULL;
    return server_privileges(found->server, needed, missing, &remedy, NULL) && missing->len > 0;
}

/* Either a probe of our own or a question that a backup asks too. */
static const struct {
    const char *name;
    ProbeFn *run;
    const Question *question;
    gboolean needs_process;
} probes[] = {
    {"repository", probe_repository, NULL, FALSE},
    {"catalog", probe_catalog, NULL, FALSE},
    {"newest backup", probe_newest_backup, NULL, FALSE},
    {"newest proof", probe_newest_proof, NULL, FALSE},
    {"login", probe_login, NULL, FALSE},
    {"server", probe_server, NULL, FALSE},
    {NULL, NULL, &inspect_user, FALSE},
    {"data directory", probe_datadir, NULL, FALSE},
    {"engine", probe_engine, NULL, FALSE},
    {"engine fits", probe_engine_fits, NULL, FALSE},
    {"options", probe_options, NULL, FALSE},
    {"privileges", probe_privileges, NULL, FALSE},
    {"tables", probe_tables, NULL, TRUE},
    {NULL, NULL, &inspect_open_files, TRUE},
    {NULL, NULL, &inspect_redo, FALSE},
    {NULL, NULL, &inspect_other_backup, FALSE},
    {NULL, NULL, &inspect_ddl, TRUE},
    {NULL, NULL, &inspect_replica, FALSE},
    {"canary", probe_canary, NULL, FALSE},
    {"rsync", probe_rsync, NULL, FALSE},
    {"space", probe_space, NULL, TRUE},
    {"forecast", probe_forecast, NULL, FALSE},
    {"retention", probe_retention, NULL, FALSE},
    {"test restore", probe_trial, NULL, FALSE},
    {"assertions", probe_assertions, NULL, FALSE},
    {"alerts", probe_alerts, NULL, FALSE},
    {"ping", probe_ping, NULL, FALSE},
    {"metrics", probe_metrics, NULL, FALSE},
};

static gboolean ask_probe(Found *found, size_t i, Probe *probe, GError **error)
{
    if (probes[i].needs_process && lacks_process(found)) {
        probe->hint = g_strdup("see the hint of privileges");
        return skip(probe, "the backup user lacks the privilege PROCESS");
    }
    return probes[i].run != NULL ? probes[i].run(found, probe, error)
                                 : inspect(found, probe, probes[i].question, error);
}

static Probe *run_probe(Found *found, size_t i)
{
    Probe *probe = g_new0(Probe, 1);
    probe->name = probes[i].question != NULL ? probes[i].question->name : probes[i].name;
    g_autoptr(GError) failure = NULL;
    if (!ask_probe(found, i, probe, &failure)) {
        g_free(probe->text);
        probe->result = PROBE_FAILED;
        probe->status = error_status(failure);
        probe->text = error_sentence(failure);
        probe->hint = error_hint(failure);
    }
    if (probe->hint == NULL)
        probe->hint = g_strdup("");
    return probe;
}

GPtrArray *flow_check(const Config *config, const InstanceConfig *instance)
{
    g_auto(Found) found = {.config = config, .instance = instance};
    GPtrArray *all = g_ptr_array_new_with_free_func(probe_free);
    for (size_t i = 0; i < G_N_ELEMENTS(probes); i++)
        g_ptr_array_add(all, run_probe(&found, i));
    return all;
}

Status probes_status(const GPtrArray *all)
{
    Status status = STATUS_OK;
    for (guint i = 0; i < all->len; i++) {
        const Probe *probe = all->pdata[i];
        if (probe->result == PROBE_FAILED)
            return probe->status;
        if (probe->result == PROBE_WARNS)
            status = STATUS_WARNINGS;
    }
    return status;
}
