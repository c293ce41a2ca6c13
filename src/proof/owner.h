/* SPDX-License-Identifier: MIT */
/*
 * owner: as whom a throwaway server runs, and what of a prepared directory it may change.
 *
 * Root may be anybody, so its throwaway server is somebody without an account, who owns the
 * prepared directory and nothing else on the host.  For everybody else it is ourselves.
 */
#ifndef LSNCHAIN_PROOF_OWNER_H
#define LSNCHAIN_PROOF_OWNER_H

#include <glib.h>
#include <sys/types.h>

typedef struct {
    gboolean other; /* not ourselves */
    uid_t uid;
    gid_t gid;
} Owner;

/* Who owns `base_fd` already, where that may be; else the first number without an account. */
gboolean owner_choose(int base_fd, Owner *owner, GError **error);

/* Is the directory its?  STATUS_FAILED: it was not frozen. */
gboolean owner_check(const Owner *owner, int base_fd, const char *path, GError **error);

/* As trial_freeze_base() and trial_thaw_base() say.  Touches only what is not so yet. */
gboolean owner_freeze(int base_fd, GError **error);
gboolean owner_thaw(int base_fd, GError **error);

#endif
