/* SPDX-License-Identifier: MIT */
/*
 * capture: one run of the engine into a finished capture directory, in the final layout.
 *
 * The engine's stream is sealed while it flows; the run is judged on everything it left (exit
 * status, log, stream, metadata, tables); then the facts are written.  Whatever does not count as
 * whole is removed, and its log kept in the state directory.
 */
#ifndef LSNCHAIN_FLOW_CAPTURE_H
#define LSNCHAIN_FLOW_CAPTURE_H

#include "engine/engine.h"
#include "flow/run.h"
#include "flow/witness.h"
#include "model/schedule.h"

#include <glib.h>

typedef struct {
    const Run *run;
    const Engine *engine;
    const Login *login;
    const Plan *plan;
    const char *id;
    const char *canary; /* uuid of the row that was written for it; "": none */
    const Observed *before;
    char **options;          /* of the engine */
    uint64_t expected_bytes; /* for the display of progress; 0: not known */
} CaptureSpec;

typedef struct {
    char *path; /* of the capture directory; NULL once it was removed */
    Backup *backup;
    Observed after;
} Capture;

/* Frees; the directory stays unless capture_remove() was called. */
void capture_clear(Capture *capture);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Capture, capture_clear)

/* `capture` comes zeroed.  On failure nothing of the capture is left but its log. */
gboolean capture_take(const CaptureSpec *spec, Capture *capture, GError **error);

/*
 * The parent's own checkpoints file, which tells the engine where to begin: an LSN is never typed.
 * Free it; NULL with the error set when it cannot be read or contradicts the facts.
 */
char *capture_parent_checkpoints(const Run *run, const Engine *engine, const Backup *parent,
                                 GError **error);

gboolean capture_remove(const Run *run, const char *id, GError **error);

#endif
