/* SPDX-License-Identifier: MIT */
/* verify_view: what a proof and a sabotage found, as text and as JSON.  For cmd_verify only. */
#ifndef LSNCHAIN_CLI_VERIFY_VIEW_H
#define LSNCHAIN_CLI_VERIFY_VIEW_H

#include "flow/verify.h"
#include "report/report.h"

#include <glib.h>

/* Both append an object to `list`.  `failure` may be NULL. */
void view_verdict(Report *report, json_t *list, const Verdict *verdict, const GError *failure);
void view_sabotage(Report *report, json_t *list, const char *id, const GPtrArray *results);

#endif
