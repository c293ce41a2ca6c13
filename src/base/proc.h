/* SPDX-License-Identifier: MIT */
/*
 * proc: run another program to its end.  The only place that forks.
 *
 * Both output streams are read at the same time, line by line: a chatty child cannot block on a
 * full pipe, and we never hold all it said.  A line longer than 64 KiB arrives in pieces.  The
 * child leads a process group of its own, so that a stop reaches its children too; it dies when we
 * die; what it leaves behind when it ends is given a second and then killed, even what left its
 * group or its session, so that no grandchild keeps a pipe open or a lock held.
 * Its stdin is /dev/null, its limit of open files is raised as far as it may be, its signals are
 * the default ones, and it inherits no descriptor but those it is given.
 *
 * TRUE: the program ran and was reaped, however it ended.  What a status means is for the caller,
 * who knows the program.  FALSE: it never ran (STATUS_UNFIT when it cannot be executed).
 *
 * Main thread only: Linux ties "die with the parent" to the thread that forked.
 *
 * Ours because GLib's GSubprocess has no time limit, no process group, and no lines without a
 * main loop.
 */
#ifndef LSNCHAIN_BASE_PROC_H
#define LSNCHAIN_BASE_PROC_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum { PROC_OUT, PROC_ERR } ProcStream;

/* `line` has no newline and lives during the call only. */
typedef void ProcLineFn(ProcStream stream, const char *line, void *data);

/* Called ten times a second; FALSE stops the program. */
typedef gboolean ProcWatchFn(pid_t pid, void *data);

typedef struct {
    const char *const *argv; /* NULL-terminated; argv[0] is a full path; no shell is involved */
    const char *const *env;  /* all of the child's environment, NULL-terminated */
    const int *inherit;      /* descriptors to hand down, ended by -1; may be NULL */
    int out_fd;              /* stdout goes here; when -1 to on_line, where stderr always goes */
    ProcLineFn *on_line;     /* may be NULL */
    ProcWatchFn *watch;      /* may be NULL */
    void *data;              /* handed to on_line and watch */
    int64_t limit_us;        /* 0: none; when it passes, SIGTERM goes to the group ... */
    int64_t grace_us;        /* ... and this much later SIGKILL; 0: five seconds */
} ProcSpec;

typedef enum {
    PROC_BY_ITSELF,
    PROC_LIMIT,     /* the limit passed */
    PROC_WATCH,     /* watch() said so */
    PROC_CANCELLED, /* a signal asked us to stop */
} ProcStop;

typedef struct {
    int status;        /* exit status; -1 when a signal ended it */
    int signal;        /* that signal, else 0 */
    ProcStop stop;     /* why it was stopped */
    guint left_behind; /* processes that it started and that outlived it; they were killed */
} ProcEnd;

gboolean proc_run(const ProcSpec *spec, ProcEnd *end, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "exit status 1", "ended by SIGKILL", "stopped after its time limit".  Free it. */
char *proc_end_text(const ProcEnd *end);

/* The environment for children: PATH, LC_ALL=C and the time zone, and nothing else of ours. */
const char *const *proc_plain_env(void);

/* The full path of a program: as given when it has a slash, else looked for in the usual
 * directories, whatever our own PATH says.  Free it. */
char *proc_find(const char *program, GError **error);

#endif
