/* SPDX-License-Identifier: MIT */
/* The client library's own error numbers that src/server knows; see mysql.h beside it. */
#ifndef LSNCHAIN_TESTS_CLIENT_ERRMSG_H
#define LSNCHAIN_TESTS_CLIENT_ERRMSG_H

#define CR_MIN_ERROR            2000
#define CR_SERVER_GONE_ERROR    2006
#define CR_SERVER_LOST          2013
#define CR_SERVER_LOST_EXTENDED 2055

#endif
