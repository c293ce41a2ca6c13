/* SPDX-License-Identifier: MIT */
/*
 * vitals: the status file, and all that is known of an instance at one look.
 *
 * STATE/status.json (0600, with a checksum) remembers of `backup`, `verify` and `expire` of each
 * instance what no catalog can: that one runs, how the last one ended, when one last went well.  It
 * is written at the start and at the end of each run, a run that could not begin included; dry runs
 * write nothing.  STATE/status.lock is held for each change, which leaves the other instances as
 * they are.  A damaged file is a warning and is written anew, that of a later program stays.
 */
#ifndef LSNCHAIN_FLOW_VITALS_H
#define LSNCHAIN_FLOW_VITALS_H

#include "flow/run.h"
#include "model/vitals.h"

#include <glib.h>

/*
 * Only with run->records, and in a state directory of our own.  What cannot be written is a
 * warning. `run` need not be open.  A run that meets another one of its command at work leaves that
 * one's mark alone.
 */
void vitals_begin(const Run *run, VitalRun kind);
void vitals_end(const Run *run, VitalRun kind, int64_t started, int exit_status);
/* A warning came up after vitals_end() noted a success without one. */
void vitals_warned(const Run *run, VitalRun kind, int64_t started);

/*
 * Everything at the moment `now`, judged.  Reads only: takes no lock and makes no file.  What
 * cannot be read is a problem within; run->catalog may be NULL, and `why` then says why (may be
 * NULL).  The result points into run->catalog.
 */
Vitals *vitals_read(const Run *run, const char *why, int64_t now);
/* The same without a forecast, and without a word in the log. */
Vitals *vitals_glance(const Run *run, const char *why, int64_t now);

/*
 * Alarms for a backup or a proof that is overdue, and for a backup that was killed, which could
 * tell nothing itself.
 */
void vitals_raise_overdue(const Run *run, const Vitals *vitals, int64_t now);

#endif
