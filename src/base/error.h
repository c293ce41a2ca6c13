/* SPDX-License-Identifier: MIT */
/*
 * error: how a function fails.
 *
 * A function that can fail returns gboolean or a pointer and takes GError ** last; it returns FALSE
 * or NULL if and only if it set the error.  The code of the error is the exit status of the program
 * (docs/exit-codes.md), so the place that finds the cause chooses the status, and nobody above
 * translates it.
 *
 * The message is one sentence, lower case, without a full stop, and names the object.  HINT() adds
 * what to do as a second line; g_prefix_error() on the way up leaves that line last.
 */
#ifndef LSNCHAIN_BASE_ERROR_H
#define LSNCHAIN_BASE_ERROR_H

#include <glib.h>

/* clang-format off */
#define STATUSES(X)                                                             \
    X(OK,        0, "ok",            "all went well")                           \
    X(FAILED,    1, "failed",        "a failure with no code of its own")       \
    X(USAGE,     2, "usage",         "the command line makes no sense")         \
    X(WARNINGS,  3, "warnings",      "done, with warnings")                     \
    X(CONFIG,   10, "configuration", "the configuration is wrong")              \
    X(LOCKED,   11, "locked",        "another run holds the lock")              \
    X(SERVER,   12, "server",        "the server cannot be reached, or refuses") \
    X(UNFIT,    13, "engine-unfit",  "the engine is missing or does not fit the server") \
    X(ENGINE,   14, "engine",        "the engine failed")                       \
    X(REFUSED,  15, "refused",       "refused before starting (space, clock, repository, owner)") \
    X(STORAGE,  16, "storage",       "local storage failed (no space, I/O error, permissions)") \
    X(TRANSFER, 17, "transfer",      "transfer or remote side failed")          \
    X(CHAIN,    18, "chain",         "the chain is broken")                     \
    X(CATALOG,  19, "catalog",       "the catalog is damaged")                  \
    X(VERIFY,   20, "verify",        "verification failed, or its level was not reached") \
    X(RESTORE,  21, "restore",       "restore refused or failed")               \
    X(KEY,      22, "key",           "key or encryption trouble")               \
    X(TIMEOUT,  23, "timeout",       "a time limit stopped something")
/* clang-format on */

typedef enum {
#define X(name, status, word, meaning) STATUS_##name = status,
    STATUSES(X)
#undef X
} Status;

#define LSNCHAIN_ERROR (lsnchain_error_quark())
GQuark lsnchain_error_quark(void);

#define HINT(text) "\nhint: " text

/* Sets the error, when there is a place for it, and returns FALSE. */
gboolean fail(GError **error, Status status, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* An errno that says "no space", "I/O error" or the like is always this status. */
#define fail_storage(error, ...) fail((error), STATUS_STORAGE, __VA_ARGS__)

/* STATUS_OK for NULL; STATUS_FAILED for an error that is not ours. */
Status error_status(const GError *error);

/* The sentence without its hint, and the hint alone (NULL where there is none).  Free both. */
char *error_sentence(const GError *error);
char *error_hint(const GError *error);

/* All went well, or done with warnings. */
gboolean status_is_success(int status);

/* The word that JSON calls a status by, and what it means.  A status above 128 is a signal. */
const char *status_name(int status);
const char *status_meaning(int status);

#endif
