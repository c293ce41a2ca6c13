/* SPDX-License-Identifier: MIT */
/*
 * tables: which files of a stream belong to a table (rule `complete`).  Pure.
 *
 * An engine can say "completed OK!" and have lost a table that was renamed meanwhile, so every
 * table that was there before and after the capture is looked for by its file names.
 */
#ifndef LSNCHAIN_ENGINE_TABLES_H
#define LSNCHAIN_ENGINE_TABLES_H

#include "engine/engine.h"
#include "server/server.h"

#include <glib.h>

/* All names of a stream, without our suffixes. */
typedef struct EngineFiles EngineFiles;
EngineFiles *engine_files_new(void);
void engine_files_add(EngineFiles *files, const char *name); /* "shop/orders.ibd" */
void engine_files_free(EngineFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EngineFiles, engine_files_free)

/*
 * NULL: all files of the table are there.  Else what is missing: "shop/orders.ibd".  Free it.
 * Names are compared without regard to case when `lower_case_table_names` is not 0.
 */
char *engine_table_missing(const Engine *engine, const EngineFiles *files, const ServerTable *table,
                           int lower_case_table_names);

/* As the server names a file: "a-b" is "a@002db".  For one part of a path.  Free it. */
char *engine_file_name(const char *identifier);

#endif
