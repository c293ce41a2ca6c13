/* SPDX-License-Identifier: MIT */
/*
 * template: the body of a webhook as its receiver wants it, made from a file.
 *
 * The file is JSON, of 64 KiB at most.  In the strings of its values {{summary}} is replaced by
 * that text of the event; the names are the keys of `data` in event_json(), and type, timestamp and
 * id.  The file is read as JSON before anything is filled in: no text of an event can end a string
 * or add a key, and one that says {{cause}} itself stays as it is.
 */
#ifndef LSNCHAIN_ALERT_TEMPLATE_H
#define LSNCHAIN_ALERT_TEMPLATE_H

#include "alert/event.h"

/*
 * The filled body; free it.  NULL with STATUS_CONFIG, which names the file, and the line of what is
 * wrong in it: no JSON, an unknown name, a placeholder outside of a string or in a key.
 */
char *template_fill(const char *path, const Event *event, GError **error);

#endif
