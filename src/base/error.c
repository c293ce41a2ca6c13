/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <string.h>

G_DEFINE_QUARK(lsnchain - error - quark, lsnchain_error)

static const char hint_mark[] = HINT("");

gboolean fail(GError **error, Status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autoptr(GError) made = g_error_new_valist(LSNCHAIN_ERROR, (int)status, format, args);
    va_end(args);
    g_propagate_error(error, g_steal_pointer(&made));
    return FALSE;
}

Status error_status(const GError *error)
{
    if (error == NULL)
        return STATUS_OK;
    return error->domain == LSNCHAIN_ERROR ? (Status)error->code : STATUS_FAILED;
}

char *error_sentence(const GError *error)
{
    const char *hint = strstr(error->message, hint_mark);
    size_t length = hint != NULL ? (size_t)(hint - error->message) : strlen(error->message);
    return g_strndup(error->message, length);
}

char *error_hint(const GError *error)
{
    const char *hint = strstr(error->message, hint_mark);
    return hint != NULL ? g_strdup(hint + strlen(hint_mark)) : NULL;
}

gboolean status_is_success(int status)
{
    return status == STATUS_OK || status == STATUS_WARNINGS;
}

const char *status_name(int status)
{
    switch (status) {
#define X(name, number, word, meaning)                                                             \
    case number:                                                                                   \
        return word;
        STATUSES(X)
#undef X
    default:
        return status > 128 ? "signal" : "unknown";
    }
}

const char *status_meaning(int status)
{
    switch (status) {
#define X(name, number, word, meaning)                                                             \
    case number:                                                                                   \
        return meaning;
        STATUSES(X)
#undef X
    default:
        return status > 128 ? "ended by a signal" : "unknown";
    }
}
