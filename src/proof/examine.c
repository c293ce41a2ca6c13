/* SPDX-License-Identifier: MIT */
#include "proof/examine.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "model/tablelist.h"
#include "server/canary.h"
#include "server/restored.h"

#include <string.h>

/* ---- faults ---------------------------------------------------------------------------------- */

typedef struct {
    char *first;
    const char *hint; /* of the first */
    guint count;
} Faults;

static void faults_clear(Faults *faults)
{
    g_free(faults->first);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Faults, faults_clear)

G_GNUC_PRINTF(3, 4)
static void blame(Faults *faults, const char *hint, const char *format, ...)
{
    if (faults->count++ > 0)
        return;
    va_list args;
    va_start(args, format);
    faults->first = g_strdup_vprintf(format, args);
    va_end(args);
    faults->hint = hint;
}

static gboolean fail_on(const Faults *faults, GError **error)
{
    if (faults->count == 0)
        return TRUE;
    g_autofree char *more =
        faults->count > 1 ? g_strdup_printf(" (and %u more)", faults->count - 1) : g_strdup("");
    return fail(error, STATUS_VERIFY, "%s%s" HINT("%s"), faults->first, more, faults->hint);
}

/*
 * A connection that broke off says nothing of why.  The server's last words take its place where it
 * has ended, which shows a moment later than the broken connection.
 */
static void explain(const ExamineSpec *spec, GError **error)
{
    enum { ATTEMPTS = 50, PAUSE_US = 100 * 1000 };
    if (spec->alive == NULL || !restored_lost(spec->server))
        return;
    g_autoptr(GError) ended = NULL;
    for (int i = 0; i < ATTEMPTS && spec->alive(spec->data, &ended); i++)
        g_usleep(PAUSE_US);
    if (ended == NULL)
        return;
    g_clear_error(error);
    g_propagate_error(error, g_steal_pointer(&ended));
}

static void tick(const ExamineSpec *spec, const char *question, guint done, guint all)
{
    if (spec->tick != NULL)
        spec->tick(question, done, all, spec->data);
}

/* ---- the list of tables ---------------------------------------------------------------------- */

typedef struct {
    const ExamineSpec *spec;
    Exam *exam;
    GHashTable *by_name;
    gboolean folds; /* names in lower case and in capitals are the same */
} Roll;

/* No name can be mistaken for a part of the other. */
static char *name_key(const Roll *roll, const char *schema, const char *name)
{
    g_autofree char *key = g_strdup_printf("%zu:%s%s", strlen(schema), schema, name);
    return roll->folds ? g_utf8_strdown(key, -1) : g_steal_pointer(&key);
}

static ExamTable *roll_add(Roll *roll, const char *schema, const char *name)
{
    ExamTable *table = exam_add_table(roll->exam, schema, name);
    g_hash_table_insert(roll->by_name, name_key(roll, schema, name), table);
    return table;
}

static ExamTable *roll_find(const Roll *roll, const char *schema, const char *name)
{
    g_autofree char *key = name_key(roll, schema, name);
    return g_hash_table_lookup(roll->by_name, key);
}

static gboolean is_view(const ServerTable *table)
{
    return strstr(table->type, "VIEW") != NULL;
}

/* A table whose engine changed during the capture has two lines, and neither is wanted of it. */
static void expect_table(Roll *roll, const ListedTable *listed)
{
    ExamTable *table = roll_find(roll, listed->schema, listed->name);
    if (table == NULL)
        table = roll_add(roll, listed->schema, listed->name);
    table->fit = listed->seen == SEEN_BOTH ? TABLE_LOST : TABLE_COMING_OR_GOING;
    text_set(&table->engine, listed->engine);
    text_set(&table->size_class, listed->size_class);
}

static void meet_table(Roll *roll, const ServerTable *met)
{
    ExamTable *table = roll_find(roll, met->schema, met->name);
    if (table == NULL) {
        table = roll_add(roll, met->schema, met->name);
        table->fit = TABLE_EXTRA;
        text_set(&table->engine, server_table_kind(met));
    }
    text_set(&table->type, met->type);
    if (is_view(met))
        table->check = CHECK_NEEDLESS;
    if (table->fit != TABLE_LOST)
        return;
    table->fit = TABLE_SAME;
    if (g_ascii_strcasecmp(table->engine, server_table_kind(met)) != 0) {
        g_autofree char *text = g_strdup_printf("was %s, and is %s in the restore", table->engine,
                                                server_table_kind(met));
        table->fit = TABLE_OTHER_ENGINE;
        text_set(&table->message, text);
    }
}

static gboolean is_there(const ExamTable *table)
{
    return *table->type != '\0';
}

static const char load_plugin[] =
    "if its engine is a plugin, install it here, or load it with server_options, as in "
    "server_options = --plugin-load-add=NAME; else take a full backup";

/* Without an engine it is one that this server cannot open; a check of it tells why. */
static gboolean ask_why(const ExamineSpec *spec, ExamTable *table, GError **error)
{
    CheckEnd end = CHECK_NOT_DONE;
    g_autofree char *said = NULL;
    if (!restored_check(spec->server, table->schema, table->name, &end, &said, error))
        return FALSE;
    g_autofree char *text = g_strdup_printf("%s: %s", table->message, said);
    if (end == CHECK_FAILED)
        text_set(&table->message, text);
    return TRUE;
}

static gboolean judge_fits(const Roll *roll, Faults *faults, GError **error)
{
    static const char not_there[] = "was backed up, but is not in the restore";
    static const char not_backed_up[] = "is in the restore, but was not backed up";
    for (guint i = 0; i < roll->exam->tables->len; i++) {
        ExamTable *table = roll->exam->tables->pdata[i];
        if (table->fit == TABLE_SAME || table->fit == TABLE_COMING_OR_GOING)
            continue;
        if (table->fit != TABLE_OTHER_ENGINE)
            text_set(&table->message, table->fit == TABLE_LOST ? not_there : not_backed_up);
        else if (!ask_why(roll->spec, table, error))
            return FALSE;
        blame(faults,
              table->fit == TABLE_OTHER_ENGINE
                  ? load_plugin
                  : "restore an earlier backup until a new full one is proven; `lsnchain backup "
                    "--type=full` takes it",
              "%s.%s: %s", table->schema, table->name, table->message);
    }
    return TRUE;
}

static int compare_tables(gconstpointer a, gconstpointer b)
{
    const ExamTable *one = *(const ExamTable *const *)a;
    const ExamTable *other = *(const ExamTable *const *)b;
    int schemas = strcmp(one->schema, other->schema);
    return schemas != 0 ? schemas : strcmp(one->name, other->name);
}

static gboolean compare_lists(Roll *roll, Faults *faults, GError **error)
{
    g_autoptr(GString) text =
        files_read_text(roll->spec->backup_fd, TABLELIST_FILE, TABLELIST_MOST, error);
    g_autoptr(GPtrArray) met = text != NULL ? server_tables(roll->spec->server, error) : NULL;
    if (met == NULL)
        return FALSE;
    g_autoptr(GPtrArray) listed = tablelist_parse(text->str);
    for (guint i = 0; i < listed->len; i++)
        expect_table(roll, listed->pdata[i]);
    for (guint i = 0; i < met->len; i++)
        meet_table(roll, met->pdata[i]);
    g_ptr_array_sort(roll->exam->tables, compare_tables);
    return judge_fits(roll, faults, error);
}

static gboolean folds_names(const Backup *backup)
{
    const char *value = backup_param(backup, "lower_case_table_names");
    return *value != '\0' && !g_str_equal(value, "0");
}

gboolean examine_tables(const ExamineSpec *spec, Exam *exam, GError **error)
{
    g_auto(Faults) faults = {0};
    g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Roll roll = {spec, exam, by_name, folds_names(spec->backup)};
    int64_t began = g_get_monotonic_time();
    tick(spec, "the list of tables", 0, 1);
    gboolean asked = compare_lists(&roll, &faults, error);
    exam->list_us = g_get_monotonic_time() - began;
    if (!asked) {
        explain(spec, error);
        return FALSE;
    }
    return fail_on(&faults, error);
}

/* ---- the canary ------------------------------------------------------------------------------ */

static const char other_moment[] =
    "the restore is of another moment than the backup says; was canary_schema changed since it was "
    "taken? else take a full backup";

/* It was written before the capture and stamped after it: a restore has the row, not the stamp. */
static gboolean find_canary(const ExamineSpec *spec, Exam *exam, Faults *faults, GError **error)
{
    exam->canary_wanted = *spec->backup->canary != '\0';
    if (!exam->canary_wanted)
        return TRUE;
    CanaryRow row = {0};
    g_autoptr(GError) failure = NULL;
    if (!canary_find(spec->server, spec->canary_schema, spec->backup->canary, &row, &failure)) {
        if (restored_lost(spec->server)) {
            explain(spec, &failure);
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "the canary: ");
            return FALSE;
        }
        blame(faults, other_moment, "the canary cannot be read: %s", failure->message);
        return TRUE;
    }
    exam->canary_found = row.written;
    exam->canary_at = row.written_at;
    if (!row.written)
        blame(faults, other_moment,
              "the canary %s, written before this backup was taken, is not in %s.canary",
              spec->backup->canary, spec->canary_schema);
    else if (row.stamped)
        blame(faults, other_moment,
              "the canary %s in %s.canary has the stamp that it got after this backup was taken",
              spec->backup->canary, spec->canary_schema);
    return TRUE;
}

/* ---- assertions ------------------------------------------------------------------------------ */

static int64_t time_for_assertion(const ExamineSpec *spec)
{
    enum { LEAST_S = 60, MOST_S = 600 };
    if (spec->until_us == 0)
        return MOST_S;
    int64_t left_s = (spec->until_us - g_get_monotonic_time()) / G_USEC_PER_SEC;
    return CLAMP(left_s, LEAST_S, MOST_S);
}

/* One that was not answered is not said to be false, unless the server crashed at it. */
static gboolean fail_unanswered(const ExamineSpec *spec, Exam *exam, ExamAssert *query,
                                GError **error)
{
    explain(spec, error);
    g_prefix_error(error, "assertion %s: ", query->name);
    g_autofree char *sentence = error_sentence(*error);
    if (error_status(*error) == STATUS_VERIFY)
        text_set(&query->answer, sentence);
    else
        (void)g_ptr_array_remove(exam->asserts, query);
    return FALSE;
}

static gboolean ask_assertion(const ExamineSpec *spec, Exam *exam, const AssertConfig *wanted,
                              Faults *faults, GError **error)
{
    ExamAssert *query = exam_add_assert(exam, wanted->name, wanted->sql);
    g_autofree char *answer = NULL;
    if (!restored_assert(spec->server, query->sql, time_for_assertion(spec), &query->passed,
                         &answer, error))
        return fail_unanswered(spec, exam, query, error);
    text_set(&query->answer, answer);
    if (!query->passed)
        blame(faults,
              "ask the same of the source: either the backup lacks something, or the assertion "
              "is wrong",
              "assertion %s: %s", query->name, query->answer);
    return TRUE;
}

static gboolean ask_assertions(const ExamineSpec *spec, Exam *exam, Faults *faults, GError **error)
{
    for (guint i = 0; spec->asserts != NULL && i < spec->asserts->len; i++) {
        const AssertConfig *wanted = spec->asserts->pdata[i];
        g_autofree char *question = g_strdup_printf("assertion %s", wanted->name);
        tick(spec, question, i, spec->asserts->len);
        if (!cancel_check(error) || !ask_assertion(spec, exam, wanted, faults, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- CHECK TABLE ----------------------------------------------------------------------------- */

typedef struct {
    const ExamineSpec *spec;
    Exam *exam;
    Faults *faults;
    guint all;
} Check;

static const char source_too[] =
    "ask the same of the source, with CHECK TABLE: the fault may be its own; else take a full "
    "backup";

/* A server that crashes at a table, as it would in earnest: that is a fault of the table. */
static void blame_crash(Check *check, ExamTable *table, GError **error)
{
    explain(check->spec, error);
    if (error_status(*error) != STATUS_VERIFY)
        return;
    g_autofree char *why = error_sentence(*error);
    g_autofree char *text = g_strdup_printf("the server crashed when it checked it: %s", why);
    text_set(&table->message, text);
    table->check = CHECK_FAILED;
    check->exam->checked++;
    blame(check->faults, source_too, "%s.%s: %s", table->schema, table->name, text);
    g_clear_error(error);
}

static const char *hint_for(const char *said)
{
    return strstr(said, "Unknown storage engine") != NULL ? load_plugin : source_too;
}

static void judge_check(const Check *check, ExamTable *table, const char *said)
{
    if (table->check == CHECK_FAILED) {
        text_set(&table->message, said);
        blame(check->faults, hint_for(said), "%s.%s: %s", table->schema, table->name, said);
    } else if (*said != '\0') {
        log_detail("CHECK TABLE %s.%s: %s", table->schema, table->name, said);
    }
    check->exam->checked += table->check != CHECK_NEEDLESS;
}

static gboolean check_table(ExamTable *table, void *data, GError **error)
{
    Check *check = data;
    g_autofree char *question = g_strdup_printf("CHECK TABLE %s.%s", table->schema, table->name);
    tick(check->spec, question, check->exam->checked, check->all);
    if (!cancel_check(error))
        return FALSE;
    g_autofree char *said = NULL;
    g_autoptr(GError) failure = NULL;
    int64_t began = g_get_monotonic_time();
    gboolean asked = restored_check(check->spec->server, table->schema, table->name, &table->check,
                                    &said, &failure);
    table->check_us = g_get_monotonic_time() - began;
    if (asked) {
        judge_check(check, table, said);
        return TRUE;
    }
    blame_crash(check, table, &failure);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail_on(check->faults, error);
    return FALSE;
}

/* What holds no rows is not asked; nor is what is not there. */
static GPtrArray *tables_to_check(const Exam *exam)
{
    GPtrArray *tables = g_ptr_array_new();
    for (guint i = 0; i < exam->tables->len; i++) {
        ExamTable *table = exam->tables->pdata[i];
        if (is_there(table) && table->check == CHECK_NOT_DONE)
            g_ptr_array_add(tables, table);
    }
    return tables;
}

static void count_what_is_left(const GPtrArray *tables, const Rota *rota, Exam *exam)
{
    for (guint i = 0; i < tables->len; i++) {
        ExamTable *table = tables->pdata[i];
        const RotaEntry *entry = rota_find(rota, table->schema, table->name);
        table->checked_at = entry != NULL ? entry->at : 0;
        exam->left += table->check == CHECK_NOT_DONE;
    }
}

static gboolean check_tables(const ExamineSpec *spec, Exam *exam, Faults *faults, GError **error)
{
    g_autoptr(GPtrArray) tables = tables_to_check(exam);
    g_autoptr(Rota) own = spec->rota == NULL ? rota_open(NULL) : NULL;
    Rota *rota = spec->rota != NULL ? spec->rota : own;
    Check check = {spec, exam, faults, tables->len};
    const RotaRound round = {
        .tables = tables,
        .backup = spec->backup->id,
        .now = clock_now(),
        .until_us = spec->until_us,
        .clock = g_get_monotonic_time,
        .check = check_table,
        .data = &check,
    };
    gboolean good = rota_go_round(rota, &round, error);
    count_what_is_left(tables, rota, exam);
    return good;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static gboolean ask_all(const ExamineSpec *spec, Exam *exam, Faults *faults, GError **error)
{
    int64_t began = g_get_monotonic_time();
    gboolean asked =
        find_canary(spec, exam, faults, error) && ask_assertions(spec, exam, faults, error);
    exam->assert_us = g_get_monotonic_time() - began;
    if (!asked)
        return FALSE;
    began = g_get_monotonic_time();
    asked = check_tables(spec, exam, faults, error);
    exam->check_us = g_get_monotonic_time() - began;
    return asked;
}

gboolean examine_queries(const ExamineSpec *spec, Exam *exam, GError **error)
{
    g_auto(Faults) faults = {0};
    return ask_all(spec, exam, &faults, error) && fail_on(&faults, error);
}
