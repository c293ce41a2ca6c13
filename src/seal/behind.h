/* SPDX-License-Identifier: MIT */
/*
 * behind: lets the disk write what was written, at once, and the page cache forget it.
 *
 * A backup is as large as the server's data.  Left alone, Linux first keeps up to a tenth of the
 * memory dirty while the disk is idle, then makes everybody wait for it, and throws out for it what
 * the production host works with.
 *
 * Waiting for the disk is for a thread of its own.  Nothing becomes durable by this: that is what
 * syncfs() is for.  Pieces below 64 KiB are left to it altogether.
 */
#ifndef LSNCHAIN_SEAL_BEHIND_H
#define LSNCHAIN_SEAL_BEHIND_H

#include <glib.h>
#include <stdint.h>

typedef struct Behind Behind;

/*
 * For files on the file system of `dir_fd`.  NULL, which the others take, where it would do harm:
 * behind a network each close() of a descriptor sends the whole file, and tells of its errors.
 */
Behind *behind_new(int dir_fd);

/* These bytes of the file were written.  Any thread; never waits.  `fd` stays the caller's. */
void behind_write(Behind *behind, int fd, uint64_t offset, uint64_t length);

/*
 * Waits until the disk has what came, or with `drop` only for what it is at.  0, or the errno of
 * the first piece that it did not take: this is not in the file, whatever the page cache says.
 */
int behind_free(Behind *behind, gboolean drop);

#endif
