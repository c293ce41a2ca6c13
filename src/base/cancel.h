/* SPDX-License-Identifier: MIT */
/*
 * cancel: SIGINT, SIGTERM and SIGHUP ask us to stop.
 *
 * The handler only notes the signal; whoever waits or loops looks here.  The program ends with
 * 128 + the signal after everything was cleaned up on the way out.
 */
#ifndef LSNCHAIN_BASE_CANCEL_H
#define LSNCHAIN_BASE_CANCEL_H

#include <glib.h>

/* Once, at the start of main(), before any thread. */
void cancel_install(void);

/* The first signal that came, or 0. */
int cancel_signal(void);

/* Readable once a signal came, for poll(); -1 where nothing was installed. */
int cancel_fd(void);

/* FALSE with the error set once a signal came. */
gboolean cancel_check(GError **error);

#endif
