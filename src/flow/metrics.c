/* SPDX-License-Identifier: MIT */
#include "flow/metrics.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/replace.h"
#include "flow/run.h"
#include "flow/vitals.h"
#include "report/prometheus.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char lock_name[] = "metrics.lock";

enum { LOCK_WAIT_S = 30, FILE_MODE = 0644 };

/* An instance as it is seen from outside; the vitals point into the run's catalog. */
typedef struct {
    Run run;
    Vitals *vitals;
} Seen;

static void seen_free(gpointer data)
{
    Seen *seen = data;
    vitals_free(seen->vitals);
    run_clear(&seen->run);
    g_free(seen);
}

static Seen *look(const Config *config, const Repository *repository,
                  const InstanceConfig *instance, int64_t now)
{
    Seen *seen = g_new0(Seen, 1);
    seen->run = (Run){
        .config = instance,
        .repository = repository,
        .state_dir = config->state_dir,
    };
    g_autofree char *why =
        repository != NULL ? run_look(&seen->run) : g_strdup("the repository cannot be opened");
    seen->vitals = vitals_read(&seen->run, why, now);
    return seen;
}

static gboolean write_text(const char *path, const GString *text, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    autofd int fd = files_open_dir(AT_FDCWD, directory, error);
    return fd >= 0 && replace_file(fd, name, text, FILE_MODE, error);
}

static gboolean write_file(const Config *config, const Repository *repository, const char *path,
                           GError **error)
{
    int64_t now = clock_now();
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(seen_free);
    g_autoptr(GPtrArray) vitals = g_ptr_array_new();
    for (guint i = 0; i < config->instances->len; i++) {
        const InstanceConfig *instance = config->instances->pdata[i];
        if (!g_str_equal(instance->metrics_file, path))
            continue;
        Seen *seen = look(config, repository, instance, now);
        g_ptr_array_add(all, seen);
        g_ptr_array_add(vitals, seen->vitals);
    }
    g_autoptr(GString) text = prometheus_text(vitals, now);
    g_autoptr(GError) failure = NULL;
    if (write_text(path, text, &failure))
        return TRUE;
    return fail(error, error_status(failure),
                "cannot write metrics_file %s: %s" HINT(
                    "make its directory, let this user write there, or change metrics_file"),
                path, failure->message);
}

/* Each once, in the order of the configuration. */
static GPtrArray *paths_of(const Config *config)
{
    GPtrArray *paths = g_ptr_array_new();
    for (guint i = 0; i < config->instances->len; i++) {
        const InstanceConfig *instance = config->instances->pdata[i];
        if (*instance->metrics_file != '\0' &&
            !g_ptr_array_find_with_equal_func(paths, instance->metrics_file, g_str_equal, NULL))
            g_ptr_array_add(paths, instance->metrics_file);
    }
    return paths;
}

char *metrics_doubt(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);
    if (!g_str_has_suffix(path, ".prom"))
        return g_strdup_printf("node exporter reads no file but *.prom, and this is %s", path);
    if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0)
        return g_strdup_printf("no file can be made in %s: %s", directory, g_strerror(errno));
    return NULL;
}

static Lock *take_lock(const Config *config, const char *command, GError **error)
{
    g_autofree char *path = g_build_filename(config->state_dir, lock_name, NULL);
    return lock_take(path, LOCK_RECORD, LOCK_EXCLUSIVE, command,
                     LOCK_WAIT_S * (int64_t)G_USEC_PER_SEC, error);
}

gboolean metrics_write(const Config *config, const Repository *repository, const char *command,
                       GError **error)
{
    g_autoptr(GPtrArray) paths = paths_of(config);
    if (paths->len == 0 || !run_owns_state(config->state_dir))
        return TRUE;
    g_autoptr(Repository) opened =
        repository == NULL ? repository_open(config->repository, NULL) : NULL;
    g_autoptr(Lock) lock = take_lock(config, command, error);
    if (lock == NULL)
        return FALSE;
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < paths->len; i++)
        (void)write_file(config, repository != NULL ? repository : opened, paths->pdata[i],
                         first == NULL ? &first : NULL);
    if (first == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}
