/* SPDX-License-Identifier: MIT */
/*
 * record: one backup as INI entries: its facts, its marks, and what we do not know but keep.
 *
 * Facts come first.  An unknown key that came with the facts goes back to them, one that came with
 * the marks to the marks; in the catalog, where both stand in one section, an unknown key is a fact
 * until the first mark was seen, and one whose name means something else there is written as
 * "facts.NAME" or "marks.NAME" (backup_extra_scope()).
 */
#ifndef LSNCHAIN_CATALOG_RECORD_H
#define LSNCHAIN_CATALOG_RECORD_H

#include "model/backup.h"

#include <glib.h>

void record_append_facts(const Backup *backup, GString *text);
void record_append_marks(const Backup *backup, GString *text);
/* Both, as the catalog has them. */
void record_append_all(const Backup *backup, GString *text);

typedef enum { RECORD_FACTS, RECORD_MARKS, RECORD_BOTH } RecordPart;

/* `in_marks` starts FALSE for each backup read.  STATUS_CATALOG; `where` is "catalog.ini:12". */
gboolean record_take(Backup *backup, RecordPart part, gboolean *in_marks, const char *key,
                     const char *value, GError **error);

/* What may not be missing or contradict itself in facts. */
gboolean record_check_facts(const Backup *backup, const char *where, GError **error);

#endif
