/* SPDX-License-Identifier: MIT */
/*
 * crew: the same task for each number from 0 on, by several threads.
 *
 * Numbers are begun in order.  After a failure none is begun any more, and the error told is that
 * of the lowest number that failed: with enough tasks of the same length it is the one that a
 * single thread would have met.
 */
#ifndef LSNCHAIN_BASE_CREW_H
#define LSNCHAIN_BASE_CREW_H

#include <glib.h>

/* In any thread, for several numbers at a time. */
typedef gboolean CrewTaskFn(guint number, void *data, GError **error);

/*
 * In the caller's thread, ten times a second and once at the end.  FALSE, with the error set, stops
 * the work; this error is the one told.
 */
typedef gboolean CrewWatchFn(void *data, GError **error);

typedef struct {
    guint count;
    int threads; /* at least one works */
    CrewTaskFn *task;
    CrewWatchFn *watch;
    void *data; /* handed to both */
} Crew;

/* Returns when no task runs any more. */
gboolean crew_run(const Crew *crew, GError **error);

#endif
