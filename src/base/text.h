/* SPDX-License-Identifier: MIT */
/* text: strings that belong to a struct. */
#ifndef LSNCHAIN_BASE_TEXT_H
#define LSNCHAIN_BASE_TEXT_H

#include <glib.h>

/* Takes the place of the text in a field; `text`, which may be part of it, is copied. */
static inline void text_set(char **field, const char *text)
{
    char *copy = g_strdup(text);
    g_free(*field);
    *field = copy;
}

#endif
