/* SPDX-License-Identifier: MIT */
/*
 * catalog: all backups of an instance in one file, and its copy.
 *
 * catalog.ini is replaced first, then catalog.ini.copy.  A damaged one is reported and the sound
 * one is used; of two sound ones the higher generation counts.
 */
#ifndef LSNCHAIN_CATALOG_CATALOG_H
#define LSNCHAIN_CATALOG_CATALOG_H

#include "model/backup.h"
#include "repo/shelf.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    char *instance;
    uint64_t generation;
    GPtrArray *backups; /* Backup, sorted by id */
    GPtrArray *extras;  /* BackupExtra: entries of [catalog] that we do not know */
} Catalog;

/*
 * For `init`: writes an empty catalog and its copy where there is neither, so that a first backup
 * that is killed between its rename and the catalog is found like any other.  Else does nothing.
 */
gboolean catalog_init(const Shelf *shelf, GError **error);

Catalog *catalog_new(const char *instance);
void catalog_free(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_free)

/*
 * An instance without catalog and backups has an empty one.  `damage` (may be
 * NULL) gets what was wrong with a file whose twin was used; free it.  STATUS_CATALOG when backups
 * are in the tree and neither file is sound.
 */
Catalog *catalog_read(const Shelf *shelf, char **damage, GError **error);

/* NULL: not there.  Belongs to the catalog. */
Backup *catalog_find(const Catalog *catalog, const char *id);
/* Takes the backup, in its place; one with this id must not be there. */
void catalog_add(Catalog *catalog, Backup *backup);

/*
 * The one way to change it: takes catalog.lock, reads the catalog again, lets `edit` change the
 * tree and then the catalog, and replaces both files.  On success the new catalog is returned.
 */
typedef gboolean CatalogEditFn(Catalog *catalog, void *data, GError **error);
Catalog *catalog_change(const Shelf *shelf, const char *command, CatalogEditFn *edit, void *data,
                        GError **error);

/* Under catalog.lock: removes what killed runs left of catalogs and marks that they were writing.
 */
gboolean catalog_sweep(const Shelf *shelf, const char *command, GError **error);

/* A backup whose facts or marks are damaged, and what was made of it. */
typedef struct {
    char *id;
    char *sentence;
    gboolean lost; /* it is quarantined or left out: nobody can rely on it */
} CatalogDamage;

/*
 * Under catalog.lock: both files anew from the tree, one generation above the highest sound one.
 *
 * One damaged backup must not keep the others out: `damaged` gets each of them (CatalogDamage).
 * Marks are written again from the sound catalog; where there is none the backup is quarantined and
 * pinned, for it may have been either.  Facts are taken from the sound catalog and the backup is
 * quarantined; where there is none it is left out.  STATUS_CATALOG when facts or marks cannot be
 * read for another reason, as those of a newer version.
 */
Catalog *catalog_rebuild(const Shelf *shelf, const char *command, GPtrArray *damaged,
                         GError **error);
GPtrArray *catalog_damages_new(void);

/*
 * Compares both files with the tree, both ways: a sentence (char *) for each difference; empty:
 * they agree.  NULL with the error set when that cannot be told.
 */
GPtrArray *catalog_compare(const Shelf *shelf, GError **error);

/* For tests and tools: the text, and back. */
GString *catalog_text(const Catalog *catalog);
Catalog *catalog_parse(const GString *text, const char *where, GError **error);

#endif
