/* SPDX-License-Identifier: MIT */
#include "alert/spool.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char spool_suffix[] = ".json";

enum {
    SPOOL_FORMAT = 1,
    SPOOL_FILE_LIMIT = 256 * 1024,
    SPOOL_DRAFT_AGE_S = 24 * 3600, /* a draft as old as this is no one's any more */
};

struct Spool {
    char *path;
    int fd;
};

Spool *spool_open(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, "spool", NULL);
    if (!files_make_dirs(AT_FDCWD, path, 0700, error))
        return NULL;
    int fd = files_open_dir(AT_FDCWD, path, error);
    if (fd < 0)
        return NULL;
    Spool *spool = g_new0(Spool, 1);
    spool->path = g_steal_pointer(&path);
    spool->fd = fd;
    return spool;
}

void spool_free(Spool *spool)
{
    if (spool == NULL)
        return;
    (void)close(spool->fd);
    g_free(spool->path);
    g_free(spool);
}

Lock *spool_lock(const Spool *spool, int64_t wait_us, GError **error)
{
    g_autofree char *path = g_build_filename(spool->path, ".lock", NULL);
    return lock_take(path, LOCK_RECORD, LOCK_EXCLUSIVE, "alert", wait_us, error);
}

/* Every file but our own hidden ones; drafts that a killed run left long ago go. */
static gboolean collect(int root_fd, const char *name, const struct stat *status, void *data,
                        GError **error)
{
    (void)error;
    if (!S_ISREG(status->st_mode) || strchr(name, '/') != NULL)
        return TRUE;
    if (*name != '.')
        g_ptr_array_add(data, g_strdup(name));
    else if (g_str_has_suffix(name, ".new") && status->st_mtime + SPOOL_DRAFT_AGE_S < clock_now())
        (void)unlinkat(root_fd, name, 0);
    return TRUE;
}

static GPtrArray *list(const Spool *spool, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (!files_walk(spool->fd, ".", collect, names, error))
        return NULL;
    return g_steal_pointer(&names);
}

static char *file_name(const Event *event)
{
    return g_strconcat(event->id, spool_suffix, NULL);
}

gboolean spool_count(const Spool *spool, unsigned *count, GError **error)
{
    g_autoptr(GPtrArray) names = list(spool, error);
    if (names == NULL)
        return FALSE;
    *count = 0;
    for (guint i = 0; i < names->len; i++)
        *count += g_str_has_suffix(names->pdata[i], spool_suffix) ? 1 : 0;
    return TRUE;
}

static gboolean make_room(const Spool *spool, GError **error)
{
    g_autoptr(GPtrArray) names = list(spool, error);
    if (names == NULL)
        return FALSE;
    guint surplus = names->len >= SPOOL_MOST ? names->len - SPOOL_MOST + 1 : 0;
    for (guint i = 0; i < surplus; i++) {
        const char *name = names->pdata[i];
        if (unlinkat(spool->fd, name, 0) < 0 && errno != ENOENT)
            return fail_storage(error, "cannot remove the alert %s/%s: %s", spool->path, name,
                                g_strerror(errno));
    }
    if (surplus > 0)
        log_warning("%s is full: %u of the oldest alerts were dropped undelivered", spool->path,
                    surplus);
    return TRUE;
}

static gboolean write_entry(const Spool *spool, const Event *event, const GPtrArray *delivered,
                            GError **error)
{
    json_t *done = json_array();
    for (guint i = 0; delivered != NULL && i < delivered->len; i++)
        json_array_append_new(done, json_string(delivered->pdata[i]));
    json_auto_t *entry = json_pack("{s:i, s:o, s:o}", "format", SPOOL_FORMAT, "event",
                                   event_json(event), "delivered", done);
    g_autofree char *text = json_dumps(entry, JSON_INDENT(1));
    g_autoptr(GString) file = g_string_new(text);
    g_autofree char *name = file_name(event);
    g_string_append_c(file, '\n');
    if (!replace_file(spool->fd, name, file, 0600, error)) {
        g_prefix_error(error, "cannot keep an alert in %s: ", spool->path);
        return FALSE;
    }
    return TRUE;
}

gboolean spool_add(Spool *spool, const Event *event, GError **error)
{
    return make_room(spool, error) && write_entry(spool, event, NULL, error);
}

static void entry_clear(SpoolEntry *entry)
{
    event_free(entry->event);
    g_clear_pointer(&entry->delivered, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpoolEntry, entry_clear)

/* FALSE: the file cannot be understood. */
static gboolean parse_entry(const char *name, const GString *text, SpoolEntry *entry)
{
    int format = 0;
    json_t *body = NULL;
    json_t *done = NULL;
    size_t i = 0;
    json_t *channel = NULL;

    json_auto_t *root = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL || json_unpack(root, "{s:i, s:o, s:o}", "format", &format, "event", &body,
                                    "delivered", &done) != 0)
        return FALSE;
    if (format != SPOOL_FORMAT || !json_is_array(done))
        return FALSE;
    g_autofree char *id = g_strndup(name, strlen(name) - strlen(spool_suffix));
    entry->event = event_from_json(id, body);
    entry->delivered = g_ptr_array_new_with_free_func(g_free);
    json_array_foreach(done, i, channel)
    {
        if (!json_is_string(channel))
            return FALSE;
        g_ptr_array_add(entry->delivered, g_strdup(json_string_value(channel)));
    }
    return entry->event != NULL;
}

static gboolean set_aside(const Spool *spool, const char *name, const char *why, GError **error)
{
    g_autofree char *aside = g_strconcat(name, ".damaged", NULL);
    if (renameat(spool->fd, name, spool->fd, aside) < 0)
        return fail_storage(error, "cannot rename %s/%s: %s", spool->path, name, g_strerror(errno));
    log_warning("the alert in %s/%s is lost: %s; look at the file, then remove it", spool->path,
                aside, why);
    return TRUE;
}

static gboolean visit(Spool *spool, const char *name, SpoolEachFn *each, void *data, GError **error)
{
    g_auto(SpoolEntry) entry = {NULL, NULL};
    g_autoptr(GError) unread = NULL;
    g_autoptr(GString) text = files_read_text(spool->fd, name, SPOOL_FILE_LIMIT, &unread);
    if (text == NULL && faccessat(spool->fd, name, F_OK, 0) < 0 && errno == ENOENT)
        return TRUE; /* another run made room */
    if (text == NULL)
        return set_aside(spool, name, unread->message, error);
    if (!parse_entry(name, text, &entry))
        return set_aside(spool, name, "it is not an alert of ours", error);
    return each(&entry, data, error);
}

gboolean spool_each(Spool *spool, SpoolEachFn *each, void *data, GError **error)
{
    g_autoptr(GPtrArray) names = list(spool, error);
    if (names == NULL)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (g_str_has_suffix(name, spool_suffix) && !visit(spool, name, each, data, error))
            return FALSE;
    }
    return TRUE;
}

gboolean spool_entry_has(const SpoolEntry *entry, const char *channel)
{
    return g_ptr_array_find_with_equal_func(entry->delivered, channel, g_str_equal, NULL);
}

gboolean spool_note(Spool *spool, SpoolEntry *entry, const char *channel, GError **error)
{
    g_ptr_array_add(entry->delivered, g_strdup(channel));
    return write_entry(spool, entry->event, entry->delivered, error);
}

gboolean spool_remove(Spool *spool, const SpoolEntry *entry, GError **error)
{
    g_autofree char *name = file_name(entry->event);
    if (unlinkat(spool->fd, name, 0) < 0 && errno != ENOENT)
        return fail_storage(error, "cannot remove %s/%s: %s", spool->path, name, g_strerror(errno));
    return TRUE;
}
