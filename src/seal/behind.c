/* SPDX-License-Identifier: MIT */
#include "seal/behind.h"

#include <fcntl.h>
#include <unistd.h>

enum { WAITING_MOST = 64 }; /* each holds a descriptor */

typedef struct {
    int fd;
    uint64_t offset;
    uint64_t length;
} Range;

struct Behind {
    GAsyncQueue *ranges;
    GThread *thread;
    gint end;
};

static void range_free(gpointer data)
{
    Range *range = data;
    if (range->fd >= 0)
        (void)close(range->fd);
    g_free(range);
}

static gpointer work(gpointer data)
{
    Behind *behind = data;
    for (;;) {
        Range *range = g_async_queue_pop(behind->ranges);
        gboolean last = g_atomic_int_get(&behind->end) != 0;
        if (!last)
            (void)sync_file_range(range->fd, (off64_t)range->offset, (off64_t)range->length,
                                  SYNC_FILE_RANGE_WRITE);
        range_free(range);
        if (last)
            return NULL;
    }
}

Behind *behind_new(void)
{
    Behind *behind = g_new0(Behind, 1);
    behind->ranges = g_async_queue_new_full(range_free);
    behind->thread = g_thread_new("behind", work, behind);
    return behind;
}

static void push(Behind *behind, int fd, uint64_t offset, uint64_t length)
{
    Range *range = g_new(Range, 1);
    *range = (Range){fd, offset, length};
    g_async_queue_push(behind->ranges, range);
}

void behind_free(Behind *behind)
{
    g_atomic_int_set(&behind->end, 1);
    push(behind, -1, 0, 0); /* wakes it */
    (void)g_thread_join(behind->thread);
    g_async_queue_unref(behind->ranges);
    g_free(behind);
}

void behind_write(Behind *behind, int fd, uint64_t offset, uint64_t length)
{
    if (g_async_queue_length(behind->ranges) >= WAITING_MOST)
        return;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own >= 0)
        push(behind, own, offset, length);
}
