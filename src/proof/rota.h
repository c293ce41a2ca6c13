/* SPDX-License-Identifier: MIT */
/*
 * rota: whose turn it is to be checked, when there is not time for all tables.
 *
 * Remembers for each table when CHECK TABLE last looked at it in a test restore, and how long that
 * took: STATE/INSTANCE/checked.tsv.  To lose that file only means to start over: it is no part of
 * what is known of a backup.
 */
#ifndef LSNCHAIN_PROOF_ROTA_H
#define LSNCHAIN_PROOF_ROTA_H

#include <glib.h>
#include <stdint.h>

typedef struct {
    char *schema;
    char *name;
    int64_t at; /* UTC seconds */
    int64_t took_us;
    char *backup; /* id of the backup in whose restore it was looked at */
} RotaEntry;

typedef struct Rota Rota;

/* An empty one where there is no file, or one that makes no sense (a warning in the log). */
Rota *rota_open(const char *directory);
void rota_free(Rota *rota);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rota, rota_free)

/* NULL: never checked. */
const RotaEntry *rota_find(const Rota *rota, const char *schema, const char *name);

/* It was checked just now. */
void rota_note(Rota *rota, const RotaEntry *entry);

/* Writes it down. */
gboolean rota_save(const Rota *rota, GError **error);

#endif
