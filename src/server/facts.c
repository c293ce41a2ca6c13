/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "server/replica.h"
#include "server/session.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Start parameters, and what they are called in the catalog. */
static const struct {
    const char *variable;
    const char *name;
    gboolean everywhere; /* else some series do not have it */
} params[] = {
    {"character_set_server", "param_character_set_server", TRUE},
    {"collation_server", "param_collation_server", TRUE},
    {"innodb_checksum_algorithm", "param_checksum_algorithm", FALSE},
    {"innodb_data_file_path", "param_data_file_path", TRUE},
    {"innodb_page_size", "param_page_size", TRUE},
    {"innodb_undo_tablespaces", "param_undo_tablespaces", FALSE},
    {"lower_case_table_names", "param_lower_case_table_names", TRUE},
};

void server_param_free(ServerParam *param)
{
    g_free(param->name);
    g_free(param->value);
    g_free(param);
}

static void param_free(gpointer param)
{
    server_param_free(param);
}

static void add_param(GPtrArray *list, const char *name, const char *value)
{
    ServerParam *param = g_new0(ServerParam, 1);
    param->name = g_strdup(name);
    param->value = g_strdup(value);
    g_ptr_array_add(list, param);
}

static int compare_params(gconstpointer a, gconstpointer b)
{
    const ServerParam *one = *(const ServerParam *const *)a;
    const ServerParam *other = *(const ServerParam *const *)b;
    return strcmp(one->name, other->name);
}

static GHashTable *ask_all_variables(const Server *server, GError **error)
{
    g_autoptr(GString) names =
        g_string_new("'datadir', 'innodb_data_home_dir', 'innodb_undo_directory', 'read_only',"
                     " 'gtid_mode'");
    g_string_append_printf(names, ", '%s', '%s'", server->dialect->uuid, server->dialect->gtid);
    for (size_t i = 0; i < G_N_ELEMENTS(params); i++)
        g_string_append_printf(names, ", '%s'", params[i].variable);
    return ask_variables(server, names->str, error);
}

/* The files of "ibdata1:12M;ibdata2:10M:autoextend" below the directory that InnoDB uses, and then
 * the directory of the undo tablespaces. */
static char **innodb_paths(GHashTable *variables)
{
    g_autofree char *datadir = g_canonicalize_filename(variable_text(variables, "datadir"), NULL);
    const char *undo = variable_text(variables, "innodb_undo_directory");
    g_autofree char *home =
        g_canonicalize_filename(variable_text(variables, "innodb_data_home_dir"), datadir);
    g_auto(GStrv) files = g_strsplit(variable_text(variables, "innodb_data_file_path"), ";", -1);
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    for (size_t i = 0; files[i] != NULL; i++) {
        files[i][strcspn(files[i], ":")] = '\0';
        g_autofree char *path = g_canonicalize_filename(files[i], home);
        g_strv_builder_add(paths, path);
    }
    g_autofree char *directory = g_canonicalize_filename(undo, datadir);
    g_strv_builder_add(paths, directory);
    return g_strv_builder_end(paths);
}

/* A data directory that was replaced by another one has at least another birth time. */
static char *fingerprint(const char *path)
{
    struct statx status;
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &status) < 0)
        return g_strdup("");
    gboolean born = (status.stx_mask & STATX_BTIME) != 0;
    return g_strdup_printf("%u:%u:%llu:%lld.%09u", status.stx_dev_major, status.stx_dev_minor,
                           (unsigned long long)status.stx_ino,
                           born ? (long long)status.stx_btime.tv_sec : 0LL,
                           born ? status.stx_btime.tv_nsec : 0U);
}

static gboolean keep_plugin(const Answer *row, void *data)
{
    GString *list = data;
    if (row->values[0] == NULL || row->values[1] == NULL)
        return FALSE;
    g_string_append_printf(list, "%s%s=%s", list->len > 0 ? ";" : "", row->values[0],
                           row->values[1]);
    return TRUE;
}

/* Without its engines and keys a server cannot open the tables: as --plugin-load wants them. */
static char *ask_plugins(const Server *server, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    if (!ask(server, "its plugins",
             "SELECT PLUGIN_NAME, PLUGIN_LIBRARY FROM information_schema.PLUGINS"
             " WHERE PLUGIN_LIBRARY IS NOT NULL AND PLUGIN_STATUS = 'ACTIVE' AND PLUGIN_TYPE IN"
             " ('STORAGE ENGINE', 'ENCRYPTION', 'KEYRING', 'DATA TYPE', 'FUNCTION')"
             " ORDER BY PLUGIN_NAME",
             keep_plugin, list, error))
        return NULL;
    return g_strdup(list->str);
}

static gboolean ask_params(const Server *server, GHashTable *variables, ServerFacts *facts,
                           GError **error)
{
    g_autofree char *plugins = ask_plugins(server, error);
    if (plugins == NULL)
        return FALSE;
    facts->params = g_ptr_array_new_with_free_func(param_free);
    add_param(facts->params, "param_plugins", plugins);
    for (size_t i = 0; i < G_N_ELEMENTS(params); i++) {
        const char *value = g_hash_table_lookup(variables, params[i].variable);
        if (value == NULL && !params[i].everywhere)
            continue;
        if (value == NULL)
            return fail(error, STATUS_SERVER, "%s does not tell us %s" HINT("is InnoDB enabled?"),
                        server->where, params[i].variable);
        add_param(facts->params, params[i].name, value);
    }
    g_ptr_array_sort(facts->params, compare_params);
    return TRUE;
}

/* Both clocks of one statement are one: the difference is the same at every call. */
static gboolean ask_started(const Server *server, int64_t *started, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT UNIX_TIMESTAMP() - CAST(VARIABLE_VALUE AS SIGNED)"
                        " FROM %s WHERE VARIABLE_NAME = 'Uptime'",
                        server->dialect->status_table);
    uint64_t seconds = 0;
    if (!ask_number(server, "its start time", sql, &seconds, error))
        return FALSE;
    *started = (int64_t)seconds;
    return TRUE;
}

/* Who may not ask sees a running replica all the same, on MariaDB. */
static gboolean ask_replica(Server *server, ServerFacts *facts, GError **error)
{
    g_auto(ReplicaFacts) replica = {0};
    if (!server_replica(server, &replica, error))
        return FALSE;
    facts->replica_known = replica.known;
    facts->replica = replica.sources->len > 0;
    if (replica.known)
        return TRUE;
    g_autofree char *sql = g_strdup_printf("SELECT VARIABLE_VALUE FROM %s"
                                           " WHERE VARIABLE_NAME = 'Slaves_running'"
                                           " UNION ALL SELECT '0' LIMIT 1",
                                           server->dialect->status_table);
    g_autofree char *running = NULL;
    if (!ask_row(server, "its replication", sql, &running, 1, error))
        return FALSE;
    facts->replica = strcmp(running, "0") != 0;
    return TRUE;
}

/* Without GTID mode MySQL's set is what is left of a time when it was on. */
static char *gtid_of(const Server *server, GHashTable *variables)
{
    gboolean off = strcmp(variable_text(variables, "gtid_mode"), "OFF") == 0;
    const char *gtid = off ? "" : variable_text(variables, server->dialect->gtid);
    return g_strdelimit(g_strdup(gtid), "\n", ' ');
}

static gboolean fill_facts(Server *server, ServerFacts *facts, GError **error)
{
    g_autoptr(GHashTable) variables = ask_all_variables(server, error);
    if (variables == NULL)
        return FALSE;
    const char *read_only = variable_text(variables, "read_only");
    facts->version = g_strdup(server->version);
    facts->mariadb = server->dialect->mariadb;
    facts->user = g_strdup(server->user);
    facts->proxy = g_strdup(server->proxy);
    facts->uuid = g_strdup(variable_text(variables, server->dialect->uuid));
    facts->gtid = gtid_of(server, variables);
    facts->read_only = strcmp(read_only, "OFF") != 0 && strcmp(read_only, "0") != 0;
    facts->datadir = g_strdup(variable_text(variables, "datadir"));
    facts->innodb_paths = innodb_paths(variables);
    facts->datadir_id = fingerprint(facts->innodb_paths[0]);
    if (!ask_params(server, variables, facts, error) ||
        !ask_started(server, &facts->started, error) || !ask_replica(server, facts, error) ||
        !server_lsn(server, &facts->lsn, error))
        return FALSE;
    facts->lsn_at = g_get_monotonic_time();
    return TRUE;
}

gboolean server_facts(Server *server, ServerFacts *facts, GError **error)
{
    *facts = (ServerFacts){0};
    if (fill_facts(server, facts, error))
        return TRUE;
    server_facts_clear(facts);
    return FALSE;
}

const char *server_facts_param(const ServerFacts *facts, const char *name)
{
    for (guint i = 0; i < facts->params->len; i++) {
        const ServerParam *param = facts->params->pdata[i];
        if (g_str_equal(param->name + strlen("param_"), name))
            return param->value;
    }
    return NULL;
}

void server_facts_clear(ServerFacts *facts)
{
    g_free(facts->uuid);
    g_free(facts->version);
    g_free(facts->datadir);
    g_strfreev(facts->innodb_paths);
    g_free(facts->datadir_id);
    g_free(facts->gtid);
    g_free(facts->user);
    g_free(facts->proxy);
    g_clear_pointer(&facts->params, g_ptr_array_unref);
    *facts = (ServerFacts){0};
}

/* {"InnoDB": {"LSN": 19485547, "LSN_checkpoint": 19046522}} */
gboolean log_status_lsn(const char *storage_engines, uint64_t *lsn)
{
    json_t *object = json_loads(storage_engines, 0, NULL);
    const json_t *number = json_object_get(json_object_get(object, "InnoDB"), "LSN");
    gboolean found = json_is_integer(number) && json_integer_value(number) > 0;
    if (found)
        *lsn = (uint64_t)json_integer_value(number);
    json_decref(object);
    return found;
}

/* Exact, but it needs BACKUP_ADMIN. */
static gboolean ask_log_status(const Server *server, uint64_t *lsn, GError **error)
{
    g_autofree char *json = NULL;
    if (!ask_row(server, "its LSN", "SELECT STORAGE_ENGINES FROM performance_schema.log_status",
                 &json, 1, error)) {
        if (was_denied(server))
            g_prefix_error(error, "without BACKUP_ADMIN, and SELECT on "
                                  "performance_schema.log_status: ");
        return FALSE;
    }
    return log_status_lsn(json, lsn) ||
           fail(error, STATUS_SERVER, "%s answers \"%s\" for its LSN", server->where, json);
}

gboolean server_lsn(Server *server, uint64_t *lsn, GError **error)
{
    const Dialect *dialect = server->dialect;
    if (dialect->lsn == NULL)
        return ask_log_status(server, lsn, error);
    if (dialect->lsn_lags && ask_log_status(server, lsn, NULL))
        return TRUE;
    return ask_status(server, "its LSN", dialect->lsn, lsn, error);
}

gboolean server_data_bytes(Server *server, uint64_t *bytes, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT CAST(COALESCE(SUM(FILE_SIZE), 0) AS UNSIGNED)"
                                           " FROM %s",
                                           server->dialect->tablespaces);
    return ask_number(server, "the size of its tablespaces", sql, bytes, error);
}
