# SPDX-License-Identifier: MIT
"""What a test restore is asked, of the kinds of harm and of trouble that only a real one has."""
import hashlib
import os
import pathlib
import signal
import struct
import time

import pytest

import lsnsite
import zoo
from conftest import cases_of

pytestmark = pytest.mark.only_on("mariadb", "its zoo, its sequences of rows, its page checksums")

FAILED, VERIFY = 1, 20
PAGE = 16384


def asserting(*queries):
    lines = [f"query-{number} = {sql}" for number, sql in enumerate(queries)]
    return "\n".join(["[assert shop]", *lines, ""])


def verified(ran):
    return ran.json["instances"][0]["verified"][0]


# ---- damage that no engine looks for ------------------------------------------------------------

def crc32c(data):
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def index_of(page):
    """The id of the index that it is a leaf of, or None."""
    kind, level, index = page[24:26], page[64:66], page[66:74]
    return struct.unpack(">Q", index)[0] if kind == b"\x45\xbf" and level == b"\0\0" else None


def spoil_secondary_index(path, old, new):
    """Another key in a leaf of the index, and a checksum that is right: memory that was bad when
    the page was written."""
    data = bytearray(path.read_bytes())
    starts = [at for at in range(0, len(data), PAGE) if index_of(data[at:at + PAGE]) is not None]
    clustered = min(index_of(data[at:at + PAGE]) for at in starts)
    at = next(at for at in starts if index_of(data[at:at + PAGE]) != clustered
              and old in data[at:at + PAGE])
    page = bytes(data[at:at + PAGE]).replace(old, new, 1)
    data[at:at + PAGE] = page[:-4] + struct.pack(">I", crc32c(page[:-4]))
    path.write_bytes(data)


def test_a_page_that_prepare_takes_for_sound_is_found_by_check_table_and_named(own_site):
    server = own_site.server
    server.sql("CREATE DATABASE warehouse; CREATE TABLE warehouse.parts"
               " (id INT PRIMARY KEY, code CHAR(20) CHARACTER SET latin1, KEY (code));"
               "INSERT INTO warehouse.parts SELECT seq, CONCAT('part-', LPAD(seq, 6, '0'))"
               " FROM warehouse.seq_1_to_2000")
    server.stop()
    spoil_secondary_index(server.data / "warehouse/parts.ibd", b"part-000777", b"zart-000777")
    server.start()
    own_site.configure(instance={"verify_after": "prepare"})
    own_site.good("backup")
    link = own_site.newest()
    assert link["proof"] == "prepare" and link["proven"], "neither backup nor prepare notice it"
    found = verified(own_site.ended(VERIFY, "verify", "--level=queries", "--output=json"))
    assert found["reached"] == "server", found
    assert [(fault["schema"], fault["name"]) for fault in found["faults"]] == [("warehouse", "parts")]
    assert "code" in found["faults"][0]["message"], "the index is named"
    assert own_site.link(link["id"])["proof_failed"] == "queries"
    assert own_site.states()[link["id"]] == "complete", "its rows can still be restored"
    assert "warehouse.parts" in own_site.ended(VERIFY, "verify", "--level=queries").stderr


# ---- a list that is not that of the backup ------------------------------------------------------

def make_writable(path):
    path.parent.chmod(0o750)
    path.chmod(0o640)


def relist(site, backup_id, change):
    """Another tables.tsv, and all sums made right again: only the server can notice."""
    directory = site.directory(backup_id)
    listed, sums = directory / "tables.tsv", directory / "SHA256SUMS"
    for path in (listed, sums, directory / "backup.ini"):
        make_writable(path)
    old = [hashlib.sha256(listed.read_bytes()).hexdigest()]
    listed.write_text(change(listed.read_text()))
    old.append(hashlib.sha256(sums.read_bytes()).hexdigest())
    sums.write_text(sums.read_text().replace(
        old[0], hashlib.sha256(listed.read_bytes()).hexdigest()))
    lsnsite.rewrite_checked(directory / "backup.ini", old[1],
                            hashlib.sha256(sums.read_bytes()).hexdigest())
    site.good("catalog", "rebuild")


def without_sbtest1(text):
    return "".join(line for line in text.splitlines(True) if "\tsbtest1\t" not in line)


LISTS = {
    "a table that the restore does not have": (
        lambda text: text + "week\twages\tMEMORY\tempty\tboth\n",
        "week.wages: was backed up, but is not in the restore"),
    "a table that was not backed up": (
        without_sbtest1, "sbtest.sbtest1: is in the restore, but was not backed up"),
    "a table of another engine": (
        lambda text: text.replace("\tsbtest1\tInnoDB\t", "\tsbtest1\tMEMORY\t"),
        "sbtest.sbtest1: was MEMORY, and is InnoDB in the restore"),
    "a table that was made during the capture and is not in it": (
        lambda text: text + "week\twages\tInnoDB\t1M\tafter\n", None),
    "a table that was dropped during the capture and is in it": (
        lambda text: text.replace("\tsbtest1\tInnoDB\t1M\tboth",
                                  "\tsbtest1\tInnoDB\t1M\tbefore"), None),
}


@pytest.fixture(scope="module")
def lists_told(drill, request):
    def compare(week, case):
        change, sentence = LISTS[case]
        relist(week, week.ids[0], change)
        if sentence is None:
            week.good("verify", week.ids[0], "--level=server")
            return
        found = verified(week.ended(VERIFY, "verify", week.ids[0], "--level=server",
                                    "--output=json"))
        assert found["reached"] == "prepare", found
        assert found["error"]["message"] == sentence
        assert week.states()[week.ids[0]] == "complete"
    return drill(compare, cases_of(request, "test_tables_are_compared_with_the_list_of_the_backup"))


@pytest.mark.parametrize("case", LISTS)
def test_tables_are_compared_with_the_list_of_the_backup(lists_told, case):
    assert not lists_told[case], lists_told[case]


# ---- nothing of this is a fault -----------------------------------------------------------------

PLUGINS = ("--plugin-load-add=ha_archive", "--plugin-load-add=ha_blackhole")


@pytest.fixture
def zoo_site(binary, place, new_server, receiver):
    """One of everything that a server can hold, and a view of a table that is gone by a user who
    is gone."""
    server = new_server(*PLUGINS)
    server.sql(zoo.part(0))
    server.sql(zoo.named_tables(0))
    server.sql("CREATE TABLE zoo.short_lived (a INT); CREATE USER ghost@localhost;"
               "GRANT ALL ON zoo.* TO ghost@localhost;"
               "CREATE DEFINER = ghost@localhost VIEW zoo.of_short_lived AS"
               " SELECT * FROM zoo.short_lived; DROP TABLE zoo.short_lived;"
               "DROP USER ghost@localhost")
    return lsnsite.Site(binary, place, server, receiver).init()


def test_one_of_everything_passes_and_an_engine_that_is_not_there_is_named(zoo_site):
    zoo_site.good("backup")
    found = verified(zoo_site.good("verify", "--level=queries", "--output=json"))
    assert found["passed"] and found["faults"] == [] and found["left"] == 0
    assert found["checked"] > 100, "tables of all engines and names"
    zoo_site.configure(instance={"server_options": "--archive=OFF"})
    zoo_site.ended(VERIFY, "verify", "--level=queries",
                   words=["zoo.archived: Unknown storage engine 'ARCHIVE'", "server_options"])


# ---- a turn for each table ----------------------------------------------------------------------

def checked_by(site):
    """Of each table when it was checked, as it is remembered."""
    lines = (site.state / site.INSTANCE / "checked.tsv").read_text().splitlines()[1:]
    return {tuple(line.split("\t")[:2]): line.split("\t")[3] for line in lines}


def test_with_too_little_time_each_drill_checks_other_tables(week):
    ran = week.good("verify", "--level=queries", "--fresh", "--max-time=1s", "--output=json",
                    env={"LSNCHAIN_CLOCK": "+100"})
    found = verified(ran)
    assert found["passed"] and found["checked"] >= 1, "one is checked, however late it is"
    seen = {table for table, at in checked_by(week).items() if at}
    if found["left"] > 0:
        assert 0 < len(seen) < len(checked_by(week))
    for clock in ("+200", "+300"):
        before = seen
        found = verified(week.good("verify", "--level=queries", "--fresh", "--max-time=1s",
                                   "--output=json", env={"LSNCHAIN_CLOCK": clock}))
        seen = {table for table, at in checked_by(week).items() if at}
        assert before <= seen and (len(seen) > len(before) or len(seen) == len(checked_by(week)))
    all_of_them = verified(week.good("verify", "--level=queries", "--fresh", "--output=json"))
    assert all_of_them["left"] == 0


# ---- trouble ------------------------------------------------------------------------------------

def test_a_restore_of_another_moment_is_told_by_its_canary(own_site):
    """The backup says of itself that it was taken after a row that is not in it."""
    own_site.good("backup")
    link = own_site.newest()
    facts = own_site.directory(link["id"]) / "backup.ini"
    mode = facts.stat().st_mode
    facts.chmod(0o640)
    lsnsite.rewrite_checked(facts, link["canary"], "0" * 8 + link["canary"][8:])
    facts.chmod(mode)
    own_site.good("catalog", "rebuild")
    ran = own_site.ended(VERIFY, "verify", "--level=queries", words=["canary"])
    assert "lsnchain.canary" in ran.stderr
    assert own_site.newest()["proof_failed"] == "queries"


def test_an_assertion_that_would_write_or_makes_no_sense_fails_with_the_servers_words(own_site):
    own_site.good("backup")
    own_site.configure(more=asserting(
        "SELECT COUNT(*) = 500 FROM sbtest.sbtest1", "DELETE FROM sbtest.sbtest1 RETURNING 1",
        "SELECT COUNT(*) FROM sbtest.nothing", "SELECT NULL", "SHUTDOWN", "SELECT 1; SELECT 1"))
    found = verified(own_site.ended(VERIFY, "verify", "--level=queries", "--output=json"))
    assert [query["passed"] for query in found["asserts"]] == [True] + 5 * [False]
    answers = [query["answer"] for query in found["asserts"]]
    for answer, part in zip(answers, ("1", "READ ONLY", "doesn't exist", "NULL", "not asked",
                                      "SQL syntax")):
        assert part in answer, answers
    assert "query-1" in found["error"]["message"] and "4 more" in found["error"]["message"]
    assert found["checked"] > 2, "the tables were checked all the same"


def children_of(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child), *children_of(int(child))]
    return found


def opened_by(pid):
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield os.readlink(path)
        except FileNotFoundError:  # closed meanwhile
            pass


def server_that_is_asked(process):
    """The throwaway server of this run, once the run is connected to it."""
    if not any(name.startswith("socket:") for name in opened_by(process.pid)):
        return None
    for pid in children_of(process.pid):
        program = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        if pathlib.Path(os.fsdecode(program)).name in ("mariadbd", "mysqld"):
            return pid
    return None


@pytest.fixture
def asking(own_site):
    """A verify that waits for an assertion: its server has been up for a while."""
    own_site.good("backup")
    own_site.configure(more=asserting("SELECT SLEEP(40) + 1"))
    process = own_site.start("-v", "verify", "--level=queries", "--fresh")
    try:
        lsnsite.wait_until(lambda: server_that_is_asked(process), process)
        time.sleep(2)
        yield own_site, process, server_that_is_asked(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_throwaway_server_that_somebody_kills_is_no_fault_of_the_backup(asking):
    site, process, server = asking
    os.kill(server, signal.SIGKILL)
    _, said = process.communicate(timeout=30)
    assert process.returncode == FAILED, said
    assert "assertion query-0: the throwaway server was ended" in said, said
    link = site.newest()
    assert link["proof_failed"] == "none" and link["proof"] == "server"


def test_an_interrupt_ends_a_question_at_once(asking):
    site, process, server = asking
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 15
    assert process.returncode == 128 + signal.SIGINT, said
    assert not pathlib.Path(f"/proc/{server}").exists(), "its server is stopped"
    assert site.newest()["proof_failed"] == "none" and site.leftovers() == []


# ---- check --------------------------------------------------------------------------------------

def test_check_warns_of_assertions_that_nobody_asks(site):
    def probe():
        found = site.run("check", "--output=json").json["instances"][0]["probes"]
        return next(probe for probe in found if probe["name"] == "assertions")
    assert probe()["result"] == "ok" and "none" in probe()["message"]
    site.configure(instance={"verify_after": "prepare"}, more=asserting("SELECT 1", "SELECT 2"))
    assert probe()["result"] == "warning" and "verify_after" in probe()["hint"]
    assert "2" in probe()["message"]
    site.configure(instance={"verify_after": "queries"}, more=asserting("SELECT 1", "SELECT 2"))
    assert probe()["result"] == "ok"
    shown = site.good("config", "show").stdout
    assert "query-1" in shown and "SELECT 2" in shown
