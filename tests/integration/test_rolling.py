# SPDX-License-Identifier: MIT
"""The rolling base on a real server: each link costs what it holds, whatever happens to the base."""
import concurrent.futures
import os
import pathlib
import re
import signal

import lsnsite
import pytest
from test_ordinary_user import CAPABILITY, SECURE_BIT, dropped, new_user_site, open_binary
from test_proof import tree_state

from conftest import cases_of

WARNINGS, STORAGE, VERIFY = 3, 16, 20
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"

# The real engine, but on its way to an incremental the word in engine.harm says what goes wrong
# first; "once-" has it go wrong on the base only, not on the fresh copy after it.
HARMFUL_ENGINE = """#!/bin/sh
harm=$(cat "$0.harm" 2>/dev/null)
for word in "$@"; do case $word in
--target-dir=*) base=${word#*=} ;;
--incremental-dir=*) incr=${word#*=} ;;
esac; done
if [ -n "$incr" ]; then
    case $harm in
    once-*) rm "$0.harm" ;;
    esac
    case $harm in
    *fills) head -c 1G /dev/zero >"$base"/filler 2>/dev/null ;;
    *spoils) : >"$base"/sbtest/sbtest1.ibd ;;
    *loses) rm "$incr"/sbtest/sbtest1.ibd.delta "$incr"/sbtest/sbtest1.ibd.meta ;;
    esac
fi
exec /usr/bin/mariadb-backup "$@"
"""


class Engine:
    """The site's engine from now on: engine.harm("once-spoils")."""

    def __init__(self, site, **more):
        self.path = site.place / "engine"
        self.path.write_text(HARMFUL_ENGINE)
        self.path.chmod(0o755)
        site.configure(instance={"engine": self.path, **more})

    def harm(self, what):
        self.path.with_suffix(".harm").write_text(what)


def base_of(site):
    return site.repository / ".scratch/shop/proof/rolling"


def stands_at(site):
    """The links in the base, as its own state file says."""
    text = (base_of(site) / "state.ini").read_text()
    assert "\nhalf = \n" in text
    return [line.split(" = ")[0] for line in text.split("[links]\n")[1].splitlines()]


def unsealed(ran):
    return re.findall(r"unsealing (\S+)", ran.stderr)


def prove(site, *more, status=0, level="prepare", **options):
    return site.ended(status, "-v", "verify", f"--level={level}", *more, **options)


def a_base_and_a_new_link(week):
    """The base stands at the last link of the week, and one more was taken."""
    prove(week)
    assert stands_at(week) == week.ids
    week.ids.append(week.backup("incremental"))


# What happens between two backups of the chain.
DAYS = (
    "ALTER TABLE sbtest.sbtest1 ADD extra INT DEFAULT 7, ALGORITHM=INSTANT",
    "CREATE TABLE sbtest.born (a INT PRIMARY KEY, b TEXT) AS SELECT id a, c b FROM sbtest.sbtest1",
    "RENAME TABLE sbtest.sbtest2 TO sbtest.renamed; CREATE DATABASE second;"
    "CREATE TABLE second.aria (a INT) ENGINE=Aria; CREATE TABLE second.isam (a INT) ENGINE=MyISAM",
    "ALTER TABLE sbtest.born ADD INDEX (b(20)); INSERT INTO second.aria SELECT a FROM sbtest.born;"
    "INSERT INTO second.isam SELECT a FROM sbtest.born; TRUNCATE sbtest.renamed",
    "DROP TABLE sbtest.born; ALTER TABLE second.isam ENGINE=InnoDB",
    "DROP DATABASE second; OPTIMIZE TABLE sbtest.sbtest1",
)


def test_seven_links_under_writes_and_ddl_are_each_proven_for_what_they_hold(own_site, restored):
    site, ids, taken = own_site, [], []
    for day in ("SELECT 1", *DAYS):
        site.server.sql(f"{day}; UPDATE sbtest.sbtest1 SET c = 'day {len(ids)}' WHERE id <= 200")
        ids.append(site.backup("full" if not ids else "incremental"))
        site.server.flush()
        taken.append(site.server.checksums())
        assert unsealed(prove(site, level="queries")) == [ids[-1]], "only what is new is read"
        assert stands_at(site) == ids
    assert len(ids) == 7 and all(link["proof"] == "queries" for link in site.links())
    with restored(site.restore(ids[-1])) as copy:
        assert copy.checksums() == taken[-1] and copy.broken_tables() == []
    assert site.leftovers() == []


def test_nights_without_a_proof_are_caught_up_with(week):
    prove(week, week.ids[0])  # not the newest: a copy of its own
    assert not base_of(week).exists()
    prove(week)
    week.ids += [week.backup("incremental"), week.backup("incremental")]
    assert unsealed(prove(week, level="queries")) == week.ids[-2:]
    assert stands_at(week) == week.ids


def test_without_the_rolling_base_nothing_is_kept(week):
    a_base_and_a_new_link(week)
    week.configure(instance={"rolling_base": "no"})
    week.good("backup")
    assert not (base_of(week) / "base").exists(), "the next run removes what it will not use"
    prove(week)
    assert week.captures() == [] and not (base_of(week) / "base").exists()


def test_the_base_of_a_chain_that_has_gone_goes_too(week):
    prove(week)
    full = week.backup("full")
    week.good("remove", week.ids[0], "--force")
    week.good("backup")
    assert not (base_of(week) / "base").exists()
    assert unsealed(prove(week))[0] == full


# ---- what fails on the base ----------------------------------------------------------------------

def test_a_base_that_somebody_has_touched_is_made_anew_with_a_warning(week):
    a_base_and_a_new_link(week)
    victim = base_of(week) / "base/sbtest/sbtest1.ibd"
    lsnsite.flip_byte(victim)
    ran = prove(week, status=WARNINGS, level="queries", words=["was changed since the last proof"])
    assert unsealed(ran) == week.ids
    assert week.newest()["proof"] == "queries" and week.newest()["state"] == "complete"


def test_a_link_that_fails_on_the_base_only_is_proven_with_a_warning(week):
    engine = Engine(week)
    a_base_and_a_new_link(week)
    engine.harm("once-spoils")
    ran = prove(week, status=WARNINGS, words=["made anew to see whose fault it is"])
    assert unsealed(ran) == [week.ids[-1], *week.ids]
    assert week.newest()["proof"] == "prepare" and week.alerts("proof_failed") == []
    assert stands_at(week) == week.ids


def test_a_link_that_makes_the_engine_lose_a_table_is_blamed_after_a_second_look(week):
    """The engine says OK each time."""
    engine = Engine(week)
    a_base_and_a_new_link(week)
    engine.harm("loses")
    ran = prove(week, status=VERIFY, words=["sbtest1"])
    assert unsealed(ran) == [week.ids[-1], *week.ids]
    states = week.states()
    assert states.pop(week.ids[-1]) == "quarantined" and set(states.values()) == {"complete"}
    assert not (base_of(week) / "base").exists()
    assert [alert["backup"] for alert in week.alerts("chain_broken")] == [week.ids[-1]]


def test_a_link_whose_bytes_went_bad_is_blamed_at_once_and_the_base_stays(week):
    a_base_and_a_new_link(week)
    lsnsite.flip_byte(week.sealed(week.ids[-1], "sbtest1"))
    ran = prove(week, status=VERIFY)
    assert unsealed(ran) == [week.ids[-1]]
    assert week.states()[week.ids[-1]] == "quarantined"
    assert stands_at(week) == week.ids[:-1]


def test_no_room_for_the_link_blames_nobody_and_keeps_the_base(week, small_disk):
    disk = small_disk("proofs", "400M")
    week.configure(instance={"proof_dir": disk})
    prove(week)
    week.ids.append(week.backup("incremental"))
    room = os.statvfs(disk)
    filler = disk / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, (room.f_bavail * room.f_frsize) - (64 << 10))
    before = tree_state(week)
    prove(week, status=STORAGE, words=["free"])
    assert week.newest()["proof_failed"] == "none" and week.newest()["state"] == "complete"
    assert tree_state(week) == before
    filler.unlink()
    assert unsealed(prove(week)) == [week.ids[-1]]


def test_a_disk_that_fills_up_while_the_link_is_applied_blames_nobody(week, small_disk):
    engine = Engine(week, proof_dir=small_disk("proofs", "400M"))
    prove(week)
    week.server.sql("CREATE TABLE week.grown (a INT PRIMARY KEY, b LONGBLOB);"
                    "INSERT INTO week.grown SELECT id, REPEAT(MD5(id), 8000) FROM sbtest.sbtest1"
                    " WHERE id <= 64")
    week.ids.append(week.backup("incremental"))
    week.server.sql("DROP TABLE week.grown")
    before = tree_state(week)
    engine.harm("once-fills")
    ran = prove(week, status=STORAGE)
    assert unsealed(ran) == [week.ids[-1]], "it is not tried again"
    assert week.newest()["proof_failed"] == "none" and week.newest()["state"] == "complete"
    assert tree_state(week) == before and week.alerts() == []
    assert unsealed(prove(week)) == week.ids


# ---- at the same time ----------------------------------------------------------------------------

def test_two_instances_are_proven_at_the_same_time(week):
    week.configure(more=lsnsite.sections(**{"instance other": {
        "defaults_file": week.defaults_file, "verify_after": "none"}}))
    week.good("init")
    week.good("-i", "other", "backup")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = pool.map(lambda name: week.run("-i", name, "verify", "--level=queries"),
                        ("shop", "other"))
    assert [ran.status for ran in runs] == [0, 0]
    for name in ("shop", "other"):
        assert (week.repository / f".scratch/{name}/proof/rolling/base/ibdata1").exists()


def test_two_proofs_of_one_instance_do_not_wait_for_each_other(week):
    prove(week)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: week.run("verify", "--level=queries", "--fresh"), range(2)))
    assert [ran.status for ran in runs] == [0, 0], [ran.said for ran in runs]
    assert week.leftovers() == []


# ---- killed --------------------------------------------------------------------------------------

def points_of_a_roll():
    found = set()
    for name in ("proof/rolling.c", "prepare/prepare.c", "base/replace.c"):
        found |= set(re.findall(r'crash_point\("([^"]+)"\)', (SOURCES / name).read_text()))
    assert {point.split(".")[0] for point in found} == {"rolling", "prepare", "replace"}
    return sorted(found)


# Passed by a roll forward once; a state is written before and after.  The last is of one made anew.
CASES = [f"{point}{nth}" for point in points_of_a_roll()
         for nth in (["", ":2"] if point.startswith("replace.") else [""])]


def expect_the_next_proof_is_right(week, case):
    a_base_and_a_new_link(week)
    before = tree_state(week)
    more = ["--fresh"] if case == "rolling.disowned" else []
    prove(week, *more, status=-signal.SIGKILL, env={"LSNCHAIN_CRASH": case})
    assert tree_state(week) == before, "a proof has touched the published tree"
    prove(week, level="queries")
    assert tree_state(week) == before
    assert stands_at(week) == week.ids and week.leftovers() == []
    assert week.newest()["proof"] == "queries" and week.alerts() == []


@pytest.fixture(scope="module")
def nights(drill, request):
    return drill(expect_the_next_proof_is_right, cases_of(request, "test_a_roll_killed_at"))


@pytest.mark.parametrize("case", CASES)
def test_a_roll_killed_at(nights, case):
    assert nights[case] == ""


def test_an_ordinary_user_rolls_a_base_of_his_own(new_user_site, server):
    server.fill(tables=2, rows=500)
    site = new_user_site(server, dropped(*CAPABILITY, SECURE_BIT))
    server.sql("CREATE TABLE sbtest.isam (a INT) ENGINE=MyISAM; INSERT INTO sbtest.isam VALUES (1);"
               "CREATE TABLE sbtest.aria (a INT) ENGINE=Aria; INSERT INTO sbtest.aria VALUES (1)")
    site.good("backup")
    prove(site)
    server.sql("INSERT INTO sbtest.isam VALUES (2); INSERT INTO sbtest.aria VALUES (2)")
    newest = site.backup("incremental")
    assert unsealed(prove(site)) == [newest]
    assert (base_of(site) / "base/sbtest/isam.MYD").stat().st_mode & 0o222 == 0
