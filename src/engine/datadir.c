/* SPDX-License-Identifier: MIT */
#include "engine/datadir.h"

#include "base/error.h"
#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pwd.h>
#include <sys/stat.h>

/* Tried with mariadb-backup: without any other file of a data directory it ends well.  *.ibu and
 * *.sdi are of MySQL only. */
static const char *const copied[] = {
    "ibdata*", "ib_logfile*", "#ib_redo*", "undo*", "aria_log*", "*.ibd", "*.ibu", "*.frm",
    "*.opt",   "*.isl",       "*.par",     "*.TRG", "*.TRN",     "*.sdi", "*.MYD", "*.MYI",
    "*.MAD",   "*.MAI",       "*.MRG",     "*.CSV", "*.CSM",     "*.ARM", "*.ARZ",
};

typedef struct {
    const char *datadir;
    uid_t owner;
    guint closed;
    char *first;
} Look;

static gboolean is_copied(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(copied); i++) {
        if (fnmatch(copied[i], name, 0) == 0)
            return TRUE;
    }
    return FALSE;
}

static void note_closed(Look *look, const char *schema, const char *name)
{
    if (look->closed++ > 0)
        return;
    g_autofree char *path = g_build_filename(schema, name, NULL);
    look->first = g_canonicalize_filename(path, look->datadir);
}

/*
 * By access(2), which asks for the real user and sets capabilities aside unless the secure bit
 * no-setuid-fixup is set: mariadb-backup asks so for ibdata1, whatever open(2) would say.
 * What is gone meanwhile is no failure.
 */
static gboolean is_closed(int dir_fd, const char *name, int mode)
{
    return faccessat(dir_fd, name, mode, 0) < 0 && errno == EACCES;
}

static gboolean is_directory(int dir_fd, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return fstatat(dir_fd, entry->d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

static DIR *open_list(int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fdopendir(fd) : NULL;
}

static void look_at_path(Look *look, const char *path)
{
    if (is_closed(AT_FDCWD, path, R_OK))
        note_closed(look, "", path);
}

/* "sbtest/t.isl" holds the path of a table's file that lies somewhere else. */
static void look_behind_link(Look *look, const char *schema, const char *name)
{
    g_autofree char *below = g_build_filename(schema, name, NULL);
    g_autofree char *link = g_canonicalize_filename(below, look->datadir);
    g_autofree char *path = NULL;
    if (g_file_get_contents(link, &path, NULL, NULL) && g_path_is_absolute(g_strstrip(path)))
        look_at_path(look, path);
}

static void look_at_files(Look *look, int datadir_fd, const char *schema)
{
    DIR *list = open_list(datadir_fd, schema);
    for (const struct dirent *entry = list != NULL ? readdir(list) : NULL; entry != NULL;
         entry = readdir(list)) {
        if (is_copied(entry->d_name) && is_closed(dirfd(list), entry->d_name, R_OK))
            note_closed(look, schema, entry->d_name);
        else if (g_str_has_suffix(entry->d_name, ".isl"))
            look_behind_link(look, schema, entry->d_name);
    }
    if (list != NULL)
        (void)closedir(list);
}

/* The engine opens every directory, a schema's or not: one that is closed to it ends its run. */
static void look_at_directories(Look *look, DIR *list)
{
    for (const struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        if (g_str_equal(entry->d_name, "..") || !is_directory(dirfd(list), entry))
            continue;
        if (is_closed(dirfd(list), entry->d_name, R_OK | X_OK))
            note_closed(look, entry->d_name, "");
        else
            look_at_files(look, dirfd(list), entry->d_name);
    }
}

/* In most servers these lie in the data directory, and were seen there. */
static void look_elsewhere(Look *look, char *const *paths)
{
    for (; *paths != NULL; paths++) {
        g_autofree char *parent = g_path_get_dirname(*paths);
        if (g_str_equal(parent, look->datadir) || g_str_equal(*paths, look->datadir))
            continue;
        look_at_path(look, *paths);
        look_at_files(look, AT_FDCWD, *paths);
    }
}

static gboolean fail_closed(const Look *look, GError **error)
{
    const struct passwd *owner = getpwuid(look->owner);
    g_autofree char *name =
        owner != NULL ? g_strdup(owner->pw_name) : g_strdup_printf("'#%u'", (unsigned)look->owner);
    return fail(error, STATUS_REFUSED,
                "user id %u may not read %s%s" HINT(
                    "run it with the capability CAP_DAC_READ_SEARCH and the secure bit "
                    "no-setuid-fixup, or let its group read the files (chmod, UMASK_DIR), or run: "
                    "sudo -u %s lsnchain …; see docs/ordinary-user.md"),
                (unsigned)getuid(), look->first,
                look->closed > 1 ? " and more of the server's files" : ", a file of the server",
                name);
}

gboolean datadir_check_readable(const ServerFacts *facts, GError **error)
{
    struct stat status = {0};
    g_autofree char *path = g_canonicalize_filename(facts->datadir, NULL);
    g_autofree char *first = NULL;
    Look look = {.datadir = path};
    DIR *list = open_list(AT_FDCWD, path);
    if (list == NULL && errno != EACCES)
        return fail(error, STATUS_SERVER,
                    "the server's data directory %s is not on this host: %s" HINT(
                        "run lsnchain on the server's host"),
                    path, g_strerror(errno));
    if (stat(path, &status) == 0)
        look.owner = status.st_uid;
    if (list == NULL) {
        note_closed(&look, "", "");
    } else {
        look_at_directories(&look, list);
        look_elsewhere(&look, facts->innodb_paths);
        (void)closedir(list);
    }
    first = look.first;
    return look.closed == 0 || fail_closed(&look, error);
}
