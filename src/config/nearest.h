/* SPDX-License-Identifier: MIT */
/* nearest: what somebody probably meant, by edit distance. */
#ifndef LSNCHAIN_CONFIG_NEAREST_H
#define LSNCHAIN_CONFIG_NEAREST_H

/* The one of `known` (NULL-terminated) that is nearest to `word`, the first of equals; NULL when
 * there is none.  Belongs to `known`. */
const char *nearest_word(const char *word, const char *const *known);

#endif
