# SPDX-License-Identifier: MIT
"""DDL that the engine does not see, and DDL of every kind during captures."""
import contextlib
import threading

import pytest
import zoo

from conftest import LARGE

pytestmark = pytest.mark.only_on("mariadb", "its engine and its DDL are tried")

WARNINGS, ENGINE, CHAIN, VERIFY = 3, 14, 18, 20
BACKUPS = 12 if LARGE else 5

IMPORTED = ("CREATE DATABASE shop; USE shop; CREATE TABLE source (a INT PRIMARY KEY, b VARCHAR(20));"
            "INSERT INTO source SELECT seq, 'from elsewhere' FROM seq_1_to_3000;"
            "CREATE TABLE old LIKE source; INSERT INTO old SELECT seq, 'old' FROM seq_1_to_100;"
            "CREATE TABLE rebuilt (a INT); INSERT INTO rebuilt VALUES (1)")


def import_tablespace(server, table):
    """The rows of shop.source, as a file that the redo log knows nothing of."""
    directory = server.data / "shop"
    server.sql(f"ALTER TABLE shop.{table} DISCARD TABLESPACE")
    server.sql("FLUSH TABLES shop.source FOR EXPORT;\n"
               + "".join(f"\\! cp -p {directory}/source.{suffix} {directory}/{table}.{suffix}\n"
                         for suffix in ("ibd", "cfg"))
               + "UNLOCK TABLES")
    server.sql(f"ALTER TABLE shop.{table} IMPORT TABLESPACE")


@pytest.fixture
def importing(own_site):
    own_site.server.sql(IMPORTED)
    own_site.backup("full")
    return own_site


def expect_full_with(site, restored, table):
    site.server.flush()
    site.ended(CHAIN, "backup", "--type=incremental", words=[f"shop/{table}", "imported"])
    ran = site.ended(WARNINGS, "backup", words=[f"shop/{table}", "imported"])
    newest = site.newest()
    assert newest["type"] == "full" and newest["full_rule"] == "imported", ran.said
    with restored(site.restore(newest["id"])) as copy:
        assert copy.checksums() == site.server.checksums()
        assert zoo.broken(copy) == []
    site.server.sql("INSERT INTO shop.source VALUES (9999, 'more')")
    site.backup("incremental")  # a full holds it, so that once is enough


def test_an_imported_table_makes_the_next_backup_a_full(importing, restored):
    """An incremental would bring back its old rows, and CHECK TABLE would be content."""
    import_tablespace(importing.server, "old")
    expect_full_with(importing, restored, "old")


def test_a_new_table_that_was_imported_makes_the_next_backup_a_full(importing, restored):
    """An incremental would bring back an empty file."""
    importing.server.sql("CREATE TABLE shop.new LIKE shop.source")
    import_tablespace(importing.server, "new")
    expect_full_with(importing, restored, "new")


def test_a_table_imported_since_the_last_checkpoint_is_missed_and_the_backup_refused(importing):
    import_tablespace(importing.server, "old")
    importing.ended(ENGINE, "backup", "--type=full", words=["shop.old", "checkpoint"])
    importing.server.flush()
    importing.backup("full")


def test_tables_rebuilt_truncated_and_altered_need_no_full(importing):
    importing.server.sql("USE shop; ALTER TABLE rebuilt FORCE; TRUNCATE old; OPTIMIZE TABLE source;"
                         "CREATE TABLE fresh (a INT); INSERT INTO fresh VALUES (1);"
                         "ALTER TABLE source ADD COLUMN c INT DEFAULT 1, ALGORITHM=INSTANT;"
                         "RENAME TABLE fresh TO fresher")
    importing.server.flush()
    importing.backup("incremental")


# ---- DDL of every kind during captures, under writes ---------------------------------------------

PAUSE = 0.4  # without one hardly any capture is good, and nothing would be proven
STORMS = {
    "tables": "CREATE TABLE s1 (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB; INSERT INTO s1 SELECT seq,"
              " REPEAT('x', 100) FROM seq_1_to_300; RENAME TABLE s1 TO s2; TRUNCATE s2;"
              "INSERT INTO s2 VALUES (1, 'x'); CREATE TABLE s1 LIKE s2; DROP TABLE s2; DROP TABLE s1",
    "alter": "ALTER TABLE changing ADD COLUMN c INT, ALGORITHM=INPLACE, FORCE;"
             "ALTER TABLE changing DROP COLUMN c, ALGORITHM=COPY; OPTIMIZE TABLE changing;"
             "ALTER TABLE changing ADD INDEX (b); ALTER TABLE changing DROP INDEX b",
    "parts": "ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE other;"
             "ALTER TABLE parts ADD PARTITION (PARTITION p9 VALUES LESS THAN (900));"
             "ALTER TABLE parts REORGANIZE PARTITION p9 INTO (PARTITION p8 VALUES LESS THAN (800),"
             " PARTITION p9 VALUES LESS THAN (900)); ALTER TABLE parts DROP PARTITION p8, p9",
    "engines": "ALTER TABLE wanders ENGINE=Aria; ALTER TABLE wanders ENGINE=MyISAM;"
               "ALTER TABLE wanders ENGINE=InnoDB",
    "schemas": "CREATE DATABASE storm_schema; CREATE TABLE storm_schema.t (a INT) ENGINE=InnoDB;"
               "CREATE TABLE storm_schema.m (a INT) ENGINE=MyISAM; DROP DATABASE storm_schema",
    "writes": "START TRANSACTION; UPDATE ledger SET n = n - 1 WHERE a = 1; DO SLEEP(0.001);"
              "UPDATE ledger SET n = n + 1 WHERE a = 2; COMMIT;"
              "INSERT INTO parts VALUES (20 + FLOOR(RAND() * 70), 'x') ON DUPLICATE KEY UPDATE b = 'y'",
}
STORMY = ("CREATE DATABASE storm; USE storm;"
          "CREATE TABLE ledger (a INT PRIMARY KEY, n INT) ENGINE=InnoDB;"
          "INSERT INTO ledger VALUES (1, 0), (2, 0);"
          "CREATE TABLE changing (a INT PRIMARY KEY, b VARCHAR(100)) ENGINE=InnoDB;"
          "INSERT INTO changing SELECT seq, MD5(seq) FROM seq_1_to_3000;"
          "CREATE TABLE parts (a INT PRIMARY KEY, b VARCHAR(100)) ENGINE=InnoDB PARTITION BY RANGE (a)"
          " (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (100));"
          "CREATE TABLE other (a INT PRIMARY KEY, b VARCHAR(100)) ENGINE=InnoDB;"
          "INSERT INTO parts VALUES (1, 'x'), (50, 'y'); INSERT INTO other VALUES (2, 'z');"
          "CREATE TABLE wanders (a INT PRIMARY KEY, b VARCHAR(100)) ENGINE=InnoDB;"
          "INSERT INTO wanders SELECT * FROM changing WHERE a < 500;"
          "CREATE TABLE still_aria (a INT PRIMARY KEY) ENGINE=Aria;"
          "INSERT INTO still_aria SELECT seq FROM seq_1_to_100;"
          "CREATE TABLE still_myisam (a INT PRIMARY KEY) ENGINE=MyISAM;"
          "INSERT INTO still_myisam SELECT seq FROM seq_1_to_100")


@contextlib.contextmanager
def storm(server):
    """Each of the storms over and over, in a session of its own, until the block ends."""
    server.sql(STORMY)
    over = threading.Event()
    failures = []

    def blow(sql, pause):
        while not over.is_set():
            done = server.client(f"USE storm; {sql}")
            if done.returncode != 0 and not over.is_set():
                failures.append(done.stderr)
                return
            over.wait(pause)

    threads = [threading.Thread(target=blow, args=(sql, 0 if name == "writes" else PAUSE))
               for name, sql in STORMS.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def expect_right_tables(site, backup_id, copy):
    """What was seen before and after the capture is there and whole; the rows fit together."""
    rows = [line.split("\t") for line in
            (site.directory(backup_id) / "tables.tsv").read_text().splitlines()[1:]]
    there = {row[:2] for row in zoo.asked(copy, zoo.LISTS["tables"])}
    assert {(row[0], row[1]) for row in rows
            if row[4] == "both" and row[0].startswith("storm")} <= there
    assert zoo.broken(copy) == []
    assert copy.sql("SELECT SUM(n) FROM storm.ledger") == [("0",)]
    assert copy.sql("SELECT COUNT(*), SUM(a) FROM storm.still_aria") == [("100", "5050")]
    assert copy.sql("SELECT COUNT(*), SUM(a) FROM storm.still_myisam") == [("100", "5050")]
    assert copy.sql("SELECT COUNT(*) FROM storm.changing") == [("3000",)]
    assert copy.sql("SELECT COUNT(*) FROM storm.wanders") == [("499",)]


def test_what_is_called_proven_restores_whatever_ddl_ran_during_the_capture(own_site, restored):
    """The engine itself loses tables then, now and again: such a capture must be refused, or its
    proof must find it; a later backup succeeds."""
    site = own_site
    site.configure(instance={"verify_after": "prepare", "checkpoint_first": "no"})
    ended = []
    with storm(site.server):
        for _ in range(BACKUPS):
            ended.append(site.run("backup"))
    print("\n".join(f"{ran.status} {ran.stderr}" for ran in ended))
    assert {ran.status for ran in ended} <= {0, WARNINGS, ENGINE, CHAIN, VERIFY}
    for ran in ended:
        assert ran.status == 0 or "hint: " in ran.stderr or "warning" in ran.stderr.lower(), ran.said
    proven = [link["id"] for link in site.links() if link["proven"]]
    assert proven != [], "nothing was proven, so nothing was tried"
    for backup_id in proven:
        with restored(site.restore(backup_id)) as copy:
            expect_right_tables(site, backup_id, copy)
    calm = site.run("backup", "--type=full")
    assert calm.status == 0, calm.said
    assert site.leftovers() == []
