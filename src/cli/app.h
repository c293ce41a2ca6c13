/* SPDX-License-Identifier: MIT */
/* app: the global options, and what they lead to. */
#ifndef LSNCHAIN_CLI_APP_H
#define LSNCHAIN_CLI_APP_H

#include "config/config.h"
#include "flow/run.h"
#include "repo/repository.h"
#include "report/nagios.h"
#include "report/report.h"

#include <glib.h>

typedef struct {
    /* global options */
    char *config_path;
    char *repository_path;
    char *instance_name;
    char *output;
    gboolean verbose;
    gboolean quiet;
    gboolean help;
    gboolean version;

    const char *command;
    gboolean without_catalog; /* of the command's row: each run has its shelf only */
    gboolean alarms;          /* of the command's row: people are told when it cannot begin, and a
                                 dead man's switch how it ended; never of a dry run */
    gboolean answers;         /* of the command's row: warnings do not change its exit status */
    gboolean metrics;         /* of the command's row: what Prometheus is told changes with it */
    VitalRun noted;           /* status.json remembers such a run; set by the command itself */
    GPtrArray *unkept;        /* SpoolEntry *: alerts that the spool could not take */
    GArray *ended;            /* the runs that it remembers; NULL: none yet */
    guint told;               /* warnings that it knows of */
    gboolean delivered;       /* the command brought the alerts to their channels by itself */
    gboolean records; /* may write into repository and state directory; set by app_check_writes() */
    Config *config;
    Repository *repository;
    Report report;
    char *run_id;   /* of the pings; NULL: there were none yet */
    Nagios *nagios; /* NULL: no monitor asks */
} App;

void app_clear(App *app);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(App, app_clear)

/* The exit status as it stands; `warnings_before` of the log's are not this one's. */
int app_status(const App *app, const GError *error, guint warnings_before);

/* Takes the global options out of argv, wherever they stand; the rest stays in order. */
gboolean app_take_globals(App *app, int *argc, char ***argv, GError **error);

/*
 * The options of one command.  `entries` may be NULL; what is left in `args` must be between
 * `least` and `most` words.  STATUS_USAGE.
 */
gboolean app_parse(char **args, const GOptionEntry *entries, guint least, guint most,
                   GError **error);

/* Steps of commands.c. */
gboolean app_load_config(App *app, GError **error);
gboolean app_load_config_or_bare(App *app, GError **error);
gboolean app_find_repository(App *app, GError **error);
gboolean app_check_writes(App *app, GError **error);

/*
 * Runs `each` on every instance that is meant: -i, the only one, or all where `all` allows it. Goes
 * on after a failure; the error is the first one's, with the gravest status of all for several.
 */
typedef gboolean AppEachFn(App *app, Run *run, void *data, GError **error);
gboolean app_each(App *app, gboolean all, AppEachFn *each, void *data, GError **error);

/*
 * The instances that are meant, whether their run can begin or not: that of -i, or all.  NULL: they
 * cannot be known.  InstanceConfig *, of the configuration; free the array.
 */
GPtrArray *app_meant(App *app);

/*
 * The files for Prometheus, as things are now, where this command changed what they tell.  One that
 * cannot be written is a warning where `last`; before that it is not, for it would be told twice.
 */
void app_write_metrics(const App *app, gboolean last);

/* What was a warning only after the runs had ended changes what their status file says of them. */
void app_note_warnings(App *app);

/* A failure before a run could begin: every instance that is meant gets its alarm, where `alarms`,
 * and its status file says so. */
void app_tell_failed(App *app, const GError *failure);

#endif
