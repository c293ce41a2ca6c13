/* SPDX-License-Identifier: MIT */
#include "prepare/place.h"

#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct Place {
    char *path;
    Lock *lock;
};

static const char lock_suffix[] = ".lock";
enum { SWEEP_WAIT_US = 10 * G_USEC_PER_SEC };

/*
 * PARENT/NAME.lock is the lock of PARENT/NAME: outside of it, so that it can be held before the
 * directory is made and until after it is gone.
 */
static Lock *lock_place(const char *path, const char *command, GError **error)
{
    g_autofree char *lock_path = g_strconcat(path, lock_suffix, NULL);
    return lock_take(lock_path, LOCK_COPY, LOCK_EXCLUSIVE, command, 0, error);
}

/* One sweeper or maker at a time, for moments. */
static Lock *lock_parent(const char *parent, GError **error)
{
    g_autofree char *path = g_build_filename(parent, "lock", NULL);
    return lock_take(path, LOCK_COPY, LOCK_EXCLUSIVE, "sweep", SWEEP_WAIT_US, error);
}

static const char *const no_places[] = {"lock", PLACE_ROLLING, PLACE_ROLLING ".lock", NULL};

/* The place to sweep for a name in the parent: itself, or of a lock that was left alone. */
static char *place_named(const char *parent, const char *name)
{
    if (g_strv_contains(no_places, name))
        return NULL;
    g_autofree char *path = g_build_filename(parent, name, NULL);
    if (!g_str_has_suffix(name, lock_suffix))
        return g_steal_pointer(&path);
    g_autofree char *place = g_strndup(path, strlen(path) - strlen(lock_suffix));
    gboolean alone =
        g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(place, G_FILE_TEST_EXISTS);
    return alone ? g_steal_pointer(&place) : NULL;
}

static gboolean sweep_one(const char *path, GError **error)
{
    g_autoptr(GError) held = NULL;
    g_autoptr(Lock) lock = lock_place(path, "sweep", &held);
    if (lock == NULL && error_status(held) == STATUS_LOCKED)
        return TRUE;
    if (lock == NULL) { /* whether somebody is at work in it is not known */
        g_propagate_error(error, g_steal_pointer(&held));
        return FALSE;
    }
    log_notice("removing %s, left by a run that was killed", path);
    g_autofree char *lock_path = g_strconcat(path, lock_suffix, NULL);
    return files_remove_tree(AT_FDCWD, path, error) &&
           files_remove_tree(AT_FDCWD, lock_path, error);
}

static gboolean sweep_locked(const char *parent, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) dir = g_dir_open(parent, 0, &failure);
    if (dir == NULL)
        return fail_storage(error, "cannot list %s: %s", parent, failure->message);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *place = place_named(parent, name);
        if (place != NULL && !sweep_one(place, error))
            return FALSE;
    }
    return TRUE;
}

gboolean place_sweep(const char *parent, GError **error)
{
    if (!g_file_test(parent, G_FILE_TEST_IS_DIR))
        return TRUE;
    g_autoptr(Lock) lock = lock_parent(parent, error);
    return lock != NULL && sweep_locked(parent, error);
}

Place *place_make(const char *parent, const char *name, const char *command, GError **error)
{
    if (!files_make_dirs(AT_FDCWD, parent, 0700, error))
        return NULL;
    g_autoptr(Lock) sweeping = lock_parent(parent, error);
    if (sweeping == NULL || !sweep_locked(parent, error))
        return NULL;

    g_autofree char *path = g_strdup_printf("%s/%s.%d", parent, name, (int)getpid());
    g_autoptr(Lock) lock = lock_place(path, command, error);
    if (lock == NULL)
        return NULL;
    if (mkdir(path, 0700) < 0) {
        (void)fail_storage(error, "cannot create the directory %s: %s", path, g_strerror(errno));
        return NULL;
    }
    Place *place = g_new0(Place, 1);
    place->path = g_steal_pointer(&path);
    place->lock = g_steal_pointer(&lock);
    return place;
}

const char *place_path(const Place *place)
{
    return place->path;
}

void place_free(Place *place)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *lock_path = g_strconcat(place->path, lock_suffix, NULL);
    if (!files_remove_tree(AT_FDCWD, place->path, &error) ||
        !files_remove_tree(AT_FDCWD, lock_path, &error))
        log_warning("%s", error->message);
    lock_free(place->lock);
    g_free(place->path);
    g_free(place);
}
