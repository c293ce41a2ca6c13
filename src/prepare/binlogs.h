/* SPDX-License-Identifier: MIT */
/* binlogs: a prepared directory names no binary log of the server that it came from. */
#ifndef LSNCHAIN_PREPARE_BINLOGS_H
#define LSNCHAIN_PREPARE_BINLOGS_H

#include <glib.h>

/*
 * xtrabackup puts the binary log that was being written into a backup, and with it the server's
 * index as it was: with the path of the log at the source.  A server that is started on such a
 * directory on the same host, and names its logs alike, takes that log for its own and removes it
 * when it is old enough (seen with MySQL 9.7.4).
 *
 * So each index (`*.index`) at the top of `dir_fd` keeps only the logs that are in the directory,
 * written as "./NAME".  It is not removed: a recovery asks the log that it names which transactions
 * were committed.  Call it after the last link: each one brings an index of its own.
 */
gboolean binlogs_stay_home(int dir_fd, GError **error);

#endif
