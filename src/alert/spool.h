/* SPDX-License-Identifier: MIT */
/*
 * spool: alerts on disk until every channel of their route has them.
 *
 * STATE/spool/ (0700) is shared by all instances: one JSON file per alert (0600), named by the
 * event's id, so that names sort in the order in which they were added.  A file says which channels
 * are to get it and which have it already.  At most SPOOL_MOST files: then the oldest are dropped,
 * with a warning, and counted for ever in `.dropped`.  A file that cannot be understood is set
 * aside as NAME.damaged, with a warning.
 *
 * Adding needs no lock.  Who delivers holds spool_lock(), so that two runs do not tell one thing
 * twice.  Failures are STATUS_STORAGE.
 */
#ifndef LSNCHAIN_ALERT_SPOOL_H
#define LSNCHAIN_ALERT_SPOOL_H

#include "alert/event.h"
#include "alert/names.h"
#include "base/lock.h"

enum { SPOOL_MOST = 1000 };

typedef struct Spool Spool;

/* Makes the directory when it is absent. */
Spool *spool_open(const char *state_dir, GError **error);
void spool_free(Spool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_free)

/* The state directory it was opened in. */
const char *spool_state_dir(const Spool *spool);

/*
 * `to`: the channels that are to get it; NULL: those of its route when it is delivered.  Its id
 * changes when one of a later time waits already: what was added last goes out last.
 */
gboolean spool_add(Spool *spool, Event *event, Names to, GError **error);

/* Waits up to `wait_us`; STATUS_LOCKED when another run is still delivering. */
Lock *spool_lock(const Spool *spool, int64_t wait_us, GError **error);

/* How many alerts wait. */
gboolean spool_count(const Spool *spool, unsigned *count, GError **error);

typedef struct {
    Event *event;
    char **to;            /* NULL: those of its route; older versions said no more */
    GPtrArray *delivered; /* names of the channels that have it, char * */
} SpoolEntry;

/* For the one that the spool cannot take. */
SpoolEntry *spool_entry_new(const Event *event, Names to);
void spool_entry_free(void *entry);
gboolean spool_entry_has(const SpoolEntry *entry, const char *channel);
/* Is there a channel in `to` that does not have it? */
gboolean spool_entry_waits(const SpoolEntry *entry);

/* SpoolEntry *, oldest first; what cannot be understood is set aside. */
GPtrArray *spool_entries(Spool *spool, GError **error);
/* For who only looks: makes and moves nothing; `unread` counts what cannot be understood. */
GPtrArray *spool_peek(const char *state_dir, unsigned *unread, GError **error);

/*
 * Remembers that `channel` has it; an entry that all have is removed.  One that was dropped
 * meanwhile stays so.
 */
gboolean spool_note(Spool *spool, SpoolEntry *entry, const char *channel, GError **error);
gboolean spool_remove(Spool *spool, const SpoolEntry *entry, GError **error);
gboolean spool_remove_id(Spool *spool, const char *id, GError **error);

/* Alerts that a full spool dropped, since the state directory was made; never counted back. */
typedef struct {
    uint64_t count;
    int64_t last; /* when; 0: never */
} SpoolDropped;

/* FALSE: the count is there and cannot be read. */
gboolean spool_dropped(const char *state_dir, SpoolDropped *dropped, GError **error);

#endif
