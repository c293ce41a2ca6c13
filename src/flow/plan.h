/* SPDX-License-Identifier: MIT */
/* plan: what the next backup of an instance is, by its configuration and what is known of it. */
#ifndef LSNCHAIN_FLOW_PLAN_H
#define LSNCHAIN_FLOW_PLAN_H

#include "flow/run.h"
#include "model/schedule.h"

#include <glib.h>

/* schedule_plan() for now.  `plan` comes zeroed, and points into run->catalog. */
gboolean plan_next(const Run *run, Want want, Plan *plan, GError **error);

#endif
