/* SPDX-License-Identifier: MIT */
/* views: backups, chains and forecasts as tables and JSON. */
#ifndef LSNCHAIN_REPORT_VIEWS_H
#define LSNCHAIN_REPORT_VIEWS_H

#include "model/backup.h"
#include "model/forecast.h"
#include "report/report.h"

#include <glib.h>

/* All facts and marks of a backup, under the catalog's key names.  Times that are not known are
 * null. */
json_t *view_backup_json(const Backup *backup, gboolean proven);

/* All chains of the instance, with their links: `list`. */
void view_chains(Report *report, const GPtrArray *backups, int64_t read_since);
/* One backup, every fact and mark: `show`. */
void view_backup(Report *report, const GPtrArray *backups, const Backup *backup,
                 int64_t read_since);
/* {"id", "basis", "seconds", ...}; seconds are null when nothing is known, all is when there is no
 * restore point. */
json_t *view_forecast_json(const Forecast *forecast);
/* "about 3m 20s, by its own drills"; free it. */
char *view_forecast_text(const Forecast *forecast);

#endif
