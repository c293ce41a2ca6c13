# SPDX-License-Identifier: MIT
"""Engines that fail, hang and lie: none of it becomes a backup, and the chain goes on afterwards.

Most lies are told with a recording of the real engine (recorded.py), so that each differs from a
good run in one thing only.
"""
import dataclasses
import os
import pathlib
import signal
from typing import Callable

import lsnsite
import pytest
from recorded import CHECKPOINTS, CONFIG, INFO, Recording

from conftest import cases_of, copy_of_week

pytestmark = pytest.mark.only_on("mariadb", "the fakes speak as its engine does")

LOCKED, UNFIT, ENGINE, CHAIN, VERIFY, TIMEOUT = 11, 13, 14, 18, 20, 23
MIB = 1 << 20


@dataclasses.dataclass
class Lie:
    """How the run must end and what it must say; what the fake does, and what it sends."""
    status: int
    words: list
    behaviour: str = "pass"
    stream: Callable = Recording.whole
    config: dict = dataclasses.field(default_factory=dict)
    silent: bool = False  # it says nothing that could be kept


def stream_lie(words, stream, status=ENGINE):
    return Lie(status, words, stream=stream)


def info_lie(key, value, words):
    return stream_lie(words, lambda r: r.edited(INFO, key, value))


def lsn_lie(words, **lsns):
    return stream_lie(words, lambda r: r.lsns(**lsns))


def checkpoints_lie(words, text):
    return stream_lie(words, lambda r: r.saying(CHECKPOINTS, text(r.text(CHECKPOINTS))))


def name_lie(name, fault):
    return stream_lie(["names a file", fault], lambda r: r.with_file(name))


# What becomes no backup.
LIES = {
    # its end
    "no-marker": Lie(ENGINE, ['did not say "completed OK!"'], "no-marker"),
    "marker-exit-1": Lie(ENGINE, ["exit status 1"], "marker-exit-1"),
    "marker-in-name": Lie(ENGINE, ['did not say "completed OK!"'], "marker-in-name"),
    "late-line": Lie(ENGINE, ['did not say "completed OK!"'], "late-line"),
    "error-exit-0": Lie(ENGINE, ["InnoDB: something is wrong"], "error-exit-0"),
    "recopy": Lie(ENGINE, ["Failed to re-copy"], "recopy"),
    "signal": Lie(ENGINE, ["SIGSEGV"], "signal"),
    "other-user": Lie(ENGINE, ["connected as root", "lsnbackup"], "other-user"),
    "denied": Lie(ENGINE, ["Access denied", "hint: "], "denied"),
    # its time
    "stall": Lie(TIMEOUT, ["nothing moved for 2s", "stall_timeout"], "stall",
                 config={"stall_timeout": "2s"}),
    "ignore-term": Lie(TIMEOUT, ["nothing moved for 2s"], "ignore-term",
                       config={"stall_timeout": "2s"}),
    "lock": Lie(TIMEOUT, ["blocked DDL", "lock_timeout"], "lock", config={"lock_timeout": "2s"}),
    "slow": Lie(TIMEOUT, ["longer than 2s", "backup_max_time"], "slow",
                config={"backup_max_time": "2s"}),
    # its children
    "child-holds-stream": Lie(ENGINE, ["left a process behind"], "child-holds-stream"),
    "session-holds-stream": Lie(ENGINE, ["left a process behind"], "session-holds-stream"),
    "session-holds-lock": Lie(ENGINE, ["left a process behind"], "session-holds-lock"),
    # its log
    "escapes": Lie(ENGINE, ["InnoDB: ?[2J?]0;owned?  hidden", "reported errors"], "escapes"),
    # its stream
    "empty": stream_lie(["stream is empty"], lambda r: b""),
    "one-byte": stream_lie(["ends inside a chunk"], lambda r: b"X"),
    "no-stream-at-all": stream_lie(["has no chunk at byte 0"], lambda r: bytes(65536)),
    "cut-inside-data": stream_lie(["ends inside a chunk"], lambda r: r.cut(b"P", inside=True)),
    "cut-inside-a-head": stream_lie(["ends inside a chunk"], lambda r: r.cut(b"E", inside=True)),
    "cut-before-an-end": stream_lie(["ends before the end of"], lambda r: r.cut(b"P")),
    "cut-between-files": stream_lie(["the backup has no"], lambda r: r.cut(b"E")),
    "last-end-missing": stream_lie(["ends before the end of"], Recording.unended),
    "bad-checksum": stream_lie(["stream is damaged in"], Recording.bad_crc),
    "trailing-bytes": stream_lie(["ends inside a chunk"], lambda r: r.whole() + b"\0"),
    "trailing-text": stream_lie(["has no chunk at byte"], lambda r: r.whole() + b"done\n" * 9),
    "twice": stream_lie(["has backup-my.cnf twice"], lambda r: r.with_file(CONFIG)),
    "table-missing": stream_lie(["1 tables are not in its stream: sbtest"],
                                Recording.lacking_table),
    # its names
    "name-climbs": name_lie(b"../x", "component of dots"),
    "name-absolute": name_lie(b"/etc/cron.d/x", "is absolute"),
    "name-climbs-inside": name_lie(b"a/../../b", "component of dots"),
    "name-with-nul": name_lie(b"shop/a\0b", "no server writes"),
    "name-with-escape": name_lie(b"shop/\x1b[2J", "no server writes"),
    "name-empty": name_lie(b"", "is empty"),
    "name-of-ours": name_lie(b"shop/a.ibd.lz4", "suffix of ours"),
    "name-too-long": stream_lie(["a name of 100000 bytes"], lambda r: r.with_file(b"n" * 100000)),
    "name-component-too-long": Lie(ENGINE, ["more than 255 bytes"],
                                   stream=lambda r: r.with_file(b"n" * 300)),
    # its metadata
    "no-checkpoints": stream_lie(["has no", "checkpoints"], lambda r: r.lacking(CHECKPOINTS)),
    "no-info": stream_lie(["has no", "_info"], lambda r: r.lacking(INFO)),
    "no-config": stream_lie(["has no backup-my.cnf"], lambda r: r.lacking(CONFIG)),
    "checkpoints-empty": checkpoints_lie(["lacks the key backup_type"], lambda text: b""),
    "checkpoints-binary": checkpoints_lie(["is not text"], lambda text: bytes(range(256))),
    "checkpoints-huge": checkpoints_lie(["checkpoints"], lambda text: text + b"#" * (50 * MIB)),
    "key-missing": stream_lie(["lacks the key last_lsn"],
                              lambda r: r.edited(CHECKPOINTS, b"last_lsn", None)),
    "key-doubled": checkpoints_lie(["has the key to_lsn 2 times"],
                                   lambda text: text + b"to_lsn = 1\n"),
    **{f"lsn-{word}": stream_lie(
        ["which is no LSN"], lambda r, v=value: r.edited(CHECKPOINTS, b"to_lsn", v))
       for word, value in (("above-64-bits", b"18446744073709551616"), ("negative", b"-1"),
                           ("hexadecimal", b"0x10"), ("with-words", b"12 or so"))},
    "type-of-a-full": stream_lie(["incremental was asked for"], lambda r: r.edited(
        CHECKPOINTS, b"backup_type", b"full-backuped")),
    "last-below-to": lsn_lie(["which makes no sense"], last_lsn=lambda lsn: lsn - 10**6),
    "to-zero": lsn_lie(["which makes no sense"], to_lsn=lambda lsn: 0),
    "info-without-end": info_lie(b"end_time", None, ["lacks the key end_time"]),
    "tool-changed": info_lie(b"tool_version", b"10.11.18-MariaDB", ["10.11.18-MariaDB"]),
    "server-changed": info_lie(b"server_version", b"10.11.18-MariaDB", ["10.11.18-MariaDB"]),
}

# What is a whole capture that does not fit: published, quarantined, and the chain is broken.
MISFITS = {
    "from-later": (lsn_lie(["starts at LSN"], **dict.fromkeys(
        ("from_lsn", "to_lsn", "last_lsn"), lambda lsn: lsn + 1)), "lsn-continuity"),
    "from-earlier": (lsn_lie(["starts at LSN"], from_lsn=lambda lsn: lsn - 1), "lsn-continuity"),
    "to-below-from": (lsn_lie(["runs backwards"], to_lsn=lambda lsn: 1), "lsn-order"),
    "last-below-parents": (lsn_lie(["before its parent"], to_lsn=lambda lsn: 1,
                                   last_lsn=lambda lsn: 2), "lsn-order"),
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


def stored(week):
    """Every stored file with what would change if it was touched, and both catalogs."""
    shelf = week.repository / week.INSTANCE
    files = {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino, path.lstat().st_mode)
             for path in (shelf / "backups").rglob("*")}
    return files, [(shelf / name).read_bytes() for name in ("catalog.ini", "catalog.ini.copy")]


def play(week, recording, lie):
    fake = week.use_fake(lie.behaviour, **lie.config)
    recording.write(fake, lie.stream(recording))
    return fake


def expect_alarm(week, kind, ran, words):
    alarm = week.alerts(kind)[0]
    assert alarm["severity"] == "critical" and alarm["remedy"], alarm
    told = alarm["summary"] + alarm["cause"] + alarm["remedy"]
    for word in words:
        assert word in ran.stderr and (word == "hint: " or word in told), alarm
    for text in (ran.stderr, told):
        assert not any(c < " " and c != "\n" for c in text), repr(text)


def expect_next_run_goes_on(week, recording):
    """With an engine that is well again, and nothing done by hand."""
    play(week, recording, Lie(0, []))
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2], "a failed capture breaks no chain"
    assert week.alerts("backup_recovered")
    week.good("verify", week.ids[2], "--level=files")


def expect_a_failed_night(week, case, recording):
    lie = LIES[case]
    before = stored(week)
    fake = play(week, recording, lie)
    ran = week.ended(lie.status, "backup", words=[*lie.words, "hint: "])
    expect_engine_gone(fake)
    expect_alarm(week, "backup_failed", ran, lie.words)
    assert week.alerts("chain_broken") == []
    assert week.leftovers() == []
    assert stored(week) == before, "a failed capture is no backup and touches none"
    kept = list((week.state / week.INSTANCE / "failed").iterdir())
    assert len(kept) == 1 and kept[0].stat().st_size > 0 and str(kept[0]) in ran.stderr
    expect_next_run_goes_on(week, recording)


def expect_a_quarantined_link(week, case, recording):
    lie, rule = MISFITS[case]
    before, _ = stored(week)
    play(week, recording, lie)
    ran = week.ended(CHAIN, "backup", words=[*lie.words, "hint: "])
    expect_alarm(week, "chain_broken", ran, lie.words)
    assert week.leftovers() == []
    newest = week.newest()
    assert newest["state"] == "quarantined" and newest["rule"] == rule
    assert before.items() <= stored(week)[0].items(), "what was there stays as it was"
    assert [week.link(link)["state"] for link in week.ids] == ["complete"] * 3
    week.good("verify", week.ids[2], "--level=files")
    week.configure()
    week.run("backup")
    assert week.newest()["type"] == "full" and week.newest()["state"] == "complete"
    assert week.alerts("chain_recovered")


# What looks odd and is a good backup all the same.
ODDITIES = {
    "a flood of log": Lie(0, [], "flood"),
    "a line of 50 MB": Lie(0, [], "long-line"),
    "reads in silence": Lie(0, [], "reads", config={"stall_timeout": "2s"}),
    "a slow lock within its limit": Lie(0, [], "lock-slow", config={"lock_timeout": "20s"}),
    "a line with a marker before the last": Lie(0, [], "marker-twice"),
}


def expect_a_good_night(week, case, recording):
    play(week, recording, ODDITIES[case])
    week.good("backup")
    newest = week.newest()
    assert newest["parent"] == week.ids[2] and newest["state"] == "complete"
    assert (week.directory(newest["id"]) / "engine.log.lz4").stat().st_size < 4 * MIB
    assert week.alerts() == [] and week.leftovers() == []
    week.good("verify", newest["id"], "--level=files")


# ---- before it runs -----------------------------------------------------------------------------

def nothing_there(path):
    return "No such file or directory"


def not_executable(path):
    path.write_text("#!/bin/sh\n")
    return "Permission denied"


def directory(path):
    path.mkdir()
    return "Permission denied"


def no_interpreter(path):
    path.write_text("#!/nonexistent/python\n")
    path.chmod(0o755)
    return "the interpreter or loader that it names is missing"


def fake(path):
    path.symlink_to(lsnsite.FAKE_ENGINE)


UNFITS = {
    "nothing-there": (UNFIT, nothing_there, None),
    "not-executable": (UNFIT, not_executable, None),
    "directory": (UNFIT, directory, None),
    "no-interpreter": (UNFIT, no_interpreter, None),
    "wrong-version": (UNFIT, fake, ["11.8.9", "10.11", "does not fit"]),
    "no-version": (UNFIT, fake, ["something else", "no backup engine that we know"]),
    "version-dies": (UNFIT, fake, ["exit status 127", "libsomething.so.9"]),
    "version-hangs": (TIMEOUT, fake, ["--version", "time limit"]),
}


def expect_a_refused_engine(week, case, _):
    status, make, words = UNFITS[case]
    before = stored(week)
    path = week.place / f"fake-mariadb-backup-{case}"
    words = words or [make(path)]
    if make == fake:
        fake(path)
    week.configure(instance={"engine": path})
    ran = week.ended(status, "backup", words=[*words, "hint: "])
    assert case == "wrong-version" or str(path) in ran.stderr
    expect_alarm(week, "backup_failed", ran, words)
    expect_engine_gone(path)
    assert stored(week) == before and week.leftovers() == []
    assert not (week.state / week.INSTANCE / "failed").exists()
    if status == UNFIT:
        week.ended(status, "check")
    week.configure()
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2] and week.alerts("backup_recovered")


# ---- when it prepares ---------------------------------------------------------------------------

# exit status, words, whether the link is to blame, further configuration
PREPARES = {
    "prepare-fails": (VERIFY, ["exit status 1", "nothing can be done with this"], True, {}),
    "prepare-no-marker": (VERIFY, ['did not say "completed OK!"'], True, {}),
    "prepare-error": (VERIFY, ["InnoDB: something is wrong"], True, {}),
    "prepare-wrong-lsn": (VERIFY, ["applied the redo log up to LSN 9", "ends at"], True, {}),
    "prepare-keeps-checkpoints": (VERIFY, ['in the state "full-backuped"'], True, {}),
    "prepare-loses-file": (VERIFY, ["sbtest/sbtest1.ibd"], True, {}),
    "prepare-hangs": (TIMEOUT, ["nothing moved for 2s"], False, {"stall_timeout": "2s"}),
    "prepare-killed": (1, ["ended by SIGKILL"], False, {}),
    "session-holds-lock": (VERIFY, ["left a process behind"], True, {}),
}


def expect_a_failed_proof(week, case, _):
    status, words, blamed, more = PREPARES[case]
    files, _ = stored(week)
    path = week.use_fake(case, **more)
    full = week.ids[0]
    ran = week.ended(status, "verify", full, "--level=prepare", words=[*words, "hint: "])
    expect_engine_gone(path)
    assert week.leftovers() == [] and stored(week)[0] == files
    if blamed:
        expect_alarm(week, "proof_failed", ran, words)
        assert week.link(full)["state"] == "quarantined" and week.alerts("chain_broken")
        week.ended(21, "restore", full, f"--target-dir={week.new_target()}")
    else:
        assert week.alerts("proof_failed") == [] and week.alerts("chain_broken") == []
        assert week.link(full)["state"] == "complete"
    week.configure()
    week.good("verify", full, "--level=prepare")
    assert week.link(full)["state"] == "complete" and week.link(full)["proof"] == "prepare"


# ---- all of these at once, for they wait more than they work -------------------------------------

EXPECTED = {
    "test_a_faulty_engine_leaves_nothing_but_its_log_and_an_alarm":
        expect_a_failed_night,
    "test_a_whole_capture_that_does_not_fit_is_quarantined_and_breaks_the_chain":
        expect_a_quarantined_link,
    "test_an_odd_engine_that_does_its_work_is_no_fault":
        expect_a_good_night,
    "test_an_engine_that_cannot_be_used_is_said_before_anything_is_done":
        expect_a_refused_engine,
    "test_a_lie_at_prepare_is_no_proof_and_blames_the_link_only_where_it_may":
        expect_a_failed_proof,
}


@pytest.fixture(scope="module")
def recording(week_template, session_place):
    place = session_place / "recording"
    place.mkdir()
    return Recording(copy_of_week(week_template, place), place)


@pytest.fixture(scope="module")
def outcomes(drill, request, recording):
    """By test and case; the one that takes longest is begun first."""
    asked = [(test, case) for test in EXPECTED for case in cases_of(request, test)]
    asked.sort(key=lambda name: name[1] != "version-hangs")
    return drill(lambda week, name: EXPECTED[name[0]](week, name[1], recording), asked)


def expect_nothing_wrong(outcomes, request, case):
    assert outcomes[request.node.originalname, case] == ""


@pytest.mark.parametrize("case", LIES)
def test_a_faulty_engine_leaves_nothing_but_its_log_and_an_alarm(outcomes, request, case):
    expect_nothing_wrong(outcomes, request, case)


@pytest.mark.parametrize("case", MISFITS)
def test_a_whole_capture_that_does_not_fit_is_quarantined_and_breaks_the_chain(outcomes, request, case):
    expect_nothing_wrong(outcomes, request, case)


@pytest.mark.parametrize("case", ODDITIES)
def test_an_odd_engine_that_does_its_work_is_no_fault(outcomes, request, case):
    expect_nothing_wrong(outcomes, request, case)


@pytest.mark.parametrize("case", UNFITS)
def test_an_engine_that_cannot_be_used_is_said_before_anything_is_done(outcomes, request, case):
    expect_nothing_wrong(outcomes, request, case)


@pytest.mark.parametrize("case", PREPARES)
def test_a_lie_at_prepare_is_no_proof_and_blames_the_link_only_where_it_may(outcomes, request, case):
    expect_nothing_wrong(outcomes, request, case)


# ---- and further --------------------------------------------------------------------------------

def test_a_faithful_fake_is_as_good_as_the_engine(week):
    week.use_fake("pass")
    week.good("backup")
    week.configure()
    week.good("verify", "latest", "--level=prepare")


def test_of_failed_captures_twenty_logs_are_kept(week):
    failed = week.state / week.INSTANCE / "failed"
    failed.mkdir(parents=True)
    for number in range(25):
        (failed / f"20200101T0000{number:02}Z-full.log").write_text("old")
    week.use_fake("no-marker")
    ran = week.ended(ENGINE, "backup")
    names = sorted(path.name for path in failed.iterdir())
    assert len(names) == 20 and names[0] == "20200101T000006Z-full.log"
    assert not names[-1].startswith("2020") and "old log" not in ran.stderr


def test_an_old_log_that_cannot_be_removed_is_named_and_the_others_go(week):
    failed = week.state / week.INSTANCE / "failed"
    stuck = failed / "20190101T000000Z-full.log"
    stuck.mkdir(parents=True)
    for number in range(25):
        (failed / f"20200101T0000{number:02}Z-full.log").write_text("old")
    week.use_fake("no-marker")
    week.ended(ENGINE, "backup", words=[f"cannot remove the old log {stuck}: "])
    assert stuck.exists() and len(list(failed.iterdir())) == 21


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
