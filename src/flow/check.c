/* SPDX-License-Identifier: MIT */
#include "flow/check.h"

#include "alert/alert.h"
#include "base/files.h"
#include "base/proc.h"
#include "base/units.h"
#include "engine/datadir.h"
#include "engine/engine.h"
#include "flow/channels.h"
#include "flow/witness.h"
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
    Login *login;
    Server *server;
    gboolean facts_known;
    ServerFacts facts;
    Engine *engine;
} Found;

static void found_clear(Found *found)
{
    g_clear_pointer(&found->repository, repository_free);
    g_clear_pointer(&found->shelf, shelf_free);
    g_clear_pointer(&found->login, login_free);
    g_clear_pointer(&found->server, server_free);
    g_clear_pointer(&found->engine, engine_free);
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
    g_autoptr(Catalog) catalog = catalog_read(found->shelf, &damage, error);
    if (catalog == NULL)
        return FALSE;
    if (damage != NULL)
        return warn(probe, g_steal_pointer(&damage));
    probe->text = g_strdup_printf("%u backups, generation %" G_GUINT64_FORMAT,
                                  catalog->backups->len, catalog->generation);
    return TRUE;
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
    g_auto(GStrv) capture =
        engine_check_options(found->engine, instance->engine_options, ENGINE_FOR_CAPTURE, error);
    if (capture == NULL)
        return FALSE;
    g_auto(GStrv) prepare =
        engine_check_options(found->engine, instance->prepare_options, ENGINE_FOR_PREPARE, error);
    if (prepare == NULL)
        return FALSE;
    g_autoptr(GPtrArray) later = config_set_but_later(found->config, instance);
    if (later->len == 0) {
        probe->text = g_strdup("every key that is set has its effect");
        return TRUE;
    }
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < later->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", (const char *)later->pdata[i]);
    return warn(probe, g_strdup_printf("set, but not in effect yet: %s", names->str));
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
    if (!datadir_check_readable(found->facts.datadir, error))
        return FALSE;
    probe->text = g_strdup(found->facts.datadir);
    return TRUE;
}

static gboolean probe_space(Found *found, Probe *probe, GError **error)
{
    if (found->shelf == NULL || !found->facts_known)
        return skip(probe, "repository or server are not known");
    uint64_t data = 0;
    uint64_t free_bytes = 0;
    if (!server_data_bytes(found->server, &data, error) ||
        !files_free_space(found->shelf->fd, &free_bytes, error))
        return FALSE;
    g_autofree char *has = units_size(free_bytes);
    g_autofree char *size = units_size(data);
    char *text = g_strdup_printf("%s free for %s of data", has, size);
    if (free_bytes < data)
        return warn(probe, text);
    probe->text = text;
    return TRUE;
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

static const struct {
    const char *name;
    ProbeFn *run;
} probes[] = {
    {"repository", probe_repository},
    {"catalog", probe_catalog},
    {"login", probe_login},
    {"server", probe_server},
    {"data directory", probe_datadir},
    {"engine", probe_engine},
    {"engine fits", probe_engine_fits},
    {"privileges", probe_privileges},
    {"tables", probe_tables},
    {"options", probe_options},
    {"rsync", probe_rsync},
    {"space", probe_space},
    {"alerts", probe_alerts},
};

GPtrArray *flow_check(const Config *config, const InstanceConfig *instance)
{
    g_auto(Found) found = {.config = config, .instance = instance};
    GPtrArray *all = g_ptr_array_new_with_free_func(probe_free);
    for (size_t i = 0; i < G_N_ELEMENTS(probes); i++) {
        Probe *probe = g_new0(Probe, 1);
        probe->name = probes[i].name;
        g_autoptr(GError) failure = NULL;
        if (!probes[i].run(&found, probe, &failure)) {
            g_free(probe->text);
            probe->result = PROBE_FAILED;
            probe->status = error_status(failure);
            probe->text = error_sentence(failure);
            probe->hint = error_hint(failure);
        }
        if (probe->hint == NULL)
            probe->hint = g_strdup("");
        g_ptr_array_add(all, probe);
    }
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
