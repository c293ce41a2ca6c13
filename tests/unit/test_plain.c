/* SPDX-License-Identifier: MIT */
/* The quick reader of our own texts and inih must agree on whatever has a right checksum. */
#include "catalog/plain.h"

#include "catalog/catalog.h"
#include "catalog/checked.h"
#include "sample.h"

static Catalog *small_catalog(void)
{
    Catalog *catalog = catalog_new("shop");
    catalog->generation = 118;
    Backup *full = sample_backup(SAMPLE_SUNDAY, NULL);
    backup_add_extra(full->extra_facts, "param_page_size", "16384");
    backup_add_extra(full->extra_facts, "moon", "full");
    backup_add_extra(full->extra_marks, "tape", "LTO; 7 = \"x\"");
    backup_add_extra(catalog->extras, "site", "K\xc3\xb6ln");
    catalog_add(catalog, full);
    catalog_add(catalog, sample_backup(SAMPLE_SUNDAY + SAMPLE_DAY, full));
    return catalog;
}

static GString *body_of(const Catalog *catalog)
{
    g_autoptr(GString) text = catalog_text(catalog);
    return g_string_new(strstr(text->str, "\nformat") + 1);
}

/* The same text, but with a comment: the quick reader declines it, so this is what inih says. */
static char *as_inih_reads_it(const GString *body)
{
    g_autoptr(GString) more = g_string_new_len(body->str, (gssize)body->len);
    g_string_append(more, "\n; for inih\n");
    g_autoptr(GString) text = checked_wrap("catalog", g_steal_pointer(&more));
    g_autoptr(Catalog) catalog = catalog_parse(text, "catalog.ini", NULL);
    return catalog != NULL ? g_string_free(catalog_text(catalog), FALSE) : g_strdup("refused");
}

static char *as_it_is_read(const GString *body)
{
    g_autoptr(GString) text =
        checked_wrap("catalog", g_string_new_len(body->str, (gssize)body->len));
    g_autoptr(Catalog) catalog = catalog_parse(text, "catalog.ini", NULL);
    return catalog != NULL ? g_string_free(catalog_text(catalog), FALSE) : g_strdup("refused");
}

static void expect_agreement(const GString *body, const char *what, guint number)
{
    g_autofree char *inih = as_inih_reads_it(body);
    g_autofree char *ours = as_it_is_read(body);
    cr_assert(g_str_equal(inih, ours), "%s %u: inih: %s\nread: %s\nof: %s", what, number, inih,
              ours, body->str);
}

/* The end of a line at or behind `at`, newline included. */
static size_t line_end(const GString *body, size_t at)
{
    const char *newline = memchr(body->str + at, '\n', body->len - at);
    return newline != NULL ? (size_t)(newline - body->str) + 1 : body->len;
}

static size_t line_start(const GString *body, size_t at)
{
    while (at > 0 && body->str[at - 1] != '\n')
        at--;
    return at;
}

static void mutate(GRand *random, GString *body)
{
    size_t at = (size_t)g_rand_int_range(random, 0, (gint32)body->len);
    size_t start = line_start(body, at);
    size_t length = line_end(body, at) - start;
    g_autofree char *line = g_strndup(body->str + start, length);
    g_autofree char *piece = sample_hostile(random);
    switch (g_rand_int_range(random, 0, 5)) {
    case 0: /* another byte */
        body->str[at] = (char)g_rand_int_range(random, 1, 256);
        break;
    case 1: /* a line twice, or somewhere else */
        g_string_insert(
            body, (gssize)line_start(body, (size_t)g_rand_int_range(random, 0, (gint32)body->len)),
            line);
        break;
    case 2: /* a line less */
        g_string_erase(body, (gssize)start, (gssize)length);
        break;
    case 3: /* whatever people can come up with */
        g_string_insert(body, (gssize)at, piece);
        break;
    default: /* a byte less */
        g_string_erase(body, (gssize)at, 1);
        break;
    }
}

TestSuite(plain, .timeout = 120);

Test(plain, reads_whatever_is_put_into_a_catalog_as_inih_does)
{
    g_autoptr(Catalog) catalog = small_catalog();
    for (guint32 seed = 1; seed <= 6000; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GString) body = body_of(catalog);
        for (int left = g_rand_int_range(random, 1, 4); left > 0 && body->len > 0; left--)
            mutate(random, body);
        expect_agreement(body, "seed", seed);
    }
}

Test(plain, agrees_with_inih_about_every_line_that_is_missing_or_there_twice)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) whole = body_of(catalog);
    guint lines = 0;
    for (size_t at = 0; at < whole->len; at = line_end(whole, at), lines++) {
        size_t length = line_end(whole, at) - at;
        g_autofree char *line = g_strndup(whole->str + at, length);
        g_autoptr(GString) without = g_string_new(whole->str);
        g_autoptr(GString) twice = g_string_new(whole->str);
        g_string_erase(without, (gssize)at, (gssize)length);
        g_string_insert(twice, (gssize)at, line);
        expect_agreement(without, "without line", lines);
        expect_agreement(twice, "twice line", lines);
    }
    cr_expect(lines > 80, "%u lines", lines);
}

Test(plain, takes_what_we_write_so_that_a_large_catalog_is_read_quickly)
{
    g_autoptr(Catalog) catalog = small_catalog();
    g_autoptr(GString) text = catalog_text(catalog);
    g_autoptr(Plain) plain = plain_begin(text, "catalog");
    g_autoptr(Backup) backup = backup_new("x");
    const char *value = NULL;
    cr_assert_not_null(plain);
    cr_assert(plain_value(plain, "format", &value));
    cr_expect_str_eq(value, "1");
    cr_assert(plain_value(plain, "generation", &value) && plain_value(plain, "instance", &value));
    cr_assert(plain_extras(plain, backup->extra_marks));
    cr_assert(plain_section(plain, "backup ", &value));
    cr_expect_str_eq(value, "20261122T020000Z-full");
    cr_assert(plain_facts(plain, backup) && plain_marks(plain, backup));
    cr_expect(backup->to_lsn == 100 && backup->extra_facts->len == 2);
    cr_assert(plain_section(plain, "backup ", &value));
    cr_assert(plain_facts(plain, backup) && plain_marks(plain, backup));
    cr_assert(plain_section(plain, "backup ", &value));
    cr_expect_null(value, "the end is not seen");
}

static void add_extras(Backup *backup, const char *const *lines)
{
    for (size_t i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], "=", 2);
        backup_add_extra(backup->extra_facts, parts[0], parts[1]);
    }
}

static char *extras_text(const Backup *backup)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < backup->extra_facts->len; i++) {
        const BackupExtra *extra = backup->extra_facts->pdata[i];
        g_string_append_printf(text, "%s=%s ", extra->key, extra->value);
    }
    return g_string_free(text, FALSE);
}

/* How many extras stand in both lists, as one. */
static guint shared(const Backup *a, const Backup *b)
{
    guint count = 0;
    while (count < MIN(a->extra_facts->len, b->extra_facts->len) &&
           a->extra_facts->pdata[count] == b->extra_facts->pdata[count])
        count++;
    return count;
}

Test(plain, shares_parameters_with_the_backup_before_up_to_the_first_that_changed)
{
    static const struct {
        const char *extras[5];
        guint shared; /* with the one before */
    } days[] = {
        {{"param_a=1", "param_b=22", "param_c="}, 0},
        {{"param_a=1", "param_b=22", "param_c="}, 3},
        {{"param_a=1", "param_b=23", "param_c="}, 1},            /* as long as it was */
        {{"param_a=1", "param_b=23", "param_c=", "later=x"}, 3}, /* one more */
        {{"param_a=1", "param_b=2", "param_c="}, 1},
        {{"param_a=1", "param_b=2"}, 2}, /* one less */
        {{NULL}, 0},
        {{"param_a=1", "param_b=2"}, 0},
        {{"param_b=2", "param_a=1"}, 0}, /* the other way round */
    };
    g_autoptr(Catalog) catalog = catalog_new("shop");
    for (gint64 i = 0; i < (gint64)G_N_ELEMENTS(days); i++) {
        Backup *backup = sample_backup(SAMPLE_SUNDAY + i * SAMPLE_DAY, NULL);
        add_extras(backup, days[i].extras);
        catalog_add(catalog, backup);
    }
    g_autoptr(GString) text = catalog_text(catalog);
    g_autoptr(Catalog) read = catalog_parse(text, "catalog.ini", NULL);
    cr_assert_not_null(read);
    for (guint i = 0; i < G_N_ELEMENTS(days); i++) {
        const Backup *backup = read->backups->pdata[i];
        g_autofree char *was = extras_text(catalog->backups->pdata[i]);
        g_autofree char *is = extras_text(backup);
        cr_expect_str_eq(is, was, "day %u", i);
        if (i > 0)
            cr_expect_eq(shared(read->backups->pdata[i - 1], backup), days[i].shared, "day %u", i);
    }
}
