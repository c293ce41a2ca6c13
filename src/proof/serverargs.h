/* SPDX-License-Identifier: MIT */
/* serverargs: how a throwaway server is started.  Pure. */
#ifndef LSNCHAIN_PROOF_SERVERARGS_H
#define LSNCHAIN_PROOF_SERVERARGS_H

#include "model/backup.h"

#include <glib.h>
#include <stdint.h>

typedef enum {
    START_UNDOING, /* until what was open at the capture is rolled back */
    START_READING, /* nothing is written any more */
} ServerStart;

typedef struct {
    const char *program;
    const Backup *backup; /* its param_... facts */
    const char *datadir;
    const char *socket;
    const char *tmpdir;
    const char *run;      /* a directory of its own, for "pid" and "files" */
    char *const *options; /* the user's; may be NULL */
    uint64_t memory;
} ServerArgs;

/* argv, ended by NULL; free it with g_ptr_array_unref(). */
GPtrArray *serverargs_make(const ServerArgs *args, ServerStart start);

/* See trial_check_options(). */
char **serverargs_check(const char *text, GError **error);

#endif
