/* SPDX-License-Identifier: MIT */
/* status: how one instance is doing, as text and JSON. */
#ifndef LSNCHAIN_REPORT_STATUS_H
#define LSNCHAIN_REPORT_STATUS_H

#include "model/vitals.h"
#include "report/report.h"

#include <glib.h>

/* `vitals` are judged; `now` for ages. */
void view_status(Report *report, const Vitals *vitals, int64_t now);

#endif
