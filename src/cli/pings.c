/* SPDX-License-Identifier: MIT */
#include "cli/pings.h"

#include "alert/ping.h"
#include "base/error.h"
#include "base/log.h"

/* One id for the run: each instance has a switch of its own. */
static Ping ping_of(App *app, const InstanceConfig *instance)
{
    if (app->run_id == NULL)
        app->run_id = g_uuid_string_random();
    return (Ping){
        .url = instance->ping_url,
        .protocol = (PingProtocol)instance->ping,
        .run_id = app->run_id,
    };
}

static gboolean has_switch(const InstanceConfig *instance)
{
    return *instance->ping_url != '\0';
}

void pings_start(App *app, const InstanceConfig *instance)
{
    if (!has_switch(instance))
        return;
    const Ping ping = ping_of(app, instance);
    g_autoptr(GError) error = NULL;
    if (!ping_start(&ping, &error))
        log_notice("not told that the backup begins: %s", error->message);
}

/* The id of the backup that was committed; NULL: none was. */
static const char *committed(const App *app, const char *instance)
{
    size_t i;
    json_t *told;
    json_array_foreach(app->report.instances, i, told)
    {
        const char *name = json_string_value(json_object_get(told, "instance"));
        if (g_strcmp0(name, instance) == 0)
            return json_string_value(json_object_get(json_object_get(told, "backup"), "id"));
    }
    return NULL;
}

static char *body_of(const App *app, const char *instance, int status, const GError *error)
{
    GString *body = g_string_new(NULL);
    g_string_append_printf(body,
                           "lsnchain " LSNCHAIN_VERSION " on %s\ncommand: %s\ninstance: %s\n"
                           "status: %d, %s: %s\n",
                           g_get_host_name(), app->command, instance, status, status_name(status),
                           status_meaning(status));
    const char *backup = committed(app, instance);
    if (backup != NULL)
        g_string_append_printf(body, "backup: %s\n", backup);
    if (error != NULL)
        g_string_append_printf(body, "error: %s\n", error->message);
    for (guint i = 0; i < log_warnings()->len; i++)
        g_string_append_printf(body, "warning: %s\n", (const char *)log_warnings()->pdata[i]);
    return g_string_free(body, FALSE);
}

void pings_end(App *app, int status, const GError *error)
{
    g_autoptr(GPtrArray) meant = app->alarms && status != STATUS_USAGE ? app_meant(app) : NULL;
    int64_t left_us = ping_time_us();
    for (guint i = 0; meant != NULL && i < meant->len; i++) {
        const InstanceConfig *instance = meant->pdata[i];
        if (!has_switch(instance))
            continue;
        const Ping ping = ping_of(app, instance);
        g_autofree char *body = body_of(app, instance->name, status, error);
        g_autoptr(GError) lost = NULL;
        if (!ping_end(&ping, status, body, &left_us, &lost))
            log_warning("not told how the backup of %s ended: %s", instance->name, lost->message);
    }
}
