/* SPDX-License-Identifier: MIT */
/*
 * publishing: from a finished capture to a backup that every command sees.
 *
 * First the tree (marks, rsync, flush, rename), then the catalog and its copy, then the capture is
 * removed.
 */
#ifndef LSNCHAIN_FLOW_PUBLISHING_H
#define LSNCHAIN_FLOW_PUBLISHING_H

#include "flow/run.h"
#include "repo/publish.h"

#include <glib.h>

/*
 * `backup` has its facts and its marks; `bytes_new` is added here.  The parent must still be sound
 * when the catalog is changed; if it is not, the backup is published as quarantined.
 */
gboolean publishing_run(Run *run, Backup *backup, const char *capture, Published *published,
                        GError **error);

#endif
