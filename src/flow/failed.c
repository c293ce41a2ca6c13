/* SPDX-License-Identifier: MIT */
#include "flow/failed.h"

#include "base/files.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 20 };

static const char directory_name[] = "failed";

char *failed_log_path(const Run *run, const char *id, const char *suffix, GError **error)
{
    g_autofree char *directory = run_state_path(run, directory_name);
    if (!files_make_dirs(AT_FDCWD, directory, 0700, error))
        return NULL;
    return g_strdup_printf("%s/%s%s", directory, id, suffix);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void failed_log_prune(const Run *run)
{
    g_autofree char *directory = run_state_path(run, directory_name);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL;
         name = g_dir_read_name(dir))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i + KEPT < names->len; i++) {
        g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);
        if (unlink(path) < 0 && errno != ENOENT)
            log_warning("cannot remove the old log %s: %s", path, g_strerror(errno));
    }
}
