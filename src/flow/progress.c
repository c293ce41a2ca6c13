/* SPDX-License-Identifier: MIT */
#include "flow/progress.h"

#include "base/log.h"
#include "base/units.h"

#include <string.h>

enum {
    BAR_WIDTH = 24,
    REDRAW_US = G_USEC_PER_SEC / 4,
    LINE_US = 60 * G_USEC_PER_SEC,
};

Progress progress_start(const char *what, uint64_t expected)
{
    int64_t now = g_get_monotonic_time();
    return (Progress){.what = what, .expected = expected, .started = now, .shown = now};
}

/* "[######      ]  25 %"; "" when the end is not known or was passed. */
static char *bar(const Progress *progress, uint64_t done)
{
    if (progress->expected == 0 || done > progress->expected)
        return g_strdup("");
    double part = (double)done / (double)progress->expected;
    char drawn[BAR_WIDTH + 1];
    memset(drawn, ' ', BAR_WIDTH);
    memset(drawn, '#', (size_t)(part * BAR_WIDTH));
    drawn[BAR_WIDTH] = '\0';
    return g_strdup_printf(" [%s] %3.0f %%", drawn, part * 100);
}

static char *remaining(const Progress *progress, uint64_t done, double rate)
{
    if (progress->expected <= done || rate < 1)
        return g_strdup("");
    double left = (double)(progress->expected - done) / rate;
    g_autofree char *time = units_duration((int64_t)left);
    return g_strdup_printf(", about %s left", time);
}

void progress_show(Progress *progress, uint64_t done)
{
    int64_t now = g_get_monotonic_time();
    int64_t pause = log_on_terminal() ? REDRAW_US : LINE_US;
    if (now - progress->shown < pause)
        return;
    progress->shown = now;

    double seconds = (double)(now - progress->started) / G_USEC_PER_SEC;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    g_autofree char *drawn = bar(progress, done);
    g_autofree char *size = units_size(done);
    g_autofree char *speed = units_size((uint64_t)rate);
    g_autofree char *left = remaining(progress, done, rate);
    g_autofree char *line =
        g_strdup_printf("%s%s %s, %s/s%s", progress->what, drawn, size, speed, left);
    if (log_on_terminal())
        log_progress(line);
    else
        log_detail("%s", line);
}

void progress_tick(uint64_t done, void *progress)
{
    progress_show(progress, done);
}

void progress_end(void)
{
    log_progress(NULL);
}
