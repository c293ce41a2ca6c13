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

/*
 * Brings what the spool holds to its channels; after the last lock was let go.  Nothing is done
 * with another user's spool.
 */
gboolean channels_deliver(const Channels *channels, GError **error);

#endif
