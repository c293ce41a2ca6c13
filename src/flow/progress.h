/* SPDX-License-Identifier: MIT */
/*
 * progress: how far a long step is.
 *
 * A bar with rate and remaining time on a terminal; elsewhere a line a minute with -v.
 */
#ifndef LSNCHAIN_FLOW_PROGRESS_H
#define LSNCHAIN_FLOW_PROGRESS_H

#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *what;  /* "backing up shop" */
    uint64_t expected; /* bytes; 0: not known, then there is a rate but no bar */
    int64_t started;
    int64_t shown;
} Progress;

Progress progress_start(const char *what, uint64_t expected);
/* May be called as often as one likes. */
void progress_show(Progress *progress, uint64_t done);
/* The same as a PrepareTickFn; `progress` is a Progress. */
void progress_tick(uint64_t done, void *progress);
void progress_end(void);

#endif
