/* SPDX-License-Identifier: MIT */
/*
 * crash: places where a test kills us, to see that the next run needs no hand.
 *
 * crash_point("replace.renamed") does nothing but in test builds, where
 * LSNCHAIN_CRASH=replace.renamed ends the process there by SIGKILL, as a power cut would: nothing
 * is flushed, nobody cleans up. LSNCHAIN_CRASH=replace.renamed:3 does so when the point is passed
 * for the third time.
 */
#ifndef LSNCHAIN_BASE_CRASH_H
#define LSNCHAIN_BASE_CRASH_H

#ifdef LSNCHAIN_TESTING
void crash_point(const char *name);
#else
#define crash_point(name) ((void)0)
#endif

#endif
