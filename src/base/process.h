/* SPDX-License-Identifier: MIT */
/*
 * process: which process wrote something down, and whether it still lives.
 *
 * A number alone is given to others after a while, so boot and start time stand beside it.
 */
#ifndef LSNCHAIN_BASE_PROCESS_H
#define LSNCHAIN_BASE_PROCESS_H

#include <glib.h>
#include <stdint.h>

enum { PROCESS_BOOT_SIZE = 40 };

typedef struct {
    int64_t pid;                  /* 0: none */
    uint64_t ticks;               /* its start, in clock ticks since the boot; 0: not known */
    char boot[PROCESS_BOOT_SIZE]; /* "" where not known */
} Process;

Process process_self(void);

gboolean process_same(const Process *a, const Process *b);

/* TRUE in doubt: another user's process, or one that nothing can be read of. */
gboolean process_lives(const Process *process);

#endif
