/* SPDX-License-Identifier: MIT */
/*
 * shelf: the directories of one instance in the repository.
 *
 * backups/ID, marks/ID.ini, .incoming/ID, .trash/ID, locks/CHAIN, catalog.ini.  Made by `init`
 * alone.
 */
#ifndef LSNCHAIN_REPO_SHELF_H
#define LSNCHAIN_REPO_SHELF_H

#include "base/lock.h"

#include <glib.h>

typedef struct {
    char *instance;
    char *path; /* REPOSITORY/INSTANCE */
    int fd;     /* of that directory */
} Shelf;

void shelf_free(Shelf *shelf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Shelf, shelf_free)

/* STATUS_REFUSED when `init` has not made it. */
Shelf *shelf_open(const char *repository, const char *instance, GError **error);
gboolean shelf_init(const char *repository, const char *instance, gboolean *created,
                    GError **error);

/* "backups/ID" and so on; free them. */
char *shelf_backup(const char *id);
char *shelf_incoming(const char *id);
char *shelf_trash(const char *id);

/* A descriptor of backups/ID; -1 with the error set (STATUS_VERIFY). */
int shelf_open_backup(const Shelf *shelf, const char *id, GError **error);

gboolean shelf_has_backup(const Shelf *shelf, const char *id);

/* Names in a directory of the shelf, sorted; those that are no backup id are left out. */
GPtrArray *shelf_ids(const Shelf *shelf, const char *directory, GError **error);

/*
 * Shared by all who read the chain.  NULL without an error: the lock file cannot be made here (a
 * read-only or foreign repository), so nobody here can expire the chain either.
 */
Lock *shelf_read_chain(const Shelf *shelf, const char *chain, const char *command, GError **error);

/*
 * The chain for who removes it: nobody reads it, and nobody is waited for (STATUS_LOCKED).  When
 * nothing of it is left, its lock goes too; who still waits for it finds the catalog without it.
 */
Lock *shelf_own_chain(const Shelf *shelf, const char *chain, const char *command, GError **error);
void shelf_forget_chain(const Shelf *shelf, const char *chain);

/* Instances that the repository holds, sorted; for --repository without a configuration. */
GPtrArray *shelf_instances(const char *repository, GError **error);

#endif
