/* SPDX-License-Identifier: MIT */
#include "repo/contents.h"

#include "base/cancel.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/files.h"
#include "repo/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const Contents *contents;
    guint seen;
} Walk;

static gboolean check_name(int root_fd, const char *name, const struct stat *status, void *data,
                           GError **error)
{
    (void)root_fd;
    Walk *walk = data;
    const char *id = walk->contents->id;
    if (S_ISDIR(status->st_mode) || g_str_equal(name, SUMS_NAME) || g_str_equal(name, FACTS_NAME))
        return TRUE;
    if (!S_ISREG(status->st_mode))
        return fail(error, STATUS_VERIFY, "%s/%s is not a regular file", id, name);
    if (sums_find(walk->contents->sums, name) == NULL)
        return fail(error, STATUS_VERIFY, "%s/%s is there, but " SUMS_NAME " does not name it", id,
                    name);
    walk->seen++;
    return TRUE;
}

static gboolean find_missing(const Contents *contents, GError **error)
{
    for (guint i = 0; i < contents->sums->len; i++) {
        const SumLine *line = contents->sums->pdata[i];
        struct stat status;
        if (fstatat(contents->fd, line->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return fail(error, STATUS_VERIFY, "%s/%s is missing (%s)", contents->id, line->name,
                        g_strerror(errno));
    }
    return fail(error, STATUS_VERIFY, "%s does not have the files that " SUMS_NAME " names",
                contents->id);
}

static gboolean check_names(const Contents *contents, GError **error)
{
    Walk walk = {.contents = contents};
    g_autoptr(GError) failure = NULL;
    if (!files_walk(contents->fd, ".", check_name, &walk, &failure))
        return fail(error, STATUS_VERIFY, "%s", failure->message);
    return walk.seen == contents->sums->len || find_missing(contents, error);
}

/* What the threads share. */
typedef struct {
    const Contents *contents;
    GPtrArray *lines;       /* const SumLine */
    _Atomic uint64_t bytes; /* read, and not yet told of */
} Reading;

static gboolean check_sum(guint number, void *data, GError **error)
{
    Reading *reading = data;
    const Contents *contents = reading->contents;
    const SumLine *line = reading->lines->pdata[number];
    uint8_t sum[DIGEST_BYTES];
    uint64_t size = 0;
    if (!digest_file(contents->fd, line->name, sum, &size, error)) {
        g_prefix_error(error, "%s: ", contents->id);
        return FALSE;
    }
    atomic_fetch_add(&reading->bytes, size);
    return memcmp(sum, line->sum, DIGEST_BYTES) == 0 ||
           fail(error, STATUS_VERIFY,
                "%s/%s does not match its SHA-256 sum: its bytes have changed", contents->id,
                line->name);
}

static gboolean watch_reading(void *data, GError **error)
{
    Reading *reading = data;
    uint64_t bytes = atomic_exchange(&reading->bytes, 0);
    if (reading->contents->tick != NULL && bytes > 0)
        reading->contents->tick(bytes, reading->contents->data);
    return cancel_check(error);
}

/* Will somebody else read it, and compare its sum? */
static gboolean is_left(const Contents *contents, const char *name)
{
    if (contents->read == CONTENTS_ALL || !g_str_has_prefix(name, "data/"))
        return FALSE;
    for (size_t i = 0; contents->read_too != NULL && contents->read_too[i] != NULL; i++) {
        g_autofree char *sealed = g_strconcat(contents->read_too[i], ".lz4", NULL);
        if (g_str_has_suffix(name, contents->read_too[i]) || g_str_has_suffix(name, sealed))
            return FALSE;
    }
    return TRUE;
}

gboolean contents_check(const Contents *contents, GError **error)
{
    if (!check_names(contents, error))
        return FALSE;
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    for (guint i = 0; i < contents->sums->len; i++) {
        SumLine *line = contents->sums->pdata[i];
        if (!is_left(contents, line->name))
            g_ptr_array_add(lines, line);
    }
    Reading reading = {.contents = contents, .lines = lines};
    const Crew crew = {
        .count = lines->len,
        .threads = contents->workers,
        .task = check_sum,
        .watch = watch_reading,
        .data = &reading,
    };
    return crew_run(&crew, error);
}

GPtrArray *contents_damaged(int fd, const GPtrArray *sums)
{
    GPtrArray *damaged = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < sums->len && cancel_signal() == 0; i++) {
        const SumLine *line = sums->pdata[i];
        uint8_t sum[DIGEST_BYTES];
        gboolean same = digest_file(fd, line->name, sum, NULL, NULL) &&
                        memcmp(sum, line->sum, DIGEST_BYTES) == 0;
        if (!same && cancel_signal() == 0)
            g_ptr_array_add(damaged, g_strdup(line->name));
    }
    return damaged;
}
