/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "server/grants.h"
#include "server/replica.h"
#include "server/session.h"

#include <mysqld_error.h>

/* ---- redo log -------------------------------------------------------------------------------- */

/* One size from MySQL 8.0.30 on; before, and in MariaDB, so many files of one size. */
static uint64_t redo_capacity(GHashTable *variables)
{
    uint64_t capacity = variable_number(variables, "innodb_redo_log_capacity");
    uint64_t files = variable_number(variables, "innodb_log_files_in_group");
    return capacity > 0 ? capacity
                        : variable_number(variables, "innodb_log_file_size") * MAX(files, 1);
}

gboolean server_redo(Server *server, uint64_t *capacity, uint64_t *written, int64_t *uptime_s,
                     GError **error)
{
    g_autoptr(GHashTable) variables =
        ask_variables(server,
                      "'innodb_redo_log_capacity', 'innodb_log_file_size',"
                      " 'innodb_log_files_in_group'",
                      error);
    if (variables == NULL)
        return FALSE;
    g_autoptr(GHashTable) status = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *sql = g_strdup_printf("SELECT VARIABLE_NAME, VARIABLE_VALUE FROM %s"
                                           " WHERE VARIABLE_NAME IN"
                                           " ('Innodb_os_log_written', 'Uptime')",
                                           server->dialect->status_table);
    if (!ask(server, "its counters", sql, keep_pair, status, error))
        return FALSE;
    *capacity = redo_capacity(variables);
    *written = variable_number(status, "innodb_os_log_written");
    *uptime_s = (int64_t)variable_number(status, "uptime");
    return TRUE;
}

gboolean server_table_files(Server *server, uint64_t *files, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT COUNT(*) FROM %s", server->dialect->tablespaces);
    return ask_number(server, "the number of its tablespaces", sql, files, error);
}

/* ---- what others do -------------------------------------------------------------------------- */

static gboolean keep_session(const Answer *row, void *data)
{
    char *const *values = row->values;
    guint64 id = 0;
    gint64 seconds = 0;
    if (values[0] == NULL || !g_ascii_string_to_unsigned(values[0], 10, 0, G_MAXUINT64, &id, NULL))
        return FALSE;
    if (values[2] != NULL) /* a clock that was set back makes it negative */
        (void)g_ascii_string_to_signed(values[2], 10, 0, G_MAXINT32, &seconds, NULL);
    Session *session = g_new0(Session, 1);
    session->id = id;
    session->user = g_strdup(values[1] != NULL ? values[1] : "");
    session->seconds = seconds;
    session->state = g_strdup(values[3] != NULL ? values[3] : "");
    session->text = g_strdup(values[4] != NULL ? values[4] : "");
    g_ptr_array_add(data, session);
    return TRUE;
}

GPtrArray *server_sessions(Server *server, GError **error)
{
    g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func(session_free);
    g_autofree char *sql = g_strdup_printf("SELECT ID, USER, TIME, STATE, LEFT(INFO, 200) FROM %s"
                                           " WHERE INFO IS NOT NULL AND ID <> CONNECTION_ID()",
                                           server->dialect->sessions);
    if (!ask(server, "what others do", sql, keep_session, sessions, error))
        return NULL;
    return g_steal_pointer(&sessions);
}

/* Taken and given back: a connection that holds it and idles is seen in no other way. */
gboolean server_backup_lock(Server *server, int64_t wait_s, BackupLock *lock, GError **error)
{
    *lock = BACKUP_LOCK_UNKNOWN;
    if (server->dialect->backup_lock == NULL)
        return TRUE;
    g_autofree char *wait =
        g_strdup_printf("SET SESSION lock_wait_timeout = %" G_GINT64_FORMAT, wait_s);
    g_autoptr(GError) refused = NULL;
    if (!ask_nothing(server, "a short wait for locks", wait, error))
        return FALSE;
    if (ask_nothing(server, "its backup lock", server->dialect->backup_lock, &refused)) {
        *lock = BACKUP_LOCK_FREE;
        return ask_nothing(server, "its backup lock back", server->dialect->backup_release, error);
    }
    if (mysql_errno(server->mysql) == ER_LOCK_WAIT_TIMEOUT) {
        *lock = BACKUP_LOCK_HELD;
        return TRUE;
    }
    if (was_denied(server)) /* which is told as a missing privilege */
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}

/* ---- replication ----------------------------------------------------------------------------- */

static gboolean keep_source(const Answer *row, void *data)
{
    g_autofree const char **names = g_new0(const char *, row->n + 1);
    for (unsigned i = 0; i < row->n; i++)
        names[i] = row->fields[i].name;
    g_ptr_array_add(data, replica_read(names, (const char *const *)row->values, row->n));
    return TRUE;
}

gboolean server_replica(Server *server, ReplicaFacts *facts, GError **error)
{
    *facts = (ReplicaFacts){.sources = g_ptr_array_new_with_free_func(replica_source_free)};
    g_autoptr(GError) refused = NULL;
    facts->known = ask(server, "its replication", server->dialect->replica_query, keep_source,
                       facts->sources, &refused);
    if (facts->known)
        return TRUE;
    if (was_denied(server)) {
        g_autoptr(GPtrArray) missing = g_ptr_array_new();
        g_ptr_array_add(missing, (gpointer)(uintptr_t)server->dialect->replica_grant);
        facts->grant = grants_to_type(missing, server->user);
        return TRUE;
    }
    replica_facts_clear(facts);
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}
