/* SPDX-License-Identifier: MIT */
#include "proof/serverargs.h"

#include "base/error.h"
#include "engine/engine.h"

#include <string.h>

/*
 * What only one family or series knows is "loose": the others warn of it and go on.  Without grant
 * tables a server also leaves alone its tables of plugins, of functions from libraries and of
 * events.
 */
static const char *const always[] = {
    "--skip-networking",
    "--loose-mysqlx=0",
    "--skip-name-resolve",
    "--skip-grant-tables",
    "--max-connections=32",
    "--skip-log-bin",
    "--loose-skip-slave-start",
    "--loose-skip-replica-start",
    "--event-scheduler=DISABLED",
    "--loose-log-error-verbosity=3",
    "--loose-performance-schema=0",
    "--key-buffer-size=8M",
    "--loose-aria-pagecache-buffer-size=8M",
    "--loose-innodb-buffer-pool-load-at-startup=0",
    "--loose-innodb-buffer-pool-dump-at-shutdown=0",
    "--loose-innodb-flush-log-at-trx-commit=0",
    NULL,
};

static const char *const reading[] = {"--innodb-read-only=1", NULL};

/* Start parameters that a backup remembers, and the option that sets each. */
static const struct {
    const char *param;
    const char *option;
} params[] = {
    {"character_set_server", "--character-set-server"},
    {"collation_server", "--collation-server"},
    {"lower_case_table_names", "--lower-case-table-names"},
    {"page_size", "--innodb-page-size"},
    {"checksum_algorithm", "--loose-innodb-checksum-algorithm"},
    {"undo_tablespaces", "--loose-innodb-undo-tablespaces"},
};

/* Options that we set, or that would undo what we set. */
static const char *const ours[] = {
    "basedir",
    "bind-address",
    "bootstrap",
    "chroot",
    "console",
    "daemonize",
    "datadir",
    "defaults-extra-file",
    "defaults-file",
    "defaults-group-suffix",
    "event-scheduler",
    "gdb",
    "grant-tables",
    "help",
    "init-file",
    "initialize",
    "innodb-buffer-pool-size",
    "innodb-data-file-path",
    "innodb-data-home-dir",
    "innodb-force-recovery",
    "innodb-log-file-size",
    "innodb-log-group-home-dir",
    "innodb-page-size",
    "innodb-read-only",
    "innodb-redo-log-capacity",
    "innodb-undo-directory",
    "log-bin",
    "log-error",
    "lower-case-table-names",
    "mysqlx",
    "mysqlx-socket",
    "networking",
    "no-defaults",
    "pid-file",
    "plugin-load",
    "port",
    "print-defaults",
    "replica-start",
    "secure-file-priv",
    "slave-start",
    "socket",
    "tmpdir",
    "user",
    "verbose",
    "version",
    "wsrep-on",
    "wsrep-provider",
};

G_GNUC_PRINTF(2, 3)
static void add(GPtrArray *argv, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(argv, g_strdup_vprintf(format, args));
    va_end(args);
}

/* Until NULL. */
static void add_list(GPtrArray *argv, const char *const *words)
{
    for (; words != NULL && *words != NULL; words++)
        add(argv, "%s", *words);
}

/* "ibdata1:12M;ibdata2:10M:autoextend": in a backup each file lies at the top, wherever it was. */
static void add_data_files(GPtrArray *argv, const char *path)
{
    if (*path == '\0')
        return;
    g_auto(GStrv) files = g_strsplit(path, ";", -1);
    g_autoptr(GString) list = g_string_new(NULL);
    for (char **file = files; *file != NULL; file++) {
        size_t name_length = strcspn(*file, ":");
        g_autofree char *name = g_strndup(*file, name_length);
        g_autofree char *base = g_path_get_basename(name);
        g_string_append_printf(list, "%s%s%s", list->len > 0 ? ";" : "", base, *file + name_length);
    }
    add(argv, "--innodb-data-file-path=%s", list->str);
}

static void add_params(GPtrArray *argv, const Backup *backup)
{
    for (size_t i = 0; i < G_N_ELEMENTS(params); i++) {
        const char *value = backup_param(backup, params[i].param);
        if (*value != '\0')
            add(argv, "%s=%s", params[i].option, value);
    }
    add_data_files(argv, backup_param(backup, "data_file_path"));
    const char *plugins = backup_param(backup, "plugins");
    if (*plugins != '\0')
        add(argv, "--plugin-load-add=%s", plugins);
}

GPtrArray *serverargs_make(const ServerArgs *args, ServerStart start)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    add(argv, "%s", args->program);
    add(argv, "--no-defaults"); /* it must be the first */
    add(argv, "--datadir=%s", args->datadir);
    add(argv, "--socket=%s", args->socket);
    add(argv, "--pid-file=%s/pid", args->run);
    add(argv, "--tmpdir=%s", args->tmpdir);
    add(argv, "--secure-file-priv=%s/files", args->run);
    add(argv, "--innodb-buffer-pool-size=%" G_GUINT64_FORMAT, args->memory);
    add_list(argv, always);
    if (start == START_UNDOING)
        add_list(argv, engine_undo_options(args->backup->engine));
    else
        add_list(argv, reading);
    add_params(argv, args->backup);
    add_list(argv, (const char *const *)args->options);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* Servers take an option by the beginning of its name, if that is the only one so. */
static gboolean is_ours(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        if (g_str_has_prefix(ours[i], name))
            return TRUE;
    }
    return FALSE;
}

/* `--skip-NAME` and the like are the same option in other words. */
static const char *bare_name(const char *name)
{
    static const char *const prefixes[] = {"loose-", "skip-", "disable-", "enable-", "maximum-"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i]))
            return bare_name(name + strlen(prefixes[i]));
    }
    return name;
}

char **serverargs_check(const char *text, GError **error)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_shell_parse_argv(text, NULL, &words, &failure)) {
        if (g_error_matches(failure, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
            return g_new0(char *, 1);
        (void)fail(error, STATUS_CONFIG,
                   "server_options cannot be split into words" HINT("is a quote not closed?"));
        return NULL;
    }
    for (char **word = words; *word != NULL; word++) {
        g_autofree char *name = g_strndup(*word, strcspn(*word, "="));
        (void)g_strdelimit(name, "_", '-');
        if (!g_str_has_prefix(name, "--") || name[2] == '\0') {
            (void)fail(error, STATUS_CONFIG,
                       "\"%.2s...\" in server_options is no option" HINT("write --name=value"),
                       *word);
            return NULL;
        }
        if (is_ours(bare_name(name + 2))) {
            (void)fail(error, STATUS_CONFIG,
                       "the server option %s is set by lsnchain itself" HINT("remove it"), name);
            return NULL;
        }
    }
    return g_steal_pointer(&words);
}
