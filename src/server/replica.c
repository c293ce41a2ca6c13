/* SPDX-License-Identifier: MIT */
#include "server/replica.h"

#include <string.h>

/* The names of MySQL 8.0.22 and later, those before, and MariaDB's own. */
static const char *const channel[] = {"Channel_Name", "Connection_name", NULL};
static const char *const sql_running[] = {"Replica_SQL_Running", "Slave_SQL_Running", NULL};
static const char *const io_running[] = {"Replica_IO_Running", "Slave_IO_Running", NULL};
static const char *const behind[] = {"Seconds_Behind_Source", "Seconds_Behind_Master", NULL};
static const char *const sql_error[] = {"Last_SQL_Error", NULL};
static const char *const io_error[] = {"Last_IO_Error", NULL};

/* "" for a NULL, and where there is no such column. */
static const char *value_of(const char *const *wanted, const char *const *names,
                            const char *const *values, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (g_strv_contains(wanted, names[i]))
            return values[i] != NULL ? values[i] : "";
    }
    return "";
}

ReplicaSource *replica_read(const char *const *names, const char *const *values, unsigned n)
{
    ReplicaSource *source = g_new0(ReplicaSource, 1);
    gint64 seconds = 0;
    gboolean known = g_ascii_string_to_signed(value_of(behind, names, values, n), 10, 0, G_MAXINT64,
                                              &seconds, NULL);
    const char *failure = value_of(sql_error, names, values, n);
    if (*failure == '\0')
        failure = value_of(io_error, names, values, n);
    source->name = g_strdup(value_of(channel, names, values, n));
    source->sql_running = strcmp(value_of(sql_running, names, values, n), "Yes") == 0;
    /* "Connecting", "Preparing": it tries to */
    source->io_running = strcmp(value_of(io_running, names, values, n), "Yes") == 0;
    source->behind_s = known ? seconds : -1;
    source->failure = g_strdup(failure);
    return source;
}
