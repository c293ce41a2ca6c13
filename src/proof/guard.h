/* SPDX-License-Identifier: MIT */
/*
 * guard: kills a server while its client waits for an answer.
 *
 * A client library waits in a read that nothing but the server ends.  So a thread of its own waits
 * for a signal to us and for a deadline, and ends the server, and with it the read.
 */
#ifndef LSNCHAIN_PROOF_GUARD_H
#define LSNCHAIN_PROOF_GUARD_H

#include "base/proc.h"

#include <glib.h>
#include <stdint.h>

typedef struct Guard Guard;

/* `proc` must outlive it.  `deadline_us` is monotonic; 0: none. */
Guard *guard_start(const Proc *proc, int64_t deadline_us);

/* Did it kill, because the deadline passed? */
gboolean guard_fired(const Guard *guard);

void guard_free(Guard *guard);

#endif
