/* SPDX-License-Identifier: MIT */
/*
 * grants: the rows of SHOW GRANTS, read.  Pure.  For the files of this room only.
 *
 * A needed privilege is "RELOAD", which must be granted on *.*, or "SELECT ON schema.table", for
 * which a grant on the table, its schema or everything will do.  A row may hold the hash of a
 * password: none is kept or shown.
 */
#ifndef LSNCHAIN_SERVER_GRANTS_H
#define LSNCHAIN_SERVER_GRANTS_H

#include <glib.h>

typedef struct Grants Grants;

Grants *grants_new(void);
void grants_free(Grants *grants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grants, grants_free)

void grants_add(Grants *grants, const char *row);

gboolean grants_have(const Grants *grants, const char *needed);

/* Of a role that is not active only this is seen: that the user has one. */
gboolean grants_have_role(const Grants *grants);

/*
 * "GRANT A, B ON *.* TO `u`@`h`; GRANT SELECT ON `s`.`t` TO `u`@`h`;" to type.  `user` is
 * CURRENT_USER().  Free it.
 */
char *grants_to_type(const GPtrArray *missing, const char *user);

/* "`u`@`h`".  Free it. */
char *grants_quoted_user(const char *user);

#endif
