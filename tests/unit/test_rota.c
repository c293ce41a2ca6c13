/* SPDX-License-Identifier: MIT */
#include "proof/rota.h"

#include "base/error.h"
#include "sample.h"

enum { DAY = SAMPLE_DAY };

static int64_t time_us; /* of the tests' own clock: a check moves it */

static int64_t clock_of_test(void)
{
    return time_us;
}

/* Tables are named by the seconds that a check of them takes: "t-7-120". */
static int64_t seconds_of(const ExamTable *table)
{
    return g_ascii_strtoll(strrchr(table->name, '-') + 1, NULL, 10);
}

static gboolean check(ExamTable *table, void *data, GError **error)
{
    (void)error;
    table->check = CHECK_PASSED;
    table->check_us = seconds_of(table) * G_USEC_PER_SEC;
    time_us += table->check_us;
    g_string_append_printf(data, "%s ", table->name);
    return TRUE;
}

typedef struct {
    Rota *rota;
    Exam *exam;
    GString *checked; /* names, in the order of their turns */
    int64_t now;
} Nights;

static Nights nights_new(const char *directory)
{
    return (Nights){rota_open(directory), exam_new(), g_string_new(NULL), SAMPLE_SUNDAY};
}

static void nights_clear(Nights *nights)
{
    rota_free(nights->rota);
    exam_free(nights->exam);
    (void)g_string_free(nights->checked, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Nights, nights_clear)

static ExamTable *add(Nights *nights, const char *name, const char *size_class)
{
    ExamTable *table = exam_add_table(nights->exam, "shop", name);
    g_free(table->size_class);
    table->size_class = g_strdup(size_class);
    return table;
}

/* One night with so many seconds; 0: as many as it takes. */
static const char *night_with(Nights *nights, int64_t seconds, RotaCheckFn *function)
{
    g_string_truncate(nights->checked, 0);
    for (guint i = 0; i < nights->exam->tables->len; i++)
        ((ExamTable *)nights->exam->tables->pdata[i])->check = CHECK_NOT_DONE;
    const RotaRound round = {
        .tables = nights->exam->tables,
        .backup = "20261122T020000Z-full",
        .now = nights->now,
        .until_us = seconds == 0 ? 0 : time_us + seconds * G_USEC_PER_SEC,
        .clock = clock_of_test,
        .check = function,
        .data = nights->checked,
    };
    g_autoptr(GError) error = NULL;
    (void)rota_go_round(nights->rota, &round, &error);
    nights->now += DAY;
    return g_strchomp(nights->checked->str);
}

static const char *night(Nights *nights, int64_t seconds)
{
    return night_with(nights, seconds, check);
}

Test(rota, checks_all_tables_when_there_is_time)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "b-5", "64M");
    (void)add(&nights, "a-9", "1G");
    (void)add(&nights, "c-1", "empty");
    cr_expect_str_eq(night(&nights, 0), "c-1 b-5 a-9");
    cr_expect_str_eq(night(&nights, 3600), "c-1 b-5 a-9");
}

Test(rota, goes_on_the_next_night_where_it_ran_out_of_time)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    (void)add(&nights, "c-4", "1M");
    cr_expect_str_eq(night(&nights, 5), "a-4 b-4");
    cr_expect_str_eq(night(&nights, 5), "c-4");
    cr_expect_str_eq(night(&nights, 9), "a-4 b-4");
}

Test(rota, leaves_a_large_table_for_its_own_night_and_uses_the_time_for_small_ones)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "huge-7200", "more");
    (void)add(&nights, "a-1", "1M");
    (void)add(&nights, "b-1", "1M");
    cr_expect_str_eq(night(&nights, 60), "a-1 b-1");
    cr_expect_str_eq(night(&nights, 60), "huge-7200", "its turn, and no time for others");
    cr_expect_str_eq(night(&nights, 60), "a-1 b-1");
}

Test(rota, checks_one_table_even_when_the_time_is_over)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    cr_expect_str_eq(night(&nights, -1), "a-4");
    cr_expect_str_eq(night(&nights, -1), "b-4");
}

Test(rota, prefers_what_was_never_checked_but_to_what_has_waited_longest)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    (void)add(&nights, "c-4", "1M");
    (void)night(&nights, 0);
    (void)add(&nights, "new-4", "1M");
    cr_expect_str_eq(night(&nights, 13), "a-4 new-4 b-4");
}

/* Tables of all sizes come; each must have had its turn when N nights have passed. */
static void some_come(Nights *nights, GRand *random, int number, GHashTable *deadlines)
{
    static const char *const sizes[] = {"empty", "1M", "64M", "1G", "16G", "more"};
    guint before = nights->exam->tables->len;
    int coming = number == 1 ? g_rand_int_range(random, 1, 20) : g_rand_int_range(random, 0, 4);
    for (int i = 0; i < coming; i++) {
        g_autofree char *name =
            g_strdup_printf("t%d.%d-%d", number, i, g_rand_int_range(random, 0, 300));
        (void)add(nights, name, sizes[g_rand_int_range(random, 0, G_N_ELEMENTS(sizes))]);
    }
    guint all = nights->exam->tables->len;
    for (guint i = before; i < all; i++) {
        ExamTable *table = nights->exam->tables->pdata[i];
        g_hash_table_insert(deadlines, table->name, GINT_TO_POINTER(number + (int)all - 1));
    }
}

static void some_go(Nights *nights, GRand *random, GHashTable *deadlines)
{
    GPtrArray *tables = nights->exam->tables;
    for (int i = g_rand_int_range(random, 0, 3); i > 0 && tables->len > 1; i--) {
        guint at = (guint)g_rand_int_range(random, 0, (gint32)tables->len);
        (void)g_hash_table_remove(deadlines, ((ExamTable *)tables->pdata[at])->name);
        (void)g_ptr_array_remove_index(tables, at);
    }
}

static void expect_no_one_late(const Nights *nights, int number, GHashTable *deadlines)
{
    for (guint i = 0; i < nights->exam->tables->len; i++) {
        const ExamTable *table = nights->exam->tables->pdata[i];
        if (table->check == CHECK_PASSED)
            (void)g_hash_table_remove(deadlines, table->name);
        gpointer last = g_hash_table_lookup(deadlines, table->name);
        cr_assert(last == NULL || number < GPOINTER_TO_INT(last), "%s had no turn until night %d",
                  table->name, number);
    }
}

Test(rota, gives_each_of_n_tables_its_turn_within_n_nights_whatever_the_time)
{
    for (guint32 seed = 0; seed < 200; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_auto(Nights) nights = nights_new(NULL);
        g_autoptr(GHashTable) deadlines = g_hash_table_new(g_str_hash, g_str_equal);
        for (int number = 1; number <= 120; number++) {
            some_come(&nights, random, number, deadlines);
            some_go(&nights, random, deadlines);
            (void)night(&nights, g_rand_int_range(random, 1, 400));
            expect_no_one_late(&nights, number, deadlines);
        }
    }
}

Test(rota, forgets_a_table_that_is_gone)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    (void)night(&nights, 0);
    cr_expect_not_null(rota_find(nights.rota, "shop", "a-4"));
    (void)g_ptr_array_remove_index(nights.exam->tables, 0);
    (void)night(&nights, 0);
    cr_expect_null(rota_find(nights.rota, "shop", "a-4"));
    cr_expect_not_null(rota_find(nights.rota, "shop", "b-4"));
}

Test(rota, is_not_held_up_by_a_clock_that_was_wrong_for_a_night)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    nights.now += 3650 * DAY;
    (void)night(&nights, 0);
    nights.now -= 3650 * DAY;
    cr_expect_str_eq(night(&nights, 1), "a-4");
    cr_expect_str_eq(night(&nights, 1), "b-4");
    cr_expect_str_eq(night(&nights, 1), "a-4");
}

static gboolean crash_at_b(ExamTable *table, void *data, GError **error)
{
    (void)check(table, data, NULL);
    if (!g_str_has_prefix(table->name, "b"))
        return TRUE;
    table->check = CHECK_FAILED;
    return fail(error, STATUS_VERIFY, "the server crashed");
}

static gboolean stopped_at_b(ExamTable *table, void *data, GError **error)
{
    if (!g_str_has_prefix(table->name, "b"))
        return check(table, data, error);
    return fail(error, STATUS_FAILED, "stopped");
}

Test(rota, lets_no_table_that_crashes_the_server_hold_up_the_others)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    (void)add(&nights, "c-4", "1M");
    cr_expect_str_eq(night_with(&nights, 0, crash_at_b), "a-4 b-4");
    cr_expect_str_eq(night_with(&nights, 1, crash_at_b), "c-4");
}

Test(rota, does_not_take_a_check_that_was_stopped_for_one)
{
    g_auto(Nights) nights = nights_new(NULL);
    (void)add(&nights, "a-4", "1M");
    (void)add(&nights, "b-4", "1M");
    cr_expect_str_eq(night_with(&nights, 0, stopped_at_b), "a-4");
    cr_expect_eq(rota_find(nights.rota, "shop", "b-4")->at, 0);
    cr_expect_str_eq(night(&nights, 1), "b-4");
}

Test(rota, remembers_over_runs)
{
    char *home = sample_directory();
    {
        g_auto(Nights) nights = nights_new(home);
        (void)add(&nights, "a\tb\\c\nd-4", "1M");
        (void)add(&nights, "b-4", "1M");
        (void)night(&nights, 1);
    }
    {
        g_auto(Nights) nights = nights_new(home);
        const RotaEntry *entry = rota_find(nights.rota, "shop", "a\tb\\c\nd-4");
        cr_assert_not_null(entry);
        cr_expect_eq(entry->at, SAMPLE_SUNDAY);
        cr_expect_eq(entry->took_us, 4 * G_USEC_PER_SEC);
        cr_expect_str_eq(entry->backup, "20261122T020000Z-full");
        (void)add(&nights, "a\tb\\c\nd-4", "1M");
        (void)add(&nights, "b-4", "1M");
        nights.now += DAY;
        cr_expect_str_eq(night(&nights, 1), "b-4");
    }
    sample_remove(home);
}

Test(rota, starts_over_with_a_file_that_is_damaged_and_mends_it)
{
    static const char *const texts[] = {
        "",
        "\n",
        "something else\n",
        "schema\ttable\tfirst seen\tchecked\tmicroseconds\tbackup\nshop\ta-4\n",
        "schema\ttable\tfirst seen\tchecked\tmicroseconds\tbackup\nshop\ta-4\tx\t\t0\t\n",
        "schema\ttable\tfirst seen\tchecked\tmicroseconds\tbackup\nshop\ta-4\t\t\t-5\t\n",
        "\xff\xff\xff",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        char *home = sample_directory();
        sample_write(home, "checked.tsv", texts[i]);
        {
            g_auto(Nights) nights = nights_new(home);
            (void)add(&nights, "a-4", "1M");
            cr_expect_str_eq(night(&nights, 1), "a-4");
        }
        g_autoptr(Rota) again = rota_open(home);
        cr_expect_not_null(rota_find(again, "shop", "a-4"), "text %zu", i);
        sample_remove(home);
    }
}
