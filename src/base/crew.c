/* SPDX-License-Identifier: MIT */
#include "base/crew.h"

enum { WATCH_US = 100 * 1000 };

typedef struct {
    const Crew *crew;
    GMutex lock;
    GCond idle; /* a thread ended */
    guint next;
    guint working;
    gboolean stop;
    guint failed; /* whose error it is */
    GError *error;
} Shift;

/* FALSE: none is left to do. */
static gboolean take_number(Shift *shift, guint *number)
{
    g_mutex_lock(&shift->lock);
    gboolean more = !shift->stop && shift->next < shift->crew->count;
    if (more)
        *number = shift->next++;
    g_mutex_unlock(&shift->lock);
    return more;
}

static void keep_failure(Shift *shift, guint number, GError *error)
{
    g_mutex_lock(&shift->lock);
    shift->stop = TRUE;
    if (shift->error == NULL || number < shift->failed) {
        g_clear_error(&shift->error);
        shift->error = g_steal_pointer(&error);
        shift->failed = number;
    }
    g_mutex_unlock(&shift->lock);
    g_clear_error(&error);
}

static gpointer work(gpointer data)
{
    Shift *shift = data;
    guint number = 0;
    while (take_number(shift, &number)) {
        GError *error = NULL;
        if (!shift->crew->task(number, shift->crew->data, &error))
            keep_failure(shift, number, error);
    }
    g_mutex_lock(&shift->lock);
    shift->working--;
    g_cond_signal(&shift->idle);
    g_mutex_unlock(&shift->lock);
    return NULL;
}

/* Until all have ended; `*error` gets what the watch says. */
static gboolean watch(Shift *shift, GError **error)
{
    const Crew *crew = shift->crew;
    gboolean good = TRUE;
    g_mutex_lock(&shift->lock);
    while (shift->working > 0) {
        int64_t until = g_get_monotonic_time() + WATCH_US;
        if (g_cond_wait_until(&shift->idle, &shift->lock, until))
            continue;
        g_mutex_unlock(&shift->lock);
        good = good && crew->watch(crew->data, error);
        g_mutex_lock(&shift->lock);
        shift->stop = shift->stop || !good;
    }
    g_mutex_unlock(&shift->lock);
    return good && crew->watch(crew->data, error);
}

gboolean crew_run(const Crew *crew, GError **error)
{
    Shift shift = {.crew = crew};
    g_mutex_init(&shift.lock);
    g_cond_init(&shift.idle);
    guint threads = MIN((guint)MAX(1, crew->threads), crew->count);
    shift.working = threads;
    g_autoptr(GPtrArray) crewed = g_ptr_array_new();
    for (guint i = 0; i < threads; i++)
        g_ptr_array_add(crewed, g_thread_new("crew", work, &shift));
    gboolean good = watch(&shift, error);
    for (guint i = 0; i < threads; i++)
        (void)g_thread_join(crewed->pdata[i]);
    g_cond_clear(&shift.idle);
    g_mutex_clear(&shift.lock);

    if (good && shift.error != NULL) {
        g_propagate_error(error, shift.error);
        return FALSE;
    }
    g_clear_error(&shift.error);
    return good;
}
