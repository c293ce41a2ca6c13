/* SPDX-License-Identifier: MIT */
/* family: a row of engines.c: all in which engines differ.  For the files of this room only. */
#ifndef LSNCHAIN_ENGINE_FAMILY_H
#define LSNCHAIN_ENGINE_FAMILY_H

#include "engine/engine.h"

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
} EngineOption;

struct EngineFamily {
    const char *name;
    const char *const *programs; /* the names by which it is installed */
    const char *version_mark;    /* what stands before the version in what --version says */
    gboolean mariadb;            /* whose servers it is for */
    const char *const *privileges;
    const char *const *checkpoint_privileges; /* with checkpoint_first */
    const EngineOption *options;
    size_t n_options;
    const char *const *checkpoints_names; /* these three: newest name first, NULL-terminated */
    const char *const *info_names;
    const char *const *binlog_names;
    gboolean tells_recovered_lsn; /* a prepare says up to where it applied the redo */
    gboolean table_has_frm;
    /* Append to argv what stands between the program and the user's own options. */
    void (*capture_argv)(GPtrArray *argv, const EngineCapture *capture);
    void (*prepare_argv)(GPtrArray *argv, const EnginePrepare *prepare);
};

extern const EngineFamily mariadb_backup_family;

/* Paths on the engine's host; they belong to it. */
const char *engine_host_login(const EngineHost *host);  /* the option file */
const char *engine_host_parent(const EngineHost *host); /* holds the checkpoints */
const char *engine_host_temp(const EngineHost *host);
const char *engine_host_user(const EngineHost *host);

/* A formatted word for argv. */
void engine_add_arg(GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
