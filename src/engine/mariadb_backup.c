/* SPDX-License-Identifier: MIT */
/*
 * mariadb_backup: mariadb-backup of the series 10.11 and later.
 *
 * Facts are from mariadb-backup 10.11.19 (docs/engines/mariadb-backup.md says how each was found).
 */
#include "engine/family.h"

#include "base/clock.h"

#include <string.h>

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
    {"apply-log", OPTION_FLAG, OURS, NULL, NULL},
    {"aria-log-dir-path", OPTION_REQUIRED, OURS, NULL, NULL},
    {"backup", OPTION_FLAG, OURS, NULL, NULL},
    {"binlog-info", OPTION_OPTIONAL, UNSAFE, NULL, NULL},
    {"check-privileges", OPTION_FLAG, OURS, NULL, NULL},
    {"close-files", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"compress", OPTION_OPTIONAL, OURS, NULL, NULL},
    {"compress-chunk-size", OPTION_REQUIRED, OURS, NULL, NULL},
    {"compress-threads", OPTION_REQUIRED, OURS, NULL, NULL},
    {"copy-back", OPTION_FLAG, OURS, NULL, NULL},
    {"core-file", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"databases", OPTION_REQUIRED, PARTIAL, NULL, NULL},
    {"databases-exclude", OPTION_REQUIRED, PARTIAL, NULL, NULL},
    {"databases-file", OPTION_REQUIRED, PARTIAL, NULL, NULL},
    {"datadir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"decompress", OPTION_FLAG, OURS, NULL, NULL},
    {"defaults-extra-file", OPTION_REQUIRED, OURS, NULL, NULL},
    {"defaults-file", OPTION_REQUIRED, OURS, NULL, NULL},
    {"defaults-group", OPTION_REQUIRED, OURS, NULL, NULL},
    {"defaults-group-suffix", OPTION_REQUIRED, OURS, NULL, NULL},
    {"encrypted-backup", OPTION_FLAG, UNSAFE, NULL, NULL},
    {"export", OPTION_FLAG, OURS, NULL, NULL},
    {"extended-validation", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"extra-lsndir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"force-non-empty-directories", OPTION_FLAG, OURS, NULL, NULL},
    {"ftwrl-wait-query-type", OPTION_REQUIRED, FOR_CAPTURE, NULL, NULL},
    {"ftwrl-wait-threshold", OPTION_REQUIRED, FOR_CAPTURE, NULL, NULL},
    {"ftwrl-wait-timeout", OPTION_REQUIRED, FOR_CAPTURE, NULL, NULL},
    {"galera-info", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"help", OPTION_FLAG, OURS, NULL, NULL},
    {"history", OPTION_OPTIONAL, OURS, NULL, NULL},
    {"host", OPTION_REQUIRED, OURS, NULL, NULL},
    {"incremental-basedir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"incremental-dir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"incremental-force-scan", OPTION_FLAG, OURS, NULL, NULL},
    {"incremental-history-name", OPTION_REQUIRED, OURS, NULL, NULL},
    {"incremental-history-uuid", OPTION_REQUIRED, OURS, NULL, NULL},
    {"incremental-lsn", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innobackupex", OPTION_FLAG, OURS, NULL, NULL},
    {"innodb", OPTION_OPTIONAL, PARTIAL, NULL, NULL},
    {"innodb-adaptive-hash-index", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-autoextend-increment", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-buffer-pool-filename", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-checksum-algorithm", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-compression-level", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-data-file-path", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-data-home-dir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-doublewrite", OPTION_FLAG, FOR_PREPARE, NULL, NULL},
    {"innodb-file-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-file-per-table", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-flush-method", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-force-recovery", OPTION_OPTIONAL, UNSAFE, NULL, NULL},
    {"innodb-io-capacity", OPTION_OPTIONAL, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-linux-aio", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-log-buffer-size", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-log-checkpoint-now", OPTION_FLAG, OURS, NULL, NULL},
    {"innodb-log-file-buffering", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"innodb-log-file-mmap", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-log-file-size", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-log-group-home-dir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-log-write-ahead-size", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-max-dirty-pages-pct", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-page-size", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-read-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-undo-directory", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-undo-tablespaces", OPTION_REQUIRED, OURS, NULL, NULL},
    {"innodb-use-native-aio", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"innodb-write-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"kill-long-queries-timeout", OPTION_REQUIRED, FOR_CAPTURE, NULL, NULL},
    {"kill-long-query-type", OPTION_REQUIRED, FOR_CAPTURE, NULL, NULL},
    {"lock-ddl-per-table", OPTION_FLAG, UNSAFE, NULL, NULL},
    {"log", OPTION_OPTIONAL, OURS, NULL, NULL},
    {"log-bin", OPTION_OPTIONAL, OURS, NULL, NULL},
    {"log-copy-interval", OPTION_REQUIRED, OURS, NULL, NULL},
    {"log-innodb-page-corruption", OPTION_FLAG, UNSAFE, NULL, NULL},
    {"login-path", OPTION_REQUIRED, OURS, NULL, NULL},
    {"move-back", OPTION_FLAG, OURS, NULL, NULL},
    {"mysqld-args", OPTION_FLAG, OURS, NULL, NULL},
    {"no-backup-locks", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"no-defaults", OPTION_FLAG, OURS, NULL, NULL},
    {"no-lock", OPTION_FLAG, UNSAFE, NULL, NULL},
    {"no-version-check", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"open-files-limit", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"parallel", OPTION_REQUIRED, OURS, NULL, NULL},
    {"password", OPTION_REQUIRED, OURS, NULL, NULL},
    {"plugin-dir", OPTION_REQUIRED, FOR_PREPARE, NULL, NULL},
    {"port", OPTION_REQUIRED, OURS, NULL, NULL},
    {"prepare", OPTION_FLAG, OURS, NULL, NULL},
    {"print-defaults", OPTION_FLAG, OURS, NULL, NULL},
    {"print-param", OPTION_FLAG, OURS, NULL, NULL},
    {"protocol", OPTION_REQUIRED, OURS, NULL, NULL},
    {"remove-original", OPTION_FLAG, OURS, NULL, NULL},
    {"rocksdb-backup", OPTION_FLAG, PARTIAL, NULL, NULL},
    {"rocksdb-datadir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"rsync", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"safe-slave-backup", OPTION_FLAG, UNSAFE, NULL, NULL},
    {"safe-slave-backup-timeout", OPTION_REQUIRED, UNSAFE, NULL, NULL},
    {"secure-auth", OPTION_FLAG, OURS, NULL, NULL},
    {"slave-info", OPTION_FLAG, FOR_CAPTURE, NULL, NULL},
    {"socket", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl", OPTION_FLAG, OURS, NULL, NULL},
    {"ssl-ca", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-capath", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-cert", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-cipher", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-crl", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-crlpath", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-key", OPTION_REQUIRED, OURS, NULL, NULL},
    {"ssl-verify-server-cert", OPTION_FLAG, OURS, NULL, NULL},
    {"startup-wait-timeout", OPTION_REQUIRED, FOR_CAPTURE, NULL, NULL},
    {"stream", OPTION_REQUIRED, OURS, NULL, NULL},
    {"tables", OPTION_REQUIRED, PARTIAL, NULL, NULL},
    {"tables-exclude", OPTION_REQUIRED, PARTIAL, NULL, NULL},
    {"tables-file", OPTION_REQUIRED, PARTIAL, NULL, NULL},
    {"target-dir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"throttle", OPTION_REQUIRED, OURS, NULL, NULL},
    {"tls-version", OPTION_REQUIRED, OURS, NULL, NULL},
    {"tmpdir", OPTION_REQUIRED, OURS, NULL, NULL},
    {"use-memory", OPTION_REQUIRED, OURS, NULL, NULL},
    {"user", OPTION_REQUIRED, OURS, NULL, NULL},
    {"verbose", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, NULL, NULL},
    {"version", OPTION_FLAG, OURS, NULL, NULL},
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

/* ---- its log ---------------------------------------------------------------------------------
 *
 * Its own lines are "[00] 2026-11-23 13:52:37 text" ("[00] FATAL ERROR: 2026-..." for its last
 * words); InnoDB's have the server's form "2026-11-23 13:52:37 0 [Note] InnoDB: ...", in which two
 * o'clock is " 2", not "02"; some have none.
 */

enum { STAMP_LENGTH = 19 }; /* "2026-11-23 13:52:37" */

static gboolean is_stamp(const char *at)
{
    static const char shape[] = "dddd-dd-dd hd:dd:dd";
    for (size_t i = 0; i < STAMP_LENGTH; i++) {
        gboolean digit = shape[i] == 'd' || shape[i] == 'h';
        gboolean fits = digit ? g_ascii_isdigit(at[i]) : at[i] == shape[i];
        if (!fits && !(shape[i] == 'h' && at[i] == ' '))
            return FALSE;
    }
    return TRUE;
}

/* The stamp of "[00] STAMP text" or "[00] FATAL ERROR: STAMP text" at `at`, or NULL. */
static const char *thread_stamp(const char *at)
{
    static const char fatal[] = "FATAL ERROR: ";
    if (at[0] != '[' || !g_ascii_isdigit(at[1]) || !g_ascii_isdigit(at[2]) || at[3] != ']' ||
        at[4] != ' ')
        return NULL;
    at += 5;
    if (g_str_has_prefix(at, fatal))
        at += strlen(fatal);
    return is_stamp(at) ? at : NULL;
}

/* The last stamp of a line: progress without a newline may stand before it. */
static const char *find_stamp(const char *line)
{
    const char *found = is_stamp(line) ? line : NULL;
    for (const char *at = strchr(line, '['); at != NULL; at = strchr(at + 1, '[')) {
        const char *stamp = thread_stamp(at);
        if (stamp != NULL)
            found = stamp;
    }
    return found;
}

static int64_t stamp_seconds(const char *stamp)
{
    g_autofree char *text = g_strdup_printf("%.10sT%.8sZ", stamp, stamp + 11);
    if (text[11] == ' ')
        text[11] = '0';
    int64_t seconds = 0;
    return clock_parse(text, &seconds) ? seconds : 0;
}

static const char *unstamp(const char *line, int64_t *utc)
{
    const char *stamp = find_stamp(line);
    if (stamp == NULL)
        return NULL;
    *utc = stamp_seconds(stamp);
    const char *text = stamp + STAMP_LENGTH;
    return text + (*text == ' ' ? 1 : 0);
}

static const EngineLogSign signs[] = {
    {"Starting BACKUP STAGE FLUSH", MOMENT_FLUSH},
    {"Acquired locks for BACKUP STAGE BLOCK_DDL", MOMENT_BLOCKS_DDL},
    {"Acquired locks for BACKUP STAGE BLOCK_COMMIT", MOMENT_BLOCKS_COMMIT},
    {"Acquired locks for BACKUP STAGE BLOCK_COMMIT", MOMENT_CONSISTENT},
    {"All tables unlocked", MOMENT_RELEASED},
};

static const char *const errors[] = {"[ERROR]", "FATAL ERROR", NULL};
static const char *const lost[] = {"Failed to re-copy", "Failed to remove", "Failed to rename",
                                   NULL};
/* Harmless ones are among them: a dropped Aria table, a retried page. */
static const char *const told[] = {
    "Error:",         "error:",           "Failed to ",         "failed to ", "an't ",
    "unknown option", "unknown variable", "missing required ",  "Error on ",  "o such file",
    "errno: ",        "Access denied",    "only applied up to", NULL};

static const char *const short_of[] = {"annot allocate ", "annot map ", "No space left",
                                       "Too many open files", NULL};

static const EngineLogForm log_form = {
    .unstamp = unstamp,
    .signs = signs,
    .n_signs = G_N_ELEMENTS(signs),
    .errors = errors,
    .lost = lost,
    .told = told,
    .host = short_of,
    .recovered = "InnoDB: End of log at LSN=",
};

/* With recovery forced this far nobody purges, so fewer files change; what is open is undone. */
static const char *const undo_options[] = {"--innodb-force-recovery=2", "--innodb-log-file-size=8M",
                                           NULL};

const EngineFamily mariadb_backup_family = {
    .name = "mariadb-backup",
    .programs = programs,
    .version_mark = "based on MariaDB server ",
    .mariadb = TRUE,
    .servers = "MariaDB",
    .privileges = privileges,
    .checkpoint_privileges = checkpoint_privileges,
    .options = options,
    .n_options = G_N_ELEMENTS(options),
    .checkpoints_names = checkpoints_names,
    .info_names = info_names,
    .binlog_names = binlog_names,
    .log = &log_form,
    .tells_recovered_lsn = TRUE,
    .prepared_type = "log-applied",
    .prepared_last_type = "log-applied",
    .table_has_frm = TRUE,
    .undo_options = undo_options,
    .keeps_files_open = TRUE,
    .capture_argv = capture_argv,
    .prepare_argv = prepare_argv,
};
