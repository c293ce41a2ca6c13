/* SPDX-License-Identifier: MIT */
/* failed: what the engine said in captures and prepares that failed: STATE/INSTANCE/failed/. */
#ifndef LSNCHAIN_FLOW_FAILED_H
#define LSNCHAIN_FLOW_FAILED_H

#include "flow/run.h"

#include <glib.h>

/* ID.log, or ID.verify.log; makes the directory.  NULL with the error set.  Free it. */
char *failed_log_path(const Run *run, const char *id, const char *suffix, GError **error);

/* The newest twenty stay, by their ids; one that cannot be removed is a warning, and stays too. */
void failed_log_prune(const Run *run);

#endif
