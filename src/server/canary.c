/* SPDX-License-Identifier: MIT */
#include "server/canary.h"

#include "base/error.h"
#include "server/grants.h"
#include "server/session.h"

#include <mysqld_error.h>
#include <string.h>

enum { KEEP_DAYS = 400 };

static const char question[] = "the canary row";

/* Want of a privilege, and a server that takes no writes. */
static const unsigned refusals[] = {
    ER_DBACCESS_DENIED_ERROR,
    ER_TABLEACCESS_DENIED_ERROR,
    ER_SPECIFIC_ACCESS_DENIED_ERROR,
    ER_OPTION_PREVENTS_STATEMENT,
    ER_OPEN_AS_READONLY,
    ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
};

static gboolean is_one_of(unsigned number, const unsigned *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] == number)
            return TRUE;
    }
    return FALSE;
}

static gboolean was_refused(const Server *server)
{
    return is_one_of(mysql_errno(server->mysql), refusals, G_N_ELEMENTS(refusals));
}

static gboolean is_absent(const Server *server)
{
    static const unsigned absent[] = {ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR};
    return is_one_of(mysql_errno(server->mysql), absent, G_N_ELEMENTS(absent));
}

G_GNUC_PRINTF(3, 4)
static gboolean run(const Server *server, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *sql = g_strdup_vprintf(format, args);
    va_end(args);
    return ask_nothing(server, question, sql, error);
}

/* A row that went through the binary log would be an errant transaction on every replica, and come
 * back when the log is replayed. */
static gboolean leave_binlog(Server *server, GError **error)
{
    uint64_t logs = 0;
    return ask_number(server, "its binary log", "SELECT @@log_bin", &logs, error) &&
           (logs == 0 || run(server, error, "SET SESSION sql_log_bin = 0")) &&
           run(server, error, "SET SESSION TRANSACTION READ WRITE"); /* whatever the default is */
}

/* Not each time: even where there is nothing to make, it would wait for who has the table open. */
static gboolean make_table(Server *server, const char *schema, GError **error)
{
    if (run(server, NULL, "SELECT 1 FROM `%s`.canary LIMIT 1", schema))
        return TRUE;
    return run(server, error, "CREATE DATABASE IF NOT EXISTS `%s`", schema) &&
           run(server, error,
               "CREATE TABLE IF NOT EXISTS `%s`.canary ("
               "uuid CHAR(36) CHARACTER SET ascii NOT NULL,"
               " event ENUM('written', 'stamped') NOT NULL,"
               " backup VARCHAR(32) CHARACTER SET ascii NOT NULL,"
               " at DATETIME(6) NOT NULL COMMENT 'UTC',"
               " PRIMARY KEY (uuid, event)) ENGINE = InnoDB"
               " COMMENT = 'lsnchain: shows that this server was not put back'",
               schema);
}

static gboolean add_row(Server *server, const char *schema, const char *uuid, const char *event,
                        const char *backup, GError **error)
{
    return run(server, error,
               "INSERT INTO `%s`.canary (uuid, event, backup, at)"
               " VALUES ('%s', '%s', '%s', UTC_TIMESTAMP(6))",
               schema, uuid, event, backup);
}

/*
 * MariaDB takes FLUSH ENGINE LOGS for nothing where innodb_flush_log_at_trx_commit is 0, and then
 * flushes once a second; so we wait until it says that it did.
 */
static gboolean wait_for_flush(Server *server, GError **error)
{
    enum { WAIT_US = 10 * G_USEC_PER_SEC, STEP_US = 50000 };
    uint64_t wanted = 0;
    uint64_t flushed = 0;
    if (!run(server, error, "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"))
        return FALSE;
    const char *status = server->dialect->lsn_flushed;
    if (status == NULL)
        return TRUE;
    if (!server_lsn(server, &wanted, error))
        return FALSE;
    for (int64_t until = g_get_monotonic_time() + WAIT_US; flushed < wanted; g_usleep(STEP_US)) {
        if (!ask_status(server, "how far it flushed", status, &flushed, error))
            return FALSE;
        if (flushed < wanted && g_get_monotonic_time() > until)
            return fail(error, STATUS_SERVER, "%s did not flush %s to its redo log in 10 s",
                        server->where, question);
    }
    return TRUE;
}

static gboolean write_row(Server *server, const char *schema, const char *uuid, const char *backup,
                          GError **error)
{
    return leave_binlog(server, error) && make_table(server, schema, error) &&
           run(server, error,
               "DELETE FROM `%s`.canary WHERE at < UTC_TIMESTAMP() - INTERVAL %d DAY", schema,
               KEEP_DAYS) &&
           add_row(server, schema, uuid, "written", backup, error);
}

gboolean canary_write(Server *server, const char *schema, const char *uuid, const char *backup,
                      char **refused, GError **error)
{
    *refused = NULL;
    g_autoptr(GError) failure = NULL;
    if (write_row(server, schema, uuid, backup, &failure))
        return TRUE;
    if (!was_refused(server)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    *refused = g_strdup(failure->message);
    return TRUE;
}

gboolean canary_allowed(Server *server, const char *schema, gboolean *allowed, GError **error)
{
    static const char *const on_table[] = {"CREATE", "SELECT", "INSERT", "DELETE"};
    uint64_t logs = 0;
    if (!ask_number(server, "its binary log", "SELECT @@log_bin", &logs, error))
        return FALSE;
    g_autoptr(GPtrArray) needed = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(on_table); i++)
        g_ptr_array_add(needed, g_strdup_printf("%s ON %s.canary", on_table[i], schema));
    if (logs != 0)
        g_ptr_array_add(needed, g_strdup(server->dialect->binlog_grant));
    g_ptr_array_add(needed, NULL);
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *remedy = NULL;
    if (!server_privileges(server, (const char *const *)needed->pdata, missing, &remedy, error))
        return FALSE;
    *allowed = missing->len == 0;
    return TRUE;
}

char *canary_grants(const Server *server, const char *schema)
{
    g_autofree char *user = grants_quoted_user(server->user);
    return g_strdup_printf("GRANT %s ON *.* TO %s;"
                           " GRANT CREATE, SELECT, INSERT, DELETE ON `%s`.* TO %s;",
                           server->dialect->binlog_grant, user, schema, user);
}

gboolean canary_stamp(Server *server, const char *schema, const char *uuid, const char *backup,
                      GError **error)
{
    return leave_binlog(server, error) && add_row(server, schema, uuid, "stamped", backup, error) &&
           wait_for_flush(server, error);
}

static gboolean keep_event(const Answer *answer, void *data)
{
    CanaryRow *row = data;
    guint64 at = 0;
    if (answer->values[0] == NULL || answer->values[1] == NULL ||
        !g_ascii_string_to_unsigned(answer->values[1], 10, 0, G_MAXINT64, &at, NULL))
        return FALSE;
    row->stamped |= strcmp(answer->values[0], "stamped") == 0;
    if (strcmp(answer->values[0], "written") == 0) {
        row->written = TRUE;
        row->written_at = (int64_t)at;
    }
    return TRUE;
}

/* As the configuration allows it. */
static gboolean is_schema(const char *name)
{
    const char *end = name;
    while (g_ascii_isalnum(*end) || *end == '_')
        end++;
    return end > name && *end == '\0';
}

/* Schema and uuid come from a file of the repository, and go into a statement. */
gboolean canary_find(Server *server, const char *schema, const char *uuid, CanaryRow *row,
                     GError **error)
{
    *row = (CanaryRow){0};
    if (!g_uuid_string_is_valid(uuid))
        return fail(error, STATUS_CATALOG, "the canary \"%.40s\" is no uuid", uuid);
    if (!is_schema(schema))
        return fail(error, STATUS_CATALOG, "\"%.64s\" is no schema of canaries", schema);
    g_autofree char *sql =
        g_strdup_printf("SELECT event, TIMESTAMPDIFF(SECOND, '1970-01-01', at) FROM `%s`.canary"
                        " WHERE uuid = '%s'",
                        schema, uuid);
    g_autoptr(GError) failure = NULL;
    gboolean asked = ask(server, question, sql, keep_event, row, &failure);
    row->known = asked || !was_refused(server);
    if (asked || is_absent(server) || !row->known)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
