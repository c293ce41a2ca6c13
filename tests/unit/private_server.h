/* SPDX-License-Identifier: MIT */
/*
 * private_server: one real server for all tests of a program, started before the first and stopped
 * after the last.
 */
#ifndef LSNCHAIN_TESTS_PRIVATE_SERVER_H
#define LSNCHAIN_TESTS_PRIVATE_SERVER_H

#include "base/error.h"
#include "base/files.h"
#include "base/proc.h"
#include "server/server.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <fcntl.h>
#include <mysql.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Criterion runs each test in a process of its own, which inherits nothing but the environment. */
static const char home_key[] = "LSNCHAIN_TEST_SERVER";
static const char *home;
static pid_t server_pid;

static inline void find_home(void)
{
    home = g_getenv(home_key);
    cr_assert_not_null(home);
}

static inline pid_t spawn(const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    g_autofree char *log = g_build_filename(home, "server.log", NULL);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
    (void)posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv,
                      (char *const *)proc_plain_env());
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static inline Login *login_as(const char *user, const char *password)
{
    Login *login = g_new0(Login, 1);
    login->path = g_strdup("test.cnf");
    login->user = g_strdup(user);
    login->password = g_strdup(password);
    login->socket = g_build_filename(home, "s.sock", NULL);
    return login;
}

static inline MYSQL *admin(void)
{
    g_autoptr(Login) login = login_as("root", "");
    MYSQL *mysql = mysql_init(NULL);
    if (mysql_real_connect(mysql, NULL, "root", "", NULL, 0, login->socket, 0) != NULL)
        return mysql;
    mysql_close(mysql);
    return NULL;
}

static inline gboolean run_sql(const char *const *statements)
{
    MYSQL *mysql = admin();
    gboolean fine = mysql != NULL;
    for (; fine && *statements != NULL; statements++) {
        fine = mysql_query(mysql, *statements) == 0;
        if (!fine)
            (void)fprintf(stderr, "%s: %s\n", *statements, mysql_error(mysql));
    }
    if (mysql != NULL)
        mysql_close(mysql);
    return fine;
}

static inline void arg(GPtrArray *argv, const char *format, const char *value)
{
    g_ptr_array_add(argv, g_strconcat(format, value, NULL));
}

static inline gboolean install(const char *data, const char *user_arg)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    arg(argv, "/usr/bin/mariadb-install-db", "");
    arg(argv, "--no-defaults", "");
    arg(argv, user_arg, "");
    arg(argv, "--datadir=", data);
    arg(argv, "--tmpdir=", home); /* a server that starts removes temporary tables from it */
    arg(argv, "--auth-root-authentication-method=normal", "");
    g_ptr_array_add(argv, NULL);
    int status = -1;
    pid_t pid = spawn((const char *const *)argv->pdata);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static inline gboolean start(const char *data, const char *user_arg)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *socket = g_build_filename(home, "s.sock", NULL);
    arg(argv, "/usr/sbin/mariadbd", "");
    arg(argv, "--no-defaults", "");
    arg(argv, user_arg, "");
    arg(argv, "--datadir=", data);
    arg(argv, "--tmpdir=", home);
    arg(argv, "--socket=", socket);
    arg(argv, "--skip-networking", "");
    arg(argv, "--log-bin=bin", "");
    arg(argv, "--innodb-log-file-size=16M", "");
    arg(argv, "--innodb-buffer-pool-size=32M", "");
    g_ptr_array_add(argv, NULL);
    server_pid = spawn((const char *const *)argv->pdata);
    for (int i = 0; i < 300; i++) {
        MYSQL *mysql = admin();
        if (mysql != NULL) {
            mysql_close(mysql);
            return TRUE;
        }
        g_usleep(100 * 1000);
    }
    return FALSE;
}

static inline void tell_why_not(void)
{
    g_autofree char *path = g_build_filename(home, "server.log", NULL);
    g_autofree char *log = NULL;
    (void)g_file_get_contents(path, &log, NULL, NULL);
    (void)fprintf(stderr, "there is no private server (is there a user mysql?): %s\n",
                  log != NULL ? log : "");
}

/* Before all tests; for the hook PRE_ALL. */
static inline void private_server_start(const char *const *statements)
{
    g_autofree char *made = g_dir_make_tmp("lsnchain-server-XXXXXX", NULL);
    (void)g_setenv(home_key, made, TRUE);
    home = g_getenv(home_key);
    g_autofree char *data = g_build_filename(home, "data", NULL);
    const struct passwd *owner = geteuid() == 0 ? getpwnam("mysql") : getpwuid(geteuid());
    g_autofree char *user_arg = g_strconcat("--user=", owner != NULL ? owner->pw_name : "?", NULL);
    if (owner == NULL || (geteuid() == 0 && chown(home, owner->pw_uid, owner->pw_gid) != 0) ||
        !install(data, user_arg) || !start(data, user_arg) || !run_sql(statements))
        tell_why_not();
}

/* After all of them; for the hook POST_ALL. */
static inline void private_server_stop(void)
{
    if (server_pid > 0) {
        (void)kill(server_pid, SIGTERM);
        (void)waitpid(server_pid, NULL, 0);
    }
    (void)files_remove_tree(AT_FDCWD, home, NULL);
}

/* `timeout_s` as for server_connect(). */
static inline Server *connect_with(const char *user, const char *password, int64_t timeout_s)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Login) login = login_as(user, password);
    Server *server = server_connect(login, timeout_s, &error);
    cr_assert_not_null(server, "%s", error ? error->message : "");
    return server;
}

#endif
