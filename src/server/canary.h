/* SPDX-License-Identifier: MIT */
/*
 * canary: a row by which a server shows that it was not put back.
 *
 * It is written before a capture, so a restore of that capture has it, and stamped (a second row)
 * when the capture has ended, so no restore of it has the stamp: a server that still has both has
 * lived on since then.  Neither may come back by another way, so both are kept out of the binary
 * log.  The stamp is on disk when canary_stamp() returns, whatever innodb_flush_log_at_trx_commit
 * says, for a server that crashes must not seem to be put back.
 *
 * Needs CREATE, SELECT, INSERT and DELETE on the schema, and the right to leave the binary log
 * (MariaDB: BINLOG ADMIN, MySQL: SESSION_VARIABLES_ADMIN) where there is one.
 */
#ifndef LSNCHAIN_SERVER_CANARY_H
#define LSNCHAIN_SERVER_CANARY_H

#include "server/server.h"

#include <glib.h>
#include <stdint.h>

/*
 * Makes schema and table where they are missing, drops very old rows, and writes this one.  TRUE
 * with `refused` set (a sentence, to free): the server does not let us, for want of a privilege or
 * because it is read-only.
 */
gboolean canary_write(Server *server, const char *schema, const char *uuid, const char *backup,
                      char **refused, GError **error);

/* May we write it, as far as grants tell?  Writes nothing. */
gboolean canary_allowed(Server *server, const char *schema, gboolean *allowed, GError **error);

/* What the backup user needs for it, to type.  Free it. */
char *canary_grants(const Server *server, const char *schema);

gboolean canary_stamp(Server *server, const char *schema, const char *uuid, const char *backup,
                      GError **error);

typedef struct {
    gboolean known; /* FALSE: we may not read it */
    gboolean written;
    gboolean stamped;
    int64_t written_at; /* UTC seconds, by the server's clock; 0: not written */
} CanaryRow;

/* A schema or table that is gone has no row. */
gboolean canary_find(Server *server, const char *schema, const char *uuid, CanaryRow *row,
                     GError **error);

#endif
