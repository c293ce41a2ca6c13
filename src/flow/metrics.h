/* SPDX-License-Identifier: MIT */
/*
 * metrics: the files that Prometheus' node exporter reads (metrics_file).
 *
 * Several instances may name the same file: whoever writes it writes all of them, as their catalogs
 * and status files are at that moment.  STATE/metrics.lock is held from the first look to the
 * rename, and a run asks for it after it wrote its own status file.  So of two runs the one that
 * writes last has seen what both did.
 *
 * The file is 0644 and replaced by rename: no reader meets half of it.
 */
#ifndef LSNCHAIN_FLOW_METRICS_H
#define LSNCHAIN_FLOW_METRICS_H

#include "config/config.h"

#include <glib.h>

/*
 * Writes each file that a configured instance names; nothing with a state directory of another
 * user's.  Of a repository that is not there, or not the one that is remembered, nothing is known.
 * FALSE: a file could not be written (STATUS_STORAGE, STATUS_LOCKED); the others were tried all the
 * same.
 */
gboolean metrics_write(const Config *config, const char *command, GError **error);

/* What will keep the file from being written or read, as a sentence to free; NULL: nothing that can
 * be told beforehand.  Writes nothing. */
char *metrics_doubt(const char *path);

#endif
