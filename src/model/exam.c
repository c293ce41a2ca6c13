/* SPDX-License-Identifier: MIT */
#include "model/exam.h"

static void table_free(gpointer data)
{
    ExamTable *table = data;
    g_free(table->schema);
    g_free(table->name);
    g_free(table->type);
    g_free(table->engine);
    g_free(table->size_class);
    g_free(table->message);
    g_free(table);
}

static void assert_free(gpointer data)
{
    ExamAssert *query = data;
    g_free(query->name);
    g_free(query->sql);
    g_free(query->answer);
    g_free(query);
}

Exam *exam_new(void)
{
    Exam *exam = g_new0(Exam, 1);
    exam->tables = g_ptr_array_new_with_free_func(table_free);
    exam->asserts = g_ptr_array_new_with_free_func(assert_free);
    return exam;
}

void exam_free(Exam *exam)
{
    g_ptr_array_unref(exam->tables);
    g_ptr_array_unref(exam->asserts);
    g_free(exam);
}

ExamTable *exam_add_table(Exam *exam, const char *schema, const char *name)
{
    ExamTable *table = g_new0(ExamTable, 1);
    table->schema = g_strdup(schema);
    table->name = g_strdup(name);
    table->type = g_strdup("");
    table->engine = g_strdup("");
    table->size_class = g_strdup("");
    table->message = g_strdup("");
    g_ptr_array_add(exam->tables, table);
    return table;
}

ExamAssert *exam_add_assert(Exam *exam, const char *name, const char *sql)
{
    ExamAssert *query = g_new0(ExamAssert, 1);
    query->name = g_strdup(name);
    query->sql = g_strdup(sql);
    query->answer = g_strdup("");
    g_ptr_array_add(exam->asserts, query);
    return query;
}

static gboolean fit_is_fault(const ExamTable *table)
{
    return table->fit == TABLE_LOST || table->fit == TABLE_EXTRA ||
           table->fit == TABLE_OTHER_ENGINE;
}

gboolean exam_table_at_fault(const ExamTable *table)
{
    return fit_is_fault(table) || table->check == CHECK_FAILED;
}

static char *fault_text(const ExamTable *table)
{
    return g_strdup_printf("%s.%s: %s", table->schema, table->name, table->message);
}

char *exam_table_fault(const Exam *exam)
{
    const ExamTable *failed = NULL;
    for (guint i = 0; i < exam->tables->len; i++) {
        const ExamTable *table = exam->tables->pdata[i];
        if (fit_is_fault(table))
            return fault_text(table);
        if (failed == NULL && table->check == CHECK_FAILED)
            failed = table;
    }
    return failed != NULL ? fault_text(failed) : NULL;
}
