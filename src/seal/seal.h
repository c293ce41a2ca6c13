/* SPDX-License-Identifier: MIT */
/*
 * seal: the engine's stream into the sealed files of a backup, while the engine runs.
 *
 *     Seal *seal = seal_start(&spec, &error);
 *     ... run the engine; stop it when seal_failed() ...
 *     g_autoptr(SealedTree) tree = seal_finish(seal, &error);
 *
 * One thread reads, `workers` threads compress, hash and write, one has the disk write what they
 * wrote (behind.h).  Nothing is flushed, and the others wait for nothing but the processor and
 * write(): a reader that stalls while the engine holds its locks stops production's commits.
 *
 * A file of more than FRAME_SMALL bytes becomes NAME.lz4 (frame.h), the others stay as they are;
 * so does a file whose name has no room for the suffix, also when it got that name later. The same
 * stream content gives the same stored bytes whatever its chunks and the number of workers.
 *
 * Files are 0440, directories 0700.  After a failure what was written is left for the caller to
 * remove with the capture.  Memory: about one MiB for each of 24 frames, one for each worker and
 * for each file that the engine has open, and 4 MiB for each worker above four.
 *
 * Failures: STATUS_ENGINE when it is the stream's (xbstream.h), STATUS_STORAGE when it is ours.
 */
#ifndef LSNCHAIN_SEAL_SEAL_H
#define LSNCHAIN_SEAL_SEAL_H

#include "base/digest.h"
#include "seal/xbstream.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    int stream_fd; /* read end of the engine's stdout; closed by seal, at once on a failure */
    int dir_fd;    /* of the capture; files are made below its `data/`; stays the caller's */
    XbstreamDialect dialect;
    gboolean compress;
    int level; /* of LZ4 */
    int workers;
    uint64_t throttle;                 /* bytes of the stream a second, 0: as fast as it comes */
    const volatile gint *throttle_off; /* set to 1 by any thread: pacing ends; may be NULL */
} SealSpec;

typedef struct {
    char *name; /* below the backup: "data/shop/orders.ibd.lz4" */
    uint64_t plain_bytes;
    uint64_t stored_bytes;
    uint8_t sum[DIGEST_BYTES]; /* SHA-256 of the stored bytes */
} SealedFile;

void sealed_file_free(SealedFile *file);

typedef struct {
    GPtrArray *files; /* SealedFile, sorted by strcmp of their names */
    uint64_t bytes_plain;
    uint64_t bytes_stored;
    uint64_t frame; /* bytes of the original in each frame but the last */
    gboolean whole; /* the stream came to a clean end, with every file ended */
} SealedTree;

void sealed_tree_free(SealedTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SealedTree, sealed_tree_free)

typedef struct Seal Seal;

/* Makes `data/` and starts the threads.  On failure too the stream's descriptor is closed. */
Seal *seal_start(const SealSpec *spec, GError **error);

/* Bytes of the stream read so far; any thread. */
uint64_t seal_bytes(const Seal *seal);

/* The first error has happened: stop the engine.  Any thread. */
gboolean seal_failed(const Seal *seal);

/*
 * Waits for the end of the stream and for most of what the disk has to write, ends the threads and
 * frees `seal`; NULL with the first error.
 */
SealedTree *seal_finish(Seal *seal, GError **error);

/*
 * Seals one ordinary file below `dir_fd`: `to` ends in .lz4 and is made of frames, however small it
 * is.  `from` stays.  `result` may be NULL; its name is then yours to free.
 */
gboolean seal_file(int dir_fd, const char *from, const char *to, int level, SealedFile *result,
                   GError **error);

#endif
