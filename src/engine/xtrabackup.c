/* SPDX-License-Identifier: MIT */
/*
 * xtrabackup: Percona XtraBackup 8.0, 8.4 and 9.x, for MySQL and Percona Server.
 *
 * Facts are from its documentation and source; docs/engines/xtrabackup.md says which of them were
 * tried by us.
 */
#include "engine/family.h"

#include "base/error.h"

#include <string.h>

static const char *const programs[] = {"xtrabackup", NULL};

static const char *const privileges[] = {"BACKUP_ADMIN",
                                         "PROCESS",
                                         "RELOAD",
                                         "LOCK TABLES",
                                         "REPLICATION CLIENT",
                                         "SELECT ON performance_schema.log_status",
                                         "SELECT ON performance_schema.keyring_component_status",
                                         "SELECT ON performance_schema.replication_group_members",
                                         NULL};

static const char *const checkpoints_names[] = {"xtrabackup_checkpoints", NULL};
static const char *const info_names[] = {"xtrabackup_info", NULL};
static const char *const binlog_names[] = {"xtrabackup_binlog_info", NULL};

/* ---- versions --------------------------------------------------------------------------------
 */

enum { REDO_CHANGED = 30, NEWER_SERVERS_SINCE = 34 }; /* patch levels of 8.0 */

static gboolean is_8_0(const EngineVersion *version)
{
    return version->major == 8 && version->minor == 0;
}

/* Up to 8.0.33 it refuses servers that are newer than itself; all others go by the series. */
static gboolean takes(const EngineVersion *tool, const EngineVersion *server)
{
    return tool->major >= 8 &&
           (!is_8_0(tool) || tool->patch >= NEWER_SERVERS_SINCE || server->patch <= tool->patch);
}

/* 8.0.30 has another redo log: no one tool applies the logs of both sides. */
static gboolean continues(const EngineVersion *older, const EngineVersion *newer)
{
    return !is_8_0(older) || (older->patch < REDO_CHANGED) == (newer->patch < REDO_CHANGED);
}

/* ---- options ---------------------------------------------------------------------------------
 */

/*
 * Name, argument, `since` and `until` are those of
 * tests/unit/data/xtrabackup/xtrabackup-options.tsv, and a test compares them; the class is ours.
 * Two timeouts have a default of ours and may be given.
 */
/* clang-format off */
static const EngineOption options[] = {
    {"apply-log-only", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"apply-redo-only", OPTION_FLAG, OURS, "8.4.0-8; 9.7.2-2", "-"},
    {"backup", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"backup-incremental-base", OPTION_REQUIRED, OURS, "8.4.0-8; 9.7.2-2", "-"},
    {"backup-lock-retry-count", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"backup-lock-timeout", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"check-privileges", OPTION_FLAG, FOR_CAPTURE, "<=2.4", "-"},
    {"check-tables", OPTION_FLAG, FOR_PREPARE, "8.4.0-6; 9.7.1-rc1", "-"},
    {"close-files", OPTION_FLAG, FOR_CAPTURE, "<=2.4", "-"},
    {"component-keyring-config", OPTION_OPTIONAL, FOR_PREPARE, "A..B", "-"},
    {"component-keyring-file-config", OPTION_OPTIONAL, FOR_PREPARE, "<=A", "-"},
    {"compress", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"compress-chunk-size", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"compress-threads", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"compress-zstd-level", OPTION_REQUIRED, OURS, "8.0.30-23", "-"},
    {"copy-back", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"core-file", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"create-ib-logfile", OPTION_FLAG, OURS, "<=A", "-"},
    {"databases", OPTION_REQUIRED, PARTIAL, "<=2.4", "-"},
    {"databases-exclude", OPTION_REQUIRED, PARTIAL, "<=2.4", "-"},
    {"databases-file", OPTION_REQUIRED, PARTIAL, "<=2.4", "-"},
    {"datadir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"debug", OPTION_OPTIONAL, UNSAFE, "<=A", "-"},
    {"debug-sleep-before-unlock", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"debug-sync", OPTION_REQUIRED, UNSAFE, "<=A", "-"},
    {"debug-sync-thread", OPTION_REQUIRED, UNSAFE, "D", "-"},
    {"decompress", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"decrypt", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"defaults-extra-file", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"defaults-file", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"defaults-group", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"defaults-group-suffix", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"dump-innodb-buffer-pool", OPTION_FLAG, UNSAFE, "<=2.4", "-"},
    {"dump-innodb-buffer-pool-pct", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"dump-innodb-buffer-pool-timeout", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"encrypt", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"encrypt-chunk-size", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"encrypt-key", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"encrypt-key-file", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"encrypt-threads", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"estimate-memory", OPTION_FLAG, FOR_CAPTURE, "8.0.32-26", "-"},
    {"export", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"extra-lsndir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"fifo-dir", OPTION_REQUIRED, OURS, "8.0.33-28", "-"},
    {"fifo-streams", OPTION_REQUIRED, OURS, "8.0.33-28", "-"},
    {"fifo-timeout", OPTION_REQUIRED, OURS, "8.0.33-28", "-"},
    {"force-non-empty-directories", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"ftwrl-wait-query-type", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"ftwrl-wait-threshold", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"ftwrl-wait-timeout", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"galera-info", OPTION_FLAG, FOR_CAPTURE, "<=2.4", "-"},
    {"generate-new-master-key", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"generate-transition-key", OPTION_FLAG, OURS, "<=8.0.12", "-"},
    {"get-server-public-key", OPTION_FLAG, FOR_CAPTURE, "<=A", "-"},
    {"history", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"host", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"incremental-basedir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"incremental-dir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"incremental-force-scan", OPTION_FLAG, FOR_CAPTURE, "<=2.4", "-"},
    {"incremental-history-name", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"incremental-history-uuid", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"incremental-lsn", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb", OPTION_OPTIONAL, PARTIAL, "<=A", "-"},
    {"innodb-adaptive-hash-index", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-autoextend-increment", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-buffer-pool-filename", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=A", "-"},
    {"innodb-buffer-pool-size", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-checksum-algorithm", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"innodb-checksums", OPTION_FLAG, UNSAFE, "<=2.4", "-"},
    {"innodb-data-file-path", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-data-home-dir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-directories", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"innodb-file-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "B"},
    {"innodb-file-per-table", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-flush-log-at-trx-commit", OPTION_OPTIONAL, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-flush-method", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-force-recovery", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"innodb-io-capacity", OPTION_OPTIONAL, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-log-block-size", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"innodb-log-buffer-size", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-log-checksums", OPTION_REQUIRED, UNSAFE, "<=A", "-"},
    {"innodb-log-file-size", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-log-files-in-group", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-log-group-home-dir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-max-dirty-pages-pct", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-open-files", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-page-size", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-read-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"innodb-redo-log-encrypt", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, "<=A", "-"},
    {"innodb-undo-directory", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-undo-log-encrypt", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, "<=A", "-"},
    {"innodb-undo-tablespaces", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"innodb-use-native-aio", OPTION_FLAG, FOR_CAPTURE | FOR_PREPARE, "<=A", "-"},
    {"innodb-write-io-threads", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"keyring-file-data", OPTION_OPTIONAL, FOR_PREPARE, "<=2.4", "-"},
    {"keyring-vault-config", OPTION_REQUIRED, FOR_PREPARE, "<=8.0", "-"},
    {"kill-long-queries-timeout", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"kill-long-query-type", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"lock-ddl", OPTION_OPTIONAL, FOR_CAPTURE, "<=2.4", "-"},
    {"lock-ddl-per-table", OPTION_FLAG, UNSAFE, "<=2.4", "-"},
    {"lock-ddl-timeout", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"log", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"log-bin", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"log-bin-index", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"log-copy-interval", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"login-path", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"move-back", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"no-backup-locks", OPTION_FLAG, UNSAFE, "<=2.4", "-"},
    {"no-defaults", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"no-lock", OPTION_FLAG, UNSAFE, "<=2.4", "-"},
    {"no-server-version-check", OPTION_FLAG, UNSAFE, "8.0.21", "-"},
    {"no-version-check", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"open-files-limit", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=2.4", "-"},
    {"page-tracking", OPTION_FLAG, FOR_CAPTURE, "8.0.27-19", "-"},
    {"page-tracking-merge-gap", OPTION_REQUIRED, FOR_CAPTURE, "8.4.0-7; 9.7.1-2", "-"},
    {"parallel", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"password", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"plugin-load", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"port", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"prepare", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"prepare-incremental-from-dir", OPTION_REQUIRED, OURS, "8.4.0-8; 9.7.2-2", "-"},
    {"print-defaults", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"print-param", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"read-buffer-size", OPTION_OPTIONAL, FOR_CAPTURE, "<=2.4", "-"},
    {"rebuild-threads", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"redo-log-arch-dir", OPTION_REQUIRED, UNSAFE, "8.0.34-29", "-"},
    {"register-redo-log-consumer", OPTION_FLAG, UNSAFE, "8.0.30-23", "-"},
    {"remove-original", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"rocksdb-checkpoint-max-age", OPTION_REQUIRED, FOR_CAPTURE, "8.0.8", "-"},
    {"rocksdb-checkpoint-max-count", OPTION_REQUIRED, FOR_CAPTURE, "8.0.8", "-"},
    {"rocksdb-datadir", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"rocksdb-wal-dir", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"rollback-prepared-trx", OPTION_FLAG, UNSAFE, "<=A", "-"},
    {"rsync", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"safe-slave-backup", OPTION_FLAG, UNSAFE, "<=2.4", "-"},
    {"safe-slave-backup-timeout", OPTION_REQUIRED, UNSAFE, "<=2.4", "-"},
    {"server-id", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"server-public-key-path", OPTION_REQUIRED, FOR_CAPTURE, "<=2.4", "-"},
    {"slave-info", OPTION_FLAG, FOR_CAPTURE, "<=2.4", "-"},
    {"socket", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-ca", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-capath", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-cert", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-cipher", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-crl", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-crlpath", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-fips-mode", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"ssl-key", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-mode", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"ssl-session-data", OPTION_REQUIRED, OURS, "A..B", "-"},
    {"ssl-session-data-continue-on-failed-reuse", OPTION_OPTIONAL, OURS, "A..B", "-"},
    {"stats", OPTION_FLAG, OURS, "<=2.4", "B"},
    {"stream", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"strict", OPTION_FLAG, OURS, "<=A", "-"},
    {"tables", OPTION_REQUIRED, PARTIAL, "<=2.4", "-"},
    {"tables-compatibility-check", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"tables-exclude", OPTION_REQUIRED, PARTIAL, "<=2.4", "-"},
    {"tables-file", OPTION_REQUIRED, PARTIAL, "<=2.4", "-"},
    {"target-dir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"temp-tablespaces-dir", OPTION_REQUIRED, FOR_CAPTURE | FOR_PREPARE, "<=A", "-"},
    {"throttle", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"tls-ciphersuites", OPTION_REQUIRED, OURS, "<=A", "-"},
    {"tls-sni-servername", OPTION_REQUIRED, OURS, "B..C", "-"},
    {"tls-version", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"tmpdir", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"to-archived-lsn", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"transition-key", OPTION_OPTIONAL, OURS, "<=2.4", "-"},
    {"use-free-memory-pct", OPTION_REQUIRED, OURS, "8.0.30-23", "-"},
    {"use-memory", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"user", OPTION_REQUIRED, OURS, "<=2.4", "-"},
    {"version", OPTION_FLAG, OURS, "<=2.4", "-"},
    {"xtrabackup-plugin-dir", OPTION_REQUIRED, FOR_PREPARE, "<=2.4", "-"},
};
/* clang-format on */

static gboolean is_off(const char *const *words, const char *option)
{
    static const char *const prefixes[] = {"skip-", "disable-"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        g_autofree char *name = g_strconcat(prefixes[i], option, NULL);
        if (engine_option_value(words, name) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Before 8.4 it takes a word that it does not know for OFF, with no more than a warning. */
static gboolean check_lock_ddl(const Engine *engine, char *const *given, GError **error)
{
    const char *const *words = (const char *const *)given;
    static const char *const on[] = {"ON", "1", "TRUE", NULL};
    static const EngineVersion reduced_since = {8, 4, 0, 2};
    const char *value = engine_option_value(words, "lock-ddl");
    EngineVersion version;
    if (is_off(words, "lock-ddl"))
        value = "OFF";
    for (size_t i = 0; value != NULL && on[i] != NULL; i++) {
        if (g_ascii_strcasecmp(value, on[i]) == 0)
            return TRUE;
    }
    if (value == NULL)
        return TRUE;
    if (g_ascii_strcasecmp(value, "REDUCED") != 0)
        return fail(error, STATUS_CONFIG,
                    "the engine option --lock-ddl=%s makes backups that cannot be vouched for" HINT(
                        "remove it, or take --lock-ddl=ON or REDUCED"),
                    value);
    if (!engine_version_parse(engine->version, &version) ||
        engine_version_compare(&version, &reduced_since) < 0)
        return fail(error, STATUS_CONFIG, "%s %s has no --lock-ddl=REDUCED" HINT("remove it"),
                    engine->name, engine->version);
    if (engine_option_value(words, "page-tracking") != NULL)
        return fail(
            error, STATUS_CONFIG,
            "--lock-ddl=REDUCED and --page-tracking exclude each other" HINT("remove one of them"));
    return TRUE;
}

/* ---- its log ---------------------------------------------------------------------------------
 *
 * Since 8.0.28 "2022-03-22T19:15:36.142247+00:00 0 [Note] [MY-011825] [Xtrabackup] text"; before
 * "220322 19:05:13 [01] text", and lines without a stamp.  What checks for a newer version of the
 * tool still writes the old form.
 */

/* Behind "N [Severity] [MY-000000] [Module] ", as far as these are there. */
static const char *skip_fields(const char *at)
{
    at += strspn(at, " ");
    size_t digits = strspn(at, "0123456789");
    if (digits > 0 && at[digits] == ' ')
        at += digits + 1;
    for (int i = 0; i < 3 && *at == '['; i++) {
        const char *end = strchr(at, ']');
        if (end == NULL)
            break;
        at = end + 1;
        at += *at == ' ' ? 1 : 0;
    }
    return at;
}

static gboolean has_shape(const char *at, const char *shape)
{
    for (; *shape != '\0'; shape++, at++) {
        gboolean fits = *shape == 'd' ? g_ascii_isdigit(*at) : *at == *shape;
        if (!fits)
            return FALSE;
    }
    return TRUE;
}

static int64_t utc_of(const char *iso)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(iso, zone);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

static const char *unstamp(const char *line, int64_t *utc)
{
    if (has_shape(line, "dddd-dd-ddTdd:dd:dd")) {
        size_t length = strcspn(line, " ");
        g_autofree char *stamp = g_strndup(line, length);
        *utc = utc_of(stamp);
        return skip_fields(line + length);
    }
    if (has_shape(line, "dddddd dd:dd:dd ")) {
        g_autofree char *stamp =
            g_strdup_printf("20%.2s-%.2s-%.2sT%.8sZ", line, line + 2, line + 4, line + 7);
        *utc = utc_of(stamp);
        return skip_fields(line + 16);
    }
    return NULL;
}

/* Commits wait for a global read lock, and for a moment when the positions are selected. */
static const EngineLogSign signs[] = {
    {"Streaming ./", MOMENT_COPIES},
    {"Executing LOCK INSTANCE FOR BACKUP", MOMENT_BLOCKS_DDL},
    {"Executing LOCK TABLES FOR BACKUP", MOMENT_BLOCKS_DDL},
    {"Starting to backup non-InnoDB tables and files", MOMENT_FLUSH},
    {"Executing FLUSH NO_WRITE_TO_BINLOG TABLES", MOMENT_FLUSH},
    {"Executing FLUSH TABLES WITH READ LOCK", MOMENT_BLOCKS_COMMIT},
    {"Executing LOCK BINLOG FOR BACKUP", MOMENT_BLOCKS_COMMIT},
    {"Selecting LSN and binary log position from p_s.log_status", MOMENT_FLUSH},
    {"Selecting LSN and binary log position from p_s.log_status", MOMENT_CONSISTENT},
    {"All tables unlocked", MOMENT_RELEASED},
};

/* Pages that were not tracked far enough back: it reads them all, and says so (see losses). */
static const char *const forgiven[] = {"pagetracking: Failed to get page tracking file",
                                       "pagetracking: tracking lsn is 0", NULL};
static const char *const errors[] = {"[ERROR]", "[FATAL]", "xtrabackup: error:", NULL};
static const char *const told[] = {
    "Error:",          "rror: ",           "Failed to ",        "failed to ",
    "an't ",           "unknown option",   "unknown argument",  "unknown variable",
    "Access denied",   "missing required", "o such file",       "Errcode",
    "Unable to ",      "Unsupported ",     "Please ",           "Invalid --",
    "was not applied", "intended lsn",     "Assertion failure", NULL};

static const char *const short_of[] = {"annot allocate ", "No space left", "Too many open files",
                                       NULL};

/* Their rows are not on disk, or nowhere: no engine could bring them. */
static const char *const harmless[] = {
    "uses engine \"MEMORY\"", "uses engine \"BLACKHOLE\"", "uses engine \"FEDERATED\"",
    "uses engine MEMORY", /* as the source has it */
    "uses engine BLACKHOLE",  "uses engine FEDERATED",     NULL};
static const EngineLogLoss losses[] = {
    {"will not be backed up", NULL},
    {"kipping tablespace", NULL},
    {"does not exists in INFORMATION_SCHEMA", NULL},
    {"using the full scan for incremental backup", "page-tracking"},
    {NULL, NULL},
};

static const EngineLogForm log_form = {
    .unstamp = unstamp,
    .signs = signs,
    .n_signs = G_N_ELEMENTS(signs),
    .errors = errors,
    .forgiven = forgiven,
    .told = told,
    .host = short_of,
    .harmless = harmless,
    .losses = losses,
    .ddl_lock_may_last = TRUE,
};

/* ---- argv ------------------------------------------------------------------------------------
 */

/*
 * It would ask for newer versions of itself with a script of perl, and give that our password in
 * the environment.
 */
static const char stay_home[] = "--no-version-check";

/*
 * --defaults-file must be first, and replaces every other option file.  So the data directory is
 * told; all else the tool asks the server.  Waiting for its lock, it makes DDL wait already.
 */
static void capture_argv(GPtrArray *argv, const EngineCapture *capture)
{
    const EngineHost *host = capture->host;
    engine_add_arg(argv, "--defaults-file=%s", engine_host_login(host));
    engine_add_arg(argv, "--backup");
    engine_add_arg(argv, "--stream=xbstream");
    engine_add_arg(argv, "--target-dir=%s", engine_host_temp(host));
    engine_add_arg(argv, "--tmpdir=%s", engine_host_temp(host));
    engine_add_arg(argv, "--parallel=%d", MAX(capture->parallel, 1));
    if (capture->datadir != NULL)
        engine_add_arg(argv, "--datadir=%s", capture->datadir);
    if (capture->incremental)
        engine_add_arg(argv, "--incremental-basedir=%s", engine_host_parent(host));
    if (capture->lock_timeout_s > 0) {
        engine_add_arg(argv, "--lock-ddl-timeout=%" G_GINT64_FORMAT, capture->lock_timeout_s);
        engine_add_arg(argv, "--backup-lock-timeout=%" G_GINT64_FORMAT, capture->lock_timeout_s);
    }
    if (capture->engine->calls_home)
        engine_add_arg(argv, "%s", stay_home);
}

/*
 * The one option file that it reads by itself, said so that no other is.  Newer releases have new
 * names for what concerns links (see the table), take the old ones with a warning, and not both.
 */
static void prepare_argv(GPtrArray *argv, const EnginePrepare *prepare)
{
    engine_add_arg(argv, "--defaults-file=%s/backup-my.cnf", prepare->base_dir);
    engine_add_arg(argv, "--prepare");
    if (!prepare->is_last) /* what is rolled back takes no further link */
        engine_add_arg(argv, "--apply-log-only");
    engine_add_arg(argv, "--target-dir=%s", prepare->base_dir);
    if (prepare->incr_dir != NULL)
        engine_add_arg(argv, "--incremental-dir=%s", prepare->incr_dir);
    if (prepare->incr_dir != NULL && prepare->parallel > 1) /* from 8.0.35-33 and 8.4.0-3 on it */
        engine_add_arg(argv, "--parallel=%d", prepare->parallel); /* merges files side by side */
    if (prepare->memory > 0)
        engine_add_arg(argv, "--use-memory=%" G_GUINT64_FORMAT, prepare->memory);
}

/* With recovery forced it undoes nothing, and says that it is ready (tried: MySQL 9.7.4). */
static const char *const undo_options[] = {"--loose-innodb-redo-log-capacity=8M", NULL};

const EngineFamily xtrabackup_family = {
    .name = "xtrabackup",
    .programs = programs,
    .version_mark = "xtrabackup version ",
    .servers = "MySQL and Percona",
    .takes = takes,
    .continues = continues,
    .privileges = privileges,
    .options = options,
    .n_options = G_N_ELEMENTS(options),
    .check_words = check_lock_ddl,
    .log = &log_form,
    .stay_home = stay_home,
    .ddl_lock_is_told = TRUE,
    .checkpoints_names = checkpoints_names,
    .info_names = info_names,
    .binlog_names = binlog_names,
    .prepared_type = "log-applied",
    .prepared_last_type = "full-prepared",
    .stream_has_holes = TRUE,
    .capture_argv = capture_argv,
    .prepare_argv = prepare_argv,
    .undo_options = undo_options,
};
