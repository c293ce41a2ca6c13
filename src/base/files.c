/* SPDX-License-Identifier: MIT */
#include "base/files.h"

#include "base/error.h"
#include "base/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { FIRST_ROOM = 4096, BLOCK = 1 << 16 };

ssize_t files_read(int fd, void *buffer, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, (char *)buffer + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

gboolean files_write(int fd, const void *data, size_t length)
{
    const char *rest = data;
    while (length > 0) {
        ssize_t put = write(fd, rest, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FALSE;
        rest += put;
        length -= (size_t)put;
    }
    return TRUE;
}

void files_forget(int fd, uint64_t at, uint64_t *forgotten)
{
    enum { STRIDE = 8 << 20 };
    if (at - *forgotten < STRIDE)
        return;
    (void)posix_fadvise(fd, (off_t)*forgotten, (off_t)(at - *forgotten), POSIX_FADV_DONTNEED);
    *forgotten = at;
}

int files_open_dir(int dir_fd, const char *path, GError **error)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void)fail_storage(error, "cannot open the directory %s: %s", path, g_strerror(errno));
    return fd;
}

GString *files_read_text(int dir_fd, const char *path, size_t limit, GError **error)
{
    autofd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        (void)fail_storage(error, "cannot open %s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        (void)fail_storage(error, "%s is not a regular file", path);
        return NULL;
    }
    /* st_size is a guess: it is 0 for what stands in /proc, and the file may be growing */
    size_t room = CLAMP((size_t)status.st_size, FIRST_ROOM, limit) + 1;
    g_autoptr(GString) text = g_string_new(NULL);
    ssize_t got = (ssize_t)room;
    while (got == (ssize_t)room && text->len <= limit) {
        size_t before = text->len;
        g_string_set_size(text, before + room);
        got = files_read(fd, text->str + before, room);
        g_string_truncate(text, before + (size_t)MAX(got, 0));
    }
    if (got < 0) {
        (void)fail_storage(error, "cannot read %s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (text->len > limit) {
        (void)fail_storage(error, "%s has more than the %zu bytes expected", path, limit);
        return NULL;
    }
    return g_steal_pointer(&text);
}

gboolean files_hold(int dir_fd, const char *path, const GString *text)
{
    autofd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_autofree char *block = g_malloc(BLOCK);
    size_t seen = 0;
    ssize_t got = fd >= 0 ? files_read(fd, block, BLOCK) : -1;
    while (got > 0 && (size_t)got <= text->len - seen &&
           memcmp(block, text->str + seen, (size_t)got) == 0) {
        seen += (size_t)got;
        got = files_read(fd, block, BLOCK);
    }
    return got == 0 && seen == text->len;
}

gboolean files_make_dirs(int dir_fd, const char *path, mode_t mode, GError **error)
{
    g_autofree char *part = g_strdup(path);
    for (char *slash = strchr(part, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (*part != '\0' && mkdirat(dir_fd, part, mode) < 0 && errno != EEXIST)
            return fail_storage(error, "cannot create the directory %s: %s", part,
                                g_strerror(errno));
        *slash = '/';
    }
    if (mkdirat(dir_fd, path, mode) == 0)
        return TRUE;
    struct stat status;
    int failure = errno;
    if (failure == EEXIST && fstatat(dir_fd, path, &status, 0) == 0 && S_ISDIR(status.st_mode))
        return TRUE;
    return fail_storage(error, "cannot create the directory %s: %s", path, g_strerror(failure));
}

gboolean files_flush_dir(int dir_fd, const char *name, GError **error)
{
    autofd int fd = files_open_dir(dir_fd, name, error);
    if (fd < 0)
        return FALSE;
    if (fsync(fd) < 0)
        return fail_storage(error, "cannot flush the directory %s: %s", name, g_strerror(errno));
    return TRUE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a directory, sorted; the descriptor is used up. */
static GPtrArray *list_names(int fd, const char *path, GError **error)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)fail_storage(error, "cannot list %s: %s", path, g_strerror(errno));
        (void)close(fd);
        return NULL;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
        errno = 0;
    }
    int failure = errno;
    (void)closedir(dir);
    if (failure != 0) {
        (void)fail_storage(error, "cannot list %s: %s", path, g_strerror(failure));
        return NULL;
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static gboolean remove_children(int fd, const char *path, GError **error)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0)
        return fail_storage(error, "cannot open %s: %s", path, g_strerror(errno));
    g_autoptr(GPtrArray) names = list_names(again, path, error);
    if (names == NULL)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return fail_storage(error, "cannot remove %s/%s: %s", path, name, g_strerror(errno));
        if (!files_remove_tree(fd, name, error))
            return FALSE;
    }
    return TRUE;
}

gboolean files_remove_tree(int dir_fd, const char *path, GError **error)
{
    struct stat status;
    if (fstatat(dir_fd, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ||
               fail_storage(error, "cannot look at %s: %s", path, g_strerror(errno));
    if (!S_ISDIR(status.st_mode)) {
        if (unlinkat(dir_fd, path, 0) < 0 && errno != ENOENT)
            return fail_storage(error, "cannot remove %s: %s", path, g_strerror(errno));
        return TRUE;
    }
    if ((status.st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmodat(dir_fd, path, 0700, 0);
    autofd int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_storage(error, "cannot open the directory %s: %s", path, g_strerror(errno));
    if (!remove_children(fd, path, error))
        return FALSE;
    if (unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail_storage(error, "cannot remove the directory %s: %s", path, g_strerror(errno));
    return TRUE;
}

typedef struct {
    int root_fd;
    FilesEachFn *each;
    void *data;
} Walk;

static gboolean walk_below(int fd, const char *prefix, const Walk *walk, GError **error);

static gboolean walk_one(int fd, const char *name, const char *prefix, const Walk *walk,
                         GError **error)
{
    g_autofree char *path = *prefix == '\0' ? g_strdup(name) : g_strconcat(prefix, "/", name, NULL);
    struct stat status;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_storage(error, "cannot look at %s: %s", path, g_strerror(errno));
    if (!walk->each(walk->root_fd, path, &status, walk->data, error))
        return FALSE;
    if (!S_ISDIR(status.st_mode))
        return TRUE;
    autofd int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return fail_storage(error, "cannot open the directory %s: %s", path, g_strerror(errno));
    return walk_below(below, path, walk, error);
}

static gboolean walk_below(int fd, const char *prefix, const Walk *walk, GError **error)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0)
        return fail_storage(error, "cannot open %s: %s", prefix, g_strerror(errno));
    g_autoptr(GPtrArray) names = list_names(again, prefix, error);
    if (names == NULL)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        if (!walk_one(fd, names->pdata[i], prefix, walk, error))
            return FALSE;
    }
    return TRUE;
}

gboolean files_walk(int dir_fd, const char *path, FilesEachFn *each, void *data, GError **error)
{
    autofd int fd = files_open_dir(dir_fd, path, error);
    const Walk walk = {fd, each, data};
    return fd >= 0 && walk_below(fd, "", &walk, error);
}

gboolean files_free_space(int fd, uint64_t *bytes, GError **error)
{
    struct statvfs status;
    if (fstatvfs(fd, &status) < 0)
        return fail_storage(error, "cannot ask for free space: %s", g_strerror(errno));
    *bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return TRUE;
}

gboolean files_filesystem_size(int fd, uint64_t *bytes, GError **error)
{
    struct statvfs status;
    if (fstatvfs(fd, &status) < 0)
        return fail_storage(error, "cannot ask for the size of a filesystem: %s",
                            g_strerror(errno));
    *bytes = (uint64_t)status.f_blocks * status.f_frsize;
    return TRUE;
}

gboolean files_check_room(int fd, const char *where, uint64_t needed, const char *what,
                          const char *hint, GError **error)
{
    uint64_t free_bytes = 0;
    if (!files_free_space(fd, &free_bytes, error))
        return FALSE;
    if (free_bytes >= needed)
        return TRUE;
    g_autofree char *has = units_size(free_bytes);
    g_autofree char *wants = units_size(needed);
    return fail(error, STATUS_STORAGE, "%s has %s free, and %s may need %s" HINT("%s"), where, has,
                what, wants, hint);
}
