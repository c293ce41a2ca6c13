/* SPDX-License-Identifier: MIT */
/*
 * trash: a published backup on its way out.
 *
 * Renamed from backups/ID to .trash/ID it is gone for every command; what stands in .trash is
 * finished by the next run.  The directory itself goes last, so it tells that a backup was on its
 * way out until nothing else needs to know.
 */
#ifndef LSNCHAIN_REPO_TRASH_H
#define LSNCHAIN_REPO_TRASH_H

#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

/* TRUE as well when its directory is not there.  Flushed by trash_flush() only. */
gboolean trash_move(const Shelf *shelf, const char *id, GError **error);
gboolean trash_flush(const Shelf *shelf, GError **error);

/* All that is in .trash/ID, not the directory: to make room. */
gboolean trash_empty(const Shelf *shelf, const char *id, GError **error);
gboolean trash_remove(const Shelf *shelf, const char *id, GError **error);

/*
 * Bytes on disk that removing all of these backups (const char * ids, in backups/) frees: those of
 * files that have no name elsewhere.
 */
gboolean trash_weigh(const Shelf *shelf, const GPtrArray *ids, uint64_t *bytes, GError **error);

#endif
