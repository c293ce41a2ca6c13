/* SPDX-License-Identifier: MIT */
/*
 * origins: what stands in the files, value by value, and where.
 *
 * The structs of config.h are made from it, and `config show` tells it.  All that is in here was
 * checked when it was read; what it means together was not.
 */
#ifndef LSNCHAIN_CONFIG_ORIGINS_H
#define LSNCHAIN_CONFIG_ORIGINS_H

#include "config/config.h"
#include "config/options.h"

#include <glib.h>

/* A section that stands in a file. */
typedef struct {
    const OptionSection *kind;
    char *title; /* "instance shop" */
    char *name;  /* "shop"; "" where there is none */
    char *source;
} Section;

/* A value that stands in a file. */
typedef struct {
    const Section *section;
    const Option *option; /* NULL in [assert] */
    char *key;
    char *value;
    char *source; /* "/etc/lsnchain/lsnchain.conf:12" */
} Entry;

struct ConfigOrigins {
    GPtrArray *sections;     /* Section, in the order of the files */
    GPtrArray *entries;      /* Entry, the same */
    GHashTable *by_title;    /* to Section */
    GHashTable *by_place;    /* "instance shop\nparallel" to Entry */
    const char *bare_source; /* where the repository of config_bare() comes from */
};

ConfigOrigins *origins_new(void);
void origins_free(ConfigOrigins *origins);

/*
 * Adds what stands in the file `path`.  It is refused when its owner or mode are wrong (access.h),
 * a section or key is unknown, a value is not allowed, or a key was given before, here or in
 * another file.
 */
gboolean origins_read(ConfigOrigins *origins, const char *path, GError **error);

/* NULL: no file gives it. */
const Entry *origins_find(const ConfigOrigins *origins, const char *title, const char *key);

/* What holds for an option in a section, [global] included; NULL: its default. */
const Entry *origins_resolve(const ConfigOrigins *origins, const char *title, const Option *option);

#endif
