/* SPDX-License-Identifier: MIT */
/*
 * locks: GLib's mutexes and conditions as pthread's, for the thread sanitizer.
 *
 * GLib 2.74 makes them of futexes, which the sanitizer does not see, so it would report every
 * access that they guard.  Included before every file of the build `thread`, and of no other.
 */
#ifndef LSNCHAIN_TESTS_LOCKS_H
#define LSNCHAIN_TESTS_LOCKS_H

#include <glib.h>
#include <pthread.h>
#include <time.h>

#define GMutex            pthread_mutex_t
#define GCond             pthread_cond_t
#define g_mutex_init(m)   pthread_mutex_init(m, NULL)
#define g_mutex_clear     pthread_mutex_destroy
#define g_mutex_lock      pthread_mutex_lock
#define g_mutex_unlock    pthread_mutex_unlock
#define g_cond_init(c)    pthread_cond_init(c, NULL)
#define g_cond_clear      pthread_cond_destroy
#define g_cond_wait       pthread_cond_wait
#define g_cond_signal     pthread_cond_signal
#define g_cond_broadcast  pthread_cond_broadcast
#define g_cond_wait_until locks_wait_until

static inline gboolean locks_wait_until(GCond *cond, GMutex *mutex, gint64 until_us)
{
    const struct timespec until = {until_us / G_USEC_PER_SEC, until_us % G_USEC_PER_SEC * 1000};
    return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &until) == 0;
}

#endif
