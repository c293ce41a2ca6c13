/* SPDX-License-Identifier: MIT */
/*
 * behind: lets the disk write what was written, at once, and the page cache forget it.
 *
 * A backup and a restore are as large as the server's data, and nobody reads them soon.  Left
 * alone, Linux first keeps up to a tenth of the memory dirty while the disk is idle, then makes
 * everybody wait for it, and throws out for it what the production host works with.
 *
 * Waiting for the disk is for a thread of its own; small files, and what comes while it has enough
 * to do, are left to the kernel and to the final flush.  Nothing becomes durable by this, and no
 * error is told: both are what syncfs() is for.
 */
#ifndef LSNCHAIN_SEAL_BEHIND_H
#define LSNCHAIN_SEAL_BEHIND_H

#include <glib.h>
#include <stdint.h>

typedef struct Behind Behind;

Behind *behind_new(void);
/* Waits until what came was written. */
void behind_free(Behind *behind);

/* These bytes of the file were written.  Any thread; never waits.  `fd` stays the caller's. */
void behind_write(Behind *behind, int fd, uint64_t offset, uint64_t length);

#endif
