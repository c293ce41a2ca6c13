/* SPDX-License-Identifier: MIT */
/* check: what every failure must be, whatever was read. */
#ifndef LSNCHAIN_TESTS_CHECK_H
#define LSNCHAIN_TESTS_CHECK_H

#include "base/error.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* assert() is nothing where NDEBUG is set, and of g_error() libFuzzer keeps no input. */
#define CHECK(holds)                                                                               \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            g_printerr("%s:%d: %s\n", __FILE__, __LINE__, #holds);                                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Set exactly on failure; of this status; not a novel. */
static inline void check_failure(gboolean done, const GError *error, Status status)
{
    CHECK(done == (error == NULL));
    if (error == NULL)
        return;
    CHECK(error_status(error) == status);
    CHECK(strlen(error->message) < 8192);
}

/* What a stream calls its files is shown escaped; what a log says is escaped where it is printed.
 */
static inline void check_plain(const GError *error)
{
    for (const char *p = error != NULL ? error->message : ""; *p != '\0'; p++)
        CHECK(!g_ascii_iscntrl(*p) || *p == '\n');
}

#endif
