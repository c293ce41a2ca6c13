/* SPDX-License-Identifier: MIT */
#include "server/restored.h"

#include "base/error.h"
#include "server/session.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <string.h>

/* ---- CHECK TABLE ----------------------------------------------------------------------------- */

CheckRow *check_row_new(const char *type, const char *text)
{
    CheckRow *row = g_new0(CheckRow, 1);
    row->type = g_strdup(type);
    row->text = g_strdup(text);
    return row;
}

void check_row_free(gpointer data)
{
    CheckRow *row = data;
    g_free(row->type);
    g_free(row->text);
    g_free(row);
}

static gboolean says(const char *text, const char *word)
{
    return g_ascii_strcasecmp(text, word) == 0;
}

/* In English in all languages; a table that was checked since it was changed is not read again. */
static gboolean is_content(const char *status)
{
    return says(status, "OK") || says(status, "Table is already up to date");
}

/* What it said, each sentence once; the last of many are left out. */
static char *join_texts(const GPtrArray *rows)
{
    enum { AT_MOST = 4 };
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++) {
        const CheckRow *row = rows->pdata[i];
        if (is_content(row->text) || !g_hash_table_add(seen, row->text))
            continue;
        if (g_hash_table_size(seen) > AT_MOST) {
            g_string_append(text, "; …");
            break;
        }
        g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", row->text);
    }
    return g_string_free(text, FALSE);
}

CheckEnd restored_judge(const GPtrArray *rows, char **message)
{
    *message = NULL;
    if (rows->len == 0) {
        *message = g_strdup("CHECK TABLE was not answered with any row");
        return CHECK_FAILED;
    }
    *message = join_texts(rows);
    const CheckRow *last = rows->pdata[rows->len - 1];
    for (guint i = 0; i < rows->len; i++) {
        const CheckRow *row = rows->pdata[i];
        gboolean bad_status = says(row->type, "status") && !is_content(row->text);
        if (says(row->type, "error") || bad_status)
            return CHECK_FAILED;
    }
    if (says(last->type, "status"))
        return CHECK_PASSED;
    return says(last->type, "note") ? CHECK_NEEDLESS : CHECK_FAILED;
}

/* Table, Op, Msg_type, Msg_text. */
static gboolean keep_check(const Answer *row, void *data)
{
    if (row->n < 4 || row->values[2] == NULL || row->values[3] == NULL)
        return FALSE;
    g_ptr_array_add(data, check_row_new(row->values[2], row->values[3]));
    return TRUE;
}

static void append_quoted(GString *sql, const char *name)
{
    g_autoptr(GString) doubled = g_string_new(name);
    g_string_replace(doubled, "`", "``", 0);
    g_string_append_printf(sql, "`%s`", doubled->str);
}

gboolean restored_lost(const Server *server)
{
    unsigned number = mysql_errno(server->mysql);
    return number == CR_SERVER_GONE_ERROR || number == CR_SERVER_LOST ||
           number == CR_SERVER_LOST_EXTENDED || number == ER_SERVER_SHUTDOWN;
}

/* Refused by the server itself, and not for want of time or of a connection. */
static gboolean was_answered(const Server *server)
{
    unsigned number = mysql_errno(server->mysql);
    gboolean by_the_client = number / 1000 == CR_MIN_ERROR / 1000;
    return number != 0 && !by_the_client && number != ER_SERVER_SHUTDOWN &&
           number != ER_QUERY_INTERRUPTED;
}

static char *what_it_said(const Server *server)
{
    return g_strdup_printf("%s (%u)", mysql_error(server->mysql), mysql_errno(server->mysql));
}

gboolean restored_check(Server *server, const char *schema, const char *name, CheckEnd *end,
                        char **message, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(check_row_free);
    g_autoptr(GString) sql = g_string_new("CHECK TABLE ");
    append_quoted(sql, schema);
    g_string_append_c(sql, '.');
    append_quoted(sql, name);
    g_autofree char *question = g_strdup_printf("a check of %s.%s", schema, name);
    g_autoptr(GError) failure = NULL;
    const LongQuestion asked = {question, sql->str, 0};
    if (ask_in_time(server, &asked, keep_check, rows, &failure)) {
        *end = restored_judge(rows, message);
        return TRUE;
    }
    if (!was_answered(server)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    *end = CHECK_FAILED;
    *message = what_it_said(server);
    return TRUE;
}

/* ---- assertions ------------------------------------------------------------------------------ */

gboolean restored_is_true(const char *value, size_t length, ValueKind kind)
{
    size_t at = 0;
    while (kind == VALUE_NUMBER && at < length && g_ascii_isspace(value[at]))
        at++;
    if (kind == VALUE_NUMBER && at < length && (value[at] == '-' || value[at] == '+'))
        at++;
    gboolean point = FALSE;
    for (; at < length; at++) {
        if (kind == VALUE_BITS ? value[at] != '\0' : value[at] >= '1' && value[at] <= '9')
            return TRUE;
        gboolean first_point = value[at] == '.' && !point;
        point |= first_point;
        if (kind == VALUE_NUMBER && value[at] != '0' && !first_point)
            return FALSE;
    }
    return FALSE;
}

static ValueKind kind_of(const MYSQL_FIELD *field)
{
    static const enum enum_field_types moments[] = {MYSQL_TYPE_DATE, MYSQL_TYPE_DATETIME,
                                                    MYSQL_TYPE_TIMESTAMP, MYSQL_TYPE_TIME};
    if (field->type == MYSQL_TYPE_BIT)
        return VALUE_BITS;
    for (size_t i = 0; i < G_N_ELEMENTS(moments); i++) {
        if (field->type == moments[i])
            return VALUE_MOMENT;
    }
    return VALUE_NUMBER;
}

/* For a reader: a line of valid UTF-8, the end of a long one left out. */
static char *shown(const char *value, size_t length)
{
    enum { AT_MOST = 200 };
    char *text = g_utf8_make_valid(value, (gssize)MIN(length, AT_MOST));
    for (char *p = text; *p != '\0'; p++)
        *p = g_ascii_iscntrl(*p) ? ' ' : *p;
    return text;
}

typedef struct {
    guint64 rows;
    gboolean holds;
    char *answer;
} Told;

/* All the other rows are read too, or the connection could not be used for the next question. */
static gboolean keep_first(const Answer *row, void *data)
{
    Told *told = data;
    if (told->rows++ > 0)
        return TRUE;
    if (row->values[0] == NULL) {
        told->answer = g_strdup("NULL");
        return TRUE;
    }
    told->holds = restored_is_true(row->values[0], row->lengths[0], kind_of(&row->fields[0]));
    told->answer =
        row->lengths[0] > 0 ? shown(row->values[0], row->lengths[0]) : g_strdup("an empty text");
    return TRUE;
}

/*
 * A look at it before it runs: whatever does not answer with rows (SET, DO, CALL, SHUTDOWN, INSERT)
 * is not begun at all.
 */
static char *refuse_unasked(const Server *server, const char *sql)
{
    char *refusal = NULL;
    MYSQL_STMT *statement = mysql_stmt_init(server->mysql);
    if (statement == NULL)
        g_error("mysql_stmt_init: out of memory");
    if (mysql_stmt_prepare(statement, sql, strlen(sql)) != 0)
        refusal =
            g_strdup_printf("%s (%u)", mysql_stmt_error(statement), mysql_stmt_errno(statement));
    else if (mysql_stmt_field_count(statement) == 0)
        refusal = g_strdup("not asked: it would answer with no row");
    (void)mysql_stmt_close(statement);
    return refusal;
}

static gboolean set_limit(const Server *server, int64_t limit_s, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SET SESSION %s = %" G_GINT64_FORMAT, server->dialect->time_limit,
                        limit_s * server->dialect->time_limit_unit);
    return ask_nothing(server, "a time limit", sql, error);
}

/* As the DBA's own sessions are on this server, but for writing and for the time. */
static gboolean open_transaction(const Server *server, int64_t limit_s, GError **error)
{
    return set_limit(server, limit_s, error) &&
           ask_nothing(server, "its SQL mode", "SET SESSION sql_mode = DEFAULT", error) &&
           ask_nothing(server, "a transaction", "START TRANSACTION READ ONLY", error);
}

static gboolean close_transaction(const Server *server, GError **error)
{
    return ask_nothing(server, "the end of a transaction", "ROLLBACK", error) &&
           set_limit(server, 0, error) && ask_for_manners(server, error);
}

/* A server that does not keep its own limit is given some more time. */
static gboolean put_assertion(const Server *server, const char *sql, int64_t limit_s, Told *told,
                              GError **error)
{
    enum { GRACE_S = 30 };
    told->answer = refuse_unasked(server, sql);
    if (told->answer != NULL)
        return TRUE;
    g_autoptr(GError) failure = NULL;
    int64_t late = g_get_monotonic_time() + limit_s * G_USEC_PER_SEC;
    const LongQuestion long_one = {"an assertion", sql, limit_s + GRACE_S};
    gboolean asked = ask_in_time(server, &long_one, keep_first, told, &failure);
    if (!asked && !was_answered(server)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (asked && told->rows > 0 && g_get_monotonic_time() < late)
        return TRUE;
    g_free(told->answer);
    told->holds = FALSE;
    told->answer = !asked ? what_it_said(server)
                   : told->rows == 0
                       ? g_strdup("no row")
                       : g_strdup_printf("no answer in %" G_GINT64_FORMAT " s", limit_s);
    return TRUE;
}

gboolean restored_assert(Server *server, const char *sql, int64_t limit_s, gboolean *holds,
                         char **answer, GError **error)
{
    Told told = {0};
    gboolean told_us = open_transaction(server, limit_s, error) &&
                       put_assertion(server, sql, limit_s, &told, error) &&
                       close_transaction(server, error);
    *holds = told_us && told.holds;
    *answer = told.answer;
    return told_us;
}
