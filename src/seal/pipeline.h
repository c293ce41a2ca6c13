/* SPDX-License-Identifier: MIT */
/*
 * pipeline: frames in, stored files with their sums out.
 *
 * One thread (the reader) begins files, fills frames and sends them; the workers compress frames of
 * all files side by side, and the one that finds the next frame of a file ready hashes and writes
 * it, and all that are ready behind it. So one huge file keeps every processor busy, and a thousand
 * small ones as well.
 *
 * The first failure counts; after it frames are thrown away, so that nobody waits for ever.
 *
 * The functions below are for the reader, but pipeline_fail() and pipeline_failed() for any thread.
 */
#ifndef LSNCHAIN_SEAL_PIPELINE_H
#define LSNCHAIN_SEAL_PIPELINE_H

#include "seal/frame.h"
#include "seal/seal.h"

typedef struct Pipeline Pipeline;
typedef struct PipelineFile PipelineFile;

typedef struct {
    uint8_t *bytes; /* FRAME_BYTES of them, until it is sent */
    size_t length;
    /* The rest is the pipeline's. */
    uint8_t *block; /* frame_capacity(FRAME_BYTES) bytes, in which those above are */
    size_t plain;
    PipelineFile *file;
    uint64_t index;
    gboolean last;
} PipelineFrame;

Pipeline *pipeline_new(int dir_fd, gboolean compress, int level, int workers);

/*
 * Ends the threads, and waits for what the disk is still writing.  FALSE when something failed; it
 * was the disk, perhaps.  Frames are sent no more.
 */
gboolean pipeline_end(Pipeline *pipeline);

/* Without pipeline_end() what was not sent with `last` is lost. */
void pipeline_free(Pipeline *pipeline);

/* A new file; `name` is that of the stream. It lives until its last frame is written. */
PipelineFile *pipeline_file(Pipeline *pipeline, const char *name);

/* The name is that of a file which is begun or stored. */
gboolean pipeline_knows(Pipeline *pipeline, const char *name);

/* An empty frame to fill; waits while enough of them are on their way. */
PipelineFrame *pipeline_frame(Pipeline *pipeline);

/*
 * Frames of a file are sent in order, all but the last one full; only an empty file has an empty
 * one.  After the last frame the file is the pipeline's alone.
 */
void pipeline_send(Pipeline *pipeline, PipelineFile *file, PipelineFrame *frame, gboolean last);

/* For a frame that is not sent. */
void pipeline_drop(Pipeline *pipeline, PipelineFrame *frame);

/* Waits until every file whose last frame was sent is stored.  FALSE when something failed. */
gboolean pipeline_settle(Pipeline *pipeline);

/*
 * The stored files: SealedFile, by themselves, looked up by "data/" and the stream's name.  To be
 * read and changed only between pipeline_settle() and the next last frame.
 */
GHashTable *pipeline_stored(Pipeline *pipeline);

/* Takes the error; only the first is kept. */
void pipeline_fail(Pipeline *pipeline, GError *error);
gboolean pipeline_failed(const Pipeline *pipeline);

/* The first error, NULL where there is none; the caller's now. */
GError *pipeline_error(Pipeline *pipeline);

#endif
