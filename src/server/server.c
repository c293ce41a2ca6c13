/* SPDX-License-Identifier: MIT */
#include "server/server.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What the two families call differently.  A third would be a third row. */
typedef struct {
    gboolean mariadb;
    const char *uuid;         /* variable */
    const char *gtid;         /* variable */
    const char *status_table; /* VARIABLE_NAME, VARIABLE_VALUE */
    const char *lsn;          /* status */
    const char *tablespaces;  /* FILE_SIZE */
    const char *innodb_tables;
    const char *replica_query; /* a row for each source */
} Dialect;

static const Dialect dialects[] = {
    {.mariadb = TRUE,
     .uuid = "server_uid",
     .gtid = "gtid_current_pos",
     .status_table = "information_schema.GLOBAL_STATUS",
     .lsn = "Innodb_lsn_current",
     .tablespaces = "information_schema.INNODB_SYS_TABLESPACES",
     .innodb_tables = "information_schema.INNODB_SYS_TABLES",
     .replica_query = "SHOW ALL SLAVES STATUS"},
    {.mariadb = FALSE,
     .uuid = "server_uuid",
     .gtid = "gtid_executed",
     .status_table = "performance_schema.global_status",
     .lsn = "Innodb_redo_log_current_lsn",
     .tablespaces = "information_schema.INNODB_TABLESPACES",
     .innodb_tables = "information_schema.INNODB_TABLES",
     .replica_query = "SHOW REPLICA STATUS"},
};

struct Server {
    MYSQL *mysql;
    char *where; /* login_text() */
    char *version;
    char *user; /* CURRENT_USER() */
    const Dialect *dialect;
};

/* ---- connecting and asking --------------------------------------------------------------------
 */

static gboolean fail_server(const Server *server, const char *question, GError **error)
{
    return fail(error, STATUS_SERVER, "cannot ask %s for %s: %s (%u)", server->where, question,
                mysql_error(server->mysql), mysql_errno(server->mysql));
}

/* Rows stream in; one turn of `each` for a row, NULL for a NULL.  Stops at the first FALSE. */
typedef gboolean RowFn(MYSQL_ROW row, void *data);

static gboolean ask(const Server *server, const char *question, const char *sql, RowFn *each,
                    void *data, GError **error)
{
    if (mysql_query(server->mysql, sql) != 0)
        return fail_server(server, question, error);
    MYSQL_RES *result = mysql_use_result(server->mysql);
    if (result == NULL)
        return mysql_errno(server->mysql) == 0 || fail_server(server, question, error);
    gboolean fine = TRUE;
    for (MYSQL_ROW row = mysql_fetch_row(result); row != NULL; row = mysql_fetch_row(result)) {
        if (fine && !each(row, data))
            fine = FALSE;
    }
    gboolean broken = mysql_errno(server->mysql) != 0;
    if (broken)
        (void)fail_server(server, question, error);
    mysql_free_result(result);
    if (broken)
        return FALSE;
    return fine || fail(error, STATUS_SERVER, "%s gave an answer for %s that makes no sense",
                        server->where, question);
}

typedef struct {
    char **values;
    guint n;
    guint rows;
} Row;

static gboolean keep_row(MYSQL_ROW row, void *data)
{
    Row *keep = data;
    for (guint i = 0; i < keep->n && keep->rows == 0; i++)
        keep->values[i] = g_strdup(row[i] != NULL ? row[i] : "");
    return ++keep->rows == 1;
}

/* The first `n` columns of the only row, into `values`, which must be NULL. */
static gboolean ask_row(const Server *server, const char *question, const char *sql, char **values,
                        guint n, GError **error)
{
    Row row = {values, n, 0};
    if (!ask(server, question, sql, keep_row, &row, error))
        return FALSE;
    return row.rows == 1 ||
           fail(error, STATUS_SERVER, "%s does not tell us %s", server->where, question);
}

static gboolean ask_number(const Server *server, const char *question, const char *sql,
                           uint64_t *number, GError **error)
{
    g_autofree char *text = NULL;
    if (!ask_row(server, question, sql, &text, 1, error))
        return FALSE;
    guint64 value = 0;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &value, NULL))
        return fail(error, STATUS_SERVER, "%s answers \"%s\" for %s, which is no number",
                    server->where, text, question);
    *number = value;
    return TRUE;
}

static gboolean no_row(MYSQL_ROW row, void *data)
{
    (void)row;
    (void)data;
    return TRUE;
}

static void set_tls(MYSQL *mysql, const Login *login)
{
    (void)mysql_ssl_set(mysql, login->ssl_key, login->ssl_cert, login->ssl_ca, NULL, NULL);
    my_bool enforce = login->tls >= LOGIN_TLS_REQUIRED;
    my_bool verify = login->tls == LOGIN_TLS_VERIFY;
    (void)mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
    (void)mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

static void set_options(MYSQL *mysql, const Login *login, int64_t timeout_s)
{
    unsigned seconds = (unsigned)CLAMP(timeout_s, 0, G_MAXINT32);
    unsigned no_files = 0;
    (void)mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    (void)mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
    (void)mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    (void)mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
    (void)mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (login->tls != LOGIN_TLS_DISABLED)
        set_tls(mysql, login);
}

static const char *connect_hint(unsigned number)
{
    if (number == ER_ACCESS_DENIED_ERROR || number == ER_DBACCESS_DENIED_ERROR)
        return "check user and password there, and that this user exists for this host";
    return "is the server up, and is this its socket or host?";
}

static gboolean open_connection(Server *server, const Login *login, int64_t timeout_s,
                                GError **error)
{
    set_options(server->mysql, login, timeout_s);
    if (mysql_real_connect(server->mysql, login->host, login->user, login->password, NULL,
                           login->port, login->socket, 0) == NULL)
        return fail(error, STATUS_SERVER,
                    "cannot connect to the server as %s: %s (%u)" HINT("%s says how we log in: %s"),
                    server->where, mysql_error(server->mysql), mysql_errno(server->mysql),
                    login->path, connect_hint(mysql_errno(server->mysql)));
    /* An option that the client library does not know is ignored by it, so we look ourselves. */
    if (login->tls >= LOGIN_TLS_REQUIRED && mysql_get_ssl_cipher(server->mysql) == NULL)
        return fail(error, STATUS_SERVER,
                    "the connection to %s is not encrypted" HINT(
                        "set up TLS on the server, or drop ssl-mode from %s"),
                    server->where, login->path);
    return TRUE;
}

static gboolean introduce(Server *server, GError **error)
{
    char *values[2] = {NULL, NULL};
    if (!ask_row(server, "its version", "SELECT @@version, CURRENT_USER()", values, 2, error)) {
        g_free(values[0]);
        g_free(values[1]);
        return FALSE;
    }
    server->version = values[0];
    server->user = values[1];
    gboolean mariadb = strstr(server->version, "MariaDB") != NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(dialects); i++) {
        if (dialects[i].mariadb == mariadb)
            server->dialect = &dialects[i];
    }
    /* No question of ours may stand behind a DDL for a year, the default. */
    return ask(server, "a short wait for locks", "SET SESSION lock_wait_timeout = 5", no_row, NULL,
               error);
}

Server *server_connect(const Login *login, int64_t timeout_s, GError **error)
{
    g_autoptr(Server) server = g_new0(Server, 1);
    server->where = login_text(login);
    server->mysql = mysql_init(NULL);
    if (server->mysql == NULL)
        g_error("mysql_init: out of memory");
    if (!open_connection(server, login, timeout_s, error) || !introduce(server, error))
        return NULL;
    return g_steal_pointer(&server);
}

void server_free(Server *server)
{
    if (server == NULL)
        return;
    mysql_close(server->mysql);
    g_free(server->where);
    g_free(server->version);
    g_free(server->user);
    g_free(server);
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* Start parameters, and what they are called in the catalog. */
static const struct {
    const char *variable;
    const char *name;
} params[] = {
    {"character_set_server", "param_character_set_server"},
    {"collation_server", "param_collation_server"},
    {"innodb_checksum_algorithm", "param_checksum_algorithm"},
    {"innodb_data_file_path", "param_data_file_path"},
    {"innodb_page_size", "param_page_size"},
    {"innodb_undo_tablespaces", "param_undo_tablespaces"},
    {"lower_case_table_names", "param_lower_case_table_names"},
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

static gboolean keep_variable(MYSQL_ROW row, void *data)
{
    if (row[0] == NULL || row[1] == NULL)
        return FALSE;
    g_hash_table_insert(data, g_ascii_strdown(row[0], -1), g_strdup(row[1]));
    return TRUE;
}

/* SHOW leaves out what a server does not have, where @@name would be an error. */
static GHashTable *ask_variables(const Server *server, GError **error)
{
    g_autoptr(GHashTable) variables =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GString) sql = g_string_new("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                                          "('datadir', 'innodb_data_home_dir', 'read_only'");
    g_string_append_printf(sql, ", '%s', '%s'", server->dialect->uuid, server->dialect->gtid);
    for (size_t i = 0; i < G_N_ELEMENTS(params); i++)
        g_string_append_printf(sql, ", '%s'", params[i].variable);
    g_string_append_c(sql, ')');
    if (!ask(server, "its variables", sql->str, keep_variable, variables, error))
        return NULL;
    return g_steal_pointer(&variables);
}

static const char *variable(GHashTable *variables, const char *name)
{
    const char *value = g_hash_table_lookup(variables, name);
    return value != NULL ? value : "";
}

/* "ibdata1" of "ibdata1:12M;ibdata2:10M:autoextend", below the directory that InnoDB uses. */
static char *system_tablespace(GHashTable *variables)
{
    const char *path = variable(variables, "innodb_data_file_path");
    g_autofree char *name = g_strndup(path, strcspn(path, ":;"));
    if (*name == '\0')
        return g_strdup("");
    if (g_path_is_absolute(name))
        return g_steal_pointer(&name);
    const char *home = variable(variables, "innodb_data_home_dir");
    const char *datadir = variable(variables, "datadir");
    g_autofree char *below =
        g_path_is_absolute(home) ? g_strdup(home) : g_build_filename(datadir, home, NULL);
    return g_build_filename(below, name, NULL);
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

static gboolean keep_plugin(MYSQL_ROW row, void *data)
{
    GString *list = data;
    if (row[0] == NULL || row[1] == NULL)
        return FALSE;
    g_string_append_printf(list, "%s%s=%s", list->len > 0 ? ";" : "", row[0], row[1]);
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

static gboolean count_row(MYSQL_ROW row, void *data)
{
    (void)row;
    (*(guint *)data)++;
    return TRUE;
}

static gboolean ask_replica(const Server *server, ServerFacts *facts, GError **error)
{
    guint sources = 0;
    g_autoptr(GError) refused = NULL;
    facts->replica_known = ask(server, "its replication", server->dialect->replica_query, count_row,
                               &sources, &refused);
    facts->replica = sources > 0;
    if (facts->replica_known)
        return TRUE;
    if (mysql_errno(server->mysql) != ER_SPECIFIC_ACCESS_DENIED_ERROR) {
        g_propagate_error(error, g_steal_pointer(&refused));
        return FALSE;
    }
    g_autofree char *sql = g_strdup_printf("SELECT VARIABLE_VALUE FROM %s WHERE VARIABLE_NAME IN"
                                           " ('Slaves_running', 'Replica_running')"
                                           " UNION ALL SELECT '0' LIMIT 1",
                                           server->dialect->status_table);
    g_autofree char *running = NULL;
    if (!ask_row(server, "its replication", sql, &running, 1, error))
        return FALSE;
    facts->replica = strcmp(running, "0") != 0 && strcmp(running, "OFF") != 0;
    return TRUE;
}

static gboolean fill_facts(Server *server, ServerFacts *facts, GError **error)
{
    g_autoptr(GHashTable) variables = ask_variables(server, error);
    if (variables == NULL)
        return FALSE;
    const char *read_only = variable(variables, "read_only");
    g_autofree char *tablespace = system_tablespace(variables);
    facts->version = g_strdup(server->version);
    facts->mariadb = server->dialect->mariadb;
    facts->user = g_strdup(server->user);
    facts->uuid = g_strdup(variable(variables, server->dialect->uuid));
    facts->gtid = g_strdelimit(g_strdup(variable(variables, server->dialect->gtid)), "\n", ' ');
    facts->read_only = strcmp(read_only, "OFF") != 0 && strcmp(read_only, "0") != 0;
    facts->datadir = g_strdup(variable(variables, "datadir"));
    facts->datadir_id = fingerprint(tablespace);
    return ask_params(server, variables, facts, error) &&
           ask_started(server, &facts->started, error) && ask_replica(server, facts, error) &&
           server_lsn(server, &facts->lsn, error);
}

gboolean server_facts(Server *server, ServerFacts *facts, GError **error)
{
    *facts = (ServerFacts){0};
    if (fill_facts(server, facts, error))
        return TRUE;
    server_facts_clear(facts);
    return FALSE;
}

void server_facts_clear(ServerFacts *facts)
{
    g_free(facts->uuid);
    g_free(facts->version);
    g_free(facts->datadir);
    g_free(facts->datadir_id);
    g_free(facts->gtid);
    g_free(facts->user);
    g_clear_pointer(&facts->params, g_ptr_array_unref);
    *facts = (ServerFacts){0};
}

gboolean server_lsn(Server *server, uint64_t *lsn, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT VARIABLE_VALUE FROM %s WHERE VARIABLE_NAME = '%s'",
                        server->dialect->status_table, server->dialect->lsn);
    return ask_number(server, "its LSN", sql, lsn, error);
}

gboolean server_data_bytes(Server *server, uint64_t *bytes, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT CAST(COALESCE(SUM(FILE_SIZE), 0) AS UNSIGNED)"
                                           " FROM %s",
                                           server->dialect->tablespaces);
    return ask_number(server, "the size of its tablespaces", sql, bytes, error);
}

/* ---- tables ---------------------------------------------------------------------------------- */

ServerTable *server_table_new(const char *schema, const char *name, const char *type,
                              const char *engine)
{
    ServerTable *table = g_new0(ServerTable, 1);
    table->schema = g_strdup(schema);
    table->name = g_strdup(name);
    table->type = g_strdup(type);
    table->engine = g_strdup(engine);
    return table;
}

void server_table_free(ServerTable *table)
{
    g_free(table->schema);
    g_free(table->name);
    g_free(table->type);
    g_free(table->engine);
    g_free(table);
}

static void table_free(gpointer table)
{
    server_table_free(table);
}

static int compare_tables(gconstpointer a, gconstpointer b)
{
    const ServerTable *one = *(const ServerTable *const *)a;
    const ServerTable *other = *(const ServerTable *const *)b;
    int schemas = strcmp(one->schema, other->schema);
    return schemas != 0 ? schemas : strcmp(one->name, other->name);
}

static gboolean keep_table(MYSQL_ROW row, void *data)
{
    for (int i = 0; i < 4; i++) {
        if (row[i] == NULL)
            return FALSE;
    }
    g_ptr_array_add(data, server_table_new(row[0], row[1], row[2], row[3]));
    return TRUE;
}

/* No column of sizes: data_length opens every table and evicts production's table cache. */
GPtrArray *server_tables(Server *server, GError **error)
{
    g_autoptr(GPtrArray) tables = g_ptr_array_new_with_free_func(table_free);
    if (!ask(server, "its tables",
             "SELECT table_schema, table_name, table_type, COALESCE(engine, '')"
             " FROM information_schema.tables"
             " WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'sys')"
             " AND table_type NOT LIKE '%TEMPORARY%' AND table_name NOT LIKE '#mysql50##%'"
             " AND table_name NOT LIKE '#mysql50#@0023sql%'",
             keep_table, tables, error))
        return NULL;
    g_ptr_array_sort(tables, compare_tables);
    return g_steal_pointer(&tables);
}

static uint64_t count_innodb(const GPtrArray *tables)
{
    uint64_t count = 0;
    for (guint i = 0; i < tables->len; i++) {
        const ServerTable *table = tables->pdata[i];
        count += g_ascii_strcasecmp(table->engine, "InnoDB") == 0 ? 1 : 0;
    }
    return count;
}

/* Partitions are one table; the parts of a full text index and what a DDL left behind are none. */
static gboolean innodb_tables(Server *server, uint64_t *count, GError **error)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT COUNT(DISTINCT SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '#P#', 1), '#p#', 1)) FROM %s"
        " WHERE NAME LIKE '%%/%%' AND NAME NOT LIKE '%%/FTS\\_%%' AND NAME NOT LIKE '%%/#sql%%'"
        " AND NAME NOT LIKE 'sys/%%'",
        server->dialect->innodb_tables);
    return ask_number(server, "the number of InnoDB's tables", sql, count, error);
}

/* A table that came or went between the two questions is no reason to refuse: three attempts. */
gboolean server_tables_complete(Server *server, const GPtrArray *tables, GError **error)
{
    uint64_t listed = count_innodb(tables);
    uint64_t known = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        if (!innodb_tables(server, &known, error))
            return FALSE;
        if (listed >= known)
            return TRUE;
        g_autoptr(GPtrArray) again = server_tables(server, error);
        if (again == NULL)
            return FALSE;
        listed = count_innodb(again);
        if (listed >= known)
            return TRUE;
    }
    g_autoptr(GPtrArray) missing = g_ptr_array_new();
    g_ptr_array_add(missing, (gpointer) "SHOW VIEW");
    g_autofree char *grant = server_grant_text(server, missing);
    return fail(error, STATUS_SERVER,
                "%s shows us %" G_GUINT64_FORMAT
                " InnoDB tables, but InnoDB itself has %" G_GUINT64_FORMAT HINT("%s"),
                server->where, listed, known, grant);
}

/* ---- privileges ------------------------------------------------------------------------------ */

/* "GRANT A, B ON *.* TO ..." into the set; grants on less than everything do not count. */
static gboolean keep_grant(MYSQL_ROW row, void *data)
{
    GHashTable *granted = data;
    if (row[0] == NULL)
        return FALSE;
    const char *end = strstr(row[0], " ON *.* TO ");
    if (end == NULL || !g_str_has_prefix(row[0], "GRANT "))
        return TRUE;
    const char *start = row[0] + strlen("GRANT ");
    g_autofree char *list = g_strndup(start, (size_t)(end - start));
    g_auto(GStrv) names = g_strsplit(list, ",", -1);
    for (char **name = names; *name != NULL; name++)
        (void)g_hash_table_add(granted, g_ascii_strup(g_strstrip(*name), -1));
    return TRUE;
}

gboolean server_privileges(Server *server, const char *const *needed, GPtrArray *missing,
                           GError **error)
{
    g_autoptr(GHashTable) granted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!ask(server, "our privileges", "SHOW GRANTS", keep_grant, granted, error))
        return FALSE;
    if (g_hash_table_contains(granted, "ALL PRIVILEGES"))
        return TRUE;
    for (; *needed != NULL; needed++) {
        if (!g_hash_table_contains(granted, *needed))
            g_ptr_array_add(missing, g_strdup(*needed));
    }
    return TRUE;
}

static void append_quoted(GString *out, const char *name, size_t length)
{
    g_string_append_c(out, '`');
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '`')
            g_string_append_c(out, '`');
        g_string_append_c(out, name[i]);
    }
    g_string_append_c(out, '`');
}

char *server_grant_text(Server *server, const GPtrArray *missing)
{
    GString *text = g_string_new("GRANT ");
    for (guint i = 0; i < missing->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)missing->pdata[i]);
    g_string_append(text, " ON *.* TO ");
    const char *at = strrchr(server->user, '@'); /* a user's name may hold one, a host's not */
    size_t user_length = at != NULL ? (size_t)(at - server->user) : strlen(server->user);
    append_quoted(text, server->user, user_length);
    if (at != NULL) {
        g_string_append_c(text, '@');
        append_quoted(text, at + 1, strlen(at + 1));
    }
    g_string_append_c(text, ';');
    return g_string_free(text, FALSE);
}
