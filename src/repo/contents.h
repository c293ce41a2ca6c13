/* SPDX-License-Identifier: MIT */
/*
 * contents: are the files of a stored directory those that SHA256SUMS names, no more and no less?
 *
 * What does not match is STATUS_VERIFY, whoever asks, and names the file.
 */
#ifndef LSNCHAIN_REPO_CONTENTS_H
#define LSNCHAIN_REPO_CONTENTS_H

#include <glib.h>
#include <stdint.h>

typedef enum {
    CONTENTS_ALL,      /* every file is read */
    CONTENTS_BUT_DATA, /* every file but those below data/: whoever unseals them reads them */
} ContentsRead;

/* In the caller's thread, with what was read since the last call. */
typedef void ContentsTickFn(uint64_t bytes, void *data);

typedef struct {
    int fd;         /* of the directory */
    const char *id; /* for messages */
    const GPtrArray *sums;
    ContentsRead read;
    const char *const *read_too; /* endings of plain names below data/ that nobody unseals; NULL */
    int workers;                 /* threads that read; one file is one thread's */
    ContentsTickFn *tick;        /* may be NULL */
    void *data;
} Contents;

/* Names first, then sums.  Stops at the first failure by the order of names; a signal stops it too.
 */
gboolean contents_check(const Contents *contents, GError **error);

/*
 * After a failure: the names of all files that are missing or do not match, as char *.  What cannot
 * be read counts as damaged.
 */
GPtrArray *contents_damaged(int fd, const GPtrArray *sums);

#endif
