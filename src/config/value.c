/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include "base/units.h"
#include "config/config.h"

#include <string.h>

/* Checks the text and, where there is a field, fills it. */
typedef gboolean SetFn(const Option *option, const char *text, void *field);

static gboolean store(const char *text, void *field)
{
    if (field != NULL) {
        char **place = field;
        g_free(*place);
        *place = g_strdup(text);
    }
    return TRUE;
}

/* Which of the option's words this is; -1: none. */
static int find_word(const Option *option, const char *text)
{
    g_auto(GStrv) words = g_strsplit(option->words, " ", -1);
    for (int i = 0; words[i] != NULL; i++) {
        if (g_str_equal(words[i], text))
            return i;
    }
    return -1;
}

/* A text may be empty where nothing is the default; a key that must be given wants something. */
static gboolean may_be_empty(const Option *option)
{
    return option->fallback != NULL && option->fallback[0] == '\0';
}

static gboolean set_text(const Option *option, const char *text, void *field)
{
    return (text[0] != '\0' || may_be_empty(option)) && store(text, field);
}

/*
 * One spelling, so that two keys which name one file are equal: without "//", "/./" and a slash at
 * the end.  ".." stays: what it leads to, the file system alone knows.
 */
static gboolean set_path(const Option *option, const char *text, void *field)
{
    if (text[0] == '\0')
        return may_be_empty(option) && store(text, field);
    if (text[0] != '/')
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(text, "/", -1);
    g_autoptr(GString) path = g_string_new(NULL);
    for (char **part = parts; *part != NULL; part++) {
        if (**part != '\0' && !g_str_equal(*part, "."))
            g_string_append_printf(path, "/%s", *part);
    }
    return store(path->len > 0 ? path->str : "/", field);
}

static gboolean set_program(const Option *option, const char *text, void *field)
{
    if (text[0] == '/')
        return text[strlen(text) - 1] != '/' && store(text, field);
    return find_word(option, text) >= 0 && store(text, field);
}

static gboolean set_arguments(const Option *option, const char *text, void *field)
{
    g_auto(GStrv) words = NULL;
    if (text[0] == '\0')
        return may_be_empty(option) && store(text, field);
    return g_shell_parse_argv(text, NULL, &words, NULL) && store(text, field);
}

static gboolean set_schema(const Option *option, const char *text, void *field)
{
    (void)option;
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    gboolean good = length > 0 && length <= 64 && text[length] == '\0' && !g_ascii_isdigit(text[0]);
    return good && store(text, field);
}

static gboolean set_url(const Option *option, const char *text, void *field)
{
    if (text[0] == '\0')
        return may_be_empty(option) && store(text, field);
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_ENCODED, NULL);
    if (strpbrk(text, " \t") != NULL) /* GLib lets them pass */
        return FALSE;
    if (uri == NULL || find_word(option, g_uri_get_scheme(uri)) < 0)
        return FALSE;
    const char *host = g_uri_get_host(uri);
    return host != NULL && host[0] != '\0' && store(text, field);
}

/* Standard Webhooks asks for 24 to 64 bytes; less than 16 would be a secret in name only. */
static gboolean is_signing_key(const char *text)
{
    static const char prefix[] = "whsec_";
    if (!g_str_has_prefix(text, prefix))
        return FALSE;
    const char *base64 = text + strlen(prefix);
    size_t length = 0;
    g_autofree guchar *bytes = g_base64_decode(base64, &length);
    g_autofree char *again = g_base64_encode(bytes, length);
    return length >= 16 && g_str_equal(again, base64); /* the decoder skips what it does not know */
}

static gboolean set_signing_keys(const Option *option, const char *text, void *field)
{
    if (text[0] == '\0')
        return may_be_empty(option) && store(text, field);
    g_auto(GStrv) keys = g_strsplit(text, " ", -1);
    gboolean good = g_strv_length(keys) <= 2;
    for (char **key = keys; *key != NULL; key++)
        good = good && is_signing_key(*key);
    return good && store(text, field);
}

static gboolean set_word(const Option *option, const char *text, void *field)
{
    return find_word(option, text) >= 0 && store(text, field);
}

static gboolean set_choice(const Option *option, const char *text, void *field)
{
    int which = find_word(option, text);
    if (which >= 0 && field != NULL)
        *(int *)field = which;
    return which >= 0;
}

static gboolean set_names(const Option *option, const char *text, void *field)
{
    (void)option;
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    for (char **part = parts; *part != NULL; part++) {
        if (!config_is_name(g_strstrip(*part)))
            return FALSE;
        g_strv_builder_add(names, *part);
    }
    if (field != NULL) {
        char ***place = field;
        g_strfreev(*place);
        *place = g_strv_builder_end(names);
    }
    return TRUE;
}

static gboolean set_flag(const Option *option, const char *text, void *field)
{
    (void)option;
    gboolean yes = g_str_equal(text, "yes");
    if (!yes && !g_str_equal(text, "no"))
        return FALSE;
    if (field != NULL)
        *(gboolean *)field = yes;
    return TRUE;
}

static gboolean read_number(OptionType type, const char *text, int64_t *number)
{
    uint64_t plain = 0;
    if (type == OPTION_DURATION)
        return units_parse_duration(text, number);
    gboolean good = type == OPTION_SIZE
                        ? units_parse_size(text, &plain)
                        : g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &plain, NULL);
    *number = (int64_t)plain; /* neither goes beyond G_MAXINT64 */
    return good;
}

static gboolean read_within(const Option *option, const char *text, int64_t *number)
{
    int64_t least = 0;
    int64_t most = 0;
    if (!read_number(option->type, text, number))
        return FALSE;
    if (*number == 0 && option->zero != NULL)
        return TRUE;
    return read_number(option->type, option->least, &least) &&
           read_number(option->type, option->most, &most) && least <= *number && *number <= most;
}

static gboolean set_count(const Option *option, const char *text, void *field)
{
    int64_t number = 0;
    if (!read_within(option, text, &number))
        return FALSE;
    if (field != NULL)
        *(int *)field = (int)number;
    return TRUE;
}

static gboolean set_duration(const Option *option, const char *text, void *field)
{
    int64_t number = 0;
    if (!read_within(option, text, &number))
        return FALSE;
    if (field != NULL)
        *(int64_t *)field = number;
    return TRUE;
}

static gboolean set_size(const Option *option, const char *text, void *field)
{
    int64_t number = 0;
    if (!read_within(option, text, &number))
        return FALSE;
    if (field != NULL)
        *(uint64_t *)field = (uint64_t)number;
    return TRUE;
}

/* clang-format off */
static const struct {
    SetFn *set;
    const char *allowed; /* followed by the words, where the option has some */
    const char *after;
} types[] = {
    [OPTION_TEXT]         = {set_text,         "text", ""},
    [OPTION_PATH]         = {set_path,         "an absolute path", ""},
    [OPTION_PROGRAM]      = {set_program,      "", "; or an absolute path"},
    [OPTION_ARGUMENTS]    = {set_arguments,    "options with balanced quotes, as in a shell", ""},
    [OPTION_SCHEMA]       = {set_schema,       "letters, digits and '_', at most 64, no digit first", ""},
    [OPTION_URL]          = {set_url,          "an address with a host; its scheme is ", ""},
    [OPTION_SIGNING_KEYS] = {set_signing_keys, "whsec_ and at least 16 bytes in base64; while they rotate two, with a space between", ""},
    [OPTION_WORD]         = {set_word,         "", ""},
    [OPTION_CHOICE]       = {set_choice,       "", ""},
    [OPTION_NAMES]        = {set_names,        "names with commas between", ""},
    [OPTION_FLAG]         = {set_flag,         "yes or no", ""},
    [OPTION_COUNT]        = {set_count,        "a whole number", ""},
    [OPTION_DURATION]     = {set_duration,     "a duration in s, m, h, d or w,", ""},
    [OPTION_SIZE]         = {set_size,         "a size in bytes, or with K, M, G or T,", ""},
};
/* clang-format on */

gboolean value_set(const Option *option, const char *text, void *target)
{
    void *field = target != NULL ? G_STRUCT_MEMBER_P(target, option->at) : NULL;
    return types[option->type].set(option, text, field);
}

void value_clear(const Option *option, void *target)
{
    void *field = G_STRUCT_MEMBER_P(target, option->at);
    if (option->type == OPTION_NAMES)
        g_clear_pointer((char ***)field, g_strfreev);
    else if (option->type < OPTION_CHOICE)
        g_clear_pointer((char **)field, g_free);
}

/* "none, files or queries". */
static void append_words(GString *out, const char *words)
{
    g_auto(GStrv) each = g_strsplit(words, " ", -1);
    guint count = g_strv_length(each);
    for (guint i = 0; i < count; i++) {
        const char *joint = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        g_string_append_printf(out, "%s%s", joint, each[i]);
    }
}

char *value_allowed(const Option *option)
{
    GString *out = g_string_new(types[option->type].allowed);
    if (option->words != NULL)
        append_words(out, option->words);
    g_string_append(out, types[option->type].after);
    if (option->least != NULL)
        g_string_append_printf(out, " from %s to %s", option->least, option->most);
    if (option->zero != NULL)
        g_string_append_printf(out, "; 0: %s", option->zero);
    return g_string_free(out, FALSE);
}

gboolean value_is_secret(const Option *option, const char *text)
{
    if (!option->secret || text[0] == '\0')
        return FALSE;
    gboolean mail = option->type == OPTION_URL && g_str_has_prefix(text, "smtp");
    return !mail || strchr(text, '@') != NULL;
}

char *value_shown(const Option *option, const char *text)
{
    if (!value_is_secret(option, text))
        return g_strdup(text);
    g_autoptr(GUri) uri = NULL;
    if (option->type == OPTION_URL)
        uri = g_uri_parse(text, G_URI_FLAGS_ENCODED, NULL);
    if (uri == NULL || g_uri_get_host(uri) == NULL)
        return g_strdup("(hidden)");
    return g_strdup_printf("%s://%s/(hidden)", g_uri_get_scheme(uri), g_uri_get_host(uri));
}
