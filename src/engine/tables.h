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

/*
 * Which kinds of files a stream has of each table: some 60 bytes a table.  Where the server's
 * lower_case_table_names is not 0, names are compared without regard to case.
 */
typedef struct EngineFiles EngineFiles;
EngineFiles *engine_files_new(int lower_case_table_names);
/* A name as in the stream, without our suffixes: "shop/orders.ibd".  Any other is ignored. */
void engine_files_add(EngineFiles *files, const char *name);
/* An InnoDB table or part that lives in a tablespace with others: "shop/orders", "shop/t#P#p0". */
void engine_files_add_shared(EngineFiles *files, const char *name);
/* What a .par file says its table has: these are missing then where no file of theirs is added. */
void engine_files_add_parts(EngineFiles *files, const char *par_name, char *const *names);
void engine_files_free(EngineFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EngineFiles, engine_files_free)

/* Does a partitioned table have its parts in this file? */
#define ENGINE_PAR_SUFFIX ".par"
/* As in names of files: "p0", "p1#SP#s0".  NULL: it makes no sense.  Free it with g_strfreev(). */
char **engine_part_names(const GString *file);

/*
 * NULL: all files of the table are there.  Else what is missing: "shop/orders.ibd".  Free it.
 * Of a partitioned table at least one part must be there, each that is there must be whole, and
 * those that its .par file names must be there, but InnoDB's: that is asked for its own list.
 */
char *engine_table_missing(const Engine *engine, const EngineFiles *files,
                           const ServerTable *table);

/* "shop/t#P#p0", as InnoDB itself names it: is its file there, or what changed in it? */
gboolean engine_tablespace_there(const EngineFiles *files, const char *name);

/*
 * Has it a name that both families can give the file with what changed in it?  They add to it, and
 * then it can be longer than file systems take.
 */
gboolean engine_tablespace_fits(const char *name);

/*
 * As the server names a file: "a-b" is "a@002db", "con" is "con@@@".  For one part of a path; both
 * families and all series do it alike.  Free it.
 */
char *engine_file_name(const char *identifier);

#endif
