/* SPDX-License-Identifier: MIT */
/*
 * partitions: a .par file, in which MariaDB keeps the parts of a partitioned table.
 *
 * Words of four bytes, the low one first: how many words, a checksum (all of them together are 0
 * then, by exclusive or), how many parts; a byte for the engine of each part, filled up to a word;
 * how many bytes the names have; the names, each with a zero byte.  More may follow.
 */
#include "engine/tables.h"

#include <string.h>

enum { WORD = 4, WORDS_AT = 0, PARTS_AT = 8, ENGINES_AT = 12 };

static uint64_t word_at(const GString *file, uint64_t at)
{
    guint32 word = 0;
    memcpy(&word, file->str + at, sizeof word);
    return GUINT32_FROM_LE(word);
}

static gboolean is_sound(const GString *file)
{
    uint64_t words = file->len >= ENGINES_AT ? word_at(file, WORDS_AT) : 0;
    if (words * WORD < ENGINES_AT || words * WORD > file->len)
        return FALSE;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < words; i++)
        sum ^= word_at(file, i * WORD);
    return sum == 0;
}

char **engine_part_names(const GString *file)
{
    if (!is_sound(file))
        return NULL;
    uint64_t end = word_at(file, WORDS_AT) * WORD;
    uint64_t parts = word_at(file, PARTS_AT);
    uint64_t at = ENGINES_AT + (parts + WORD - 1) / WORD * WORD + WORD;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (uint64_t i = 0; i < parts; i++) {
        const char *zero = at < end ? memchr(file->str + at, '\0', end - at) : NULL;
        if (zero == NULL || zero == file->str + at)
            return NULL;
        g_ptr_array_add(names, g_strdup(file->str + at));
        at = (uint64_t)(zero - file->str) + 1;
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
