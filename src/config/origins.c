/* SPDX-License-Identifier: MIT */
#include "config/origins.h"

#include "base/error.h"
#include "base/files.h"
#include "config/access.h"
#include "config/ini.h"
#include "config/nearest.h"
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FILE_MOST = 1 << 20,
    SHOWN_MOST = 80, /* characters of a wrong value that a message repeats */
};

static void section_free(gpointer data)
{
    Section *section = data;
    g_free(section->title);
    g_free(section->name);
    g_free(section->source);
    g_free(section);
}

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->key);
    g_free(entry->value);
    g_free(entry->source);
    g_free(entry);
}

ConfigOrigins *origins_new(void)
{
    ConfigOrigins *origins = g_new0(ConfigOrigins, 1);
    origins->sections = g_ptr_array_new_with_free_func(section_free);
    origins->entries = g_ptr_array_new_with_free_func(entry_free);
    origins->by_title = g_hash_table_new(g_str_hash, g_str_equal);
    origins->by_place = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return origins;
}

void origins_free(ConfigOrigins *origins)
{
    g_hash_table_destroy(origins->by_place);
    g_hash_table_destroy(origins->by_title);
    g_ptr_array_unref(origins->entries);
    g_ptr_array_unref(origins->sections);
    g_free(origins);
}

const Entry *origins_find(const ConfigOrigins *origins, const char *title, const char *key)
{
    g_autofree char *place = g_strconcat(title, "\n", key, NULL);
    return g_hash_table_lookup(origins->by_place, place);
}

const Entry *origins_resolve(const ConfigOrigins *origins, const char *title, const Option *option)
{
    const Entry *entry = origins_find(origins, title, option->key);
    if (entry == NULL && g_str_equal(option->section, "instance"))
        entry = origins_find(origins, "global", option->key);
    return entry;
}

typedef struct {
    ConfigOrigins *origins;
    const char *path;
    gboolean secret; /* the file that is being read holds one */
} Loading;

/* As much of a text as a message can bear.  Free it. */
static char *cut(const char *text)
{
    if (g_utf8_strlen(text, -1) <= SHOWN_MOST)
        return g_strdup(text);
    g_autofree char *start = g_utf8_substring(text, 0, SHOWN_MOST);
    return g_strconcat(start, "...", NULL);
}

static gboolean fail_unknown_section(const char *word, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    for (const OptionSection *section = options_sections(); section->word != NULL; section++)
        g_ptr_array_add(words, (gpointer)section->word);
    g_ptr_array_add(words, NULL);
    return fail(error, STATUS_CONFIG, "unknown section [%s]; the nearest known one is [%s]", word,
                nearest_word(word, (const char *const *)words->pdata));
}

static gboolean check_section(const Section *section, GError **error)
{
    if (section->kind->name == SECTION_NAME_NONE && section->name[0] != '\0')
        return fail(error, STATUS_CONFIG, "[%s] takes no name, but here stands [%s]",
                    section->kind->word, section->title);
    if (section->kind->name == SECTION_NAME_MUST && section->name[0] == '\0')
        return fail(error, STATUS_CONFIG, "[%s] needs a name, as in [%s %s]", section->kind->word,
                    section->kind->word, section->kind->example);
    if (section->name[0] != '\0' && !config_is_name(section->name))
        return fail(error, STATUS_CONFIG,
                    "\"%s\" in [%s] is no name: 1 to 32 of a-z, 0-9, '_' and '-', the first a "
                    "letter or a digit",
                    section->name, section->title);
    return TRUE;
}

static gboolean take_section(const Loading *loading, const char *title, unsigned line,
                             GError **error)
{
    ConfigOrigins *origins = loading->origins;
    if (g_hash_table_contains(origins->by_title, title))
        return TRUE;

    const char *space = strchr(title, ' ');
    g_autofree char *word = space != NULL ? g_strndup(title, (gsize)(space - title)) : NULL;
    const OptionSection *kind = options_section(word != NULL ? word : title);
    if (kind == NULL)
        return fail_unknown_section(word != NULL ? word : title, error);

    Section *section = g_new0(Section, 1);
    g_ptr_array_add(origins->sections, section);
    section->kind = kind;
    section->title = g_strdup(title);
    section->name = g_strdup(space != NULL ? space + 1 : "");
    section->source = g_strdup_printf("%s:%u", loading->path, line);
    g_hash_table_insert(origins->by_title, section->title, section);
    return check_section(section, error);
}

static gboolean fail_unknown_key(const Section *section, const char *key, GError **error)
{
    g_autofree char *shown = cut(key);
    for (const OptionSection *other = options_sections(); other->word != NULL; other++) {
        if (options_find(other->word, key) != NULL)
            return fail(error, STATUS_CONFIG, "unknown key \"%s\" in [%s]; it is one of [%s]",
                        shown, section->title, other->word);
    }
    g_autofree const char **keys = options_keys(section->kind->word);
    return fail(error, STATUS_CONFIG, "unknown key \"%s\" in [%s]; the nearest known one is \"%s\"",
                shown, section->title, nearest_word(key, keys));
}

/* Not a place on this machine: "user@host:/dir", "host:/dir", "rsync://host/dir". */
static gboolean is_remote(const char *text)
{
    const char *colon = strchr(text, ':');
    const char *slash = strchr(text, '/');
    return colon != NULL && (slash == NULL || colon < slash);
}

static gboolean fail_value(const Option *option, const Section *section, const char *value,
                           GError **error)
{
    g_autofree char *allowed = value_allowed(option);
    g_autofree char *shown = cut(value);
    if (g_str_equal(option->key, "repository") && is_remote(value))
        return fail(
            error, STATUS_CONFIG,
            "repository = %s is on another machine: it must be a directory of this one" HINT(
                "to keep backups off the database host, run lsnchain on the backup host "
                "and let it pull the stream, or add copies"),
            shown);
    if (option->secret)
        return fail(error, STATUS_CONFIG, "%s in [%s] must be %s", option->key, section->title,
                    allowed);
    return fail(error, STATUS_CONFIG, "%s = %s in [%s] is not allowed: it must be %s", option->key,
                shown, section->title, allowed);
}

/* Is this a value that may stand there, and is it the first one? */
static gboolean check_entry(const Loading *loading, const Section *section, const Option *option,
                            const char *key, const char *value, GError **error)
{
    gboolean free_key = g_str_equal(section->kind->word, "assert");
    if (!free_key && option == NULL)
        return fail_unknown_key(section, key, error);
    if (free_key && value[0] == '\0')
        return fail(error, STATUS_CONFIG, "the query in [%s] is empty", section->title);
    if (!free_key && !value_set(option, value, NULL))
        return fail_value(option, section, value, error);

    const Entry *before = origins_find(loading->origins, section->title, key);
    if (before != NULL)
        return fail(error, STATUS_CONFIG, "%s in [%s] is given twice: first at %s", key,
                    section->title, before->source);
    return TRUE;
}

static gboolean take_line(const char *title, const char *key, const char *value, unsigned line,
                          void *data, GError **error)
{
    Loading *loading = data;
    ConfigOrigins *origins = loading->origins;
    if (key == NULL)
        return take_section(loading, title, line, error);

    const Section *section = g_hash_table_lookup(origins->by_title, title);
    const Option *option = options_find(section->kind->word, key);
    if (!check_entry(loading, section, option, key, value, error))
        return FALSE;
    loading->secret = loading->secret || (option != NULL && value_is_secret(option, value));

    Entry *entry = g_new0(Entry, 1);
    entry->section = section;
    entry->option = option;
    entry->key = g_strdup(key);
    entry->value = g_strdup(value);
    entry->source = g_strdup_printf("%s:%u", loading->path, line);
    g_ptr_array_add(origins->entries, entry);
    g_hash_table_insert(origins->by_place, g_strconcat(title, "\n", key, NULL), entry);
    return TRUE;
}

/* One descriptor for the look at owner and mode and for the reading: nobody changes it between. */
static GString *read_open_file(int fd, const char *path, const struct stat *status, GError **error)
{
    if (!S_ISREG(status->st_mode) || status->st_size > FILE_MOST) {
        (void)fail(error, STATUS_CONFIG, "%s is not a regular file of at most %d bytes", path,
                   FILE_MOST);
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_set_size(text, (gsize)status->st_size);
    ssize_t got = files_read(fd, text->str, text->len);
    if (got < 0) {
        (void)fail(error, STATUS_CONFIG, "cannot read %s: %s", path, g_strerror(errno));
        return NULL;
    }
    g_string_truncate(text, (gsize)got);
    return g_steal_pointer(&text);
}

gboolean origins_read(ConfigOrigins *origins, const char *path, GError **error)
{
    struct stat status;
    autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0)
        return fail(error, STATUS_CONFIG,
                    "cannot open %s: %s" HINT("write a configuration there, name another one with "
                                              "-c FILE, or do without: --repository=DIR"),
                    path, g_strerror(errno));
    gboolean own_group = access_is_own_group(status.st_gid);
    if (!access_check(path, &status, FALSE, geteuid(), own_group, error))
        return FALSE;

    Loading loading = {.origins = origins, .path = path};
    const IniReader reader = {STATUS_CONFIG, take_line, &loading};
    g_autoptr(GString) text = read_open_file(fd, path, &status, error);
    return text != NULL && ini_read(text->str, text->len, path, &reader, error) &&
           access_check(path, &status, loading.secret, geteuid(), own_group, error);
}
