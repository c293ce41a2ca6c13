/* SPDX-License-Identifier: MIT */
/* memory: how much of it there is for us. */
#ifndef LSNCHAIN_BASE_MEMORY_H
#define LSNCHAIN_BASE_MEMORY_H

#include <stdint.h>

/*
 * For the start of the program: from now on each block of 512 KiB or more that is freed goes back
 * to the system.  By itself glibc ends that with the first such block: those after it are cut out
 * of its heap, which grows around them.  (mallopt(3), M_MMAP_THRESHOLD)
 */
void memory_keep_little(void);

/*
 * In bytes: MemAvailable of /proc/meminfo, or less where the control group that we run in
 * (systemd's MemoryMax, a container's limit) leaves less; 0: it is not known.
 */
uint64_t memory_available(void);

/*
 * What the limits of the control group `path` and of those above it leave, UINT64_MAX where there
 * is none; `root` is where cgroup2 is mounted.  Page cache that the kernel can take back counts as
 * free.  (Linux, Documentation/admin-guide/cgroup-v2.rst: memory.max, memory.current, memory.stat)
 */
uint64_t memory_left_in_group(const char *root, const char *path);

/*
 * `wanted`, or less where there is not that much: three quarters of what is available, but never
 * less than 96 MiB, without which an engine gets nowhere.
 */
uint64_t memory_within(uint64_t wanted, uint64_t available);

#endif
