/* SPDX-License-Identifier: MIT */
/*
 * judge: was a run of the engine good?  Pure; nothing is believed that was not checked.
 *
 * STATUS_ENGINE, or STATUS_TIMEOUT where one of our limits stopped it, or STATUS_KEY where it has
 * not the keys of what is encrypted: that says nothing of the backup.  The message holds the first
 * lines of error that the engine wrote.
 */
#ifndef LSNCHAIN_ENGINE_JUDGE_H
#define LSNCHAIN_ENGINE_JUDGE_H

#include "engine/engine.h"
#include "engine/metadata.h"

/*
 * Exit status 0, no signal, not stopped by us, the end marker on the last stamped line, no line
 * that voids the run, and connected as the user it was given.
 */
gboolean engine_judge_capture(const Engine *engine, const EngineRun *run, GError **error);

/*
 * The same of a prepare, and the redo log was applied up to `last_lsn` of the link, where the
 * engine says how far it came.
 */
gboolean engine_judge_prepare(const Engine *engine, const EngineRun *run, uint64_t last_lsn,
                              GError **error);

/* What the checkpoints file says afterwards: the link's `to_lsn`, and the state that was wanted. */
gboolean engine_judge_prepared(const Engine *engine, const EngineCheckpoints *checkpoints,
                               uint64_t to_lsn, gboolean is_last, GError **error);

#endif
