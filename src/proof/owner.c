/* SPDX-License-Identifier: MIT */
#include "proof/owner.h"

#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

/* Above what distributions and their administrators give away, below what containers are given. */
enum { FIRST_UID = 64637, LAST_UID = 65533 };

/*
 * Files that a server opens for writing even to read them, and reads as well when it may not: an
 * overlay would copy all of each at a first look (tried with MariaDB 10.11: MyISAM, Aria, ARCHIVE).
 * CSV is not among them: a table that cannot be written is called corrupt.
 */
static const char *const kept[] = {".MYD", ".MYI", ".MAD", ".MAI", ".ARZ", ".ARM", NULL};

enum { FROZEN = 0440, THAWED = 0640, MODE_BITS = 07777 };

static gboolean is_nobodys(uid_t number)
{
    return number >= FIRST_UID && number <= LAST_UID && getpwuid(number) == NULL &&
           getgrgid(number) == NULL;
}

gboolean owner_choose(int base_fd, Owner *owner, GError **error)
{
    struct stat status;
    *owner = (Owner){.other = geteuid() == 0, .uid = geteuid(), .gid = getegid()};
    if (!owner->other)
        return TRUE;
    if (fstat(base_fd, &status) < 0)
        return fail_storage(error, "cannot look at the prepared directory: %s", g_strerror(errno));
    uid_t number = FIRST_UID;
    while (number <= LAST_UID && !is_nobodys(number))
        number++;
    if (number > LAST_UID)
        return fail(error, STATUS_UNFIT,
                    "every uid from %d to %d has an account" HINT(
                        "leave one of them free for the throwaway server"),
                    FIRST_UID, LAST_UID);
    owner->uid = owner->gid = is_nobodys(status.st_uid) ? status.st_uid : number;
    return TRUE;
}

gboolean owner_check(const Owner *owner, int base_fd, const char *path, GError **error)
{
    struct stat status;
    if (fstat(base_fd, &status) < 0)
        return fail_storage(error, "cannot look at %s: %s", path, g_strerror(errno));
    return status.st_uid == owner->uid ||
           fail(error, STATUS_FAILED, "%s belongs to uid %u, not to the throwaway server's (%u)",
                path, status.st_uid, owner->uid);
}

typedef struct {
    Owner owner;
    mode_t mode; /* of the files that are kept */
} Turn;

static gboolean is_kept(const char *name, const struct stat *status)
{
    for (size_t i = 0; S_ISREG(status->st_mode) && kept[i] != NULL; i++) {
        if (g_str_has_suffix(name, kept[i]))
            return TRUE;
    }
    return FALSE;
}

static gboolean turn_one(int root_fd, const char *name, const struct stat *status, void *data,
                         GError **error)
{
    const Turn *turn = data;
    const Owner *owner = &turn->owner;
    if (owner->other && (status->st_uid != owner->uid || status->st_gid != owner->gid) &&
        fchownat(root_fd, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_storage(error, "cannot give %s to uid %u: %s", name, owner->uid,
                            g_strerror(errno));
    if (is_kept(name, status) && (status->st_mode & MODE_BITS) != turn->mode &&
        fchmodat(root_fd, name, turn->mode, 0) < 0)
        return fail_storage(error, "cannot change the mode of %s: %s", name, g_strerror(errno));
    return TRUE;
}

static gboolean turn_all(int base_fd, mode_t mode, GError **error)
{
    Turn turn = {.mode = mode};
    struct stat status;
    if (!owner_choose(base_fd, &turn.owner, error))
        return FALSE;
    if (fstat(base_fd, &status) < 0)
        return fail_storage(error, "cannot look at the prepared directory: %s", g_strerror(errno));
    return turn_one(base_fd, ".", &status, &turn, error) &&
           files_walk(base_fd, ".", turn_one, &turn, error);
}

gboolean owner_freeze(int base_fd, GError **error)
{
    return turn_all(base_fd, FROZEN, error);
}

gboolean owner_thaw(int base_fd, GError **error)
{
    return turn_all(base_fd, THAWED, error);
}
