/* SPDX-License-Identifier: MIT */
#include "base/replace.h"

#include "base/crash.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* A file that removes itself.  Once it is renamed into place there is nothing left to remove. */
typedef struct {
    int dir_fd;
    char *name;
} Draft;

static void draft_clear(Draft *draft)
{
    (void)unlinkat(draft->dir_fd, draft->name, 0);
    g_free(draft->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Draft, draft_clear)

gboolean replace_file(int dir_fd, const char *name, const GString *text, mode_t mode,
                      GError **error)
{
    g_auto(Draft) draft = {dir_fd, g_strdup_printf(".%s.new", name)};

    (void)unlinkat(dir_fd, draft.name, 0); /* a killed run may have left one */
    autofd int fd = openat(dir_fd, draft.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_storage(error, "cannot create %s: %s", draft.name, g_strerror(errno));
    if (!files_write(fd, text->str, text->len))
        return fail_storage(error, "cannot write %s: %s", draft.name, g_strerror(errno));
    if (fchmod(fd, mode) < 0)
        return fail_storage(error, "cannot set the mode of %s: %s", draft.name, g_strerror(errno));
    if (fsync(fd) < 0) /* never retried: the kernel may already have dropped the data */
        return fail_storage(error, "cannot flush %s: %s", draft.name, g_strerror(errno));
    int closing = fd;
    fd = -1;
    if (close(closing) < 0) /* NFS tells of a late write error here */
        return fail_storage(error, "cannot close %s: %s", draft.name, g_strerror(errno));

    crash_point("replace.written");
    if (renameat(dir_fd, draft.name, dir_fd, name) < 0)
        return fail_storage(error, "cannot replace %s: %s", name, g_strerror(errno));
    crash_point("replace.renamed");
    if (fsync(dir_fd) < 0)
        return fail_storage(error, "cannot flush the directory of %s: %s", name, g_strerror(errno));
    return TRUE;
}

gboolean replace_is_draft(const char *name)
{
    return *name == '.' && g_str_has_suffix(name, ".new");
}
