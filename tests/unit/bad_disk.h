/* SPDX-License-Identifier: MIT */
/* bad_disk: a disk that does not take what it is given; for the one file of tests that includes it.
 */
#ifndef LSNCHAIN_TESTS_BAD_DISK_H
#define LSNCHAIN_TESTS_BAD_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int disk_failure; /* errno of each wait for the disk; 0: it goes well */

/* In the place of the C library's. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags)
{
    if (disk_failure == 0 || (flags & SYNC_FILE_RANGE_WAIT_AFTER) == 0)
        return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
    errno = disk_failure;
    return -1;
}

#endif
