/* SPDX-License-Identifier: MIT */
#include "config/ini.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

/* Writes down what arrives: "[a]" for a section, "a.k=v@3" for an entry on line 3. */
static gboolean write_down(const char *section, const char *key, const char *value, unsigned line,
                           void *data, GError **error)
{
    GString *out = data;
    if (key == NULL)
        g_string_append_printf(out, "[%s]", section);
    else if (g_str_equal(key, "stop"))
        return fail(error, STATUS_REFUSED, "%s was said", value);
    else
        g_string_append_printf(out, "%s.%s=%s@%u ", section, key, value, line);
    return TRUE;
}

/* What arrives of a text, or the message of its error. */
static char *read_bytes(const char *text, size_t length)
{
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);
    if (!ini_read(text, length, "x.ini", &(IniReader){STATUS_CATALOG, write_down, out}, &error)) {
        cr_expect(error_status(error) == STATUS_CATALOG || strstr(text, "stop") != NULL,
                  "the status of: %s", error->message);
        g_string_assign(out, error->message);
    }
    return g_string_free(out, FALSE);
}

static void expect(const char *text, const char *wanted)
{
    g_autofree char *got = read_bytes(text, strlen(text));
    cr_expect_str_eq(got, wanted);
}

Test(ini, hands_on_sections_keys_and_lines)
{
    expect("", "");
    expect("[a]\nk = v\n\n# c\n ; c\n[b c]\nl=w", "[a]a.k=v@2 [b c]b c.l=w@7 ");
    expect("[a]\n", "[a]");
    expect("  [a]  \n\tk\t=\tv w\t\n", "[a]a.k=v w@2 ");
    expect("[a]\nempty =\nsame=", "[a]a.empty=@2 a.same=@3 ");
    expect("[a]\nk = \xc3\xa4\xe2\x82\xac\n", "[a]a.k=\xc3\xa4\xe2\x82\xac@2 ");
}

Test(ini, takes_crlf_and_a_byte_order_mark)
{
    expect("\xef\xbb\xbf[a]\r\nk = v\r\n", "[a]a.k=v@2 ");
    expect("\xef\xbb\xbf", "");
    expect("\xef\xbb\xbf"
           "[a]\n\xef\xbb\xbfk = v\n",
           "[a]a.\xef\xbb\xbfk=v@2 ");
}

Test(ini, leaves_semicolons_hashes_quotes_and_separators_in_a_value)
{
    expect("[a]\np = x ; y # z\n", "[a]a.p=x ; y # z@2 ");
    expect("[a]\np = ;x\n", "[a]a.p=;x@2 ");
    expect("[a]\np = \"x\" = [y] : z\\\n", "[a]a.p=\"x\" = [y] : z\\@2 ");
}

Test(ini, takes_an_indented_line_for_itself)
{
    expect("[a]\n  p = x\n  q = y\n", "[a]a.p=x@2 a.q=y@3 ");
    expect("[a]\np = x\n  y\n", "x.ini:3: neither a [section] nor a key = value");
}

Test(ini, refuses_what_inih_would_misread)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"k = v\n", "x.ini:1: a key before the first [section]"},
        {"[a]\n= v\n", "x.ini:2: a value without a key"},
        {"[a]\nk\n", "x.ini:2: neither a [section] nor a key = value"},
        {"[a]\nk: v\n", "x.ini:2: neither a [section] nor a key = value"},
        {"[a]\nk: v = w\n", "x.ini:2: a ':' in the key\nhint: only '=' separates key and value"},
        {"[a\nk = v\n", "x.ini:1: the section has no closing ']'"},
        {"[]\n", "x.ini:1: the section has no name"},
        {"[ a ]\n", "x.ini:1: blanks around the section's name"},
        {"[a] b\n", "x.ini:1: something stands behind the section's ']'\n"
                    "hint: put a comment on a line of its own"},
        {"[a]]\n", "x.ini:1: something stands behind the section's ']'\n"
                   "hint: put a comment on a line of its own"},
        {"[a]\nk = \x01\n", "x.ini:2: a control character (byte 0x01) in column 5"},
        {"[a]\nk = \x7f\n", "x.ini:2: a control character (byte 0x7f) in column 5"},
        {"[a]\nk = \xc2\x9b\n", "x.ini:2: a control character (byte 0xc2) in column 5"},
        {"[a]\n# \x1b[2J\n", "x.ini:2: a control character (byte 0x1b) in column 3"},
        {"[a]\nk = v\rl = w\n", "x.ini:2: a control character (byte 0x0d) in column 6"},
        {"[a]\n\nk = \xff\n", "x.ini:3: not valid UTF-8"},
        {"\xff\xfe[\0a", "x.ini:1: not valid UTF-8"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        expect(cases[i].text, cases[i].error);
}

Test(ini, refuses_a_nul_byte)
{
    static const char text[] = "[a]\nk = v\0w\n";
    g_autofree char *got = read_bytes(text, sizeof text - 1);
    cr_expect_str_eq(got, "x.ini:2: a NUL byte");
}

Test(ini, refuses_a_key_given_twice_and_names_both_lines)
{
    expect("[a]\nk = 1\nl = 2\nk = 3\n", "x.ini:4: k is given twice in [a]: first on line 2");
    expect("[a]\nk = 1\n[b]\nk = 2\n[a]\nk = 3\n",
           "x.ini:6: k is given twice in [a]: first on line 2");
    expect("[a]\nk=1\nl=1\n[b]\nk=1\nl=1\n[a]\nk=2\n",
           "x.ini:8: k is given twice in [a]: first on line 2");
    expect("[a]\nk=1\n[b]\n[a]\nl=1\n[b]\n[a]\nl=3\n",
           "x.ini:8: l is given twice in [a]: first on line 5");
}

Test(ini, takes_the_same_key_in_another_section_or_case)
{
    expect("[a]\nk = 1\n[b]\nk = 2\n[a]\nl = 3\n", "[a]a.k=1@2 [b]b.k=2@4 [a]a.l=3@6 ");
    expect("[a]\nk = 1\nK = 2\n[A]\nk = 3\n", "[a]a.k=1@2 a.K=2@3 [A]A.k=3@5 ");
}

Test(ini, puts_the_place_before_the_errors_of_its_caller)
{
    expect("[a]\nb = c\nstop = now\n", "x.ini:3: now was said");
}

/* inih alone cuts at 199 bytes and reads the rest as a line of its own, a section even. */
Test(ini, reads_long_lines_whole_up_to_its_limit)
{
    const size_t most = 1 << 20;
    for (size_t length = 150; length <= most; length = length < 300 ? length + 1 : length * 2) {
        g_autoptr(GString) text = g_string_new("[a]\nk = ");
        while (text->len < length)
            g_string_append(text, "x[evil]");
        g_string_append(text, "\nl = w\n");
        g_autofree char *got = read_bytes(text->str, text->len);
        cr_expect(g_str_has_suffix(got, "@2 a.l=w@3 "), "length %zu: %.200s", length, got);
        cr_expect_eq(strlen(got), text->len - 4 - 4 - 7 + strlen("[a]a.k=@2 a.l=w@3 "),
                     "length %zu: something is missing", length);
    }
    g_autofree char *line = g_strnfill(most - 4, 'x');
    g_autofree char *fits = g_strconcat("[a]\nk = ", line, NULL);
    g_autofree char *beyond = g_strconcat("[a]\nk = x", line, NULL);
    g_autofree char *good = read_bytes(fits, strlen(fits));
    g_autofree char *bad = read_bytes(beyond, strlen(beyond));
    cr_expect_eq(strlen(good), most - 4 + strlen("[a]a.k=@2 "));
    cr_expect_str_eq(bad, "x.ini:2: a line of 1048577 bytes, more than 1048576");
}

Test(ini, refuses_a_section_name_that_inih_would_cut)
{
    g_autofree char *name = g_strnfill(49, 'n');
    g_autofree char *fits = g_strdup_printf("[%s]\nk = v\n", name);
    g_autofree char *beyond = g_strdup_printf("[%sn]\nk = v\n", name);
    g_autofree char *wanted = g_strdup_printf("[%s]%s.k=v@2 ", name, name);
    expect(fits, wanted);
    expect(beyond, "x.ini:1: the section's name has 50 bytes, more than 49");
}

/* A text of pieces that mean something, so that many of them are nearly right. */
static GString *random_text(GRand *rand)
{
    static const char *const pieces[] = {
        "[",    "]",       "[a]\n", "[b]\n", "k",        "l",    " = ",
        "=",    ":",       ";",     "#",     " ",        "\t",   "\r",
        "\n",   "\n",      "\n",    "v",     "\xc3\xa4", "\xc2", "\xef\xbb\xbf",
        "\x01", "k = v\n", "\\"};
    GString *text = g_string_new(NULL);
    for (int i = g_rand_int_range(rand, 0, 40); i > 0; i--) {
        size_t which = (size_t)g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces) + 1);
        if (which < G_N_ELEMENTS(pieces))
            g_string_append(text, pieces[which]);
        else
            g_string_append_c(text, (char)g_rand_int_range(rand, 0, 256));
    }
    return text;
}

Test(ini, survives_random_text_and_always_names_the_place)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);
    int good = 0;
    for (int i = 0; i < 20000; i++) {
        g_autoptr(GString) text = random_text(rand);
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        gboolean read = ini_read(text->str, text->len, "x.ini",
                                 &(IniReader){STATUS_CONFIG, write_down, out}, &error);
        cr_assert_eq(read, error == NULL);
        cr_assert(read || g_str_has_prefix(error->message, "x.ini:"), "%s", error->message);
        cr_assert(read || strstr(error->message, "inih") == NULL, "inih disagrees on %s: %s",
                  text->str, error->message);
        good += read ? 1 : 0;
    }
    cr_expect_gt(good, 500, "only %d texts were sound: this tests little", good);
}

/* Whatever can be written down plainly comes back as it was. */
Test(ini, gives_back_random_values_unchanged)
{
    static const char letters[] = "abcXYZ019 ;#:=[]\"'\\%$\t-_.";
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    for (int i = 0; i < 3000; i++) {
        g_autoptr(GString) value = g_string_new("<");
        for (int n = g_rand_int_range(rand, 0, 400); n > 0; n--)
            g_string_append_c(value, letters[g_rand_int_range(rand, 0, sizeof letters - 1)]);
        g_string_append_c(value, '>');
        g_autofree char *text = g_strdup_printf("[a]\nk = %s\n", value->str);
        g_autofree char *wanted = g_strdup_printf("[a]a.k=%s@2 ", value->str);
        expect(text, wanted);
    }
}

Test(ini, reads_ten_thousand_sections_in_no_time)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 10000; i++) {
        g_string_append_printf(text, "[backup %d]\n", i);
        for (int k = 0; k < 40; k++)
            g_string_append_printf(text, "some_key_%d = the value number %d\n", k, k);
    }
    g_autoptr(GString) out = g_string_new(NULL);
    gint64 start = g_get_monotonic_time();
    cr_assert(
        ini_read(text->str, text->len, "x", &(IniReader){STATUS_CATALOG, write_down, out}, NULL));
    gint64 took = g_get_monotonic_time() - start;
    cr_log_info("%zu bytes in %" G_GINT64_FORMAT " us", text->len, took);
    cr_expect_lt(took, 5 * G_USEC_PER_SEC);
}

Test(ini, refuses_a_directory_a_missing_and_a_large_file)
{
    g_autofree char *dir = g_dir_make_tmp("ini-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "a.ini", NULL);
    static const struct {
        const char *name;
        const char *error;
    } cases[] = {
        {"", "is not a regular file"},
        {"missing.ini", "No such file or directory"},
        {"a.ini", "more than the 5 bytes expected"},
    };
    cr_assert(g_file_set_contents(path, "[a]\nk = v\n", -1, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *at = g_build_filename(dir, cases[i].name, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) out = g_string_new(NULL);
        cr_assert_not(
            ini_read_file(AT_FDCWD, at, 5, &(IniReader){STATUS_CATALOG, write_down, out}, &error));
        cr_expect_eq(error_status(error), STATUS_CATALOG);
        cr_expect(strstr(error->message, cases[i].error) != NULL, "%s", error->message);
    }
    g_autoptr(GString) out = g_string_new(NULL);
    cr_expect(
        ini_read_file(AT_FDCWD, path, 10, &(IniReader){STATUS_CATALOG, write_down, out}, NULL));
    cr_expect_str_eq(out->str, "[a]a.k=v@2 ");
    g_unlink(path);
    g_rmdir(dir);
}
