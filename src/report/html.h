/* SPDX-License-Identifier: MIT */
/*
 * html: pieces of a page.
 *
 * Text goes through html_text() and nothing else; markup is a literal of this program.  So no name
 * of a table and no message of a server can become markup, hide behind control characters or turn
 * the direction of what stands beside it.
 */
#ifndef LSNCHAIN_REPORT_HTML_H
#define LSNCHAIN_REPORT_HTML_H

#include <glib.h>
#include <stdint.h>

/* Of a longer text the beginning is shown, and how long it is. */
enum { HTML_TEXT_MOST = 1000 };

/* The empty literals on both sides refuse anything but a literal. */
#define html_markup(out, literal) ((void)g_string_append((out), "" literal ""))

/*
 * Any bytes, as text between tags or in a quoted attribute: valid UTF-8, escaped.  What cannot be
 * seen (control and format characters, those that turn the direction, what is no character at all)
 * is shown as [U+202E]; line breaks and tabs stay.
 */
void html_text(GString *out, const char *text);
void html_print(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* <tag class="class">text</tag>; no class for NULL.  `tag` and `class` are literals. */
void html_element(GString *out, const char *tag, const char *class, const char *text);

/* The cell that names its row. */
void html_row_heading(GString *out, const char *text);
/* Cells of a row: text; words that stand on one line; a number.  Those that take a text free it. */
void html_cell(GString *out, const char *text);
void html_cell_take(GString *out, char *text);
void html_word(GString *out, const char *text);
void html_word_take(GString *out, char *text);
void html_number_take(GString *out, char *text);

/* A term and what it is, in a <dl>. */
void html_fact(GString *out, const char *term, const char *text);
void html_fact_take(GString *out, const char *term, char *text);

/* A table that scrolls by itself where the screen is narrow; `headings` is NULL-terminated, '>'
 * before one aligns its column to the right. */
void html_table_start(GString *out, const char *caption, const char *const *headings);
void html_table_end(GString *out);

/* "0.65 s", "12.3 s", "3m 20s". */
char *html_took(int64_t microseconds);
/* "2026-11-24 02:10:00", which is UTC; "not known" for 0. */
char *html_time(int64_t seconds);

#endif
