/* SPDX-License-Identifier: MIT */
/*
 * nagios: what a plugin of Nagios or Icinga prints and returns.
 *
 *     LSNCHAIN CRITICAL - shop: the newest good backup is 3d 02h old … |
 * 'shop_backup_age'=266400s;;93600;0 … CRITICAL shop: the newest good backup is 3d 02h old …
 *
 * The gravest problem of all instances counts: CRITICAL, then UNKNOWN, then WARNING: what nobody
 * can judge may be worse than a known warning.  All together is less than 4 KiB, which is what NRPE
 * takes; what does not fit is counted.  No text of others can end a line, begin the figures or
 * speak HTML.
 */
#ifndef LSNCHAIN_REPORT_NAGIOS_H
#define LSNCHAIN_REPORT_NAGIOS_H

#include "model/vitals.h"

#include <glib.h>

enum { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN }; /* exit statuses */

typedef struct Nagios Nagios;

Nagios *nagios_new(void);
void nagios_free(Nagios *nagios);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Nagios, nagios_free)

/* `vitals` are judged, and need not live on. */
void nagios_add(Nagios *nagios, const Vitals *vitals, int64_t now);
/* Nothing could be judged, for this reason. */
void nagios_add_unknown(Nagios *nagios, const char *why);

/* All that is printed; free it.  Without any instance it is UNKNOWN. */
char *nagios_text(const Nagios *nagios);
int nagios_status(const Nagios *nagios);

#endif
