/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "alert/alert.h"
#include "base/clock.h"
#include "base/error.h"
#include "flow/alerts.h"
#include "flow/channels.h"
#include "report/alerts.h"

/* ---- test ------------------------------------------------------------------------------------ */

enum { INSTANCE_WIDTH = 13 };

typedef struct {
    App *app;
    const Channels *channels;
    json_t *list;
} Testing;

/* Who shares the route that the test went along; [] past all routes. */
static json_t *sharers(const Testing *testing, const Event *event)
{
    json_t *list = json_array();
    if (event == NULL || *event->instance == '\0')
        return list;
    g_autoptr(GPtrArray) names = channels_sharers(testing->channels, event->instance);
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, report_string(names->pdata[i]));
    return list;
}

static void show_answer(const Event *event, const AlertChannel *channel, gboolean delivered,
                        const char *answer, void *data)
{
    Testing *testing = data;
    const char *severity = event != NULL ? severity_word(event->severity) : NULL;
    json_t *object = json_object();
    json_object_set_new(object, "channel", report_string(channel->name));
    json_object_set_new(object, "type", report_string(channel->type));
    json_object_set_new(object, "delivered", json_boolean(delivered));
    json_object_set_new(object, "answer", report_string(answer));
    json_object_set_new(object, "severity", severity != NULL ? json_string(severity) : json_null());
    json_object_set_new(object, "instances", sharers(testing, event));
    json_array_append_new(testing->list, object);

    gboolean several =
        testing->app->instance_name == NULL && testing->app->config->instances->len > 1;
    report_print(&testing->app->report, "%-9s %-*s%-12s %-12s %-13s %s\n",
                 severity != NULL ? severity : "unrouted", several ? INSTANCE_WIDTH : 0,
                 several && event != NULL ? event->instance : "", channel->name, channel->type,
                 delivered ? "delivered" : "NOT DELIVERED", answer);
}

gboolean cmd_try_channels(App *app, GError **error)
{
    g_autoptr(Channels) channels = channels_new(app->config);
    Testing testing = {app, channels, json_array()};
    const AlertWatch watch = {show_answer, &testing};
    gboolean sent = channels_test(channels, app->instance_name, &watch, error);
    app->delivered = TRUE;
    json_object_set_new(app->report.extra, "channels", testing.list);
    return sent;
}

gboolean cmd_alert_test(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && cmd_try_channels(app, error);
}

/* ---- list ------------------------------------------------------------------------------------ */

static gboolean list_incidents(App *app, const char *instance, json_t *parent, guint *count,
                               GError **error)
{
    g_autoptr(Incidents) incidents = alerts_look(app->config->state_dir, instance, error);
    if (incidents == NULL)
        return FALSE;
    const GPtrArray *open = incidents_open(incidents);
    json_t *list = json_array();
    for (guint i = 0; i < open->len; i++)
        json_array_append_new(list, view_incident_json(open->pdata[i], instance));
    json_object_set_new(parent, "incidents", list);
    view_incidents(&app->report, open, instance);
    *count += open->len;
    return TRUE;
}

static gboolean list_one(App *app, Run *run, void *data, GError **error)
{
    return list_incidents(app, run->config->name, app->report.instance, data, error);
}

static gboolean list_spool(App *app, GError **error)
{
    unsigned unread = 0;
    SpoolDropped dropped = {0};
    g_autoptr(GPtrArray) entries = spool_peek(app->config->state_dir, &unread, error);
    if (entries == NULL || !spool_dropped(app->config->state_dir, &dropped, error))
        return FALSE;
    view_spool(&app->report, entries, unread, &dropped, clock_now());
    return TRUE;
}

gboolean cmd_alert_list(App *app, char **args, GError **error)
{
    guint count = 0;
    if (!app_parse(args, NULL, 0, 0, error) || !app_each(app, TRUE, list_one, &count, error) ||
        !list_incidents(app, "", app->report.extra, &count, error))
        return FALSE;
    if (count == 0)
        report_print(&app->report, "no incident is open\n");
    return list_spool(app, error);
}

/* ---- ack and flush --------------------------------------------------------------------------- */

/* Nothing is left in another user's directory that its owner cannot open. */
static gboolean check_state(const App *app, GError **error)
{
    return run_owns_state(app->config->state_dir) ||
           fail(error, STATUS_REFUSED,
                "the state directory %s is not there, or another user's" HINT(
                    "run this as the user of the backups"),
                app->config->state_dir);
}

static gboolean add_name(App *app, Run *run, void *data, GError **error)
{
    (void)app;
    (void)error;
    g_ptr_array_add(data, run->config->name);
    return TRUE;
}

gboolean cmd_alert_ack(App *app, char **args, GError **error)
{
    g_autoptr(GPtrArray) instances = g_ptr_array_new();
    g_autoptr(GPtrArray) done = g_ptr_array_new_with_free_func(g_free);
    app->delivered = TRUE; /* it tells nobody, and waits for nobody */
    if (!app_parse(args, NULL, 0, 1, error) || !app_each(app, TRUE, add_name, instances, error) ||
        !check_state(app, error))
        return FALSE;
    if (app->instance_name == NULL)
        g_ptr_array_add(instances, (void *)(guintptr) "");
    g_ptr_array_add(instances, NULL);
    if (!alerts_acknowledge(app->config->state_dir, (const char *const *)instances->pdata, args[1],
                            done, error))
        return FALSE;
    json_t *list = json_array();
    for (guint i = 0; i < done->len; i++) {
        json_array_append_new(list, report_string(done->pdata[i]));
        report_print(&app->report, "%s is quiet until it ends\n", (const char *)done->pdata[i]);
    }
    if (done->len == 0)
        report_print(&app->report, "no incident is open\n");
    json_object_set_new(app->report.extra, "acknowledged", list);
    return TRUE;
}

gboolean cmd_alert_flush(App *app, char **args, GError **error)
{
    AlertReport went;
    if (!app_parse(args, NULL, 0, 0, error) || !check_state(app, error))
        return FALSE;
    g_autoptr(Channels) channels = channels_new(app->config);
    app->delivered = TRUE;
    if (!channels_deliver(channels, &went, error))
        return FALSE;
    json_object_set_new(app->report.extra, "sent", json_integer(went.sent));
    json_object_set_new(app->report.extra, "done", json_integer(went.done));
    json_object_set_new(app->report.extra, "waiting", json_integer(went.waiting));
    json_object_set_new(app->report.extra, "unrouted", json_integer(went.unrouted));
    if (went.done + went.waiting + went.unrouted == 0)
        report_print(&app->report, "no alert waits\n");
    else
        report_print(&app->report, "%u %s out, %u %s\n", went.done,
                     went.done == 1 ? "alert went" : "alerts went", went.waiting,
                     went.waiting == 1 ? "waits" : "wait");
    return went.waiting == 0 ||
           fail(error, STATUS_TRANSFER, "%u %s" HINT("see: lsnchain alert list"), went.waiting,
                went.waiting == 1 ? "alert still waits" : "alerts still wait");
}
