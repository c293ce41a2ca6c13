/* SPDX-License-Identifier: MIT */
#include "prepare/complete.h"

#include "base/error.h"
#include "base/files.h"
#include "engine/tables.h"
#include "model/tablelist.h"
#include "repo/sums.h"
#include "seal/name.h"

#include <string.h>
#include <sys/stat.h>

static gboolean add_file(int root_fd, const char *path, const struct stat *status, void *data,
                         GError **error)
{
    EngineFiles *files = data;
    (void)root_fd;
    (void)error;
    if (S_ISREG(status->st_mode))
        engine_files_add(files, path);
    return TRUE;
}

/* The names in the engine's stream, as the list of sums has them. */
static gboolean add_sent(const Backup *link, int backup_fd, EngineFiles *files, GError **error)
{
    g_autoptr(GPtrArray) sums = sums_read(backup_fd, link->id, link->sums, error);
    for (guint i = 0; sums != NULL && i < sums->len; i++) {
        const SumLine *line = sums->pdata[i];
        if (!g_str_has_prefix(line->name, NAME_DATA))
            continue;
        g_autofree char *name = g_strdup(line->name + strlen(NAME_DATA));
        if (name_is_sealed(name))
            name[strlen(name) - strlen(NAME_SUFFIX)] = '\0';
        engine_files_add(files, name);
    }
    return sums != NULL;
}

/* What was not sent either is no loss: a table may live in a tablespace with others. */
static char *find_missing(const Engine *engine, const EngineFiles *sent, const EngineFiles *files,
                          const ListedTable *listed)
{
    if (listed->seen != SEEN_BOTH)
        return NULL;
    const ServerTable table = {
        .schema = listed->schema, .name = listed->name, .engine = listed->engine};
    g_autofree char *unsent = engine_table_missing(engine, sent, &table);
    return unsent == NULL ? engine_table_missing(engine, files, &table) : NULL;
}

static gboolean folds_names(const Backup *link)
{
    const char *value = backup_param(link, "lower_case_table_names");
    return *value != '\0' && !g_str_equal(value, "0");
}

gboolean complete_check(const Engine *engine, const Backup *link, int backup_fd, int base_fd,
                        GError **error)
{
    g_autoptr(GString) list = files_read_text(backup_fd, TABLELIST_FILE, TABLELIST_MOST, error);
    if (list == NULL)
        return FALSE;
    g_autoptr(EngineFiles) files = engine_files_new(folds_names(link));
    g_autoptr(EngineFiles) sent = engine_files_new(folds_names(link));
    if (!add_sent(link, backup_fd, sent, error) ||
        !files_walk(base_fd, ".", add_file, files, error))
        return FALSE;
    g_autoptr(GPtrArray) tables = tablelist_parse(list->str);
    for (guint i = 0; i < tables->len; i++) {
        g_autofree char *missing = find_missing(engine, sent, files, tables->pdata[i]);
        if (missing != NULL)
            return fail(error, STATUS_ENGINE,
                        "%s said it was done, but %s is not in the prepared directory",
                        engine->name, missing);
    }
    return TRUE;
}
