# SPDX-License-Identifier: MIT
"""The throwaway server, and `open`, which hands it to the operator."""
import contextlib
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time

import lsnsite
import pytest
from flavours import FLAVOUR

FAILED, CONFIG, UNFIT, REFUSED, STORAGE, VERIFY = 1, 10, 13, 15, 16, 20
UID = 47110  # unused: nobody's files are its
READY_LIMIT = 120

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
mariadb_only = pytest.mark.skipif(FLAVOUR.server.endswith("mysqld"), reason="tables of Aria")


class Opened:
    """A running `open`: its lines, its socket, and where it works."""

    def __init__(self, process):
        self.process = process
        self.text = ""
        deadline = time.monotonic() + READY_LIMIT
        while "until you interrupt" not in self.text:
            line = process.stdout.readline()
            if line == "" or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(self.text + process.stderr.read())
            self.text += line
        self.socket = re.search(r"--socket=(.*)$", self.text.splitlines()[1]).group(1)
        self.socket = pathlib.Path(shlex.split(self.socket)[0])

    @property
    def work(self):
        return self.socket.resolve().parent.parent

    @property
    def base(self):
        return self.work.parent / "chain/base"

    def server_pid(self):
        return int((self.work / "run/pid").read_text())

    def client(self, sql, become=()):
        return subprocess.run([*become, FLAVOUR.client, "--no-defaults", "--user=root",
                               f"--socket={self.socket}", "--batch", "--skip-column-names",
                               "--raw"], input=sql, capture_output=True, text=True)

    def sql(self, text):
        done = self.client(text)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=READY_LIMIT)
        return lsnsite.Ran(self.process.returncode, self.text + out, err)


@contextlib.contextmanager
def opened(site, *arguments, env=None):
    server = Opened(site.start("open", *arguments, env=env))
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()


def sums(directory):
    """Names, content, owner, mode and the times of all files."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(directory))] = (
            content, status.st_uid, status.st_mode, status.st_mtime_ns, status.st_ctime_ns)
    return found


def is_mounted(directory):
    return str(directory) in pathlib.Path("/proc/mounts").read_text()


def is_alive(pid):
    try:
        return " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


# ---- what it shows -------------------------------------------------------------------------------

@pytest.fixture
def busy_site(own_site):
    """A backup during which a transaction was open that deleted rows, and tables of all kinds."""
    server = own_site.server
    server.sql("CREATE DATABASE kinds; USE kinds;"
               "CREATE TABLE aria (n INT, t CHAR(250)) ENGINE=Aria;"
               "CREATE TABLE myisam (n INT, t CHAR(250)) ENGINE=MyISAM;"
               "CREATE TABLE csv (n INT NOT NULL) ENGINE=CSV; INSERT INTO csv VALUES (1), (2);"
               "INSERT INTO myisam SELECT id, c FROM sbtest.sbtest1;"
               "INSERT INTO aria SELECT id, c FROM sbtest.sbtest1")
    with server.open_transaction("DELETE FROM sbtest.sbtest1 WHERE id <= 100;"
                                 "UPDATE sbtest.sbtest2 SET c = 'not yet'"):
        own_site.backup("full")
    return own_site


@mariadb_only
def test_it_shows_what_was_committed_and_leaves_the_prepared_backup_as_it_is(busy_site):
    with opened(busy_site) as server:
        before = sums(server.base)
        seen = (server.work / "view").stat().st_mtime_ns
        late = [name for name, facts in before.items() if max(facts[3:]) > seen]
        assert late == [], "changed by one of the two starts"
        assert server.sql("SELECT COUNT(*) FROM sbtest.sbtest1") == [("500",)]
        assert server.sql("SELECT COUNT(*) FROM sbtest.sbtest2 WHERE c = 'not yet'") == [("0",)]
        tables = "sbtest.sbtest1, sbtest.sbtest2, kinds.aria, kinds.myisam, kinds.csv"
        assert {row[-1] for row in server.sql(f"CHECK TABLE {tables} EXTENDED")} == {"OK"}
        assert server.sql("SELECT COUNT(*) FROM kinds.aria UNION ALL SELECT COUNT(*) FROM kinds.csv") \
            == [("500",), ("2",)]
        refused = server.client("DELETE FROM sbtest.sbtest1")
        assert refused.returncode != 0 and "read only" in refused.stderr.lower()
        dump = shlex.split(server.text.splitlines()[2].split(" DATABASE")[0])
        told = subprocess.run([*dump, "sbtest", "sbtest1"], capture_output=True, text=True)
        assert told.returncode == 0 and "INSERT INTO" in told.stdout, told.stderr
        copied = [path.name for path in (server.work / "changes").rglob("*.M[YA][DI]")]
        assert copied == [], "copied by a look"
        assert sums(server.base) == before
        work, pid = server.work, server.server_pid()
        ended = server.end()
    assert ended.status == 128 + signal.SIGINT and ended.stderr == "", ended.said
    assert not is_alive(pid) and not is_mounted(work) and busy_site.leftovers() == []


def test_it_has_no_network_no_replication_no_events_and_no_binary_log(week):
    with opened(week) as server:
        assert server.sql("SELECT @@skip_networking, @@log_bin, @@event_scheduler,"
                          " @@innodb_read_only") == [("1", "0", "DISABLED", "1")]
        if os.geteuid() == 0:
            links = {os.readlink(f"/proc/{pid}/ns/net") for pid in ("self", server.server_pid())}
            assert len(links) == 2, "it has our network"
        assert server.end(signal.SIGTERM).status == 128 + signal.SIGTERM


@root_only
def test_no_other_user_of_the_host_gets_in(week, place):
    link = place / "by-name"
    with opened(week, f"--socket={link}") as server:
        assert server.socket == link and server.sql("SELECT 1") == [("1",)]
        stranger = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        away = server.client("SELECT 1", become=stranger)
        assert away.returncode != 0 and "(13)" in away.stderr, away.stderr
        status = pathlib.Path(f"/proc/{server.server_pid()}/status").read_text()
        assert re.search(r"^Uid:\t(64\d\d\d)\t\1\t\1\t\1$", status, re.M), "not of its own uid"
        assert re.search(r"^CapEff:\t0+$", status, re.M) and re.search(r"^Groups:\t *$", status, re.M)
        server.end()
    assert not link.is_symlink()
    link.write_text("mine")
    week.ended(REFUSED, "open", f"--socket={link}", words=[link, "hint: "])
    assert link.read_text() == "mine" and week.leftovers() == []


def test_an_earlier_backup_is_opened_as_it_was(week):
    with opened(week, week.ids[0]) as server:
        assert server.sql("SELECT MAX(day) FROM week.days") == [("0",)]
        server.end()


def test_on_the_rolling_base_it_needs_no_copy_and_leaves_the_base_for_the_next_link(week):
    week.good("verify", "--level=prepare")
    base = next(week.repository.glob(".scratch/shop/proof/rolling/base"))
    before = sums(base)
    with opened(week) as server:
        assert not server.base.exists()
        assert server.sql("SELECT MAX(day) FROM week.days") == [("2",)]
        assert server.sql("CHECK TABLE week.days, sbtest.sbtest1")[0][-1] == "OK"
        server.end()
    assert sums(base) == before
    week.backup("incremental")
    week.good("verify", "--level=prepare")
    with opened(week) as server:
        assert not server.base.exists() and server.sql("SELECT 1") == [("1",)]
        server.end()


def test_a_night_is_proven_while_somebody_looks_at_the_last_one(week):
    week.good("verify", "--level=prepare")
    with opened(week) as server:
        week.configure(instance={"verify_after": "queries"})
        ran = week.good("backup", "--type=incremental")
        assert "a copy of its own" in ran.stderr, "the base was changed under a server"
        assert week.newest()["proof"] == "queries"
        assert server.sql("SELECT MAX(day) FROM week.days") == [("2",)]
        server.end()
    assert week.leftovers() == []
    week.good("backup", "--type=incremental")


def test_a_path_with_all_that_options_are_split_at_is_fine(week, place):
    odd = place / ("a" * 60 + ", b:c\\d" + "f" * 40)
    odd.mkdir()
    week.configure(instance={"proof_dir": odd})
    week.ended(REFUSED, "open", f"--socket={odd / ('s' * 60)}",
               words=["too long for the address of a socket", "--socket"])
    for arguments in ([], [f"--socket={place / 's'}"]):
        with opened(week, *arguments) as server:
            assert server.sql("SELECT MAX(day) FROM week.days") == [("2",)]
            server.end()
    assert [path for path in odd.rglob("*") if not lsnsite.is_kept(path)] == []


# ---- how it ends ---------------------------------------------------------------------------------

def test_a_kill_of_ours_leaves_no_server_and_no_mount_and_the_next_run_removes_the_rest(week):
    with opened(week) as server:
        work, pid = server.work, server.server_pid()
        server.process.kill()
        server.process.wait()
    lsnsite.wait_until(lambda: not is_alive(pid))
    assert not is_mounted(work) and work.exists()
    with opened(week) as server:
        assert not work.exists()
        server.end()
    assert week.leftovers() == []


@pytest.mark.parametrize("point", ["trial.viewed", "trial.undone", "trial.up"])
def test_killed_at_a_step_of_a_start_it_leaves_what_the_next_run_removes(week, point):
    ran = week.run("open", env={"LSNCHAIN_CRASH": point})
    assert ran.status == -signal.SIGKILL, ran.said
    assert not is_mounted(week.repository)
    week.good("backup")
    assert week.leftovers() == []


def test_a_server_that_somebody_ends_is_no_fault_of_the_backup(week):
    with opened(week) as server:
        os.kill(server.server_pid(), signal.SIGKILL)
        _, said = server.process.communicate(timeout=READY_LIMIT)
        assert server.process.returncode == FAILED, said
        assert "ended by SIGKILL" in said and "hint: " in said
    assert week.leftovers() == []


def test_a_server_that_dies_on_the_data_is_20(week):
    with opened(week) as server:
        os.kill(server.server_pid(), signal.SIGSEGV)
        _, said = server.process.communicate(timeout=READY_LIMIT)
        assert server.process.returncode == VERIFY, said
        assert "died on this data" in said and "got signal 11" in said


def stand_in(place, *lines):
    """A server program of the right version that does not get far."""
    program = place / "stand-in-server"
    program.write_text("#!/bin/sh\n"
                       f'[ "$2" = --version ] && exec {FLAVOUR.server} --no-defaults --version\n'
                       + "\n".join(lines) + "\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("line, status, words", [
    ("[ERROR] InnoDB: Corrupted page [page id: space=0, page number=5]", VERIFY,
     ["does not start on this data", "Corrupted page"]),
    ("[ERROR] InnoDB: Cannot allocate memory for the buffer pool", FAILED, ["prepare_memory"]),
    ("[ERROR] mariadbd: unknown variable 'x=1'", CONFIG, ["server_options"]),
    ("[ERROR] Can't open file: 'x' (errno: 13 \"Permission denied\")", UNFIT, ["AppArmor"]),
    ("[ERROR] InnoDB: Write to file ./ibtmp1 failed: No space left on device", STORAGE, ["room"]),
])
def test_whose_fault_a_failed_start_is_stands_in_its_status(week, place, line, status, words):
    week.configure(instance={"server_binary": stand_in(place, f"echo {shlex.quote(line)}",
                                                       "echo '[ERROR] Aborting'", "exit 1")})
    week.ended(status, "open", words=[line.split("] ", 1)[1], *words])
    assert week.leftovers() == []


def test_options_of_the_user_reach_it_and_ours_are_refused(week):
    week.configure(instance={"server_options": "--max-allowed-packet=3M"})
    with opened(week) as server:
        assert server.sql("SELECT @@max_allowed_packet") == [(str(3 << 20),)]
        server.end()
    for option in ("--skip-grant-tables", "--sock=/x", "--loose_innodb_read_only=0", "word"):
        week.configure(instance={"server_options": option})
        week.ended(CONFIG, "open", words=["server_options" if option == "word" else "itself"])


def test_a_server_of_another_series_is_not_started(week, place):
    program = place / "old-server"
    program.write_text("#!/bin/sh\necho 'x  Ver 5.5.68-MariaDB for Linux on x86_64'\n")
    program.chmod(0o755)
    week.configure(instance={"server_binary": program})
    week.ended(UNFIT, "open", words=["5.5.68-MariaDB", "server_binary"])
    week.configure(instance={"server_binary": place / "no-server"})
    week.ended(UNFIT, "open", words=["no-server"])
    assert week.leftovers() == []


# ---- where it may not do what it would ------------------------------------------------------------

WITHOUT_NAMESPACES = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


class AwaySite(lsnsite.Site):
    """A site whose commands are run with other words before them."""
    become = ()

    def command(self, *arguments, configuration=None):
        return [*self.become, *super().command(*arguments, configuration=configuration)]


def away(week, become):
    week.__class__ = AwaySite
    week.become = become
    return week


@root_only
def test_root_without_namespaces_is_told_what_is_missing(week):
    site = away(week, WITHOUT_NAMESPACES)
    site.ended(UNFIT, "open", words=["namespaces", "CAP_SYS_ADMIN", "64637"])
    assert site.leftovers() == []


def just_enough_to_prepare(site):
    plain = [(link["type"], int(link["bytes_plain"])) for link in site.links()]
    largest = max(size for kind, size in plain if kind != "full")
    return f"{(sum(size for _, size in plain) + largest + (8 << 20)) >> 10}k"


@pytest.fixture
def users_week(week, place):
    """The same week as a user without root has it, with a program that he may run."""
    week.enough = just_enough_to_prepare(week)
    week.binary = shutil.copy(week.binary, place / "lsnchain")
    for path in (week.repository, week.state, week.conf, week.defaults_file):
        subprocess.run(["chown", "-R", f"{UID}:{UID}", path], check=True)
    return week


AS_USER = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
# The kernel gives no user namespace to whom chroot() moved, be it to the same tree.
MOVED = ["unshare", "--mount", "sh", "-c", 'mount --rbind / "$0" && exec chroot "$0" "$@"']


@pytest.fixture
def without_namespaces(place):
    root = place / "root"
    root.mkdir()
    return [*MOVED, str(root), *AS_USER]


def look_as_user(site, view):
    with opened(site) as server:
        assert server.sql("SELECT MAX(day) FROM week.days") == [("2",)]
        status = pathlib.Path(f"/proc/{server.server_pid()}/status").read_text()
        assert re.search(rf"^Uid:\t{UID}\t", status, re.M)
        is_copy = (server.work / "view/ibdata1").exists()  # of an overlay nothing is seen here
        assert is_copy == (view == "copy")
        assert server.end().status == 128 + signal.SIGINT
    assert site.leftovers() == []


@root_only
def test_an_ordinary_user_has_it_on_an_overlay_of_his_own_namespace(users_week):
    look_as_user(away(users_week, AS_USER), "overlay")


@root_only
def test_an_ordinary_user_without_namespaces_has_it_on_a_copy(users_week, without_namespaces):
    look_as_user(away(users_week, without_namespaces), "copy")


@root_only
def test_without_overlay_and_without_room_for_a_copy_it_is_not_reached(
        users_week, without_namespaces, small_disk):
    disk = small_disk("disk", users_week.enough)
    os.chown(disk, UID, UID)
    users_week.configure(instance={"proof_dir": disk})
    os.chown(users_week.conf, UID, UID)
    away(users_week, without_namespaces).ended(
        STORAGE, "open", words=["no overlay", "a copy of the prepared", disk, "hint: "], limit=60)
    assert [path for path in disk.rglob("*") if not lsnsite.is_kept(path)] == []


@root_only
def test_without_room_for_what_it_changes_it_is_not_started(week, small_disk):
    week.configure(instance={"proof_dir": small_disk("disk", just_enough_to_prepare(week))})
    week.ended(STORAGE, "open", words=["what a server changes", "free", "hint: "], limit=60)
    assert week.leftovers() == []


def test_without_a_configuration_it_opens_what_a_repository_holds(week):
    process = subprocess.Popen([str(week.binary), f"--repository={week.repository}", "open"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=week.environment({"TMPDIR": str(week.place)}))
    server = Opened(process)
    assert server.sql("SELECT MAX(day) FROM week.days") == [("2",)]
    assert server.end().status == 128 + signal.SIGINT
    assert list(week.place.glob("lsnchain-open-*")) == []
