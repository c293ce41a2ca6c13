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
#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

/* How many stored bytes of the whole path were read so far; may be called often. */
typedef void PrepareTickFn(uint64_t stored_bytes, void *data);

typedef struct {
    const Shelf *shelf;
    const GPtrArray *path; /* const Backup *, from the full to the link that is wanted */
    const Engine *engine;
    const char *work; /* absolute, there, empty: base/ is made in it, and incr/ for a time */
    uint64_t memory;
    int workers;
    char **options; /* further options of the engine; may be NULL */
    int log_fd;     /* what the engine says goes here; -1: nowhere */
    int64_t stall_timeout_s;
    PrepareTickFn *tick; /* may be NULL */
    void *data;          /* handed to tick */
} PrepareSpec;

typedef struct {
    const Backup *failed;    /* the link whose fault it is; NULL: none, or the world's */
    ProofLevel failed_level; /* files: its bytes; prepare: the engine could not apply it */
    guint links_read;        /* links whose files were all read and matched */
    uint64_t bytes_read;
    uint64_t bytes_plain;
    int64_t unseal_us;
    int64_t prepare_us;
} Prepared;

/* WORK/base is then prepared.  `prepared` is set in any case. */
gboolean prepare_chain(const PrepareSpec *spec, Prepared *prepared, GError **error);

/* Bytes that prepare_chain() may need: the full, its growth by the links, and the largest link. */
uint64_t prepare_room(const GPtrArray *path);

/* STATUS_STORAGE, with both numbers, when `directory` has not that much room. */
gboolean prepare_check_room(const GPtrArray *path, const char *directory, GError **error);

#endif
