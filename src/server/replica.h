/* SPDX-License-Identifier: MIT */
/* replica: a row of SHOW REPLICA STATUS, whatever its columns are called in this series.  Pure. */
#ifndef LSNCHAIN_SERVER_REPLICA_H
#define LSNCHAIN_SERVER_REPLICA_H

#include "model/readiness.h"

/* `names` and `values` have `n` items; a value may be NULL.  Free it with replica_source_free(). */
ReplicaSource *replica_read(const char *const *names, const char *const *values, unsigned n);

#endif
