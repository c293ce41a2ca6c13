/* SPDX-License-Identifier: MIT */
/* family: a row of engines.c: all in which engines differ.  For the files of this room only. */
#ifndef LSNCHAIN_ENGINE_FAMILY_H
#define LSNCHAIN_ENGINE_FAMILY_H

#include "engine/engine.h"
#include "engine/log.h"

#include <glib.h>

/* What an option takes, and when it may be passed on. */
typedef enum { OPTION_FLAG, OPTION_REQUIRED, OPTION_OPTIONAL } EngineOptionArgument;

enum {
    FOR_CAPTURE = 1 << 0,
    FOR_PREPARE = 1 << 1,
    OURS = 1 << 2,    /* we set it, or rely on its default */
    PARTIAL = 1 << 3, /* takes something out of the backup */
    UNSAFE = 1 << 4,  /* leaves the backup or the server in a state that we cannot vouch for */
};

typedef struct {
    const char *name;
    EngineOptionArgument argument;
    unsigned flags;
    const char *since; /* NULL: every version of the family has it; else see engine_has_option() */
    const char *until;
} EngineOption;

/* Of "10.11.19-MariaDB" 10, 11, 19, 0; of "8.0.35-30" 8, 0, 35, 30. */
typedef struct {
    unsigned major, minor, patch, build;
} EngineVersion;
/* FALSE when it is none: two numbers at least. */
gboolean engine_version_parse(const char *text, EngineVersion *version);
gboolean engine_version_same_series(const EngineVersion *a, const EngineVersion *b);
int engine_version_compare(const EngineVersion *a, const EngineVersion *b);

struct EngineFamily {
    const char *name;
    const char *const *programs; /* the names by which it is installed */
    const char *version_mark;    /* what stands before the version in what --version says */
    gboolean mariadb;            /* whose servers it is for */
    const char *servers;         /* the same, as it is told */
    /* Tool and server are of one series; is that enough?  NULL: yes, always. */
    gboolean (*takes)(const EngineVersion *tool, const EngineVersion *server);
    /* Of one series as well: can one chain hold both?  Of tools and of servers.  NULL: always. */
    gboolean (*continues)(const EngineVersion *older, const EngineVersion *newer);
    const char *const *privileges;
    const char *const *checkpoint_privileges; /* with checkpoint_first; NULL: it cannot do that */
    const EngineOption *options;
    size_t n_options;
    /* What no row says: values, and what does not go together.  NULL: nothing. */
    gboolean (*check_words)(const Engine *engine, char *const *words, GError **error);
    const EngineLogForm *log;
    /* An option without which it calls home.  Builds differ, so what --help lists decides. */
    const char *stay_home;
    gboolean ddl_lock_is_told; /* a capture that does not tell of its DDL lock took none */
    const char *const *checkpoints_names; /* these three: newest name first, NULL-terminated */
    const char *const *info_names;
    const char *const *binlog_names;
    gboolean tells_recovered_lsn;   /* a prepare says up to where it applied the redo */
    const char *prepared_type;      /* what the checkpoints file then says ... */
    const char *prepared_last_type; /* ... and after the last link */
    gboolean stream_has_holes;      /* 'S' in its stream is a chunk with holes */
    gboolean keeps_files_open;      /* those of all tables, unless told --close-files */
    gboolean table_has_frm;
    const char *const *undo_options; /* of its server; see engine_undo_options() */
    /* Append to argv what stands between the program and the user's own options. */
    void (*capture_argv)(GPtrArray *argv, const EngineCapture *capture);
    void (*prepare_argv)(GPtrArray *argv, const EnginePrepare *prepare);
};

extern const EngineFamily mariadb_backup_family;
extern const EngineFamily xtrabackup_family;

/*
 * Has this version of the tool that option?  `since` and `until` are as in the table of options:
 * "<=2.4" and "-" always, "8.4.0-6; 9.7.1-rc1" by series, "A..B" a state of the source.
 */
gboolean engine_has_option(const char *version, const EngineOption *option);

/* The value of the last word with this option, "ON" for a bare one; NULL: it is not there.
 * `words` may be NULL. */
const char *engine_option_value(const char *const *words, const char *option);

/* Paths on the engine's host; they belong to it. */
const char *engine_host_login(const EngineHost *host);  /* the option file */
const char *engine_host_parent(const EngineHost *host); /* holds the checkpoints */
const char *engine_host_temp(const EngineHost *host);
const char *engine_host_user(const EngineHost *host);

/* A formatted word for argv. */
void engine_add_arg(GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
