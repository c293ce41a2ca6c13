/* SPDX-License-Identifier: MIT */
/*
 * tablelist: the lines of a backup's tables.tsv.
 *
 *     schema <tab> table <tab> engine <tab> size class <tab> both | before | after
 *
 * after a line of headings.  A tab, line break or backslash in a name is written \t, \n, \\.
 */
#ifndef LSNCHAIN_MODEL_TABLELIST_H
#define LSNCHAIN_MODEL_TABLELIST_H

#include <glib.h>

#define TABLELIST_FILE "tables.tsv"
enum { TABLELIST_MOST = 256 << 20 }; /* bytes; 100,000 tables make some 6 MB */

/* When it was seen: a table that was seen once only was made or dropped during the capture. */
typedef enum { SEEN_BOTH, SEEN_BEFORE, SEEN_AFTER } Seen;

typedef struct {
    char *schema;
    char *name;
    char *engine; /* of what has none its type: "VIEW" */
    char *size_class;
    Seen seen;
} ListedTable;

/* An empty list, but for its headings. */
GString *tablelist_new(void);
void tablelist_append(GString *text, const ListedTable *table);

/* A name as it stands in such a file, and back.  Free them. */
char *tablelist_escape(const char *name);
char *tablelist_unescape(const char *escaped);

/* ListedTable *; a line that makes no sense is left out.  Free it with g_ptr_array_unref(). */
GPtrArray *tablelist_parse(const char *text);

#endif
