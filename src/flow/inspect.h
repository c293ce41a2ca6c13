/* SPDX-License-Identifier: MIT */
/*
 * inspect: is the server ready for a backup?  Asks it and this host; model/readiness.h decides.
 *
 * Each Question is one; NULL with the error set when it could not be asked.  `check` shows
 * what they find, a backup goes through all of them before it writes anything.
 */
#ifndef LSNCHAIN_FLOW_INSPECT_H
#define LSNCHAIN_FLOW_INSPECT_H

#include "engine/engine.h"
#include "model/readiness.h"
#include "server/server.h"

#include <glib.h>

typedef struct {
    Server *server;
    const ServerFacts *facts;
    const Login *login;
    const GPtrArray *backups; /* those there are; NULL: not known */
    const Engine *engine;     /* NULL: not known */
    char *const *options;     /* of the engine; NULL: none */
    int64_t sample_us;        /* at least so long after the facts it looks what was written since */
    int64_t wait_s;           /* for another backup to end */
} Inspection;

typedef struct {
    const char *name; /* of what it is about */
    Finding *(*ask)(const Inspection *inspection, GError **error);
} Question;

extern const Question inspect_user;
extern const Question inspect_open_files;
extern const Question inspect_redo;
extern const Question inspect_other_backup;
extern const Question inspect_ddl;
extern const Question inspect_replica;

/*
 * FALSE at the first finding that refuses.  What worries is logged, as a warning where it needs a
 * hand also after a good backup.
 */
gboolean inspect_all(const Inspection *inspection, GError **error);

/* The same for one of them. */
gboolean inspect_one(const Question *question, const Inspection *inspection, GError **error);

/* The same for one finding, which it frees; NULL is a failure that is set already.  `subject` is
 * what it is about, as `check` calls it. */
gboolean inspect_accept(const char *subject, Finding *finding, GError **error);

#endif
