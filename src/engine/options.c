/* SPDX-License-Identifier: MIT */
/* options: what a user may pass on to the engine.  Checked here, because some engines look at their
 * options only after they took their locks. */
#include "engine/engine.h"

#include "base/error.h"
#include "engine/family.h"

#include <string.h>

static const EngineOption *find_exact(const EngineFamily *family, const char *name)
{
    for (size_t i = 0; i < family->n_options; i++) {
        if (strcmp(family->options[i].name, name) == 0)
            return &family->options[i];
    }
    return NULL;
}

/* `--skip-NAME` and the like are the same option in other words. */
static const EngineOption *find_option(const EngineFamily *family, const char *name,
                                       gboolean *prefixed)
{
    static const char *const prefixes[] = {"skip-", "disable-", "enable-", "maximum-"};
    const EngineOption *option = find_exact(family, name);
    *prefixed = FALSE;
    for (size_t i = 0; option == NULL && i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i])) {
            option = find_exact(family, name + strlen(prefixes[i]));
            *prefixed = TRUE;
        }
    }
    return option;
}

/* `word` is the option as it is told: its name alone. */
static gboolean refuse_flags(const EngineOption *option, const char *word, unsigned mode,
                             GError **error)
{
    if (option->flags & OURS)
        return fail(error, STATUS_CONFIG,
                    "the engine option %s is set by lsnchain itself" HINT("remove it"), word);
    if (option->flags & PARTIAL)
        return fail(
            error, STATUS_CONFIG,
            "the engine option %s leaves something out, and no chain can stand on that" HINT(
                "remove it"),
            word);
    if (option->flags & UNSAFE)
        return fail(
            error, STATUS_CONFIG,
            "the engine option %s makes backups that cannot be vouched for" HINT("remove it"),
            word);
    if (!(option->flags & mode))
        return fail(error, STATUS_CONFIG,
                    "the engine option %s is not for %s" HINT(
                        "engine_options are for the backup, prepare_options for the prepare"),
                    word, mode == FOR_CAPTURE ? "a backup" : "a prepare");
    return TRUE;
}

/* Versions of the letters that the table of options knows states of the source by. */
static const char *version_of_state(const char *state)
{
    static const struct {
        const char *state;
        const char *version;
    } states[] = {{"A..B", "8.0.30"}, {"B..C", "8.1"}, {"D", "999.0"}, {"B", "8.0"}};
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        if (strcmp(states[i].state, state) == 0)
            return states[i].version;
    }
    return state;
}

/*
 * "8.4.0-6; 9.7.1-rc1" came to two series one by one; a series between the two is without it.
 */
static gboolean is_since(const EngineVersion *tool, const char *since)
{
    if (since == NULL || strcmp(since, "-") == 0 || g_str_has_prefix(since, "<="))
        return TRUE;
    g_auto(GStrv) all = g_strsplit(since, "; ", -1);
    for (char **one = all; *one != NULL; one++) {
        EngineVersion version;
        if (!engine_version_parse(version_of_state(*one), &version))
            return FALSE;
        gboolean same = engine_version_same_series(tool, &version);
        if (same || engine_version_compare(tool, &version) < 0)
            return same && engine_version_compare(tool, &version) >= 0;
    }
    return TRUE; /* its series is newer than all that are named */
}

static gboolean is_until(const EngineVersion *tool, const char *until)
{
    EngineVersion version;
    if (until == NULL || strcmp(until, "-") == 0)
        return TRUE;
    return engine_version_parse(version_of_state(until), &version) &&
           (engine_version_same_series(tool, &version) ||
            engine_version_compare(tool, &version) <= 0);
}

gboolean engine_has_option(const char *version, const EngineOption *option)
{
    EngineVersion tool;
    if (option->since == NULL && option->until == NULL)
        return TRUE;
    return engine_version_parse(version, &tool) && is_since(&tool, option->since) &&
           is_until(&tool, option->until);
}

/* Of "-pSECRET" no more than what it is. */
static gboolean fail_no_option(const char *word, GError **error)
{
    gboolean is_short = word[0] == '-' && word[1] != '\0' && word[1] != '-';
    return fail(
        error, STATUS_CONFIG,
        "\"%.*s%s\" is no option for the engine" HINT("write --name=value, the name in full"),
        is_short ? 2 : (int)strlen(word), word, is_short ? "..." : "");
}

static gboolean check_word(const Engine *engine, const char *word, unsigned mode, GError **error)
{
    if (!g_str_has_prefix(word, "--") || word[2] == '\0')
        return fail_no_option(word, error);
    const char *equals = strchr(word, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(word + 2, (size_t)(equals - word - 2)) : g_strdup(word + 2);
    (void)g_strdelimit(name, "_", '-');
    gboolean prefixed = FALSE;
    const EngineOption *option = find_option(engine->family, name, &prefixed);
    if (option == NULL)
        return fail(error, STATUS_CONFIG,
                    "%s has no option --%s that we know" HINT("is it spelt right? else remove it"),
                    engine->name, name);
    g_autofree char *shown = g_strconcat("--", name, NULL); /* its value may be a secret */
    if (!refuse_flags(option, shown, mode, error))
        return FALSE;
    if (!engine_has_option(engine->version, option))
        return fail(error, STATUS_CONFIG, "%s %s has no option %s" HINT("remove it"), engine->name,
                    engine->version, shown);
    if (option->argument == OPTION_REQUIRED && equals == NULL && !prefixed)
        return fail(error, STATUS_CONFIG,
                    "the engine option %s lacks its value" HINT("write %s=value, without a space"),
                    word, word);
    return TRUE;
}

const char *engine_option_value(const char *const *words, const char *option)
{
    const char *value = NULL;
    for (; words != NULL && *words != NULL; words++) {
        size_t length = strcspn(*words, "=");
        g_autofree char *name = g_strndup(*words, length);
        (void)g_strdelimit(name, "_", '-');
        if (g_str_has_prefix(name, "--") && strcmp(name + 2, option) == 0)
            value = (*words)[length] == '=' ? *words + length + 1 : "ON";
    }
    return value;
}

gboolean engine_keeps_files_open(const Engine *engine, char *const *options)
{
    return engine->family->keeps_files_open &&
           engine_option_value((const char *const *)options, "close-files") == NULL;
}

char **engine_check_options(const Engine *engine, const char *text, EngineMode mode, GError **error)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_shell_parse_argv(text, NULL, &words, &failure)) {
        if (g_error_matches(failure, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
            return g_new0(char *, 1);
        (void)fail(error, STATUS_CONFIG, "cannot split the engine options \"%s\": %s", text,
                   failure->message);
        return NULL;
    }
    unsigned flag = mode == ENGINE_FOR_CAPTURE ? FOR_CAPTURE : FOR_PREPARE;
    gboolean good = TRUE;
    for (char **word = words; *word != NULL && good; word++)
        good = check_word(engine, *word, flag, error);
    if (good && engine->family->check_words != NULL)
        good = engine->family->check_words(engine, words, error);
    if (good)
        return g_steal_pointer(&words);
    g_prefix_error(error,
                   "in `%s`: ", mode == ENGINE_FOR_CAPTURE ? "engine_options" : "prepare_options");
    return NULL;
}
