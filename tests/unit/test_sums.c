/* SPDX-License-Identifier: MIT */
#include "repo/sums.h"

#include "base/proc.h"
#include "sample.h"

#define SUM_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void add(GPtrArray *sums, const char *name)
{
    uint8_t sum[DIGEST_BYTES];
    cr_assert(digest_from_hex(SUM_OF_NOTHING, sum));
    sums_add(sums, name, sum);
}

static void expect_same(const GPtrArray *a, const GPtrArray *b)
{
    cr_assert(a->len == b->len, "%u lines and %u", a->len, b->len);
    for (guint i = 0; i < a->len; i++) {
        const SumLine *left = a->pdata[i];
        const SumLine *right = b->pdata[i];
        cr_expect_str_eq(left->name, right->name);
        cr_expect(memcmp(left->sum, right->sum, DIGEST_BYTES) == 0);
    }
}

/* Names as files can have them: everything but NUL, slash and, by agreement, line breaks. */
static char *draw_name(GRand *random)
{
    static const char bytes[] = " \\*-#'\"$`ab.@\t\xc3\xa9\xff";
    GString *name = g_string_new("data/");
    for (int left = g_rand_int_range(random, 1, 12); left > 0; left--) {
        gint32 at = g_rand_int_range(random, 0, (gint32)sizeof bytes - 1);
        g_string_append_c(name, bytes[at]);
    }
    g_string_append_c(name, 'x'); /* neither "." nor ".." */
    return g_string_free(name, FALSE);
}

static GPtrArray *draw_sums(GRand *random, int count)
{
    GPtrArray *sums = sums_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while (count-- > 0) {
        g_autofree char *name = draw_name(random);
        if (!g_hash_table_contains(seen, name))
            add(sums, name);
        (void)g_hash_table_add(seen, g_steal_pointer(&name));
    }
    sums_sort(sums);
    return sums;
}

Test(sums, reads_back_whatever_names_it_wrote)
{
    for (guint32 seed = 1; seed <= 200; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GPtrArray) sums = draw_sums(random, g_rand_int_range(random, 0, 40));
        g_autoptr(GString) text = sums_text(sums);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) read = sums_parse(text->str, text->len, SUMS_NAME, &error);
        cr_assert_not_null(read, "seed %u: %s", seed, error != NULL ? error->message : "");
        expect_same(sums, read);
    }
}

static gboolean sha256sum_agrees(const char *root)
{
    g_autofree char *program = proc_find("sha256sum", NULL);
    g_autofree char *script =
        g_strdup_printf("cd '%s' && exec '%s' --check --strict --quiet " SUMS_NAME, root, program);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const ProcSpec spec = {.argv = argv, .env = proc_plain_env(), .out_fd = -1};
    ProcEnd end;
    cr_assert(proc_run(&spec, &end, NULL));
    return end.status == 0;
}

Test(sums, is_read_by_the_real_sha256sum)
{
    char *root = sample_directory();
    g_autoptr(GRand) random = g_rand_new_with_seed(20261122);
    g_autoptr(GPtrArray) sums = draw_sums(random, 60);
    for (guint i = 0; i < sums->len; i++) {
        const SumLine *line = sums->pdata[i];
        sample_write(root, line->name, "");
    }
    g_autoptr(GString) text = sums_text(sums);
    cr_expect_not_null(strstr(text->str, "\n\\" SUM_OF_NOTHING), "no name with a backslash");
    sample_write(root, SUMS_NAME, text->str);
    cr_expect(sha256sum_agrees(root));

    const SumLine *last = sums->pdata[sums->len - 1];
    sample_write(root, last->name, "x");
    cr_expect_not(sha256sum_agrees(root), "this test would not notice");
    sample_remove(root);
}

Test(sums, writes_what_sha256sum_writes)
{
    g_autoptr(GPtrArray) sums = sums_new();
    add(sums, "data/b c");
    add(sums, "data/a\\b");
    add(sums, "RESTORE.sh");
    sums_sort(sums);
    g_autoptr(GString) text = sums_text(sums);
    cr_expect_str_eq(text->str, SUM_OF_NOTHING "  RESTORE.sh\n"
                                               "\\" SUM_OF_NOTHING "  data/a\\\\b\n" SUM_OF_NOTHING
                                               "  data/b c\n");
}

#define LINE(name) SUM_OF_NOTHING "  " name "\n"

Test(sums, refuses_what_is_no_sorted_list_of_sums)
{
    static const struct {
        const char *what;
        const char *text;
        const char *said;
    } cases[] = {
        {"unsorted", LINE("b") LINE("a"), "SHA256SUMS:2: "},
        {"sorted but not by bytes", LINE("a") LINE("B"), "SHA256SUMS:2: "},
        {"a duplicate", LINE("a") LINE("a"), "SHA256SUMS:2: "},
        {"a duplicate, escaped", LINE("a") "\\" LINE("a"), "SHA256SUMS:2: "},
        {"a short sum", "e3b0c44298fc1c14  a\n", "SHA256SUMS:1: "},
        {"a sum one digit short",
         "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n", ":1: "},
        {"a sum one digit long", "0" LINE("a"), ":1: "},
        {"upper case", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855  a\n",
         ":1: "},
        {"no hexadecimal digit",
         "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n", ":1: "},
        {"an absolute name", LINE("/etc/passwd"), ":1: "},
        {"no name", SUM_OF_NOTHING "  \n", ":1: "},
        {"one blank", SUM_OF_NOTHING " a\n", ":1: "},
        {"binary mode", SUM_OF_NOTHING " *a\n", ":1: "},
        {"a tab", SUM_OF_NOTHING "\t a\n", ":1: "},
        {"only a sum", SUM_OF_NOTHING "\n", ":1: "},
        {"an empty line", LINE("a") "\n", ":2: "},
        {"a comment", "# sums\n" LINE("a"), ":1: "},
        {"half an escape", "\\" SUM_OF_NOTHING "  a\\\n", ":1: "},
        {"an escape of another letter", "\\" SUM_OF_NOTHING "  a\\tb\n", ":1: "},
        {"cut in the name", LINE("a") SUM_OF_NOTHING "  dat", "whole line"},
        {"cut in the sum", LINE("a") "e3b0c442", "whole line"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) sums =
            sums_parse(cases[i].text, strlen(cases[i].text), SUMS_NAME, &error);
        cr_expect(sums == NULL, "%s was taken", cases[i].what);
        if (sums == NULL)
            sample_expect_error(error, STATUS_VERIFY, cases[i].said);
    }
}

Test(sums, refuses_a_zero_byte_in_a_line)
{
    g_autoptr(GString) text = g_string_new(LINE("ab"));
    text->str[text->len - 2] = '\0';
    g_autoptr(GError) error = NULL;
    cr_expect_null(sums_parse(text->str, text->len, SUMS_NAME, &error));
    sample_expect_error(error, STATUS_VERIFY, ":1: ");
}

Test(sums, takes_a_list_of_nothing)
{
    g_autoptr(GPtrArray) sums = sums_parse("", 0, SUMS_NAME, NULL);
    cr_assert_not_null(sums);
    cr_expect(sums->len == 0);
    cr_expect_null(sums_find(sums, "a"));
}

Test(sums, finds_each_name_and_no_other)
{
    g_autoptr(GPtrArray) sums = sums_new();
    for (int i = 0; i < 101; i++) {
        g_autofree char *name = g_strdup_printf("%03d", 2 * i);
        add(sums, name);
    }
    for (int i = 0; i < 101; i++) {
        g_autofree char *there = g_strdup_printf("%03d", 2 * i);
        g_autofree char *absent = g_strdup_printf("%03d", 2 * i + 1);
        cr_expect(sums_find(sums, there) == sums->pdata[i]);
        cr_expect_null(sums_find(sums, absent));
    }
    cr_expect_null(sums_find(sums, ""));
    cr_expect_null(sums_find(sums, "00"));
}

Test(sums, is_what_was_written_or_refused)
{
    char *root = sample_directory();
    autofd int fd = files_open_dir(AT_FDCWD, root, NULL);
    sample_write(root, SUMS_NAME, LINE("a"));
    g_autofree char *sum = digest_text(LINE("a"), strlen(LINE("a")));
    g_autoptr(GPtrArray) asked = sums_read(fd, "20261122T020000Z-full", sum, NULL);
    g_autoptr(GPtrArray) unasked = sums_read(fd, "20261122T020000Z-full", "", NULL);
    cr_expect(asked != NULL && asked->len == 1);
    cr_expect(unasked != NULL);

    sample_write(root, SUMS_NAME, LINE("b"));
    g_autoptr(GError) changed = NULL;
    cr_expect_null(sums_read(fd, "20261122T020000Z-full", sum, &changed));
    sample_expect_error(changed, STATUS_VERIFY, "20261122T020000Z-full/SHA256SUMS");

    cr_assert(unlinkat(fd, SUMS_NAME, 0) == 0);
    g_autoptr(GError) gone = NULL;
    cr_expect_null(sums_read(fd, "20261122T020000Z-full", sum, &gone));
    sample_expect_error(gone, STATUS_VERIFY, "20261122T020000Z-full");
    sample_remove(root);
}
