/* SPDX-License-Identifier: MIT */
/*
 * drill_tables: what a server was asked, in a drill report's page.
 *
 * Tables at fault stand first; then a line for each schema; then every table, folded by schema, as
 * long as the page has room: 20,000 tables are about 2 MB.
 */
#ifndef LSNCHAIN_REPORT_DRILL_TABLES_H
#define LSNCHAIN_REPORT_DRILL_TABLES_H

#include "model/exam.h"

#include <glib.h>

/* `most`: the length of `out` from which on tables are counted, not listed. */
void drill_tables_add(GString *out, const Exam *exam, gsize most);
void drill_tables_add_asserts(GString *out, const Exam *exam);

#endif
