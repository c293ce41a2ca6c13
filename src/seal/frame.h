/* SPDX-License-Identifier: MIT */
/*
 * frame: the LZ4 frames that a sealed file is made of.
 *
 * A sealed file is a concatenation of frames, each FRAME_BYTES of the original (the last one less),
 * with content size, content checksum and independent blocks, as `lz4 -d` reads them.  The bytes of
 * a frame depend on its content, the level and the version of liblz4 only.
 *
 * What is wrong with a stored frame is STATUS_VERIFY and names the file.
 */
#ifndef LSNCHAIN_SEAL_FRAME_H
#define LSNCHAIN_SEAL_FRAME_H

#include "base/digest.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_BYTES = 1 << 20, /* what we write */
    FRAME_MOST = 64 << 20, /* the largest that we agree to read */
    FRAME_SMALL = 4096,    /* a file of this size or less is not made into frames */
    FRAME_LEAD = 19,       /* what stands before content that is stored as it is */
};

/* Room for the frame of `plain` bytes, however badly they compress. */
size_t frame_capacity(size_t plain);

/*
 * Makes the frame of the `length` bytes, above 0 and at most FRAME_BYTES, at `block` + FRAME_LEAD,
 * and returns its length.  What hardly compresses is stored as it is, unless the level is 3 or
 * more: the frame is then laid around it.  Else it is made in `out`.  Both have
 * frame_capacity(length) bytes; `frame` gets where it begins.
 */
size_t frame_pack(int level, uint8_t *block, size_t length, uint8_t *out, uint8_t **frame);

/* A stored file that is read from its start, frame by frame. */
typedef struct {
    int fd;
    const char *name;   /* for messages */
    size_t most;        /* the largest content of one frame */
    Digest *digest;     /* gets every byte read; may be NULL */
    uint64_t stored;    /* bytes read so far */
    uint64_t plain;     /* content of the frames read so far */
    uint64_t forgotten; /* of files_forget() */
} FrameSource;

typedef struct {
    uint8_t *bytes; /* frame_capacity(source->most) of them */
    size_t stored;  /* 0: the file was at its end */
    size_t plain;
    uint64_t offset; /* of its content in the original */
} FrameStored;

gboolean frame_read(FrameSource *source, FrameStored *frame, GError **error);

/*
 * `plain` has room for frame->plain bytes, and gets exactly that many.  `checked`: the checksum of
 * its content was found right before, over the same stored bytes, and is not computed again.
 */
gboolean frame_unpack(const FrameStored *frame, const char *name, gboolean checked, uint8_t *plain,
                      GError **error);

#endif
