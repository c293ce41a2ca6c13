/* SPDX-License-Identifier: MIT */
#include "model/readiness.h"

#include <criterion/criterion.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void expect(Finding *finding, FindingWeight weight, const char *words)
{
    cr_expect(finding->weight == weight, "%d, not %d: %s", finding->weight, weight, finding->text);
    cr_expect(strstr(finding->text, words) != NULL, "\"%s\" is not in: %s", words, finding->text);
    cr_expect((finding->weight == FINDING_REFUSES) == (finding->status != STATUS_OK));
    finding_free(finding);
}

/* ---- user ------------------------------------------------------------------------------------ */

Test(readiness, refuses_to_be_taken_for_somebody_else)
{
    static const struct {
        UserFacts facts;
        FindingWeight weight;
        const char *words;
    } cases[] = {
        {{"backup", "backup@localhost", ""}, FINDING_GOOD, "backup@localhost"},
        {{"b@x", "b@x@%", ""}, FINDING_GOOD, "b@x@%"},
        {{"backup", "@localhost", ""}, FINDING_REFUSES, "an anonymous user"},
        {{"backup", "root@localhost", ""}, FINDING_REFUSES, "takes us for root@localhost"},
        {{"backup", "backups@localhost", ""}, FINDING_REFUSES, "backups@localhost"},
        {{"backups", "backup@localhost", ""}, FINDING_REFUSES, "backup@localhost"},
        {{"ldap", "backup@%", "'ldap'@'%'"}, FINDING_GOOD, "proxy of backup@%"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        expect(readiness_user(&cases[i].facts), cases[i].weight, cases[i].words);
}

/* ---- redo log -------------------------------------------------------------------------------- */

Test(readiness, compares_the_redo_log_with_what_is_written_to_it)
{
    static const struct {
        RedoFacts facts;
        FindingWeight weight;
        const char *words;
    } cases[] = {
        {{0}, FINDING_UNKNOWN, "not known"},
        {{.capacity = GIB}, FINDING_UNKNOWN, "not known"},
        {{.written = MIB, .uptime_s = 600}, FINDING_UNKNOWN, "not known"},
        {{.capacity = GIB, .uptime_s = 600}, FINDING_GOOD, "next to nothing"},
        {{.capacity = 96 * MIB, .written = 96 * MIB, .uptime_s = 600, .capture_s = 20},
         FINDING_GOOD,
         "96.0 MiB last for 10m 00s at 163.8 KiB a second; the last capture took 20s"},
        /* a server that has just started has written for its start only */
        {{.capacity = GIB, .written = GIB, .uptime_s = 599}, FINDING_UNKNOWN, "not known"},
        /* the highest of the three rates counts */
        {{.capacity = 100 * MIB,
          .written = MIB,
          .uptime_s = 1000,
          .sampled = 10 * MIB,
          .sample_us = 1000000,
          .capture_s = 60},
         FINDING_WORRIES,
         "last for 10s"},
        {{.capacity = 100 * MIB,
          .written = MIB,
          .uptime_s = 1000,
          .between_backups = 100 * MIB,
          .between_s = 100},
         FINDING_WORRIES,
         "last for 1m 40s"},
        /* it outlasts the capture, so nothing of it can be overwritten */
        {{.capacity = 100 * MIB, .sampled = 10 * MIB, .sample_us = 1000000, .capture_s = 10},
         FINDING_GOOD,
         "last for 10s"},
        {{.capacity = 100 * MIB, .sampled = 10 * MIB, .sample_us = 1000000, .capture_s = 11},
         FINDING_WORRIES,
         "last for 10s"},
        /* five minutes are enough for any capture */
        {{.capacity = 300 * MIB, .sampled = MIB, .sample_us = 1000000, .capture_s = 9999},
         FINDING_GOOD,
         "last for 5m 00s"},
        {{.capacity = 299 * MIB, .sampled = MIB, .sample_us = 1000000, .capture_s = 9999},
         FINDING_WORRIES,
         "last for 4m 59s"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        expect(readiness_redo(&cases[i].facts), cases[i].weight, cases[i].words);
}

/* ---- open files ------------------------------------------------------------------------------ */

Test(readiness, refuses_more_table_files_than_may_be_open)
{
    expect(readiness_open_files(960, 1024, TRUE), FINDING_GOOD, "960 table files, 1024 may");
    expect(readiness_open_files(961, 1024, TRUE), FINDING_REFUSES, "961 table files, 1024 may");
    expect(readiness_open_files(961, 1024, FALSE), FINDING_GOOD, "961 table files");
    expect(readiness_open_files(100000, UINT64_MAX, TRUE), FINDING_GOOD, "100000 table files");
    Finding *finding = readiness_open_files(20000, 1024, TRUE);
    cr_expect(finding->status == STATUS_REFUSED);
    cr_expect(strstr(finding->hint, "LimitNOFILE=") != NULL, "%s", finding->hint);
    finding_free(finding);
}

/* ---- what others do -------------------------------------------------------------------------- */

static void add(GPtrArray *sessions, uint64_t id, int64_t seconds, const char *text)
{
    Session *session = g_new0(Session, 1);
    session->id = id;
    session->user = g_strdup("app");
    session->seconds = seconds;
    session->state = g_strdup("");
    session->text = g_strdup(text);
    g_ptr_array_add(sessions, session);
}

Test(readiness, tells_a_change_of_tables_from_other_statements)
{
    static const char *const cases[][2] = {
        {"ALTER TABLE t ADD c INT", "ALTER TABLE"},
        {"  alter\n online ignore  table t", "ALTER TABLE"},
        {"/* app */ /* x */ALTER TABLE t", "ALTER TABLE"},
        {"# a\n-- b\nDROP DATABASE d", "DROP DATABASE"},
        {"CREATE UNIQUE INDEX i ON t (c)", "CREATE INDEX"},
        {"CREATE OR REPLACE TABLE t AS SELECT 1", "CREATE TABLE"},
        {"OPTIMIZE NO_WRITE_TO_BINLOG TABLE t", "OPTIMIZE TABLE"},
        {"OPTIMIZE LOCAL TABLE t", "OPTIMIZE TABLE"},
        {"TRUNCATE t", "TRUNCATE TABLE"},
        {"RENAME TABLE a TO b", "RENAME TABLE"},
        {"REPAIR TABLE t", "REPAIR TABLE"},
        {"CREATE USER u IDENTIFIED BY 'secret'", NULL},
        {"ALTER USER u IDENTIFIED BY 'secret'", NULL},
        {"DROP VIEW v", NULL},
        {"SELECT 'ALTER TABLE t'", NULL},
        {"/* ALTER TABLE t", NULL},
        {"ALTERTABLE t", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *words = readiness_ddl_words(cases[i][0]);
        cr_expect(g_strcmp0(words, cases[i][1]) == 0, "%s: %s", cases[i][0], words);
    }
}

Test(readiness, worries_about_the_longest_change_and_shows_nothing_of_its_text)
{
    g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func(session_free);
    expect(readiness_ddl(sessions), FINDING_GOOD, "no change");
    add(sessions, 7, 9, "ALTER TABLE t CONNECTION='secret'");
    add(sessions, 8, 5000, "SELECT SLEEP(5000)");
    expect(readiness_ddl(sessions), FINDING_GOOD, "no change");
    add(sessions, 9, 10, "ALTER TABLE t CONNECTION='secret'");
    expect(readiness_ddl(sessions), FINDING_WORRIES, "connection 9 (app): ALTER TABLE for 10s");
    add(sessions, 10, 300, "OPTIMIZE TABLE x");
    add(sessions, 11, 20, "DROP TABLE x");
    Finding *finding = readiness_ddl(sessions);
    cr_expect(!finding->needs_hand);
    cr_expect(strstr(finding->text, "secret") == NULL);
    expect(finding, FINDING_WORRIES, "connection 10 (app): OPTIMIZE TABLE for 5m 00s, and 2 more");
}

Test(readiness, refuses_where_another_backup_holds_the_lock)
{
    g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func(session_free);
    expect(readiness_other_backup(BACKUP_LOCK_FREE, sessions), FINDING_GOOD, "nobody");
    expect(readiness_other_backup(BACKUP_LOCK_UNKNOWN, sessions), FINDING_UNKNOWN, "not known");
    expect(readiness_other_backup(BACKUP_LOCK_HELD, sessions), FINDING_REFUSES, "another backup");
    add(sessions, 3, 1, "SELECT 'LOCK INSTANCE FOR BACKUP'");
    expect(readiness_other_backup(BACKUP_LOCK_UNKNOWN, sessions), FINDING_UNKNOWN, "not known");
    add(sessions, 4, 12, "/* xb */ lock instance for backup");
    expect(readiness_other_backup(BACKUP_LOCK_UNKNOWN, sessions), FINDING_WORRIES,
           "connection 4 (app): LOCK INSTANCE FOR BACKUP for 12s");
    expect(readiness_other_backup(BACKUP_LOCK_HELD, sessions), FINDING_REFUSES, "connection 4");
}

/* ---- replica --------------------------------------------------------------------------------- */

static Finding *replica(gboolean sql, gboolean io, int64_t behind, const char *name,
                        const char *failure)
{
    g_auto(ReplicaFacts)
        facts = {.known = TRUE, .sources = g_ptr_array_new_with_free_func(replica_source_free)};
    const ReplicaSource sources[] = {{(char *)"", TRUE, TRUE, 0, (char *)""},
                                     {(char *)name, sql, io, behind, (char *)failure}};
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
        ReplicaSource *source = g_new0(ReplicaSource, 1);
        *source = sources[i];
        source->name = g_strdup(sources[i].name);
        source->failure = g_strdup(sources[i].failure);
        g_ptr_array_add(facts.sources, source);
    }
    return readiness_replica(&facts);
}

Test(readiness, worries_about_a_replica_that_stopped_or_lags)
{
    g_auto(ReplicaFacts) none = {.known = TRUE, .sources = g_ptr_array_new()};
    g_auto(ReplicaFacts)
        hidden = {.grant = g_strdup("GRANT SLAVE MONITOR ..."), .sources = g_ptr_array_new()};
    expect(readiness_replica(&none), FINDING_GOOD, "no replica");
    expect(readiness_replica(&hidden), FINDING_UNKNOWN, "not known");
    expect(replica(TRUE, TRUE, 0, "", ""), FINDING_GOOD, "replication is 0s behind");
    expect(replica(TRUE, TRUE, 900, "", ""), FINDING_GOOD, "15m 00s behind");
    expect(replica(TRUE, TRUE, 901, "e", ""), FINDING_WORRIES,
           "replication of 'e' is 15m 01s behind");
    expect(replica(TRUE, TRUE, -1, "", ""), FINDING_UNKNOWN, "how far behind is not known");
    expect(replica(TRUE, FALSE, -1, "", "refused"), FINDING_WORRIES, "from its source: refused");
    Finding *stopped = replica(FALSE, TRUE, -1, "", "duplicate key");
    cr_expect(stopped->needs_hand);
    expect(stopped, FINDING_WORRIES, "has stopped, a backup is of old data: duplicate key");
}

/* ---- room ------------------------------------------------------------------------------------ */

/* Three file systems with plenty of room; each case changes what it is about. */
static RoomFacts plenty(void)
{
    return (RoomFacts){.captures = "/scratch",
                       .shelf = "/shelf",
                       .proofs = "/proof",
                       .captures_free = 1000 * GIB,
                       .shelf_free = 1000 * GIB,
                       .proofs_free = 1000 * GIB,
                       .compressed = TRUE,
                       .data_bytes = 80 * GIB,
                       .last_plain = 80 * GIB,
                       .last_stored = 40 * GIB,
                       .last_new = 4 * GIB};
}

Test(readiness, asks_for_room_for_the_capture_and_for_what_is_not_hard_linked)
{
    RoomFacts facts = plenty();
    expect(readiness_room(&facts), FINDING_GOOD, "the next backup needs about 4.4 GiB");
    facts.captures_free = 43 * GIB;
    expect(readiness_room(&facts), FINDING_REFUSES, "/scratch has 43.0 GiB free");
    facts.captures_free = 44 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "");
    facts.shelf_free = 5 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "5.0 GiB free");
    facts.shelf_free = 4 * GIB;
    expect(readiness_room(&facts), FINDING_REFUSES, "/shelf has 4.0 GiB free");
}

Test(readiness, counts_directories_on_one_file_system_once)
{
    RoomFacts facts = plenty();
    facts.captures_on_shelf = TRUE;
    facts.captures_free = facts.shelf_free = 44 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "needs about 44.0 GiB");
}

Test(readiness, expects_more_where_the_data_have_grown)
{
    RoomFacts facts = plenty();
    facts.data_bytes = 160 * GIB;
    facts.captures_free = 87 * GIB;
    expect(readiness_room(&facts), FINDING_REFUSES, "needs about 88.0 GiB");
    facts.incremental = TRUE; /* the changes of a day do not grow with the data */
    expect(readiness_room(&facts), FINDING_GOOD, "");
    facts.incremental = FALSE;
    facts.data_bytes = 40 * GIB;
    facts.captures_free = 44 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "");
}

Test(readiness, without_history_refuses_only_what_cannot_fit)
{
    RoomFacts facts = plenty();
    facts.last_plain = facts.last_stored = facts.last_new = 0;
    facts.captures_free = 10 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "");
    facts.captures_free = 9 * GIB;
    expect(readiness_room(&facts), FINDING_REFUSES, "needs about 10.0 GiB");
    facts.compressed = FALSE;
    facts.captures_free = 79 * GIB;
    expect(readiness_room(&facts), FINDING_REFUSES, "needs about 80.0 GiB");
    facts.incremental = TRUE;
    facts.captures_free = 1;
    expect(readiness_room(&facts), FINDING_GOOD, "");
}

Test(readiness, worries_when_the_proof_will_find_no_room)
{
    RoomFacts facts = plenty();
    facts.proofs_free = 87 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "");
    facts.proves = TRUE;
    expect(readiness_room(&facts), FINDING_WORRIES, "/proof has 87.0 GiB free, the proof needs");
    facts.proofs_free = 88 * GIB;
    expect(readiness_room(&facts), FINDING_GOOD, "");
    facts.proof_bytes = 90 * GIB;
    expect(readiness_room(&facts), FINDING_WORRIES, "the proof needs about 99.0 GiB");
    facts.proof_bytes = 0;
    facts.proofs_on_shelf = TRUE; /* where the backup lies by then */
    expect(readiness_room(&facts), FINDING_WORRIES, "the proof needs about 92.4 GiB");
}
