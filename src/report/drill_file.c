/* SPDX-License-Identifier: MIT */
#include "report/drill_file.h"

#include "base/error.h"
#include "base/files.h"
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { NEW_FILE = 0640 }; /* names of tables and hosts are not for everybody */

struct DrillFile {
    char *directory;
    int dir_fd;
    char *name;
    char *json_name;
    char *json_path;
};

void drill_file_close(DrillFile *file)
{
    files_clear_fd(&file->dir_fd);
    g_free(file->directory);
    g_free(file->name);
    g_free(file->json_name);
    g_free(file->json_path);
    g_free(file);
}

const char *drill_file_json_path(const DrillFile *file)
{
    return file->json_path;
}

static char *json_beside(const char *path)
{
    size_t length = strlen(path);
    if (g_str_has_suffix(path, ".html"))
        length -= strlen(".html");
    else if (g_str_has_suffix(path, ".htm"))
        length -= strlen(".htm");
    return g_strdup_printf("%.*s.json", (int)length, path);
}

static gboolean name_fits(const char *path, const DrillFile *file, GError **error)
{
    if (*path == '\0' || g_str_has_suffix(path, "/") || g_str_equal(file->name, ".") ||
        g_str_equal(file->name, ".."))
        return fail(error, STATUS_USAGE,
                    "--report=%s names no file" HINT("name the page, such as drill.html"), path);
    if (g_str_has_suffix(path, ".json"))
        return fail(error, STATUS_USAGE,
                    "--report=%s is the name of a JSON file" HINT(
                        "name the page, such as drill.html; its JSON is written beside it"),
                    path);
    if (strlen(file->json_name) + strlen(".") + strlen(".new") > NAME_MAX)
        return fail(error, STATUS_USAGE, "--report=%s is too long a name", path);
    return TRUE;
}

/* What is there may be replaced when it is a plain file; a link or a device is something else. */
static gboolean target_fits(const DrillFile *file, const char *name, GError **error)
{
    struct stat status;
    if (fstatat(file->dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return TRUE;
        return fail_storage(error, "cannot look at %s/%s: %s", file->directory, name,
                            g_strerror(errno));
    }
    if (!S_ISREG(status.st_mode))
        return fail_storage(error,
                            "%s/%s is there and no plain file" HINT("name another for --report"),
                            file->directory, name);
    return TRUE;
}

/* Tried, for permissions do not tell all: makes the draft that writing will make, and removes it.
 */
static gboolean can_write(const DrillFile *file, GError **error)
{
    g_autofree char *draft = g_strdup_printf(".%s.new", file->name);
    autofd int fd = openat(file->dir_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) /* of a killed run, or of one that writes just now */
        return TRUE;
    if (fd >= 0 && unlinkat(file->dir_fd, draft, 0) == 0)
        return TRUE;
    return fail_storage(error,
                        "cannot write a report into %s: %s" HINT(
                            "name a file for --report in a directory that you may write"),
                        file->directory, g_strerror(errno));
}

DrillFile *drill_file_open(const char *path, GError **error)
{
    g_autoptr(DrillFile) file = g_new0(DrillFile, 1);
    file->dir_fd = -1;
    file->directory = g_path_get_dirname(path);
    file->name = g_path_get_basename(path);
    file->json_name = json_beside(file->name);
    file->json_path = json_beside(path);
    if (!name_fits(path, file, error))
        return NULL;
    file->dir_fd = files_open_dir(AT_FDCWD, file->directory, error);
    if (file->dir_fd < 0 || !target_fits(file, file->name, error) ||
        !target_fits(file, file->json_name, error) || !can_write(file, error)) {
        g_prefix_error(error, "--report=%s: ", path);
        return NULL;
    }
    return g_steal_pointer(&file);
}

/* Who may read the one of yesterday may read this one. */
static mode_t mode_for(const DrillFile *file, const char *name)
{
    struct stat status;
    if (fstatat(file->dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
        return NEW_FILE;
    return status.st_mode & 0666;
}

static gboolean put(const DrillFile *file, const char *name, const GString *text, GError **error)
{
    if (replace_file(file->dir_fd, name, text, mode_for(file, name), error))
        return TRUE;
    g_prefix_error(error, "the drill report is not written to %s: ", file->directory);
    return FALSE;
}

gboolean drill_file_write(const DrillFile *file, const DrillReport *report, GError **error)
{
    json_t *object = drill_report_json(report);
    char *dumped =
        json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    g_autoptr(GString) json = g_string_new(dumped);
    g_string_append_c(json, '\n');
    free(dumped); /* jansson's own, from malloc */
    json_decref(object);
    g_autoptr(GString) page = drill_report_html(report);
    return put(file, file->json_name, json, error) && put(file, file->name, page, error);
}
