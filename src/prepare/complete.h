/* SPDX-License-Identifier: MIT */
/* complete: does a prepared directory still hold the files of every table that was backed up? */
#ifndef LSNCHAIN_PREPARE_COMPLETE_H
#define LSNCHAIN_PREPARE_COMPLETE_H

#include "engine/engine.h"
#include "model/backup.h"

#include <glib.h>

/*
 * An engine can say "completed OK!" and have removed a table.  So the tables that the tables.tsv of
 * `link`, in `backup_fd`, calls seen before and after its capture are looked for in the directory
 * `base_fd`.  STATUS_ENGINE, naming the first that is not there.
 */
gboolean complete_check(const Engine *engine, const Backup *link, int backup_fd, int base_fd,
                        GError **error);

#endif
