/* SPDX-License-Identifier: MIT */
/* table: columns as wide as what stands in them. */
#ifndef LSNCHAIN_REPORT_TABLE_H
#define LSNCHAIN_REPORT_TABLE_H

#include "report/report.h"

#include <glib.h>

typedef struct Table Table;

/* `headings` is NULL-terminated; a heading that begins with '>' has its column aligned to the
 * right. */
Table *table_new(const char *const *headings);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* The next cell, from left to right; takes the text. */
void table_take(Table *table, char *text);
void table_add(Table *table, const char *text);

void table_print(const Table *table, const Report *report, const char *indent);

#endif
