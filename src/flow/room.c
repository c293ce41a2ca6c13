/* SPDX-License-Identifier: MIT */
#include "flow/room.h"

#include "base/error.h"
#include "model/chain.h"
#include "prepare/prepare.h"
#include "proof/rolling.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

typedef struct {
    uint64_t free_bytes;
    dev_t device;
} Disk;

/* What is not there yet will be on the file system of what is. */
static gboolean look_at(const char *path, Disk *disk, GError **error)
{
    g_autofree char *there = g_strdup(path);
    struct stat status;
    while (stat(there, &status) < 0 && errno == ENOENT && strcmp(there, "/") != 0) {
        char *parent = g_path_get_dirname(there);
        g_free(there);
        there = parent;
    }
    struct statvfs space;
    if (stat(there, &status) < 0 || statvfs(there, &space) < 0)
        return fail_storage(error, "cannot ask for the free space of %s: %s", there,
                            g_strerror(errno));
    disk->device = status.st_dev;
    disk->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    return TRUE;
}

static const Backup *last_of_type(const GPtrArray *backups, BackupType type)
{
    for (guint i = backups->len; i > 0; i--) {
        const Backup *backup = backups->pdata[i - 1];
        if (backup->type == type)
            return backup;
    }
    return NULL;
}

static void add_history(const GPtrArray *backups, const Plan *plan, RoomFacts *facts)
{
    const Backup *last = last_of_type(backups, plan->type);
    if (last != NULL) {
        facts->last_plain = last->bytes_plain;
        facts->last_stored = last->bytes_stored;
        facts->last_new = last->bytes_new;
    }
    g_autoptr(GPtrArray) path =
        plan->parent != NULL ? chain_path(backups, plan->parent, NULL) : NULL;
    if (path != NULL)
        facts->proof_bytes = prepare_room(path) + facts->last_plain;
}

Finding *room_for(const Run *run, const GPtrArray *backups, const Plan *plan, uint64_t data_bytes,
                  GError **error)
{
    g_autofree char *captures = run_capture_dir(run);
    g_autofree char *proofs = run_proof_dir(run);
    Disk capture = {0};
    Disk shelf = {0};
    Disk proof = {0};
    if (!look_at(captures, &capture, error) || !look_at(run->shelf->path, &shelf, error) ||
        !look_at(proofs, &proof, error))
        return NULL;
    RoomFacts facts = {
        .captures = captures,
        .shelf = run->shelf->path,
        .proofs = proofs,
        .captures_free = capture.free_bytes,
        .shelf_free = shelf.free_bytes,
        .proofs_free = proof.free_bytes + rolling_bytes(proofs),
        .captures_on_shelf = capture.device == shelf.device,
        .proofs_on_shelf = proof.device == shelf.device,
        .incremental = plan->type == BACKUP_INCREMENTAL,
        .compressed = run->config->compression != COMPRESSION_NONE,
        .proves = run->config->verify_after >= PROOF_PREPARE,
        .data_bytes = data_bytes,
    };
    add_history(backups, plan, &facts);
    return readiness_room(&facts);
}
