/* SPDX-License-Identifier: MIT */
/*
 * history: what the drills of an instance did and took.
 *
 * STATE/INSTANCE/history.ini, checksum first, a section for each drill, the newest last; the last
 * 400, and none older than two years.  A run without a state directory, or with that of another
 * user, records nothing.  A damaged or unreadable file never fails a run: it is a warning, and the
 * next drill starts anew.
 */
#ifndef LSNCHAIN_FLOW_HISTORY_H
#define LSNCHAIN_FLOW_HISTORY_H

#include "flow/run.h"
#include "model/drill.h"
#include "model/forecast.h"

#include <glib.h>

/* Takes the history's own lock for a moment: a verify and a restore may end at the same time. */
gboolean history_add(const Run *run, const Drill *drill, GError **error);

/* The same; a failure is a warning, for the drill itself went as it went. */
void history_note(const Run *run, const Drill *drill);

/* Drill *, oldest first; none when there is no file.  NULL with the error set: it is damaged. */
GPtrArray *history_read(const Run *run, GError **error);

/* What it teaches; a file that cannot be read is a warning, and teaches nothing. */
Pace *history_pace(const Run *run);

#endif
