/* SPDX-License-Identifier: MIT */
/*
 * tls: how each client library is told about encryption.  For the files of this room only.
 *
 * The one thing in which libmysqlclient and MariaDB Connector/C differ for us.
 */
#ifndef LSNCHAIN_SERVER_TLS_H
#define LSNCHAIN_SERVER_TLS_H

#include "server/login.h"

#include <mysql.h>

/* Before mysql_real_connect(). */
void tls_set(MYSQL *mysql, const Login *login);

#endif
