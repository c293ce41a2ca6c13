/* SPDX-License-Identifier: MIT */
/*
 * timeline: the canary row around a capture, and that of the parent when its next link is due.
 *
 * The row is written before the capture and stamped after it; server/canary.h says why.
 */
#ifndef LSNCHAIN_FLOW_TIMELINE_H
#define LSNCHAIN_FLOW_TIMELINE_H

#include "config/config.h"
#include "model/fence.h"
#include "server/server.h"

#include <glib.h>

/* `canary = auto`: not on a replica or a read-only server, where it would be an errant row. */
gboolean timeline_wants_canary(CanaryMode mode, const ServerFacts *facts);

/*
 * Writes the row; `canary` gets its uuid, or "" when none is wanted or, with `auto`, the server
 * does not let us (a notice) or the table is of no use (a warning).  Free it.  STATUS_SERVER
 * otherwise.
 */
gboolean timeline_begin(const InstanceConfig *config, const Login *login, const ServerFacts *facts,
                        const char *backup, char **canary, GError **error);

/* Stamps it.  FALSE: this backup has no witness, and its canary must not be believed. */
gboolean timeline_end(const InstanceConfig *config, Server *server, const char *canary,
                      const char *backup, GError **error);

/* What became of the parent's row, in the schema where it was written; a table that cannot be read
 * tells nothing, with a warning. */
gboolean timeline_of_parent(const InstanceConfig *config, const Login *login, const Backup *parent,
                            CanaryState *state, GError **error);

/*
 * For `check`: will the next backup write its row?  `text` says so or why not; `remedy` is what to
 * type where that would help, else NULL.  Free both.
 */
gboolean timeline_outlook(const InstanceConfig *config, Server *server, const ServerFacts *facts,
                          char **text, char **remedy, GError **error);

#endif
