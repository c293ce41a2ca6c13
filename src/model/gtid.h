/* SPDX-License-Identifier: MIT */
/*
 * gtid: does a server still have all transactions that a backup had?
 *
 * A set that lacks some proves that the server was put back.  One that has them all proves nothing:
 * a server that was put back uses or fetches the same identifiers again.
 *
 * MySQL: "uuid:1-10:15:tag:1-3,uuid:7", tags since 8.3.  MariaDB: "domain-server-sequence", one for
 * each domain, of which all with a lower sequence were seen too.
 */
#ifndef LSNCHAIN_MODEL_GTID_H
#define LSNCHAIN_MODEL_GTID_H

#include <glib.h>

/*
 * The last one of the first source of `part` that `whole` lacks; free it.  NULL: none is lacking,
 * or nothing can be said: `whole` is empty, or one of the two is no set that we understand.
 */
char *gtid_lacking(const char *whole, const char *part);

#endif
