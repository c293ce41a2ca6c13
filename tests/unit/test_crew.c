/* SPDX-License-Identifier: MIT */
#include "base/crew.h"

#include "base/error.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

enum { COUNT = 1000 };

typedef struct {
    atomic_uint done[COUNT];
    atomic_uint ran;
    guint fails_from; /* this number and those above */
    gboolean slow;    /* each lets the others go first */
    guint watched;
    guint stop_at; /* the watch of this number stops the work; 0: none does */
} Yard;

TestSuite(crew, .timeout = 20);

static gboolean task(guint number, void *data, GError **error)
{
    Yard *yard = data;
    yard->ran++;
    yard->done[number]++;
    if (yard->slow)
        g_usleep(number % 3 == 0 ? 3000 : 1000);
    return number < yard->fails_from || fail(error, STATUS_VERIFY, "number %u", number);
}

static gboolean watch(void *data, GError **error)
{
    Yard *yard = data;
    return ++yard->watched != yard->stop_at || fail(error, STATUS_STORAGE, "stopped");
}

static gboolean run(Yard *yard, guint count, int threads, GError **error)
{
    const Crew crew = {
        .count = count, .threads = threads, .task = task, .watch = watch, .data = yard};
    return crew_run(&crew, error);
}

Test(crew, does_each_number_once_with_any_number_of_threads)
{
    for (int threads = 0; threads <= 9; threads++) {
        Yard yard = {.fails_from = COUNT};
        cr_assert(run(&yard, COUNT, threads, NULL));
        for (guint i = 0; i < COUNT; i++)
            cr_expect_eq(yard.done[i], 1);
        cr_expect_geq(yard.watched, 1);
    }
}

Test(crew, has_nothing_to_do_where_there_is_nothing)
{
    Yard yard = {0};
    cr_expect(run(&yard, 0, 4, NULL));
    cr_expect_eq(yard.watched, 1);
}

Test(crew, tells_the_lowest_number_that_failed_and_begins_no_more)
{
    for (int threads = 1; threads <= 8; threads++) {
        Yard yard = {.fails_from = 10, .slow = TRUE};
        g_autoptr(GError) error = NULL;
        cr_assert_not(run(&yard, COUNT, threads, &error));
        cr_expect_str_eq(error->message, "number 10");
        cr_expect_eq(error_status(error), STATUS_VERIFY);
        cr_expect_leq(yard.ran, 10U + 2U * (guint)threads);
    }
}

Test(crew, is_stopped_by_its_watch_and_tells_why)
{
    Yard yard = {.fails_from = COUNT, .slow = TRUE, .stop_at = 1};
    g_autoptr(GError) error = NULL;
    cr_assert_not(run(&yard, COUNT, 2, &error));
    cr_expect_str_eq(error->message, "stopped");
    cr_expect_lt(yard.ran, COUNT);
    cr_expect_eq(yard.watched, 1);
}
