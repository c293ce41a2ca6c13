/* SPDX-License-Identifier: MIT */
/*
 * spool: alerts on disk until every channel of their route has them.
 *
 * STATE/spool/ (0700) is shared by all instances: one JSON file per alert (0600), named by the
 * event's id, so that names sort by time.  A file says which channels have it already.  At most
 * SPOOL_MOST files: then the oldest are dropped, with a warning that counts them.  A file that
 * cannot be understood is set aside as NAME.damaged, with a warning.
 *
 * Adding needs no lock.  Who delivers holds spool_lock(), so that two runs do not tell one thing
 * twice.  Failures are STATUS_STORAGE.
 */
#ifndef LSNCHAIN_ALERT_SPOOL_H
#define LSNCHAIN_ALERT_SPOOL_H

#include "alert/event.h"
#include "base/lock.h"

enum { SPOOL_MOST = 1000 };

typedef struct Spool Spool;

/* Makes the directory when it is absent. */
Spool *spool_open(const char *state_dir, GError **error);
void spool_free(Spool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_free)

gboolean spool_add(Spool *spool, const Event *event, GError **error);

/* Waits up to `wait_us`; STATUS_LOCKED when another run is still delivering. */
Lock *spool_lock(const Spool *spool, int64_t wait_us, GError **error);

/* How many alerts wait. */
gboolean spool_count(const Spool *spool, unsigned *count, GError **error);

typedef struct {
    Event *event;
    GPtrArray *delivered; /* names of the channels that have it, char * */
} SpoolEntry;

gboolean spool_entry_has(const SpoolEntry *entry, const char *channel);

/* Oldest first; stops at the first FALSE, which must come with the error set. */
typedef gboolean SpoolEachFn(SpoolEntry *entry, void *data, GError **error);
gboolean spool_each(Spool *spool, SpoolEachFn *each, void *data, GError **error);

/* Remembers that `channel` has it. */
gboolean spool_note(Spool *spool, SpoolEntry *entry, const char *channel, GError **error);
gboolean spool_remove(Spool *spool, const SpoolEntry *entry, GError **error);

#endif
