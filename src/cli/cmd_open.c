/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "engine/engine.h"
#include "flow/open.h"
#include "flow/restore.h"

#include <stdio.h>

typedef struct {
    App *app;
    const char *wanted;
    char *socket; /* NULL: none was asked for */
} OpenRequest;

static void note_opened(const App *app, const Opened *opened)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", report_string(opened->backup->id));
    json_object_set_new(object, "rolling", json_boolean(opened->rolling));
    json_object_set_new(object, "socket", report_string(opened->socket));
    json_object_set_new(object, "server_version", report_string(opened->version));
    json_object_set_new(object, "seconds", json_real(opened->seconds));
    json_object_set_new(app->report.instance, "opened", object);
}

/* Whoever reads our stdout waits for these lines, and we are about to wait for him. */
static void tell_ready(const Opened *opened, void *data)
{
    const OpenRequest *request = data;
    const Report *report = &request->app->report;
    const Backup *backup = opened->backup;
    g_autofree char *until = clock_format(backup->data_until);
    g_autofree char *socket = g_shell_quote(opened->socket);
    note_opened(request->app, opened);
    report_print(report, "%s, with the data of %s, is open for reading after %.1f s (%s)\n",
                 backup->id, until, opened->seconds, opened->version);
    report_print(report, "  %s --no-defaults --user=root --socket=%s\n",
                 engine_client_program(backup->engine), socket);
    report_print(report,
                 "  %s --no-defaults --user=root --socket=%s --single-transaction DATABASE "
                 "TABLE > FILE.sql\n",
                 engine_dump_program(backup->engine), socket);
    report_print(report, "until you interrupt this (Ctrl-C); nothing is left then\n");
    (void)fflush(stdout);
}

static gboolean open_one(App *app, Run *run, void *data, GError **error)
{
    OpenRequest *request = data;
    const Backup *backup = restore_find(run, request->wanted, error);
    (void)app;
    return backup != NULL && flow_open(run, backup, request->socket, tell_ready, request, error);
}

gboolean cmd_open(App *app, char **args, GError **error)
{
    g_autofree char *name = NULL;
    const GOptionEntry entries[] = {
        {"socket", 0, 0, G_OPTION_ARG_FILENAME, &name, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 1, error))
        return FALSE;
    g_autofree char *socket = name != NULL ? g_canonicalize_filename(name, NULL) : NULL;
    OpenRequest request = {app, args[1] != NULL ? args[1] : "latest", socket};
    return app_each(app, FALSE, open_one, &request, error);
}
