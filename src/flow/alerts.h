/* SPDX-License-Identifier: MIT */
/* alerts: what is open and what waits, for who looks at it, and what a person knows of already. */
#ifndef LSNCHAIN_FLOW_ALERTS_H
#define LSNCHAIN_FLOW_ALERTS_H

#include "alert/incidents.h"
#include "alert/spool.h"

#include <glib.h>

/*
 * The open incidents of an instance, or of none (""): channels that do not take their alerts.
 * Nothing is made or locked.  NULL: they cannot be read.
 */
Incidents *alerts_look(const char *state_dir, const char *instance, GError **error);

/*
 * Notes that a person knows of it: its repeats are held back until it ends.  `key` is that of
 * incident_key(), with or without "lsnchain/" before it.  `done` becomes the keys that are
 * acknowledged now, char *.
 *
 * `instances` are those that are meant, "" among them for what belongs to none; NULL-terminated.
 * `key` NULL: the only open one; "all": all of them.  STATUS_USAGE names the nearest.
 */
gboolean alerts_acknowledge(const char *state_dir, const char *const *instances, const char *key,
                            GPtrArray *done, GError **error);

#endif
