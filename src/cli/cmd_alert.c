/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "alert/alert.h"
#include "flow/channels.h"

typedef struct {
    App *app;
    json_t *list;
} Testing;

static void show_answer(const AlertChannel *channel, gboolean delivered, const char *answer,
                        void *data)
{
    Testing *testing = data;
    json_t *object = json_object();
    json_object_set_new(object, "channel", report_string(channel->name));
    json_object_set_new(object, "type", report_string(channel->type));
    json_object_set_new(object, "delivered", json_boolean(delivered));
    json_object_set_new(object, "answer", report_string(answer));
    json_array_append_new(testing->list, object);
    report_print(&testing->app->report, "%-12s %-8s %-13s %s\n", channel->name, channel->type,
                 delivered ? "delivered" : "NOT DELIVERED", answer);
}

gboolean cmd_try_channels(App *app, GError **error)
{
    g_autoptr(Channels) channels = channels_new(app->config);
    const AlertSetup setup = channels_setup(channels);
    Testing testing = {app, json_array()};
    const char *instance = app->instance_name != NULL ? app->instance_name : "";
    gboolean sent = alert_send_test(&setup, instance, show_answer, &testing, error);
    json_object_set_new(app->report.extra, "channels", testing.list);
    return sent;
}

gboolean cmd_alert_test(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && cmd_try_channels(app, error);
}
