/* SPDX-License-Identifier: MIT */
/* channels: the alert channels and routes of the configuration, as the alert room wants them. */
#ifndef LSNCHAIN_FLOW_CHANNELS_H
#define LSNCHAIN_FLOW_CHANNELS_H

#include "alert/alert.h"
#include "config/config.h"

#include <glib.h>

/* Everything points into the configuration. */
typedef struct {
    const Config *config;
    AlertChannel *list;
    size_t count;
    GHashTable *routes; /* name of an instance to AlertRoute */
    AlertRoute fallback;
} Channels;

Channels *channels_new(const Config *config);
void channels_free(Channels *channels);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channels, channels_free)

AlertSetup channels_setup(const Channels *channels);
AlertRoute channels_route(const RouteConfig *route);

/*
 * Brings what the spool holds to its channels; after the last lock was let go.  Nothing is done
 * with another user's spool.
 */
gboolean channels_deliver(const Channels *channels, AlertReport *report, GError **error);

/* See alert_deliver_unkept(). */
void channels_deliver_unkept(const Channels *channels, GPtrArray *unkept);

/*
 * alert_test() along the routes of an instance (NULL: of all, equal ones once), and past them to
 * channels that no route leads to, with a warning.
 */
gboolean channels_test(const Channels *channels, const char *instance, const AlertWatch *watch,
                       GError **error);

/* The names of all instances with the same route as this one, const char *; free the array. */
GPtrArray *channels_sharers(const Channels *channels, const char *instance);

#endif
