/* SPDX-License-Identifier: MIT */
/*
 * chart: inline SVG.  What a colour says, a shape says too.
 */
#ifndef LSNCHAIN_REPORT_CHART_H
#define LSNCHAIN_REPORT_CHART_H

#include <glib.h>
#include <stdint.h>

/* Patterns that charts refer to; once in a page, before the first chart. */
void chart_patterns(GString *out);

/* A stretch of a bar, in the unit of the whole. */
typedef struct {
    const char *class; /* a literal: "unseal" */
    int64_t from;
    int64_t length;
} ChartStretch;

/* A bar as wide as its place: `stretches` of `whole`. */
void chart_bar(GString *out, const ChartStretch *stretches, size_t count, int64_t whole);
/* A sample of how stretches of this class look, with its name. */
void chart_legend(GString *out, const char *class, const char *name);

/* What happened at a moment; for a chart over time. */
typedef struct {
    int64_t at; /* UTC seconds */
    gboolean passed;
    double took_s;
    double rpo_s; /* below 0: not measured */
} ChartMoment;

/* Results, durations and RPO over time, oldest first; nothing where there are none. */
void chart_history(GString *out, const ChartMoment *moments, size_t count);

#endif
