# SPDX-License-Identifier: MIT
"""The whole story as a user without root: a uid and a gid that no file of the system names.

Who may read a server's files is tried in the ways that docs/ordinary-user.md tells of."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import lsnsite
import mariadb
import pytest

import conftest
from flavours import FLAVOUR

CONFIG, REFUSED, STORAGE, RESTORE, TIMEOUT = 10, 15, 16, 21, 23
UID = GID = 47110  # unused: nobody's files are theirs
CAPABILITY = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
SECURE_BIT = "--securebits=+no_setuid_fixup"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def dropped(*more, groups=None):
    """The words before a command that run it as the ordinary user."""
    of_groups = f"--groups={groups}" if groups else "--clear-groups"
    return ["setpriv", f"--reuid={UID}", f"--regid={GID}", of_groups, *more]


class UserSite(lsnsite.Site):
    """A site that belongs to the ordinary user, who runs all commands."""
    become = ()

    def command(self, *arguments, configuration=None):
        return [*self.become, *super().command(*arguments, configuration=configuration)]

    def configure(self, *arguments, **more):
        super().configure(*arguments, **more)
        for path in (self.conf, self.defaults_file):
            os.chown(path, UID, GID)

    def tree(self):
        return sorted(str(path) for top in (self.repository, self.state) for path in top.rglob("*"))


@pytest.fixture(scope="module")
def open_binary(binary, session_place):
    """Where everybody may run it, wherever it was built."""
    return pathlib.Path(shutil.copy(binary, session_place / "lsnchain"))


@pytest.fixture
def new_user_site(open_binary, place, receiver):
    def make(server, become):
        home = place / "home"
        home.mkdir()
        os.chown(home, UID, GID)
        site = UserSite(open_binary, home, server, receiver)
        site.become = become
        return site.init()
    return make


def group_of(server):
    return server.data.stat().st_gid


def open_to_group(server):
    """What docs/ordinary-user.md tells to type for a server that is there already."""
    for directory in (server.data, *(path for path in server.data.iterdir() if path.is_dir())):
        directory.chmod(0o750)


@pytest.fixture(scope="module")
def group_server(session_place, template):
    """A server that makes its directories 0750, as docs/ordinary-user.md tells."""
    server = conftest.start_server(template, session_place / "group", 101,
                                   environment={"UMASK_DIR": "0750"})
    open_to_group(server)
    server.fill(tables=2, rows=500)
    yield server
    server.stop()


@pytest.fixture
def group_site(new_user_site, group_server):
    return new_user_site(group_server, dropped(groups=group_of(group_server)))


@pytest.fixture
def capable_site(new_user_site, common_server):
    return new_user_site(common_server, dropped(*CAPABILITY, SECURE_BIT))


def owners(directory):
    return {(path.lstat().st_uid, path.lstat().st_gid)
            for path in [directory, *directory.rglob("*")]}


def run_as_user(*command, **more):
    return subprocess.run([*dropped(), *map(str, command)], capture_output=True, text=True,
                          check=False, **more)


@pytest.fixture
def restored_as_user(place):
    """A server on a restored directory, which starts it as the user whose files they are."""
    servers = []

    def start(directory):
        own = place / f"mine{len(servers)}"
        own.mkdir()
        subprocess.run(["chown", f"{UID}:{GID}", own], check=True)
        servers.append(mariadb.Server(directory, own, become=dropped()))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


# ---- the story -----------------------------------------------------------------------------------

def test_the_whole_story_runs_without_root(group_site, restored_as_user):
    site = group_site
    site.good("check")
    site.backup("full")
    site.server.sql("CREATE DATABASE later; CREATE TABLE later.t (n INT) ENGINE=InnoDB;"
                    "INSERT INTO later.t VALUES (1), (2)")
    site.server.flush()
    site.backup("incremental")
    site.server.sql("INSERT INTO later.t VALUES (3)")
    wanted = site.server.checksums()
    newest = site.backup("incremental")
    assert len(site.links()) == 3 and site.leftovers() == []
    assert newest in site.good("status").stdout
    site.good("verify", "--all", "--level=files")
    site.good("verify", "--all", "--level=prepare")
    site.good("catalog", "check")
    site.good("catalog", "rebuild")
    site.good("catalog", "check")

    target = site.new_target()
    told = site.good("restore", newest, f"--target-dir={target}")
    assert f"sudo chown -R mysql: '{target}'" in told.stdout
    assert owners(target) == {(UID, GID)} == owners(site.repository)
    assert restored_as_user(target).checksums() == wanted


def test_restore_sh_runs_without_root(capable_site, restored_as_user):
    site = capable_site
    site.backup("full")
    wanted = site.server.checksums()
    newest = site.backup("incremental")
    target = site.place / "by-hand"
    done = run_as_user("sh", site.directory(newest) / "RESTORE.sh", target, cwd=site.place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert owners(target) == {(UID, GID)}
    assert restored_as_user(target).checksums() == wanted


def test_a_killed_run_is_cleared_away_without_root(capable_site):
    """Published directories are 0550: without root they must be made writable before they go."""
    site = capable_site
    site.backup("full")
    for point in ("capture.made", "publish.renamed"):
        ran = site.run("backup", "--type=full", env={"LSNCHAIN_CRASH": point})
        assert ran.status < 0, f"{point}: {ran.said}"
        lsnsite.wait_until(lambda: site.run("backup", "--dry-run").status == 0)
        site.run("backup")
        assert site.leftovers() == [], point
        site.good("catalog", "check")
    assert owners(site.repository) == {(UID, GID)}


# ---- who may read the server's files -------------------------------------------------------------

def is_refused(site, *words):
    """check and backup say so, before anything is written; the check without a fuss."""
    before = site.tree()
    checked = site.run("check")
    assert checked.status == REFUSED, checked.said
    for word in ("may not read", *words, "CAP_DAC_READ_SEARCH", "UMASK_DIR", "sudo -u mysql"):
        assert str(word) in checked.stdout, f"{word!r} is not said: {checked.said}"
    ran = site.ended(REFUSED, "backup", words=["may not read", *words, "hint: ", "sudo -u mysql"])
    assert "engine" not in ran.stderr, ran.said
    assert site.links() == [] and site.leftovers() == []
    left = [path for path in site.tree() if path not in before]
    assert not any("/failed/" in path or "-full" in path for path in left), left
    assert site.alerts("backup_failed")


def test_a_data_directory_as_debian_makes_it_is_closed_to_an_ordinary_user(new_user_site,
                                                                           common_server):
    site = new_user_site(common_server, dropped())
    is_refused(site, f"user id {UID}", common_server.data)


@pytest.mark.only_on("mariadb", "MySQL's directories are open to the group by themselves")
def test_being_in_the_group_is_not_enough_while_the_directories_are_0700(new_user_site,
                                                                         common_server):
    site = new_user_site(common_server, dropped(groups=group_of(common_server)))
    is_refused(site, str(common_server.data), "and more of the server's files")


def test_a_data_directory_closed_as_a_whole_is_refused(group_site):
    data = group_site.server.data
    data.chmod(0o700)
    try:
        is_refused(group_site, f"may not read {data}")
    finally:
        data.chmod(0o750)


@pytest.mark.only_on("mariadb", "the names of files are its own")
def test_one_file_that_is_closed_is_found_before_the_engine_runs(group_site):
    of_mysql = group_site.server.data / "more.ibu"  # an undo tablespace
    of_mysql.touch()
    for name in ("sbtest/sbtest1.ibd", "sbtest/sbtest1.frm", "sbtest/db.opt", "mysql/db.MAD",
                 "mysql/slow_log.CSV", "ibdata1", "ib_logfile0", "aria_log_control",
                 of_mysql.name):
        path = group_site.server.data / name
        mode = path.stat().st_mode
        path.chmod(0o600)
        group_site.ended(REFUSED, "backup", words=[f"may not read {path}, a file of the server"])
        path.chmod(mode)
    of_mysql.unlink()
    assert group_site.links() == [] and group_site.leftovers() == []
    group_site.backup("full")


@pytest.mark.only_on("mariadb", "the names of files are its own")
def test_a_closed_file_outside_of_the_data_directory_is_found_before_the_engine_runs(
        new_user_site, place, new_server):
    there = {name: place / name for name in ("system", "tables")}
    for directory in there.values():
        directory.mkdir()
        mariadb.give_to_server(directory)
        directory.chmod(0o755)
    server = new_server()
    server.stop()
    system = there["system"] / "ibdata1"
    (server.data / "ibdata1").rename(system)
    server.options = [*server.options, f"--innodb-data-home-dir={there['system']}"]
    server.start()
    server.sql("CREATE DATABASE away; CREATE TABLE away.t (n INT) DATA DIRECTORY"
               f" '{there['tables']}'; INSERT INTO away.t VALUES (1)")
    site = new_user_site(server, dropped(groups=group_of(server)))
    site.configure(instance={"canary": "no"})
    table = there["tables"] / "away/t.ibd"
    for path in (table.parent, table, system):
        open_to_group(server)
        table.parent.chmod(0o750)
        mode = path.stat().st_mode
        path.chmod(0o700 if path.is_dir() else 0o600)
        named = table if path == table.parent else path
        site.ended(REFUSED, "backup", words=[f"may not read {named}, a file of the server"])
        path.chmod(mode)
    assert site.links() == [] and site.leftovers() == []
    site.backup("full")


def test_files_that_no_backup_needs_may_be_closed(group_site):
    paths = [group_site.server.data / name for name in ("private_key.pem", "sbtest/notes.txt")]
    for path in paths:
        path.write_text("x")
        path.chmod(0o600)
    try:
        group_site.backup("full")
    finally:
        for path in paths:
            path.unlink()


@pytest.mark.only_on("mariadb", "MySQL's directories are open to the group by themselves")
def test_a_new_schema_of_a_server_without_umask_dir_is_found(new_user_site, new_server):
    server = new_server()
    open_to_group(server)
    site = new_user_site(server, dropped(groups=group_of(server)))
    site.ended(REFUSED, "backup", words=[server.data / "lsnchain", "UMASK_DIR"])
    open_to_group(server)  # the canary's own schema was new, too
    site.backup("full")
    server.sql("CREATE DATABASE closed; CREATE TABLE closed.t (n INT)")
    site.ended(REFUSED, "backup", words=[server.data / "closed", "UMASK_DIR"])
    assert len(site.links()) == 1
    open_to_group(server)
    site.backup("incremental")


def test_the_capability_needs_the_secure_bit(new_user_site, common_server):
    site = new_user_site(common_server, dropped(*CAPABILITY))
    is_refused(site, "no-setuid-fixup")
    site.become = dropped(*CAPABILITY, SECURE_BIT)
    site.good("check")
    site.backup("full")
    site.backup("incremental")


def test_an_engine_dies_with_us_when_it_has_the_capability_too(capable_site):
    site = capable_site
    site.configure(instance={"throttle": "1M"})
    running = site.start("backup", "--type=full")
    try:
        lsnsite.wait_until(lambda: engines_of(running.pid), running)
        engine = engines_of(running.pid)[0]
        assert "dac_read_search" in capabilities_of(engine)
        running.kill()
        running.wait()
        lsnsite.wait_until(lambda: not is_alive(engine), limit=10)
    finally:
        running.kill()
        running.communicate()
    site.configure()
    site.backup("full")


def engines_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children
            if FLAVOUR.engine in pathlib.Path(f"/proc/{child}/cmdline").read_text()
            and "--backup" in pathlib.Path(f"/proc/{child}/cmdline").read_text()]


def capabilities_of(pid):
    line = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("CapEff:"))
    return "dac_read_search" if int(line.split()[1], 16) & (1 << 2) else ""


def is_alive(pid):
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_stall_says_when_the_engines_reads_could_not_be_seen(group_site):
    """The kernel hides the I/O of a program that its user may run but not read."""
    site = group_site
    hidden = site.place / FLAVOUR.engine
    shutil.copy(shutil.which(FLAVOUR.engine), hidden)
    hidden.chmod(0o111)
    site.configure(instance={"engine": hidden, "stall_timeout": "2s", "throttle": "1M"})
    running = site.start("backup", "--type=full")
    engine = None
    try:
        lsnsite.wait_until(lambda: engines_of(running.pid), running)
        engine = engines_of(running.pid)[0]
        time.sleep(1.5)
        os.kill(engine, signal.SIGSTOP)
        _, said = running.communicate(timeout=60)
    finally:
        if engine is not None and is_alive(engine):
            os.kill(engine, signal.SIGKILL)
        running.kill()
        running.communicate()
    assert running.returncode == TIMEOUT, said
    assert "nothing moved for 2s (whether it read cannot be seen" in said


# ---- what only root can do -----------------------------------------------------------------------

def test_giving_a_restore_away_needs_root_and_is_21(capable_site):
    site = capable_site
    site.backup("full")
    target = site.new_target()
    site.ended(RESTORE, "restore", f"--target-dir={target}", "--owner=mysql",
               words=["only root", "sudo chown -R mysql:"])
    assert not target.exists()


def test_the_repository_of_an_ordinary_user_is_no_place_for_root(capable_site):
    site = capable_site
    site.backup("full")
    before = site.tree()
    site.become = ()
    site.ended(CONFIG, "backup", words=[str(site.conf), f"user {UID}"])
    os.chown(site.conf, 0, 0)
    os.chown(site.defaults_file, 0, 0)
    for command in (["backup"], ["verify"], ["init"]):
        site.ended(REFUSED, *command, words=[f"sudo -u '#{UID}'"])
    assert site.tree() == before


def test_what_it_may_not_write_is_refused_by_its_name(capable_site):
    site = capable_site
    closed = site.place / "closed"
    closed.mkdir(mode=0o755)  # root's
    for general in ({"state_dir": closed / "new"},
                    {"repository": closed / "new", "state_dir": site.place / "state2"}):
        site.configure(general=general)
        ran = site.run("init")
        assert ran.status in (REFUSED, STORAGE), ran.said
        assert str(closed / "new") in ran.stderr and "ermission denied" in ran.stderr, ran.said
    assert list(closed.iterdir()) == []
    site.configure(instance={"scratch_dir": closed / "scratch"})
    ran = site.run("backup")
    assert ran.status == STORAGE and str(closed) in ran.stderr, ran.said


def test_another_users_repository_is_named_with_its_owner(capable_site):
    site = capable_site
    os.chown(site.repository / "lsnchain.repo", 0, 0)
    site.ended(REFUSED, "backup", words=["belongs to user root", "sudo -u root"])


def test_the_servers_own_user_needs_no_capability_and_no_group(new_user_site, common_server):
    status = common_server.data.stat()
    site = new_user_site(common_server, dropped())
    for path in [site.place, *site.place.rglob("*")]:
        os.chown(path, status.st_uid, status.st_gid)
    site.configure()
    for path in (site.conf, site.defaults_file):
        os.chown(path, status.st_uid, status.st_gid)
    site.become = ["setpriv", f"--reuid={status.st_uid}", f"--regid={status.st_gid}",
                   "--clear-groups"]
    site.backup("full")
    target = site.new_target()
    site.good("restore", f"--target-dir={target}", "--owner=mysql")
    assert owners(target) == {(status.st_uid, status.st_gid)}
