/* SPDX-License-Identifier: MIT */
/*
 * explain: why things are as they are, in sentences.  Pure.
 *
 * An answer has a topic (a stable word, for programs), a sentence, and where something can be done
 * about it the command to type.
 */
#ifndef LSNCHAIN_MODEL_EXPLAIN_H
#define LSNCHAIN_MODEL_EXPLAIN_H

#include "model/backup.h"
#include "model/retention.h"
#include "model/schedule.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *topic;
    char *sentence;
    char *command; /* "" or what to type; without options that name configuration or instance */
} Answer;

/* Why it is a full or not, why it can be restored or not, why it is proven or not. */
GPtrArray *explain_backup(const GPtrArray *backups, const Backup *backup, int64_t read_since);

/* What retention says of it; goes behind the other answers. */
void explain_fate(GPtrArray *answers, const Fate *fate);

/*
 * Of the whole instance: what the next run takes and why, each chain that is broken, where, and how
 * far it still restores.  `plan` is that of the next run as far as the catalog tells (a server may
 * give further reasons), NULL where no configuration tells what is due.
 */
GPtrArray *explain_instance(const GPtrArray *backups, const Plan *plan, int64_t read_since);

/*
 * The restore points that are gone when these backups (ids) are: they and all that hangs on them,
 * of those that restore today.  Backups of `backups`, in their order.
 */
GPtrArray *explain_loss(const GPtrArray *backups, const GPtrArray *ids);

#endif
