/* SPDX-License-Identifier: MIT */
/* The server's error numbers that src/server knows; see mysql.h beside it. */
#ifndef LSNCHAIN_TESTS_CLIENT_MYSQLD_ERROR_H
#define LSNCHAIN_TESTS_CLIENT_MYSQLD_ERROR_H

#define ER_OPEN_AS_READONLY                      1036
#define ER_DBACCESS_DENIED_ERROR                 1044
#define ER_ACCESS_DENIED_ERROR                   1045
#define ER_BAD_DB_ERROR                          1049
#define ER_TABLEACCESS_DENIED_ERROR              1142
#define ER_SERVER_SHUTDOWN                       1053
#define ER_NO_SUCH_TABLE                         1146
#define ER_LOCK_WAIT_TIMEOUT                     1205
#define ER_SPECIFIC_ACCESS_DENIED_ERROR          1227
#define ER_OPTION_PREVENTS_STATEMENT             1290
#define ER_QUERY_INTERRUPTED                     1317
#define ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION 1792

#endif
