/* SPDX-License-Identifier: MIT */
/*
 * prometheus: the vitals of instances in Prometheus' text format.
 *
 * Every metric stands once, with HELP and TYPE, then a sample for each instance; one that no
 * instance has a value for is left out.  Moments are timestamps, never ages: an age in a file
 * freezes when the run that should renew it does not come.  docs/monitoring.md explains each.
 */
#ifndef LSNCHAIN_REPORT_PROMETHEUS_H
#define LSNCHAIN_REPORT_PROMETHEUS_H

#include <glib.h>
#include <stdint.h>

/* `vitals` are Vitals *; `now` is when the file is written. */
GString *prometheus_text(const GPtrArray *vitals, int64_t now);

#endif
