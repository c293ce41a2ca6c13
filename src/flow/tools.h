/* SPDX-License-Identifier: MIT */
/* tools: the programs that bring a backup back here, and what the configuration tells them. */
#ifndef LSNCHAIN_FLOW_TOOLS_H
#define LSNCHAIN_FLOW_TOOLS_H

#include "engine/engine.h"
#include "flow/run.h"

#include <glib.h>

typedef struct {
    Engine *engine;
    char **prepare_options; /* of the engine */
    char **server_options;  /* of a throwaway server; NULL below that level */
} Tools;

void tools_clear(Tools *tools);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tools, tools_clear)

/*
 * For `level`, which is `prepare` at least: the engine that may prepare this backup (STATUS_UNFIT:
 * there is none) and the checked options (STATUS_CONFIG).  `tools` comes zeroed.
 */
gboolean tools_find(const Run *run, const Backup *backup, ProofLevel level, Tools *tools,
                    GError **error);

#endif
