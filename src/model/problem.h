/* SPDX-License-Identifier: MIT */
/* problem: one thing that is wrong, as a sentence, and how grave it is. */
#ifndef LSNCHAIN_MODEL_PROBLEM_H
#define LSNCHAIN_MODEL_PROBLEM_H

#include <glib.h>

/* The graver, the higher: what cannot be judged may be worse than what is known to be a warning. */
typedef enum {
    GRAVITY_NOTE, /* worth reading, and no reason for an alarm */
    GRAVITY_WARNING,
    GRAVITY_UNKNOWN,
    GRAVITY_CRITICAL,
} Gravity;

typedef struct {
    Gravity gravity;
    gboolean common; /* of all instances together */
    char *sentence;
} Problem;

/* Of Problem *. */
GPtrArray *problems_new(void);
Problem *problem_add(GPtrArray *problems, Gravity gravity, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* GRAVITY_NOTE where there is none. */
Gravity problems_gravest(const GPtrArray *problems);

#endif
