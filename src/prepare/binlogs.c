/* SPDX-License-Identifier: MIT */
#include "prepare/binlogs.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { INDEX_MOST = 64 << 20 }; /* a name takes 30 bytes, a server writes 999,999 logs at most */

static gboolean is_file_in(int dir_fd, const char *name)
{
    struct stat status;
    return fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

static GString *names_at_home(int dir_fd, const GString *index)
{
    GString *kept = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(index->str, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        const char *slash = strrchr(*line, '/');
        const char *name = slash != NULL ? slash + 1 : *line;
        if (is_file_in(dir_fd, name))
            g_string_append_printf(kept, "./%s\n", name);
    }
    return kept;
}

static gboolean bring_home(int dir_fd, const char *name, GError **error)
{
    g_autoptr(GString) index = files_read_text(dir_fd, name, INDEX_MOST, error);
    if (index == NULL)
        return FALSE;
    g_autoptr(GString) kept = names_at_home(dir_fd, index);
    if (g_string_equal(index, kept))
        return TRUE;
    log_detail("%s named binary logs of the source: it now names those that are beside it", name);
    return replace_file(dir_fd, name, kept, 0640, error);
}

gboolean binlogs_stay_home(int dir_fd, GError **error)
{
    autofd int fd = files_open_dir(dir_fd, ".", error);
    if (fd < 0)
        return FALSE;
    DIR *dir = fdopendir(fd);
    if (dir == NULL)
        return fail_storage(error, "cannot list the prepared directory: %s", g_strerror(errno));
    fd = -1; /* it is the stream's now */
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (g_str_has_suffix(entry->d_name, ".index") && is_file_in(dir_fd, entry->d_name))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    (void)closedir(dir);
    for (guint i = 0; i < names->len; i++) {
        if (!bring_home(dir_fd, names->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
