/* SPDX-License-Identifier: MIT */
/*
 * standing: what the rolling base's own small file says of it.
 *
 *     [rolling]
 *     checksum = 5b2f…
 *     format = 1
 *     engine = mariadb-backup 10.11.19-MariaDB     what prepared it
 *     half =                                       the link that is being applied; empty: none
 *     touched = 09ac…                              see standing_look()
 *     [links]
 *     20261122T020000Z-full = 77e1…                what is in it, in this order, and its `sums`
 *
 * A text is believed to the last letter or not at all.
 */
#ifndef LSNCHAIN_PROOF_STANDING_H
#define LSNCHAIN_PROOF_STANDING_H

#include "engine/engine.h"
#include "model/backup.h"

#include <glib.h>

#define STANDING_NAME "state.ini"

typedef struct {
    char *id;
    char *sums;
} StandingLink;

typedef struct {
    char *engine;
    char *half; /* "": none */
    char *touched;
    GPtrArray *links; /* StandingLink */
} Standing;

/* The first `count` links of the path, prepared by this engine. */
Standing *standing_new(const Engine *engine, const GPtrArray *path, guint count, const char *half,
                       const char *touched);
void standing_free(Standing *standing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Standing, standing_free)

GString *standing_text(const Standing *standing);
/* STATUS_CATALOG for all that standing_text() would not have written. */
Standing *standing_parse(const GString *text, GError **error);

/* Durable.  The file is in the directory `dir_fd`. */
gboolean standing_write(int dir_fd, const Standing *standing, GError **error);
/* NULL without an error: there is none. */
Standing *standing_read(int dir_fd, GError **error);

/*
 * How many links of this path are in it: all that it names, with these very sums, in this order;
 * 0 when it names another, or more, or when one is only half applied.
 */
guint standing_holds(const Standing *standing, const GPtrArray *path);

gboolean standing_is_of(const Standing *standing, const Engine *engine);

/*
 * A sum over all that a look at the directory shows without reading: name, kind, owner, mode, size,
 * when it was written and when it was last changed in any way, for each file.  The kernel sets the
 * last of these, so who touches a file cannot hide it.  Free it.
 */
char *standing_look(int dir_fd, const char *name, GError **error);

#endif
