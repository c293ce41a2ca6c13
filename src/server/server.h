/* SPDX-License-Identifier: MIT */
/*
 * server: what we ask the database server, one named function for each question.
 *
 * Every SQL statement of ours stands in this room.  A failure is STATUS_SERVER (12) and names the
 * server and the question; a lost connection too: nothing is asked again behind the caller's back.
 *
 * One thread at a time.
 */
#ifndef LSNCHAIN_SERVER_SERVER_H
#define LSNCHAIN_SERVER_SERVER_H

#include "model/readiness.h"
#include "server/login.h"

#include <glib.h>
#include <stdint.h>

typedef struct Server Server;

/* `timeout_s` holds for connecting and for each answer; 0: none. */
Server *server_connect(const Login *login, int64_t timeout_s, GError **error);
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)

/* @@version; the server owns it. */
const char *server_version(const Server *server);

/* Is the connection still there? */
gboolean server_answers(Server *server);

/* A start parameter that a prepare or a throwaway server needs: {"param_page_size", "16384"}. */
typedef struct {
    char *name;
    char *value;
} ServerParam;
void server_param_free(ServerParam *param);

typedef struct {
    char *uuid;       /* @@server_uuid, or MariaDB's @@server_uid; "" where the server has none */
    char *version;    /* @@version: "10.11.19-MariaDB-0+deb12u1-log" */
    gboolean mariadb; /* else MySQL or Percona Server */
    int64_t started;  /* UTC seconds: its clock minus its uptime; both of one statement, so exact */
    gboolean read_only;
    gboolean replica;       /* a source is configured, running or not */
    gboolean replica_known; /* FALSE: without SLAVE MONITOR only a running one is seen */
    uint64_t lsn;           /* current LSN, on the scale of to_lsn and last_lsn ... */
    int64_t lsn_at;         /* ... at this g_get_monotonic_time() */
    char *datadir;
    /* Files of the system tablespace, and the directory of the undo tablespaces: absolute paths. */
    char **innodb_paths;
    /* Device, inode and birth time of ibdata1; "" when the data directory is not readable here. */
    char *datadir_id;
    char *gtid;        /* gtid_current_pos or gtid_executed; "" without GTID mode */
    GPtrArray *params; /* ServerParam, sorted by name */
    char *user;        /* CURRENT_USER() */
    char *proxy;       /* @@proxy_user, or "" */
} ServerFacts;

/* "16384" for "page_size", as backup_param() of a backup; NULL where the server has none. */
const char *server_facts_param(const ServerFacts *facts, const char *name);
gboolean server_facts(Server *server, ServerFacts *facts, GError **error);
void server_facts_clear(ServerFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ServerFacts, server_facts_clear)

/* A row of tables.tsv. */
typedef struct {
    char *schema;
    char *name;
    char *type;   /* "BASE TABLE", "VIEW", "SEQUENCE", "SYSTEM VERSIONED" ... */
    char *engine; /* "InnoDB"; "" for a view */
} ServerTable;
ServerTable *server_table_new(const char *schema, const char *name, const char *type,
                              const char *engine);
void server_table_free(ServerTable *table);
/* As tables.tsv names it: its engine, or where it has none its type. */
const char *server_table_kind(const ServerTable *table);

/*
 * All tables but the server's virtual and temporary ones, sorted by schema and name (bytes); free
 * it with g_ptr_array_unref().  Without SHOW VIEW the server answers with an empty list and no
 * error, hence the question below.
 */
GPtrArray *server_tables(Server *server, GError **error);

/* Fails when the list has fewer InnoDB tables than InnoDB itself, and says what to GRANT, or, where
 * nothing is missing, that the server cannot list a schema's directory. */
gboolean server_tables_complete(Server *server, const GPtrArray *tables, GError **error);

/* The file of an InnoDB table, or of a part of one; both numbers only grow. */
typedef struct {
    char *name; /* as InnoDB names files: "shop/t#P#p0" */
    uint64_t table_id;
    uint64_t space_id;
} ServerTablespace;
void server_tablespace_free(ServerTablespace *space);
/* All of them; free it with g_ptr_array_unref(). */
GPtrArray *server_tablespaces(Server *server, GError **error);

/*
 * The InnoDB tables, and parts of tables, that have no file of their own: they live in the system
 * tablespace or in a general one.  Named as InnoDB names files: "shop/orders@002db", "shop/t#P#p0".
 * Free it with g_hash_table_unref().
 */
GHashTable *server_tables_without_file(Server *server, GError **error);

/*
 * Adds to `missing` (char *, with g_free) those of `needed` (NULL-terminated) that the user does
 * not have: "RELOAD" is one on *.*, "SELECT ON schema.table" one on a table.  Reads SHOW GRANTS;
 * roles count when they are active.  `remedy` is what to type then, else NULL; free it.
 */
gboolean server_privileges(Server *server, const char *const *needed, GPtrArray *missing,
                           char **remedy, GError **error);

gboolean server_lsn(Server *server, uint64_t *lsn, GError **error);

/* The sizes of all InnoDB tablespaces as InnoDB knows them: cheap, for it opens no table. */
gboolean server_data_bytes(Server *server, uint64_t *bytes, GError **error);

/* How large the redo log is, and what was written to it since the start; 0 where not told. */
gboolean server_redo(Server *server, uint64_t *capacity, uint64_t *written, int64_t *uptime_s,
                     GError **error);

/* The files of InnoDB's tables. */
gboolean server_table_files(Server *server, uint64_t *files, GError **error);

/* Session (model/readiness.h) of all other connections that execute something. */
GPtrArray *server_sessions(Server *server, GError **error);

/*
 * Whether somebody holds the lock that only one backup can hold: tries for so long to take it, and
 * gives it back.  Not known where backups share their lock (MySQL).
 */
gboolean server_backup_lock(Server *server, int64_t wait_s, BackupLock *lock, GError **error);

/* Clear `facts` after TRUE. */
gboolean server_replica(Server *server, ReplicaFacts *facts, GError **error);

#endif
