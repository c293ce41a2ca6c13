/* SPDX-License-Identifier: MIT */
/*
 * drill_file: where a drill report goes: the page, and its JSON beside it.
 *
 * Opened before the drill, so that a target that cannot be written is refused before hours of work.
 * The directory must exist.  A file that is there is replaced, when the new one is whole.
 */
#ifndef LSNCHAIN_REPORT_DRILL_FILE_H
#define LSNCHAIN_REPORT_DRILL_FILE_H

#include "report/drill_report.h"

#include <glib.h>

typedef struct DrillFile DrillFile;

/* STATUS_USAGE: no name for a page; STATUS_STORAGE: cannot be written there. */
DrillFile *drill_file_open(const char *path, GError **error);
void drill_file_close(DrillFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrillFile, drill_file_close)

/* "drills/shop.json" for "drills/shop.html", "shop.txt.json" for "shop.txt". */
const char *drill_file_json_path(const DrillFile *file);

gboolean drill_file_write(const DrillFile *file, const DrillReport *report, GError **error);

#endif
