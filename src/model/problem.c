/* SPDX-License-Identifier: MIT */
#include "model/problem.h"

static void problem_free(gpointer data)
{
    Problem *problem = data;
    g_free(problem->sentence);
    g_free(problem);
}

GPtrArray *problems_new(void)
{
    return g_ptr_array_new_with_free_func(problem_free);
}

Problem *problem_add(GPtrArray *problems, Gravity gravity, const char *format, ...)
{
    Problem *problem = g_new0(Problem, 1);
    problem->gravity = gravity;
    va_list args;
    va_start(args, format);
    problem->sentence = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(problems, problem);
    return problem;
}

Gravity problems_gravest(const GPtrArray *problems)
{
    Gravity gravest = GRAVITY_NOTE;
    for (guint i = 0; i < problems->len; i++) {
        const Problem *problem = problems->pdata[i];
        gravest = MAX(gravest, problem->gravity);
    }
    return gravest;
}
