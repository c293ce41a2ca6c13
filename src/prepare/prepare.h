/* SPDX-License-Identifier: MIT */
/*
 * prepare: a chain into a prepared data directory.
 *
 * For each link: its list of files and its sums are checked, its data are unsealed (the sums are
 * checked in the same pass, before the engine sees a byte: an incomplete incremental makes an
 * engine delete tables and still say OK), the engine applies it, its run is judged, and the
 * directory must then be at the LSN of the link, and in the end hold every table of the last one.
 * Nothing in it leads back to the source: `*.isl` files, which point at live tablespaces, are left
 * out, and an index of binary logs names only what is beside it (binlogs.h).
 *
 * After a failure the directory is worth nothing: an applied delta is gone.
 */
#ifndef LSNCHAIN_PREPARE_PREPARE_H
#define LSNCHAIN_PREPARE_PREPARE_H

#include "engine/engine.h"
#include "model/backup.h"
#include "model/drill.h"
#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

/*
 * How many stored bytes of the whole path were read so far, those that the base already held among
 * them; may be called often.
 */
typedef void PrepareTickFn(uint64_t stored_bytes, void *data);

/* Before base/ is changed for the sake of `link`.  FALSE, with the error set, ends the chain there.
 */
typedef gboolean PrepareTouchFn(const Backup *link, void *data, GError **error);

typedef struct {
    const Shelf *shelf;
    const GPtrArray *path; /* const Backup *, from the full to the link that is wanted */
    const Engine *engine;
    const char *work;    /* absolute, there, empty: base/ is made in it, and incr/ for a time */
    guint applied;       /* so many links of the path are in WORK/base already; 0: there is none */
    gboolean leave_open; /* further links will follow: without the step that ends a chain */
    uint64_t memory;     /* for the engine, where the host has that much to give */
    int workers;         /* that unseal; and the engine's, if it can use more than one */
    char **options;      /* further options of the engine; may be NULL */
    int log_fd;          /* what the engine says goes here; -1: nowhere */
    int64_t stall_timeout_s;
    const int *inherit;       /* descriptors for the engine (a lock), ended by -1; may be NULL */
    Drill *drill;             /* gets a step for each link; may be NULL */
    PrepareTickFn *tick;      /* may be NULL */
    void *data;               /* handed to tick */
    PrepareTouchFn *touching; /* may be NULL */
    void *keeper;             /* handed to touching */
} PrepareSpec;

typedef struct {
    const Backup *failed;    /* the link whose fault it is; NULL: none, or the world's */
    ProofLevel failed_level; /* files: its bytes; prepare: the engine could not apply it */
    guint links_held;        /* links at the head of the path that the base held: not read */
    guint links_read;        /* links behind them whose files were all read and matched */
    uint64_t bytes_read;
    uint64_t bytes_plain;
    int64_t unseal_us;
    int64_t prepare_us;
} Prepared;

/* WORK/base is then prepared.  `prepared` is set in any case. */
gboolean prepare_chain(const PrepareSpec *spec, Prepared *prepared, GError **error);

/* Bytes that prepare_chain() may need: the full, its growth by the links, and the largest link. */
uint64_t prepare_room(const GPtrArray *path);
/* The same when so many links of the path are in the base already. */
uint64_t prepare_room_behind(const GPtrArray *path, guint applied);

/* STATUS_STORAGE, with both numbers, when `directory` has not that much room. */
gboolean prepare_check_room(const GPtrArray *path, const char *directory, GError **error);
gboolean prepare_check_room_behind(const GPtrArray *path, guint applied, const char *directory,
                                   GError **error);

#endif
