/* SPDX-License-Identifier: MIT */
/*
 * checked: an INI text whose second line is the SHA-256 of everything below that line.
 *
 *     [facts]
 *     checksum = 5b2f…
 *     format = 1
 *     …
 */
#ifndef LSNCHAIN_CATALOG_CHECKED_H
#define LSNCHAIN_CATALOG_CHECKED_H

#include <glib.h>

enum { CHECKED_FORMAT = 1 };

/* Takes `body`, what stands below the checksum, and returns it with what stands above. */
GString *checked_wrap(const char *section, GString *body);

/* STATUS_CATALOG when the text does not begin so, or its sum is another one. */
gboolean checked_verify(const GString *text, const char *section, const char *where,
                        GError **error);

/*
 * After a checksum that does not match: what a reader found wrong in the text, when it names a
 * line, takes the place of that error.
 */
void checked_blame(const GError *nonsense, const char *where, GError **error);

/*
 * The line, from 1, on which a changed text is first not what its twin says; the checksum and the
 * generation aside.  0: there is none.
 */
guint checked_first_difference(const GString *text, const GString *twin);

/* For the entry `format`: STATUS_CATALOG when it is none, or higher than this program knows. */
gboolean checked_format(const char *value, const char *where, GError **error);

#endif
