/* SPDX-License-Identifier: MIT */
/*
 * startlog: what a database server says while it starts, read line by line.  Pure.
 *
 * Both families say the same in nearly the same words, so one table of words reads them.
 */
#ifndef LSNCHAIN_PROOF_STARTLOG_H
#define LSNCHAIN_PROOF_STARTLOG_H

#include "base/error.h"

#include <glib.h>

enum { STARTLOG_KEPT = 4 };

typedef struct {
    gboolean ready;              /* it lets clients in */
    gboolean rolls_back;         /* it found transactions that were open */
    gboolean rolled_back;        /* and has undone them, all but those that XA prepared */
    guint prepared;              /* transactions that XA prepared: they stay */
    char *errors[STARTLOG_KEPT]; /* its first errors, from "[ERROR]" on: later ones follow from them
                                  */
    guint n_errors;
    char *last;   /* its last line, for when none of them was an error; NULL: it said nothing */
    Status fault; /* whose fault the first such error is: STATUS_VERIFY when nothing tells */
    const char *remedy; /* what to do then; NULL: nothing special */
} StartLog;

void startlog_init(StartLog *log);
void startlog_clear(StartLog *log);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StartLog, startlog_clear)

void startlog_line(StartLog *log, const char *line);

/* Up, and nothing that was open at the capture is left to undo.  (A read-only start tells of what
 * XA prepared, and undoes nothing: for it `ready` is enough.) */
gboolean startlog_settled(const StartLog *log);

/* The errors kept, else the last line, each after a line break and indented.  Free it. */
char *startlog_errors(const StartLog *log);

#endif
