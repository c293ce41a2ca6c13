/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "engine/family.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct EngineHost {
    int parent_fd;
    gboolean made;
    char *user;
    char *login;
    char *parent;
    char *temp;
};

/* One name: what a killed run left, with its password, is found and removed by the next one. */
static const char directory[] = "engine.private";
static const char login_name[] = "login.cnf";
/* The old name: newer engines read it too. */
static const char checkpoints_name[] = "parent/xtrabackup_checkpoints";

static gboolean write_new(int dir_fd, const char *name, const char *text, GError **error)
{
    autofd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !files_write(fd, text, strlen(text)))
        return fail_storage(error, "cannot write %s for the engine: %s", name, g_strerror(errno));
    return TRUE;
}

static gboolean fill(EngineHost *host, const Login *login, const char *parent_checkpoints,
                     GError **error)
{
    if (!files_remove_tree(host->parent_fd, directory, error))
        return FALSE;
    if (mkdirat(host->parent_fd, directory, 0700) < 0)
        return fail_storage(error, "cannot create the directory %s: %s", directory,
                            g_strerror(errno));
    host->made = TRUE;
    autofd int fd = files_open_dir(host->parent_fd, directory, error);
    if (fd < 0)
        return FALSE;
    if (mkdirat(fd, "temp", 0700) < 0 || mkdirat(fd, "parent", 0700) < 0)
        return fail_storage(error, "cannot create a directory for the engine: %s",
                            g_strerror(errno));
    if (parent_checkpoints != NULL && !write_new(fd, checkpoints_name, parent_checkpoints, error))
        return FALSE;
    return login_write_option_file(login, fd, login_name, error);
}

EngineHost *engine_host_make(int parent_dir_fd, const char *parent_path, const Login *login,
                             const char *parent_checkpoints, GError **error)
{
    if (!g_path_is_absolute(parent_path)) {
        (void)fail(error, STATUS_FAILED, "the engine's directory %s is no full path", parent_path);
        return NULL;
    }
    g_autoptr(EngineHost) host = g_new0(EngineHost, 1);
    host->user = g_strdup(login->user);
    host->login = g_build_filename(parent_path, directory, login_name, NULL);
    host->parent = g_build_filename(parent_path, directory, "parent", NULL);
    host->temp = g_build_filename(parent_path, directory, "temp", NULL);
    host->parent_fd = fcntl(parent_dir_fd, F_DUPFD_CLOEXEC, 0);
    if (host->parent_fd < 0) {
        (void)fail_storage(error, "cannot use %s: %s", parent_path, g_strerror(errno));
        return NULL;
    }
    if (!fill(host, login, parent_checkpoints, error)) {
        g_prefix_error(error, "in %s: ", parent_path);
        return NULL;
    }
    return g_steal_pointer(&host);
}

gboolean engine_host_remove(EngineHost *host, GError **error)
{
    if (host == NULL)
        return TRUE;
    gboolean done = !host->made || files_remove_tree(host->parent_fd, directory, error);
    files_clear_fd(&host->parent_fd);
    g_free(host->user);
    g_free(host->login);
    g_free(host->parent);
    g_free(host->temp);
    g_free(host);
    return done;
}

void engine_host_free(EngineHost *host)
{
    g_autoptr(GError) error = NULL;
    if (!engine_host_remove(host, &error))
        log_warning("the engine's private files are still there: %s", error->message);
}

const char *engine_host_login(const EngineHost *host)
{
    return host->login;
}

const char *engine_host_parent(const EngineHost *host)
{
    return host->parent;
}

const char *engine_host_temp(const EngineHost *host)
{
    return host->temp;
}

const char *engine_host_user(const EngineHost *host)
{
    return host->user;
}
