# SPDX-License-Identifier: MIT
"""The whole program with engine = xtrabackup: the strict stand-in before a server that speaks as
MySQL (test_standin.py says how far to trust them).  The real XtraBackup was not run here."""
import contextlib
import pathlib
import subprocess

import lsnsite
import mariadb
import mysqlfront
import pytest
import standin
import test_secrets

from conftest import start_server

pytestmark = pytest.mark.only_on("mariadb", "the stand-ins need one behind them")

CONFIG, SERVER, UNFIT, ENGINE, WARNINGS = 10, 12, 13, 14, 3
# release of the tool: version of the server
RELEASES = {"8.0.26-18": "8.0.26", "8.0.35-34": "8.0.36", "8.4.0-8": "8.4.6", "9.7.1-rc1": "9.7.1"}
RELEASE = "8.4.0-7"
KINDS = ("full", "incremental", "incremental")


@pytest.fixture(scope="module")
def front(session_place, template):
    """One server for all; each test says by front.but() what is different."""
    logs = session_place / "xtra-logs"
    logs.mkdir()
    mariadb.give_to_server(logs)
    # a path of its own, as most have: that is what an index of binary logs says in a backup
    server = start_server(template, session_place / "xtra", 300, [f"--log-bin={logs}/bin"])
    server.fill(tables=2, rows=500)
    server.sql("CREATE DATABASE x; CREATE TABLE x.m (a INT) ENGINE=MyISAM; INSERT INTO x.m VALUES"
               " (1); CREATE TABLE x.c (a INT PRIMARY KEY, b LONGTEXT) PAGE_COMPRESSED=1;"
               "INSERT INTO x.c SELECT id, REPEAT('a', 2000) FROM sbtest.sbtest1;"
               "CREATE TABLE x.p (a INT PRIMARY KEY) PARTITION BY HASH (a) PARTITIONS 3;"
               "INSERT INTO x.p SELECT id FROM sbtest.sbtest1")
    front = mysqlfront.Front(server).start()
    try:
        yield front
    finally:
        front.stop()
        server.stop()


@pytest.fixture
def new_site(binary, place, front, receiver):
    def make(release=RELEASE, **instance):
        site = lsnsite.Site(binary, place, front, receiver)
        site.engine = standin.install(place, release)
        site.configure(instance={"engine": site.engine, **instance})
        return site.init()
    return make


@pytest.fixture
def site(new_site):
    return new_site()


def since(front, count):
    """What was asked of the server after so many statements, upper case."""
    return [sql.upper() for _, _, sql in front.statements()[count:]]


def locks(front, count):
    return [sql for sql in since(front, count) if sql.startswith("LOCK INSTANCE")]


def stored(site, backup_id, name):
    """The content of a small stored file, which is kept as it is."""
    return (site.directory(backup_id) / "data" / name).read_text()


# ---- the story ----------------------------------------------------------------------------------

class Story:
    """Three links, the first two taken under writes; mark N was written before link N."""

    def __init__(self, binary, place, front, release):
        self.site = lsnsite.Site(binary, place, front)
        self.server = front.server
        self.release = release
        self.site.configure(instance={"engine": standin.install(place, release)})
        self.site.init()
        self.ids = []
        table = f"story.marks_{release.replace('.', '_').replace('-', '_')}"
        self.server.sql("CREATE DATABASE IF NOT EXISTS story;"
                        f"CREATE TABLE {table} (link INT PRIMARY KEY)")
        for number, kind in enumerate(KINDS):
            self.server.sql(f"INSERT INTO {table} VALUES ({number})")
            writes = self.server.written_to(tables=2, rows=500) if number < 2 \
                else contextlib.nullcontext()
            with writes:
                self.ids.append(self.site.backup(kind))
        self.checksums = self.server.checksums()
        self.marks = f"SELECT link FROM {table} ORDER BY link"

    def expect(self, copy, number):
        assert copy.sql(self.marks) == [(str(link),) for link in range(number + 1)]
        assert copy.broken_tables() == []
        if number == 2:
            assert copy.checksums() == self.checksums


@pytest.fixture(scope="module", params=RELEASES)
def story(request, binary, session_place, front):
    place = session_place / f"story-{request.param}"
    place.mkdir()
    with front.but(version=RELEASES[request.param]):
        story = Story(binary, place, front, request.param)
    return story


@pytest.fixture(autouse=True)
def fitting_server(request, front):
    """The version of the story's server, for as long as a test of it runs."""
    if "story" not in request.fixturenames:
        yield
        return
    with front.but(version=RELEASES[request.getfixturevalue("story").release]):
        yield


def test_facts_of_a_chain_are_what_the_tool_and_the_server_say(story):
    links = story.site.links()
    assert [link["id"] for link in links] == story.ids
    for before, link in zip([None, *links], links):
        assert (link["engine"], link["engine_version"]) == ("xtrabackup", story.release)
        assert link["server_uuid"] == mysqlfront.UUID
        assert link["server_version"] == RELEASES[story.release]
        assert link["gtid"].startswith(f"{mysqlfront.UUID}:1-")
        assert link["state"] == "complete"
        info = stored(story.site, link["id"], "xtrabackup_binlog_info").split()
        assert info == [link["binlog_file"], str(link["binlog_pos"]), link["gtid"]]
        if before is not None:
            assert link["from_lsn"] == before["to_lsn"] and link["parent"] == before["id"]
    command = stored(story.site, story.ids[0], "xtrabackup_info").splitlines()[3]
    assert ("--no-version-check" in command) == (story.release < "9"), "only where it is known"
    text = story.site.good("show", story.ids[0]).stdout
    for word in ("xtrabackup", story.release, mysqlfront.UUID):
        assert word in text


def test_every_link_is_proven_with_only_the_last_rolled_back(story):
    """The stand-in refuses a link on a base that was finished, so --apply-log-only was given."""
    ran = story.site.good("verify", "--all", "--level=prepare", "--output=json")
    proofs = ran.json["instances"][0]["verified"]
    assert {proof["id"] for proof in proofs} == set(story.ids)
    assert all(proof["passed"] and proof["reached"] == "prepare" for proof in proofs)
    assert story.site.leftovers() == []


@pytest.mark.parametrize("number", range(3))
def test_every_link_comes_back_with_its_rows(story, restored, number):
    target = story.site.restore(story.ids[number])
    state = (target / "xtrabackup_checkpoints").read_text()
    assert state.startswith("backup_type = full-prepared\n"), "a server may start on it"
    with restored(target) as copy:
        story.expect(copy, number)


def restore_by_script(site, backup_id, release, place):
    path = place / "bin"
    path.mkdir()
    (path / "xtrabackup").symlink_to(standin.PROGRAM)
    (path / "xtrabackup.release").write_text(release)
    target = place / "target"
    done = subprocess.run(
        ["sh", site.directory(backup_id) / "RESTORE.sh", target],
        env={"PATH": f"{path}:{lsnsite.PLAIN_PATH}"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_restore_sh_needs_no_lsnchain(story, place, restored):
    target = restore_by_script(story.site, story.ids[2], story.release, place)
    with restored(target) as copy:
        story.expect(copy, 2)


def test_a_server_on_a_restored_directory_leaves_the_logs_of_the_source_alone(
        site, front, place, restored):
    """The index of its backup names the log that the source was writing."""
    backup_id = [site.backup(kind) for kind in KINDS[:2]][-1]
    log = site.newest()["binlog_file"]
    source = pathlib.Path(front.server.value("SELECT @@log_bin_basename")).parent / log
    assert stored(site, backup_id, "bin.index") == f"{source}\n" and source.exists()
    for target in (site.restore(backup_id), restore_by_script(site, backup_id, RELEASE, place)):
        assert (target / "bin.index").read_text() == f"./{log}\n"
        with restored(target, "--log-bin=bin") as copy:
            assert copy.sql("SHOW BINARY LOGS")[0][0] == log
            copy.sql("FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
            assert not (target / log).exists(), "else nothing was tested"
            assert copy.checksums() == front.server.checksums()
    assert source.exists()


def test_nothing_is_left_behind_and_auto_goes_on_with_the_chain(story):
    story.site.good("backup")
    assert story.site.newest()["parent"] == story.ids[2]
    assert story.site.leftovers() == []


# ---- the server ---------------------------------------------------------------------------------

def test_check_passes_with_the_documented_grants_and_takes_no_lock_to_keep(site, front):
    before = len(front.statements())
    ran = site.good("check")
    assert "xtrabackup" in ran.stdout
    asked = since(front, before)
    assert len(locks(front, before)) <= sum(sql == "UNLOCK INSTANCE" for sql in asked)


# privilege, table: what is typed
MISSING = {
    ("BACKUP_ADMIN", None): "GRANT BACKUP_ADMIN ON *.* TO `lsnbackup`@`localhost`;",
    ("RELOAD", None): "GRANT RELOAD ON *.* TO `lsnbackup`@`localhost`;",
    ("PROCESS", None): "PROCESS ON *.* TO `lsnbackup`@`localhost`;",
    ("REPLICATION CLIENT", None): "GRANT REPLICATION CLIENT ON *.* TO `lsnbackup`@`localhost`;",
    ("SELECT", "performance_schema.log_status"): "log_status",
    ("SELECT", "performance_schema.keyring_component_status"): "keyring_component_status",
    ("SELECT", "performance_schema.replication_group_members"): "replication_group_members",
}


@pytest.mark.parametrize("privilege,table", MISSING)
def test_a_missing_privilege_is_named_with_its_grant_before_any_lock(site, front, privilege, table):
    before = len(front.statements())
    with front.without(privilege, table):
        ran = site.ended(SERVER, "backup", words=["GRANT ", MISSING[privilege, table]])
    assert locks(front, before) == [] and site.links() == [], ran.said


def test_a_login_that_is_refused_is_the_servers_failure(site):
    site.write_defaults_file(password="wrong")
    site.ended(SERVER, "backup", words=["Access denied", "hint: "])


# ---- what fits what -----------------------------------------------------------------------------

@pytest.mark.parametrize("release,version", [
    ("8.0.35-34", "8.4.6"), ("8.4.0-7", "8.0.36"), ("9.7.1-rc1", "9.6.0"), ("8.0.30-23", "8.0.36")])
def test_a_tool_that_does_not_fit_the_server_is_not_started(new_site, front, release, version):
    site = new_site(release)
    before = len(front.statements())
    with front.but(version=version):
        site.ended(UNFIT, "backup", words=[release, version, "hint: "])
    assert locks(front, before) == [] and site.links() == []


def test_a_mariadb_is_not_backed_up_with_xtrabackup(bare_site, place):
    site = bare_site.init()
    site.configure(instance={"engine": standin.install(place, RELEASE)})
    site.ended(UNFIT, "backup", words=["xtrabackup cannot back up a server of version",
                                       "it is for MySQL and Percona servers only"])
    assert site.links() == []


def test_an_lsn_that_the_server_shows_a_second_late_is_no_server_that_was_put_back(site, front):
    site.backup("full")
    late = {"Innodb_redo_log_current_lsn": str(site.newest()["last_lsn"] - 1)}
    with front.but(status={**front.state["status"], **late}):
        site.good("backup", "--type=incremental")
    with front.but(status={**front.state["status"], **late}), front.without("BACKUP_ADMIN"):
        site.ended(SERVER, "backup", words=["GRANT BACKUP_ADMIN"])


def test_a_server_that_was_upgraded_gets_a_full(site, front, place):
    site.backup("full")
    site.configure(instance={"engine": standin.install(place, "9.7.1-rc1")})
    with front.but(version="9.7.1"):
        ran = site.run("backup")
    assert ran.status == WARNINGS, ran.said
    newest = site.newest()
    assert (newest["type"], newest["full_rule"]) == ("full", "version")
    assert site.alerts("chain_broken")


def test_another_server_at_the_same_place_gets_a_full(site, front):
    site.backup("full")
    with front.but(uuid="aaaaaaaa-71ca-11e1-9e33-c80aa9429562"):
        ran = site.run("backup")
    assert ran.status == WARNINGS, ran.said
    newest = site.newest()
    assert (newest["type"], newest["full_rule"]) == ("full", "server-identity")
    assert newest["server_uuid"].startswith("aaaaaaaa")
    assert site.alerts("chain_broken") and site.alerts("chain_recovered")


# ---- options that are passed on -----------------------------------------------------------------

REFUSED = ["--no-such-thing", "--compress", "--history=x", "--tables=x", "--no-lock", "--lock-ddl=OFF",
           "--encrypt=AES256", "--lock-ddl-per-table", "--stream=xbstream", "word", "--check-tables",
           "--lock-ddl=REDUCED --page-tracking", "--skip-strict", "--user=root", "--parallel=4"]


@pytest.mark.parametrize("words", REFUSED)
def test_an_option_that_cannot_be_passed_on_is_refused_before_any_lock(new_site, front, words):
    site = new_site("8.4.0-5", engine_options=words)
    before = len(front.statements())
    ran = site.run("backup")
    assert ran.status == CONFIG and "hint: " in ran.stderr, ran.said
    assert locks(front, before) == [] and site.links() == []


def test_positions_of_a_replica_and_of_galera_are_kept_in_the_backup(new_site, front):
    site = new_site(engine_options="--slave-info --galera-info")
    source = {"Source_Host": "db1", "Auto_Position": "1", "Replica_SQL_Running": "Yes",
              "Replica_IO_Running": "Yes", "Seconds_Behind_Source": "0",
              "Executed_Gtid_Set": f"{mysqlfront.UUID}:1-7", "Channel_Name": ""}
    with front.but(sources=[source]):
        backup_id = site.backup("full")
    told = stored(site, backup_id, "xtrabackup_slave_info")
    assert "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION=1" in told
    command = stored(site, backup_id, "xtrabackup_info")
    assert "--slave-info --galera-info" in command


def test_a_late_lock_makes_as_good_a_backup(new_site, restored, front):
    site = new_site(engine_options="--lock-ddl=REDUCED")
    for kind in KINDS[:2]:
        backup_id = site.backup(kind)
    assert "lock_ddl_type = REDUCED" in stored(site, backup_id, "xtrabackup_info")
    with restored(site.restore(backup_id)) as copy:
        assert copy.checksums() == front.server.checksums()


def test_pages_that_were_not_tracked_far_enough_back_are_read_with_a_warning(new_site, front):
    """The tool says [ERROR], reads all pages, and the backup is good."""
    site = new_site(engine_options="--page-tracking")
    with front.tracking_pages(since=1):
        site.backup("full")
    front.server.sql("UPDATE sbtest.sbtest1 SET c = 'tracked' WHERE id < 50")
    front.server.flush()
    with front.tracking_pages(since=1 << 60):
        ran = site.run("backup", "--type=incremental")
    assert ran.status == WARNINGS, ran.said
    assert "full scan" in ran.stderr
    assert site.newest()["type"] == "incremental"
    site.good("verify", "latest", "--level=prepare")


def test_page_tracking_that_the_server_does_not_have_fails_before_any_lock(new_site, front):
    site = new_site(engine_options="--page-tracking")
    before = len(front.statements())
    with front.tracking_pages(since=1), front.but(components=[]):
        ran = site.run("backup")
    assert ran.status in (SERVER, ENGINE) and "component" in ran.stderr, ran.said
    assert locks(front, before) == [] and site.leftovers() == []


# ---- secrets, and the wrong user ----------------------------------------------------------------

def test_the_password_is_in_no_argument_and_no_environment(site):
    """This release would call home, with the password in the environment of what it starts."""
    watcher = test_secrets.Watcher(test_secrets.SECRETS)
    try:
        site.backup("full")
        site.backup("incremental")
        site.good("verify", "latest", "--level=prepare")
    finally:
        watcher.close()
    assert watcher.found == []
    assert any(b"python" in program or b"xtrabackup" in program for program in watcher.programs)


def test_a_tool_that_ignored_its_option_file_makes_no_backup(new_site, front, place):
    """Where root needs no password it would: as the wrong user, and with completed OK!"""
    shim = place / "xtrabackup-shim"
    shim.write_text("#!/bin/sh\nfor word in \"$@\"; do case $word in --defaults-file=*)"
                    " chmod 666 \"${word#*=}\";; esac; done\n"
                    f"exec {standin.install(place, RELEASE)} \"$@\" --socket={front.socket}\n")
    shim.chmod(0o755)
    site = new_site()
    site.configure(instance={"engine": shim})
    users = {**front.state["users"], "root": {"password": "", "privileges": ["ALL PRIVILEGES"]}}
    with front.but(users=users):
        ran = site.ended(ENGINE, "backup", words=["not set", mariadb.BACKUP_USER])
    assert site.links() == [] and site.leftovers() == [], ran.said


# ---- what goes wrong on the way -----------------------------------------------------------------

# statement, what the server answers: words of the error
FAULTS = {
    "FLUSH NO_WRITE_TO_BINLOG BINARY LOGS": (2013, "Lost connection to MySQL server during query"),
    "^LOCK INSTANCE FOR BACKUP": (1205, "Lock wait timeout exceeded; try restarting transaction"),
    "SELECT server_uuid, local": (1227, "Access denied; you need BACKUP_ADMIN"),
}


@pytest.mark.parametrize("statement", FAULTS)
def test_a_query_that_fails_midway_leaves_no_backup_and_breaks_no_chain(site, front, statement):
    number, text = FAULTS[statement]
    full = site.backup("full")
    with front.but(refuse={statement: [number, "HY000", text]}):
        site.ended(ENGINE, "backup", words=[text.split(";")[0], "hint: "])
    assert [link["id"] for link in site.links()] == [full] and site.leftovers() == []
    site.good("backup")
    assert site.newest()["parent"] == full


def test_a_lock_that_another_holds_is_waited_for_no_longer_than_allowed(site, front):
    """DDL of others waits while the tool waits, so its own year of patience is not taken."""
    site.backup("full")
    asked = [sql for _, _, sql in front.statements() if "lock_wait_timeout=" in sql]
    assert asked and int(asked[-1].split("=")[1]) <= 60, asked
