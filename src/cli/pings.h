/* SPDX-License-Identifier: MIT */
/*
 * pings: what the dead man's switch of each instance hears of a backup.
 *
 * Nothing here fails a backup.  A start that did not arrive is a notice, for the end tells enough;
 * an end that did not arrive is a warning, which makes the exit status 3.
 */
#ifndef LSNCHAIN_CLI_PINGS_H
#define LSNCHAIN_CLI_PINGS_H

#include "cli/app.h"

/* Before the run lock is taken. */
void pings_start(App *app, const InstanceConfig *instance);

/*
 * Last of all, after the alerts; `status` is the exit status as it stands.  Every instance that was
 * meant hears of it, whether its backup could begin or not.  Nothing for another command, for a dry
 * run, and for a command line that makes no sense: that one meant no instance.
 */
void pings_end(App *app, int status, const GError *error);

#endif
