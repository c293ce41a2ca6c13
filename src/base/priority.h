/* SPDX-License-Identifier: MIT */
/* priority: how far this process, and what it starts, gives way to others on the host. */
#ifndef LSNCHAIN_BASE_PRIORITY_H
#define LSNCHAIN_BASE_PRIORITY_H

#include <glib.h>

/* In the order of the words of `io_priority` in the option table. */
typedef enum {
    IO_NORMAL, /* as it was when we were started */
    IO_LOW,    /* best effort, behind all others of that class */
    IO_IDLE,   /* only when nobody else wants the disk */
} IoPriority;

/*
 * Before any thread is started: Linux keeps both for each thread, and threads and programs that are
 * started later begin with them.  Whoever was started with a lower priority keeps that.  Refused by
 * the host: a warning, for the work itself goes on.
 */
void priority_lower(int nice, IoPriority io);

/*
 * The calling thread gives way to all others of this process and to what it started: 10 more on its
 * nice value.  Where the host refuses, it does not.
 */
void priority_yield(void);

#endif
