/* SPDX-License-Identifier: MIT */
#include "flow/recording.h"

#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"
#include "catalog/tree.h"
#include "repo/contents.h"
#include "repo/sums.h"

#include <fcntl.h>
#include <sys/stat.h>

/* What is carried into the edit of the catalog. */
typedef struct {
    const Recording *recording;
    const GPtrArray *damaged; /* names of the failed link's bad files; NULL: none */
} Edit;

/* ---- one link -------------------------------------------------------------------------------- */

static void note_failure(Backup *backup, const Recording *recording)
{
    ProofLevel level = recording->result->failed_level;
    backup->proof = MIN(backup->proof, level - 1);
    backup->proof_failed = level;
    backup->proof_failed_at = recording->at;
    backup_set_text(&backup->proof_failed_reason, recording->reason);
    /* at `server` and `queries` the fault may be the source's own, or the assertion's */
    if (backup->state == STATE_COMPLETE && level <= PROOF_PREPARE)
        backup_quarantine(backup, "proof", recording->reason, recording->at);
}

static void lift_failure(Backup *backup, ProofLevel reached)
{
    if (reached >= backup->proof_failed) {
        backup->proof_failed = PROOF_NONE;
        backup->proof_failed_at = 0;
        backup_set_text(&backup->proof_failed_reason, "");
    }
    /* what only a proof had condemned, a proof at `prepare` or above lifts */
    if (reached >= PROOF_PREPARE && backup->state == STATE_QUARANTINED &&
        g_str_equal(backup->rule, "proof")) {
        backup->state = STATE_COMPLETE;
        backup->quarantined_at = 0;
        backup_set_text(&backup->rule, "");
        backup_set_text(&backup->reason, "");
    }
}

static void note_success(Backup *backup, const Recording *recording, ProofLevel reached,
                         gboolean is_last)
{
    lift_failure(backup, reached);
    if (reached < backup->proof || (!is_last && reached == backup->proof))
        return;
    backup->proof = reached;
    backup->proof_at = recording->at;
    backup->proof_seconds =
        is_last ? (uint64_t)(recording->result->drill->took_us / G_USEC_PER_SEC) : 0;
    backup_set_text(&backup->proof_engine, recording->engine);
}

/*
 * What a link has passed: the last one the level that was reached; an earlier one was prepared on
 * the way, when it was applied in this proof, and no server was started on it; what the rolling
 * base held before is as it was.
 */
static ProofLevel passed_by(const Recording *recording, guint index)
{
    const ProofResult *result = recording->result;
    if (index + 1 == recording->path->len)
        return result->reached;
    if (result->reached < PROOF_PREPARE)
        return result->reached;
    return index >= result->first_applied ? PROOF_PREPARE : PROOF_NONE;
}

static void note_link(Backup *backup, const Recording *recording, guint index)
{
    const ProofResult *result = recording->result;
    if (result->read[index])
        backup->files_at = recording->at;
    gboolean blamed = result->failed != NULL && g_str_equal(result->failed->id, backup->id);
    ProofLevel passed = passed_by(recording, index);
    /* one that failed a higher level has passed the lower ones all the same */
    if (passed != PROOF_NONE && (result->failed == NULL || result->failed_level > PROOF_PREPARE))
        note_success(backup, recording, passed, index + 1 == recording->path->len);
    if (blamed)
        note_failure(backup, recording);
}

/* ---- who shares its damage ------------------------------------------------------------------- */

/* Every bad file of the link that failed, not only the first one met. */
static GPtrArray *find_damage(const Run *run, const ProofResult *result)
{
    if (result->failed == NULL || result->failed_level != PROOF_FILES)
        return NULL;
    const Backup *link = result->failed;
    autofd int fd = shelf_open_backup(run->shelf, link->id, NULL);
    g_autoptr(GPtrArray) sums = fd >= 0 ? sums_read(fd, link->id, link->sums, NULL) : NULL;
    return sums != NULL ? contents_damaged(fd, sums) : NULL;
}

/* One inode may stand in many generations: who holds a damaged one is damaged too. */
static gboolean holds_damage(const Edit *edit, const Backup *backup, char **name)
{
    const Shelf *shelf = edit->recording->run->shelf;
    autofd int failed_fd = shelf_open_backup(shelf, edit->recording->result->failed->id, NULL);
    autofd int fd = shelf_open_backup(shelf, backup->id, NULL);
    for (guint i = 0; failed_fd >= 0 && fd >= 0 && i < edit->damaged->len; i++) {
        struct stat bad;
        struct stat own;
        *name = edit->damaged->pdata[i];
        if (fstatat(failed_fd, *name, &bad, AT_SYMLINK_NOFOLLOW) == 0 &&
            fstatat(fd, *name, &own, AT_SYMLINK_NOFOLLOW) == 0 && bad.st_ino == own.st_ino)
            return TRUE;
    }
    return FALSE;
}

static gboolean note_shared_damage(const Catalog *catalog, const Edit *edit, GError **error)
{
    const Recording *recording = edit->recording;
    for (guint i = 0; i < catalog->backups->len; i++) {
        Backup *backup = catalog->backups->pdata[i];
        char *name = NULL;
        if (backup->state != STATE_COMPLETE || !holds_damage(edit, backup, &name))
            continue;
        if (!tree_read_marks(recording->run->shelf, backup, error))
            return FALSE;
        g_autofree char *reason = g_strdup_printf("shares the damaged file %s with %s", name,
                                                  recording->result->failed->id);
        backup_quarantine(backup, "proof", reason, recording->at);
        backup->proof = PROOF_NONE;
        backup->proof_failed = PROOF_FILES;
        backup->proof_failed_at = recording->at;
        backup_set_text(&backup->proof_failed_reason, reason);
        if (!tree_write_marks(recording->run->shelf, backup, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static gboolean write_marks(Catalog *catalog, void *data, GError **error)
{
    const Edit *edit = data;
    const Recording *recording = edit->recording;
    for (guint i = 0; i < recording->path->len; i++) {
        const Backup *link = recording->path->pdata[i];
        Backup *backup = catalog_find(catalog, link->id);
        if (backup == NULL) /* removed meanwhile: nothing to say of it */
            continue;
        /* the tree may be ahead of the catalog: a run was killed between the two */
        if (!tree_read_marks(recording->run->shelf, backup, error))
            return FALSE;
        note_link(backup, recording, i);
        if (!tree_write_marks(recording->run->shelf, backup, error))
            return FALSE;
        crash_point("verify.marked");
    }
    return edit->damaged == NULL || note_shared_damage(catalog, edit, error);
}

gboolean recording_write(Run *run, const Recording *recording, gboolean *recorded, GError **error)
{
    const ProofResult *result = recording->result;
    *recorded = FALSE;
    if (!run->records || (result->failed == NULL && result->reached == PROOF_NONE))
        return TRUE;
    g_autoptr(GPtrArray) damaged = find_damage(run, result);
    Edit edit = {recording, damaged};
    *recorded = run_change(run, write_marks, &edit, error);
    return *recorded;
}
