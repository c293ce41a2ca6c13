/* SPDX-License-Identifier: MIT */
/* Answers of real servers (MySQL 9.7.4, MariaDB 10.11.19) that are read here, not by the server. */
#include "server/replica.h"
#include "server/session.h"

#include <criterion/criterion.h>
#include <string.h>

Test(answers, are_asked_for_as_the_version_calls_them)
{
    static const struct {
        const char *version;
        gboolean mariadb;
        const char *lsn;
        const char *replica_query;
        const char *sessions;
    } cases[] = {
        {"10.11.19-MariaDB-0+deb12u1-log", TRUE, "Innodb_lsn_current", "SHOW ALL SLAVES STATUS",
         "information_schema.PROCESSLIST"},
        {"11.8.2-MariaDB", TRUE, "Innodb_lsn_current", "SHOW ALL SLAVES STATUS",
         "information_schema.PROCESSLIST"},
        {"8.0.21", FALSE, NULL, "SHOW SLAVE STATUS", "information_schema.PROCESSLIST"},
        {"8.0.22-13", FALSE, NULL, "SHOW REPLICA STATUS", "performance_schema.processlist"},
        {"8.0.29", FALSE, NULL, "SHOW REPLICA STATUS", "performance_schema.processlist"},
        {"8.0.30", FALSE, "Innodb_redo_log_current_lsn", "SHOW REPLICA STATUS",
         "performance_schema.processlist"},
        {"8.0.36-28.1", FALSE, "Innodb_redo_log_current_lsn", "SHOW REPLICA STATUS",
         "performance_schema.processlist"},
        {"8.4.0-1-debug", FALSE, "Innodb_redo_log_current_lsn", "SHOW REPLICA STATUS",
         "performance_schema.processlist"},
        {"9.7.4-2", FALSE, "Innodb_redo_log_current_lsn", "SHOW REPLICA STATUS",
         "performance_schema.processlist"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Dialect *dialect = dialect_of(cases[i].version);
        cr_assert_not_null(dialect, "%s", cases[i].version);
        cr_expect(dialect->mariadb == cases[i].mariadb, "%s", cases[i].version);
        cr_expect(g_strcmp0(dialect->lsn, cases[i].lsn) == 0, "%s: %s", cases[i].version,
                  dialect->lsn);
        cr_expect_str_eq(dialect->replica_query, cases[i].replica_query);
        cr_expect_str_eq(dialect->sessions, cases[i].sessions);
    }
}

Test(answers, of_log_status_hold_the_lsn_or_none)
{
    static const struct {
        const char *json;
        uint64_t lsn; /* 0: none */
    } cases[] = {
        {"{\"InnoDB\": {\"LSN\": 19485547, \"LSN_checkpoint\": 19046522}}", 19485547},
        {"{\"InnoDB\": {\"LSN\": 9007199254740993, \"LSN_checkpoint\": 1}}", 9007199254740993},
        {"{\"ROCKSDB\": {\"a\": 1}, \"InnoDB\": {\"LSN_checkpoint\": 19046522, \"LSN\": 7}}", 7},
        {"{\"InnoDB\": {\"LSN_checkpoint\": 19046522}}", 0},
        {"{\"InnoDB\": {\"LSN\": \"19485547\"}}", 0},
        {"{\"InnoDB\": {\"LSN\": -1}}", 0},
        {"{\"InnoDB\": 5}", 0},
        {"{\"InnoDB\": {\"LSN\": 194855", 0},
        {"", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t lsn = 0;
        cr_expect(log_status_lsn(cases[i].json, &lsn) == (cases[i].lsn > 0), "%s", cases[i].json);
        cr_expect(lsn == cases[i].lsn, "%s: %" G_GUINT64_FORMAT, cases[i].json, lsn);
    }
}

typedef struct {
    const char *names[8];
    const char *values[8];
    const char *channel;
    gboolean sql_running;
    gboolean io_running;
    int64_t behind_s;
    const char *failure;
} ReplicaCase;

Test(answers, about_replication_are_read_under_all_their_names)
{
    static ReplicaCase cases[] = {
        /* MySQL 9.7.4: running, SQL thread stopped, stopped by an error */
        {{"Replica_IO_State", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source",
          "Last_IO_Error", "Last_SQL_Error", "Channel_Name"},
         {"Waiting for source to send event", "Yes", "Yes", "0", "", "", "east"},
         "east",
         TRUE,
         TRUE,
         0,
         ""},
        {{"Replica_IO_State", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source",
          "Last_IO_Error", "Last_SQL_Error", "Channel_Name"},
         {"Waiting for source to send event", "Yes", "No", NULL, "", "", "east"},
         "east",
         FALSE,
         TRUE,
         -1,
         ""},
        {{"Replica_IO_State", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source",
          "Last_IO_Error", "Last_SQL_Error", "Channel_Name"},
         {"Waiting for source to send event", "Yes", "No", NULL, "",
          "Coordinator stopped because there were error(s) in the worker(s).", ""},
         "",
         FALSE,
         TRUE,
         -1,
         "Coordinator stopped because there were error(s) in the worker(s)."},
        /* MariaDB 10.11.19: SHOW ALL SLAVES STATUS */
        {{"Connection_name", "Slave_SQL_State", "Slave_IO_Running", "Slave_SQL_Running",
          "Seconds_Behind_Master", "Last_IO_Error", "Last_SQL_Error"},
         {"", "", "Connecting", "Yes", NULL,
          "error connecting to master 'r@127.0.0.1:1' - retry-time: 60", ""},
         "",
         TRUE,
         FALSE,
         -1,
         "error connecting to master 'r@127.0.0.1:1' - retry-time: 60"},
        {{"Connection_name", "Slave_SQL_State", "Slave_IO_Running", "Slave_SQL_Running",
          "Seconds_Behind_Master", "Last_IO_Error", "Last_SQL_Error"},
         {"west", "", "Yes", "Yes", "1234", "", ""},
         "west",
         TRUE,
         TRUE,
         1234,
         ""},
        /* nothing that we know: nothing is good */
        {{"Something_Else"}, {"Yes"}, "", FALSE, FALSE, -1, ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        unsigned n = 0;
        while (cases[i].names[n] != NULL)
            n++;
        ReplicaSource *source = replica_read(cases[i].names, cases[i].values, n);
        cr_expect_str_eq(source->name, cases[i].channel);
        cr_expect(source->sql_running == cases[i].sql_running, "case %zu", i);
        cr_expect(source->io_running == cases[i].io_running, "case %zu", i);
        cr_expect(source->behind_s == cases[i].behind_s, "case %zu", i);
        cr_expect_str_eq(source->failure, cases[i].failure);
        replica_source_free(source);
    }
}
