/* SPDX-License-Identifier: MIT */
/*
 * view: a prepared directory that can be changed, while the directory itself stays as it is.
 *
 * In this order: an overlay mount, seen only by what runs in the view's cage; a clone, where the
 * filesystem shares blocks between files; a copy, where there is room for one.
 *
 * Room is looked for first.  An overlay copies a file whole when it is opened for writing.  What a
 * server's start opens for certain is known (system tablespace, undo, redo, dictionary, what is no
 * tablespace at all); of the tables it opens those that had transactions open at the capture, and
 * which these were nobody knows.  So room is wanted for what is certain and for the largest table,
 * and while the server starts view_has_room() sees to it that the filesystem does not fill up when
 * it was more than that.
 */
#ifndef LSNCHAIN_PROOF_VIEW_H
#define LSNCHAIN_PROOF_VIEW_H

#include "base/proc.h"
#include "proof/owner.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *base;   /* absolute, the owner's; only read */
    const char *work;   /* absolute, ours; the view is made in it */
    const char *shared; /* a directory in `work` that the server writes to and we read */
    Owner owner;
} ViewSpec;

typedef struct View View;

/* STATUS_STORAGE: no room.  STATUS_UNFIT: none of the three can be had; the reasons are told. */
View *view_make(const ViewSpec *spec, GError **error);

/* The directory, as it is called in the cage. */
const char *view_path(const View *view);
/* What must run in the view runs in this. */
const ProcCage *view_cage(const View *view);
/* "overlay", "clone" or "copy". */
const char *view_word(const View *view);

/* FALSE: what may still be written where the view lives is less than should stay free. */
gboolean view_has_room(const View *view);

/* Bytes on disk by which it differs; of a clone or a copy all of what differs is not known: 0. */
uint64_t view_changed(const View *view);

/* Removes it; a failure is a warning in the log. */
void view_free(View *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(View, view_free)

#endif
