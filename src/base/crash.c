/* SPDX-License-Identifier: MIT */
#include "base/crash.h"

#ifdef LSNCHAIN_TESTING

#include <glib.h>
#include <signal.h>
#include <string.h>

void crash_point(const char *name)
{
    static int passed;
    const char *wanted = g_getenv("LSNCHAIN_CRASH");
    size_t length = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, length) != 0)
        return;

    guint64 nth = 1;
    if (wanted[length] == ':' &&
        !g_ascii_string_to_unsigned(wanted + length + 1, 10, 1, G_MAXINT, &nth, NULL))
        return;
    if (wanted[length] != ':' && wanted[length] != '\0')
        return;
    if (g_atomic_int_add(&passed, 1) + 1 == (int)nth)
        raise(SIGKILL);
}

#else
typedef int crash_is_empty; /* C wants a declaration in every file */
#endif
