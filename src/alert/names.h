/* SPDX-License-Identifier: MIT */
/*
 * names: lists of channel names, NULL-terminated.
 *
 * NULL counts as an empty list.  What is returned is new: g_strfreev() it.
 */
#ifndef LSNCHAIN_ALERT_NAMES_H
#define LSNCHAIN_ALERT_NAMES_H

#include <glib.h>

typedef const char *const *Names;

gboolean names_have(Names names, const char *name);
gboolean names_empty(Names names);

/* Those of `first`, then those that only `second` has; each once. */
char **names_join(Names first, Names second);
/* Those of `first` that are not in `second`. */
char **names_without(Names first, Names second);

/* As in the configuration: "mail, oncall". */
char *names_text(Names names);
char **names_parse(const char *text);

#endif
