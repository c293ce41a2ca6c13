/* SPDX-License-Identifier: MIT */
/*
 * log: what we tell the operator while we work, on stderr.
 *
 * A warning is also kept, for JSON and for the exit status: a success with warnings ends with 3.
 * A notice is not: it tells of something that was put right, or that needs no hand.
 * Any thread may log.  Control characters in a message are shown as '?', so that text from a server
 * or an engine cannot play with a terminal; a line break starts an indented line.
 */
#ifndef LSNCHAIN_BASE_LOG_H
#define LSNCHAIN_BASE_LOG_H

#include <glib.h>

typedef enum { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DETAIL } LogLevel;

/* Everything up to `level` is shown.  Start: LOG_NOTICE. */
void log_show(LogLevel level);
gboolean log_shows(LogLevel level);

void log_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_notice(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_detail(const char *format, ...) G_GNUC_PRINTF(1, 2);

/*
 * A line that replaces itself on a terminal ("\r"); nothing where stderr is none.  NULL ends it.
 * Any other line of the log ends it too.
 */
void log_progress(const char *line);
gboolean log_on_terminal(void);

/* The warnings so far, as char *; belongs to the log. */
const GPtrArray *log_warnings(void);

/*
 * Text for a terminal, valid UTF-8: a control character but a line break or tab is '?', those from
 * U+0080 to U+009F too.  Free it.
 */
char *log_printable(const char *text);

/* For tests: forget the warnings. */
void log_reset(void);

#endif
