/* SPDX-License-Identifier: MIT */
/* datadir: may we read what the engine will read?  Asked before anything is written. */
#ifndef LSNCHAIN_ENGINE_DATADIR_H
#define LSNCHAIN_ENGINE_DATADIR_H

#include "server/server.h"

#include <glib.h>

/*
 * Looks at every directory of the data directory and at every file that an engine copies; keys,
 * sockets and binary logs are none of these.  Also, in other places: the system tablespace, undo
 * tablespaces, and tables that a file *.isl leads to; MySQL's innodb_directories are not looked at.
 * STATUS_REFUSED names the first that is closed to us, counts them and says what to do;
 * STATUS_SERVER: there is no such directory on this host.
 */
gboolean datadir_check_readable(const ServerFacts *facts, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
