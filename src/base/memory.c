/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <glib.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

enum { LARGE = 512 << 10 };

void memory_keep_little(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
}

/* What stands behind `word` in the first line that begins with it; NULL: there is none.  Free it.
 */
static char *behind_word(const char *path, const char *word)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], word))
            return g_strdup(lines[i] + strlen(word));
    }
    return NULL;
}

/* FALSE: no number stands there. */
static gboolean read_number(const char *directory, const char *name, const char *word,
                            uint64_t *number)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *text = behind_word(path, word);
    return text != NULL && sscanf(text, " %" G_GUINT64_FORMAT, number) == 1;
}

static uint64_t left_in(const char *directory)
{
    uint64_t most = 0;
    uint64_t used = 0;
    uint64_t inactive = 0; /* these two: page cache */
    uint64_t active = 0;
    if (!read_number(directory, "memory.max", "", &most)) /* "max" is none */
        return UINT64_MAX;
    (void)read_number(directory, "memory.current", "", &used);
    (void)read_number(directory, "memory.stat", "inactive_file ", &inactive);
    (void)read_number(directory, "memory.stat", "active_file ", &active);
    used -= MIN(used, inactive + active);
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
    g_autofree char *path = behind_word("/proc/self/cgroup", "0::/");
    return path != NULL ? memory_left_in_group("/sys/fs/cgroup", path) : UINT64_MAX;
}

uint64_t memory_available(void)
{
    uint64_t kilobytes = 0;
    if (!read_number("/proc", "meminfo", "MemAvailable:", &kilobytes))
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
