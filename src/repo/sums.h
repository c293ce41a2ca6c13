/* SPDX-License-Identifier: MIT */
/*
 * sums: SHA256SUMS, one line for every file of a backup but itself and backup.ini, sorted by path.
 *
 * The format is that of sha256sum, so that `sha256sum -c` reads it: a name with a backslash has its
 * line begin with one, and each of them doubled.  A name with a line break is refused where it
 * comes from.
 */
#ifndef LSNCHAIN_REPO_SUMS_H
#define LSNCHAIN_REPO_SUMS_H

#include "base/digest.h"

#include <glib.h>

#define SUMS_NAME  "SHA256SUMS"
#define FACTS_NAME "backup.ini"

typedef struct {
    char *name; /* relative to the backup: "data/shop/orders.ibd.lz4" */
    uint8_t sum[DIGEST_BYTES];
} SumLine;

/* An array of SumLine that frees them. */
GPtrArray *sums_new(void);
void sums_add(GPtrArray *sums, const char *name, const uint8_t sum[DIGEST_BYTES]);
void sums_sort(GPtrArray *sums);

GString *sums_text(const GPtrArray *sums);

/* STATUS_VERIFY when it cannot be read, is not sorted, or has a line that is none. */
GPtrArray *sums_parse(const char *text, size_t length, const char *where, GError **error);

/*
 * Of the backup in `backup_fd`, called `id` in messages; `expected` is the fact `sums`: the sum of
 * the sums, "" asks for nothing.
 */
GPtrArray *sums_read(int backup_fd, const char *id, const char *expected, GError **error);

/* NULL: not there. */
const SumLine *sums_find(const GPtrArray *sums, const char *name);

#endif
