/* SPDX-License-Identifier: MIT */
/* witness: what the server says of itself, asked before and after a capture. */
#ifndef LSNCHAIN_FLOW_WITNESS_H
#define LSNCHAIN_FLOW_WITNESS_H

#include "engine/engine.h"
#include "model/fence.h"
#include "server/server.h"

#include <glib.h>

typedef struct {
    ServerFacts facts;
    GPtrArray *tables;        /* ServerTable */
    GPtrArray *spaces;        /* ServerTablespace */
    GHashTable *without_file; /* of InnoDB, named as its files would be; NULL: none */
} Observed;

void observed_clear(Observed *observed);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Observed, observed_clear)

/* Facts and tables; the list of tables is refused when it cannot be complete. */
gboolean observe(Server *server, Observed *observed, GError **error);

/*
 * The user has what the engine needs, and SHOW VIEW, without which the server shows an empty list
 * of tables.  STATUS_SERVER with the GRANT to type.
 */
gboolean observe_privileges(Server *server, const Engine *engine, gboolean checkpoint_first,
                            GError **error);

/* For the fence; it points into `observed`.  `cannot_extend` is left NULL. */
Witness observed_witness(const Observed *observed);

#endif
