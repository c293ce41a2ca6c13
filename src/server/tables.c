/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "server/session.h"

#include <string.h>

#define SHOWS_FEWER                                                                                \
    "%s shows us %" G_GUINT64_FORMAT " InnoDB tables, but InnoDB itself has %" G_GUINT64_FORMAT

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

const char *server_table_kind(const ServerTable *table)
{
    return *table->engine != '\0' ? table->engine : table->type;
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

static gboolean keep_table(const Answer *row, void *data)
{
    for (int i = 0; i < 4; i++) {
        if (row->values[i] == NULL)
            return FALSE;
    }
    g_ptr_array_add(
        data, server_table_new(row->values[0], row->values[1], row->values[2], row->values[3]));
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

/* Without SHOW VIEW the list is empty; with it, a schema is missing that the server cannot list. */
static gboolean fail_incomplete(Server *server, uint64_t listed, uint64_t known, GError **error)
{
    static const char *const needed[] = {"SHOW VIEW", NULL};
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *remedy = NULL;
    g_autofree char *datadir = NULL;
    if (!server_privileges(server, needed, missing, &remedy, error))
        return FALSE;
    if (missing->len > 0)
        return fail(error, STATUS_SERVER, SHOWS_FEWER HINT("%s"), server->where, listed, known,
                    remedy);
    if (!ask_row(server, "its data directory", "SELECT @@datadir", &datadir, 1, error))
        return FALSE;
    return fail(error, STATUS_SERVER,
                SHOWS_FEWER ": it cannot list a schema's directory" HINT(
                    "see with ls -l which directory in %s is closed to the user that the server "
                    "runs as, and open it with chown and chmod"),
                server->where, listed, known, datadir);
}

/* A table that comes or goes between the two questions is no reason to refuse: it is asked again.
 */
gboolean server_tables_complete(Server *server, const GPtrArray *tables, GError **error)
{
    uint64_t listed = count_innodb(tables);
    uint64_t known = 0;
    enum { ATTEMPTS = 20, PAUSE_US = 50 * 1000 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt > 0)
            g_usleep(PAUSE_US);
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
    return fail_incomplete(server, listed, known, error);
}

static gboolean keep_name(const Answer *row, void *data)
{
    if (row->values[0] == NULL)
        return FALSE;
    (void)g_hash_table_add(data, g_strdup(row->values[0]));
    return TRUE;
}

GHashTable *server_tables_without_file(Server *server, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *sql =
        g_strdup_printf("SELECT NAME FROM %s WHERE %s AND NAME LIKE '%%/%%'",
                        server->dialect->innodb_tables, server->dialect->is_shared);
    if (!ask(server, "its tables in shared tablespaces", sql, keep_name, names, error))
        return NULL;
    const char *const *unlisted = server->dialect->unlisted;
    for (; unlisted != NULL && *unlisted != NULL; unlisted++)
        (void)g_hash_table_add(names, g_strdup(*unlisted));
    return g_steal_pointer(&names);
}

void server_tablespace_free(ServerTablespace *space)
{
    g_free(space->name);
    g_free(space);
}

static void space_free(gpointer space)
{
    server_tablespace_free(space);
}

static gboolean keep_space(const Answer *row, void *data)
{
    guint64 table_id = 0;
    guint64 space_id = 0;
    if (row->values[0] == NULL || row->values[1] == NULL || row->values[2] == NULL ||
        !g_ascii_string_to_unsigned(row->values[1], 10, 0, G_MAXUINT64, &table_id, NULL) ||
        !g_ascii_string_to_unsigned(row->values[2], 10, 0, G_MAXUINT64, &space_id, NULL))
        return FALSE;
    ServerTablespace *space = g_new0(ServerTablespace, 1);
    space->name = g_strdup(row->values[0]);
    space->table_id = table_id;
    space->space_id = space_id;
    g_ptr_array_add(data, space);
    return TRUE;
}

GPtrArray *server_tablespaces(Server *server, GError **error)
{
    g_autoptr(GPtrArray) spaces = g_ptr_array_new_with_free_func(space_free);
    g_autofree char *sql =
        g_strdup_printf("SELECT NAME, TABLE_ID, SPACE FROM %s WHERE NOT (%s) AND NAME LIKE '%%/%%'",
                        server->dialect->innodb_tables, server->dialect->is_shared);
    if (!ask(server, "its tablespaces", sql, keep_space, spaces, error))
        return NULL;
    return g_steal_pointer(&spaces);
}
