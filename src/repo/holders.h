/* SPDX-License-Identifier: MIT */
/*
 * holders: which backups a stored file is in.
 *
 * Backups share files by hard links, always under the same name below their own directory; so one
 * bad sector, or one edit by hand, may be in many of them.
 */
#ifndef LSNCHAIN_REPO_HOLDERS_H
#define LSNCHAIN_REPO_HOLDERS_H

#include "repo/shelf.h"

#include <glib.h>

/*
 * Ids (char *) of all backups that hold the inode of this file of the tree, the one it was named
 * by among them, in order; that one alone for a directory and for a file that is not there any
 * more.  `path` may be relative to the working directory.  NULL with STATUS_USAGE: it is not below
 * the backups of this shelf.
 */
GPtrArray *holders_of(const Shelf *shelf, const char *path, GError **error);

#endif
