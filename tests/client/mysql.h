/* SPDX-License-Identifier: MIT */
/*
 * What src/server uses of MySQL's own client library, and no more.
 *
 * Debian 12 has MariaDB Connector/C only.  scripts/lint compiles src/server against this header
 * too, so that a call which libmysqlclient does not have is seen at once.  It was compared with
 * libmysqlclient 9.7.4, against which the room was compiled, linked and run.  Types are opaque
 * where the room must not look inside; the numbers of the enumerations mean nothing.
 */
#ifndef LSNCHAIN_TESTS_CLIENT_MYSQL_H
#define LSNCHAIN_TESTS_CLIENT_MYSQL_H

#include <stdbool.h>

typedef struct {
    struct {
        int fd;
    } net;
} MYSQL;
typedef struct MYSQL_RES MYSQL_RES;
typedef struct MYSQL_STMT MYSQL_STMT;
typedef char **MYSQL_ROW;

enum enum_field_types {
    MYSQL_TYPE_TIMESTAMP,
    MYSQL_TYPE_DATE,
    MYSQL_TYPE_TIME,
    MYSQL_TYPE_DATETIME,
    MYSQL_TYPE_BIT
};

typedef struct {
    char *name;
    enum enum_field_types type;
} MYSQL_FIELD;

enum mysql_option {
    MYSQL_OPT_CONNECT_TIMEOUT,
    MYSQL_OPT_READ_TIMEOUT,
    MYSQL_OPT_WRITE_TIMEOUT,
    MYSQL_OPT_LOCAL_INFILE,
    MYSQL_SET_CHARSET_NAME,
    MYSQL_OPT_SSL_KEY,
    MYSQL_OPT_SSL_CERT,
    MYSQL_OPT_SSL_CA,
    MYSQL_OPT_SSL_MODE,
    MYSQL_OPT_GET_SERVER_PUBLIC_KEY
};

enum mysql_ssl_mode {
    SSL_MODE_DISABLED = 1,
    SSL_MODE_PREFERRED,
    SSL_MODE_REQUIRED,
    SSL_MODE_VERIFY_CA,
    SSL_MODE_VERIFY_IDENTITY
};

MYSQL *mysql_init(MYSQL *mysql);
MYSQL *mysql_real_connect(MYSQL *mysql, const char *host, const char *user, const char *password,
                          const char *database, unsigned int port, const char *unix_socket,
                          unsigned long flags);
void mysql_close(MYSQL *mysql);
int mysql_options(MYSQL *mysql, enum mysql_option option, const void *value);
const char *mysql_get_ssl_cipher(MYSQL *mysql);
unsigned int mysql_errno(MYSQL *mysql);
const char *mysql_error(MYSQL *mysql);
int mysql_query(MYSQL *mysql, const char *sql);
int mysql_send_query(MYSQL *mysql, const char *sql, unsigned long length);
bool mysql_read_query_result(MYSQL *mysql);
int mysql_ping(MYSQL *mysql);
MYSQL_RES *mysql_use_result(MYSQL *mysql);
MYSQL_FIELD *mysql_fetch_fields(MYSQL_RES *result);
unsigned int mysql_num_fields(MYSQL_RES *result);
MYSQL_ROW mysql_fetch_row(MYSQL_RES *result);
unsigned long *mysql_fetch_lengths(MYSQL_RES *result);
void mysql_free_result(MYSQL_RES *result);

MYSQL_STMT *mysql_stmt_init(MYSQL *mysql);
int mysql_stmt_prepare(MYSQL_STMT *statement, const char *sql, unsigned long length);
unsigned int mysql_stmt_field_count(MYSQL_STMT *statement);
unsigned int mysql_stmt_errno(MYSQL_STMT *statement);
const char *mysql_stmt_error(MYSQL_STMT *statement);
bool mysql_stmt_close(MYSQL_STMT *statement);

#endif
