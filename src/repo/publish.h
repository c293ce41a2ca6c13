/* SPDX-License-Identifier: MIT */
/*
 * publish: a finished capture becomes a backup in the hard-link tree.
 *
 * publish_tree() aligns the mtimes of unchanged files with the backups they may be hard-linked to
 * (the engines write every file with a new mtime, and rsync compares size and mtime), lets rsync
 * fill `.incoming/ID`, and counts the hard links that are there against those that were planned:
 * rsync exits 0 when it links nothing.  publish_flush() makes it durable, publish_commit() renames
 * it into place; from then on the backup exists.
 *
 * One mtime never stands for two contents of one path: a changed file gets the time in the id of
 * its backup, and ids only grow.
 */
#ifndef LSNCHAIN_REPO_PUBLISH_H
#define LSNCHAIN_REPO_PUBLISH_H

#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const Shelf *shelf;
    const char *id;
    const char *capture;        /* its directory, complete, backup.ini included */
    const char *const *against; /* ids to hard-link against, best first, NULL-terminated */
    const char *rsync;          /* full path */
} PublishSpec;

typedef struct {
    uint64_t files;
    uint64_t linked;    /* to files of earlier backups */
    uint64_t planned;   /* hard links that were expected */
    uint64_t bytes_new; /* of the sealed files that are not linked */
} Published;

/* STATUS_STORAGE, or STATUS_TRANSFER where rsync failed otherwise. */
gboolean publish_tree(const PublishSpec *spec, Published *published, GError **error);

gboolean publish_flush(const Shelf *shelf, GError **error);
gboolean publish_commit(const Shelf *shelf, const char *id, GError **error);
/* What publish_commit() does after the rename, for one whose run was killed right there. */
gboolean publish_settle(const Shelf *shelf, const char *id, GError **error);
/* Takes the write bit that a directory has while it moves, and keeps when its run is killed there.
 */
void publish_protect(const Shelf *shelf, const char *id);

#endif
