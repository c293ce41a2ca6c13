/* SPDX-License-Identifier: MIT */
/* digest: SHA-256, as 64 lower-case hexadecimal digits, through OpenSSL (it uses the CPU's own). */
#ifndef LSNCHAIN_BASE_DIGEST_H
#define LSNCHAIN_BASE_DIGEST_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 2 * DIGEST_BYTES };

/* A sum in the making.  One thread at a time.  Running out of memory aborts. */
typedef struct Digest Digest;
Digest *digest_new(void);
void digest_add(Digest *digest, const void *data, size_t length);
/* The sum of all that was added; the digest is ready for the next one. */
void digest_end(Digest *digest, uint8_t sum[DIGEST_BYTES]);
void digest_free(Digest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Digest, digest_free)

void digest_to_hex(const uint8_t sum[DIGEST_BYTES], char hex[DIGEST_HEX + 1]);
/* FALSE: not 64 lower-case hexadecimal digits. */
gboolean digest_from_hex(const char *hex, uint8_t sum[DIGEST_BYTES]);

/* Of a text in memory.  Free it. */
char *digest_text(const void *text, size_t length);

/*
 * Of the file `path` below `dir_fd`, and its size in bytes; `size` may be NULL.  The page cache is
 * asked to forget what was read.  A file that cannot be read is STATUS_VERIFY: it is a stored one.
 * A signal stops it (cancel.h).
 */
gboolean digest_file(int dir_fd, const char *path, uint8_t sum[DIGEST_BYTES], uint64_t *size,
                     GError **error);

#endif
