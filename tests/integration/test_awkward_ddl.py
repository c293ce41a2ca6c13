# SPDX-License-Identifier: MIT
"""DDL that the engine does not see."""
import pytest
import zoo

pytestmark = pytest.mark.only_on("mariadb", "its engine and its DDL are tried")

WARNINGS, ENGINE, CHAIN = 3, 14, 18

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
