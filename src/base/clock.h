/* SPDX-License-Identifier: MIT */
/*
 * clock: the time of day, in whole seconds since the epoch, and as text in UTC.
 *
 * For durations use g_get_monotonic_time().  In test builds LSNCHAIN_CLOCK=+86400 moves the clock.
 */
#ifndef LSNCHAIN_BASE_CLOCK_H
#define LSNCHAIN_BASE_CLOCK_H

#include <glib.h>
#include <stdint.h>

int64_t clock_now(void);

/* RFC 3339: "2026-11-22T02:00:00Z"; "" for 0, which means "not known".  Free it. */
char *clock_format(int64_t seconds);
/* Takes what clock_format() gives, "" included, and any RFC 3339 time with its offset. */
gboolean clock_parse(const char *text, int64_t *seconds);

/* As in a backup id: "20261122T020000Z".  Free it. */
char *clock_format_id(int64_t seconds);
gboolean clock_parse_id(const char *text, int64_t *seconds);

#endif
