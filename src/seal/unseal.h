/* SPDX-License-Identifier: MIT */
/*
 * unseal: the sealed files of a backup back into the plain ones, checked while they are read.
 *
 * Each stored file is read once, front to back; its SHA-256 is compared in the same pass, its
 * frames are decompressed by any worker.  Runs of zeros become holes.  Files are 0640, directories
 * 0750; nothing is flushed, that is for the caller.  What was written stays after a failure.
 *
 * A stored file that is missing, cannot be read, is damaged or has another sum is STATUS_VERIFY and
 * named; a target that cannot be written is STATUS_STORAGE.
 */
#ifndef LSNCHAIN_SEAL_UNSEAL_H
#define LSNCHAIN_SEAL_UNSEAL_H

#include "base/digest.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *name; /* stored path below the backup; only those below "data/" are unsealed */
    uint8_t sum[DIGEST_BYTES];
} UnsealFile;

/* Called ten times a second in the caller's thread; FALSE, with the error set, stops the work. */
typedef gboolean UnsealWatchFn(uint64_t stored_bytes, void *data, GError **error);

typedef struct {
    int backup_fd;           /* the directory of the backup */
    int target_dir_fd;       /* files are made here, without "data/" and ".lz4" */
    const UnsealFile *files; /* as SHA256SUMS has them */
    size_t count;
    uint64_t frame; /* of backup.ini: the largest content of one frame; 0: what we write */
    int workers;
    gboolean checked;   /* stored bytes with these sums gave the right content before */
    gboolean read_soon; /* all of it: the page cache may keep it */
    const char *const *skip_suffixes; /* plain names to leave out, NULL-terminated; may be NULL */
    UnsealWatchFn *watch;             /* may be NULL */
    void *data;                       /* handed to watch */
} UnsealSpec;

typedef struct {
    uint64_t files;
    uint64_t bytes_plain;
    uint64_t bytes_stored;
} UnsealTotals;

/* `totals` may be NULL. */
gboolean unseal_tree(const UnsealSpec *spec, UnsealTotals *totals, GError **error);

/*
 * One stored file, sealed or not, into an empty one that is open for writing; without a sum to
 * compare, so a file cut between two frames is not noticed.
 */
gboolean unseal_one(int backup_fd, const char *name, int to_fd, GError **error);

/*
 * All of a small file below the backup by its plain name ("data/xtrabackup_info", "engine.log"),
 * sealed or not; more than `limit` bytes are refused.  Without a sum to compare.
 */
GString *unseal_small(int backup_fd, const char *plain_name, size_t limit, GError **error);

#endif
