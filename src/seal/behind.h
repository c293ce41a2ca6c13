/* SPDX-License-Identifier: MIT */
/*
 * behind: asks the kernel to begin writing what was written, so that the flush at the end is short.
 *
 * Left alone, Linux keeps up to a tenth of the memory dirty before it begins, and the disk is idle
 * while a restore unseals.  The asking itself waits while the disk's queue is full, hence a thread
 * that nobody waits for: what comes while it has enough to do is left to the final flush.
 *
 * Nothing becomes durable by this, and no error is told: both are what syncfs() is for.
 */
#ifndef LSNCHAIN_SEAL_BEHIND_H
#define LSNCHAIN_SEAL_BEHIND_H

#include <glib.h>
#include <stdint.h>

typedef struct Behind Behind;

Behind *behind_new(void);
/* What was asked for last may not have been begun. */
void behind_free(Behind *behind);

/* Any thread; never waits.  `fd` stays the caller's. */
void behind_write(Behind *behind, int fd, uint64_t offset, uint64_t length);

#endif
