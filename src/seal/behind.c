/* SPDX-License-Identifier: MIT */
#include "seal/behind.h"

#include <fcntl.h>
#include <unistd.h>

enum {
    NO_MORE = -1,
    PAGE = 4096,
    RANGE_LEAST = 64 << 10, /* the asking would cost more */
    WAITING_MOST = 64,      /* ranges; each holds a descriptor */
    ON_THEIR_WAY = 8 << 20, /* bytes that the disk has been given and that are not waited for yet */
};

typedef struct {
    int fd; /* NO_MORE: none, and none will come */
    off64_t offset;
    off64_t length;
} Range;

struct Behind {
    GAsyncQueue *ranges;
    GThread *thread;
};

static void range_free(gpointer data)
{
    Range *range = data;
    if (range->fd >= 0)
        (void)close(range->fd);
    g_free(range);
}

static void begin(const Range *range)
{
    (void)sync_file_range(range->fd, range->offset, range->length, SYNC_FILE_RANGE_WRITE);
}

static void wait_and_forget(const Range *range)
{
    (void)sync_file_range(range->fd, range->offset, range->length,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
    (void)posix_fadvise(range->fd, range->offset, range->length, POSIX_FADV_DONTNEED);
}

/* Until the disk has all but so many bytes of what it was given. */
static void wait_until(GQueue *begun, off64_t *bytes, off64_t most)
{
    while (*bytes > most) {
        Range *oldest = g_queue_pop_head(begun);
        wait_and_forget(oldest);
        *bytes -= oldest->length;
        range_free(oldest);
    }
}

static gpointer work(gpointer data)
{
    Behind *behind = data;
    GQueue begun = G_QUEUE_INIT;
    off64_t bytes = 0; /* of those */
    Range *range;
    while ((range = g_async_queue_pop(behind->ranges))->fd != NO_MORE) {
        begin(range);
        g_queue_push_tail(&begun, range);
        bytes += range->length;
        wait_until(&begun, &bytes, ON_THEIR_WAY);
    }
    wait_until(&begun, &bytes, 0);
    range_free(range);
    return NULL;
}

Behind *behind_new(void)
{
    Behind *behind = g_new0(Behind, 1);
    behind->ranges = g_async_queue_new_full(range_free);
    behind->thread = g_thread_new("behind", work, behind);
    return behind;
}

static void push(Behind *behind, int fd, off64_t offset, off64_t length)
{
    Range *range = g_new(Range, 1);
    *range = (Range){fd, offset, length};
    g_async_queue_push(behind->ranges, range);
}

void behind_free(Behind *behind)
{
    push(behind, NO_MORE, 0, 0);
    (void)g_thread_join(behind->thread);
    g_async_queue_unref(behind->ranges);
    g_free(behind);
}

/* A page that is not full yet comes with what fills it. */
void behind_write(Behind *behind, int fd, uint64_t offset, uint64_t length)
{
    uint64_t first = offset - offset % PAGE;
    uint64_t end = (offset + length) - (offset + length) % PAGE;
    if (end < first + RANGE_LEAST || g_async_queue_length(behind->ranges) >= WAITING_MOST)
        return;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own >= 0)
        push(behind, own, (off64_t)first, (off64_t)(end - first));
}
