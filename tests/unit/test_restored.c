/* SPDX-License-Identifier: MIT */
#include "server/restored.h"

#include "sample.h"

static GPtrArray *rows_new(void)
{
    return g_ptr_array_new_with_free_func(check_row_free);
}

/* What servers answered: MariaDB 10.11.19, but where another is named. */
static const struct {
    const char *table;
    const char *rows[8]; /* type, text, type, text ... */
    CheckEnd end;
    const char *message;
} answers[] = {
    {"a sound table", {"status", "OK"}, CHECK_PASSED, ""},
    {"one that was checked before", {"status", "Table is already up to date"}, CHECK_PASSED, ""},
    {"MEMORY, a sequence",
     {"note", "The storage engine for the table doesn't support check"},
     CHECK_NEEDLESS,
     "The storage engine for the table doesn't support check"},
    {"MyISAM that was open at the capture",
     {"warning", "1 client is using or hasn't closed the table properly", "status", "OK"},
     CHECK_PASSED,
     "1 client is using or hasn't closed the table properly"},
    {"a lost entry of an index",
     {"Warning", "InnoDB: Index 'k' contains 9 entries, should be 10.", "error", "Corrupt"},
     CHECK_FAILED,
     "InnoDB: Index 'k' contains 9 entries, should be 10.; Corrupt"},
    {"a file that is gone",
     {"Error", "Table 'shop.t' doesn't exist in engine", "status", "Operation failed"},
     CHECK_FAILED,
     "Table 'shop.t' doesn't exist in engine; Operation failed"},
    {"the same sentence twice",
     {"error", "Found wrong record", "error", "Found wrong record", "error", "Corrupt"},
     CHECK_FAILED,
     "Found wrong record; Corrupt"},
    {"an engine that is not loaded",
     {"Error", "Unknown storage engine 'ROCKSDB'", "error", "Corrupt"},
     CHECK_FAILED,
     "Unknown storage engine 'ROCKSDB'; Corrupt"},
    {"an error whose last word is OK",
     {"error", "Key in wrong position", "status", "OK"},
     CHECK_FAILED,
     "Key in wrong position"},
    {"no error, and a status that is none",
     {"status", "Operation failed"},
     CHECK_FAILED,
     "Operation failed"},
    {"a part that failed before a sound one",
     {"status", "Operation failed", "status", "OK"},
     CHECK_FAILED,
     "Operation failed"},
    {"a warning, and no last word",
     {"warning", "Table is marked as crashed"},
     CHECK_FAILED,
     "Table is marked as crashed"},
    {"a type that nobody knows", {"rumour", "OK"}, CHECK_FAILED, ""},
    {"no row", {NULL}, CHECK_FAILED, "CHECK TABLE was not answered with any row"},
};

Test(restored, judges_what_check_table_said_by_all_its_rows)
{
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(GPtrArray) rows = rows_new();
        for (const char *const *part = answers[i].rows; *part != NULL; part += 2)
            g_ptr_array_add(rows, check_row_new(part[0], part[1]));
        g_autofree char *message = NULL;
        CheckEnd end = restored_judge(rows, &message);
        cr_expect_eq(end, answers[i].end, "%s: %d", answers[i].table, (int)end);
        cr_expect_str_eq(message, answers[i].message);
    }
}

Test(restored, leaves_out_the_end_of_a_long_answer)
{
    g_autoptr(GPtrArray) rows = rows_new();
    for (int i = 0; i < 100; i++) {
        g_autofree char *text = g_strdup_printf("record %d is wrong", i);
        g_ptr_array_add(rows, check_row_new("error", text));
    }
    g_autofree char *message = NULL;
    cr_expect_eq(restored_judge(rows, &message), CHECK_FAILED);
    cr_expect_str_eq(message, "record 0 is wrong; record 1 is wrong; record 2 is wrong;"
                              " record 3 is wrong; …");
}

static const struct {
    const char *value;
    size_t length; /* 0: strlen() */
    ValueKind kind;
    gboolean truth;
} values[] = {
    {"1", 0, VALUE_NUMBER, TRUE},
    {"0", 0, VALUE_NUMBER, FALSE},
    {"-1", 0, VALUE_NUMBER, TRUE},
    {"+2", 0, VALUE_NUMBER, TRUE},
    {"000", 0, VALUE_NUMBER, FALSE},
    {"0.0", 0, VALUE_NUMBER, FALSE},
    {"0.001", 0, VALUE_NUMBER, TRUE},
    {".5", 0, VALUE_NUMBER, TRUE},
    {"0.0.1", 0, VALUE_NUMBER, FALSE},
    {"0e5", 0, VALUE_NUMBER, FALSE},
    {"1e-3", 0, VALUE_NUMBER, TRUE},
    {"99999999999999999999999999999999", 0, VALUE_NUMBER, TRUE},
    {"", 0, VALUE_NUMBER, FALSE},
    {"-", 0, VALUE_NUMBER, FALSE},
    {"yes", 0, VALUE_NUMBER, FALSE},
    {"true", 0, VALUE_NUMBER, FALSE},
    {"  7 orders", 0, VALUE_NUMBER, TRUE},
    {"orders: 7", 0, VALUE_NUMBER, FALSE},
    {"0 of 7", 0, VALUE_NUMBER, FALSE},
    {"2026-11-24", 0, VALUE_MOMENT, TRUE},
    {"00:05:00", 0, VALUE_MOMENT, TRUE},
    {"0000-00-00 00:00:00", 0, VALUE_MOMENT, FALSE},
    {"\0\1", 2, VALUE_BITS, TRUE},
    {"\0\0", 2, VALUE_BITS, FALSE},
};

Test(restored, takes_for_true_what_sql_takes_for_true)
{
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        size_t length = values[i].length != 0 ? values[i].length : strlen(values[i].value);
        cr_expect_eq(restored_is_true(values[i].value, length, values[i].kind), values[i].truth,
                     "%s", values[i].value);
    }
}
