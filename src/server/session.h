/* SPDX-License-Identifier: MIT */
/*
 * session: one connection, and how a question is put.  For the files of this room only.
 *
 * What the families and series call differently is a row of the table of dialects.
 */
#ifndef LSNCHAIN_SERVER_SESSION_H
#define LSNCHAIN_SERVER_SESSION_H

#include "server/server.h"

#include <mysql.h>

typedef struct {
    gboolean mariadb;
    unsigned since;              /* 80022: from 8.0.22 on, until a later row */
    const char *uuid;            /* variable */
    const char *gtid;            /* variable */
    const char *status_table;    /* VARIABLE_NAME, VARIABLE_VALUE */
    const char *lsn;             /* status; NULL: it is asked of performance_schema.log_status */
    gboolean lsn_lags;           /* that status is a second old (tried: MySQL 9.7.4) */
    const char *lsn_flushed;     /* status; NULL: it does not tell */
    const char *binlog_grant;    /* to leave the binary log */
    const char *tablespaces;     /* FILE_SIZE */
    const char *innodb_tables;   /* NAME */
    const char *is_shared;       /* condition there: the table has no file of its own */
    const char *const *unlisted; /* such tables that InnoDB does not list; NULL: none */
    const char *sessions;        /* ID, USER, COMMAND, TIME, STATE, INFO */
    const char *replica_query;   /* a row for each source */
    const char *replica_grant;   /* what it needs */
    const char *backup_lock;     /* statement that takes the lock of a backup; NULL: it is shared */
    const char *backup_release;  /* and gives it back */
    const char *default_role;    /* to type, for "%s" */
    const char *time_limit;      /* variable of a session: how long a statement may take ... */
    int time_limit_unit;         /* ... and how many of its units make a second */
} Dialect;

/* Of "10.11.19-MariaDB-log" or "8.0.36-28". */
const Dialect *dialect_of(const char *version);

struct Server {
    MYSQL *mysql;
    char *where; /* login_text() */
    char *version;
    char *user;  /* CURRENT_USER() */
    char *proxy; /* @@proxy_user: whom an authentication plugin let in as somebody else, or "" */
    const Dialect *dialect;
};

/* A row of an answer; a value is NULL for a NULL. */
typedef struct {
    MYSQL_ROW values;
    const unsigned long *lengths;
    const MYSQL_FIELD *fields;
    unsigned n;
} Answer;

/* One turn for a row; rows stream in.  FALSE: it makes no sense. */
typedef gboolean RowFn(const Answer *row, void *data);

/* `question` completes "cannot ask ... for". */
gboolean ask(const Server *server, const char *question, const char *sql, RowFn *each, void *data,
             GError **error);

typedef struct {
    const char *question;
    const char *sql;
    int64_t limit_s; /* 0: none */
} LongQuestion;

/*
 * As ask(), for what may take long: a signal that asks us to stop ends the wait, and so does the
 * limit, with STATUS_TIMEOUT.  The connection is then of no more use.
 */
gboolean ask_in_time(const Server *server, const LongQuestion *asked, RowFn *each, void *data,
                     GError **error);

/* The first `n` columns of the only row, into `values`, which must be NULL. */
gboolean ask_row(const Server *server, const char *question, const char *sql, char **values,
                 unsigned n, GError **error);
gboolean ask_number(const Server *server, const char *question, const char *sql, uint64_t *number,
                    GError **error);

/* A status variable of the server. */
gboolean ask_status(const Server *server, const char *question, const char *status,
                    uint64_t *number, GError **error);

/* A statement that answers with no row that matters. */
gboolean ask_nothing(const Server *server, const char *question, const char *sql, GError **error);

/* The session as server_connect() leaves it. */
gboolean ask_for_manners(const Server *server, GError **error);

/* name -> value, names in lower case.  `names` as in a list of SQL: "'datadir', 'read_only'". */
GHashTable *ask_variables(const Server *server, const char *names, GError **error);
/* "" where the server has none. */
const char *variable_text(GHashTable *variables, const char *name);
/* 0 where the server has none, or it is no number. */
uint64_t variable_number(GHashTable *variables, const char *name);

/* The LSN in a value of performance_schema.log_status.STORAGE_ENGINES; FALSE: there is none. */
gboolean log_status_lsn(const char *storage_engines, uint64_t *lsn);

/* For RowFn: g_hash_table_insert() of the first column, in lower case, and the second. */
gboolean keep_pair(const Answer *row, void *data);

/* Was the last question refused for want of a privilege? */
gboolean was_denied(const Server *server);

#endif
