/* SPDX-License-Identifier: MIT */
#include "server/session.h"

#include "base/cancel.h"
#include "base/error.h"
#include "server/tls.h"

#include <errno.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- dialects -------------------------------------------------------------------------------- */

/* Tried on 9.7.4: of the tables in mysql.ibd these two are not among INNODB_TABLES. */
static const char *const statistics[] = {"mysql/innodb_index_stats", "mysql/innodb_table_stats",
                                         NULL};

#define MYSQL_FAMILY                                                                               \
    .uuid = "server_uuid", .gtid = "gtid_executed",                                                \
    .status_table = "performance_schema.global_status",                                            \
    .tablespaces = "information_schema.INNODB_TABLESPACES",                                        \
    .innodb_tables = "information_schema.INNODB_TABLES", .is_shared = "SPACE_TYPE <> 'Single'",    \
    .unlisted = statistics, .binlog_grant = "SESSION_VARIABLES_ADMIN",                             \
    .replica_grant = "REPLICATION CLIENT", .default_role = "SET DEFAULT ROLE ALL TO %s;",          \
    .time_limit = "max_execution_time", .time_limit_unit = 1000

static const Dialect dialects[] = {
    {.mariadb = TRUE,
     .uuid = "server_uid",
     .gtid = "gtid_current_pos",
     .status_table = "information_schema.GLOBAL_STATUS",
     .lsn = "Innodb_lsn_current",
     .lsn_flushed = "Innodb_lsn_flushed",
     .binlog_grant = "BINLOG ADMIN",
     .tablespaces = "information_schema.INNODB_SYS_TABLESPACES",
     .innodb_tables = "information_schema.INNODB_SYS_TABLES",
     .is_shared = "SPACE = 0",
     .sessions = "information_schema.PROCESSLIST",
     .replica_query = "SHOW ALL SLAVES STATUS",
     .replica_grant = "SLAVE MONITOR",
     .backup_lock = "BACKUP STAGE START",
     .backup_release = "BACKUP STAGE END",
     .default_role = "SET DEFAULT ROLE ... FOR %s;",
     .time_limit = "max_statement_time",
     .time_limit_unit = 1},
    {MYSQL_FAMILY, .sessions = "information_schema.PROCESSLIST",
     .replica_query = "SHOW SLAVE STATUS"},
    {MYSQL_FAMILY, .since = 80022, .sessions = "performance_schema.processlist",
     .replica_query = "SHOW REPLICA STATUS"},
    {MYSQL_FAMILY, .since = 80030, .sessions = "performance_schema.processlist",
     .replica_query = "SHOW REPLICA STATUS", .lsn = "Innodb_redo_log_current_lsn", .lsn_lags = TRUE,
     .lsn_flushed = "Innodb_redo_log_flushed_to_disk_lsn"},
};

/* 80022 of "8.0.22-log". */
static unsigned version_number(const char *version)
{
    unsigned number = 0;
    for (int part = 0; part < 3; part++) {
        char *end = NULL;
        unsigned long value = strtoul(version, &end, 10);
        number = number * 100 + (unsigned)MIN(value, 99);
        version = *end == '.' ? end + 1 : end;
    }
    return number;
}

const Dialect *dialect_of(const char *version)
{
    gboolean mariadb = strstr(version, "MariaDB") != NULL;
    unsigned number = version_number(version);
    const Dialect *found = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(dialects); i++) {
        if (dialects[i].mariadb == mariadb && dialects[i].since <= number)
            found = &dialects[i];
    }
    return found;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static gboolean fail_server(const Server *server, const char *question, GError **error)
{
    return fail(error, STATUS_SERVER, "cannot ask %s for %s: %s (%u)", server->where, question,
                mysql_error(server->mysql), mysql_errno(server->mysql));
}

gboolean was_denied(const Server *server)
{
    unsigned number = mysql_errno(server->mysql);
    return number == ER_SPECIFIC_ACCESS_DENIED_ERROR || number == ER_TABLEACCESS_DENIED_ERROR;
}

/* All rows are read, whatever `each` thinks of them: else the connection is of no more use. */
static gboolean read_rows(MYSQL_RES *result, RowFn *each, void *data)
{
    Answer answer = {.fields = mysql_fetch_fields(result), .n = mysql_num_fields(result)};
    gboolean fine = TRUE;
    for (answer.values = mysql_fetch_row(result); answer.values != NULL;
         answer.values = mysql_fetch_row(result)) {
        answer.lengths = mysql_fetch_lengths(result);
        if (fine && !each(&answer, data))
            fine = FALSE;
    }
    return fine;
}

static gboolean read_answer(const Server *server, const char *question, RowFn *each, void *data,
                            GError **error)
{
    MYSQL_RES *result = mysql_use_result(server->mysql);
    if (result == NULL)
        return mysql_errno(server->mysql) == 0 || fail_server(server, question, error);
    gboolean fine = read_rows(result, each, data);
    gboolean broken = mysql_errno(server->mysql) != 0;
    if (broken)
        (void)fail_server(server, question, error);
    mysql_free_result(result);
    if (broken)
        return FALSE;
    return fine || fail(error, STATUS_SERVER, "%s gave an answer for %s that makes no sense",
                        server->where, question);
}

gboolean ask(const Server *server, const char *question, const char *sql, RowFn *each, void *data,
             GError **error)
{
    if (mysql_query(server->mysql, sql) != 0)
        return fail_server(server, question, error);
    return read_answer(server, question, each, data, error);
}

/* Until the server begins to answer, or closes the connection. */
static gboolean wait_for_answer(const Server *server, const LongQuestion *asked, GError **error)
{
    struct pollfd watched[] = {{.fd = server->mysql->net.fd, .events = POLLIN},
                               {.fd = cancel_fd(), .events = POLLIN}};
    int64_t until = g_get_monotonic_time() + asked->limit_s * G_USEC_PER_SEC;
    while (watched[0].revents == 0) {
        if (!cancel_check(error))
            return FALSE;
        int64_t left_ms = (until - g_get_monotonic_time()) / 1000;
        if (asked->limit_s > 0 && left_ms <= 0)
            return fail(error, STATUS_TIMEOUT, "%s did not answer for %s in %" G_GINT64_FORMAT " s",
                        server->where, asked->question, asked->limit_s);
        int wait_ms = asked->limit_s > 0 ? (int)CLAMP(left_ms, 1, G_MAXINT) : -1;
        if (poll(watched, G_N_ELEMENTS(watched), wait_ms) < 0 && errno != EINTR)
            return fail(error, STATUS_FAILED, "cannot wait for %s: %s", server->where,
                        g_strerror(errno));
    }
    return TRUE;
}

gboolean ask_in_time(const Server *server, const LongQuestion *asked, RowFn *each, void *data,
                     GError **error)
{
    if (mysql_send_query(server->mysql, asked->sql, strlen(asked->sql)) != 0)
        return fail_server(server, asked->question, error);
    if (!wait_for_answer(server, asked, error)) {
        (void)shutdown(server->mysql->net.fd, SHUT_RDWR); /* an answer to come is none for others */
        return FALSE;
    }
    if (mysql_read_query_result(server->mysql) != 0)
        return fail_server(server, asked->question, error);
    return read_answer(server, asked->question, each, data, error);
}

typedef struct {
    char **values;
    unsigned n;
    unsigned rows;
} Kept;

static gboolean keep_row(const Answer *row, void *data)
{
    Kept *keep = data;
    for (unsigned i = 0; i < keep->n && keep->rows == 0; i++)
        keep->values[i] = g_strdup(row->values[i] != NULL ? row->values[i] : "");
    return ++keep->rows == 1;
}

gboolean ask_row(const Server *server, const char *question, const char *sql, char **values,
                 unsigned n, GError **error)
{
    Kept kept = {values, n, 0};
    if (!ask(server, question, sql, keep_row, &kept, error))
        return FALSE;
    return kept.rows == 1 ||
           fail(error, STATUS_SERVER, "%s does not tell us %s", server->where, question);
}

gboolean ask_number(const Server *server, const char *question, const char *sql, uint64_t *number,
                    GError **error)
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

gboolean ask_status(const Server *server, const char *question, const char *status,
                    uint64_t *number, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT VARIABLE_VALUE FROM %s WHERE VARIABLE_NAME = '%s'",
                        server->dialect->status_table, status);
    return ask_number(server, question, sql, number, error);
}

static gboolean no_row(const Answer *row, void *data)
{
    (void)row;
    (void)data;
    return TRUE;
}

gboolean ask_nothing(const Server *server, const char *question, const char *sql, GError **error)
{
    return ask(server, question, sql, no_row, NULL, error);
}

gboolean keep_pair(const Answer *row, void *data)
{
    if (row->values[0] == NULL || row->values[1] == NULL)
        return FALSE;
    g_hash_table_insert(data, g_ascii_strdown(row->values[0], -1), g_strdup(row->values[1]));
    return TRUE;
}

/* SHOW leaves out what a server does not have, where @@name would be an error. */
GHashTable *ask_variables(const Server *server, const char *names, GError **error)
{
    g_autoptr(GHashTable) variables =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *sql =
        g_strdup_printf("SHOW GLOBAL VARIABLES WHERE Variable_name IN (%s)", names);
    if (!ask(server, "its variables", sql, keep_pair, variables, error))
        return NULL;
    return g_steal_pointer(&variables);
}

const char *variable_text(GHashTable *variables, const char *name)
{
    const char *value = g_hash_table_lookup(variables, name);
    return value != NULL ? value : "";
}

uint64_t variable_number(GHashTable *variables, const char *name)
{
    guint64 value = 0;
    (void)g_ascii_string_to_unsigned(variable_text(variables, name), 10, 0, G_MAXUINT64, &value,
                                     NULL);
    return value;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void set_options(MYSQL *mysql, const Login *login, int64_t timeout_s)
{
    unsigned seconds = (unsigned)CLAMP(timeout_s, 0, G_MAXINT32);
    unsigned no_files = 0;
    (void)mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    (void)mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
    (void)mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    (void)mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
    (void)mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    tls_set(mysql, login);
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
    if (login->tls >= LOGIN_TLS_REQUIRED && mysql_get_ssl_cipher(server->mysql) == NULL)
        return fail(error, STATUS_SERVER,
                    "the connection to %s is not encrypted" HINT(
                        "set up TLS on the server, or drop ssl-mode from %s"),
                    server->where, login->path);
    return TRUE;
}

/*
 * No question of ours may stand behind a DDL for a year, the default; SHOW GRANTS quotes as the
 * session does; and init_connect may have switched autocommit off.
 */
static const char manners[] = "SET SESSION lock_wait_timeout = 5, innodb_lock_wait_timeout = 5,"
                              " sql_mode = 'STRICT_ALL_TABLES', sql_quote_show_create = 1,"
                              " autocommit = 1";

gboolean ask_for_manners(const Server *server, GError **error)
{
    return ask_nothing(server, "a session as we need it", manners, error);
}

static gboolean introduce(Server *server, GError **error)
{
    char *values[3] = {NULL, NULL, NULL};
    gboolean told = ask_row(server, "its version",
                            "SELECT @@version, CURRENT_USER(), COALESCE(@@proxy_user, '')", values,
                            G_N_ELEMENTS(values), error);
    server->version = values[0];
    server->user = values[1];
    server->proxy = values[2];
    if (!told)
        return FALSE;
    server->dialect = dialect_of(server->version);
    return ask_for_manners(server, error);
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
    g_free(server->proxy);
    g_free(server);
}

const char *server_version(const Server *server)
{
    return server->version;
}

gboolean server_answers(Server *server)
{
    return mysql_ping(server->mysql) == 0;
}
