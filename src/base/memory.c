/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

uint64_t memory_available(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
        return 0;
    const char *line = strstr(text, "MemAvailable:");
    uint64_t kilobytes = 0;
    if (line == NULL || sscanf(line, "MemAvailable: %" G_GUINT64_FORMAT " kB", &kilobytes) != 1)
        return 0;
    return kilobytes * 1024;
}

uint64_t memory_within(uint64_t wanted, uint64_t available)
{
    const uint64_t least = UINT64_C(96) << 20;
    if (available == 0 || wanted <= least)
        return wanted;
    return MIN(wanted, MAX(available / 4 * 3, least));
}
