/* SPDX-License-Identifier: MIT */
/*
 * mariadb_backup: mariadb-backup of the series 10.11 and later.
 *
 * Facts are from mariadb-backup 10.11.19 (docs/engines/mariadb-backup.md says how each was found).
 */
#include "engine/family.h"

static const char *const programs[] = {"mariadb-backup", "mariabackup", NULL};

/* Below these it stops at once, or leaves out the position in the binary log. */
static const char *const privileges[] = {"RELOAD", "PROCESS", "LOCK TABLES", "BINLOG MONITOR",
                                         NULL};

/* Without SUPER the checkpoint is silently not made. */
static const char *const checkpoint_privileges[] = {"RELOAD",         "PROCESS", "LOCK TABLES",
                                                    "BINLOG MONITOR", "SUPER",   NULL};

/* Renamed in 11.1 (MDEV-18931). */
static const char *const checkpoints_names[] = {"mariadb_backup_checkpoints",
                                                "xtrabackup_checkpoints", NULL};
static const char *const info_names[] = {"mariadb_backup_info", "xtrabackup_info", NULL};
static const char *const binlog_names[] = {"mariadb_backup_binlog_info", "xtrabackup_binlog_info",
                                           NULL};

/*
 * From its --help and list of variables; --name=value only, as an abbreviation is refused by it.
 * innodb-log-buffer-size and log-copy-interval are ours because a stall is told by what it reads.
 */
/* clang-format off */
static const EngineOption options[] = {
    {"apply-log", OPTION_FLAG, OURS},
    {"aria-log-dir-path", OPTION_REQUIRED, OURS},
    {"backup", OPTION_FLAG, OURS},
    {"binlog-info", OPTION_OPTIONAL, UNSAFE},
    {"check-privileges", OPTION_FLAG, OURS},
    {"close-files", OPTION_FLAG, FOR_CAPTURE},
    {"compress", OPTION_OPTIONAL, OURS},
    {"compress-chunk-size", OPTION_REQUIRED, OURS},
    {"compress-threads", OPTION_REQUIRED, OURS},
    {"copy-back", OPTION_FLAG, OURS},
    {"core-file", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE},
    {"databases", OPTION_REQUIRED, PARTIAL},
    {"databases-exclude", OPTION_REQUIRED, PARTIAL},
    {"databases-file", OPTION_REQUIRED, PARTIAL},
    {"datadir", OPTION_REQUIRED, OURS},
    {"decompress", OPTION_FLAG, OURS},
    {"defaults-extra-file", OPTION_REQUIRED, OURS},
    {"defaults-file", OPTION_REQUIRED, OURS},
    {"defaults-group", OPTION_REQUIRED, OURS},
    {"defaults-group-suffix", OPTION_REQUIRED, OURS},
    {"encrypted-backup", OPTION_FLAG, UNSAFE},
    {"export", OPTION_FLAG, OURS},
    {"extended-validation", OPTION_FLAG, FOR_CAPTURE},
    {"extra-lsndir", OPTION_REQUIRED, OURS},
    {"force-non-empty-directories", OPTION_FLAG, OURS},
    {"ftwrl-wait-query-type", OPTION_REQUIRED, FOR_CAPTURE},
    {"ftwrl-wait-threshold", OPTION_REQUIRED, FOR_CAPTURE},
    {"ftwrl-wait-timeout", OPTION_REQUIRED, FOR_CAPTURE},
    {"galera-info", OPTION_FLAG, FOR_CAPTURE},
    {"help", OPTION_FLAG, OURS},
    {"history", OPTION_OPTIONAL, OURS},
    {"host", OPTION_REQUIRED, OURS},
    {"incremental-basedir", OPTION_REQUIRED, OURS},
    {"incremental-dir", OPTION_REQUIRED, OURS},
    {"incremental-force-scan", OPTION_FLAG, OURS},
    {"incremental-history-name", OPTION_REQUIRED, OURS},
    {"incremental-history-uuid", OPTION_REQUIRED, OURS},
    {"incremental-lsn", OPTION_REQUIRED, OURS},
    {"innobackupex", OPTION_FLAG, OURS},
    {"innodb", OPTION_OPTIONAL, PARTIAL},
    {"innodb-adaptive-hash-index", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-autoextend-increment", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-buffer-pool-filename", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-checksum-algorithm", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-compression-level", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-data-file-path", OPTION_REQUIRED, OURS},
    {"innodb-data-home-dir", OPTION_REQUIRED, OURS},
    {"innodb-doublewrite", OPTION_FLAG, FOR_PREPARE},
    {"innodb-file-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-file-per-table", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-flush-method", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-force-recovery", OPTION_OPTIONAL, UNSAFE},
    {"innodb-io-capacity", OPTION_OPTIONAL, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-linux-aio", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-log-buffer-size", OPTION_REQUIRED, OURS},
    {"innodb-log-checkpoint-now", OPTION_FLAG, OURS},
    {"innodb-log-file-buffering", OPTION_FLAG, FOR_CAPTURE},
    {"innodb-log-file-mmap", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-log-file-size", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-log-group-home-dir", OPTION_REQUIRED, OURS},
    {"innodb-log-write-ahead-size", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-max-dirty-pages-pct", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-page-size", OPTION_REQUIRED, OURS},
    {"innodb-read-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-undo-directory", OPTION_REQUIRED, OURS},
    {"innodb-undo-tablespaces", OPTION_REQUIRED, OURS},
    {"innodb-use-native-aio", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE},
    {"innodb-write-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"kill-long-queries-timeout", OPTION_REQUIRED, FOR_CAPTURE},
    {"kill-long-query-type", OPTION_REQUIRED, FOR_CAPTURE},
    {"lock-ddl-per-table", OPTION_FLAG, UNSAFE},
    {"log", OPTION_OPTIONAL, OURS},
    {"log-bin", OPTION_OPTIONAL, OURS},
    {"log-copy-interval", OPTION_REQUIRED, OURS},
    {"log-innodb-page-corruption", OPTION_FLAG, UNSAFE},
    {"login-path", OPTION_REQUIRED, OURS},
    {"move-back", OPTION_FLAG, OURS},
    {"mysqld-args", OPTION_FLAG, OURS},
    {"no-backup-locks", OPTION_FLAG, FOR_CAPTURE},
    {"no-defaults", OPTION_FLAG, OURS},
    {"no-lock", OPTION_FLAG, UNSAFE},
    {"no-version-check", OPTION_FLAG, FOR_CAPTURE},
    {"open-files-limit", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE},
    {"parallel", OPTION_REQUIRED, OURS},
    {"password", OPTION_REQUIRED, OURS},
    {"plugin-dir", OPTION_REQUIRED, FOR_PREPARE},
    {"port", OPTION_REQUIRED, OURS},
    {"prepare", OPTION_FLAG, OURS},
    {"print-defaults", OPTION_FLAG, OURS},
    {"print-param", OPTION_FLAG, OURS},
    {"protocol", OPTION_REQUIRED, OURS},
    {"remove-original", OPTION_FLAG, OURS},
    {"rocksdb-backup", OPTION_FLAG, PARTIAL},
    {"rocksdb-datadir", OPTION_REQUIRED, OURS},
    {"rsync", OPTION_FLAG, FOR_CAPTURE},
    {"safe-slave-backup", OPTION_FLAG, UNSAFE},
    {"safe-slave-backup-timeout", OPTION_REQUIRED, UNSAFE},
    {"secure-auth", OPTION_FLAG, OURS},
    {"slave-info", OPTION_FLAG, FOR_CAPTURE},
    {"socket", OPTION_REQUIRED, OURS},
    {"ssl", OPTION_FLAG, OURS},
    {"ssl-ca", OPTION_REQUIRED, OURS},
    {"ssl-capath", OPTION_REQUIRED, OURS},
    {"ssl-cert", OPTION_REQUIRED, OURS},
    {"ssl-cipher", OPTION_REQUIRED, OURS},
    {"ssl-crl", OPTION_REQUIRED, OURS},
    {"ssl-crlpath", OPTION_REQUIRED, OURS},
    {"ssl-key", OPTION_REQUIRED, OURS},
    {"ssl-verify-server-cert", OPTION_FLAG, OURS},
    {"startup-wait-timeout", OPTION_REQUIRED, FOR_CAPTURE},
    {"stream", OPTION_REQUIRED, OURS},
    {"tables", OPTION_REQUIRED, PARTIAL},
    {"tables-exclude", OPTION_REQUIRED, PARTIAL},
    {"tables-file", OPTION_REQUIRED, PARTIAL},
    {"target-dir", OPTION_REQUIRED, OURS},
    {"throttle", OPTION_REQUIRED, OURS},
    {"tls-version", OPTION_REQUIRED, OURS},
    {"tmpdir", OPTION_REQUIRED, OURS},
    {"use-memory", OPTION_REQUIRED, OURS},
    {"user", OPTION_REQUIRED, OURS},
    {"verbose", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE},
    {"version", OPTION_FLAG, OURS},
};
/* clang-format on */

/* --defaults-file must be first, and replaces every other option file. */
static void capture_argv(GPtrArray *argv, const EngineCapture *capture)
{
    const EngineHost *host = capture->host;
    engine_add_arg(argv, "--defaults-file=%s", engine_host_login(host));
    engine_add_arg(argv, "--backup");
    engine_add_arg(argv, "--stream=mbstream");
    engine_add_arg(argv, "--target-dir=%s", engine_host_temp(host));
    engine_add_arg(argv, "--tmpdir=%s", engine_host_temp(host));
    engine_add_arg(argv, "--parallel=%d", MAX(capture->parallel, 1));
    if (capture->incremental)
        engine_add_arg(argv, "--incremental-basedir=%s", engine_host_parent(host));
    if (capture->checkpoint_first)
        engine_add_arg(argv, "--innodb-log-checkpoint-now=1");
    if (capture->datadir != NULL)
        engine_add_arg(argv, "--datadir=%s", capture->datadir);
}

/*
 * The one option file that it reads by itself, said so that no other is: what InnoDB must know of
 * this data directory (several ibdata files, keys) stands there only.  --no-defaults would keep it
 * from being read at all.
 */
static void prepare_argv(GPtrArray *argv, const EnginePrepare *prepare)
{
    engine_add_arg(argv, "--defaults-file=%s/backup-my.cnf", prepare->base_dir);
    engine_add_arg(argv, "--prepare");
    engine_add_arg(argv, "--target-dir=%s", prepare->base_dir);
    if (prepare->incr_dir != NULL)
        engine_add_arg(argv, "--incremental-dir=%s", prepare->incr_dir);
    if (prepare->memory > 0)
        engine_add_arg(argv, "--use-memory=%" G_GUINT64_FORMAT, prepare->memory);
}

const EngineFamily mariadb_backup_family = {
    .name = "mariadb-backup",
    .programs = programs,
    .version_mark = "based on MariaDB server ",
    .mariadb = TRUE,
    .privileges = privileges,
    .checkpoint_privileges = checkpoint_privileges,
    .options = options,
    .n_options = G_N_ELEMENTS(options),
    .checkpoints_names = checkpoints_names,
    .info_names = info_names,
    .binlog_names = binlog_names,
    .tells_recovered_lsn = TRUE,
    .table_has_frm = TRUE,
    .capture_argv = capture_argv,
    .prepare_argv = prepare_argv,
};
