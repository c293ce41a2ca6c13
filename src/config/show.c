/* SPDX-License-Identifier: MIT */
/* show: config_show(), declared in config.h. */
#include "config/config.h"

#include "config/options.h"
#include "config/origins.h"
#include "config/value.h"

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
