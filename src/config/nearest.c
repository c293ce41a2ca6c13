/* SPDX-License-Identifier: MIT */
#include "config/nearest.h"

#include <glib.h>
#include <string.h>

/* More of a word does not make a better guess, and a hostile one shall not cost time. */
enum { COMPARED_MOST = 64 };

/* Levenshtein's distance, one row of the table at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t a_length = strnlen(a, COMPARED_MOST);
    size_t b_length = strnlen(b, COMPARED_MOST);
    size_t row[COMPARED_MOST + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;

    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

const char *nearest_word(const char *word, const char *const *known)
{
    const char *nearest = NULL;
    size_t least = G_MAXSIZE;
    for (; *known != NULL; known++) {
        size_t found = distance(word, *known);
        if (found < least) {
            least = found;
            nearest = *known;
        }
    }
    return nearest;
}
