# SPDX-License-Identifier: MIT
"""The stand-ins for xtrabackup and MySQL prove themselves: what they refuse, when and how.

When these fail, test_xtrabackup.py means nothing.  What the real programs do is written on top of
the stand-ins, with its sources.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import threading
import time

import lsnsite
import mariadb
import mysqlfront
import pytest
import standin

from conftest import start_server

pytestmark = pytest.mark.only_on("mariadb", "the stand-ins need one behind them")


# ---- the world of these tests -------------------------------------------------------------------

@pytest.fixture(scope="module")
def world(session_place, template):
    """A server with a front, and three links that the stand-in took of it."""
    place = session_place / "standin"
    place.mkdir()
    server = start_server(template, place / "s", 200)
    server.fill(tables=2, rows=500)
    server.sql("CREATE DATABASE x; CREATE TABLE x.m (a INT) ENGINE=MyISAM; INSERT INTO x.m VALUES"
               " (1); CREATE TABLE x.c (a INT PRIMARY KEY, b LONGTEXT) PAGE_COMPRESSED=1;"
               "INSERT INTO x.c SELECT id, REPEAT('a', 2000) FROM sbtest.sbtest1")
    server.flush()
    front = mysqlfront.Front(server).start()
    world = World(place, server, front)
    try:
        world.take_links()
        yield world
    finally:
        front.stop()
        server.stop()


class World:
    def __init__(self, place, server, front):
        self.place, self.server, self.front = place, server, front
        self.login = standin.write_login(place / "login.cnf", front)

    def take_links(self):
        self.backup("full")
        for number, base in ((1, "full"), (2, "i1")):
            self.server.sql(f"UPDATE sbtest.sbtest1 SET c = 'link {number}' WHERE id < 100;"
                            f"INSERT INTO x.m VALUES ({number + 1}); CREATE TABLE x.n{number}"
                            f" (a INT); INSERT INTO x.n{number} VALUES ({number})")
            self.server.flush()
            self.backup(f"i{number}", f"--incremental-basedir={self.place}/{base}")
        self.checksums = self.server.checksums()

    def run(self, *arguments, release="8.4.0-5"):
        return standin.run(standin.install(self.place, release), *arguments)

    def backup(self, name, *more, release="8.4.0-5"):
        ran = self.run(f"--defaults-file={self.login}", "--backup",
                       f"--target-dir={self.place}/{name}", *more, release=release)
        assert ran.status == 0 and ran.stderr.rstrip().endswith("completed OK!"), ran.stderr
        return ran

    def stream(self, *more, release="8.4.0-5"):
        with self.scratch() as scratch:
            return self.run(f"--defaults-file={self.login}", "--backup", "--stream=xbstream",
                            f"--target-dir={scratch}", *more, release=release)

    @contextlib.contextmanager
    def scratch(self):
        scratch = self.place / f"scratch{threading.get_ident()}"
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)


@pytest.fixture
def chain(world, place):
    """Copies of the three links, to be prepared: a function of (what, arguments ...)."""
    for name in ("full", "i1", "i2"):
        subprocess.run(["cp", "-a", world.place / name, place / name], check=True)

    def prepare(*arguments, release="8.4.0-5"):
        words = [word.replace("@", f"{place}/") for word in arguments]
        return world.run("--prepare", *words, release=release)
    prepare.place = place
    return prepare


# ---- what a backup refuses ----------------------------------------------------------------------

# arguments after --defaults-file: exit status, how far it came, words
BACKUP = {
    "an unknown option": (["--backup", "--no-such-thing"], 1, "locked",
                          "unknown option '--no-such-thing'"),
    "an unknown variable": (["--backup", "--no-such-thing=1"], 1, "locked",
                            "unknown variable 'no-such-thing=1'"),
    "an option of a later release": (["--backup", "--check-tables"], 1, "locked",
                                     "unknown option '--check-tables'"),
    "an option of 2.4": (["--backup", "--binlog-info=ON"], 1, "locked", "binlog-info"),
    "an abbreviation": (["--backup", "--paralle=2"], 1, "locked", "unknown variable"),
    "a number that is none": (["--backup", "--parallel=two"], 9, "parse", "Unknown suffix"),
    "a missing argument": (["--backup", "--tables"], 5, "parse", "requires an argument"),
    "an unknown cipher": (["--backup", "--encrypt=ROT13"], 13, "parse", "ROT13"),
    "a value for a flag": (["--backup", "--core-file=1"], 4, "parse", "cannot take an argument"),
    "a stream of tar": (["--backup", "--stream=tar"], 1, "parse", "Invalid --stream argument: tar"),
    "an unknown lock": (["--backup", "--lock-ddl=MAYBE"], 1, "parse", "Invalid --lock-ddl"),
    "a late option file": (["--backup", "--defaults-file=/x"], 1, "parse", "must be specified first"),
    "a bare word": (["--backup", "word"], 1, "parse", "unknown argument: 'word'"),
    "no mode": ([], 1, "parse", "recognized client arguments"),
    "two modes": (["--backup", "--prepare"], 1, "locked", "Using server version"),
    "the directory ./": (["--backup", "--datadir=./"], 1, "parse", "Please set parameter 'datadir'"),
    "two locks": (["--backup", "--lock-ddl-per-table"], 1, "parse", "mutually exclusive"),
    "slave info without a lock": (["--backup", "--slave-info", "--no-lock"], 1, "parse",
                                  "cannot be consistent"),
    "rsync of a stream": (["--backup", "--rsync", "--stream=xbstream"], 1, "parse", "--rsync"),
    "a base without checkpoints": (["--backup", "--incremental-basedir=/nowhere"], 1, "parse",
                                   "failed to read metadata from '/nowhere/"),
    "an LSN in two parts": (["--backup", "--incremental-lsn=1:2"], 1, "parse", "wrong format"),
    "page tracking that is not there": (["--backup", "--page-tracking"], 1, "connected",
                                        "denied to user 'lsnbackup'@'localhost' for table"),
    "another datadir": (["--backup", "--datadir=/nowhere"], 1, "locked", "cannot my_setwd /nowhere"),
    "compression, which is not played": (["--backup", "--compress"], 1, "locked", "stand-in:"),
}


@pytest.mark.parametrize("case", BACKUP)
def test_a_backup_is_refused_when_and_as_the_real_one_refuses_it(world, case):
    arguments, status, moment, words = BACKUP[case]
    with world.scratch() as scratch:
        target = [f"--target-dir={scratch}"] if case != "a missing argument" else []
        ran = world.run(f"--defaults-file={world.login}", *target, *arguments)
    assert (ran.status, ran.moment) == (status, moment), ran.stderr
    assert words in ran.stderr and "completed OK!" not in ran.stderr
    assert ran.stdout.startswith(b"Usage") is (case in ("no mode", "two modes", "the directory ./"))


def test_without_strict_an_unknown_option_is_a_warning(world):
    ran = world.stream("--skip-strict", "--no-such-thing")
    assert ran.status == 0 and "[Warning]" in ran.stderr and "unknown option" in ran.stderr


# release, server: what it says
VERSIONS = {
    ("8.0.35-34", "8.4.6"): ["Unsupported server version: '8.4.6'", "MySQL 8.0 and Percona Server"],
    ("8.4.0-5", "8.0.36"): ["Unsupported server version: '8.0.36'"],
    ("8.4.0-5", "9.7.1"): ["Unsupported server version: '9.7.1'"],
    ("9.7.1-rc1", "9.6.0"): ["only supports backing up", "9.7.x", "Percona XtraBackup 9.6"],
    ("9.7.1-rc1", "9.8.0"): ["only supports backing up", "Percona XtraBackup 9.8"],
    ("8.0.30-23", "8.0.36"): ["--no-server-version-check"],
    ("8.4.0-5", "10.11.19-MariaDB"): ["Unsupported server version"],
}


@pytest.mark.parametrize("release,version", VERSIONS)
def test_a_server_of_another_series_is_refused_before_any_lock(world, release, version):
    with world.front.but(version=version):
        ran = world.stream(release=release)
    assert (ran.status, ran.moment, ran.stdout) == (1, "connected", b""), ran.stderr
    for words in VERSIONS[release, version]:
        assert words in ran.stderr


# what is missing: how far it came, error number, the query that needs it
PRIVILEGES = {
    ("BACKUP_ADMIN", None): ("locked", 1227, "LOCK INSTANCE FOR BACKUP"),
    ("PROCESS", None): ("locked", 1227, "SHOW ENGINE INNODB STATUS"),
    ("RELOAD", None): ("copied", 1227, "FLUSH NO_WRITE_TO_BINLOG BINARY LOGS"),
    ("SELECT", "performance_schema.log_status"): ("copied", 1142, "log_status"),
    ("SELECT", "performance_schema.keyring_component_status"): ("locked", 1142, "keyring"),
}


@pytest.mark.parametrize("privilege,table", PRIVILEGES)
def test_a_missing_privilege_is_found_at_the_query_that_needs_it(world, privilege, table):
    moment, number, query = PRIVILEGES[privilege, table]
    with world.front.without(privilege, table):
        ran = world.stream()
    assert (ran.status, ran.moment) == (1, moment), ran.stderr
    assert f" : {number} (42000) " in ran.stderr and query in ran.stderr.splitlines()[-1]


def test_privileges_are_checked_at_once_where_that_is_asked_for(world):
    with world.front.without("RELOAD"):
        ran = world.stream("--check-privileges")
    assert (ran.status, ran.moment) == (1, "connected"), ran.stderr
    assert "missing required privilege RELOAD on *.*" in ran.stderr


def test_one_query_that_is_refused_leaves_an_error_in_the_log_of_a_good_backup(world):
    """The members of a group are asked for, and the answer is not needed."""
    with world.front.without("SELECT", "performance_schema.replication_group_members"):
        ran = world.stream()
    assert ran.status == 0 and ran.stderr.rstrip().endswith("completed OK!")
    assert "[ERROR]" in ran.stderr and "replication_group_members" in ran.stderr


# ---- option files -------------------------------------------------------------------------------

def test_an_option_file_that_others_may_write_is_ignored_and_root_is_tried(world, place):
    login = standin.write_login(place / "open.cnf", world.front)
    login.chmod(0o666)
    ran = world.run(f"--defaults-file={login}", "--backup", f"--target-dir={place}/x",
                    f"--socket={world.front.socket}")
    assert "World-writable config file" in ran.stderr and "user: not set" in ran.stderr
    assert "Access denied for user 'root'" in ran.stderr and ran.status == 1

    users = {**world.front.state["users"], "root": {"password": "", "privileges": ["ALL PRIVILEGES"]}}
    with world.front.but(users=users):
        ran = world.run(f"--defaults-file={login}", "--backup", f"--target-dir={place}/x",
                        f"--socket={world.front.socket}")
    assert ran.status == 0, "where root has no password the wrong user backs up, and all is well"


@pytest.mark.parametrize("kind", ["symlink", "missing"])
def test_an_option_file_that_is_not_one_is_refused(world, place, kind):
    path = place / "login.cnf"
    if kind == "symlink":
        path.symlink_to(world.login)
    ran = world.run(f"--defaults-file={path}", "--backup", f"--target-dir={place}/x")
    assert (ran.status, ran.moment) == (1, "parse") and str(path) in ran.stderr


def test_unknown_options_of_a_server_or_a_client_are_skipped_and_ours_are_not(world, place):
    login = standin.write_login(place / "login.cnf", world.front, **{"skip-ssl": "1"})
    login.write_text(login.read_text() + "[mysqld]\nno-such-thing=1\n")
    ran = world.run(f"--defaults-file={login}", "--backup", f"--target-dir={place}/x")
    assert ran.status == 0, ran.stderr
    login.write_text(login.read_text() + "[xtrabackup]\nno-such-thing=1\n")
    ran = world.run(f"--defaults-file={login}", "--backup", f"--target-dir={place}/y")
    assert (ran.status, ran.moment) == (1, "locked"), ran.stderr


# ---- what a backup is ---------------------------------------------------------------------------

@pytest.mark.parametrize("release,version", [("8.0.35-34", "8.0.36"), ("8.4.0-7", "8.4.6"),
                                             ("9.7.1-rc1", "9.7.1")])
def test_a_stream_is_in_the_dialect_and_has_the_metadata_of_its_release(world, place, release,
                                                                        version):
    with world.front.but(version=version):
        ran = world.stream(release=release)
    assert ran.status == 0, ran.stderr
    kinds, ended = standin.unpack(ran.stdout, place / "out")
    assert set(kinds) == {b"P", b"S", b"E"} and kinds[b"S"] > 0
    files = {str(path.relative_to(place / "out")) for path in (place / "out").rglob("*")
             if path.is_file()}
    assert ended == files
    assert {"xtrabackup_logfile", "xtrabackup_tablespaces", "mysql.ibd", "bin.index"} <= files
    assert "ib_logfile0" not in files
    info = [line.split(" = ")[0] for line in
            (place / "out/xtrabackup_info").read_text().splitlines()]
    assert ("server_flavor" in info, "lock_ddl_type" in info, "backup_size" in info) == {
        "8.0.35-34": (False, False, False), "8.4.0-7": (True, True, True),
        "9.7.1-rc1": (True, True, True)}[release]
    assert mysqlfront.UUID in (place / "out/backup-my.cnf").read_text()


def test_the_files_of_a_stream_are_those_of_the_data_directory(world, place):
    world.server.flush()
    ran = world.stream()
    standin.unpack(ran.stdout, place / "out")
    for name in ("x/c.ibd", "sbtest/sbtest2.ibd", "x/m.MYD"):
        assert (place / "out" / name).read_bytes() == (world.server.data / name).read_bytes()
    sparse = (place / "out/x/c.ibd").stat()
    assert sparse.st_blocks * 512 < sparse.st_size / 2, "the holes are gone"


def test_a_file_that_is_there_already_ends_a_backup_midway(world, place):
    (place / "x/sbtest").mkdir(parents=True)
    (place / "x/sbtest/sbtest1.ibd").touch()
    ran = world.run(f"--defaults-file={world.login}", "--backup", f"--target-dir={place}/x")
    assert ran.status == 1 and "File exists" in ran.stderr
    assert (place / "x").exists(), "the real one leaves what it has, too"


def test_the_log_has_the_form_of_its_release(world):
    with world.front.but(version="8.0.26"):
        old = world.stream(release="8.0.26-18").stderr.splitlines()
    new = world.stream().stderr.splitlines()
    assert len(old[-1].split()) == 4 and old[-1].endswith(" completed OK!"), old[-1]
    assert " 0 [Note] [MY-011825] [Xtrabackup] completed OK!" in new[-1] and new[-1][10] == "T"


def test_tracked_pages_that_do_not_reach_back_are_an_error_in_the_log_and_a_full_scan(world):
    base = f"--incremental-basedir={world.place}/full"
    with world.front.tracking_pages(since=1 << 60):
        ran = world.stream(base, "--page-tracking")
    assert ran.status == 0 and "[ERROR]" in ran.stderr
    assert "using the full scan for incremental backup" in ran.stderr
    with world.front.tracking_pages(since=1):
        ran = world.stream(base, "--page-tracking")
    assert ran.status == 0 and "Using pagetracking feature" in ran.stderr
    assert "[ERROR]" not in ran.stderr


def test_pages_cannot_be_tracked_without_the_component(world):
    with world.front.tracking_pages(since=1), world.front.but(components=[]):
        ran = world.stream("--page-tracking")
    assert (ran.status, ran.moment) == (1, "connected"), ran.stderr
    assert "Please install mysqlbackup component" in ran.stderr


def test_a_late_lock_is_taken_after_the_copy(world):
    early = world.stream().stderr
    late = world.stream("--lock-ddl=REDUCED").stderr
    lock, copy = "Executing LOCK INSTANCE", "Streaming ./sbtest"
    assert early.index(lock) < early.index(copy) and late.index(lock) > late.rindex(copy)
    with world.front.but(version="8.0.36"):
        ran = world.stream("--lock-ddl=REDUCED", release="8.0.35-34")
    assert ran.status == 0 and lock not in ran.stderr, "a bool takes it for off"
    assert "was not recognized. Set to OFF." in ran.stderr


# ---- what a prepare refuses ---------------------------------------------------------------------

def state_of(directory):
    lines = (directory / "xtrabackup_checkpoints").read_text().splitlines()
    return dict(line.split(" = ") for line in lines)


def test_a_chain_is_prepared_link_by_link_and_comes_back_with_its_rows(world, chain, restored):
    assert chain("--apply-log-only", "--target-dir=@full").status == 0
    assert state_of(chain.place / "full")["backup_type"] == "log-applied"
    ran = chain("--apply-log-only", "--target-dir=@full", "--incremental-dir=@i1")
    assert ran.status == 0, ran.stderr
    assert state_of(chain.place / "full")["to_lsn"] == state_of(world.place / "i1")["to_lsn"]
    ran = chain("--target-dir=@full", "--incremental-dir=@i2")
    assert ran.status == 0, ran.stderr
    assert state_of(chain.place / "full")["backup_type"] == "full-prepared"
    ran = chain("--target-dir=@full", "--incremental-dir=@i2")
    assert ran.status == 1 and "--apply-log-only" in ran.stderr
    with restored(chain.place / "full") as copy:
        assert copy.checksums() == world.checksums and copy.broken_tables() == []


def prepared(chain, *more):
    assert chain("--apply-log-only", "--target-dir=@full").status == 0
    for name in more:
        ran = chain("--apply-log-only", "--target-dir=@full", f"--incremental-dir=@{name}")
        assert ran.status == 0, ran.stderr


def used_twice(chain):
    prepared(chain, "i1")
    text = (chain.place / "full/xtrabackup_checkpoints").read_text()
    (chain.place / "full/xtrabackup_checkpoints").write_text(
        text.replace(state_of(chain.place / "i1")["to_lsn"],
                     state_of(chain.place / "i1")["from_lsn"]))


def spoil(name, change):
    def spoiled(chain):
        path = chain.place / "full" / name
        path.write_text(change(path.read_text())) if change else path.unlink()
    return spoiled


PREPARE = {
    "a base that is not prepared": (lambda chain: None, "i1", "needs target prepared with"),
    "a base that is finished": (lambda chain: chain("--target-dir=@full"), "i1", "already prepared"),
    "a link left out": (prepared, "i2", "seems not to be proper for the target"),
    "a link that was used": (used_twice, "i1", "was already used to '--prepare'"),
    "a server of another series": (
        spoil("xtrabackup_info", lambda text: text.replace("server_version = 8.4.6",
                                                           "server_version = 8.0.36")),
        "", "Unsupported server version: '8.0.36'"),
    "an info file that is cut": (spoil("xtrabackup_info", lambda text: text[:100]), "",
                                 "Failed to parse xtrabackup_info"),
    "no info file": (spoil("xtrabackup_info", None), "", "Failed to parse xtrabackup_info"),
    "checkpoints that are cut": (spoil("xtrabackup_checkpoints", lambda text: text[:30]), "",
                                 "failed to read metadata"),
    "checkpoints in another order": (
        spoil("xtrabackup_checkpoints",
              lambda text: "".join(sorted(text.splitlines(True), reverse=True))), "",
        "failed to read metadata"),
    "an unknown state": (spoil("xtrabackup_checkpoints",
                               lambda text: text.replace("full-backuped", "half-done")), "",
                         "seems not to have correct metadata"),
    "no redo log": (spoil("xtrabackup_logfile", None), "", "cannot find"),
}


@pytest.mark.parametrize("case", PREPARE)
def test_a_prepare_is_refused_as_the_real_one_refuses_it(chain, case):
    spoiled, link, words = PREPARE[case]
    spoiled(chain)
    ran = chain("--target-dir=@full", *([f"--incremental-dir=@{link}"] if link else []))
    assert ran.status == 1 and words in ran.stderr, ran.stderr
    assert "completed OK!" not in ran.stderr


def test_an_unknown_option_of_a_prepare_is_found_before_the_pages_are_touched(chain):
    before = (chain.place / "full/ibdata1").read_bytes()
    ran = chain("--target-dir=@full", "--no-such-thing")
    assert ran.status == 1 and "unknown option" in ran.stderr
    assert "Starting InnoDB instance" not in ran.stderr
    assert (chain.place / "full/ibdata1").read_bytes() == before


def test_without_option_files_a_prepare_knows_nothing_of_the_page_size(chain):
    path = chain.place / "full/backup-my.cnf"
    path.write_text(path.read_text().replace("page_size=16384", "page_size=4096"))
    ran = world_run_first(chain, "--no-defaults")
    assert ran.status == 1 and "innodb_page_size start-up parameter" in ran.stderr


def world_run_first(chain, first):
    return standin.run(standin.install(chain.place, "8.4.0-5"), first, "--prepare",
                       f"--target-dir={chain.place}/full")


def test_only_a_finished_backup_is_copied_back_and_only_into_an_empty_directory(world, chain):
    prepared(chain)
    back = ["--copy-back", f"--target-dir={chain.place}/full", f"--datadir={chain.place}/new"]
    ran = world.run("--no-defaults", *back)
    assert ran.status == 1 and "is not fully prepared" in ran.stderr
    assert chain("--target-dir=@full").status == 0
    assert world.run("--no-defaults", *back).status == 0
    ran = world.run("--no-defaults", *back)
    assert ran.status == 1 and "is not empty!" in ran.stderr


def test_a_server_that_was_not_finished_is_not_what_a_server_starts_on(world, chain):
    """Between two links the redo log has xtrabackup's name."""
    prepared(chain)
    assert (chain.place / "full/xtrabackup_logfile").exists()
    assert not (chain.place / "full/ib_logfile0").exists()


# ---- the table of options -----------------------------------------------------------------------

# option: releases that know it, releases that do not
KNOWN = {
    "check-tables": (["8.4.0-6", "9.7.1-rc1"], ["8.0.35-36", "8.4.0-5"]),
    "page-tracking-merge-gap": (["8.4.0-7", "9.7.1-2"], ["8.4.0-6", "9.7.1-rc1", "8.0.35-36"]),
    "apply-redo-only": (["8.4.0-8", "9.7.2-2"], ["8.4.0-7", "9.7.1-rc1", "8.0.35-36"]),
    "no-version-check": (["8.0.35-36", "8.4.0-8"], ["9.7.1-rc1"]),
    "estimate-memory": (["8.0.32-26", "8.4.0-1"], ["8.0.30-23"]),
    "stats": (["8.0.30-23"], ["8.4.0-1"]),
    "tls-sni-servername": (["8.4.0-1"], ["8.0.35-34"]),
    "backup-locks": ([], ["8.0.35-34", "8.4.0-5", "9.7.1-2"]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_an_option_is_known_from_its_release_to_its_last(name, monkeypatch):
    monkeypatch.syspath_prepend(str(standin.PROGRAM.parent))
    import xtrabackup_options as options
    option = options.load_table()[name]
    known, unknown = KNOWN[name]
    for release in known:
        assert option.known_to(options.version_tuple(release)), release
    for release in unknown:
        assert not option.known_to(options.version_tuple(release)), release


# ---- the server ---------------------------------------------------------------------------------

def ask(world, sql, **login):
    who = {"user": mariadb.BACKUP_USER, "password": mariadb.BACKUP_PASSWORD, **login}
    done = subprocess.run(
        ["mariadb", "--no-defaults", f"--socket={world.front.socket}", f"--user={who['user']}",
         "--batch", "--raw"], env={**os.environ, "MYSQL_PWD": who["password"]}, input=sql,
        capture_output=True, text=True)
    return done.stdout, done.stderr


UNKNOWN = {
    "SELECT COUNT(*) FROM information_schema.INNODB_SYS_TABLES": 1109,
    "SELECT * FROM information_schema.GLOBAL_STATUS": 1109,
    "SHOW ALL SLAVES STATUS": 1064,
    "SHOW SLAVE STATUS": 1064,
    "SHOW MASTER STATUS": 1064,
    "BACKUP STAGE START": 1064,
    "LOCK TABLES FOR BACKUP": 1064,
    "SELECT @@server_uid": 1193,
    "SELECT @@gtid_current_pos": 1193,
    "SELECT @@skip_replication": 1193,
    "SET SESSION no_such_thing = 1": 1193,
    "SELECT * FROM sbtest.sbtest1": 1142,
    "SELECT * FROM performance_schema.threads": 1142,
    "SELECT mysqlbackup_page_track_get_start_lsn()": 1305,
}


@pytest.mark.parametrize("sql", UNKNOWN)
def test_what_mysql_refuses_is_refused_with_its_number(world, sql):
    told, said = ask(world, sql)
    assert f"ERROR {UNKNOWN[sql]} " in said and told == "", said


GUARDED = {"LOCK INSTANCE FOR BACKUP": "BACKUP_ADMIN", "UNLOCK INSTANCE": "BACKUP_ADMIN",
           "FLUSH NO_WRITE_TO_BINLOG BINARY LOGS": "RELOAD", "SHOW ENGINE INNODB STATUS": "PROCESS",
           "SELECT 1 FROM information_schema.INNODB_TABLES": "PROCESS",
           "SHOW REPLICA STATUS": "REPLICATION CLIENT",
           "SET sql_log_bin = 0": "SESSION_VARIABLES_ADMIN",
           "SELECT LOCAL FROM performance_schema.log_status": "BACKUP_ADMIN"}


@pytest.mark.parametrize("sql", GUARDED)
def test_a_privilege_of_mysql_is_wanted_for_what_needs_it(world, sql):
    with world.front.without(GUARDED[sql]):
        assert "ERROR 1227 (42000)" in ask(world, sql)[1]
    assert ask(world, sql)[1] == ""


def test_a_wrong_password_is_not_let_in(world):
    assert "ERROR 1045 (28000)" in ask(world, "SELECT 1", password="wrong")[1]
    assert "ERROR 1045 (28000)" in ask(world, "SELECT 1", user="root", password="")[1]


COLUMNS = {
    "SELECT * FROM performance_schema.log_status": "SERVER_UUID LOCAL REPLICATION STORAGE_ENGINES",
    "SELECT * FROM information_schema.INNODB_TABLES":
        "TABLE_ID NAME FLAG N_COLS SPACE ROW_FORMAT ZIP_PAGE_SIZE SPACE_TYPE INSTANT_COLS"
        " TOTAL_ROW_VERSIONS",
    "SELECT * FROM information_schema.INNODB_TABLESPACES":
        "SPACE NAME FLAG ROW_FORMAT PAGE_SIZE ZIP_PAGE_SIZE SPACE_TYPE FS_BLOCK_SIZE FILE_SIZE"
        " ALLOCATED_SIZE AUTOEXTEND_SIZE SERVER_VERSION SPACE_VERSION ENCRYPTION STATE",
    "SHOW BINARY LOG STATUS": "File Position Binlog_Do_DB Binlog_Ignore_DB Executed_Gtid_Set",
}


@pytest.mark.parametrize("sql", COLUMNS)
def test_answers_have_the_columns_of_mysql(world, sql):
    told, said = ask(world, sql)
    assert said == "" and told.splitlines()[0].split("\t") == COLUMNS[sql].split()


def test_variables_are_those_of_mysql_and_no_others(world):
    names = {line.split("\t")[0] for line in ask(world, "SHOW GLOBAL VARIABLES")[0].splitlines()}
    assert {"server_uuid", "gtid_executed", "innodb_redo_log_capacity"} <= names
    assert not names & {"server_uid", "gtid_current_pos", "aria_pagecache_buffer_size"}
    assert "innodb_undo_tablespaces" in names
    with world.front.but(version="9.7.1"):
        told = ask(world, "SHOW GLOBAL VARIABLES LIKE 'innodb_undo_tablespaces'")[0]
    assert told == "", "9.7.4 was seen not to have it"


def test_ddl_waits_while_another_holds_the_instance_and_writes_do_not(world):
    holder = subprocess.Popen(
        ["mariadb", "--no-defaults", f"--socket={world.front.socket}",
         f"--user={mariadb.BACKUP_USER}", "--unbuffered"], stdin=subprocess.PIPE, text=True,
        env={**os.environ, "MYSQL_PWD": mariadb.BACKUP_PASSWORD})
    try:
        holder.stdin.write("LOCK INSTANCE FOR BACKUP;\n")
        holder.stdin.flush()
        lsnsite.wait_until(lambda: world.front.statements()[-1][2].startswith("LOCK INSTANCE"),
                           limit=10)
        began = time.monotonic()
        said = ask(world, "SET lock_wait_timeout = 1; CREATE TABLE lsnchain.t (a INT)")[1]
        assert "ERROR 1205" in said and time.monotonic() - began >= 1
        assert ask(world, "SELECT 1")[1] == ""
    finally:
        holder.stdin.close()
        holder.wait()
    said = ask(world, "SET lock_wait_timeout = 1; CREATE TABLE lsnchain.t (a INT)")[1]
    assert "ERROR 1205" not in said
