/* SPDX-License-Identifier: MIT */
#include "config/options.h"
#include "config/value.h"

#include <string.h>

enum { WIDTH = 98 };

/* "keep_days: days of ... (a whole number from 0 to 100000; default 0)". */
static char *describe(const Option *option)
{
    GString *text = g_string_new(option->sentence);
    g_autofree char *allowed = value_allowed(option);
    g_string_append_printf(text, " (%s", allowed);
    if (option->fallback == NULL)
        g_string_append(text, "; must be given");
    else if (option->fallback[0] != '\0')
        g_string_append_printf(text, "; default %s", option->fallback);
    if (option->used_by != NULL)
        g_string_append_printf(text, "; for %s", option->used_by);
    g_string_append(text, option->secret ? "; secret)" : ")");
    return g_string_free(text, FALSE);
}

/* Breaks the text at blanks; each line begins with `margin`. */
static void append_wrapped(GString *out, const char *margin, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    size_t column = 0;
    for (char **word = words; *word != NULL; word++) {
        gboolean fits = column > 0 && column + 1 + strlen(*word) <= WIDTH;
        if (!fits && column > 0)
            g_string_append_c(out, '\n');
        const char *before = fits ? " " : margin;
        g_string_append_printf(out, "%s%s", before, *word);
        column = (fits ? column : 0) + strlen(before) + strlen(*word);
    }
    g_string_append_c(out, '\n');
}

static const char *example_of(const Option *option)
{
    if (option->example != NULL)
        return option->example;
    return option->fallback != NULL ? option->fallback : "";
}

/* The two sections that a first backup needs stand there already; all the rest is commented. */
static gboolean is_needed(const OptionSection *section)
{
    return g_str_equal(section->word, "global") || g_str_equal(section->word, "instance");
}

static void sample_section(const OptionSection *section, GString *out)
{
    g_string_append_c(out, '\n');
    append_wrapped(out, "# ", section->sentence);
    g_string_append_printf(out, "%s[%s%s%s]\n", is_needed(section) ? "" : "#", section->word,
                           section->example != NULL ? " " : "",
                           section->example != NULL ? section->example : "");
    if (g_str_equal(section->word, "assert"))
        g_string_append(out, "#orders-not-empty = SELECT COUNT(*) > 0 FROM shop.orders\n");
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (!g_str_equal(option->section, section->word))
            continue;
        g_autofree char *text = describe(option);
        g_string_append_c(out, '\n');
        append_wrapped(out, "# ", text);
        const char *example = example_of(option);
        g_string_append_printf(out, "#%s =%s%s\n", option->key, example[0] != '\0' ? " " : "",
                               example);
    }
}

void options_sample(GString *out)
{
    g_string_append(
        out,
        "# Configuration of lsnchain: every key there is, with its default or an example.\n"
        "#\n"
        "# For a first backup take the '#' from two lines: repository and defaults_file.\n"
        "# Belongs to /etc/lsnchain/lsnchain.conf; parts of it may stand in conf.d/*.conf beside\n"
        "# it. One key to a line; a comment on a line of its own, for a ';' or '#' within a value\n"
        "# belongs to the value. Owner root or the user that runs lsnchain; mode 0640 or less\n"
        "# where a secret is inside. `lsnchain config show` tells what holds and where it is "
        "from.\n"
        "# (made from the option table by scripts/docs)\n");
    for (const OptionSection *section = options_sections(); section->word != NULL; section++)
        sample_section(section, out);
}

/* Text in a cell of a table: a '|' would end it, '<' and '*' mean something. */
static void append_cell(GString *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr("|<*_", *at) != NULL)
            g_string_append_c(out, '\\');
        g_string_append_c(out, *at);
    }
    g_string_append(out, " |");
}

static void markdown_row(const Option *option, GString *out)
{
    g_autofree char *allowed = value_allowed(option);
    g_string_append_printf(out, "| `%s` | ", option->key);
    if (option->fallback == NULL)
        g_string_append(out, "must be given | ");
    else if (option->fallback[0] == '\0')
        g_string_append(out, "| ");
    else
        g_string_append_printf(out, "`%s` | ", option->fallback);
    append_cell(out, allowed);
    const char *types = option->used_by != NULL ? option->used_by : "";
    g_autofree char *meaning = g_strconcat(" ", option->sentence, *types != '\0' ? "; for " : "",
                                           types, option->secret ? "; secret" : "", NULL);
    append_cell(out, meaning);
    g_string_append_c(out, '\n');
}

static void markdown_section(const OptionSection *section, GString *out)
{
    static const char *const titles[] = {"", " [NAME]", " NAME"};
    g_string_append_printf(out, "\n## `[%s%s]`\n\n%s\n\n", section->word, titles[section->name],
                           section->sentence);
    if (g_str_equal(section->word, "assert")) {
        g_string_append(out, "```\n[assert shop]\n"
                             "orders-not-empty = SELECT COUNT(*) > 0 FROM shop.orders\n```\n");
        return;
    }
    g_string_append(out, "| key | default | allowed | |\n|---|---|---|---|\n");
    for (const Option *option = options_table(); option->section != NULL; option++) {
        if (g_str_equal(option->section, section->word))
            markdown_row(option, out);
    }
}

void options_markdown(GString *out)
{
    g_string_append(
        out,
        "# Configuration\n"
        "\n"
        "<!-- made from the option table by scripts/docs: change src/config/options.c -->\n"
        "\n"
        "lsnchain reads `/etc/lsnchain/lsnchain.conf`, then `/etc/lsnchain/conf.d/*.conf` in the\n"
        "order of their names; or the one file that `-c FILE` names. No environment variable\n"
        "changes what is done. `lsnchain config show` prints every value and where it came from.\n"
        "\n"
        "One `key = value` to a line. A comment begins with `#` or `;` and stands on a line of "
        "its\n"
        "own: within a value both belong to the value. An unknown key, a value outside its limits\n"
        "and a key that is given twice, even in two files, are errors (exit status 10) that name\n"
        "file and line. Durations end in `s`, `m`, `h`, `d` or `w`; sizes are bytes, or end in\n"
        "`K`, `M`, `G` or `T` (1024 each). Paths are absolute.\n"
        "\n"
        "A file is refused when\n"
        "\n"
        "* it belongs to another user than root and the one that runs lsnchain,\n"
        "* its group or others can write it,\n"
        "* it holds a secret, and others, or a group that is not the running user's own, can read\n"
        "  it (`root:lsnchain` with mode 0640 is fine). A webhook's `url` is a secret.\n");
    for (const OptionSection *section = options_sections(); section->word != NULL; section++)
        markdown_section(section, out);
}

void options_help(GString *out)
{
    static const char *const titles[] = {"", " [NAME]", " NAME"};
    for (const OptionSection *section = options_sections(); section->word != NULL; section++) {
        g_string_append_printf(out, "%s[%s%s]\n", out->len > 0 ? "\n" : "", section->word,
                               titles[section->name]);
        append_wrapped(out, "  ", section->sentence);
        for (const Option *option = options_table(); option->section != NULL; option++) {
            if (!g_str_equal(option->section, section->word))
                continue;
            g_autofree char *text = describe(option);
            g_string_append_printf(out, "\n  %s\n", option->key);
            append_wrapped(out, "      ", text);
        }
    }
}
