/* SPDX-License-Identifier: MIT */
/*
 * plain: reads a text of ours that is to the letter as we write it: every field, in order.
 *
 * Ours beside inih because a catalog of 10,000 backups has 480,000 entries: inih with the fence
 * around it (config/ini.h) takes 0.3 s for them, and `list` is to answer within 0.1 s.  What it
 * read counts once the checksum has shown that nobody but us, or somebody who can compute it, wrote
 * the text, and plain_is_clean() that each byte of it could be ours.
 * This reader judges nothing: whatever is not as we would have written it, it declines, and the
 * caller reads the text again with inih, which knows why and on which line.  So it may be stricter
 * than inih, and must never take what inih would refuse: test_plain compares the two.
 */
#ifndef LSNCHAIN_CATALOG_PLAIN_H
#define LSNCHAIN_CATALOG_PLAIN_H

#include "model/backup.h"

#include <glib.h>

typedef struct Plain Plain;

/* UTF-8 with no control character but the newline.  Any thread. */
gboolean plain_is_clean(const GString *text);

/* `text` is to begin with "[section]" and its checksum, and stays alive.  NULL: declined. */
Plain *plain_begin(const GString *text, const char *section);
void plain_free(Plain *plain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plain, plain_free)

/* Each reads on from where the last one ended.  FALSE: declined. */
gboolean plain_value(Plain *plain, const char *key, const char **value); /* lives until the next */
gboolean plain_extras(Plain *plain, GPtrArray *extras);
gboolean plain_facts(Plain *plain, Backup *backup);
gboolean plain_marks(Plain *plain, Backup *backup);

/* The empty line and the "[section]" that follow, of which `name` gets what stands behind `prefix`;
 * TRUE and NULL at the end of the text. */
gboolean plain_section(Plain *plain, const char *prefix, const char **name);

#endif
