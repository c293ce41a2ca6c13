/* SPDX-License-Identifier: MIT */
#include "flow/plan.h"

#include "base/clock.h"
#include "flow/history.h"

gboolean plan_next(const Run *run, Want want, Plan *plan, GError **error)
{
    const InstanceConfig *config = run->config;
    g_autoptr(Pace) pace = config->restore_within > 0 ? history_pace(run) : NULL;
    const ScheduleRules rules = {
        .full_every = config->full_every,
        .max_incrementals = config->max_incrementals,
        .restore_within = config->restore_within,
        .pace = pace,
    };
    return schedule_plan(run->catalog->backups, &rules, want, clock_now(), plan, error);
}
