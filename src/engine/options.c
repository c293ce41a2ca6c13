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

static gboolean check_word(const Engine *engine, const char *word, unsigned mode, GError **error)
{
    if (!g_str_has_prefix(word, "--") || word[2] == '\0')
        return fail(
            error, STATUS_CONFIG,
            "\"%s\" is no option for the engine" HINT("write --name=value, the name in full"),
            word);
    const char *equals = strchr(word, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(word + 2, (size_t)(equals - word - 2)) : g_strdup(word + 2);
    (void)g_strdelimit(name, "_", '-');
    gboolean prefixed = FALSE;
    const EngineOption *option = find_option(engine->family, name, &prefixed);
    if (option == NULL)
        return fail(error, STATUS_CONFIG, "%s has no option --%s that we know", engine->name, name);
    g_autofree char *shown = g_strconcat("--", name, NULL); /* its value may be a secret */
    if (!refuse_flags(option, shown, mode, error))
        return FALSE;
    if (option->argument == OPTION_REQUIRED && equals == NULL && !prefixed)
        return fail(error, STATUS_CONFIG,
                    "the engine option %s lacks its value" HINT("write %s=value, without a space"),
                    word, word);
    return TRUE;
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
    for (char **word = words; *word != NULL; word++) {
        if (check_word(engine, *word, flag, error))
            continue;
        g_prefix_error(
            error, "in `%s`: ", mode == ENGINE_FOR_CAPTURE ? "engine_options" : "prepare_options");
        return NULL;
    }
    return g_steal_pointer(&words);
}
