/* SPDX-License-Identifier: MIT */
#include "repo/repository.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/replace.h"
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

static const char marker_name[] = "lsnchain.repo";
static const char remembered_name[] = "repository";
enum { FORMAT = 1, SMALL = 4096 };

void repository_free(Repository *repository)
{
    g_free(repository->path);
    g_free(repository->uuid);
    g_free(repository);
}

typedef struct {
    Repository *repository;
    guint64 format;
} Marker;

static gboolean take_entry(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    Marker *marker = data;
    if (key == NULL)
        return TRUE;
    gboolean fine = g_str_equal(section, "repository");
    if (g_str_equal(key, "format"))
        fine = fine && g_ascii_string_to_unsigned(value, 10, 1, G_MAXUINT32, &marker->format, NULL);
    else if (g_str_equal(key, "uuid"))
        marker->repository->uuid = g_strdup(value);
    else if (g_str_equal(key, "created"))
        fine = fine && clock_parse(value, &marker->repository->created);
    return fine || fail(error, STATUS_CATALOG, "the value of %s makes no sense", key);
}

static gboolean read_marker(int fd, const char *path, Repository *repository, GError **error)
{
    Marker marker = {.repository = repository};
    const IniReader reader = {STATUS_CATALOG, take_entry, &marker};
    if (!ini_read_file(fd, marker_name, SMALL, &reader, error)) {
        g_prefix_error(error, "in %s: ", path);
        return FALSE;
    }
    if (marker.format > FORMAT)
        return fail(error, STATUS_CATALOG,
                    "%s/%s has format %" G_GUINT64_FORMAT
                    ", this program knows %d" HINT("use a newer lsnchain"),
                    path, marker_name, marker.format, FORMAT);
    if (marker.format == 0 || repository->uuid == NULL || !g_uuid_string_is_valid(repository->uuid))
        return fail(error, STATUS_CATALOG, "%s/%s is damaged" HINT("restore it from a copy"), path,
                    marker_name);
    return TRUE;
}

Repository *repository_open(const char *path, GError **error)
{
    autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 && errno == EACCES) {
        (void)fail(error, STATUS_REFUSED,
                   "user id %u may not look into %s" HINT("run as its owner"), (unsigned)geteuid(),
                   path);
        return NULL;
    }
    if (fd < 0 || fstatat(fd, marker_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        (void)fail(error, STATUS_REFUSED,
                   "there is no repository in %s (no %s: %s)" HINT(
                       "is the disk mounted? For a new repository: lsnchain init"),
                   path, marker_name, g_strerror(errno));
        return NULL;
    }
    g_autoptr(Repository) repository = g_new0(Repository, 1);
    repository->path = g_strdup(path);
    repository->owner = status.st_uid;
    if (!read_marker(fd, path, repository, error))
        return NULL;
    return g_steal_pointer(&repository);
}

/* The uuid this host remembers; NULL without an error: none. */
static char *read_remembered(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, remembered_name, NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return NULL;
    g_autoptr(GString) text = files_read_text(AT_FDCWD, path, SMALL, error);
    return text != NULL ? g_strdup(g_strstrip(text->str)) : NULL;
}

gboolean repository_check_remembered(const Repository *repository, const char *state_dir,
                                     GError **error)
{
    GError *failure = NULL;
    g_autofree char *remembered = read_remembered(state_dir, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (remembered == NULL)
        return fail(error, STATUS_REFUSED,
                    "this host does not know the repository %s yet" HINT("run: lsnchain init"),
                    repository->path);
    if (!g_str_equal(remembered, repository->uuid))
        return fail(error, STATUS_REFUSED,
                    "%s is repository %s, but this host remembers %s" HINT(
                        "is the right disk mounted? To take this one: lsnchain init --accept"),
                    repository->path, repository->uuid, remembered);
    return TRUE;
}

gboolean repository_check_owner(const Repository *repository, GError **error)
{
    if (geteuid() == repository->owner)
        return TRUE;
    const struct passwd *owner = getpwuid(repository->owner);
    g_autofree char *name = owner != NULL ? g_strdup(owner->pw_name)
                                          : g_strdup_printf("'#%u'", (unsigned)repository->owner);
    return fail(error, STATUS_REFUSED,
                "the repository %s belongs to user %s, and this is user id %u" HINT(
                    "run: sudo -u %s lsnchain …"),
                repository->path, name, (unsigned)geteuid(), name);
}

static gboolean remember(const char *state_dir, const char *uuid, GError **error)
{
    autofd int fd = files_open_dir(AT_FDCWD, state_dir, error);
    if (fd < 0)
        return FALSE;
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "%s\n", uuid);
    return replace_file(fd, remembered_name, text, 0600, error);
}

static gboolean create_marker(const char *path, GError **error)
{
    autofd int fd = files_open_dir(AT_FDCWD, path, error);
    if (fd < 0)
        return FALSE;
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *created = clock_format(clock_now());
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "[repository]\nformat = %d\nuuid = %s\ncreated = %s\n", FORMAT, uuid,
                    created);
    return replace_file(fd, marker_name, text, 0444, error);
}

/* A directory that holds other things than ours is not taken for a repository by mistake. */
static gboolean check_empty(const char *path, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    if (dir == NULL)
        return fail_storage(error, "cannot list %s: %s", path, g_strerror(errno));
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        if (!g_str_equal(name, "lost+found") && !g_str_has_prefix(name, ".lsnchain.repo"))
            return fail(error, STATUS_REFUSED,
                        "%s is not empty (there is %s) and has no %s" HINT(
                            "give an empty directory, or mount the right disk"),
                        path, name, marker_name);
    }
    return TRUE;
}

static gboolean has_marker(const char *path)
{
    g_autofree char *marker = g_build_filename(path, marker_name, NULL);
    return g_file_test(marker, G_FILE_TEST_EXISTS);
}

static gboolean create(const char *path, const char *remembered, GError **error)
{
    if (remembered != NULL)
        return fail(error, STATUS_REFUSED,
                    "there is no repository in %s, but this host remembers %s" HINT(
                        "is the disk mounted? If it is gone for good, remove the file "
                        "`repository` in the state directory first"),
                    path, remembered);
    return files_make_dirs(AT_FDCWD, path, 0750, error) && check_empty(path, error) &&
           create_marker(path, error);
}

Repository *repository_init(const char *path, const char *state_dir, gboolean accept,
                            InitOutcome *outcome, GError **error)
{
    GError *failure = NULL;
    g_autofree char *remembered = read_remembered(state_dir, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return NULL;
    }
    gboolean fresh = !has_marker(path);
    if (fresh && !create(path, remembered, error))
        return NULL;
    g_autoptr(Repository) repository = repository_open(path, error);
    if (repository == NULL || !repository_check_owner(repository, error))
        return NULL;
    *outcome = INIT_UNCHANGED;
    if (remembered != NULL && g_str_equal(remembered, repository->uuid))
        return g_steal_pointer(&repository);
    if (remembered != NULL && !accept) {
        (void)repository_check_remembered(repository, state_dir, error);
        return NULL;
    }
    *outcome = fresh ? INIT_CREATED : remembered == NULL ? INIT_REMEMBERED : INIT_ACCEPTED;
    if (!files_make_dirs(AT_FDCWD, state_dir, 0700, error) ||
        !remember(state_dir, repository->uuid, error))
        return NULL;
    return g_steal_pointer(&repository);
}
