/* SPDX-License-Identifier: MIT */
/*
 * repair: a mutator for streams.  Nearly every change of a payload breaks its checksum, and what
 * lies behind the check would never be reached; so most changed streams get theirs mended.
 */
#ifndef LSNCHAIN_TESTS_REPAIR_H
#define LSNCHAIN_TESTS_REPAIR_H

#include <glib.h>
#include <libdeflate.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPAIR_HEAD = 14, REPAIR_PAYLOAD = 20 };

static inline uint64_t repair_number(const uint8_t *at, size_t bytes)
{
    uint64_t number = 0;
    memcpy(&number, at, bytes);
    return GUINT64_FROM_LE(number);
}

/* The first byte is not of the stream: it chooses the dialect. */
static inline void repair_sums(uint8_t *data, size_t size)
{
    for (size_t at = 1; at + REPAIR_HEAD <= size;) {
        char type = (char)data[at + 9];
        uint64_t name = repair_number(data + at + 10, 4);
        at += REPAIR_HEAD;
        if (name > size - at)
            return;
        at += (size_t)name;
        if (type != 'P' || size - at < REPAIR_PAYLOAD)
            continue;
        uint64_t length = repair_number(data + at, 8);
        if (length > size - at - REPAIR_PAYLOAD)
            return;
        uint32_t crc =
            GUINT32_TO_LE(libdeflate_crc32(0, data + at + REPAIR_PAYLOAD, (size_t)length));
        memcpy(data + at + 16, &crc, sizeof crc);
        at += REPAIR_PAYLOAD + (size_t)length;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8 != 0)
        repair_sums(data, size);
    return size;
}

#endif
