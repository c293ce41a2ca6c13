/* SPDX-License-Identifier: MIT */
#include "flow/metrics.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/replace.h"
#include "flow/run.h"
#include "flow/vitals.h"
#include "repo/repository.h"
#include "report/prometheus.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char lock_name[] = "metrics.lock";

enum { LOCK_WAIT_S = 30, FILE_MODE = 0644 };

/* What all instances have in common. */
typedef struct {
    const Config *config;
    Repository *repository; /* NULL: `why` says why not */
    char *why;
    int64_t now;
} Scene;

static void scene_clear(Scene *scene)
{
    g_clear_pointer(&scene->repository, repository_free);
    g_free(scene->why);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static Scene scene_look(const Config *config)
{
    Scene scene = {.config = config, .now = clock_now()};
    g_autoptr(GError) closed = NULL;
    scene.repository = repository_open(config->repository, &closed);
    if (scene.repository != NULL &&
        repository_check_remembered(scene.repository, config->state_dir, &closed))
        return scene;
    scene.why = error_sentence(closed);
    g_clear_pointer(&scene.repository, repository_free);
    return scene;
}

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

static Seen *look(const Scene *scene, const InstanceConfig *instance)
{
    Seen *seen = g_new0(Seen, 1);
    seen->run = (Run){
        .config = instance,
        .repository = scene->repository,
        .state_dir = scene->config->state_dir,
    };
    g_autofree char *why = scene->repository != NULL ? run_look(&seen->run) : g_strdup(scene->why);
    seen->vitals = vitals_glance(&seen->run, why, scene->now);
    return seen;
}

static gboolean write_text(const char *path, const GString *text, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    autofd int fd = files_open_dir(AT_FDCWD, directory, error);
    return fd >= 0 && replace_file(fd, name, text, FILE_MODE, error);
}

static gboolean write_file(const Scene *scene, const char *path, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(seen_free);
    g_autoptr(GPtrArray) vitals = g_ptr_array_new();
    for (guint i = 0; i < scene->config->instances->len; i++) {
        const InstanceConfig *instance = scene->config->instances->pdata[i];
        if (!g_str_equal(instance->metrics_file, path))
            continue;
        Seen *seen = look(scene, instance);
        g_ptr_array_add(all, seen);
        g_ptr_array_add(vitals, seen->vitals);
    }
    g_autoptr(GString) text = prometheus_text(vitals, scene->now);
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

gboolean metrics_write(const Config *config, const char *command, GError **error)
{
    g_autoptr(GPtrArray) paths = paths_of(config);
    if (paths->len == 0 || !run_owns_state(config->state_dir))
        return TRUE;
    g_autoptr(Lock) lock = take_lock(config, command, error);
    if (lock == NULL)
        return FALSE;
    g_auto(Scene) scene = scene_look(config);
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < paths->len; i++)
        (void)write_file(&scene, paths->pdata[i], first == NULL ? &first : NULL);
    if (first == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}
