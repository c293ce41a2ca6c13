/* SPDX-License-Identifier: MIT */
#include "flow/channels.h"

#include "flow/run.h"

static AlertRoute make_route(const RouteConfig *route)
{
    return (AlertRoute){
        .critical = (const char *const *)route->critical,
        .warning = (const char *const *)route->warning,
        .recovery = (const char *const *)route->recovery,
    };
}

static AlertChannel make_channel(const AlertConfig *alert)
{
    return (AlertChannel){
        .name = alert->name,
        .type = alert->type,
        .url = alert->url,
        .user = alert->user,
        .password = alert->password,
        .from = alert->from,
        .to = alert->to,
        .tls = alert->tls,
        .ca_file = alert->ca_file,
        .secret = alert->secret,
        .body_file = alert->body_file,
        .routing_key = alert->routing_key,
        .fields = alert->fields,
        .command = alert->command,
        .socket = alert->socket,
        .timeout_s = alert->timeout,
    };
}

Channels *channels_new(const Config *config)
{
    Channels *channels = g_new0(Channels, 1);
    channels->config = config;
    channels->count = config->alerts->len;
    channels->list = g_new0(AlertChannel, channels->count + 1);
    for (guint i = 0; i < config->alerts->len; i++)
        channels->list[i] = make_channel(config->alerts->pdata[i]);
    channels->fallback = make_route(&config->route);
    channels->routes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    for (guint i = 0; i < config->instances->len; i++) {
        const InstanceConfig *instance = config->instances->pdata[i];
        AlertRoute *route = g_new(AlertRoute, 1);
        *route = make_route(&instance->route);
        g_hash_table_insert(channels->routes, instance->name, route);
    }
    return channels;
}

void channels_free(Channels *channels)
{
    g_hash_table_unref(channels->routes);
    g_free(channels->list);
    g_free(channels);
}

static const AlertRoute *find_route(const char *instance, void *data)
{
    const Channels *channels = data;
    const AlertRoute *route = g_hash_table_lookup(channels->routes, instance);
    return route != NULL ? route : &channels->fallback;
}

AlertSetup channels_setup(const Channels *channels)
{
    return (AlertSetup){
        .channels = channels->list,
        .count = channels->count,
        .route = find_route,
        .data = (void *)(uintptr_t)channels,
    };
}

gboolean channels_deliver(const Channels *channels, GError **error)
{
    if (!run_owns_state(channels->config->state_dir))
        return TRUE;
    g_autoptr(Spool) spool = spool_open(channels->config->state_dir, error);
    unsigned waiting = 0;
    if (spool == NULL || !spool_count(spool, &waiting, error))
        return FALSE;
    if (waiting == 0)
        return TRUE;
    const AlertSetup setup = channels_setup(channels);
    AlertReport report;
    return alert_deliver(spool, &setup, &report, error);
}
