/* SPDX-License-Identifier: MIT */
/* room: is there room for the next backup, and for its proof?  Decided by model/readiness.h. */
#ifndef LSNCHAIN_FLOW_ROOM_H
#define LSNCHAIN_FLOW_ROOM_H

#include "flow/run.h"
#include "model/readiness.h"
#include "model/schedule.h"

/*
 * `run` needs its config, its repository and its shelf only; `backups` are those there are.
 * NULL with the error set: it cannot be asked.
 */
Finding *room_for(const Run *run, const GPtrArray *backups, const Plan *plan, uint64_t data_bytes,
                  GError **error);

#endif
