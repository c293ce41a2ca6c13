/* SPDX-License-Identifier: MIT */
/* fuzz_stream: any bytes as an engine's stream: an end or a failure, and only names we would use.
 */
#include "base/files.h"
#include "check.h"
#include "repair.h"
#include "seal/name.h"
#include "seal/xbstream.h"

#include <sys/mman.h>
#include <unistd.h>

static void check_event(const XbstreamEvent *event)
{
    size_t length = strlen(event->name);
    if (event->kind == XBSTREAM_REMOVE && length > 0 && event->name[length - 1] == '*')
        length--;
    CHECK(name_fault(event->name, length) == NULL && !name_is_sealed(event->name));
    CHECK(memchr(event->name, '*', length) == NULL);
    if (event->kind == XBSTREAM_RENAME)
        CHECK(name_fault(event->new_name, strlen(event->new_name)) == NULL);
    CHECK(event->offset <= INT64_MAX && event->length <= INT64_MAX - event->offset);
}

static gboolean read_data(Xbstream *stream, uint64_t length, GError **error)
{
    uint8_t piece[1000];
    for (; length > 0; length -= MIN(length, sizeof piece)) {
        if (!xbstream_read(stream, piece, MIN(length, sizeof piece), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean read_all(Xbstream *stream, GError **error)
{
    XbstreamEvent event;
    for (;;) {
        if (!xbstream_next(stream, &event, error))
            return FALSE;
        if (event.kind == XBSTREAM_DONE)
            return TRUE;
        check_event(&event);
        if (event.kind == XBSTREAM_DATA && !read_data(stream, event.length, error))
            return FALSE;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int fd = memfd_create("stream", MFD_CLOEXEC);
    CHECK(fd >= 0 && files_write(fd, data + 1, size - 1) && lseek(fd, 0, SEEK_SET) == 0);
    g_autoptr(GError) error = NULL;
    Xbstream *stream = xbstream_new(fd, data[0] & 1 ? XBSTREAM_PERCONA : XBSTREAM_MARIADB);
    gboolean done = read_all(stream, &error);
    check_failure(done, error, STATUS_ENGINE);
    check_plain(error);
    CHECK(xbstream_bytes(stream) <= size - 1);
    CHECK(!done || (size > 1 && xbstream_bytes(stream) == size - 1));
    xbstream_free(stream);
    (void)close(fd);
    return 0;
}
