/* SPDX-License-Identifier: MIT */
#include "alert/markup.h"

#include <criterion/criterion.h>
#include <glib.h>
#include <string.h>

typedef struct {
    const char *text, *slack, *card;
} Case;

/* clang-format off */
static const Case cases[] = {
    {"", "", ""},
    {"the chain of shop is broken", "the chain of shop is broken", "the chain of shop is broken"},
    {"<!channel> <@U123>", "&lt;!channel&gt; &lt;@U123&gt;", "\\<!channel\\> \\<@U123\\>"},
    {"&lt;", "&amp;lt;", "\\&lt;"},
    {"@here", "@here", "@here"},
    {"[x](javascript:y)", "[x](javascript:y)", "\\[x\\]\\(javascript:y)"},
    {"(pid 5)", "(pid 5)", "(pid 5)"},
    {"*a* _b_ `c` ~d~", "*a* _b_ `c` ~d~", "\\*a\\* \\_b\\_ \\`c\\` \\~d\\~"},
    {"a_b _a_ a_ _ é_é a__b", "a_b _a_ a_ _ é_é a__b", "a_b \\_a\\_ a\\_ \\_ é\\_é a\\_\\_b"},
    {"\\[", "\\[", "\\\\\\["},
    {"{{DATE(2017)}} {{summary}}", "{{DATE(2017)}} {{summary}}", "\\{\\{DATE(2017)}} \\{\\{summary}}"},
    {"- a\n + b\n# c - d", "- a\n + b\n# c - d", "\\- a\n\n \\+ b\n\n\\# c - d"},
    {"1. a\n22) b\n3.5 c1. (1)", "1. a\n22) b\n3.5 c1. (1)", "1\\. a\n\n22\\) b\n\n3\\.5 c1. (1)"},
    {". a\n) b", ". a\n) b", ". a\n\n) b"},
    {"\"quoted\" 'too'", "\"quoted\" 'too'", "\"quoted\" 'too'"},
    {"é…€", "é…€", "é…€"},
};
/* clang-format on */

Test(markup, takes_from_text_what_would_act_and_nothing_else)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *slack = markup_slack(cases[i].text, 1000);
        g_autofree char *card = markup_card(cases[i].text, 1000);
        cr_expect_str_eq(slack, cases[i].slack);
        cr_expect_str_eq(card, cases[i].card);
    }
}

Test(markup, gives_servicenow_no_html_and_leaves_all_else_as_it_is)
{
    static const char *const texts[][2] = {
        {"a [code]<b>[/code] c", "a (code]<b>(/code] c"},
        {"[CoDe]x[/CODE]", "(CoDe]x(/CODE]"},
        {"[[code]]", "[(code]]"},
        {"[cod] [codes] ](/code", "[cod] [codes] ](/code"},
        {"<!channel> & *a*\n^", "<!channel> & *a*\n^"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *got = markup_servicenow(texts[i][0], 1000);
        cr_expect_str_eq(got, texts[i][1]);
    }
}

Test(markup, keeps_its_limit_after_the_escapes_and_cuts_between_two)
{
    static const struct {
        const char *text;
        size_t room;
        const char *slack;
    } limits[] = {
        {"abc", 3, "abc"},  {"abcd", 3, "ab…"},  {"éééé", 3, "éé…"},    {"<<", 8, "&lt;&lt;"},
        {"<<", 7, "&lt;…"}, {"<<<", 8, "&lt;…"}, {"a&b", 7, "a&amp;b"}, {"a&b", 6, "a…"},
        {"a&b", 1, "…"},    {"abc&", 5, "abc…"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_autofree char *slack = markup_slack(limits[i].text, limits[i].room);
        cr_expect_str_eq(slack, limits[i].slack);
    }
}

Test(markup, never_gives_more_than_there_is_room_for)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_string_append_printf(text, "%s\n&", cases[i].text);
    for (size_t room = 1; room < text->len; room++) {
        g_autofree char *slack = markup_slack(text->str, room);
        g_autofree char *card = markup_card(text->str, room);
        cr_expect_leq((size_t)g_utf8_strlen(slack, -1), room);
        cr_expect_leq((size_t)g_utf8_strlen(card, -1), room);
    }
}
