/* SPDX-License-Identifier: MIT */
/*
 * name: which relative paths we take from an engine or from a list of sums.
 *
 * Without a slash at either end, no empty, "." or ".." component, no control character, no
 * backslash (sha256sum would escape it; servers write @005c), at most NAME_MOST bytes and
 * NAME_PART_MOST in a component.
 */
#ifndef LSNCHAIN_SEAL_NAME_H
#define LSNCHAIN_SEAL_NAME_H

#include <glib.h>
#include <stddef.h>

/* FN_REFLEN of both engines is 512, their final zero byte included. */
enum { NAME_MOST = 511, NAME_PART_MOST = 255 /* NAME_MAX of Linux */ };

/* What we add to the name of a file that was made into LZ4 frames. */
#define NAME_SUFFIX ".lz4"

/* Where the files of the stream live in a backup. */
#define NAME_DATA "data/"

/* NULL for a good one, else what is wrong: "is absolute". */
const char *name_fault(const char *name, size_t length);

gboolean name_is_sealed(const char *name);

/* Is there room for the suffix in its last component?  A file without stays as it is. */
gboolean name_can_be_sealed(const char *name);

/* For messages: control characters and broken UTF-8 are escaped.  Free it. */
char *name_show(const char *name, size_t length);

#endif
