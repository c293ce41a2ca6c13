/* SPDX-License-Identifier: MIT */
/*
 * place: a private directory for a prepared copy, and the lock that says somebody is at work in it.
 *
 * A place whose lock is free was left by a killed run: the next one removes it.
 */
#ifndef LSNCHAIN_PREPARE_PLACE_H
#define LSNCHAIN_PREPARE_PLACE_H

#include <glib.h>

typedef struct Place Place;

/* PARENT/rolling and its lock are no place: they stay from run to run (proof/rolling.h). */
#define PLACE_ROLLING "rolling"

/* PARENT/NAME.N, 0700.  `command` is for the lock's text.  Makes the parent; removes leftovers. */
Place *place_make(const char *parent, const char *name, const char *command, GError **error);

const char *place_path(const Place *place);

/* Removes it; a failure is a warning in the log. */
void place_free(Place *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Place, place_free)

/* Removes what killed runs left in `parent`; a parent that is not there is fine. */
gboolean place_sweep(const char *parent, GError **error);

#endif
