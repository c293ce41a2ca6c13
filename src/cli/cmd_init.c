/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/error.h"
#include "catalog/catalog.h"
#include "repo/shelf.h"

static const char *const outcomes[] = {
    [INIT_CREATED] = "created",
    [INIT_REMEMBERED] = "remembered from now on",
    [INIT_ACCEPTED] = "accepted in place of the one remembered",
    [INIT_UNCHANGED] = "is the one remembered",
};

static gboolean init_instances(App *app, GError **error)
{
    for (guint i = 0; i < app->config->instances->len; i++) {
        const InstanceConfig *instance = app->config->instances->pdata[i];
        gboolean created = FALSE;
        if (!shelf_init(app->repository->path, instance->name, &created, error))
            return FALSE;
        g_autoptr(Shelf) shelf = shelf_open(app->repository->path, instance->name, error);
        if (shelf == NULL || !catalog_init(shelf, error))
            return FALSE;
        report_instance(&app->report, instance->name);
        json_object_set_new(app->report.instance, "created", json_boolean(created));
        report_print(&app->report, "instance %s: %s\n", instance->name,
                     created ? "created" : "is there");
    }
    return TRUE;
}

gboolean cmd_init(App *app, char **args, GError **error)
{
    gboolean accept = FALSE;
    const GOptionEntry entries[] = {
        {"accept", 0, 0, G_OPTION_ARG_NONE, &accept, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    if (!app_parse(args, entries, 0, 0, error))
        return FALSE;
    InitOutcome outcome = INIT_UNCHANGED;
    app->repository =
        repository_init(app->config->repository, app->config->state_dir, accept, &outcome, error);
    if (app->repository == NULL)
        return FALSE;
    json_object_set_new(app->report.extra, "repository", report_string(app->repository->path));
    json_object_set_new(app->report.extra, "uuid", report_string(app->repository->uuid));
    json_object_set_new(app->report.extra, "outcome", report_string(outcomes[outcome]));
    report_print(&app->report, "repository %s, uuid %s: %s\n", app->repository->path,
                 app->repository->uuid, outcomes[outcome]);
    return init_instances(app, error);
}
