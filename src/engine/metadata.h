/* SPDX-License-Identifier: MIT */
/*
 * metadata: the small files by which an engine describes a backup.
 *
 * Names changed in MariaDB 11.1 (xtrabackup_checkpoints, mariadb_backup_checkpoints): both are
 * understood; both in one backup is an error.  A key that is missing, doubled, too big, negative or
 * not a number is STATUS_ENGINE and names file and key.
 */
#ifndef LSNCHAIN_ENGINE_METADATA_H
#define LSNCHAIN_ENGINE_METADATA_H

#include "engine/engine.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    char *backup_type; /* "full-backuped", "incremental", "log-applied" ... */
    uint64_t from_lsn;
    uint64_t to_lsn;
    uint64_t last_lsn;
} EngineCheckpoints;

typedef struct {
    EngineCheckpoints checkpoints;
    char *checkpoints_text; /* all of the file: the next link's engine_host_make() wants it */
    char *tool_version;
    char *server_version;
    char *start_time; /* as the engine wrote it, UTC: "2026-11-22 02:00:00" */
    char *end_time;
    char *binlog_file; /* "" and 0 where the server has no binary log */
    uint64_t binlog_pos;
    char *gtid;        /* "" where there is none */
    char *server_uuid; /* from backup-my.cnf: xtrabackup only, else "" */
} EngineMetadata;

void engine_checkpoints_clear(EngineCheckpoints *checkpoints);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EngineCheckpoints, engine_checkpoints_clear)
void engine_metadata_clear(EngineMetadata *metadata);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EngineMetadata, engine_metadata_clear)

/*
 * Reads one metadata file of a capture as the engine wrote it.  NULL without an error: there is no
 * such file.
 */
typedef GString *EngineReadFn(const char *name, void *data, GError **error);

/* `incremental`: what was asked for, and must have been done. */
gboolean engine_read_metadata(const Engine *engine, gboolean incremental, EngineReadFn *read,
                              void *data, EngineMetadata *metadata, GError **error);

/* Of a directory, prepared or not. */
gboolean engine_read_checkpoints(const Engine *engine, int dir_fd, EngineCheckpoints *checkpoints,
                                 GError **error);
/* Of a text; `name` is for messages. */
gboolean engine_parse_checkpoints(const char *name, const GString *text,
                                  EngineCheckpoints *checkpoints, GError **error);

#endif
