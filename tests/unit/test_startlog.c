/* SPDX-License-Identifier: MIT */
#include "proof/startlog.h"

#include <criterion/criterion.h>

static void read_lines(StartLog *log, const char *const *lines)
{
    startlog_init(log);
    for (; *lines != NULL; lines++)
        startlog_line(log, *lines);
}

/* As MariaDB 10.11.19 and MySQL 9.7.4 said it. */
static const char *const mariadb_undoes[] = {
    "2026-11-24 19:38:58 0 [Note] InnoDB: 2 transaction(s) which must be rolled back or cleaned up "
    "in total 99 row operations to undo",
    "2026-11-24 19:38:58 0 [Note] InnoDB: Transaction 30 in prepared state after recovery",
    "2026-11-24 19:38:58 0 [Note] InnoDB: 1 transactions in prepared state after recovery",
    "2026-11-24 19:38:58 0 [Note] /usr/sbin/mariadbd: ready for connections.", NULL};
static const char mariadb_undone[] =
    "2026-11-24 19:38:58 0 [Note] InnoDB: Rollback of non-prepared transactions completed";
static const char *const mysql_undoes[] = {
    "2026-11-24T19:34:36.334682Z 1 [Note] [MY-013023] [InnoDB] 1 transaction(s) which must be "
    "rolled "
    "back or cleaned up in total 99 row operations to undo",
    "2026-11-24T19:34:58.164096Z 0 [Note] [MY-013035] [InnoDB] 12 transactions in prepared state "
    "after recovery",
    "2026-11-24T19:34:37.064134Z 0 [System] [MY-010931] [Server] mysqld: ready for connections. "
    "Version: '9.7.4-2'",
    NULL};
static const char mysql_undone[] = "2026-11-24T19:34:36.953871Z 0 [Note] [MY-013015] [InnoDB] "
                                   "Rollback of non-prepared transactions completed";

Test(startlog, waits_for_the_rollback_after_the_server_lets_clients_in)
{
    static const struct {
        const char *const *lines;
        const char *undone;
        guint prepared;
    } families[] = {{mariadb_undoes, mariadb_undone, 1}, {mysql_undoes, mysql_undone, 12}};
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        g_auto(StartLog) log = {0};
        read_lines(&log, families[i].lines);
        cr_expect(log.ready && !startlog_settled(&log), "family %zu", i);
        cr_expect(log.prepared == families[i].prepared, "%u", log.prepared);
        startlog_line(&log, families[i].undone);
        cr_expect(startlog_settled(&log), "family %zu", i);
    }
}

Test(startlog, waits_for_nothing_where_nothing_was_open)
{
    g_auto(StartLog) log = {0};
    read_lines(&log, (const char *const[]){"[Server] X Plugin ready for connections.", NULL});
    cr_expect(!startlog_settled(&log));
    startlog_line(&log, mariadb_undoes[3]);
    cr_expect(startlog_settled(&log));
}

Test(startlog, keeps_the_first_errors_for_what_comes_later_follows_from_them)
{
    g_auto(StartLog) log = {0};
    read_lines(&log,
               (const char *const[]){
                   "2026-11-24 19:38:58 0 [ERROR] InnoDB: Corrupted page",
                   "2026-11-24 19:38:58 0 [Note] InnoDB: Starting shutdown...",
                   "2026-11-24 19:38:58 0 [ERROR] Plugin 'InnoDB' init function returned error.",
                   "2026-11-24 19:38:58 0 [ERROR] Aborting", NULL});
    g_autofree char *errors = startlog_errors(&log);
    cr_expect_str_eq(errors, "\n  [ERROR] InnoDB: Corrupted page"
                             "\n  [ERROR] Plugin 'InnoDB' init function returned error.");
    cr_expect(log.fault == STATUS_VERIFY && log.remedy == NULL, "%d", log.fault);
}

Test(startlog, takes_the_last_line_where_none_is_an_error)
{
    g_auto(StartLog) log = {0};
    read_lines(&log, (const char *const[]){"one", "[Warning] Failed to normalize", NULL});
    g_autofree char *errors = startlog_errors(&log);
    cr_expect_str_eq(errors, "\n  [Warning] Failed to normalize");
}

Test(startlog, blames_the_data_for_what_nothing_else_explains)
{
    static const struct {
        const char *line;
        Status fault;
    } cases[] = {
        {"[ERROR] InnoDB: Missing FILE_CHECKPOINT", STATUS_VERIFY},
        {"2026-11-24 19:38:58 0 [ERROR] mariadbd got signal 11 ;", STATUS_VERIFY},
        {"InnoDB: Assertion failure in file row0row.cc line 900", STATUS_VERIFY},
        {"[ERROR] InnoDB: Cannot allocate memory for the buffer pool", STATUS_FAILED},
        {"[ERROR] mariadbd: Can't create file (Errcode: 24 \"Too many open files\")",
         STATUS_FAILED},
        {"[ERROR] [MY-012144] [InnoDB] posix_fallocate(): No space left on device", STATUS_STORAGE},
        {"[ERROR] mariadbd: unknown variable 'x=1'", STATUS_CONFIG},
        {"[ERROR] Can't open shared library 'ha_rocksdb.so'", STATUS_UNFIT},
        {"[ERROR] InnoDB: Operating system error number 13 in a file operation.", STATUS_UNFIT},
        {"[ERROR] InnoDB: encryption service or used key_id is not available", STATUS_KEY},
        {"[Warning] Cannot allocate large pages", STATUS_VERIFY}, /* it did not end for that */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(StartLog) log = {0};
        read_lines(&log, (const char *const[]){cases[i].line, NULL});
        cr_expect(log.fault == cases[i].fault, "%s: %d", cases[i].line, log.fault);
    }
}
