/* SPDX-License-Identifier: MIT */
/*
 * tables: the tables seen before and after a capture, and tables.tsv.
 *
 * A table that was there both times must have its files in the stream (rule `complete`); one that
 * was seen only once was made or dropped meanwhile.
 */
#ifndef LSNCHAIN_FLOW_TABLES_H
#define LSNCHAIN_FLOW_TABLES_H

#include "engine/engine.h"
#include "flow/witness.h"
#include "seal/seal.h"

#include <glib.h>

/* A sentence about a table whose name is too long for an incremental, or NULL.  Free it. */
char *tables_too_long(const Observed *observed);

/* STATUS_ENGINE, naming the tables that the stream does not hold.  `dir_fd` is that of `tree`. */
gboolean tables_check_complete(const Engine *engine, const Observed *before, const Observed *after,
                               const SealedTree *tree, int dir_fd, GError **error);

/*
 * As model/tablelist.h says.  The size class is that of its files in this capture: empty, 1M, 64M,
 * 1G, 16G ("up to") or more.
 */
GString *tables_text(const Observed *before, const Observed *after, const SealedTree *tree);

#endif
