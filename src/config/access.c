/* SPDX-License-Identifier: MIT */
#include "config/access.h"

#include "base/error.h"

#include <grp.h>
#include <unistd.h>

gboolean access_is_own_group(gid_t group)
{
    if (group == getegid())
        return TRUE;
    int count = getgroups(0, NULL);
    g_autofree gid_t *groups = g_new0(gid_t, (gsize)MAX(count, 0) + 1);
    count = getgroups(MAX(count, 0), groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == group)
            return TRUE;
    }
    /* root looks at a file that was made for the service */
    const struct group *service = getgrnam("lsnchain");
    return service != NULL && service->gr_gid == group;
}

gboolean access_check(const char *path, const struct stat *status, gboolean holds_secret, uid_t us,
                      gboolean own_group, GError **error)
{
    g_autofree char *typed = g_shell_quote(path);
    mode_t mode = status->st_mode & 07777;

    if (status->st_uid != 0 && status->st_uid != us)
        return fail(error, STATUS_CONFIG,
                    "%s belongs to user %u, who is neither root nor the one that runs (%u)" HINT(
                        "see what is in it, then: chown root %s"),
                    path, status->st_uid, us, typed);
    if ((mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(error, STATUS_CONFIG,
                    "%s can be written by its group or by others (mode %04o)" HINT(
                        "see what is in it, then: chmod go-w %s"),
                    path, mode, typed);
    if (holds_secret && (mode & S_IROTH) != 0)
        return fail(error, STATUS_CONFIG,
                    "%s holds a secret and can be read by others (mode %04o)" HINT(
                        "chmod o= %s, and think of changing the secret"),
                    path, mode, typed);
    if (holds_secret && (mode & S_IRGRP) != 0 && !own_group)
        return fail(error, STATUS_CONFIG,
                    "%s holds a secret and can be read by group %u, which is not ours "
                    "(mode %04o)" HINT("chmod g= %s, and think of changing the secret"),
                    path, status->st_gid, mode, typed);
    return TRUE;
}
