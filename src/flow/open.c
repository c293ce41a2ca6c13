/* SPDX-License-Identifier: MIT */
#include "flow/open.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "flow/progress.h"
#include "flow/restore.h"
#include "flow/tools.h"
#include "flow/verify.h"
#include "model/chain.h"
#include "prepare/place.h"
#include "prepare/prepare.h"
#include "proof/rolling.h"
#include "proof/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What is in hand while a server runs; cleared from the last to the first. */
typedef struct {
    const Run *run;
    const GPtrArray *path;
    const Backup *backup;
    Tools tools;
    char *directory; /* where places are made */
    gboolean ours;   /* and it was made for this */
    Rolling *rolling;
    Place *place;
    char *base;
    char *work;
    char *short_dir; /* for another name of a socket whose own is too long; NULL: there is none */
    char *socket;    /* the name that it is to have; NULL: its own */
    Trial *trial;
} Opening;

static void opening_clear(Opening *opening)
{
    g_clear_pointer(&opening->trial, trial_free);
    g_clear_pointer(&opening->place, place_free);
    g_clear_pointer(&opening->rolling, rolling_free);
    g_autoptr(GError) error = NULL;
    if (opening->short_dir != NULL && rmdir(opening->short_dir) < 0)
        log_warning("cannot remove %s: %s", opening->short_dir, g_strerror(errno));
    if (opening->ours && !files_remove_tree(AT_FDCWD, opening->directory, &error))
        log_warning("%s", error->message);
    g_free(opening->directory);
    g_free(opening->base);
    g_free(opening->work);
    g_free(opening->short_dir);
    g_free(opening->socket);
    tools_clear(&opening->tools);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Opening, opening_clear)

/* Where we may write; without a configuration nobody said where that is. */
static gboolean choose_directory(Opening *opening, GError **error)
{
    const Run *run = opening->run;
    opening->directory =
        run->records ? run_proof_dir(run) : g_dir_make_tmp("lsnchain-open-XXXXXX", NULL);
    if (opening->directory == NULL)
        return fail_storage(error, "cannot make a directory in %s", g_get_tmp_dir());
    opening->ours = !run->records;
    return TRUE;
}

static gboolean make_work(Opening *opening, GError **error)
{
    opening->place = place_make(opening->directory, opening->backup->id, "open", error);
    if (opening->place == NULL)
        return FALSE;
    opening->work = g_build_filename(place_path(opening->place), "trial", NULL);
    if (mkdir(opening->work, 0700) < 0)
        return fail_storage(error, "cannot create the directory %s: %s", opening->work,
                            g_strerror(errno));
    return TRUE;
}

static gboolean prepare_copy(Opening *opening, const char *place, GError **error)
{
    const Run *run = opening->run;
    g_autofree char *work = g_build_filename(place, "chain", NULL);
    if (!prepare_check_room(opening->path, place, error))
        return FALSE;
    if (mkdir(work, 0700) < 0)
        return fail_storage(error, "cannot create the directory %s: %s", work, g_strerror(errno));
    g_autofree char *what = g_strdup_printf("preparing %s", opening->backup->id);
    Progress progress = progress_start(what, verify_stored_bytes(opening->path));
    const PrepareSpec spec = {
        .shelf = run->shelf,
        .path = opening->path,
        .engine = opening->tools.engine,
        .work = work,
        .memory = run->config->prepare_memory,
        .workers = config_workers(run->config),
        .options = opening->tools.prepare_options,
        .log_fd = -1,
        .stall_timeout_s = run->config->stall_timeout,
        .tick = progress_tick,
        .data = &progress,
    };
    Prepared prepared;
    gboolean done = prepare_chain(&spec, &prepared, error);
    progress_end();
    opening->base = g_build_filename(work, "base", NULL);
    autofd int base_fd = done ? files_open_dir(AT_FDCWD, opening->base, error) : -1;
    return base_fd >= 0 && trial_freeze_base(base_fd, error);
}

/*
 * The address of a socket has room for some hundred bytes, and a repository may lie deep: then it
 * gets another name, in a short directory of its own.
 */
static gboolean name_socket(Opening *opening, const char *wanted, GError **error)
{
    enum { ROOM = sizeof((struct sockaddr_un *)NULL)->sun_path };
    if (wanted != NULL && strlen(wanted) >= ROOM)
        return fail(error, STATUS_REFUSED,
                    "the path %s is too long for the address of a socket" HINT(
                        "give it a shorter name: --socket=PATH"),
                    wanted);
    opening->socket = g_strdup(wanted);
    g_autofree char *own = g_build_filename(opening->work, "run", "socket", NULL);
    if (wanted != NULL || strlen(own) < ROOM)
        return TRUE;
    opening->short_dir = g_dir_make_tmp("lsnchain-XXXXXX", NULL);
    if (opening->short_dir == NULL)
        return fail_storage(error, "cannot make a directory in %s", g_get_tmp_dir());
    opening->socket = g_build_filename(opening->short_dir, "socket", NULL);
    return TRUE;
}

/* The rolling base where it will do: it is there already. */
static gboolean find_base(Opening *opening, const char *socket, GError **error)
{
    if (opening->run->records) {
        g_autoptr(GError) failure = NULL;
        opening->rolling = rolling_share(opening->directory, opening->path, "open", &failure);
        if (failure != NULL)
            log_detail("not on the rolling base: %s", failure->message);
    }
    if (opening->rolling != NULL)
        opening->base = g_strdup(rolling_base(opening->rolling));
    return make_work(opening, error) && name_socket(opening, socket, error) &&
           (opening->rolling != NULL || prepare_copy(opening, place_path(opening->place), error));
}

static gboolean start(Opening *opening, GError **error)
{
    const InstanceConfig *config = opening->run->config;
    const TrialSpec spec = {
        .base = opening->base,
        .work = opening->work,
        .backup = opening->backup,
        .finish = opening->rolling != NULL ? opening->tools.engine : NULL,
        .finish_options = opening->tools.prepare_options,
        .server_binary = config->server_binary,
        .options = opening->tools.server_options,
        .memory = config->prepare_memory,
        .socket = opening->socket,
        .log_fd = -1,
    };
    log_detail("starting a server on %s", opening->base);
    opening->trial = trial_start(&spec, error);
    return opening->trial != NULL;
}

gboolean flow_open(Run *run, const Backup *backup, const char *socket, OpenReadyFn *ready,
                   void *data, GError **error)
{
    int64_t began = g_get_monotonic_time();
    g_autoptr(Lock) lock = NULL;
    if (!run_read_chain(run, &backup, &lock, error) || !restore_check_sound(run, backup, error))
        return FALSE;
    g_autoptr(GPtrArray) path = chain_path(run->catalog->backups, backup, error);
    if (path == NULL)
        return FALSE;
    g_auto(Opening) opening = {.run = run, .path = path, .backup = backup};
    if (!tools_find(run, backup, PROOF_SERVER, &opening.tools, error) ||
        !choose_directory(&opening, error) || !find_base(&opening, socket, error) ||
        !start(&opening, error))
        return FALSE;
    const Opened opened = {
        .backup = backup,
        .rolling = opening.rolling != NULL,
        .socket = trial_socket(opening.trial),
        .version = trial_version(opening.trial),
        .seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC,
    };
    ready(&opened, data);
    return trial_wait(opening.trial, error);
}
