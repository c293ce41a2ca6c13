/* SPDX-License-Identifier: MIT */
#include "alert/markup.h"

#include <glib.h>
#include <string.h>

/* Appends the character at `at`, which lies in `text`, the way it has to be written. */
typedef void EscapeFn(GString *out, const char *text, const char *at);

static void append_character(GString *out, const char *at)
{
    g_string_append_len(out, at, g_utf8_next_char(at) - at);
}

static void escape_slack(GString *out, const char *text, const char *at)
{
    (void)text;
    if (*at == '&')
        g_string_append(out, "&amp;");
    else if (*at == '<')
        g_string_append(out, "&lt;");
    else if (*at == '>')
        g_string_append(out, "&gt;");
    else
        append_character(out, at);
}

static gboolean begins_line(const char *text, const char *at)
{
    while (at > text && at[-1] == ' ')
        at--;
    return at == text || at[-1] == '\n';
}

/* "1." and "1)" at the start of a line are a list. */
static gboolean ends_number(const char *text, const char *at)
{
    const char *digits = at;
    while (digits > text && g_ascii_isdigit(digits[-1]))
        digits--;
    return digits < at && begins_line(text, digits);
}

/* As in backup_failed: no emphasis begins or ends there. */
static gboolean within_word(const char *text, const char *at)
{
    return at > text && g_ascii_isalnum(at[-1]) && g_ascii_isalnum(at[1]);
}

static gboolean acts_in_card(const char *text, const char *at)
{
    if (strchr("\\`*[]<>~&{", *at) != NULL)
        return TRUE;
    if (*at == '_')
        return !within_word(text, at);
    if (strchr("-+#", *at) != NULL)
        return begins_line(text, at);
    if (*at == '(')
        return at > text && at[-1] == ']';
    return (*at == '.' || *at == ')') && ends_number(text, at);
}

static void escape_card(GString *out, const char *text, const char *at)
{
    if (*at == '\n')
        g_string_append_c(out, '\n');
    else if (acts_in_card(text, at))
        g_string_append_c(out, '\\');
    append_character(out, at);
}

static void escape_servicenow(GString *out, const char *text, const char *at)
{
    (void)text;
    if (g_ascii_strncasecmp(at, "[code]", 6) == 0 || g_ascii_strncasecmp(at, "[/code]", 7) == 0)
        g_string_append_c(out, '(');
    else
        append_character(out, at);
}

static char *escape(const char *text, size_t room, EscapeFn *escape_one)
{
    GString *out = g_string_new(NULL);
    size_t characters = 0;
    gsize fits = 0; /* bytes that leave room for the mark of the cut */
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        const gsize start = out->len;
        escape_one(out, text, at);
        characters += (size_t)g_utf8_strlen(out->str + start, -1);
        if (characters > room) {
            g_string_truncate(out, fits);
            g_string_append(out, "…");
            break;
        }
        if (characters < room)
            fits = out->len;
    }
    return g_string_free(out, FALSE);
}

char *markup_slack(const char *text, size_t room)
{
    return escape(text, room, escape_slack);
}

char *markup_card(const char *text, size_t room)
{
    return escape(text, room, escape_card);
}

char *markup_servicenow(const char *text, size_t room)
{
    return escape(text, room, escape_servicenow);
}
