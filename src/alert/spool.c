/* SPDX-License-Identifier: MIT */
#include "alert/spool.h"

#include "alert/syslog.h"
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
static const char dropped_file[] = ".dropped";

enum {
    SPOOL_FORMAT = 1,
    SPOOL_FILE_LIMIT = 256 * 1024,
    SPOOL_COUNT_LIMIT = 64,
    SPOOL_DRAFT_AGE_S = 24 * 3600, /* a draft as old as this is no one's any more */
};

struct Spool {
    char *state_dir;
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
    spool->state_dir = g_strdup(state_dir);
    spool->path = g_steal_pointer(&path);
    spool->fd = fd;
    return spool;
}

void spool_free(Spool *spool)
{
    if (spool == NULL)
        return;
    (void)close(spool->fd);
    g_free(spool->state_dir);
    g_free(spool->path);
    g_free(spool);
}

const char *spool_state_dir(const Spool *spool)
{
    return spool->state_dir;
}

Lock *spool_lock(const Spool *spool, int64_t wait_us, GError **error)
{
    g_autofree char *path = g_build_filename(spool->path, ".lock", NULL);
    return lock_take(path, LOCK_SPOOL, LOCK_EXCLUSIVE, "alert", wait_us, error);
}

/* Every file but our own hidden ones; drafts that a killed run left long ago go. */
typedef struct {
    GPtrArray *names;
    gboolean tidy;
} Listing;

static gboolean collect(int root_fd, const char *name, const struct stat *status, void *data,
                        GError **error)
{
    (void)error;
    Listing *listing = data;
    if (!S_ISREG(status->st_mode) || strchr(name, '/') != NULL)
        return TRUE;
    if (*name != '.')
        g_ptr_array_add(listing->names, g_strdup(name));
    else if (listing->tidy && g_str_has_suffix(name, ".new") &&
             status->st_mtime + SPOOL_DRAFT_AGE_S < clock_now())
        (void)unlinkat(root_fd, name, 0);
    return TRUE;
}

static GPtrArray *list(int fd, gboolean tidy, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    Listing listing = {names, tidy};
    return files_walk(fd, ".", collect, &listing, error) ? g_steal_pointer(&names) : NULL;
}

static char *file_name(const char *id)
{
    return g_strconcat(id, spool_suffix, NULL);
}

static char *id_of(const char *name)
{
    return g_strndup(name, strlen(name) - strlen(spool_suffix));
}

gboolean spool_count(const Spool *spool, unsigned *count, GError **error)
{
    g_autoptr(GPtrArray) names = list(spool->fd, TRUE, error);
    if (names == NULL)
        return FALSE;
    *count = 0;
    for (guint i = 0; i < names->len; i++)
        *count += g_str_has_suffix(names->pdata[i], spool_suffix) ? 1 : 0;
    return TRUE;
}

/* ---- what was dropped ------------------------------------------------------------------------ */

/* "COUNT TIME". */
static gboolean read_dropped(int fd, SpoolDropped *dropped, GError **error)
{
    *dropped = (SpoolDropped){0};
    if (faccessat(fd, dropped_file, F_OK, 0) < 0 && errno == ENOENT)
        return TRUE;
    g_autoptr(GString) text = files_read_text(fd, dropped_file, SPOOL_COUNT_LIMIT, error);
    if (text == NULL)
        return FALSE;
    g_auto(GStrv) words = g_strsplit(g_strchomp(text->str), " ", 2);
    if (g_strv_length(words) != 2 ||
        !g_ascii_string_to_unsigned(words[0], 10, 1, G_MAXUINT64, &dropped->count, NULL) ||
        !clock_parse(words[1], &dropped->last))
        return fail_storage(error, "%s does not say how many alerts were dropped", dropped_file);
    return TRUE;
}

/* The warning tells of these; the count is for who looks later, and starts anew when damaged. */
static void count_dropped(const Spool *spool, guint more)
{
    SpoolDropped dropped = {0};
    g_autoptr(GError) failure = NULL;
    if (!read_dropped(spool->fd, &dropped, &failure))
        log_warning("%s: %s; it is counted anew", spool->path, failure->message);
    g_clear_error(&failure);
    g_autofree char *now = clock_format(clock_now());
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "%" G_GUINT64_FORMAT " %s\n", dropped.count + more, now);
    if (!replace_file(spool->fd, dropped_file, text, 0600, &failure))
        log_warning("%s: the count of dropped alerts cannot be kept: %s", spool->path,
                    failure->message);
}

static gboolean make_room(const Spool *spool, const GPtrArray *names, GError **error)
{
    guint surplus = names->len >= SPOOL_MOST ? names->len - SPOOL_MOST + 1 : 0;
    guint dropped = 0;
    for (guint i = 0; i < surplus; i++) {
        const char *name = names->pdata[i];
        if (unlinkat(spool->fd, name, 0) == 0)
            dropped++;
        else if (errno != ENOENT)
            return fail_storage(error, "cannot remove the alert %s/%s: %s", spool->path, name,
                                g_strerror(errno));
    }
    if (dropped == 0)
        return TRUE;
    g_autofree char *text = g_strdup_printf(
        "%s is full: %u of the oldest alerts were dropped undelivered", spool->path, dropped);
    log_warning("%s", text);
    syslog_warn(text);
    count_dropped(spool, dropped);
    return TRUE;
}

/* The spool's directory for who only looks; -1 without an error: there is none. */
static int look_into(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, "spool", NULL);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        (void)fail_storage(error, "cannot read %s: %s" HINT("run this as the user of the backups"),
                           path, g_strerror(errno));
    return fd;
}

gboolean spool_dropped(const char *state_dir, SpoolDropped *dropped, GError **error)
{
    *dropped = (SpoolDropped){0};
    g_autoptr(GError) failure = NULL;
    autofd int fd = look_into(state_dir, &failure);
    if (fd >= 0)
        (void)read_dropped(fd, dropped, &failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* ---- entries --------------------------------------------------------------------------------- */

static json_t *names_json(Names names)
{
    json_t *array = json_array();
    for (; names != NULL && *names != NULL; names++)
        json_array_append_new(array, json_string(*names));
    return array;
}

static gboolean write_entry(const Spool *spool, const Event *event, Names to,
                            const GPtrArray *delivered, GError **error)
{
    json_t *done = json_array();
    for (guint i = 0; delivered != NULL && i < delivered->len; i++)
        json_array_append_new(done, json_string(delivered->pdata[i]));
    json_auto_t *entry =
        json_pack("{s:i, s:o, s:o*, s:o}", "format", SPOOL_FORMAT, "event", event_json(event), "to",
                  to != NULL ? names_json(to) : NULL, "delivered", done);
    g_autofree char *text = json_dumps(entry, JSON_INDENT(1));
    g_autoptr(GString) file = g_string_new(text);
    g_autofree char *name = file_name(event->id);
    g_string_append_c(file, '\n');
    if (!replace_file(spool->fd, name, file, 0600, error)) {
        g_prefix_error(error, "cannot keep an alert in %s: ", spool->path);
        return FALSE;
    }
    return TRUE;
}

/* "20261122T020000Z-000000-0a0b0c0d" of the last file; NULL: there is none. */
static char *newest_id(const GPtrArray *names)
{
    for (guint i = names->len; i > 0; i--) {
        const char *name = names->pdata[i - 1];
        if (g_str_has_suffix(name, spool_suffix))
            return id_of(name);
    }
    return NULL;
}

gboolean spool_add(Spool *spool, Event *event, Names to, GError **error)
{
    g_autoptr(GPtrArray) names = list(spool->fd, TRUE, error);
    if (names == NULL || !make_room(spool, names, error))
        return FALSE;
    g_autofree char *newest = newest_id(names);
    if (newest != NULL)
        event_put_behind(event, newest);
    return write_entry(spool, event, to, NULL, error);
}

SpoolEntry *spool_entry_new(const Event *event, Names to)
{
    json_auto_t *body = event_json(event);
    SpoolEntry *entry = g_new0(SpoolEntry, 1);
    entry->event = event_from_json(event->id, body);
    entry->to = names_join(to, NULL);
    entry->delivered = g_ptr_array_new_with_free_func(g_free);
    return entry;
}

void spool_entry_free(void *data)
{
    SpoolEntry *entry = data;
    event_free(entry->event);
    g_strfreev(entry->to);
    g_clear_pointer(&entry->delivered, g_ptr_array_unref);
    g_free(entry);
}

/* FALSE: not all are strings. */
static gboolean take_names(const json_t *array, GPtrArray *names)
{
    size_t i = 0;
    json_t *name = NULL;
    if (!json_is_array(array))
        return FALSE;
    json_array_foreach(array, i, name)
    {
        if (!json_is_string(name))
            return FALSE;
        g_ptr_array_add(names, g_strdup(json_string_value(name)));
    }
    return TRUE;
}

static gboolean fill_entry(SpoolEntry *entry, const json_t *to, const json_t *done)
{
    if (!take_names(done, entry->delivered))
        return FALSE;
    if (to == NULL)
        return TRUE;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (!take_names(to, names))
        return FALSE;
    g_ptr_array_add(names, NULL);
    entry->to = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
    return TRUE;
}

/* NULL: the file cannot be understood. */
static SpoolEntry *parse_entry(const char *name, const GString *text)
{
    int format = 0;
    json_t *body = NULL;
    json_t *to = NULL;
    json_t *done = NULL;
    json_auto_t *root = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL || json_unpack(root, "{s:i, s:o, s?o, s:o}", "format", &format, "event", &body,
                                    "to", &to, "delivered", &done) != 0)
        return NULL;
    g_autofree char *id = id_of(name);
    SpoolEntry *entry = g_new0(SpoolEntry, 1);
    entry->event = event_from_json(id, body);
    entry->delivered = g_ptr_array_new_with_free_func(g_free);
    if (format == SPOOL_FORMAT && entry->event != NULL && fill_entry(entry, to, done))
        return entry;
    spool_entry_free(entry);
    return NULL;
}

/* NULL: it cannot be understood, and `why` says so; neither: it is gone. */
static SpoolEntry *read_entry(int fd, const char *name, char **why)
{
    g_autoptr(GError) unread = NULL;
    g_autoptr(GString) text = files_read_text(fd, name, SPOOL_FILE_LIMIT, &unread);
    if (text == NULL && faccessat(fd, name, F_OK, 0) < 0 && errno == ENOENT)
        return NULL; /* another run made room */
    SpoolEntry *entry = text != NULL ? parse_entry(name, text) : NULL;
    if (entry == NULL)
        *why = g_strdup(text == NULL ? unread->message : "it is not an alert of ours");
    return entry;
}

static gboolean set_aside(const Spool *spool, const char *name, const char *why, GError **error)
{
    g_autofree char *aside = g_strconcat(name, ".damaged", NULL);
    if (renameat(spool->fd, name, spool->fd, aside) < 0)
        return fail_storage(error, "cannot rename %s/%s: %s", spool->path, name, g_strerror(errno));
    g_autofree char *text =
        g_strdup_printf("the alert in %s/%s is lost: %s; look at the file, then remove it",
                        spool->path, aside, why);
    log_warning("%s", text);
    syslog_warn(text);
    return TRUE;
}

GPtrArray *spool_entries(Spool *spool, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(spool_entry_free);
    g_autoptr(GPtrArray) names = list(spool->fd, TRUE, error);
    if (names == NULL)
        return NULL;
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *why = NULL;
        if (!g_str_has_suffix(name, spool_suffix))
            continue;
        SpoolEntry *entry = read_entry(spool->fd, name, &why);
        if (entry != NULL)
            g_ptr_array_add(entries, entry);
        else if (why != NULL && !set_aside(spool, name, why, error))
            return NULL;
    }
    return g_steal_pointer(&entries);
}

GPtrArray *spool_peek(const char *state_dir, unsigned *unread, GError **error)
{
    *unread = 0;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(spool_entry_free);
    autofd int fd = look_into(state_dir, &failure);
    g_autoptr(GPtrArray) names = fd >= 0 ? list(fd, FALSE, &failure) : NULL;
    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *why = NULL;
        SpoolEntry *entry = g_str_has_suffix(names->pdata[i], spool_suffix)
                                ? read_entry(fd, names->pdata[i], &why)
                                : NULL;
        if (entry != NULL)
            g_ptr_array_add(entries, entry);
        *unread += why != NULL || g_str_has_suffix(names->pdata[i], ".damaged") ? 1 : 0;
    }
    if (failure == NULL)
        return g_steal_pointer(&entries);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

gboolean spool_entry_has(const SpoolEntry *entry, const char *channel)
{
    return g_ptr_array_find_with_equal_func(entry->delivered, channel, g_str_equal, NULL);
}

gboolean spool_entry_waits(const SpoolEntry *entry)
{
    for (char **name = entry->to; name != NULL && *name != NULL; name++) {
        if (!spool_entry_has(entry, *name))
            return TRUE;
    }
    return FALSE;
}

gboolean spool_remove_id(Spool *spool, const char *id, GError **error)
{
    g_autofree char *name = file_name(id);
    if (unlinkat(spool->fd, name, 0) < 0 && errno != ENOENT)
        return fail_storage(error, "cannot remove %s/%s: %s", spool->path, name, g_strerror(errno));
    return TRUE;
}

gboolean spool_note(Spool *spool, SpoolEntry *entry, const char *channel, GError **error)
{
    g_autofree char *name = file_name(entry->event->id);
    g_ptr_array_add(entry->delivered, g_strdup(channel));
    if (!spool_entry_waits(entry))
        return spool_remove_id(spool, entry->event->id, error);
    if (faccessat(spool->fd, name, F_OK, 0) < 0 && errno == ENOENT)
        return TRUE;
    return write_entry(spool, entry->event, (Names)entry->to, entry->delivered, error);
}

gboolean spool_remove(Spool *spool, const SpoolEntry *entry, GError **error)
{
    return spool_remove_id(spool, entry->event->id, error);
}
