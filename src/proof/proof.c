/* SPDX-License-Identifier: MIT */
#include "proof/proof.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "catalog/tree.h"
#include "prepare/place.h"
#include "prepare/prepare.h"
#include "repo/contents.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>

typedef struct {
    const ProofSpec *spec;
    ProofResult *result;
} Reading;

static void count_bytes(uint64_t bytes, void *data)
{
    const Reading *reading = data;
    reading->result->bytes_read += bytes;
    if (reading->spec->tick != NULL)
        reading->spec->tick(reading->result->bytes_read, reading->spec->data);
}

static gboolean read_link(const ProofSpec *spec, const Backup *link, ProofResult *result,
                          GError **error)
{
    Reading reading = {spec, result};
    log_detail("reading %s", link->id);
    autofd int fd = shelf_open_backup(spec->shelf, link->id, error);
    if (fd < 0)
        return FALSE;
    g_autoptr(GPtrArray) sums = sums_read(fd, link->id, link->sums, error);
    const Contents contents = {
        .fd = fd,
        .id = link->id,
        .sums = sums,
        .read = CONTENTS_ALL,
        .tick = count_bytes,
        .data = &reading,
    };
    return sums != NULL && contents_check(&contents, error) && tree_check_facts(fd, link, error);
}

static gboolean prove_files(const ProofSpec *spec, ProofResult *result, GError **error)
{
    for (guint i = 0; i < spec->path->len; i++) {
        const Backup *link = spec->path->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (!read_link(spec, link, result, &failure)) {
            if (error_status(failure) == STATUS_VERIFY) {
                result->failed = link;
                result->failed_level = PROOF_FILES;
            }
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        result->links_read++;
    }
    result->reached = PROOF_FILES;
    return TRUE;
}

static gboolean prove_prepare(const ProofSpec *spec, ProofResult *result, GError **error)
{
    const Backup *last = spec->path->pdata[spec->path->len - 1];
    g_autoptr(Place) place = place_make(spec->directory, last->id, "verify", error);
    if (place == NULL || !prepare_check_room(spec->path, place_path(place), error))
        return FALSE;
    autofd int log_fd = open(spec->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return fail_storage(error, "cannot create %s: %s", spec->log_path, g_strerror(errno));
    const PrepareSpec prepare = {
        .shelf = spec->shelf,
        .path = spec->path,
        .engine = spec->engine,
        .work = place_path(place),
        .memory = spec->memory,
        .workers = spec->workers,
        .options = spec->options,
        .log_fd = log_fd,
        .stall_timeout_s = spec->stall_timeout_s,
        .tick = spec->tick,
        .data = spec->data,
    };
    Prepared prepared;
    gboolean done = prepare_chain(&prepare, &prepared, error);
    result->links_read = prepared.links_read;
    result->bytes_read = prepared.bytes_read;
    result->failed = prepared.failed;
    result->failed_level = prepared.failed_level;
    if (done)
        result->reached = PROOF_PREPARE;
    return done;
}

gboolean proof_run(const ProofSpec *spec, ProofResult *result, GError **error)
{
    *result = (ProofResult){0};
    int64_t started = g_get_monotonic_time();
    gboolean done = spec->level == PROOF_FILES ? prove_files(spec, result, error)
                                               : prove_prepare(spec, result, error);
    int64_t took = g_get_monotonic_time() - started;
    result->seconds = (took + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
    return done;
}
