/* SPDX-License-Identifier: MIT */
#include "seal/frame.h"

#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <lz4.h>
#include <lz4frame.h>
#include <string.h>
#include <xxhash.h>

/* https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
enum {
    MAGIC = 0x184D2204,
    FLAG_VERSION = 1 << 6,
    FLAG_VERSION_MASK = 3 << 6,
    FLAG_INDEPENDENT = 1 << 5,
    FLAG_BLOCK_CHECKSUM = 1 << 4,
    FLAG_CONTENT_SIZE = 1 << 3,
    FLAG_CONTENT_CHECKSUM = 1 << 2,
    FLAG_DICTIONARY = 1 << 0,
    HEAD = 4 + 1 + 1 + 8 + 1, /* magic, flags, block size, content size, checksum of the head */
    WORD = 4,                 /* the size of a block, a checksum */
    BLOCK_SIZE = 0x7fffffff,  /* of a block's word; the other bit says "not compressed" */
    BLOCKS_OF_1MB = 6 << 4,   /* at most */
};

G_STATIC_ASSERT(FRAME_LEAD == HEAD + WORD);

static LZ4F_preferences_t preferences(int level, size_t length)
{
    return (LZ4F_preferences_t){
        .frameInfo = {.blockSizeID = LZ4F_max1MB,
                      .blockMode = LZ4F_blockIndependent,
                      .contentChecksumFlag = LZ4F_contentChecksumEnabled,
                      .contentSize = length},
        .compressionLevel = level,
    };
}

size_t frame_capacity(size_t plain)
{
    const LZ4F_preferences_t chosen = preferences(0, plain);
    return LZ4F_compressFrameBound(plain, &chosen);
}

/*
 * Not where LZ4 wins less than an eighth of a sample, as of what is random, encrypted or compressed
 * already: the night is worth more than these bytes.  Who asks for a high level wants them; and
 * what is short costs nothing.  The pieces lie from the first byte to the last, each elsewhere in a
 * page: pages are filled from the front, and those of compressed tables end in zeros.
 */
static gboolean is_worth_packing(int level, const uint8_t *plain, size_t length)
{
    enum { PIECES = 8, PIECE = 4 << 10, LEVEL_FOR_SIZE = 3 };
    if (level >= LEVEL_FOR_SIZE || length < PIECES * PIECE)
        return TRUE;
    size_t step = (length - PIECE) / (PIECES - 1);
    char out[LZ4_COMPRESSBOUND(PIECE)];
    int packed = 0;
    for (size_t i = 0; i < PIECES; i++)
        packed += LZ4_compress_default((const char *)plain + i * step, out, PIECE, sizeof out);
    return packed < PIECES * PIECE / 8 * 7;
}

/*
 * With a fresh state each time: liblz4 promises the same bytes for the same content only then, and
 * its start costs nothing beside a megabyte.
 */
static size_t compress(int level, const uint8_t *plain, size_t length, uint8_t *out)
{
    const LZ4F_preferences_t chosen = preferences(level, length);
    size_t stored = LZ4F_compressFrame(out, frame_capacity(length), plain, length, &chosen);
    if (LZ4F_isError(stored))
        g_error("LZ4 cannot compress: %s", LZ4F_getErrorName(stored));
    return stored;
}

static uint8_t *put_word(uint8_t *at, uint32_t word)
{
    const uint32_t little = GUINT32_TO_LE(word);
    memcpy(at, &little, sizeof little);
    return at + sizeof little;
}

/* A frame of one block, which is the content. */
static size_t lay_around(uint8_t *block, size_t length)
{
    g_assert(length <= FRAME_BYTES);
    const uint64_t size = GUINT64_TO_LE((uint64_t)length);
    uint8_t *described = put_word(block, MAGIC);
    uint8_t *at = described;
    *at++ = FLAG_VERSION | FLAG_INDEPENDENT | FLAG_CONTENT_SIZE | FLAG_CONTENT_CHECKSUM;
    *at++ = BLOCKS_OF_1MB;
    memcpy(at, &size, sizeof size);
    at += sizeof size;
    *at = (uint8_t)(XXH32(described, (size_t)(at - described), 0) >> 8);
    at = put_word(at + 1, (uint32_t)length | ~(uint32_t)BLOCK_SIZE);
    uint32_t sum = XXH32(at, length, 0);
    at = put_word(at + length, 0);
    return (size_t)(put_word(at, sum) - block);
}

size_t frame_pack(int level, uint8_t *block, size_t length, uint8_t *out, uint8_t **frame)
{
    const uint8_t *plain = block + FRAME_LEAD;
    gboolean pays = is_worth_packing(level, plain, length);
    *frame = pays ? out : block;
    return pays ? compress(level, plain, length, out) : lay_around(block, length);
}

static uint32_t word_at(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return GUINT32_FROM_LE(word);
}

static gboolean damaged(const FrameSource *source, const char *what, GError **error)
{
    return fail(error, STATUS_VERIFY, "%s is damaged at byte %" G_GUINT64_FORMAT ": %s",
                source->name, source->stored, what);
}

/* Appends `length` bytes of the file to the frame. */
static gboolean take(const FrameSource *source, FrameStored *frame, size_t length, GError **error)
{
    if (length > frame_capacity(source->most) - frame->stored)
        return damaged(source, "a frame is longer than its content allows", error);
    ssize_t got = files_read(source->fd, frame->bytes + frame->stored, length);
    if (got < 0)
        return fail(error, STATUS_VERIFY, "cannot read %s: %s", source->name, g_strerror(errno));
    frame->stored += (size_t)got;
    return (size_t)got == length || damaged(source, "the file ends inside a frame", error);
}

static gboolean parse_head(const FrameSource *source, FrameStored *frame, GError **error)
{
    const unsigned wanted = FLAG_VERSION | FLAG_CONTENT_SIZE | FLAG_CONTENT_CHECKSUM;
    const unsigned mask = FLAG_VERSION_MASK | FLAG_CONTENT_SIZE | FLAG_CONTENT_CHECKSUM;
    if (word_at(frame->bytes) != MAGIC)
        return damaged(source, "no LZ4 frame starts here", error);
    if ((frame->bytes[4] & mask) != wanted || (frame->bytes[4] & FLAG_DICTIONARY) != 0)
        return damaged(source, "the frame lacks its content size or checksum", error);

    uint64_t plain;
    memcpy(&plain, frame->bytes + 6, sizeof plain);
    plain = GUINT64_FROM_LE(plain);
    if (plain == 0 || plain > source->most)
        return damaged(source, "the content size of a frame is out of range", error);
    frame->plain = (size_t)plain;
    return TRUE;
}

/* From the word of the first block, which was read, to the checksum of the content. */
static gboolean take_blocks(const FrameSource *source, FrameStored *frame, GError **error)
{
    size_t after = (frame->bytes[4] & FLAG_BLOCK_CHECKSUM) != 0 ? 2 * WORD : WORD;
    for (uint32_t word = word_at(frame->bytes + HEAD); word != 0;) {
        if (!take(source, frame, (word & BLOCK_SIZE) + after, error))
            return FALSE;
        word = word_at(frame->bytes + frame->stored - WORD);
    }
    return take(source, frame, WORD, error);
}

gboolean frame_read(FrameSource *source, FrameStored *frame, GError **error)
{
    frame->stored = 0;
    frame->plain = 0;
    frame->offset = source->plain;
    ssize_t got = files_read(source->fd, frame->bytes, HEAD + WORD);
    if (got < 0)
        return fail(error, STATUS_VERIFY, "cannot read %s: %s", source->name, g_strerror(errno));
    if (got == 0)
        return TRUE;
    if (got < HEAD + WORD)
        return damaged(source, "the file ends inside a frame", error);
    frame->stored = (size_t)got;
    if (!parse_head(source, frame, error) || !take_blocks(source, frame, error))
        return FALSE;

    if (source->digest != NULL)
        digest_add(source->digest, frame->bytes, frame->stored);
    source->stored += frame->stored;
    files_forget(source->fd, source->stored, &source->forgotten);
    source->plain += frame->plain;
    return TRUE;
}

static void free_context(LZ4F_dctx **context)
{
    (void)LZ4F_freeDecompressionContext(*context);
}

gboolean frame_unpack(const FrameStored *frame, const char *name, gboolean checked, uint8_t *plain,
                      GError **error)
{
    const LZ4F_decompressOptions_t options = {.skipChecksums = checked ? 1U : 0U};
    LZ4F_dctx *context __attribute__((cleanup(free_context))) = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        g_error("LZ4 has no memory");

    size_t taken = 0;
    size_t made = 0;
    size_t hint = 1;
    while (hint != 0 && taken < frame->stored) {
        size_t in = frame->stored - taken;
        size_t out = frame->plain - made;
        hint = LZ4F_decompress(context, plain + made, &out, frame->bytes + taken, &in, &options);
        if (LZ4F_isError(hint))
            return fail(error, STATUS_VERIFY,
                        "%s is damaged: its bytes from %" G_GUINT64_FORMAT
                        " on cannot be unpacked (%s)",
                        name, frame->offset, LZ4F_getErrorName(hint));
        if (in == 0 && out == 0)
            break; /* more content than the frame says */
        taken += in;
        made += out;
    }
    if (hint != 0 || taken != frame->stored || made != frame->plain)
        return fail(error, STATUS_VERIFY,
                    "%s is damaged: its bytes from %" G_GUINT64_FORMAT
                    " on are not as many as it says",
                    name, frame->offset);
    return TRUE;
}
