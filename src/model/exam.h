/* SPDX-License-Identifier: MIT */
/*
 * exam: what a throwaway server on a restored backup was asked, and what it answered.
 *
 * proof/examine.h asks; nothing here does I/O.
 */
#ifndef LSNCHAIN_MODEL_EXAM_H
#define LSNCHAIN_MODEL_EXAM_H

#include <glib.h>
#include <stdint.h>

/* How the restore's list of tables compares with the backup's tables.tsv. */
typedef enum {
    TABLE_SAME,
    TABLE_COMING_OR_GOING, /* made or dropped during the capture: may be there or not */
    TABLE_LOST,            /* seen before and after the capture, and not in the restore */
    TABLE_EXTRA,           /* in the restore only */
    TABLE_OTHER_ENGINE,
} TableFit;

typedef enum {
    CHECK_NOT_DONE, /* time was up; another drill's turn */
    CHECK_NEEDLESS, /* a view, or a table that holds no rows of its own */
    CHECK_PASSED,
    CHECK_FAILED,
} CheckEnd;

typedef struct {
    char *schema;
    char *name;
    char *type;       /* "BASE TABLE", "VIEW", ... of the restore; of a lost one "" */
    char *engine;     /* as tables.tsv says; of an extra one as the restore says */
    char *size_class; /* of tables.tsv; "" for an extra one */
    TableFit fit;
    CheckEnd check;
    char *message;      /* what is wrong with it, in the server's words where it said any; "" */
    int64_t check_us;   /* of this drill */
    int64_t checked_at; /* UTC seconds: by this drill or an earlier one; 0: never */
} ExamTable;

typedef struct {
    char *name; /* of the key in [assert INSTANCE] */
    char *sql;
    gboolean passed;
    char *answer; /* first column of the first row, or the error's text */
} ExamAssert;

typedef struct {
    GPtrArray *tables;      /* ExamTable *, sorted by schema and name (bytes) */
    GPtrArray *asserts;     /* ExamAssert *, in the order of the configuration */
    gboolean canary_wanted; /* the backup has one */
    gboolean canary_found;
    int64_t canary_at; /* UTC seconds: when its row was written, before the capture */
    guint checked;     /* tables that CHECK TABLE passed or failed in this drill */
    guint left;        /* tables that it did not reach in time */
    int64_t list_us;
    int64_t check_us;
    int64_t assert_us;
} Exam;

Exam *exam_new(void);
void exam_free(Exam *exam);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Exam, exam_free)

/* Adds one; texts are copied, NULL is "". */
ExamTable *exam_add_table(Exam *exam, const char *schema, const char *name);
ExamAssert *exam_add_assert(Exam *exam, const char *name, const char *sql);

/* By its fit, or by its check. */
gboolean exam_table_at_fault(const ExamTable *table);

/* "shop.orders: ..." of the first table that is at fault (by fit, then by check), NULL: none. */
char *exam_table_fault(const Exam *exam);

#endif
