/* SPDX-License-Identifier: MIT */
/*
 * markup: text as a receiver wants it written, so that it is shown as it is and nothing of it acts.
 *
 * What comes out has at most `room` characters, escapes counted; what does not fit is cut between
 * two escapes and ends in "…".  The text has passed through event.h.  Free it.
 */
#ifndef LSNCHAIN_ALERT_MARKUP_H
#define LSNCHAIN_ALERT_MARKUP_H

#include <stddef.h>

/* Slack: &, < and > begin mentions, links and entities. */
char *markup_slack(const char *text, size_t room);

/*
 * The Markdown of Adaptive Cards.  Of Microsoft's renderers only some know an escaped bracket, so
 * "](", which makes a link, is broken up too; "{{" would begin a date.  A line becomes a paragraph.
 */
char *markup_card(const char *text, size_t room);

/* ServiceNow: what stands between [code] and [/code] in a note is shown as HTML. */
char *markup_servicenow(const char *text, size_t room);

#endif
