/* SPDX-License-Identifier: MIT */
/*
 * replace: change a small file so that a reader, a kill and a power cut see the old or the new one.
 *
 * Temporary file beside it, fsync, rename, fsync of the directory; every step is checked, none is
 * tried twice.  A killed call leaves at most `.NAME.new`, which the next call removes.
 *
 * Ours because g_file_set_contents_full() reports success when the flush of the directory failed.
 */
#ifndef LSNCHAIN_BASE_REPLACE_H
#define LSNCHAIN_BASE_REPLACE_H

#include <glib.h>
#include <sys/types.h>

gboolean replace_file(int dir_fd, const char *name, const GString *text, mode_t mode,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether a file of this name is what a killed call left. */
gboolean replace_is_draft(const char *name);

#endif
