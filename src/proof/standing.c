/* SPDX-License-Identifier: MIT */
#include "proof/standing.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/files.h"
#include "base/replace.h"
#include "catalog/checked.h"
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static const char section[] = "rolling";
static const char links_section[] = "links";
enum { TEXT_MOST = 1 << 20 }; /* a link takes a hundred bytes */

static void link_free(gpointer data)
{
    StandingLink *link = data;
    g_free(link->id);
    g_free(link->sums);
    g_free(link);
}

static void add_link(Standing *standing, const char *id, const char *sums)
{
    StandingLink *link = g_new0(StandingLink, 1);
    link->id = g_strdup(id);
    link->sums = g_strdup(sums);
    g_ptr_array_add(standing->links, link);
}

static char *build_of(const Engine *engine)
{
    return g_strdup_printf("%s %s", engine->name, engine->version);
}

static Standing *make_empty(void)
{
    Standing *standing = g_new0(Standing, 1);
    standing->links = g_ptr_array_new_with_free_func(link_free);
    return standing;
}

Standing *standing_new(const Engine *engine, const GPtrArray *path, guint count, const char *half,
                       const char *touched)
{
    Standing *standing = make_empty();
    standing->engine = build_of(engine);
    standing->half = g_strdup(half);
    standing->touched = g_strdup(touched);
    for (guint i = 0; i < count; i++) {
        const Backup *link = path->pdata[i];
        add_link(standing, link->id, link->sums);
    }
    return standing;
}

void standing_free(Standing *standing)
{
    g_free(standing->engine);
    g_free(standing->half);
    g_free(standing->touched);
    g_ptr_array_unref(standing->links);
    g_free(standing);
}

GString *standing_text(const Standing *standing)
{
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_printf(body, "format = %d\nengine = %s\nhalf = %s\ntouched = %s\n[%s]\n",
                    CHECKED_FORMAT, standing->engine, standing->half, standing->touched,
                    links_section);
    for (guint i = 0; i < standing->links->len; i++) {
        const StandingLink *link = standing->links->pdata[i];
        g_string_append_printf(body, "%s = %s\n", link->id, link->sums);
    }
    return checked_wrap(section, g_steal_pointer(&body));
}

static gboolean take_key(Standing *standing, const char *key, const char *value, GError **error)
{
    char **field = g_str_equal(key, "engine")    ? &standing->engine
                   : g_str_equal(key, "half")    ? &standing->half
                   : g_str_equal(key, "touched") ? &standing->touched
                                                 : NULL;
    if (g_str_equal(key, "format"))
        return checked_format(value, STANDING_NAME, error);
    if (field != NULL)
        *field = g_strdup(value);
    return TRUE;
}

static gboolean take_entry(const char *in, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    (void)line; /* the reader puts file and line before every message */
    if (key == NULL)
        return TRUE;
    if (!g_str_equal(in, links_section))
        return take_key(data, key, value, error);
    add_link(data, key, value);
    return TRUE;
}

/* What was read is written again: whatever was missing, too much or elsewhere shows there. */
static gboolean says_just_that(const Standing *standing, const GString *text)
{
    if (standing->engine == NULL || standing->half == NULL || standing->touched == NULL)
        return FALSE;
    g_autoptr(GString) again = standing_text(standing);
    return g_string_equal(again, text);
}

Standing *standing_parse(const GString *text, GError **error)
{
    g_autoptr(Standing) standing = make_empty();
    const IniReader reader = {STATUS_CATALOG, take_entry, standing};
    if (!checked_verify(text, section, STANDING_NAME, error) ||
        !ini_read(text->str, text->len, STANDING_NAME, &reader, error))
        return NULL;
    if (says_just_that(standing, text))
        return g_steal_pointer(&standing);
    (void)fail(error, STATUS_CATALOG, STANDING_NAME " is not as lsnchain writes it");
    return NULL;
}

gboolean standing_write(int dir_fd, const Standing *standing, GError **error)
{
    g_autoptr(GString) text = standing_text(standing);
    return replace_file(dir_fd, STANDING_NAME, text, 0640, error);
}

Standing *standing_read(int dir_fd, GError **error)
{
    if (faccessat(dir_fd, STANDING_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return NULL;
    g_autoptr(GString) text = files_read_text(dir_fd, STANDING_NAME, TEXT_MOST, error);
    return text != NULL ? standing_parse(text, error) : NULL;
}

guint standing_holds(const Standing *standing, const GPtrArray *path)
{
    if (*standing->half != '\0' || standing->links->len > path->len)
        return 0;
    for (guint i = 0; i < standing->links->len; i++) {
        const StandingLink *held = standing->links->pdata[i];
        const Backup *link = path->pdata[i];
        if (!g_str_equal(held->id, link->id) || !g_str_equal(held->sums, link->sums))
            return 0;
    }
    return standing->links->len;
}

gboolean standing_is_of(const Standing *standing, const Engine *engine)
{
    g_autofree char *build = build_of(engine);
    return g_str_equal(standing->engine, build);
}

static void add_look(Digest *digest, const char *name, const struct stat *status)
{
    g_autofree char *line = g_strdup_printf(
        "%u %u %o %jd %jd.%09ld %jd.%09ld %s", (unsigned)status->st_uid, (unsigned)status->st_gid,
        (unsigned)status->st_mode, S_ISDIR(status->st_mode) ? (intmax_t)0 : status->st_size,
        (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec, (intmax_t)status->st_ctim.tv_sec,
        status->st_ctim.tv_nsec, name);
    digest_add(digest, line, strlen(line) + 1);
}

static gboolean look_at(int root_fd, const char *name, const struct stat *status, void *data,
                        GError **error)
{
    (void)root_fd;
    (void)error;
    add_look(data, name, status);
    return TRUE;
}

char *standing_look(int dir_fd, const char *name, GError **error)
{
    struct stat status;
    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        (void)fail_storage(error, "cannot look at %s: %s", name, g_strerror(errno));
        return NULL;
    }
    g_autoptr(Digest) digest = digest_new();
    add_look(digest, ".", &status);
    if (!files_walk(dir_fd, name, look_at, digest, error))
        return NULL;
    uint8_t sum[DIGEST_BYTES];
    digest_end(digest, sum);
    char *hex = g_malloc(DIGEST_HEX + 1);
    digest_to_hex(sum, hex);
    return hex;
}
