/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

/* The first line of the file that begins with `word`, and a number behind it; FALSE: there is none.
 */
static gboolean read_number(const char *path, const char *word, uint64_t *number)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], word) &&
            sscanf(lines[i] + strlen(word), " %" G_GUINT64_FORMAT, number) == 1)
            return TRUE;
    }
    return FALSE;
}

static uint64_t number_of(const char *directory, const char *name, const char *word)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    uint64_t number = 0;
    return read_number(path, word, &number) ? number : 0;
}

static uint64_t left_in(const char *directory)
{
    g_autofree char *limit = g_build_filename(directory, "memory.max", NULL);
    uint64_t most = 0;
    if (!read_number(limit, "", &most)) /* "max" is none */
        return UINT64_MAX;
    uint64_t used = number_of(directory, "memory.current", "");
    uint64_t cache = number_of(directory, "memory.stat", "inactive_file ") +
                     number_of(directory, "memory.stat", "active_file ");
    used -= MIN(used, cache);
    return most - MIN(most, used);
}

uint64_t memory_left_in_group(const char *root, const char *path)
{
    uint64_t left = UINT64_MAX;
    g_autofree char *directory = g_build_filename(root, path, NULL);
    while (strlen(directory) > strlen(root)) {
        left = MIN(left, left_in(directory));
        char *above = g_path_get_dirname(directory);
        g_free(directory);
        directory = above;
    }
    return left;
}

/* The line "0::/system.slice/lsnchain@shop.service"; cgroup v1 is not looked at. */
static uint64_t left_in_own_group(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL))
        return UINT64_MAX;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "0::/"))
            return memory_left_in_group("/sys/fs/cgroup", lines[i] + strlen("0::/"));
    }
    return UINT64_MAX;
}

uint64_t memory_available(void)
{
    uint64_t kilobytes = 0;
    if (!read_number("/proc/meminfo", "MemAvailable:", &kilobytes))
        return 0;
    return MAX(1, MIN(kilobytes * 1024, left_in_own_group()));
}

uint64_t memory_within(uint64_t wanted, uint64_t available)
{
    const uint64_t least = UINT64_C(96) << 20;
    if (available == 0 || wanted <= least)
        return wanted;
    return MIN(wanted, MAX(available / 4 * 3, least));
}
