/* SPDX-License-Identifier: MIT */
/*
 * recover: finish or remove what a killed run left.  Under the run lock, before anything else.
 *
 * What a killed removal had moved to .trash leaves the catalog and the disk.  An `.incoming/ID`
 * whose capture is whole is published on; other captures and incoming are removed; then the catalog
 * is made to agree with the tree: a backup it lacks is adopted when its
 * sums and the fence agree and quarantined otherwise, one that is gone is marked missing, and newer
 * marks are taken over.  Recovery only rolls forward, and being killed in it is as good as before.
 */
#ifndef LSNCHAIN_FLOW_RECOVER_H
#define LSNCHAIN_FLOW_RECOVER_H

#include "flow/run.h"

#include <glib.h>

gboolean flow_recover(Run *run, GError **error);

#endif
