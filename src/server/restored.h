/* SPDX-License-Identifier: MIT */
/*
 * restored: what is asked of a throwaway server on a restored backup only.
 *
 * Such a question can take hours, so none has a time limit but where it says so, and a signal that
 * asks us to stop ends the wait.  After that, and after a limit of ours, the connection is of no
 * more use.
 */
#ifndef LSNCHAIN_SERVER_RESTORED_H
#define LSNCHAIN_SERVER_RESTORED_H

#include "model/exam.h"
#include "server/server.h"

#include <glib.h>
#include <stdint.h>

/* A row of CHECK TABLE. */
typedef struct {
    char *type; /* Msg_type */
    char *text; /* Msg_text */
} CheckRow;
CheckRow *check_row_new(const char *type, const char *text);
void check_row_free(gpointer row);

/*
 * Pure.  Passed: the last row says so, and no row is an error.  Needless: its engine has no check,
 * or it is a view.  `message` is what the server said, "" when it was content; free it.
 */
CheckEnd restored_judge(const GPtrArray *rows, char **message);

/* CHECK TABLE on one table.  FALSE: it was not answered. */
gboolean restored_check(Server *server, const char *schema, const char *name, CheckEnd *end,
                        char **message, GError **error);

/*
 * Asks a DBA's query, one statement that answers with rows, in a read-only transaction.  It holds
 * when the first column of the first row is true, as restored_is_true() says.  `answer` is that
 * value, or what the server said instead; free it.  FALSE: the connection or a limit of ours failed
 * (STATUS_TIMEOUT: the server did not end it long after `limit_s`).
 */
gboolean restored_assert(Server *server, const char *sql, int64_t limit_s, gboolean *holds,
                         char **answer, GError **error);

typedef enum { VALUE_NUMBER, VALUE_MOMENT, VALUE_BITS } ValueKind;

/*
 * Pure.  What SQL takes for true: a number that is not 0; a text that begins with such a number; a
 * date or time that is not all zeros; a bit that is set.  NULL is not true.
 */
gboolean restored_is_true(const char *value, size_t length, ValueKind kind);

/* Was the connection lost in the last question? */
gboolean restored_lost(const Server *server);

#endif
