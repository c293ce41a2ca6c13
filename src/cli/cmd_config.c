/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "report/table.h"

typedef struct {
    json_t *list;
    Table *table;
} Showing;

static void show_value(const char *section, const char *key, const char *value, const char *source,
                       void *data)
{
    Showing *showing = data;
    json_t *object = json_object();
    json_object_set_new(object, "section", report_string(section));
    json_object_set_new(object, "key", report_string(key));
    json_object_set_new(object, "value", report_string(value));
    json_object_set_new(object, "source", report_string(source));
    json_array_append_new(showing->list, object);
    table_take(showing->table, g_strdup_printf("[%s]", section));
    table_take(showing->table, g_strdup_printf("%s = %s", key, value));
    table_add(showing->table, source);
}

gboolean cmd_config_show(App *app, char **args, GError **error)
{
    if (!app_parse(args, NULL, 0, 0, error))
        return FALSE;
    static const char *const headings[] = {"SECTION", "VALUE", "FROM", NULL};
    g_autoptr(Table) table = table_new(headings);
    Showing showing = {json_array(), table};
    config_show(app->config, show_value, &showing);
    json_object_set_new(app->report.extra, "values", showing.list);
    table_print(table, &app->report, "");
    return TRUE;
}
