# SPDX-License-Identifier: MIT
"""What the server is like before a backup: each probe of `check` on a server that is so, and what a
backup makes of it."""
import contextlib
import subprocess
import time

import lsnsite
import mariadb
import pytest

WARNINGS, SERVER, REFUSED = 3, 12, 15
LONG_DDL_S = 10


def probe(site, name):
    """What the probe of this name found: result, message and hint."""
    probes = site.run("check", "--output=json").json["instances"][0]["probes"]
    return next(found for found in probes if found["name"] == name)


@contextlib.contextmanager
def session(server, sql):
    """A connection that does this and then waits, until the block ends."""
    client = subprocess.Popen(
        ["mariadb", "--no-defaults", f"--socket={server.socket}", "--user=root", "--unbuffered",
         "--batch", "--skip-column-names"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        client.stdin.write(f"{sql};\nSELECT 'done';\n")
        client.stdin.flush()
        yield client
    finally:
        client.stdin.close()
        client.terminate()
        client.wait()


def wait_for(client):
    line = client.stdout.readline()
    while line and line.strip() != "done":
        line = client.stdout.readline()
    assert line, "the session ended"


# ---- what others do ------------------------------------------------------------------------------

def test_another_backup_is_waited_for_and_said(own_site):
    with session(own_site.server, "BACKUP STAGE START") as other:
        wait_for(other)
        found = probe(own_site, "other backups")
        assert found["result"] == "failed" and "backup lock" in found["message"]
        own_site.ended(REFUSED, "check", words=["probes"])
        own_site.ended(REFUSED, "backup", "--dry-run", words=["holds the server's backup lock"])
        backup = own_site.start("backup")
        time.sleep(2)
        assert backup.poll() is None and own_site.captures() == []
    said = backup.communicate(timeout=60)
    assert backup.returncode == 0, said
    assert probe(own_site, "other backups")["result"] == "ok"


def test_a_backup_lock_that_is_not_given_back_ends_the_backup_before_anything_is_written(own_site):
    with session(own_site.server, "BACKUP STAGE START") as other:
        wait_for(other)
        own_site.ended(REFUSED, "backup", words=["holds the server's backup lock", "hint: wait"])
    assert own_site.links() == [] and own_site.leftovers() == []
    assert "backup lock" in own_site.alerts("backup_failed")[0]["cause"]


def test_a_long_change_of_a_table_is_said_without_its_text(own_site):
    server = own_site.server
    with session(server, "BEGIN; SELECT COUNT(*) FROM sbtest.sbtest1") as reader:
        wait_for(reader)
        with session(server, "/* tool */ alter table sbtest.sbtest1 COMMENT = 'a secret'"):
            assert probe(own_site, "long DDL")["result"] == "ok"
            time.sleep(LONG_DDL_S)
            found = probe(own_site, "long DDL")
            ran = own_site.run("check")
            dry = own_site.good("backup", "--dry-run")
    assert found["result"] == "warning" and "ALTER TABLE for 1" in found["message"]
    assert "Waiting for table metadata lock" in found["message"] and found["hint"]
    assert "secret" not in ran.said + dry.said
    assert ran.status == WARNINGS and "ALTER TABLE" in dry.stderr
    assert probe(own_site, "long DDL")["result"] == "ok"


# ---- replication ---------------------------------------------------------------------------------

def test_a_stopped_replica_warns_each_night_and_one_that_cannot_be_asked_is_unknown(own_site):
    server = own_site.server
    server.sql(f"REVOKE SLAVE MONITOR ON *.* FROM '{mariadb.BACKUP_USER}'@'localhost'")
    found = probe(own_site, "replication")
    assert found["result"] == "unknown" and "GRANT SLAVE MONITOR ON *.*" in found["hint"]
    own_site.good("check")
    server.sql(found["hint"])
    assert probe(own_site, "replication") == {"name": "replication", "result": "ok",
                                              "message": "this is no replica", "hint": None}
    own_site.good("backup")

    server.sql("CHANGE MASTER TO master_host='127.0.0.1', master_port=1, master_user='r',"
               " master_password='x'")
    found = probe(own_site, "replication")
    assert found["result"] == "warning" and "has stopped" in found["message"]
    own_site.ended(WARNINGS, "backup", words=["replication has stopped", "old data"])
    server.sql("START SLAVE")
    lsnsite.wait_until(lambda: "refused" in server.sql("SHOW SLAVE STATUS").__str__())
    found = probe(own_site, "replication")
    assert found["result"] == "warning" and "gets nothing from its source" in found["message"]
    assert "Connection refused" in found["message"]


# ---- whom the server takes us for ----------------------------------------------------------------

def test_an_anonymous_user_that_takes_our_place_is_12(own_site):
    server = own_site.server
    password = mariadb.BACKUP_PASSWORD.replace("\\", "\\\\").replace("'", "''")
    server.sql(f"DROP USER '{mariadb.BACKUP_USER}'@'localhost';"
               f"CREATE USER ''@'localhost' IDENTIFIED BY '{password}'")
    found = probe(own_site, "user")
    assert found["result"] == "failed" and "an anonymous user" in found["message"]
    own_site.ended(SERVER, "check")
    own_site.ended(SERVER, "backup", words=["takes us for an anonymous user", "hint: "])
    assert own_site.links() == [] and own_site.leftovers() == []
    server.add_backup_user()
    own_site.good("backup")


def test_a_privilege_of_a_role_counts_when_the_role_is_active(own_site):
    server, user = own_site.server, f"'{mariadb.BACKUP_USER}'@'localhost'"
    server.sql(f"REVOKE PROCESS ON *.* FROM {user}; CREATE ROLE watcher;"
               f"GRANT PROCESS ON *.* TO watcher; GRANT watcher TO {user}")
    ran = own_site.ended(SERVER, "backup", words=["lacks 1 of the privileges", ": PROCESS"])
    assert "or, if a role has it: SET DEFAULT ROLE" in ran.stderr
    assert "PASSWORD" not in ran.said and "*" not in ran.said.replace("*.*", "")
    server.sql(f"SET DEFAULT ROLE watcher FOR {user}")
    assert probe(own_site, "privileges")["result"] == "ok"


def test_without_process_only_the_privilege_itself_is_a_failure(own_site):
    server, user = own_site.server, f"'{mariadb.BACKUP_USER}'@'localhost'"
    server.sql(f"REVOKE PROCESS ON *.* FROM {user}")
    ran = own_site.ended(SERVER, "check", "--output=json")
    probes = {found["name"]: found for found in ran.json["instances"][0]["probes"]}
    assert [name for name, found in probes.items() if found["result"] == "failed"] == ["privileges"]
    assert "GRANT PROCESS ON *.*" in probes["privileges"]["hint"]
    skipped = [name for name, found in probes.items() if found["result"] == "skipped"]
    assert skipped == ["tables", "open files", "long DDL", "space"]
    for name in skipped:
        assert "PROCESS" in probes[name]["message"] and "privileges" in probes[name]["hint"]
    server.sql(f"GRANT PROCESS ON *.* TO {user}")
    own_site.good("check")


def test_a_schema_that_the_server_cannot_read_is_no_missing_privilege(own_site):
    server, user = own_site.server, f"'{mariadb.BACKUP_USER}'@'localhost'"
    hidden = server.data / "sbtest"
    hidden.chmod(0o300)  # its files can be opened, but not listed
    try:
        found = probe(own_site, "tables")
        own_site.ended(SERVER, "backup", words=["InnoDB itself has", "cannot list a schema's"])
    finally:
        hidden.chmod(0o700)
    assert found["result"] == "failed" and "GRANT" not in found["hint"]
    assert str(server.data) in found["hint"]
    server.sql(f"REVOKE SHOW VIEW ON *.* FROM {user}")
    found = probe(own_site, "tables")
    assert found["result"] == "failed" and "GRANT SHOW VIEW ON *.*" in found["hint"]


# ---- limits --------------------------------------------------------------------------------------

def test_more_table_files_than_may_be_open_are_said_before_they_are_hit(site):
    def limited(*arguments):
        return subprocess.run(
            ["prlimit", "--nofile=70:70", *site.command(*arguments)], capture_output=True,
            text=True, stdin=subprocess.DEVNULL, env=site.environment())

    assert probe(site, "open files")["result"] == "ok"
    checked, ran = limited("check"), limited("backup")
    assert "table files, 70 may be open" in checked.stdout and checked.returncode == REFUSED
    assert ran.returncode == REFUSED, ran.stderr
    assert "error: open files: " in ran.stderr, ran.stderr
    assert "table files, 70 may be open" in ran.stderr and "LimitNOFILE=" in ran.stderr
    assert site.links() == [] and site.leftovers() == []


def test_a_small_redo_log_under_many_writes_is_worth_a_warning_and_no_bad_night(
        binary, place, new_server, receiver):
    server = new_server("--innodb-log-file-size=4M")
    server.fill(tables=2, rows=2000)
    site = lsnsite.Site(binary, place, server, receiver).init()
    with server.written_to(tables=2, rows=2000):
        found = probe(site, "redo log")
        ran = site.good("backup", "--dry-run")
        site.good("backup")
    assert found["result"] == "warning" and "4.0 MiB last for" in found["message"]
    assert "innodb_log_file_size" in found["hint"]
    assert "redo log: 4.0 MiB last for" in ran.stderr


# ---- room ----------------------------------------------------------------------------------------

@pytest.fixture
def two_disks(binary, place, common_server, receiver, small_disk):
    """Captures on one disk, a small repository on another."""
    site = lsnsite.Site(binary, place, common_server, receiver)
    site.repository = small_disk("repository", "16M")
    site.configure(instance={"scratch_dir": place / "scratch"})
    return site.init()


def leave_free(disk, room):
    free = int(subprocess.run(["df", "--output=avail", "-B1", disk], check=True,
                              capture_output=True, text=True).stdout.split()[1])
    subprocess.run(["fallocate", "-l", str(free - room), disk / "filler"], check=True)
    return disk / "filler"


def test_only_what_is_not_hard_linked_must_fit_where_the_capture_is_elsewhere(two_disks):
    site = two_disks
    first = site.link(site.backup("full"))
    room = first["bytes_stored"] * 3 // 4
    filler = leave_free(site.repository, room)
    site.ended(REFUSED, "backup", "--type=full", words=["needs about", "hint: make room"])
    assert "/repository" in site.alerts("space_low")[0]["cause"]

    filler.unlink()
    second = site.link(site.backup("full"))
    assert second["bytes_new"] * 1.2 < room
    leave_free(site.repository, room)
    site.backup("full")


def test_a_proof_that_will_find_no_room_is_said(site, small_disk):
    site.configure(instance={"verify_after": "prepare", "proof_dir": small_disk("proof", "2M")})
    found = probe(site, "space")
    assert found["result"] == "warning" and "/proof/shop/proof has" in found["message"]
    assert "the proof needs about" in found["message"] and "proof_dir" in found["hint"]
    site.ended(WARNINGS, "check")
