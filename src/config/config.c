/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/error.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/origins.h"
#include "config/value.h"

#include <string.h>

static const char home[] = "/etc/lsnchain";

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

static gboolean has_word(const char *words, const char *word)
{
    g_auto(GStrv) list = g_strsplit(words != NULL ? words : "", " ", -1);
    return g_strv_contains((const char *const *)list, word);
}

/* A key that its type needs must be given; one that its type does not know would do nothing. */
static gboolean check_alert_key(const Config *config, const Option *option, const char *type,
                                const Section *section, GError **error)
{
    const Entry *entry = origins_find(config->origins, section->title, option->key);
    gboolean given = entry != NULL && *entry->value != '\0';
    if (given && option->used_by != NULL && !has_word(option->used_by, type))
        return fail(error, STATUS_CONFIG, "%s: %s means nothing to type = %s" HINT("it is for: %s"),
                    entry->source, option->key, type, option->used_by);
    if (!given && has_word(option->needed_by, type))
        return fail(error, STATUS_CONFIG, "%s: [%s] needs the key %s with type = %s" HINT("%s: %s"),
                    section->source, section->title, option->key, type, option->key,
                    option->sentence);
    return TRUE;
}

static gboolean check_alert(const Config *config, const AlertConfig *alert, const Section *section,
                            GError **error)
{
    gboolean mail = g_str_equal(alert->type, "smtp");
    if (*alert->url != '\0' && g_str_has_prefix(alert->url, "smtp") != mail)
        return fail(error, STATUS_CONFIG, "%s: the url in [%s] does not fit type = %s" HINT("%s"),
                    section->source, section->title, alert->type,
                    mail ? "smtp://HOST:587 or smtps://HOST" : "https://HOST/...");
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (g_str_equal(option->section, "alert") &&
            !check_alert_key(config, option, alert->type, section, error))
            return FALSE;
    }
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
    return check_alert(config, alert, section, error);
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

/* --- Finding the files --- */

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

static Config *load(const char *path, const char *fragments, GError **error)
{
    g_autoptr(Config) config = config_new();
    if (!origins_read(config->origins, path, error))
        return NULL;
    g_autoptr(GPtrArray) more =
        fragments != NULL ? list_fragments(fragments, error) : g_ptr_array_new();
    if (more == NULL)
        return NULL;
    for (guint i = 0; i < more->len; i++) {
        if (!origins_read(config->origins, more->pdata[i], error))
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

int config_workers(const InstanceConfig *config)
{
    return MIN((int)g_get_num_processors(), config->workers);
}
