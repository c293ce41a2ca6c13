/* SPDX-License-Identifier: MIT */
#include "flow/channels.h"

#include "base/error.h"
#include "base/log.h"
#include "flow/run.h"

AlertRoute channels_route(const RouteConfig *route)
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
    channels->fallback = channels_route(&config->route);
    channels->routes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    for (guint i = 0; i < config->instances->len; i++) {
        const InstanceConfig *instance = config->instances->pdata[i];
        AlertRoute *route = g_new(AlertRoute, 1);
        *route = channels_route(&instance->route);
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

gboolean channels_deliver(const Channels *channels, AlertReport *report, GError **error)
{
    const char *state_dir = channels->config->state_dir;
    unsigned waiting = 0;
    *report = (AlertReport){0};
    if (!run_owns_state(state_dir))
        return TRUE;
    g_autoptr(Spool) spool = spool_open(state_dir, error);
    if (spool == NULL || !spool_count(spool, &waiting, error))
        return FALSE;
    if (waiting == 0)
        return TRUE;
    const AlertSetup setup = channels_setup(channels);
    return alert_deliver(spool, &setup, report, error);
}

void channels_deliver_unkept(const Channels *channels, GPtrArray *unkept)
{
    const AlertSetup setup = channels_setup(channels);
    if (unkept->len > 0)
        alert_deliver_unkept(unkept, &setup);
}

/* ---- testing --------------------------------------------------------------------------------- */

static gboolean same_names(Names one, Names other)
{
    return g_strv_equal(one, other);
}

static gboolean same_route(const RouteConfig *one, const RouteConfig *other)
{
    return same_names((Names)one->critical, (Names)other->critical) &&
           same_names((Names)one->warning, (Names)other->warning) &&
           same_names((Names)one->recovery, (Names)other->recovery);
}

GPtrArray *channels_sharers(const Channels *channels, const char *instance)
{
    GPtrArray *names = g_ptr_array_new();
    const InstanceConfig *one = config_instance(channels->config, instance);
    for (guint i = 0; one != NULL && i < channels->config->instances->len; i++) {
        const InstanceConfig *other = channels->config->instances->pdata[i];
        if (same_route(&one->route, &other->route))
            g_ptr_array_add(names, other->name);
    }
    return names;
}

/* The first of each that share a route; where there is no instance, the route of none. */
static char **instances_to_test(const Channels *channels, const char *instance)
{
    GPtrArray *names = g_ptr_array_new();
    const GPtrArray *all = channels->config->instances;
    for (guint i = 0; i < all->len; i++) {
        const InstanceConfig *one = all->pdata[i];
        g_autoptr(GPtrArray) sharers = channels_sharers(channels, one->name);
        if (instance != NULL ? g_str_equal(one->name, instance) : sharers->pdata[0] == one->name)
            g_ptr_array_add(names, g_strdup(one->name));
    }
    if (all->len == 0)
        g_ptr_array_add(names, g_strdup(""));
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

static gboolean leads_to(const RouteConfig *route, const char *channel)
{
    return names_have((Names)route->critical, channel) ||
           names_have((Names)route->warning, channel) ||
           names_have((Names)route->recovery, channel);
}

static char **unrouted(const Channels *channels)
{
    GPtrArray *names = g_ptr_array_new();
    const Config *config = channels->config;
    for (size_t i = 0; i < channels->count; i++) {
        gboolean routed =
            config->instances->len == 0 && leads_to(&config->route, channels->list[i].name);
        for (guint k = 0; k < config->instances->len && !routed; k++) {
            const InstanceConfig *instance = config->instances->pdata[k];
            routed = leads_to(&instance->route, channels->list[i].name);
        }
        if (!routed)
            g_ptr_array_add(names, g_strdup(channels->list[i].name));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

gboolean channels_test(const Channels *channels, const char *instance, const AlertWatch *watch,
                       GError **error)
{
    const char *state_dir = channels->config->state_dir;
    if (instance != NULL && config_instance(channels->config, instance) == NULL)
        return fail(error, STATUS_USAGE, "there is no instance %s", instance);
    g_autoptr(Spool) spool = NULL;
    if (run_owns_state(state_dir)) {
        spool = spool_open(state_dir, error);
        if (spool == NULL)
            return FALSE;
    } else if (g_file_test(state_dir, G_FILE_TEST_EXISTS)) {
        log_warning("the state directory %s is another user's, so the way through the spool is not "
                    "tested: run this as the user of the backups",
                    state_dir);
    }
    const AlertSetup setup = channels_setup(channels);
    g_auto(GStrv) instances = instances_to_test(channels, instance);
    g_auto(GStrv) also = unrouted(channels);
    for (char **name = also; *name != NULL; name++)
        log_warning("alert channel %s: no route leads to it", *name);
    return alert_test(spool, &setup, (Names)instances, (Names)also, watch, error);
}
