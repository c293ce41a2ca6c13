/* SPDX-License-Identifier: MIT */
/* memory: how much of it the host can give. */
#ifndef LSNCHAIN_BASE_MEMORY_H
#define LSNCHAIN_BASE_MEMORY_H

#include <stdint.h>

/* MemAvailable of /proc/meminfo, in bytes; 0: it is not known. */
uint64_t memory_available(void);

/*
 * `wanted`, or less where the host has not that much to give: three quarters of what is available,
 * but never less than 96 MiB, without which an engine gets nowhere.
 */
uint64_t memory_within(uint64_t wanted, uint64_t available);

#endif
