/* SPDX-License-Identifier: MIT */
/*
 * trial: a real server, started on a prepared directory that stays as it is, and thrown away.
 *
 * The server works on a view of the directory (view.h).  It is started twice on the same view:
 * first normally, until it has rolled back what was open at the capture, for a read-only InnoDB
 * would show those rows; then, after a clean stop, read-only.  Transactions that were prepared by
 * XA stay as they are: nobody but their coordinator may decide on them.
 *
 * Its socket stands in a directory that only its own user may enter; that is what guards it, for
 * whoever gets there is let in.  It has no network, neither by option nor, where we can have a
 * namespace, at all.  It replicates nothing, runs no events and writes no binary log.  When we are
 * root it has a uid of its own, one without an account.  It dies with us, and its mount with it: a
 * kill of ours leaves a directory, and nothing that would need to be unmounted or stopped.
 *
 * A question can take hours.  So a thread stands by that kills the server when a signal asks us to
 * stop, or when the deadline has passed: the question then fails, and trial_alive() says why.
 *
 * Order: trial_freeze_base() once after each change of the directory, trial_start(), questions,
 * trial_free(); trial_thaw_base() before an engine changes the directory again.
 *
 * Main thread only, as base/proc.
 */
#ifndef LSNCHAIN_PROOF_TRIAL_H
#define LSNCHAIN_PROOF_TRIAL_H

#include "engine/engine.h"
#include "model/backup.h"
#include "server/server.h"

#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *base;          /* prepared and frozen, absolute; stays byte for byte as it is */
    const char *work;          /* absolute, ours alone, empty: for view, socket and logs */
    const Backup *backup;      /* where the base stands: its start parameters are needed */
    const Engine *finish;      /* of a base that waits for further links: takes the last step, if
                                  it has one, on the view; NULL: the base is ready for a server */
    char **finish_options;     /* further options of that engine; may be NULL */
    const char *server_binary; /* "auto", or a path */
    char *const *options;      /* from trial_check_options(); may be NULL */
    uint64_t memory;           /* for its pages, bytes */
    int64_t start_limit_s;     /* for each of both starts; 0: none */
    int64_t deadline_us;       /* monotonic: when all must be over; 0: none */
    const char *socket;        /* absolute: a name for its socket, must not exist; may be NULL */
    int log_fd;                /* what it says goes here too; -1: nowhere */
} TrialSpec;

typedef struct Trial Trial;

/*
 * The program for backups of this engine and server: `server_binary`, or for "auto" what the family
 * calls it.  STATUS_UNFIT when it is not there, or of another series.  Free it.
 */
char *trial_find_program(const char *server_binary, const char *engine, const char *server_version,
                         GError **error);

/*
 * Both starts: up, read-only, connected to.
 *
 *   STATUS_VERIFY   it would not start on this data; its own last errors are in the message
 *   STATUS_UNFIT    no server program, or one of another series, or no way to give it a view
 *   STATUS_STORAGE  no room for what it changes
 *   STATUS_TIMEOUT  it was not ready in time
 *   STATUS_KEY      it has not the keys for encrypted tables
 *   STATUS_CONFIG   it does not know one of the options
 *   STATUS_FAILED   the host failed it: it was killed, or had no memory
 *
 * Only the first says something of the backup.  After a signal the error is cancel_check()'s.
 */
Trial *trial_start(const TrialSpec *spec, GError **error);

/* Always stops it and removes what it changed. */
void trial_free(Trial *trial);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trial, trial_free)

/* The open connection; the trial owns it.  Its answers may take their time. */
Server *trial_server(const Trial *trial);
const char *trial_socket(const Trial *trial);  /* for other programs of this user to connect to */
const char *trial_version(const Trial *trial); /* @@version */
const char *trial_view(const Trial *trial);    /* "overlay", "clone" or "copy" */
int64_t trial_start_us(const Trial *trial);    /* from the view to the connection */
uint64_t trial_copied_up(const Trial *trial);  /* bytes on disk by which its view differs */

guint trial_prepared_by_xa(const Trial *trial); /* transactions that stay, and show */

/*
 * FALSE, with the error set as by trial_start(), when it has ended.  For whoever lost the
 * connection: STATUS_VERIFY means that it crashed on this data.
 */
gboolean trial_alive(Trial *trial, GError **error);

/* Until a signal asks us to stop (TRUE: look at cancel_signal()), or until it ended (FALSE). */
gboolean trial_wait(Trial *trial, GError **error);

/*
 * `text` as a shell would split it; STATUS_CONFIG for an option that is ours or no option.  Free
 * the result with g_strfreev().
 */
char **trial_check_options(const char *text, GError **error);

/*
 * Makes the directory the trial's: as root it and all in it get the uid that the server will have,
 * and what MyISAM, Aria and ARCHIVE keep is made 0440, or a look at a table would copy all of it.
 * Thawed, these files can be written again by us and an engine that we run.
 */
gboolean trial_freeze_base(int base_fd, GError **error);
gboolean trial_thaw_base(int base_fd, GError **error);

#endif
