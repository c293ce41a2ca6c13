/* SPDX-License-Identifier: MIT */
/*
 * imported: tables that no incremental can hold.
 *
 * ALTER TABLE ... IMPORT TABLESPACE leaves the LSN of every page at 0 (MariaDB 10.11), and an
 * incremental takes only pages with an LSN above its parent's: such a table would come back with
 * its old rows, or not at all, and nothing would say so.  So the next backup is a full.
 */
#ifndef LSNCHAIN_FLOW_IMPORTED_H
#define LSNCHAIN_FLOW_IMPORTED_H

#include "flow/witness.h"
#include "model/backup.h"

#include <glib.h>

/* Into the facts of a backup: the highest numbers that InnoDB had given out by its end. */
void imported_note(Backup *backup, const Observed *after);

/* A sentence about a table imported since `parent` was taken, or NULL.  Free it. */
char *imported_since(const Backup *parent, const Observed *now);

#endif
