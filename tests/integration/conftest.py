# SPDX-License-Identifier: MIT
"""What the integration tests stand on.  Environment:

LSNCHAIN_BINARY   the program under test (else build/test/lsnchain)
LSNCHAIN_COUNTS   a file for "passed failed", read by scripts/test
LSNCHAIN_MAY_ALL  yes: this host can do all, so a skipped test counts as failed
LSNCHAIN_LARGE    yes: also what takes minutes, see scripts/test-awkward
LSNCHAIN_TEST_FLAVOUR  the kind of server, see flavours.py; a test marked only_on another kind is
                       not applicable: neither passed, nor failed, nor skipped
"""
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import traceback

import pytest

import lsnsite
import mariadb
import receiver as receivers
from flavours import FLAVOUR

AT_ONCE = 3
LARGE = os.environ.get("LSNCHAIN_LARGE") == "yes"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure(config):
    config.not_applicable = config.left_out = []
    config.addinivalue_line("markers", "only_on(flavour, why): of no meaning on other servers")
    config.addinivalue_line("markers", "large: only with LSNCHAIN_LARGE=yes")


def applies(item):
    return all(mark.args[0] == FLAVOUR.name for mark in item.iter_markers("only_on"))


def largest_files_first(items):
    """So that none of them is left for the end, when all but one worker have nothing to do."""
    sizes = collections.Counter(item.module for item in items)
    items.sort(key=lambda item: -sizes[item.module])


def pytest_collection_modifyitems(config, items):
    largest_files_first(items)
    config.not_applicable = [item for item in items if not applies(item)]
    config.left_out = [item for item in items if not LARGE and item.get_closest_marker("large")]
    config.hook.pytest_deselected(items=config.not_applicable + config.left_out)
    items[:] = [item for item in items if applies(item) and item not in config.left_out]


def not_run(config):
    """What a reader must not take for tested, a line each."""
    foreign, left_out = config.not_applicable, config.left_out
    lines = [f"{FLAVOUR.name}: {len(foreign)} tests are not applicable"] if foreign else []
    for item in foreign:
        why = next(mark.args[1] for mark in item.iter_markers("only_on")
                   if mark.args[0] != FLAVOUR.name)
        lines.append(f"  {item.nodeid}: {why}")
    if left_out:
        lines.append(f"{len(left_out)} large tests are left to scripts/test-awkward --large")
    return lines


def pytest_sessionfinish(session):
    """Where several processes share the tests, those that collected them must tell the first."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_run"] = not_run(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.told = getattr(node, "workeroutput", {}).get("not_run", [])


def pytest_terminal_summary(terminalreporter):
    config = terminalreporter.config
    for line in config.told if hasattr(config, "told") else not_run(config):
        terminalreporter.write_line(line)
    counts_file = os.environ.get("LSNCHAIN_COUNTS")
    if not counts_file:
        return
    count = {kind: len(terminalreporter.stats.get(kind, [])) for kind in
             ("passed", "failed", "error", "skipped")}
    failed = count["failed"] + count["error"]
    if os.environ.get("LSNCHAIN_MAY_ALL") == "yes":
        failed += count["skipped"]
    pathlib.Path(counts_file).write_text(f"{count['passed']} {failed}\n")


@pytest.fixture(scope="session")
def session_place():
    """Short, for the path of a socket has 107 bytes at most, and open to the user mysql."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="it."))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def template(session_place):
    return mariadb.make_template(session_place / "template")


@pytest.fixture
def place(session_place):
    """A directory of this test alone."""
    place = pathlib.Path(tempfile.mkdtemp(dir=session_place, prefix="t."))
    place.chmod(0o755)
    yield place
    subprocess.run(["chmod", "-R", "u+rwx", place], check=False)
    shutil.rmtree(place, ignore_errors=True)


def start_server(template, own, number, options=(), environment=None):
    own.mkdir()
    data = mariadb.copy_of_template(template, own / "data")
    server = mariadb.Server(data, own, ["--log-bin=bin", f"--server-id={number}", *options],
                            environment=environment)
    try:
        server.start().add_backup_user()
    except BaseException:
        server.stop()
        raise
    return server


@pytest.fixture
def new_server(place, template):
    """Starts private servers, each on a data directory of its own: new_server("--option")."""
    servers = []

    def start(*options):
        number = len(servers) + 1
        servers.append(start_server(template, place / f"s{number}", number, options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(new_server):
    """For a test that restarts it, changes its grants or must know all that it holds."""
    return new_server()


@pytest.fixture(scope="session")
def common_server(session_place, template):
    """For all who only back it up; no test may restart it."""
    server = start_server(template, session_place / "common", 100)
    server.fill(tables=4, rows=1000)
    yield server
    server.stop()


@pytest.fixture
def restored(place):
    """A server on a restored directory: with restored(directory) as server."""
    @contextlib.contextmanager
    def start(directory, *options):
        own = pathlib.Path(tempfile.mkdtemp(dir=place, prefix="r."))
        own.chmod(0o755)
        server = mariadb.Server(directory, own, options)
        try:
            yield server.start()
        finally:
            server.stop()
    return start


@pytest.fixture
def receiver():
    receiver = receivers.Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def new_receiver():
    """Starts receivers that answer as they are told: new_receiver("500", "204")."""
    started = []

    def start(*answers, **how):
        started.append(receivers.Moody(*answers, **how))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def certificates(session_place):
    """good.pem for 127.0.0.1 and other.pem for another host, of the CA in ca.pem."""
    place = session_place / "certificates"
    place.mkdir()
    subprocess.run(["sh", ROOT / "tests/fakes/receivers/certificates.sh", place], check=True)
    return place


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("LSNCHAIN_BINARY", ROOT / "build/test/lsnchain"))
    assert path.exists(), f"{path} is not built: cmake --preset test && cmake --build build/test"
    return path


@pytest.fixture
def bare_site(binary, place, common_server, receiver):
    """A site on the common server whose repository does not exist yet."""
    return lsnsite.Site(binary, place, common_server, receiver)


@pytest.fixture
def site(bare_site):
    """A site with a repository and some rows."""
    return bare_site.init()


@pytest.fixture
def own_site(binary, place, server, receiver):
    """A site with a server of its own and some rows."""
    server.fill(tables=2, rows=500)
    return lsnsite.Site(binary, place, server, receiver).init()


@pytest.fixture(scope="session")
def week_template(binary, session_place, common_server):
    """A full and two incrementals of a quiet server; what its tables held at each."""
    place = session_place / "week"
    place.mkdir()
    site = lsnsite.Site(binary, place, common_server).init()
    links = []
    for number, kind in enumerate(("full", "incremental", "incremental")):
        common_server.sql("CREATE DATABASE IF NOT EXISTS week;"
                          "CREATE TABLE IF NOT EXISTS week.days (day INT PRIMARY KEY);"
                          f"INSERT INTO week.days VALUES ({number});"
                          f"UPDATE sbtest.sbtest1 SET c = 'link {number}' WHERE id <= 300")
        common_server.flush()
        checksums = common_server.checksums()
        links.append((site.backup(kind), checksums))
    return site, links


def copy_of_week(week_template, place, receiver=None):
    template, links = week_template
    subprocess.run(["cp", "-a", template.repository, template.state, place], check=True)
    site = lsnsite.Site(template.binary, place, template.server, receiver)
    site.ids = [backup_id for backup_id, _ in links]
    site.checksums = [checksums for _, checksums in links]
    return site


@pytest.fixture
def week(place, receiver, week_template):
    """A copy of that week, to be spoiled: week.ids, and week.checksums of each."""
    return copy_of_week(week_template, place, receiver)


@pytest.fixture(scope="session")
def drill(session_place, week_template):
    """Tries a function on many cases, each on a week of its own and three at a time, for they wait
    more than they work: drill(function, cases) is a dict of what went wrong, "" for nothing."""
    def one(function, case):
        place = pathlib.Path(tempfile.mkdtemp(dir=session_place, prefix="d."))
        place.chmod(0o755)
        receiver = receivers.Receiver()
        try:
            function(copy_of_week(week_template, place, receiver), case)
            return ""
        except BaseException:
            return traceback.format_exc()
        finally:
            receiver.close()
            subprocess.run(["chmod", "-R", "u+rwx", place], check=False)
            shutil.rmtree(place, ignore_errors=True)

    def run(function, cases):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(cases, pool.map(lambda case: one(function, case), cases)))
    return run


def cases_of(request, name):
    """The parameters with which a test of this module was asked for."""
    return [item.callspec.params["case"] for item in request.session.items
            if item.module is request.module and item.originalname == name]


@pytest.fixture
def expect_restorable(restored):
    """A link of a week comes back with the rows that it was taken of."""
    def check(site, number):
        with restored(site.restore(site.ids[number])) as copy:
            assert copy.checksums() == site.checksums[number]
            assert copy.broken_tables() == []
    return check


@pytest.fixture
def small_disk(place):
    """Mounts file systems of a given size: small_disk("name", "8M")."""
    mounted = []

    def mount(name, size):
        path = place / name
        path.mkdir(exist_ok=True)
        if os.geteuid() != 0:
            pytest.skip("only root may mount a small disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "none", path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"this host lets nobody mount: {done.stderr.strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", path], check=True)
