/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "page.h"
#include "sample.h"

static char *escaped(const char *text)
{
    GString *out = g_string_new(NULL);
    html_text(out, text);
    return g_string_free(out, FALSE);
}

static char *shown(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    html_element(out, "p", NULL, text);
    g_auto(Page) page = page_read(out);
    return g_strdup(page.text->str);
}

Test(html, text_is_never_markup_and_what_cannot_be_seen_is_named)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"", ""},
        {"orders", "orders"},
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"a\" onclick='x' & b", "a&quot; onclick=&#39;x&#39; &amp; b"},
        {"&lt;", "&amp;lt;"},
        {"two\nlines\tand a tab", "two\nlines\tand a tab"},
        {"\x1b[2J\r\x01\x7f", "[U+001B][2J[U+000D][U+0001][U+007F]"},
        {"\xc2\x9b", "[U+009B]"},
        {"exe\xe2\x80\xaegpj.txt", "exe[U+202E]gpj.txt"},
        {"a\xe2\x81\xa6z\xe2\x81\xa9", "a[U+2066]z[U+2069]"},
        {"or\xe2\x80\x8b"
         "ders",
         "or[U+200B]ders"},
        {"\xe2\x80\xa8\xef\xbb\xbf", "[U+2028][U+FEFF]"},
        {"\xef\xbf\xbe", "[U+FFFE]"},
        {"\xff\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xd7\xa9\xd7\x9c \xf0\x9f\x92\xbe", "\xd7\xa9\xd7\x9c \xf0\x9f\x92\xbe"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = escaped(cases[i].text);
        cr_expect_str_eq(got, cases[i].wanted, "%s", got);
    }
}

Test(html, any_text_arrives_as_text_of_one_element)
{
    static const char *const tags[] = {"<b>", "</p>", "<!--", "]]>", "&amp;", "\xe2\x80\xae"};
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (int round = 0; round < 5000; round++) {
        g_autofree char *first = sample_hostile(random);
        g_autofree char *second = sample_hostile(random);
        const char *tag = tags[g_rand_int_range(random, 0, G_N_ELEMENTS(tags))];
        g_autofree char *text = g_strconcat(first, tag, second, NULL);
        g_autoptr(GString) out = g_string_new(NULL);
        html_element(out, "p", NULL, text);
        g_auto(Page) page = page_read(out);
        cr_expect(g_hash_table_size(page.elements) == 1, "%s", out->str);
        cr_expect(g_utf8_validate(page.text->str, -1, NULL), "%s", out->str);
        for (const char *at = page.text->str; *at != '\0'; at = g_utf8_next_char(at)) {
            gunichar character = g_utf8_get_char(at);
            cr_expect(*at == '\n' || *at == '\t' || g_unichar_isprint(character),
                      "U+%04X is in the page", character);
        }
    }
}

Test(html, text_without_anything_odd_is_shown_as_it_is)
{
    const char *text = "SELECT COUNT(*) > 0 AND 'a' <> \"b\" FROM größe -- 100 % & more";
    g_autofree char *got = shown(text);
    cr_expect_str_eq(got, text);
}

Test(html, of_a_megabyte_the_beginning_is_shown_with_its_size)
{
    g_autofree char *text = g_strnfill(1 << 20, '<');
    g_autofree char *got = shown(text);
    cr_expect(g_utf8_strlen(got, -1) < HTML_TEXT_MOST + 40);
    cr_expect(g_str_has_suffix(got, "… (1.0 MiB in all)"), "%s", got + HTML_TEXT_MOST);
    g_autofree char *wide = g_strnfill(HTML_TEXT_MOST, 'x');
    g_autofree char *all = shown(wide);
    cr_expect_str_eq(all, wide);
}

Test(html, no_character_is_cut_in_two)
{
    g_autoptr(GString) text = g_string_new("ab");
    for (int i = 0; i < 3000; i++)
        g_string_append(text, "\xf0\x9f\x92\xbe");
    g_autofree char *got = shown(text->str);
    cr_expect_null(strstr(got, "\xef\xbf\xbd"));
}

Test(html, durations_are_as_exact_as_they_are_short)
{
    static const struct {
        int64_t took;
        const char *wanted;
    } cases[] = {
        {0, "0.00 s"},
        {654000, "0.65 s"},
        {9994999, "9.99 s"},
        {9995000, "10.0 s"},
        {59949999, "59.9 s"},
        {59950000, "1m 00s"},
        {200 * G_USEC_PER_SEC, "3m 20s"},
        {7500 * (int64_t)G_USEC_PER_SEC, "2h 05m"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = html_took(cases[i].took);
        cr_expect_str_eq(got, cases[i].wanted, "%s", got);
    }
}

Test(html, times_are_utc_or_not_known)
{
    g_autofree char *time = html_time(SAMPLE_SUNDAY);
    g_autofree char *none = html_time(0);
    cr_expect_str_eq(time, "2026-11-22 02:00:00");
    cr_expect_str_eq(none, "not known");
}
