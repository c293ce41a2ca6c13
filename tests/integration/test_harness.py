# SPDX-License-Identifier: MIT
"""The harness proves itself: when these fail, no other result means anything."""
import os
import signal
import subprocess
import time
import urllib.request

import pytest

import checker
import lsnsite
import mariadb
import test_secrets
import test_unchanged
from flavours import FLAVOUR


def engine_by_hand(site_place, server, *arguments):
    """The engine by hand, as the user with the documented grants."""
    options = site_place / "engine.cnf"
    lsnsite.write_private(options, lsnsite.sections(client={
        "user": mariadb.BACKUP_USER,
        "password": mariadb.option_file_value(mariadb.BACKUP_PASSWORD),
        "socket": server.socket}))
    done = subprocess.run([FLAVOUR.engine, f"--defaults-file={options}", *arguments],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.rstrip().endswith("completed OK!"), done.stderr[-3000:]


def prepare(target, *arguments):
    done = subprocess.run([FLAVOUR.engine, "--prepare", f"--target-dir={target}", *arguments],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_server_starts_fast_has_no_network_and_stops(new_server):
    began = time.monotonic()
    server = new_server("--innodb-page-size=16k", "--max-connections=17")
    assert time.monotonic() - began < 10
    assert server.value("SELECT @@max_connections") == "17"
    assert server.value("SELECT @@skip_networking") == "1"
    assert server.value("SELECT @@log_bin") == "1"
    pid = server.process.pid
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_cannot_start_says_why(new_server):
    with pytest.raises(AssertionError, match="unknown variable"):
        new_server("--no-such-option=1")


def test_two_servers_are_apart(new_server):
    one, other = new_server(), new_server()
    one.sql("CREATE DATABASE only_here")
    assert one.sql("SHOW DATABASES LIKE 'only_here'") == [("only_here",)]
    assert other.sql("SHOW DATABASES LIKE 'only_here'") == []


def test_sql_fails_loudly(server):
    with pytest.raises(AssertionError, match="no_such_table"):
        server.sql("SELECT * FROM mysql.no_such_table")


def test_the_backup_user_has_the_documented_grants_and_no_more(server):
    login = {"user": mariadb.BACKUP_USER, "password": mariadb.BACKUP_PASSWORD}
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT); INSERT INTO d.t VALUES (1)")
    assert server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'd'",
                      **login) == [("t",)]
    assert server.client("SELECT * FROM d.t", **login).returncode != 0
    assert server.client("SELECT 1", user=mariadb.BACKUP_USER, password="wrong").returncode != 0


def test_sysbench_writes_while_the_block_runs_and_not_after(server):
    server.fill(tables=2, rows=100)
    with server.written_to(tables=2, rows=100):
        before = server.written()
        time.sleep(0.5)
        assert server.written() > before
    time.sleep(0.2)
    after = server.written()
    time.sleep(0.3)
    assert server.written() == after


def test_a_writer_that_dies_fails_the_test(server):
    server.fill(tables=1, rows=100)
    with pytest.raises(AssertionError, match="sysbench ended early"):
        with server.written_to(tables=1, rows=100) as writer:
            writer.kill()
            writer.wait()


def test_a_checkpoint_reaches_what_was_written_before_it(server):
    server.fill(tables=1, rows=100)
    before = server.lsn()
    server.sql("UPDATE sbtest.sbtest1 SET c = 'x'")
    assert server.lsn() > before
    server.flush()
    pages = b"".join(path.read_bytes() for path in (server.data / "sbtest").glob("sbtest1.ibd"))
    assert pages.count(b"x" + b" " * 10) >= 100, "the rows are not in the table's file yet"


def test_checksums_see_one_changed_row(server):
    server.fill(tables=2, rows=100)
    before = server.checksums()
    assert sorted(before) == ["`sbtest`.`sbtest1`", "`sbtest`.`sbtest2`"]
    assert server.checksums() == before
    server.sql("UPDATE sbtest.sbtest1 SET c = 'x' WHERE id = 50")
    after = server.checksums()
    assert after["`sbtest`.`sbtest1`"] != before["`sbtest`.`sbtest1`"]
    assert after["`sbtest`.`sbtest2`"] == before["`sbtest`.`sbtest2`"]


@pytest.mark.only_on("mariadb", "a prepare of MySQL's engine takes --apply-log-only on the way")
def test_a_backup_by_hand_under_writes_comes_back_with_its_rows(place, server, restored):
    server.fill()
    full, incremental = place / "full", place / "incremental"
    server.sql("CREATE DATABASE story; CREATE TABLE story.marks (name VARCHAR(20) PRIMARY KEY);"
               "INSERT INTO story.marks VALUES ('before full')")
    with server.written_to():
        engine_by_hand(place, server, "--backup", f"--target-dir={full}")
        server.sql("INSERT INTO story.marks VALUES ('before incremental')")
        engine_by_hand(place, server, "--backup", f"--target-dir={incremental}",
                       f"--incremental-basedir={full}")
    server.sql("INSERT INTO story.marks VALUES ('after both')")
    prepare(full)
    prepare(full, f"--incremental-dir={incremental}")
    with restored(full) as copy:
        assert copy.sql("SELECT name FROM story.marks ORDER BY 1") == [
            ("before full",), ("before incremental",)]
        assert copy.tables() == server.tables()
        assert copy.broken_tables() == []


def test_a_quiet_backup_has_the_checksums_of_its_source(place, server, restored):
    server.fill()
    full = place / "full"
    engine_by_hand(place, server, "--backup", f"--target-dir={full}")
    prepare(full)
    with restored(full) as copy:
        assert copy.checksums() == server.checksums()


def test_a_small_disk_is_small(small_disk):
    disk = small_disk("disk", "1M")
    with pytest.raises(OSError, match="No space left"):
        (disk / "file").write_bytes(b"x" * (2 << 20))


def test_flip_byte_changes_one_byte_and_nothing_that_ls_shows(place):
    path = place / "file"
    path.write_bytes(bytes(1000))
    path.chmod(0o440)
    before = path.stat()
    lsnsite.flip_byte(path)
    after = path.stat()
    assert sum(byte != 0 for byte in path.read_bytes()) == 1
    assert (before.st_mode, before.st_size, before.st_mtime_ns) == (
        after.st_mode, after.st_size, after.st_mtime_ns)


def test_the_receiver_keeps_what_it_was_sent(receiver):
    request = urllib.request.Request(receiver.url, b'{"type": "alert_test", "data": {}}')
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204
    assert [body["type"] for body in receiver.events()] == ["alert_test"]
    assert receiver.events("backup_failed") == []


def test_stored_bytes_count_a_hard_link_once(place):
    one, two = place / "one", place / "two"
    one.mkdir()
    two.mkdir()
    (one / "file").write_bytes(b"x" * 100000)
    os.link(one / "file", two / "file")
    assert lsnsite.stored_bytes(one, two) == lsnsite.stored_bytes(one) >= 100000


def test_the_checker_finds_what_is_wrong(week):
    """One fault of each kind; a checker that says nothing would prove nothing."""
    shelf = week.repository / week.INSTANCE
    assert checker.faults_of(week.repository, week.INSTANCE) == []
    lsnsite.flip_byte(week.sealed(week.ids[0], "sbtest1"))
    lsnsite.add_published(week.directory(week.ids[1]) / "stranger", "x")
    lsnsite.rewrite_checked(shelf / "catalog.ini", "pinned = no", "pinned = yes")
    lsnsite.rewrite_checked(shelf / "catalog.ini.copy", "generation = ", "generation = 9")
    lsnsite.flip_byte(week.directory(week.ids[2]) / "backup.ini")
    (shelf / ".trash/left").mkdir()
    said = "\n".join(checker.faults_of(week.repository, week.INSTANCE))
    for words in ("sbtest1.ibd.lz4: does not match", "stranger is there or named", "pinned is",
                  "its copy differ", "backup.ini: its checksum", ".trash holds left"):
        assert words in said, said


@pytest.mark.parametrize("arguments,environment", [
    (["sh", "-c", "sleep 30; :", "planted"], {}), (["sleep", "30"], {"A": "planted"})])
def test_the_watcher_of_secrets_sees_arguments_and_environment(arguments, environment):
    watcher = test_secrets.Watcher([b"planted"])
    running = subprocess.Popen(arguments, env={"PATH": os.environ["PATH"], **environment},
                               start_new_session=True)
    try:
        lsnsite.wait_until(lambda: watcher.found, limit=10)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        watcher.close()


def test_a_drill_tells_which_case_failed(drill):
    def fails_on_two(week, case):
        assert week.ids and case != 2, "two is bad"

    told = drill(fails_on_two, [1, 2, 3])
    assert told[1] == told[3] == "" and "two is bad" in told[2]


def test_the_trace_tells_a_write_below_backups_from_one_beside_it():
    changes, backups = test_unchanged.changes, "/r/shop/backups"
    for call in ('unlinkat(5</r/shop/backups/a>, "x", 0) = 0', 'unlink("/r/shop/backups/a/x") = 0',
                 'renameat2(5</r/shop>, "backups/a", 5</r/shop>, "b", 0) = 0'):
        assert changes(call, backups), call
    for call in ('unlinkat(5</r/shop/.trash>, "x", 0) = 0', 'mkdir("/r/shop/.incoming/a") = 0'):
        assert not changes(call, backups), call
