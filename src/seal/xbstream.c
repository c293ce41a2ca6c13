/* SPDX-License-Identifier: MIT */
#include "seal/xbstream.h"

#include "base/error.h"
#include "seal/name.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
    MAGIC_BYTES = 8,
    HEAD_BYTES = MAGIC_BYTES + 1 + 1 + 4,
    INPUT_BYTES = 64 << 10,
    FLAG_IGNORABLE = 0x01,
    FLAG_REPLACES = 0x02,
    /*
     * Engines send at most what they read at once (10 MiB unless told otherwise).  More than this
     * is a damaged length, and better said now than after a gigabyte.
     */
    PAYLOAD_MOST = 1 << 30,
    MAP_MOST = 1 << 18, /* 1 GiB in pages of 4 KiB */
    OPEN_MOST = 256,    /* an engine has one file open for each of its threads, and its logs */
};

typedef struct {
    uint32_t skip;
    uint32_t length;
} Hole;

/* A file that has not ended. */
typedef struct {
    uint64_t offset; /* where its next payload must start */
    uint64_t size;
} Track;

struct Xbstream {
    int fd;
    XbstreamDialect dialect;
    _Atomic uint64_t bytes;
    uint8_t input[INPUT_BYTES];
    size_t at;
    size_t filled;
    GHashTable *open; /* name: Track */
    gboolean begun;   /* a chunk came */
    char name[NAME_MOST + 1];
    char new_name[NAME_MOST + 1];

    uint64_t left; /* of the payload, holes included */
    uint32_t crc;
    uint32_t crc_wanted;
    Hole *map; /* of a sparse chunk, else NULL */
    size_t map_length;
    size_t map_at;
};

Xbstream *xbstream_new(int fd, XbstreamDialect dialect)
{
    Xbstream *stream = g_new0(Xbstream, 1);
    stream->fd = fd;
    stream->dialect = dialect;
    stream->open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return stream;
}

void xbstream_free(Xbstream *stream)
{
    g_hash_table_destroy(stream->open);
    g_free(stream->map);
    g_free(stream);
}

uint64_t xbstream_bytes(const Xbstream *stream)
{
    return atomic_load_explicit(&stream->bytes, memory_order_relaxed);
}

/* Where the next byte to be looked at stands in the stream. */
static uint64_t position(const Xbstream *stream)
{
    return xbstream_bytes(stream) - (stream->filled - stream->at);
}

/* One read(): at least one byte, or 0 at the end; -1 with the error set. */
static ssize_t read_some(Xbstream *stream, void *buffer, size_t length, GError **error)
{
    ssize_t got;
    do
        got = read(stream->fd, buffer, length);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        (void)fail(error, STATUS_ENGINE, "cannot read the engine's stream: %s", g_strerror(errno));
    else
        atomic_fetch_add_explicit(&stream->bytes, (uint64_t)got, memory_order_relaxed);
    return got;
}

static gboolean fill(Xbstream *stream, GError **error)
{
    ssize_t got = read_some(stream, stream->input, INPUT_BYTES, error);
    stream->at = 0;
    stream->filled = got > 0 ? (size_t)got : 0;
    return got >= 0;
}

static gboolean cut(const Xbstream *stream, GError **error)
{
    return fail(error, STATUS_ENGINE,
                "the engine's stream ends inside a chunk%s%s, after %" G_GUINT64_FORMAT " bytes",
                stream->name[0] != '\0' ? " of " : "", stream->name, xbstream_bytes(stream));
}

/* What was read ahead first; large pieces go past the input buffer. */
static gboolean take(Xbstream *stream, void *buffer, size_t length, GError **error)
{
    uint8_t *to = buffer;
    while (length > 0) {
        size_t ready = MIN(length, stream->filled - stream->at);
        if (ready > 0) {
            memcpy(to, stream->input + stream->at, ready);
            stream->at += ready;
        } else if (length >= INPUT_BYTES) {
            ssize_t got = read_some(stream, to, length, error);
            if (got <= 0)
                return got == 0 ? cut(stream, error) : FALSE;
            ready = (size_t)got;
        } else if (!fill(stream, error)) {
            return FALSE;
        } else if (stream->filled == 0) {
            return cut(stream, error);
        }
        to += ready;
        length -= ready;
    }
    return TRUE;
}

static gboolean take_u32(Xbstream *stream, uint32_t *value, GError **error)
{
    if (!take(stream, value, sizeof *value, error))
        return FALSE;
    *value = GUINT32_FROM_LE(*value);
    return TRUE;
}

static gboolean take_u64(Xbstream *stream, uint64_t *value, GError **error)
{
    if (!take(stream, value, sizeof *value, error))
        return FALSE;
    *value = GUINT64_FROM_LE(*value);
    return TRUE;
}

static gboolean refuse_name(const char *name, size_t length, const char *fault, GError **error)
{
    g_autofree char *shown = name_show(name, length);
    return fail(error, STATUS_ENGINE, "the engine's stream names a file \"%s\", which %s", shown,
                fault);
}

/* `pattern`: a last '*' is no part of the name. */
static gboolean check_name(const char *name, size_t length, gboolean pattern, GError **error)
{
    size_t plain = pattern && length > 0 && name[length - 1] == '*' ? length - 1 : length;
    const char *fault = name_fault(name, plain);
    if (fault != NULL)
        return refuse_name(name, length, fault, error);
    if (memchr(name, '*', plain) != NULL) /* a server writes @002a */
        return refuse_name(name, length, "has a '*'", error);
    if (name_is_sealed(name))
        return refuse_name(name, length,
                           "ends in a suffix of ours" HINT(
                               "let lsnchain compress, take --compress from engine_options"),
                           error);
    return TRUE;
}

/* `name` is set when all of it was read and is a good one: messages of a cut stream show it. */
static gboolean take_name(Xbstream *stream, uint32_t length, gboolean pattern, char *name,
                          GError **error)
{
    char raw[NAME_MOST + 1];
    if (length > NAME_MOST)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream has a name of %" G_GUINT32_FORMAT
                    " bytes at byte %" G_GUINT64_FORMAT,
                    length, position(stream));
    if (!take(stream, raw, length, error))
        return FALSE;
    raw[length] = '\0';
    if (!check_name(raw, length, pattern, error))
        return FALSE;
    memcpy(name, raw, length + 1);
    return TRUE;
}

static gboolean check_payload(const Xbstream *stream, GError **error)
{
    if (stream->left == 0 && stream->crc != stream->crc_wanted)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream is damaged in %s before byte %" G_GUINT64_FORMAT
                    ": its checksum is %08x, not %08x",
                    stream->name, position(stream), stream->crc, stream->crc_wanted);
    return TRUE;
}

static gboolean take_summed(Xbstream *stream, void *buffer, size_t length, GError **error)
{
    if (!take(stream, buffer, length, error))
        return FALSE;
    stream->crc = libdeflate_crc32(stream->crc, buffer, length);
    return TRUE;
}

/* The rest of a sparse chunk is pairs of zeros that were not sent and bytes that were. */
static gboolean take_sparse(Xbstream *stream, uint8_t *buffer, size_t length, GError **error)
{
    while (length > 0) {
        Hole *hole = &stream->map[stream->map_at];
        size_t zeros = MIN(length, hole->skip);
        memset(buffer, 0, zeros);
        hole->skip -= (uint32_t)zeros;
        buffer += zeros;
        length -= zeros;

        size_t sent = MIN(length, hole->length);
        if (!take_summed(stream, buffer, sent, error))
            return FALSE;
        hole->length -= (uint32_t)sent;
        buffer += sent;
        length -= sent;
        if (hole->skip == 0 && hole->length == 0)
            stream->map_at++;
    }
    return TRUE;
}

gboolean xbstream_read(Xbstream *stream, void *buffer, size_t length, GError **error)
{
    g_return_val_if_fail(length <= stream->left, FALSE);
    gboolean taken = stream->map != NULL ? take_sparse(stream, buffer, length, error)
                                         : take_summed(stream, buffer, length, error);
    stream->left -= length;
    return taken && check_payload(stream, error);
}

/* The map of a sparse chunk must hold all of the payload; the holes count as data. */
static gboolean take_map(Xbstream *stream, uint32_t entries, uint64_t payload, GError **error)
{
    stream->map = g_new(Hole, MAX(entries, 1));
    stream->map_length = entries;
    stream->map_at = 0;
    if (!take_summed(stream, stream->map, entries * sizeof(Hole), error))
        return FALSE;
    uint64_t sent = 0;
    uint64_t all = 0;
    for (uint32_t i = 0; i < entries; i++) {
        Hole *hole = &stream->map[i];
        hole->skip = GUINT32_FROM_LE(hole->skip);
        hole->length = GUINT32_FROM_LE(hole->length);
        sent += hole->length;
        all += (uint64_t)hole->skip + hole->length;
    }
    if (sent != payload || all > PAYLOAD_MOST)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream has a map of holes in %s that does not fit its data",
                    stream->name);
    stream->left = all;
    return TRUE;
}

/* Head and map of a payload. */
static gboolean take_payload_head(Xbstream *stream, gboolean sparse, uint64_t *offset,
                                  GError **error)
{
    uint32_t entries = 0;
    if (sparse && !take_u32(stream, &entries, error))
        return FALSE;
    if (!take_u64(stream, &stream->left, error) || !take_u64(stream, offset, error) ||
        !take_u32(stream, &stream->crc_wanted, error))
        return FALSE;
    if (stream->left > PAYLOAD_MOST || entries > MAP_MOST ||
        *offset > (uint64_t)INT64_MAX - PAYLOAD_MOST)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream has a chunk of %" G_GUINT64_FORMAT
                    " bytes at %" G_GUINT64_FORMAT " of %s, more than any engine sends",
                    stream->left, *offset, stream->name);
    stream->crc = 0;
    if (sparse && !take_map(stream, entries, stream->left, error))
        return FALSE;
    return check_payload(stream, error);
}

static Track *track_file(Xbstream *stream, GError **error)
{
    Track *track = g_hash_table_lookup(stream->open, stream->name);
    if (track != NULL)
        return track;
    if (g_hash_table_size(stream->open) >= OPEN_MOST) {
        (void)fail(error, STATUS_ENGINE, "the engine's stream has more than %d files open at once",
                   OPEN_MOST);
        return NULL;
    }
    track = g_new0(Track, 1);
    g_hash_table_insert(stream->open, g_strdup(stream->name), track);
    return track;
}

static gboolean take_data(Xbstream *stream, gboolean sparse, XbstreamEvent *event, GError **error)
{
    Track *track = track_file(stream, error);
    if (track == NULL || !take_payload_head(stream, sparse, &event->offset, error))
        return FALSE;
    if (event->offset != track->offset)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream goes on in %s at %" G_GUINT64_FORMAT
                    ", but %" G_GUINT64_FORMAT " comes next",
                    stream->name, event->offset, track->offset);
    event->kind = XBSTREAM_DATA;
    event->length = stream->left;
    track->offset += stream->left;
    track->size = MAX(track->size, track->offset);
    return TRUE;
}

static gboolean take_seek(Xbstream *stream, XbstreamEvent *event, GError **error)
{
    Track *track = track_file(stream, error);
    if (track == NULL || !take_u64(stream, &event->offset, error))
        return FALSE;
    if (event->offset > track->size)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream seeks to %" G_GUINT64_FORMAT
                    " in %s, which has %" G_GUINT64_FORMAT " bytes",
                    event->offset, stream->name, track->size);
    event->kind = XBSTREAM_SEEK;
    track->offset = event->offset;
    return TRUE;
}

static gboolean take_rename(Xbstream *stream, XbstreamEvent *event, GError **error)
{
    uint32_t length;
    event->kind = XBSTREAM_RENAME;
    event->new_name = stream->new_name;
    return take_u32(stream, &length, error) &&
           take_name(stream, length, FALSE, stream->new_name, error);
}

/* A chunk that says of itself that it does not matter; XBSTREAM_DONE stands for "none yet". */
static gboolean skip_chunk(Xbstream *stream, XbstreamEvent *event, GError **error)
{
    uint64_t offset;
    uint8_t rest[4096];
    if (!take_payload_head(stream, FALSE, &offset, error))
        return FALSE;
    while (stream->left > 0) {
        if (!xbstream_read(stream, rest, MIN(stream->left, sizeof rest), error))
            return FALSE;
    }
    event->kind = XBSTREAM_DONE;
    return TRUE;
}

static gboolean take_body(Xbstream *stream, char type, uint8_t flags, XbstreamEvent *event,
                          GError **error)
{
    gboolean mariadb = stream->dialect == XBSTREAM_MARIADB;
    if (type == 'P')
        return take_data(stream, FALSE, event, error);
    if (type == 'E') {
        event->kind = XBSTREAM_END;
        (void)g_hash_table_remove(stream->open, stream->name);
        return TRUE;
    }
    if (type == 'S')
        return mariadb ? take_seek(stream, event, error) : take_data(stream, TRUE, event, error);
    if (type == 'R' && mariadb)
        return take_rename(stream, event, error);
    if (type == 'D' && mariadb) {
        event->kind = XBSTREAM_REMOVE;
        return TRUE;
    }
    if ((flags & FLAG_IGNORABLE) != 0)
        return skip_chunk(stream, event, error);
    return fail(error, STATUS_ENGINE,
                "the engine's stream has a chunk of an unknown type 0x%02x before byte "
                "%" G_GUINT64_FORMAT HINT("this lsnchain may be older than the engine"),
                (unsigned char)type, position(stream));
}

static gboolean take_chunk(Xbstream *stream, XbstreamEvent *event, GError **error)
{
    uint8_t head[HEAD_BYTES];
    stream->name[0] = '\0';
    if (!take(stream, head, sizeof head, error))
        return FALSE;
    if (memcmp(head, "XBSTCK01", MAGIC_BYTES) != 0)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream has no chunk at byte %" G_GUINT64_FORMAT,
                    position(stream) - HEAD_BYTES);
    uint8_t flags = head[MAGIC_BYTES];
    char type = (char)head[MAGIC_BYTES + 1];
    uint32_t length;
    memcpy(&length, head + MAGIC_BYTES + 2, sizeof length);
    length = GUINT32_FROM_LE(length);
    if (!take_name(stream, length, type == 'D', stream->name, error))
        return FALSE;

    event->name = stream->name;
    event->replaces = (flags & FLAG_REPLACES) != 0;
    return take_body(stream, type, flags, event, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static gboolean finish(const Xbstream *stream, XbstreamEvent *event, GError **error)
{
    if (!stream->begun)
        return fail(error, STATUS_ENGINE, "the engine's stream is empty");
    g_autoptr(GList) names = g_hash_table_get_keys(stream->open);
    names = g_list_sort(names, compare_names);
    if (names != NULL)
        return fail(error, STATUS_ENGINE,
                    "the engine's stream ends before the end of %s (%u such files)",
                    (const char *)names->data, g_list_length(names));
    event->kind = XBSTREAM_DONE;
    return TRUE;
}

gboolean xbstream_next(Xbstream *stream, XbstreamEvent *event, GError **error)
{
    g_return_val_if_fail(stream->left == 0, FALSE);
    g_clear_pointer(&stream->map, g_free);
    for (;;) {
        *event = (XbstreamEvent){0};
        if (stream->at == stream->filled && !fill(stream, error))
            return FALSE;
        if (stream->filled == 0)
            return finish(stream, event, error);
        if (!take_chunk(stream, event, error))
            return FALSE;
        stream->begun = TRUE;
        if (event->kind != XBSTREAM_DONE)
            return TRUE;
        g_clear_pointer(&stream->map, g_free);
    }
}
