/* SPDX-License-Identifier: MIT */
/*
 * tree: facts and marks in the tree, the truth that the catalog is made from.
 *
 * Facts are written once, into a capture, before it is published.  Marks change; they are replaced
 * before the catalog is.
 */
#ifndef LSNCHAIN_CATALOG_TREE_H
#define LSNCHAIN_CATALOG_TREE_H

#include "model/backup.h"
#include "repo/shelf.h"

#include <glib.h>

/* backup.ini into the capture behind `dir_fd`. */
gboolean tree_write_facts(int dir_fd, const Backup *backup, GError **error);
gboolean tree_write_marks(const Shelf *shelf, const Backup *backup, GError **error);
gboolean tree_remove_marks(const Shelf *shelf, const char *id, GError **error);

/* backup.ini of the directory `dir_fd`, a backup or a capture, called `id`.  STATUS_CATALOG. */
Backup *tree_read_facts(int dir_fd, const char *id, GError **error);
/* Is the backup.ini there what is known of this backup?  STATUS_VERIFY. */
gboolean tree_check_facts(int dir_fd, const Backup *known, GError **error);
/* marks/ID.ini into `backup`; none is fine: all marks are then as they start. */
gboolean tree_read_marks(const Shelf *shelf, Backup *backup, GError **error);
/* Both, of backups/ID. */
Backup *tree_read(const Shelf *shelf, const char *id, GError **error);

/*
 * Facts or marks that could not be read: is the file damaged, its checksum another one?  FALSE when
 * it cannot be read now, or says with a right checksum what this program does not know.
 */
gboolean tree_facts_damaged(const Shelf *shelf, const char *id);
gboolean tree_marks_damaged(const Shelf *shelf, const char *id);

/*
 * When facts or marks cannot be read: the line of that file that is first not what is `known` of
 * the backup.  0: no line, or no file to be read.
 */
guint tree_changed_line(const Shelf *shelf, const Backup *known);

#endif
