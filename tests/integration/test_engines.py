# SPDX-License-Identifier: MIT
"""Engines that fail, hang and lie: none of it becomes a backup, and the chain goes on afterwards."""
import os
import signal

import lsnsite
import pytest

from conftest import cases_of

LOCKED, ENGINE, TIMEOUT = 11, 14, 23

pytestmark = pytest.mark.only_on("mariadb", "the fakes speak as its engine does")

# what the fake does: exit status, words of the error, further configuration
FAULTS = {
    "no-marker": (ENGINE, ["completed OK!"], {}),
    "marker-exit-1": (ENGINE, ["exit status 1"], {}),
    "error-exit-0": (ENGINE, ["InnoDB: something is wrong"], {}),
    "recopy": (ENGINE, ["Failed to re-copy"], {}),
    "late-line": (ENGINE, ["completed OK!"], {}),
    "signal": (ENGINE, ["SIGSEGV"], {}),
    "truncated": (ENGINE, ["stream"], {}),
    "other-user": (ENGINE, ["connected as root", "lsnbackup"], {}),
    "silent-drop": (ENGINE, ["sbtest"], {}),
    "no-metadata": (ENGINE, ["checkpoints"], {}),
    "denied": (ENGINE, ["Access denied", "hint: "], {}),
    "stall": (TIMEOUT, ["nothing moved for 2s", "stall_timeout"], {"stall_timeout": "2s"}),
    "ignore-term": (TIMEOUT, ["nothing moved for 2s"], {"stall_timeout": "2s"}),
    "lock": (TIMEOUT, ["blocked DDL", "lock_timeout"], {"lock_timeout": "2s"}),
    "slow": (TIMEOUT, ["longer than 2s"], {"backup_max_time": "2s"}),
}


def processes_of(fake):
    """All that was started by this path, and what such a process forked."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read()
        except OSError:
            continue
        if str(fake).encode() in words and b"lsnchain.conf" not in words:
            found.append(int(pid))
    return found


def expect_engine_gone(fake):
    lsnsite.wait_until(lambda: processes_of(fake) == [], limit=10)


def expect_a_failed_night(week, behaviour):
    status, words, more = FAULTS[behaviour]
    fake = week.use_fake(behaviour, **more)
    ran = week.ended(status, "backup", words=words)
    alarm = week.alerts("backup_failed")[0]
    for word in words:
        assert word in ran.stderr and (word == "hint: " or word in alarm["cause"]), alarm
    assert alarm["severity"] == "critical"
    assert week.alerts("chain_broken") == []
    assert week.leftovers() == []
    assert set(week.states()) == set(week.ids), "a failed capture is no backup"
    kept = list((week.state / week.INSTANCE / "failed").iterdir())
    assert len(kept) == 1 and kept[0].stat().st_size > 0 and str(kept[0]) in ran.stderr
    expect_engine_gone(fake)

    week.configure()
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2], "a failed capture breaks no chain"
    assert week.alerts("backup_recovered")


@pytest.fixture(scope="module")
def nights(drill, request):
    return drill(expect_a_failed_night, cases_of(
        request, "test_a_faulty_engine_leaves_nothing_but_its_log_and_an_alarm"))


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_engine_leaves_nothing_but_its_log_and_an_alarm(nights, case):
    assert nights[case] == ""


def test_a_flood_of_log_is_read_and_cut_and_harms_nothing(week):
    week.use_fake("flood")
    week.good("backup", "--type=full")
    newest = week.newest()
    assert (week.directory(newest["id"]) / "engine.log.lz4").stat().st_size < 4 << 20
    week.good("verify", newest["id"], "--level=files")


def test_a_slow_lock_within_its_limit_is_no_fault(week):
    week.use_fake("lock-slow", lock_timeout="20s")
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2]


def test_a_faithful_fake_is_as_good_as_the_engine(week):
    week.use_fake("pass")
    week.good("backup")
    week.configure()
    week.good("verify", "latest", "--level=prepare")


def test_an_engine_whose_prepare_fails_blames_the_link_and_not_the_chain_before(week):
    week.use_fake("prepare-fails", verify_after="prepare")
    ran = week.run("backup")
    assert ran.status == 20, ran.said
    newest = week.newest()
    assert newest["state"] == "quarantined" or week.link(week.ids[0])["state"] == "quarantined"
    assert week.alerts("proof_failed")
    assert week.leftovers() == []


def test_of_failed_captures_twenty_logs_are_kept(week):
    failed = week.state / week.INSTANCE / "failed"
    failed.mkdir(parents=True)
    for number in range(25):
        (failed / f"20200101T0000{number:02}Z-full.log").write_text("old")
    week.use_fake("no-marker")
    week.ended(ENGINE, "backup")
    names = sorted(path.name for path in failed.iterdir())
    assert len(names) == 20 and names[0] == "20200101T000006Z-full.log"
    assert not names[-1].startswith("2020")


def test_an_orphan_of_the_engine_still_holds_the_lock(week):
    """Its orchestrator was killed: no second engine may run beside what is left of the first."""
    fake = week.use_fake("orphan")
    running = week.start("backup")
    try:
        lsnsite.wait_until(lambda: len(processes_of(fake)) > 1, running)
        running.kill()
        running.communicate()
        lsnsite.wait_until(lambda: len(processes_of(fake)) == 1)
        week.configure()
        week.ended(LOCKED, "backup", words=["`backup`", f"pid {running.pid}"])
    finally:
        running.kill()
        running.communicate()
        for pid in processes_of(fake):
            os.kill(pid, signal.SIGKILL)
    expect_engine_gone(fake)
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2]
    assert week.leftovers() == []
