/* SPDX-License-Identifier: MIT */
/* stream: writes the chunks of an engine's stream, for the tests of seal/. */
#ifndef LSNCHAIN_TESTS_STREAM_H
#define LSNCHAIN_TESTS_STREAM_H

#include "base/files.h"

#include <fcntl.h>
#include <glib.h>
#include <libdeflate.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { STREAM_IGNORABLE = 0x01, STREAM_REPLACES = 0x02 };

static inline void stream_u32(GByteArray *out, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&value, sizeof value);
}

static inline void stream_u64(GByteArray *out, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&value, sizeof value);
}

static inline void stream_bytes(GByteArray *out, const void *bytes, size_t length)
{
    g_byte_array_append(out, bytes, (guint)length);
}

static inline void stream_head_raw(GByteArray *out, char type, unsigned flags, const char *name,
                                   size_t length)
{
    const uint8_t two[] = {(uint8_t)flags, (uint8_t)type};
    stream_bytes(out, "XBSTCK01", 8);
    stream_bytes(out, two, sizeof two);
    stream_u32(out, (uint32_t)length);
    stream_bytes(out, name, length);
}

static inline void stream_head(GByteArray *out, char type, unsigned flags, const char *name)
{
    stream_head_raw(out, type, flags, name, strlen(name));
}

static inline void stream_data(GByteArray *out, const char *name, unsigned flags, uint64_t offset,
                               const void *bytes, size_t length)
{
    stream_head(out, 'P', flags, name);
    stream_u64(out, length);
    stream_u64(out, offset);
    stream_u32(out, libdeflate_crc32(0, bytes, length));
    stream_bytes(out, bytes, length);
}

static inline void stream_end(GByteArray *out, const char *name)
{
    stream_head(out, 'E', 0, name);
}

static inline void stream_file(GByteArray *out, const char *name, const char *text)
{
    stream_data(out, name, 0, 0, text, strlen(text));
    stream_end(out, name);
}

static inline void stream_remove(GByteArray *out, const char *name)
{
    stream_head(out, 'D', 0, name);
}

static inline void stream_rename(GByteArray *out, const char *from, const char *to)
{
    stream_head(out, 'R', 0, from);
    stream_u32(out, (uint32_t)strlen(to));
    stream_bytes(out, to, strlen(to));
}

static inline void stream_seek(GByteArray *out, const char *name, uint64_t offset)
{
    stream_head(out, 'S', 0, name);
    stream_u64(out, offset);
}

/* A descriptor from which the first `length` bytes can be read. */
static inline int stream_open(const GByteArray *stream, size_t length)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);
    if (fd < 0 || !files_write(fd, stream->data, length) || lseek(fd, 0, SEEK_SET) != 0)
        g_error("cannot make a stream");
    return fd;
}

/* At least 1 and below `most`, but not more than is left. */
static inline size_t stream_piece(GRand *rand, size_t left, size_t most)
{
    size_t piece = (size_t)g_rand_int_range(rand, 1, (gint32)most);
    return MIN(left, piece);
}

/* A part of it compresses, a part of it does not, and some pages are zeros; in one of five nothing
 * compresses. */
static inline void stream_fill(GRand *rand, uint8_t *bytes, size_t length)
{
    gboolean noise = g_rand_int_range(rand, 0, 5) == 0;
    for (size_t at = 0; at < length;) {
        size_t run = stream_piece(rand, length - at, 20000);
        int kind = noise ? 2 : g_rand_int_range(rand, 0, 3);
        for (size_t i = at; i < at + run; i++) {
            if (kind == 0)
                bytes[i] = 0;
            else
                bytes[i] = kind == 1 ? (uint8_t) "abcdefg"[i % 7] : (uint8_t)g_rand_int(rand);
        }
        at += run;
    }
}

/* A directory for one test; leave_dir() removes it. */
typedef struct {
    char *path;
    int fd;
} TestDir;

static inline TestDir enter_dir(void)
{
    TestDir dir = {g_dir_make_tmp("lsnchain-test-XXXXXX", NULL), -1};
    dir.fd = files_open_dir(AT_FDCWD, dir.path, NULL);
    if (dir.fd < 0)
        g_error("no directory for a test");
    return dir;
}

static inline void leave_dir(TestDir *dir)
{
    (void)close(dir->fd);
    if (!files_remove_tree(AT_FDCWD, dir->path, NULL))
        g_error("cannot remove %s", dir->path);
    g_free(dir->path);
}

#endif
