/* SPDX-License-Identifier: MIT */
/* value: what the text behind a key means, whether it is allowed, and what of it may be shown. */
#ifndef LSNCHAIN_CONFIG_VALUE_H
#define LSNCHAIN_CONFIG_VALUE_H

#include "config/options.h"

#include <glib.h>

/*
 * Puts the value into the struct `target` of the option's section; with NULL it only checks.
 * FALSE: not allowed, nothing was changed.
 */
gboolean value_set(const Option *option, const char *text, void *target);

/* Frees what value_set() put there. */
void value_clear(const Option *option, void *target);

/* "a whole number from 1 to 64".  Free it. */
char *value_allowed(const Option *option);

/* Must this text be kept from others?  The address of a mail server alone need not. */
gboolean value_is_secret(const Option *option, const char *text);

/* The text as it may be shown.  Free it. */
char *value_shown(const Option *option, const char *text);

#endif
