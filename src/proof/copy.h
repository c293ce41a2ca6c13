/* SPDX-License-Identifier: MIT */
/* copy: private copies of files, that may be changed.  The originals are only read. */
#ifndef LSNCHAIN_PROOF_COPY_H
#define LSNCHAIN_PROOF_COPY_H

#include <glib.h>
#include <sys/types.h>

/*
 * All files and directories below `from_fd` into a new directory `name` below `to_fd`, 0640 and
 * 0750, sharing blocks where the file system can.
 */
gboolean copy_tree(int from_fd, int to_fd, const char *name, GError **error);

/*
 * What is in one open file into another, an empty one, holes as holes.  FALSE with errno, or when a
 * signal asked us to stop.
 */
gboolean copy_contents(int from_fd, int to_fd, off_t size);

/* A new file of a copy, open for reading and writing; -1 with the error set. */
int copy_create(int dir_fd, const char *name, GError **error);

gboolean copy_write_text(int dir_fd, const char *name, const GString *text, GError **error);

#endif
