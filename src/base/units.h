/* SPDX-License-Identifier: MIT */
/* units: sizes and durations as people write and read them. */
#ifndef LSNCHAIN_BASE_UNITS_H
#define LSNCHAIN_BASE_UNITS_H

#include <glib.h>
#include <stdint.h>

/* "90s", "15m", "12h", "7d", "4w"; a bare 0.  In seconds. */
gboolean units_parse_duration(const char *text, int64_t *seconds);
/* "512M": bytes, or with K, M, G, T (1024 each). */
gboolean units_parse_size(const char *text, uint64_t *bytes);

/* "1.4 GiB"; "512 B".  Free it. */
char *units_size(uint64_t bytes);
/* "45s", "3m 20s", "2h 05m", "3d 04h".  Free it. */
char *units_duration(int64_t seconds);

#endif
