/* SPDX-License-Identifier: MIT */
/*
 * access: may a configuration file be believed, and does it keep its secrets?
 *
 * Whoever can write the file chooses what we run, as which user whatever we run as; so it belongs
 * to root or to us, and neither its group nor others can write it.  A file with a secret in it is
 * read by nobody else: not by others, nor by a group that is not ours (root:lsnchain 0640 is fine).
 */
#ifndef LSNCHAIN_CONFIG_ACCESS_H
#define LSNCHAIN_CONFIG_ACCESS_H

#include <glib.h>
#include <sys/stat.h>

/* Is this group one of the running process, or the one called lsnchain? */
gboolean access_is_own_group(gid_t group);

/* `us` is the user that runs, `own_group` what the function above said of the file's group.
 * STATUS_CONFIG, and the hint is what to type. */
gboolean access_check(const char *path, const struct stat *status, gboolean holds_secret, uid_t us,
                      gboolean own_group, GError **error);

#endif
