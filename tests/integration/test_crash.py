# SPDX-License-Identifier: MIT
"""Killed at any instruction, the next run needs no hand; signals end a run cleanly."""
import os
import pathlib
import re
import signal

import checker
import lsnsite
import pytest

from conftest import cases_of
from flavours import FLAVOUR

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"
KILLED = -signal.SIGKILL
WARNINGS = 3


def all_points():
    """All but those of alerts, which a good night does not pass: test_alert_incidents.py."""
    found = set()
    for source in SOURCES.rglob("*.c"):
        found |= set(re.findall(r'crash_point\("([^"]+)"\)', source.read_text()))
    assert found, "no crash points: is this the right directory?"
    return sorted(point for point in found if not point.startswith("alert."))


# Which commands pass a point; one that nothing here passes fails the drill.
COMMANDS = {
    "full": ["backup", "--type=full"],
    "incremental": ["backup", "--type=incremental"],
    "verify": ["verify", "latest", "--level=prepare"],
    "server": ["verify", "latest", "--level=server"],
    "restore": ["restore", "latest"],
    "expire": ["expire"],
    "remove": ["remove"],
    "pin": ["pin", "latest"],
}
REMOVALS = ("expire", "remove")


def commands_for(point):
    if point.startswith("prepare."):
        return ["verify", "restore"]
    if point.startswith(("verify.", "rolling.")):
        return ["verify"]
    if point.startswith("trial."):
        return ["server"]
    if point.startswith("restore."):
        return ["restore"]
    if point.startswith("recover."):
        return ["incremental"]
    if point.startswith(("trash.", "removal.")):
        return list(REMOVALS)
    if point.startswith("pin."):
        return ["pin"]
    if point.startswith("catalog."):
        return ["incremental", "verify", *REMOVALS]
    if point.startswith("replace."):
        return ["incremental", "verify", "restore", "expire"]
    if point.startswith(("publish.", "publishing.")):
        return ["full", "incremental"]
    return ["incremental"]


def passes(point, command):
    """The first time, and later ones where a command comes by more than once."""
    if point.startswith("replace."):
        return {"incremental": ["", ":2", ":4", ":6"], "verify": ["", ":3"], "restore": [""],
                "expire": ["", ":2"]}[command]
    if point == "trash.moved" or point == "removal.unlinked":
        return ["", ":2", ":3"] if command == "expire" else ["", ":2"]
    if point == "trash.emptied":
        return ["", ":4", ":12"]
    return ["", ":2"] if point.startswith(("prepare.", "verify.")) else [""]


CASES = [f"{point}{nth} {command}" for point in all_points() for command in commands_for(point)
         for nth in passes(point, command)]


def expect_whole(site, before):
    """What the next morning looks like: nobody did anything by hand."""
    site.ended(0, "list")
    site.ended(0, "verify", "latest", "--level=files")
    site.ended(0, "backup")
    assert checker.faults_of(site.repository, site.INSTANCE) == []
    assert site.leftovers() == []
    states = site.states()
    assert set(before) <= set(states), "an earlier backup is gone"
    assert set(states.values()) == {"complete"}


def expect_removed(week, command):
    """After the next backup all that was to go is gone, and nobody was alarmed for it."""
    expect_whole(week, week.ids[3:] if command == "expire" else week.ids[:1])
    if command == "expire":
        assert not set(week.states()) & set(week.ids[:3])
    assert week.alerts("chain_broken") == [] and week.alerts("proof_failed") == []


def expect_no_hand_is_needed(week, case):
    at, command = case.split()
    arguments = list(COMMANDS[command])
    target = week.new_target()
    if command == "expire":
        week.ids.append(week.backup("full"))
        week.configure(instance={"keep_chains": 1, "keep_proven": 0})
    if command == "remove":
        arguments += [week.ids[1], "--force"]
    if command == "restore":
        arguments.append(f"--target-dir={target}")
    ran = week.run(*arguments, env={"LSNCHAIN_CRASH": at})
    assert ran.status == KILLED, f"{command} does not pass {at}: {ran.said}"
    if command in REMOVALS:
        expect_removed(week, command)
        return
    expect_whole(week, week.ids)
    if command != "restore":
        return
    marked = (target / "lsnchain-restore.ini").exists()
    assert marked or not (target / "ibdata1").exists(), "half a restore looks whole"
    week.ended(21 if marked else 0, "restore", "latest", f"--target-dir={target}")


@pytest.fixture(scope="module")
def mornings(drill, request):
    return drill(expect_no_hand_is_needed, cases_of(request, "test_killed_at"))


@pytest.mark.parametrize("case", CASES)
def test_killed_at(mornings, case):
    assert mornings[case] == ""


def test_every_crash_point_in_the_sources_is_in_the_drill():
    assert {case.split()[0].split(":")[0] for case in CASES} == set(all_points())


def test_killed_twice_in_a_row(week):
    """Recovery itself is killed, and what it had begun is finished by the run after it."""
    for points in (("publish.renamed", "catalog.edited"), ("capture.made", "recover.cleaned"),
                   ("publish.copied", "publish.renamed"), ("publishing.catalogued",
                                                           "catalog.replaced")):
        for point in points:
            week.run("backup", env={"LSNCHAIN_CRASH": point})
        expect_whole(week, week.ids)


def test_a_restore_that_was_killed_is_refused_until_it_is_removed(week):
    target = week.new_target()
    ran = week.run("restore", f"--target-dir={target}", env={"LSNCHAIN_CRASH": "restore.synced"})
    assert ran.status == KILLED
    assert (target / "lsnchain-restore.ini").exists()
    week.ended(21, "restore", f"--target-dir={target}", words=["did not end"])


def test_a_backup_that_stands_complete_is_adopted_and_not_taken_again(week):
    assert week.run("backup", env={"LSNCHAIN_CRASH": "publish.renamed"}).status == KILLED
    there = sorted(os.listdir(week.directory()))
    assert len(there) == 4 and len(week.links()) == 3
    week.good("backup")
    links = week.links()
    assert len(links) == 5 and links[3]["id"] == there[3]
    assert links[4]["parent"] == there[3]
    week.good("verify", "--all", "--level=prepare")


def test_a_backup_that_stands_damaged_is_quarantined_and_not_believed(week):
    assert week.run("backup", env={"LSNCHAIN_CRASH": "publish.renamed"}).status == KILLED
    there = sorted(os.listdir(week.directory()))[3]
    lsnsite.flip_byte(week.directory(there) / "data/ib_logfile0.lz4")
    ran = week.run("backup")
    assert ran.status == WARNINGS, ran.said
    assert week.link(there)["state"] == "quarantined"
    assert week.newest()["type"] == "full" and week.newest()["state"] == "complete"


# ---- signals -------------------------------------------------------------------------------------

def engines():
    """Engines on this host, by their pids."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/" + FLAVOUR.engine.encode()) and b"--backup" in words:
            found.add((pid, tuple(words)))
    return found


def ours(site):
    return [pid for pid, words in engines() if any(str(site.place).encode() in word
                                                   for word in words)]


@pytest.fixture
def slow_backup(week):
    """A full that is copying its first files, slowly."""
    week.configure(instance={"throttle": "1M"})
    running = week.start("backup", "--type=full")
    try:
        lsnsite.wait_until(lambda: any("/data/" in name for name in week.captures()), running)
        yield running
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_backup_and_its_engine_and_leaves_nothing(week, slow_backup, number):
    assert ours(week)
    slow_backup.send_signal(number)
    _, said = slow_backup.communicate(timeout=30)
    assert slow_backup.returncode == 128 + number, said
    assert ours(week) == []
    assert week.leftovers() == []
    assert sorted(week.states()) == week.ids
    week.configure()
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2]


def test_a_second_signal_hurts_no_more_than_the_first(week, slow_backup):
    slow_backup.send_signal(signal.SIGTERM)
    slow_backup.send_signal(signal.SIGTERM)
    _, said = slow_backup.communicate(timeout=30)
    assert slow_backup.returncode == 143, said
    assert ours(week) == [] and week.leftovers() == []
    week.configure()
    expect_whole(week, week.ids)


def test_a_signal_while_rsync_publishes_ends_it_too_and_loses_nothing(week):
    """The capture is whole by then, and yet it goes: who stops a run wants its room back."""
    rsync = week.place / "rsync"
    rsync.write_text("#!/bin/sh\necho $$ > \"$0.pid\"\nexec sleep 60\n")
    rsync.chmod(0o755)
    week.configure(instance={"rsync": rsync})
    running = week.start("backup")
    pid = week.place / "rsync.pid"
    try:
        lsnsite.wait_until(lambda: pid.exists() and pid.read_text().strip(), running)
        running.terminate()
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 143, said
    assert not pathlib.Path(f"/proc/{pid.read_text().strip()}").exists(), "rsync lives on"
    assert week.leftovers() == [] and sorted(week.states()) == week.ids
    week.configure()
    expect_whole(week, week.ids)


def test_a_backup_that_was_killed_is_cleaned_up_by_the_next(week, slow_backup):
    slow_backup.kill()
    slow_backup.wait()
    lsnsite.wait_until(lambda: ours(week) == [], limit=10)
    assert week.captures() != []
    week.configure()
    expect_whole(week, week.ids)


@pytest.mark.only_on("mariadb", "the fakes speak as its engine does")
def test_a_signal_ends_a_restore_and_leaves_the_marker(week):
    target = week.new_target()
    fake = week.use_fake("prepare-hangs")
    running = week.start("restore", f"--target-dir={target}")
    try:
        lsnsite.wait_until(lambda: (target / ".lsnchain/base/ibdata1").exists(), running)
        running.terminate()
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 143, said
    assert (target / "lsnchain-restore.ini").exists() and fake.is_symlink()
    assert set(week.states().values()) == {"complete"}, "an interrupted restore blames nobody"


@pytest.mark.only_on("mariadb", "the fakes speak as its engine does")
def test_a_signal_ends_a_verify_and_blames_nobody(week):
    week.use_fake("prepare-hangs")
    running = week.start("verify", "--level=prepare")
    proofs = week.repository / ".scratch/shop/proof"
    try:
        lsnsite.wait_until(lambda: any(proofs.glob("*/base/ibdata1")), running)
        running.terminate()
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 143, said
    assert week.leftovers() == []
    assert set(week.states().values()) == {"complete"}
    assert week.alerts("proof_failed") == [] and week.link(week.ids[2])["proof_failed"] == "none"
