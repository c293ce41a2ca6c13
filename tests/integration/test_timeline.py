# SPDX-License-Identifier: MIT
"""The canary: a server that was put back is told from one that only restarted, by two rows."""
import shutil
import subprocess

import lsnsite
import pytest

from test_fence import expect_full, overtake

WARNINGS, SERVER, CHAIN = 3, 12, 18

LSN = ("SELECT variable_value FROM information_schema.global_status"
       " WHERE variable_name = 'Innodb_lsn_current'")


def copy_data(server, target):
    subprocess.run(["cp", "-a", server.data, target], check=True)
    return target


def put_back_in_place(server, snapshot):
    """As a storage snapshot is rolled back: the same files, inodes and birth times included."""
    server.stop()
    subprocess.run(["rsync", "--archive", "--inplace", "--checksum", "--delete", f"{snapshot}/",
                    f"{server.data}/"], check=True)
    server.start()


def events(server):
    return server.sql("SELECT uuid, event, backup FROM lsnchain.canary ORDER BY backup, event")


def expect_incremental(site):
    """No false alarm: the chain goes on, in silence."""
    before = site.newest()["id"]
    site.receiver.bodies.clear()
    site.good("backup")
    assert site.newest()["parent"] == before
    assert site.alerts() == []


@pytest.fixture
def snapshot(own_site, place):
    """The data directory as it was after the first full, stopped in peace."""
    own_site.full = own_site.backup("full")
    own_site.server.stop()
    copy = copy_data(own_site.server, place / "snapshot")
    own_site.server.start()
    return copy


def test_each_capture_gets_a_row_and_its_stamp_and_only_the_row_is_restored(own_site, restored):
    first = own_site.backup("full")
    second = own_site.backup("incremental")
    rows = events(own_site.server)
    canaries = {name: own_site.link(name)["canary"] for name in (first, second)}
    assert rows == [(canaries[name], event, name) for name in (first, second)
                    for event in ("written", "stamped")]
    with restored(own_site.restore(second)) as copy:
        assert events(copy) == rows[:3]


def test_the_rows_are_not_in_the_binary_log(own_site):
    """There they would be errant on each replica, and come back when it is replayed."""
    server = own_site.server
    before = server.value("SELECT @@gtid_binlog_pos")
    own_site.backup("full")
    assert server.value("SELECT @@gtid_binlog_pos") == before
    logs = [name for name, *_ in server.sql("SHOW BINARY LOGS")]
    said = subprocess.run(["mariadb-binlog", "--verbose", *[server.data / name for name in logs]],
                          capture_output=True, text=True, check=True).stdout
    assert "sbtest" in said and "canary" not in said


def test_an_idle_a_restarted_and_a_crashed_server_go_on_with_their_chain(own_site):
    server = own_site.server
    own_site.backup("full")
    expect_incremental(own_site)
    server.stop()
    server.start()
    expect_incremental(own_site)
    server.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    expect_incremental(own_site)
    server.kill()
    server.start()
    expect_incremental(own_site)


def test_a_server_put_back_in_place_is_found_by_its_rows_alone(own_site, snapshot):
    site, server = own_site, own_site.server
    server.sql("UPDATE sbtest.sbtest1 SET c = 'lost'")
    parent = site.backup("incremental")
    assert site.link(parent)["parent"] == site.full
    identity = site.newest()["datadir_id"]
    put_back_in_place(server, snapshot)
    overtake(server, site.newest()["last_lsn"])
    refused = site.ended(CHAIN, "backup", "--type=incremental", words=["timeline", "put back"])
    assert "lsn-" not in refused.stderr and "identity" not in refused.stderr
    expect_full(site, "timeline", alarm=True)
    assert site.newest()["datadir_id"] != "" and site.link(parent)["datadir_id"] == identity


def test_replaying_the_binary_log_does_not_bring_the_rows_back(own_site, snapshot, place):
    site, server = own_site, own_site.server
    server.sql("UPDATE sbtest.sbtest1 SET c = 'not lost'")
    site.backup("incremental")
    last = site.newest()["last_lsn"]
    server.sql("FLUSH BINARY LOGS")
    logs = [name for name, *_ in server.sql("SHOW BINARY LOGS")]
    kept = place / "logs"
    kept.mkdir()
    for name in logs:
        shutil.copy(server.data / name, kept)
    put_back_in_place(server, snapshot)
    known = {name for name, *_ in server.sql("SHOW BINARY LOGS")}
    events_after = subprocess.run(
        ["mariadb-binlog", *[kept / name for name in logs if name >= max(known) or name not in known]],
        capture_output=True, check=True).stdout
    subprocess.run(["mariadb", "--no-defaults", f"--socket={server.socket}", "--user=root",
                    "--force"], input=events_after, capture_output=True, check=False)
    assert server.value("SELECT COUNT(*) FROM sbtest.sbtest1 WHERE c = 'not lost'") != "0"
    overtake(server, last)
    expect_full(site, "timeline", alarm=True)


def test_a_server_put_back_to_a_moment_during_the_capture_lacks_the_stamp(own_site, place):
    site, server = own_site, own_site.server
    site.backup("full")
    site.use_fake("lock-slow", lock_timeout="20s")
    running = site.start("backup", "--type=incremental")
    try:
        lsnsite.wait_until(lambda: any("engine.log" in name for name in site.captures()), running)
        log = next((site.repository / ".scratch").rglob("engine.log"))
        lsnsite.wait_until(lambda: "BLOCK_DDL" in log.read_text(), running)
        snapshot = copy_data(server, place / "snapshot")
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, said
    site.configure()
    put_back_in_place(server, snapshot)
    assert [event for _, event, name in events(server) if name == site.newest()["id"]] == ["written"]
    overtake(server, site.newest()["last_lsn"])
    site.ended(CHAIN, "backup", "--type=incremental", words=["a moment during"])
    expect_full(site, "timeline", alarm=True)


def test_an_incremental_of_a_server_that_was_put_back_is_never_stored_as_good(own_site, snapshot,
                                                                             place):
    """Put back after the fence had looked: the engine says completed OK!, and runs backwards."""
    site, server = own_site, own_site.server
    for _ in range(3):
        server.sql("UPDATE sbtest.sbtest1 SET pad = LEFT(SHA2(RAND(), 512), 60)")
    server.flush()
    parent = site.backup("incremental")
    ready, go = place / "ready", place / "go"
    engine = place / "late-engine"
    engine.write_text("#!/bin/sh\n"
                      f"case \"$*\" in *--backup*) touch {ready}; while ! [ -e {go} ]; do"
                      " sleep 0.05; done;; esac\nexec /usr/bin/mariadb-backup \"$@\"\n")
    engine.chmod(0o755)
    site.configure(instance={"engine": engine})
    running = site.start("backup", "--type=incremental")
    try:
        lsnsite.wait_until(ready.exists, running)
        put_back_in_place(server, snapshot)
        go.touch()
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == CHAIN, said
    link = site.newest()
    assert link["parent"] == parent and link["to_lsn"] < link["from_lsn"]
    assert (link["state"], link["rule"]) == ("quarantined", "lsn-order")
    assert site.alerts("chain_broken")
    site.configure()
    site.ended(WARNINGS, "backup")
    assert (site.newest()["type"], site.newest()["state"]) == ("full", "complete")
    site.good("verify", "latest", "--level=prepare")


def test_without_the_right_to_leave_the_binary_log_no_row_is_written(own_site):
    own_site.server.sql("REVOKE BINLOG ADMIN ON *.* FROM lsnbackup@localhost")
    own_site.ended(0, "backup", words=["no canary row is written"])
    assert own_site.newest()["canary"] == ""
    own_site.configure(instance={"canary": "yes"})
    own_site.ended(SERVER, "backup", words=["canary", "BINLOG ADMIN", "hint: "])
    own_site.configure()
    own_site.server.stop()
    own_site.server.start()
    expect_full(own_site, "timeline", alarm=False)


def test_a_read_only_server_gets_no_row_and_its_start_is_the_witness(own_site):
    server = own_site.server
    server.sql("SET GLOBAL read_only = ON")
    own_site.backup("full")
    assert own_site.newest()["canary"] == ""
    expect_incremental(own_site)
    server.sql("SET GLOBAL read_only = OFF")
    expect_incremental(own_site)
    assert own_site.newest()["canary"] != ""


def test_a_dropped_table_of_canaries_is_a_break(own_site):
    own_site.backup("full")
    own_site.server.sql("DROP DATABASE lsnchain")
    alarm, = expect_full(own_site, "timeline", alarm=True)
    assert own_site.newest()["canary"] != ""
    assert "was put back, or somebody dropped or emptied the table" in alarm["cause"]


def test_a_canary_table_that_is_of_no_use_costs_no_backup(own_site):
    """The start of the server is the witness then; and the table is blamed, for nobody else will."""
    own_site.backup("full")
    own_site.server.sql("ALTER TABLE lsnchain.canary DROP COLUMN at, CHANGE event what INT")
    before = own_site.newest()["id"]
    own_site.ended(WARNINGS, "backup", words=["no canary row is written", "Unknown column"])
    assert (own_site.newest()["parent"], own_site.newest()["canary"]) == (before, "")
    own_site.configure(instance={"canary": "yes"})
    own_site.ended(SERVER, "backup", words=["canary", "hint: ", "lsnchain.canary"])


def test_a_canary_table_that_somebody_locks_is_not_waited_for_long(own_site):
    server = own_site.server
    own_site.backup("full")
    locker = subprocess.Popen(
        ["mariadb", "--no-defaults", f"--socket={server.socket}", "--user=root", "--execute",
         "BEGIN; UPDATE lsnchain.canary SET at = NOW(); SELECT SLEEP(100)"], stdout=subprocess.DEVNULL)
    try:
        lsnsite.wait_until(lambda: server.sql("SELECT 1 FROM information_schema.processlist"
                                              " WHERE info LIKE '%SLEEP(100)' AND state = 'User sleep'"),
                           locker)
        own_site.ended(WARNINGS, "backup", words=["no canary row is written", "(1205)"])
    finally:
        locker.kill()
        locker.wait()


def test_the_schema_is_configurable(own_site):
    own_site.server.sql("GRANT CREATE, SELECT, INSERT, DELETE ON watch.* TO lsnbackup@localhost")
    own_site.configure(instance={"canary_schema": "watch"})
    own_site.backup("full")
    expect_incremental(own_site)
    assert len(own_site.server.sql("SELECT * FROM watch.canary")) == 4


def test_the_schema_may_be_changed_in_the_middle_of_a_chain(own_site):
    server = own_site.server
    own_site.backup("full")
    server.sql("GRANT CREATE, SELECT, INSERT, DELETE ON watch.* TO lsnbackup@localhost")
    own_site.configure(instance={"canary_schema": "watch"})
    server.stop()
    server.start()
    expect_incremental(own_site)
    assert own_site.newest()["canary_schema"] == "watch"
    server.sql("DROP DATABASE lsnchain")
    expect_incremental(own_site)


def test_a_default_of_read_only_transactions_keeps_no_row_away(own_site):
    own_site.server.sql("SET GLOBAL tx_read_only = ON")
    own_site.good("backup")
    own_site.server.sql("SET GLOBAL tx_read_only = OFF")
    assert own_site.newest()["canary"] != ""


def canary_probe(site, status):
    told = site.run("check", "--output=json")
    assert told.status == status, told.said
    return next(probe for probe in told.json["instances"][0]["probes"] if probe["name"] == "canary")


def test_check_tells_whether_the_next_backup_will_have_a_canary(own_site):
    assert canary_probe(own_site, 0)["result"] == "ok"
    own_site.server.sql("REVOKE INSERT ON lsnchain.* FROM lsnbackup@localhost")
    probe = canary_probe(own_site, WARNINGS)
    assert "GRANT BINLOG ADMIN ON *.*" in probe["hint"] and "INSERT" in probe["hint"]
    own_site.server.sql(probe["hint"].removeprefix("type: "))
    assert canary_probe(own_site, 0)["result"] == "ok"
    own_site.configure(instance={"canary": "no"})
    assert "costs a full" in canary_probe(own_site, 0)["message"]


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "ORACLE,PAD_CHAR_TO_FULL_LENGTH", "NO_BACKSLASH_ESCAPES"])
def test_whatever_way_the_server_quotes_its_canary_is_written_and_its_grants_are_read(own_site, mode):
    own_site.server.sql(f"SET GLOBAL sql_mode = '{mode}'; SET GLOBAL autocommit = 0")
    assert canary_probe(own_site, 0)["result"] == "ok"
    own_site.backup("full")
    expect_incremental(own_site)
    assert own_site.newest()["canary"] != ""
