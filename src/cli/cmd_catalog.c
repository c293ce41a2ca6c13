/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/error.h"
#include "base/log.h"
#include "catalog/catalog.h"

static gboolean check_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    const char *name = run->config->name;
    g_autoptr(GPtrArray) differences = catalog_compare(run->shelf, error);
    if (differences == NULL)
        return FALSE;
    json_t *list = json_array();
    for (guint i = 0; i < differences->len; i++) {
        json_array_append_new(list, report_string(differences->pdata[i]));
        report_print(&app->report, "%s: %s\n", name, (const char *)differences->pdata[i]);
    }
    json_object_set_new(app->report.instance, "differences", list);
    if (differences->len > 0)
        return fail(error, STATUS_CATALOG,
                    "the catalog of %s and the tree differ: %s" HINT(
                        "the next backup takes over what is in the tree; else: lsnchain -i %s "
                        "catalog rebuild"),
                    name, (const char *)differences->pdata[0], name);
    report_print(&app->report, "%s: the catalog, its copy and the tree agree\n", name);
    return TRUE;
}

gboolean cmd_catalog_check(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, TRUE, check_one, NULL, error);
}

/* Each is a warning, so the exit status tells of it; people hear of what nobody can rely on. */
static void tell_damage(const Run *run, const CatalogDamage *damage)
{
    log_warning("%s/%s", run->config->name, damage->sentence);
    if (damage->lost)
        run_raise(run, EVENT_CHAIN_BROKEN, damage->id, "", "a backup is damaged in the tree",
                  damage->sentence);
}

static gboolean rebuild_one(App *app, Run *run, void *data, GError **error)
{
    (void)data;
    if (!run_lock_only(run, error))
        return FALSE;
    g_autoptr(GPtrArray) damaged = catalog_damages_new();
    run->catalog = catalog_rebuild(run->shelf, app->command, damaged, error);
    if (run->catalog == NULL)
        return FALSE;
    run_raise(run, EVENT_CATALOG_RECOVERED, "", "", "the catalog was made again", "");
    for (guint i = 0; i < damaged->len; i++)
        tell_damage(run, damaged->pdata[i]);
    json_object_set_new(app->report.instance, "backups", json_integer(run->catalog->backups->len));
    json_object_set_new(app->report.instance, "generation",
                        json_integer((json_int_t)run->catalog->generation));
    report_print(&app->report, "%s: %u backups, generation %" G_GUINT64_FORMAT "\n",
                 run->config->name, run->catalog->backups->len, run->catalog->generation);
    return TRUE;
}

gboolean cmd_catalog_rebuild(App *app, char **args, GError **error)
{
    return app_parse(args, NULL, 0, 0, error) && app_each(app, FALSE, rebuild_one, NULL, error);
}
