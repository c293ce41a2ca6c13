/* SPDX-License-Identifier: MIT */
/*
 * xbstream: the stream of mariadb-backup and xtrabackup, as events that are pulled.
 *
 *     Xbstream *stream = xbstream_new(fd, dialect);
 *     while (xbstream_next(stream, &event, &error) && event.kind != XBSTREAM_DONE)
 *         ... for XBSTREAM_DATA: xbstream_read() until event.length bytes were read ...
 *
 * Payload goes straight into the caller's buffer and is handed out in the pieces the caller asks
 * for; its CRC-32 is checked when its last byte was read, so nothing that was read counts before
 * XBSTREAM_DONE.  Memory is bounded whatever the stream says.
 *
 * What the format is (MariaDB 10.11 extra/mariabackup/xbstream_write.cc, xbstream.cc, ds_local.cc;
 * Percona's documentation of xbstream; all integers little-endian):
 *   head         "XBSTCK01", flags (1 byte), type (1), length of the name (4), name
 *   P  payload   length (8), offset (8), CRC-32 of the payload (4), payload
 *   E  end       nothing more.  An empty file is an E alone.
 *   R  rename    length of the new name (4), new name                      (MariaDB)
 *   D  remove    nothing more; `dir/prefix*` means all such files, and the
 *                name of a directory all that is in it                     (MariaDB)
 *   S  seek      offset (8): the next P of this file carries this offset and writing goes on from
 *                there; nothing is cut off behind it                       (MariaDB)
 *   S  sparse    entries (4), length (8), offset (8), CRC-32 of map and payload (4), map of (skip
 *                (4), length (4)) pairs, payload; skipped bytes are zeros  (Percona)
 * Flag 0x01: a type we do not know may be skipped; its body is that of P.  Flag 0x02 on P: the file
 * is sent again and replaces the first one (an E has no flags, so an empty file that is sent again
 * cannot say so).
 *
 * The stream has no trailer: that it ended at a chunk's end with no file open does not prove that
 * it is whole.  The engine's exit status and its log must say so too.
 *
 * Every failure is STATUS_ENGINE: a chunk that is cut, damaged or unknown, a hostile name (name.h;
 * one that ends in .lz4 too, for that is our mark), an offset that does not follow, a seek past the
 * end, a file that has not ended, a stream without a chunk.
 */
#ifndef LSNCHAIN_SEAL_XBSTREAM_H
#define LSNCHAIN_SEAL_XBSTREAM_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { XBSTREAM_MARIADB, XBSTREAM_PERCONA } XbstreamDialect;

typedef enum {
    XBSTREAM_DATA,   /* `length` bytes at `offset`; Percona's holes are among them, as zeros */
    XBSTREAM_END,    /* the file is whole */
    XBSTREAM_REMOVE, /* `name` is a file, a directory, or ends in '*' */
    XBSTREAM_RENAME, /* `name` to `new_name` */
    XBSTREAM_SEEK,   /* back to `offset` */
    XBSTREAM_DONE,   /* the clean end of the stream */
} XbstreamKind;

typedef struct {
    XbstreamKind kind;
    const char *name;     /* this and new_name live until the next xbstream_next() */
    const char *new_name; /* RENAME */
    uint64_t offset;      /* DATA, SEEK */
    uint64_t length;      /* DATA */
    gboolean replaces;    /* DATA: the file was sent before and this one takes its place */
} XbstreamEvent;

typedef struct Xbstream Xbstream;

/* The descriptor stays the caller's. */
Xbstream *xbstream_new(int fd, XbstreamDialect dialect);
void xbstream_free(Xbstream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Xbstream, xbstream_free)

/* All data of the event before must have been read. */
gboolean xbstream_next(Xbstream *stream, XbstreamEvent *event, GError **error);

/* Exactly `length` bytes of the data that is left of this event. */
gboolean xbstream_read(Xbstream *stream, void *buffer, size_t length, GError **error);

/* Bytes taken from the descriptor so far; any thread may ask. */
uint64_t xbstream_bytes(const Xbstream *stream);

#endif
