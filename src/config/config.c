/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/error.h"
#include "base/files.h"
#include "config/access.h"
#include "config/ini.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FILE_MOST = 1 << 20,
    SHOWN_MOST = 80, /* characters of a wrong value that a message repeats */
};

static const char home[] = "/etc/lsnchain";

/* A section that stands in a file. */
typedef struct {
    const OptionSection *kind;
    char *title; /* "instance shop" */
    char *name;  /* "shop"; "" where there is none */
    char *source;
} Section;

/* A value that stands in a file. */
typedef struct {
    const Section *section;
    const Option *option; /* NULL in [assert] */
    char *key;
    char *value;
    char *source; /* "/etc/lsnchain/lsnchain.conf:12" */
} Entry;

struct ConfigOrigins {
    GPtrArray *sections;     /* Section, in the order of the files */
    GPtrArray *entries;      /* Entry, the same */
    GHashTable *by_title;    /* to Section */
    GHashTable *by_place;    /* "instance shop\nparallel" to Entry */
    const char *bare_source; /* where the repository of config_bare() comes from */
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

static ConfigOrigins *origins_new(void)
{
    ConfigOrigins *origins = g_new0(ConfigOrigins, 1);
    origins->sections = g_ptr_array_new_with_free_func(section_free);
    origins->entries = g_ptr_array_new_with_free_func(entry_free);
    origins->by_title = g_hash_table_new(g_str_hash, g_str_equal);
    origins->by_place = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return origins;
}

static void origins_free(ConfigOrigins *origins)
{
    g_hash_table_destroy(origins->by_place);
    g_hash_table_destroy(origins->by_title);
    g_ptr_array_unref(origins->entries);
    g_ptr_array_unref(origins->sections);
    g_free(origins);
}

static const Entry *origins_find(const ConfigOrigins *origins, const char *title, const char *key)
{
    g_autofree char *place = g_strconcat(title, "\n", key, NULL);
    return g_hash_table_lookup(origins->by_place, place);
}

/* What holds for an option in a section; NULL: its default. */
static const Entry *origins_resolve(const ConfigOrigins *origins, const char *title,
                                    const Option *option)
{
    const Entry *entry = origins_find(origins, title, option->key);
    if (entry == NULL && g_str_equal(option->section, "instance"))
        entry = origins_find(origins, "global", option->key);
    return entry;
}

/* --- The structs, emptied and filled by the table --- */

static void clear_fields(const char *section, void *target)
{
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (g_str_equal(option->section, section))
            value_clear(option, target);
    }
}

static void assert_free(gpointer data)
{
    AssertConfig *assertion = data;
    g_free(assertion->name);
    g_free(assertion->sql);
    g_free(assertion);
}

static void alert_free(gpointer data)
{
    AlertConfig *alert = data;
    clear_fields("alert", alert);
    g_free(alert->name);
    g_free(alert);
}

void config_free_instance(InstanceConfig *instance)
{
    clear_fields("instance", instance);
    clear_fields("route", &instance->route);
    g_ptr_array_unref(instance->asserts);
    g_free(instance->name);
    g_free(instance);
}

static void instance_free(gpointer data)
{
    config_free_instance(data);
}

void config_free(Config *config)
{
    clear_fields("global", config);
    clear_fields("route", &config->route);
    g_ptr_array_unref(config->instances);
    g_ptr_array_unref(config->alerts);
    origins_free(config->origins);
    g_free(config);
}

/* What is not given gets its default; without one "", for who asks has checked that already. */
static void fill_fields(const ConfigOrigins *origins, const char *section, const char *title,
                        void *target)
{
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (!g_str_equal(option->section, section))
            continue;
        const Entry *entry = origins_resolve(origins, title, option);
        const char *text = entry != NULL ? entry->value : option->fallback;
        if (text != NULL)
            (void)value_set(option, text, target); /* both were checked */
        else
            G_STRUCT_MEMBER(char *, target, option->at) = g_strdup("");
    }
}

static InstanceConfig *make_instance(const ConfigOrigins *origins, const char *name,
                                     const char *title)
{
    InstanceConfig *instance = g_new0(InstanceConfig, 1);
    instance->name = g_strdup(name);
    instance->asserts = g_ptr_array_new_with_free_func(assert_free);
    fill_fields(origins, "instance", title, instance);

    g_autofree char *own = g_strconcat("route ", name, NULL);
    gboolean replaced = g_hash_table_contains(origins->by_title, own);
    fill_fields(origins, "route", replaced ? own : "route", &instance->route);
    return instance;
}

static Config *config_new(void)
{
    Config *config = g_new0(Config, 1);
    config->instances = g_ptr_array_new_with_free_func(instance_free);
    config->alerts = g_ptr_array_new_with_free_func(alert_free);
    config->origins = origins_new();
    return config;
}

Config *config_bare(const char *repository)
{
    Config *config = config_new();
    fill_fields(config->origins, "global", "global", config);
    fill_fields(config->origins, "route", "route", &config->route);
    g_free(config->repository);
    config->repository = g_canonicalize_filename(repository, NULL);
    config->origins->bare_source = "command line";
    return config;
}

InstanceConfig *config_default_instance(const char *name)
{
    ConfigOrigins *nothing = origins_new();
    InstanceConfig *instance = make_instance(nothing, name, "instance");
    origins_free(nothing);
    return instance;
}

const InstanceConfig *config_instance(const Config *config, const char *name)
{
    for (guint i = 0; i < config->instances->len; i++) {
        const InstanceConfig *instance = config->instances->pdata[i];
        if (g_str_equal(instance->name, name))
            return instance;
    }
    return NULL;
}

const AlertConfig *config_alert(const Config *config, const char *name)
{
    for (guint i = 0; i < config->alerts->len; i++) {
        const AlertConfig *alert = config->alerts->pdata[i];
        if (g_str_equal(alert->name, name))
            return alert;
    }
    return NULL;
}

gboolean config_is_name(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return length >= 1 && length <= 32 && text[length] == '\0' && g_ascii_isalnum(text[0]);
}

/* --- Reading the files --- */

typedef struct {
    Config *config;
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
    ConfigOrigins *origins = loading->config->origins;
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

    const Entry *before = origins_find(loading->config->origins, section->title, key);
    if (before != NULL)
        return fail(error, STATUS_CONFIG, "%s in [%s] is given twice: first at %s", key,
                    section->title, before->source);
    return TRUE;
}

static gboolean take_line(const char *title, const char *key, const char *value, unsigned line,
                          void *data, GError **error)
{
    Loading *loading = data;
    ConfigOrigins *origins = loading->config->origins;
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

static gboolean load_file(Config *config, const char *path, GError **error)
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

    Loading loading = {.config = config, .path = path};
    const IniReader reader = {STATUS_CONFIG, take_line, &loading};
    g_autoptr(GString) text = read_open_file(fd, path, &status, error);
    return text != NULL && ini_read(text->str, text->len, path, &reader, error) &&
           access_check(path, &status, loading.secret, geteuid(), own_group, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Editors and dpkg leave x.conf~ and x.conf.dpkg-old beside a file; both end in something else. */
static GPtrArray *list_fragments(const char *directory, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &cause);
    if (dir == NULL && !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        (void)fail(error, STATUS_CONFIG, "cannot list %s: %s", directory, cause->message);
        return NULL;
    }
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL;
         name = g_dir_read_name(dir)) {
        if (name[0] != '.' && g_str_has_suffix(name, ".conf"))
            g_ptr_array_add(paths, g_build_filename(directory, name, NULL));
    }
    g_ptr_array_sort(paths, compare_names);
    return g_steal_pointer(&paths);
}

/* --- From what was read to what holds --- */

static gboolean check_given(const Config *config, const Section *section, GError **error)
{
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (option->fallback != NULL || !g_str_equal(option->section, section->kind->word))
            continue;
        if (origins_resolve(config->origins, section->title, option) == NULL)
            return fail(error, STATUS_CONFIG, "%s: [%s] needs the key %s" HINT("as in: %s = %s"),
                        section->source, section->title, option->key, option->key, option->example);
    }
    return TRUE;
}

static gboolean check_alert(const AlertConfig *alert, const Section *section, GError **error)
{
    gboolean mail = g_str_equal(alert->type, "smtp");
    if (g_str_has_prefix(alert->url, "smtp") != mail)
        return fail(error, STATUS_CONFIG, "%s: the url in [%s] does not fit type = %s" HINT("%s"),
                    section->source, section->title, alert->type,
                    mail ? "smtp://HOST:587 or smtps://HOST" : "https://HOST/...");
    if (mail && (alert->from[0] == '\0' || alert->to[0] == '\0'))
        return fail(error, STATUS_CONFIG, "%s: [%s] needs the keys from and to", section->source,
                    section->title);
    return TRUE;
}

static gboolean make_section(Config *config, const Section *section, GError **error)
{
    if (!check_given(config, section, error))
        return FALSE;
    if (g_str_equal(section->kind->word, "instance"))
        g_ptr_array_add(config->instances,
                        make_instance(config->origins, section->name, section->title));
    if (!g_str_equal(section->kind->word, "alert"))
        return TRUE;

    AlertConfig *alert = g_new0(AlertConfig, 1);
    g_ptr_array_add(config->alerts, alert);
    alert->name = g_strdup(section->name);
    fill_fields(config->origins, "alert", section->title, alert);
    return check_alert(alert, section, error);
}

/* All names of sections of a kind, for messages; NULL-terminated, free the array alone. */
static const char **known_names(const Config *config, const char *word)
{
    const GPtrArray *sections = config->origins->sections;
    const char **names = g_new0(const char *, sections->len + 1);
    size_t count = 0;
    for (guint i = 0; i < sections->len; i++) {
        const Section *section = sections->pdata[i];
        if (g_str_equal(section->kind->word, word))
            names[count++] = section->name;
    }
    return names;
}

/* `where` says who names it. */
static gboolean fail_unknown_name(const Config *config, const char *word, const char *name,
                                  const char *where, GError **error)
{
    g_autofree const char **names = known_names(config, word);
    const char *nearest = nearest_word(name, names);
    if (nearest == NULL)
        return fail(error, STATUS_CONFIG, "%s names the %s \"%s\", but there is no [%s ...] at all",
                    where, word, name, word);
    return fail(error, STATUS_CONFIG,
                "%s names the %s \"%s\", which is unknown; the nearest known one is \"%s\"", where,
                word, name, nearest);
}

/* [route X] and [assert X] belong to an instance. */
static gboolean check_owner(const Config *config, const Section *section, GError **error)
{
    gboolean belongs =
        g_str_equal(section->kind->word, "route") || g_str_equal(section->kind->word, "assert");
    if (!belongs || section->name[0] == '\0' || config_instance(config, section->name) != NULL)
        return TRUE;
    g_autofree char *where = g_strdup_printf("%s: [%s]", section->source, section->title);
    return fail_unknown_name(config, "instance", section->name, where, error);
}

static gboolean check_route(const Config *config, const Entry *entry, GError **error)
{
    RouteConfig route = {0};
    (void)value_set(entry->option, entry->value, &route);
    gboolean good = TRUE;
    for (char **name = G_STRUCT_MEMBER(char **, &route, entry->option->at); good && *name != NULL;
         name++) {
        if (config_alert(config, *name) != NULL)
            continue;
        g_autofree char *where =
            g_strdup_printf("%s: %s in [%s]", entry->source, entry->key, entry->section->title);
        good = fail_unknown_name(config, "alert", *name, where, error);
    }
    value_clear(entry->option, &route);
    return good;
}

static void add_assert(const Config *config, const Entry *entry)
{
    const InstanceConfig *instance = config_instance(config, entry->section->name);
    AssertConfig *assertion = g_new0(AssertConfig, 1);
    assertion->name = g_strdup(entry->key);
    assertion->sql = g_strdup(entry->value);
    g_ptr_array_add(instance->asserts, assertion);
}

static gboolean resolve(Config *config, const char *path, GError **error)
{
    const ConfigOrigins *origins = config->origins;
    if (origins_find(origins, "global", "repository") == NULL)
        return fail(error, STATUS_CONFIG,
                    "%s: [global] needs the key repository" HINT("as in: repository = %s"), path,
                    options_find("global", "repository")->example);
    fill_fields(origins, "global", "global", config);
    fill_fields(origins, "route", "route", &config->route);

    for (guint i = 0; i < origins->sections->len; i++) {
        if (!make_section(config, origins->sections->pdata[i], error))
            return FALSE;
    }
    for (guint i = 0; i < origins->sections->len; i++) {
        if (!check_owner(config, origins->sections->pdata[i], error))
            return FALSE;
    }
    for (guint i = 0; i < origins->entries->len; i++) {
        const Entry *entry = origins->entries->pdata[i];
        if (entry->option == NULL)
            add_assert(config, entry);
        else if (g_str_equal(entry->option->section, "route") && !check_route(config, entry, error))
            return FALSE;
    }
    return TRUE;
}

static Config *load(const char *path, const char *fragments, GError **error)
{
    g_autoptr(Config) config = config_new();
    if (!load_file(config, path, error))
        return NULL;
    g_autoptr(GPtrArray) more =
        fragments != NULL ? list_fragments(fragments, error) : g_ptr_array_new();
    if (more == NULL)
        return NULL;
    for (guint i = 0; i < more->len; i++) {
        if (!load_file(config, more->pdata[i], error))
            return NULL;
    }
    return resolve(config, path, error) ? g_steal_pointer(&config) : NULL;
}

Config *config_load_directory(const char *directory, GError **error)
{
    g_autofree char *path = g_build_filename(directory, "lsnchain.conf", NULL);
    g_autofree char *fragments = g_build_filename(directory, "conf.d", NULL);
    return load(path, fragments, error);
}

Config *config_load(const char *path, GError **error)
{
    return path != NULL ? load(path, NULL, error) : config_load_directory(home, error);
}

/* --- Showing it --- */

GPtrArray *config_set_but_later(const Config *config, const InstanceConfig *instance)
{
    GPtrArray *keys = g_ptr_array_new();
    g_autofree char *title = g_strconcat("instance ", instance->name, NULL);
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (option->effect == OPTION_LATER && g_str_equal(option->section, "instance") &&
            origins_resolve(config->origins, title, option) != NULL)
            g_ptr_array_add(keys, (gpointer)option->key);
    }
    return keys;
}

typedef struct {
    const Config *config;
    ConfigShowFn *each;
    void *data;
} Show;

/* All options of a kind of section, given or not. */
static void show_all(const Show *show, const char *word, const char *title)
{
    const ConfigOrigins *origins = show->config->origins;
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (!g_str_equal(option->section, word))
            continue;
        const Entry *entry = origins_resolve(origins, title, option);
        const char *text = entry != NULL ? entry->value : option->fallback;
        const char *source = entry != NULL ? entry->source : "default";
        if (text == NULL) { /* only the repository of config_bare() */
            text = show->config->repository;
            source = origins->bare_source;
        }
        g_autofree char *shown = value_shown(option, text);
        show->each(title, option->key, shown, source, show->data);
    }
}

/* What the files set in a section, of another kind than its own: [global] for all instances. */
static void show_set(const Show *show, const char *word, const char *title)
{
    for (const Option *option = options_table(); option->section != NULL; option++) {
        const Entry *entry = g_str_equal(option->section, word)
                                 ? origins_find(show->config->origins, title, option->key)
                                 : NULL;
        if (entry == NULL)
            continue;
        g_autofree char *shown = value_shown(option, entry->value);
        show->each(title, option->key, shown, entry->source, show->data);
    }
}

static void show_asserts(const Show *show, const Section *section)
{
    const GPtrArray *entries = show->config->origins->entries;
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = entries->pdata[i];
        if (entry->section == section)
            show->each(section->title, entry->key, entry->value, entry->source, show->data);
    }
}

static void show_sections(const Show *show, const OptionSection *kind)
{
    const GPtrArray *sections = show->config->origins->sections;
    for (guint i = 0; i < sections->len; i++) {
        const Section *section = sections->pdata[i];
        if (section->kind != kind || section->name[0] == '\0')
            continue;
        if (g_str_equal(kind->word, "assert"))
            show_asserts(show, section);
        else
            show_all(show, kind->word, section->title);
    }
}

void config_show(const Config *config, ConfigShowFn *each, void *data)
{
    const Show show = {config, each, data};
    for (const OptionSection *kind = options_sections(); kind->word != NULL; kind++) {
        if (kind->name != SECTION_NAME_MUST)
            show_all(&show, kind->word, kind->word);
        if (g_str_equal(kind->word, "global"))
            show_set(&show, "instance", "global");
        show_sections(&show, kind);
    }
}
