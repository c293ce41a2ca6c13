/* SPDX-License-Identifier: MIT */
/* The server's error numbers that src/server knows; see mysql.h beside it. */
#ifndef LSNCHAIN_TESTS_CLIENT_MYSQLD_ERROR_H
#define LSNCHAIN_TESTS_CLIENT_MYSQLD_ERROR_H

#define ER_DBACCESS_DENIED_ERROR        1044
#define ER_ACCESS_DENIED_ERROR          1045
#define ER_TABLEACCESS_DENIED_ERROR     1142
#define ER_LOCK_WAIT_TIMEOUT            1205
#define ER_SPECIFIC_ACCESS_DENIED_ERROR 1227

#endif
