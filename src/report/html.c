/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "base/clock.h"
#include "base/units.h"

#include <string.h>

/* ---- text ------------------------------------------------------------------------------------ */

static gboolean is_seen(gunichar character)
{
    if (character == '\n' || character == '\t')
        return TRUE;
    if ((character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef))
        return FALSE;
    switch ((int)g_unichar_type(character)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return FALSE;
    default:
        return TRUE;
    }
}

static const char *entity(gunichar character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void add_character(GString *out, gunichar character)
{
    const char *escaped = entity(character);
    if (escaped != NULL)
        g_string_append(out, escaped);
    else if (is_seen(character))
        g_string_append_unichar(out, character);
    else
        g_string_append_printf(out, "[U+%04X]", character);
}

/* A megabyte of a server's words is not made valid as a whole to show its beginning. */
static char *beginning(const char *text, gboolean *cut)
{
    size_t length = strnlen(text, HTML_TEXT_MOST * 4 + 1);
    *cut = length > (size_t)HTML_TEXT_MOST * 4;
    return g_utf8_make_valid(text, (gssize)MIN(length, (size_t)HTML_TEXT_MOST * 4));
}

void html_text(GString *out, const char *text)
{
    gboolean cut = FALSE;
    g_autofree char *valid = beginning(text, &cut);
    int count = 0;
    const char *at = valid;
    for (; *at != '\0' && count < HTML_TEXT_MOST; at = g_utf8_next_char(at), count++)
        add_character(out, g_utf8_get_char(at));
    if (*at == '\0' && !cut)
        return;
    g_autofree char *size = units_size(strlen(text));
    g_string_append_printf(out, "… (%s in all)", size);
}

void html_print(GString *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    html_text(out, text);
}

/* ---- elements -------------------------------------------------------------------------------- */

void html_element(GString *out, const char *tag, const char *class, const char *text)
{
    if (class != NULL)
        g_string_append_printf(out, "<%s class=\"%s\">", tag, class);
    else
        g_string_append_printf(out, "<%s>", tag);
    html_text(out, text);
    g_string_append_printf(out, "</%s>", tag);
}

void html_row_heading(GString *out, const char *text)
{
    html_markup(out, "<th scope=\"row\">");
    html_text(out, text);
    html_markup(out, "</th>");
}

void html_cell(GString *out, const char *text)
{
    html_element(out, "td", NULL, text);
}

void html_cell_take(GString *out, char *text)
{
    html_cell(out, text);
    g_free(text);
}

void html_word(GString *out, const char *text)
{
    html_element(out, "td", "word", text);
}

void html_word_take(GString *out, char *text)
{
    html_word(out, text);
    g_free(text);
}

void html_number_take(GString *out, char *text)
{
    html_element(out, "td", "number", text);
    g_free(text);
}

void html_fact(GString *out, const char *term, const char *text)
{
    html_markup(out, "<div>");
    html_element(out, "dt", NULL, term);
    html_element(out, "dd", NULL, text);
    html_markup(out, "</div>\n");
}

void html_fact_take(GString *out, const char *term, char *text)
{
    html_fact(out, term, text);
    g_free(text);
}

void html_table_start(GString *out, const char *caption, const char *const *headings)
{
    html_markup(out, "<div class=\"scroll\" tabindex=\"0\"><table>\n");
    html_element(out, "caption", NULL, caption);
    html_markup(out, "\n<thead><tr>");
    for (size_t i = 0; headings[i] != NULL; i++) {
        gboolean right = headings[i][0] == '>';
        g_string_append_printf(out, "<th scope=\"col\"%s>", right ? " class=\"number\"" : "");
        html_text(out, headings[i] + (right ? 1 : 0));
        html_markup(out, "</th>");
    }
    html_markup(out, "</tr></thead>\n<tbody>\n");
}

void html_table_end(GString *out)
{
    html_markup(out, "</tbody></table></div>\n");
}

/* ---- values ---------------------------------------------------------------------------------- */

char *html_took(int64_t microseconds)
{
    double seconds = (double)microseconds / G_USEC_PER_SEC;
    if (seconds < 9.995)
        return g_strdup_printf("%.2f s", seconds);
    if (seconds < 59.95)
        return g_strdup_printf("%.1f s", seconds);
    return units_duration((microseconds + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC);
}

char *html_time(int64_t seconds)
{
    if (seconds == 0)
        return g_strdup("not known");
    char *text = clock_format(seconds);
    return g_strchomp(g_strdelimit(text, "TZ", ' '));
}
