/* SPDX-License-Identifier: MIT */
/*
 * syslog: one line to the system's log, with an answer.
 *
 * Ours because libc's syslog() returns nothing: where nobody listens, a line is lost in silence.
 */
#ifndef LSNCHAIN_ALERT_SYSLOG_H
#define LSNCHAIN_ALERT_SYSLOG_H

#include <glib.h>

enum { SYSLOG_BYTES = 1024 }; /* of RFC 3164, for the whole line */

/*
 * Writes `text` to the socket `path` (NULL and "": /dev/log) as programs on this host do: RFC 3164
 * without a host name, facility daemon, tag lsnchain[PID].  `priority` is LOG_CRIT and its like.
 * Broken UTF-8 becomes U+FFFD, a control character a space; what is too long is cut at a character
 * and ends with "…".
 *
 * Waits for a second at most.  STATUS_TRANSFER: the line was not taken.
 */
gboolean syslog_tell(const char *path, int priority, const char *text, GError **error);

/* What must be seen although nobody may read our warnings: a lost alert. */
void syslog_warn(const char *text);

/* STATUS_CONFIG: no socket can be at such a path. */
gboolean syslog_check_path(const char *path, GError **error);

#endif
