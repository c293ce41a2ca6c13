/* SPDX-License-Identifier: MIT */
/*
 * chain: a full and the incrementals on it.
 *
 * Parentage comes from the facts, never from LSNs: two links with equal LSNs fit in any order, and
 * only one order is right.  A chain may branch (a capture that did not fit hangs beside the one
 * that took its place); each backup has exactly one path down to its full.
 *
 * `backups` are all backups of one instance, sorted by id.  Nothing here is copied: results point
 * into `backups`.
 */
#ifndef LSNCHAIN_MODEL_CHAIN_H
#define LSNCHAIN_MODEL_CHAIN_H

#include "model/backup.h"

#include <glib.h>

typedef struct {
    const char *id;
    GPtrArray *links; /* const Backup *, sorted by id, the full first */
} Chain;

/* All chains, oldest first.  An incremental whose full is gone still makes a chain of that id. */
GPtrArray *chain_all(const GPtrArray *backups);

/*
 * The way from the full to `backup`, both included; NULL with the error set (STATUS_CHAIN) when a
 * link is not there.  Whether the links are sound is another question.
 */
GPtrArray *chain_path(const GPtrArray *backups, const Backup *backup, GError **error);

/*
 * Rule `parent-present`: can `backup` be restored, as far as the catalog knows?  Every link up to
 * its full is there, whole and not quarantined.  When not, `why` (may be NULL) gets a sentence to
 * free.
 */
gboolean chain_sound(const GPtrArray *backups, const Backup *backup, char **why);

/* The newest full of the instance; NULL: none. */
const Backup *chain_newest_full(const GPtrArray *backups);

/* The link that the next incremental would hang on: the newest one of the newest chain, sound or
 * not. */
const Backup *chain_newest_link(const GPtrArray *backups);

/* Incrementals between `backup` and its full; 0 for a full. */
guint chain_depth(const GPtrArray *backups, const Backup *backup);

/*
 * Is `backup` proven: sound, its proof `prepare` or higher, nothing failed since, and every link of
 * its chain read back, not before `read_since`?
 */
gboolean chain_proven(const GPtrArray *backups, const Backup *backup, int64_t read_since);

/* The sound backup with the newest data, and the proven one; NULL: none. */
const Backup *chain_restorable_until(const GPtrArray *backups);
const Backup *chain_proven_until(const GPtrArray *backups, int64_t read_since);

void chain_free(gpointer chain);

#endif
