/* SPDX-License-Identifier: MIT */
/*
 * proc: run another program to its end, or beside us.  The only place that forks.
 *
 * Both output streams are read at the same time, line by line: a chatty child cannot block on a
 * full pipe, and we never hold all it said.  A line longer than 64 KiB arrives in pieces.  The
 * child leads a process group of its own, so that a stop reaches its children too; it dies when we
 * die; what it leaves behind when it ends is given a second and then killed, even what left its
 * group or its session, so that no grandchild keeps a pipe open or a lock held.
 * Its stdin is /dev/null or what it is given, its limit of open files is raised as far as it may
 * be, its signals are the default ones, and it inherits no descriptor but those it is given.
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

/* A directory as the program sees it. */
typedef struct {
    const char *source;  /* this one ... */
    const char *changes; /* ... as it is changed here (an overlay: `source` itself stays as it is);
                            NULL: changes go into `source` itself */
    const char *scratch; /* for the kernel, with `changes`: empty, on the same filesystem */
    const char *at;      /* where it is seen; there already */
} ProcMount;

/*
 * What keeps a program apart from the rest of the host.  Its mounts are seen by nobody else and end
 * with it, so nothing needs to be unmounted, however it or we end.  Its network is an empty one.
 * Without root it needs a user namespace, which hosts may forbid: see proc_try_cage().
 */
typedef struct {
    gboolean apart;          /* mounts and network of its own; FALSE: only the uid is changed */
    const char *stage;       /* an empty directory takes the place of this one, where the uid may
                                not pass, before anything else is mounted; NULL: of none */
    const char *const *dirs; /* made on the stage, parents first; NULL-terminated; may be NULL */
    const ProcMount *mounts; /* PROC_MOUNTS at most */
    size_t n_mounts;
    gboolean other_user; /* it runs as `uid` and `gid`, without further groups */
    uid_t uid;
    gid_t gid;
} ProcCage;

enum { PROC_MOUNTS = 4 };

typedef struct {
    const char *const *argv;  /* NULL-terminated; argv[0] is a full path; no shell is involved */
    const char *const *env;   /* all of the child's environment, NULL-terminated */
    const int *inherit;       /* descriptors to hand down, ended by -1; may be NULL */
    const ProcCage *cage;     /* may be NULL */
    int in_fd;                /* stdin; 0: /dev/null */
    int out_fd;               /* stdout goes here; when -1 to on_line, where stderr always goes */
    ProcLineFn *on_line;      /* may be NULL */
    ProcWatchFn *watch;       /* may be NULL */
    void *data;               /* handed to on_line and watch */
    int64_t limit_us;         /* 0: none; when it passes, SIGTERM goes to the group ... */
    int64_t grace_us;         /* ... and this much later SIGKILL; 0: five seconds */
    gboolean sees_it_through; /* a signal that asks us to stop does not stop it */
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

/*
 * STATUS_UNFIT, with the step that failed and why, where this host does not let us have the cage.
 * Nothing is run in it.  A cage that was had once can be had again.
 */
gboolean proc_try_cage(const ProcCage *cage, GError **error);

/*
 * A program beside us.  Nobody may be reading what it says, so both streams go to `out_fd`, which
 * must be a file: on_line, watch and limit_us mean nothing here.  It dies when we die.
 */
typedef struct Proc Proc;
Proc *proc_start(const ProcSpec *spec, GError **error);

/* TRUE once it has ended, with `end` set; waits for that for so long at most. */
gboolean proc_ended(Proc *proc, int64_t wait_us, ProcEnd *end);

/* SIGTERM and, after grace_us, SIGKILL.  One that has ended already keeps its end. */
void proc_stop(Proc *proc, ProcEnd *end);

/* SIGKILL, at once; the one call here that another thread may make. */
void proc_kill(const Proc *proc);

/* Stops it first. */
void proc_free(Proc *proc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Proc, proc_free)

/* "exit status 1", "ended by SIGKILL", "stopped after its time limit".  Free it. */
char *proc_end_text(const ProcEnd *end);

/* The environment for children: PATH, LC_ALL=C and the time zone, and nothing else of ours. */
const char *const *proc_plain_env(void);

/* The full path of a program: as given when it has a slash, else looked for in the usual
 * directories, whatever our own PATH says.  Free it. */
char *proc_find(const char *program, GError **error);

#endif
