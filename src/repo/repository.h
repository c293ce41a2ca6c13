/* SPDX-License-Identifier: MIT */
/*
 * repository: the directory that holds all backups, and the marker that says it is ours.
 *
 * A missing marker (is the disk mounted?) or another uuid than the one remembered (the wrong disk)
 * is refused before anything is written, a lock included.  All in it belongs to the marker's owner.
 */
#ifndef LSNCHAIN_REPO_REPOSITORY_H
#define LSNCHAIN_REPO_REPOSITORY_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    char *path;
    char *uuid;
    int64_t created;
    uid_t owner;
} Repository;

void repository_free(Repository *repository);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repository, repository_free)

/* Finds the marker; STATUS_REFUSED when there is none, STATUS_CATALOG for a higher format. */
Repository *repository_open(const char *path, GError **error);

/* Is it the one this host remembers?  For every command that writes; STATUS_REFUSED when not. */
gboolean repository_check_remembered(const Repository *repository, const char *state_dir,
                                     GError **error);

/* STATUS_REFUSED, with the sudo to type, when we are not the owner. */
gboolean repository_check_owner(const Repository *repository, GError **error);

typedef enum { INIT_CREATED, INIT_REMEMBERED, INIT_ACCEPTED, INIT_UNCHANGED } InitOutcome;

/*
 * Creates the marker, or remembers the one that is there; `accept` takes it even when another one
 * is remembered.  Makes the state directory (0700).
 */
Repository *repository_init(const char *path, const char *state_dir, gboolean accept,
                            InitOutcome *outcome, GError **error);

#endif
