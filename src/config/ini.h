/* SPDX-License-Identifier: MIT */
/*
 * ini: reads our two kinds of INI file, the configuration and the catalog.
 *
 * inih does the reading; this is the fence around it.  Alone it cuts long lines and long section
 * names, takes indented lines for continuations and " ;" for a comment, splits at ':' too, and
 * carries on after an error, all without a word.  So every line is looked at before inih sees it,
 * and what inih makes of it is compared with what stands there.
 *
 * A file is UTF-8 (a byte order mark is skipped) of lines that end in LF or CRLF:
 *
 *     [section]           1 to 49 bytes, nothing behind the bracket
 *     key = value         the first '=' separates; a key has no ':'; blanks around both are dropped
 *     ; or # comment      on a line of its own: within a value both belong to the value
 *
 * Everything else is refused: control characters but the tab, a line above 1 MiB, a key before the
 * first section, a key given twice in its section.  A section may be opened again: it is the same.
 *
 * Every error of ours begins with "NAME:LINE: " (and names the file where it
 * cannot be read at all).  No error repeats a value: it may be a password.
 *
 * Main thread only: inih is set up through variables of the whole process.
 */
#ifndef LSNCHAIN_CONFIG_INI_H
#define LSNCHAIN_CONFIG_INI_H

#include "base/error.h"

#include <glib.h>
#include <stddef.h>

/*
 * Called for each line that says something, in order.  `key` and `value` are NULL for the line
 * that opens a section, so that an empty one is noticed.  The texts live during the call only.
 * FALSE stops the reading; the error is handed on with "NAME:LINE: " before it.
 */
typedef gboolean IniEntryFn(const char *section, const char *key, const char *value, unsigned line,
                            void *data, GError **error);

typedef struct {
    Status status; /* the code of every error */
    IniEntryFn *entry;
    void *data; /* handed to entry */
} IniReader;

/* `name` is what messages call the text. */
gboolean ini_read(const char *text, size_t length, const char *name, const IniReader *reader,
                  GError **error);

/* The same for the regular file `path` below `dir_fd`, of no more than `limit` bytes. */
gboolean ini_read_file(int dir_fd, const char *path, size_t limit, const IniReader *reader,
                       GError **error);

#endif
