/* SPDX-License-Identifier: MIT */
/*
 * rolling: a private prepared copy of an instance's newest chain that is kept, so that the next
 * link costs what it holds and not what the chain holds.
 *
 *     DIRECTORY/rolling.lock        exclusive to change it, shared by servers that run on it
 *     DIRECTORY/rolling/state.ini   where it stands; checksum first
 *     DIRECTORY/rolling/base/       the prepared directory, open for the next link
 *     DIRECTORY/rolling/incr/       a link while it is unsealed and applied
 *
 * The state is believed, or the base is not there: a text that was cut or edited, another engine
 * build, a link that is not of this path with these very sums, a file of the base that somebody
 * touched since, or the mark that a link was being applied, and the base is made anew from the
 * full.  The mark is durable before the first byte of the base changes; it goes when the engine was
 * judged, its position checked, every table found, and all of it flushed.  So a run that is killed
 * at any instruction needs no hand.
 *
 * One Rolling is one lock: exclusive from rolling_open(), shared from rolling_share() or after
 * rolling_downgrade().  Main thread only.
 */
#ifndef LSNCHAIN_PROOF_ROLLING_H
#define LSNCHAIN_PROOF_ROLLING_H

#include "prepare/prepare.h"

#include <glib.h>

typedef struct Rolling Rolling;

/*
 * To change it.  Makes DIRECTORY/rolling.  STATUS_LOCKED: a server runs on it, or another run is at
 * work in it; then prove on a fresh copy.
 */
Rolling *rolling_open(const char *directory, const char *command, GError **error);

/*
 * To run a server on it: a shared one, when it stands at the end of `path`, whole.  NULL without an
 * error when it does not, or when it is being changed: then make a copy of your own.
 */
Rolling *rolling_share(const char *directory, const GPtrArray *path, const char *command,
                       GError **error);

void rolling_free(Rolling *rolling);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rolling, rolling_free)

/*
 * Brings the base to the last link of spec->path.  Of `spec`, work, applied, leave_open, touching
 * and inherit are set here; room is looked for here too.
 *
 * Forward, when it stands at an earlier link of this path: only the links behind it are read and
 * applied.  Nothing is done when it stands at the last one.  Else, and whenever `anew`, what is
 * there goes first and all links are applied from the full on: `fresh` is then TRUE.  So ask it for
 * the newest chain only: an older backup is proven on a copy of its own.
 *
 * What fails on an old base does not blame the link: the base is thrown away, with a warning, and
 * the chain is applied from the full on, in this very call.  Only what fails there as well sets
 * prepared->failed.  (Stored bytes that do not match need no second look: the link is blamed, and
 * the base, which was not touched, stays where it was.)  No room, a signal, a time limit or an
 * engine that was killed are nobody's fault, and are not tried twice.
 *
 * `prepared` tells of the attempt that counted; spec->drill has its steps only.  FALSE: the base is
 * gone, unless it was not touched.
 */
gboolean rolling_roll(Rolling *rolling, const PrepareSpec *spec, gboolean anew, Prepared *prepared,
                      gboolean *fresh, GError **error);

/* Whole, and at exactly the last link of this path. */
gboolean rolling_stands_at(const Rolling *rolling, const GPtrArray *path);

/* Absolute; there when rolling_stands_at().  Nobody but rolling_roll() may change what is in it. */
const char *rolling_base(const Rolling *rolling);

/*
 * Exclusive becomes shared, for the time of a server, so that others can look too.  FALSE: somebody
 * else came first and may have changed it; all that is left to do is rolling_free().
 */
gboolean rolling_downgrade(Rolling *rolling);

/*
 * For the beginning of a run: removes what nobody will roll forward any more, which is all when it
 * is not `wanted`, else a base whose chain is not among `backups` or which a killed run left
 * half-way.  One that is in use stays.
 */
gboolean rolling_sweep(const char *directory, const GPtrArray *backups, gboolean wanted,
                       GError **error);

/* What it takes on the disk, whole or not: room that the next proof has, for the old base goes
 * first. */
uint64_t rolling_bytes(const char *directory);

#endif
