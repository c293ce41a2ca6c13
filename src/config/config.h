/* SPDX-License-Identifier: MIT */
/*
 * config: what the operator wants, as structs that everybody else only reads.
 *
 * One field for each key of the option table (options.h), named as the key, already checked and in
 * plain units: seconds, bytes.  A text that was not given is "", never NULL.  Files that a value
 * names are not opened here.
 *
 * Every failure is STATUS_CONFIG and names file and line.  Order of precedence: the instance's own
 * section, [global], the default of the table.
 */
#ifndef LSNCHAIN_CONFIG_CONFIG_H
#define LSNCHAIN_CONFIG_CONFIG_H

#include "base/priority.h"

#include <glib.h>
#include <stdint.h>

/* The enumerations are in the order of the words in the option table. */
typedef enum { COMPRESSION_NONE, COMPRESSION_LZ4 } Compression;
typedef enum { FULL_AFTER_BREAK_NEXT, FULL_AFTER_BREAK_SAME } FullAfterBreak;
typedef enum { CANARY_AUTO, CANARY_YES, CANARY_NO } CanaryMode;

typedef struct {
    char *name;
    char *type; /* which other keys it uses and needs is in the option table */
    char *url;  /* a credential: only scheme and host may be shown */
    char *user;
    char *password;
    char *from;
    char *to;  /* addresses, separated by commas; checked by the channel */
    char *tls; /* "required" or "none" */
    char *ca_file;
    char *secret; /* one or two "whsec_..." with a space between */
    char *body_file;
    char *routing_key;
    char *fields;
    char *command; /* can be split as a shell would */
    char *socket;
    int64_t timeout; /* seconds */
} AlertConfig;

/* Names of alerts, NULL-terminated, perhaps none; each is known to exist. */
typedef struct {
    char **critical;
    char **warning;
    char **recovery;
} RouteConfig;

typedef struct {
    char *name;
    char *sql;
} AssertConfig;

typedef struct {
    char *name;

    char *defaults_file;
    char *scratch_dir; /* "": REPOSITORY/.scratch */
    char *proof_dir;   /* "": as scratch_dir */
    char *engine;      /* "auto", "xtrabackup", "mariadb-backup" or a path */
    char *engine_options;
    char *prepare_options;
    char *server_options;
    char *server_binary; /* "auto" or a path */
    char *rsync;         /* "rsync" or a path */
    int parallel;
    int workers;       /* the ceiling: ask config_workers() */
    uint64_t throttle; /* bytes a second; 0: none */
    int nice;
    IoPriority io_priority;
    int64_t lock_timeout; /* seconds */
    gboolean checkpoint_first;
    Compression compression;
    int compression_level;

    int64_t full_every; /* seconds */
    int max_incrementals;
    FullAfterBreak full_after_break;
    int64_t restore_within;  /* seconds; 0: no target */
    int64_t stall_timeout;   /* seconds */
    int64_t backup_max_time; /* seconds; 0: no limit */

    int verify_after;        /* none, files, prepare, server, queries: 0 to 4, as ProofLevel */
    int64_t verify_max_time; /* seconds; 0: no limit */
    gboolean rolling_base;
    uint64_t prepare_memory; /* bytes */
    CanaryMode canary;
    char *canary_schema;
    int64_t reread_every; /* seconds */
    int reseed_every;     /* 0: never */

    int keep_chains;
    int keep_days;
    int keep_weekly;
    int keep_monthly;
    int keep_yearly;
    int keep_proven;
    int64_t keep_quarantined; /* seconds */

    int64_t backup_within; /* seconds; 0: not watched */
    int64_t proof_within;  /* seconds; 0: not watched */

    int64_t repeat_after; /* seconds */
    char *ping_url;       /* a credential */
    int ping;             /* healthchecks, plain: 0 and 1, as PingProtocol */
    char *metrics_file;

    GPtrArray *asserts; /* AssertConfig *, in the order of the files */
    RouteConfig route;  /* [route INSTANCE] if there is one, else [route] */
} InstanceConfig;

typedef struct ConfigOrigins ConfigOrigins;

typedef struct {
    char *repository;
    char *state_dir;
    GPtrArray *instances;   /* InstanceConfig *, in the order of the files */
    GPtrArray *alerts;      /* AlertConfig *, the same */
    RouteConfig route;      /* [route], for what belongs to no instance */
    ConfigOrigins *origins; /* what stands in which file; for config_show() */
} Config;

/* NULL: /etc/lsnchain/lsnchain.conf, then /etc/lsnchain/conf.d/ *.conf in the order of strcmp(). */
Config *config_load(const char *path, GError **error);

/* The same two places below another directory. */
Config *config_load_directory(const char *directory, GError **error);

/* For --repository=DIR: no file, no instance, defaults for the rest.  A relative DIR is taken from
 * the working directory. */
Config *config_bare(const char *repository);

void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

/* An instance of which nothing is known but its name: all defaults, "" for defaults_file. */
InstanceConfig *config_default_instance(const char *name);
void config_free_instance(InstanceConfig *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InstanceConfig, config_free_instance)

/* NULL: there is none of this name. */
const InstanceConfig *config_instance(const Config *config, const char *name);
const AlertConfig *config_alert(const Config *config, const char *name);

/* How many threads of ours work: one for each processor that we may run on, up to the ceiling. */
int config_workers(const InstanceConfig *config);

/* What an instance and an alert may be called: [a-z0-9][a-z0-9_-]{0,31}. */
gboolean config_is_name(const char *text);

/*
 * Calls `each` for every value there is, in the order of the table: `section` as in the file,
 * `source` is "default", "command line" or "FILE:LINE".  Of a secret only "(hidden)" is shown, of a
 * secret address scheme and host.  Of what [global] gives to instances only what a file sets.
 */
typedef void ConfigShowFn(const char *section, const char *key, const char *value,
                          const char *source, void *data);
void config_show(const Config *config, ConfigShowFn *each, void *data);

#endif
