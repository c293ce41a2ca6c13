/* SPDX-License-Identifier: MIT */
/* health: what an operator must know of an instance's backups at one look. */
#ifndef LSNCHAIN_MODEL_HEALTH_H
#define LSNCHAIN_MODEL_HEALTH_H

#include "model/backup.h"
#include "model/forecast.h"
#include "model/problem.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const Backup *newest;     /* NULL: there is none; these three point into `backups` */
    const Backup *restorable; /* restorable until its data_until; NULL: nothing can be restored */
    const Backup *proven;     /* proven until its data_until; NULL: nothing is proven */
    int64_t read_at;          /* the oldest reading in the chain of `proven` */
    GPtrArray *problems;      /* Problem *; empty: nothing is wrong */
    Problem *unproven;        /* the one that says that nothing is proven; NULL: something is */
    Outlook outlook;          /* with health_add_outlook(); else zeroed */
    int64_t restore_within;   /* seconds; 0: no target */
} Health;

/* `read_since`: proofs count only if every link was read back since then. */
Health health_of(const GPtrArray *backups, int64_t read_since);
/* How long a restore would take; that it is too long is a problem. */
void health_add_outlook(Health *health, const Outlook *outlook, int64_t restore_within);
void health_clear(Health *health);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Health, health_clear)

#endif
