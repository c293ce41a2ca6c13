/* SPDX-License-Identifier: MIT */
/* page: reads a page as a browser would, for the tests of the drill report. */
#ifndef LSNCHAIN_TESTS_PAGE_H
#define LSNCHAIN_TESTS_PAGE_H

#include <criterion/criterion.h>
#include <glib.h>
#include <string.h>

typedef struct {
    GString *text;          /* all of it, without the style */
    GHashTable *elements;   /* names */
    GHashTable *attributes; /* names */
    guint rows;             /* of tables */
} Page;

static inline void page_clear(Page *page)
{
    g_string_free(page->text, TRUE);
    g_hash_table_unref(page->elements);
    g_hash_table_unref(page->attributes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Page, page_clear)

static inline void page_on_element(GMarkupParseContext *context, const char *name,
                                   const char **names, const char **values, gpointer data,
                                   GError **error)
{
    (void)context;
    (void)error;
    Page *page = data;
    (void)g_hash_table_add(page->elements, g_strdup(name));
    page->rows += g_str_equal(name, "tr") ? 1 : 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        (void)g_hash_table_add(page->attributes, g_strdup(names[i]));
        if (g_str_equal(names[i], "href"))
            cr_expect(values[i][0] == '#', "%s leads away", values[i]);
    }
}

static inline void page_on_text(GMarkupParseContext *context, const char *text, gsize length,
                                gpointer data, GError **error)
{
    (void)error;
    Page *page = data;
    if (!g_str_equal(g_markup_parse_context_get_element(context), "style"))
        g_string_append_len(page->text, text, (gssize)length);
}

/* Demands that every element is closed and every character one that may stand there. */
static inline Page page_read(const GString *html)
{
    static const GMarkupParser parser = {.start_element = page_on_element, .text = page_on_text};
    Page page = {
        .text = g_string_new(NULL),
        .elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GMarkupParseContext) context =
        g_markup_parse_context_new(&parser, G_MARKUP_DEFAULT_FLAGS, &page, NULL);
    cr_expect(g_markup_parse_context_parse(context, html->str, (gssize)html->len, &error) &&
                  g_markup_parse_context_end_parse(context, &error),
              "%s", error != NULL ? error->message : "");
    return page;
}

static inline void page_expect(const Page *page, const char *text)
{
    cr_expect_not_null(strstr(page->text->str, text), "the page does not say '%s'", text);
}

static inline void page_expect_not(const Page *page, const char *text)
{
    cr_expect_null(strstr(page->text->str, text), "the page says '%s'", text);
}

#endif
