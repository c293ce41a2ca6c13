/* SPDX-License-Identifier: MIT */
/*
 * check: named probes that tell whether tonight's backup would work.  Changes nothing,
 * but raises the alarm for a backup or a proof that is overdue.
 *
 * Each probe runs even when an earlier one failed, unless it cannot: then it is skipped, and says
 * why; a skipped probe is no success.
 */
#ifndef LSNCHAIN_FLOW_CHECK_H
#define LSNCHAIN_FLOW_CHECK_H

#include "base/error.h"
#include "flow/run.h"

#include <glib.h>

typedef enum {
    PROBE_GOOD,
    PROBE_WARNS,
    PROBE_FAILED,
    PROBE_SKIPPED, /* something that it needs was not found */
    PROBE_UNKNOWN, /* it was asked, and cannot be known */
} ProbeResult;

typedef struct {
    const char *name;
    ProbeResult result;
    Status status; /* of a failure */
    char *text;    /* what was found */
    char *hint;    /* "" or what to do */
} Probe;

void probe_free(gpointer probe);

/* Probe *, in order; for one instance.  Never NULL. */
GPtrArray *flow_check(const Config *config, const InstanceConfig *instance);

/* STATUS_OK, STATUS_WARNINGS, or that of the first failure. */
Status probes_status(const GPtrArray *probes);

#endif
