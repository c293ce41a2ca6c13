# SPDX-License-Identifier: MIT
"""The matrices: each row is a command, each column one of its persistence calls that is harmed.

After every case the independent checker looks (tests/integration/checker.py, which shares no code
with lsnchain), then the next backup must end with 0 and no hand, then the checker looks again and
finds nothing.
"""
import collections
import concurrent.futures
import dataclasses
import errno
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import traceback

import bench as benches
import checker
import mariadb
import order

AT_ONCE = 4
BEYOND = 5  # threads make the count vary a little
RESTORED_EACH = 40  # every so many cases all is restored and its rows are compared


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    template: str
    arguments: tuple
    instance: tuple = ()
    status: int = 0  # of a run that nobody harms
    removes: int = 0  # so many of the oldest backups may go


ROWS = [
    Row("init", "nothing", ("init",)),
    Row("first backup", "empty", ("backup",)),
    Row("full", "week", ("backup", "--type=full")),
    Row("incremental", "week", ("backup", "--type=incremental")),
    Row("proven", "week", ("backup",), (("verify_after", "prepare"),)),
    Row("failing engine", "week", ("backup",), (("engine", "failing"),), 14),
    Row("publishes on", "captured", ("backup",)),
    Row("adopts", "renamed", ("backup",)),
    Row("verify files", "week", ("verify", "--all", "--level=files")),
    Row("verify prepare", "week", ("verify", "latest", "--level=prepare")),
    Row("restore", "week", ("restore", "latest", "--target-dir=TARGET")),
    Row("catalog rebuild", "week", ("catalog", "rebuild")),
    Row("expire", "chains", ("expire",), (("keep_chains", "1"),), removes=2),
    Row("backup and expire", "chains", ("backup",), (("keep_chains", "1"),), removes=2),
    Row("remove", "chains", ("remove", "OLDEST"), removes=2),
    Row("pin", "week", ("pin", "latest")),
    Row("unpin", "pinned", ("unpin", "latest")),
]


def rows_named(words, kind=""):
    rows = [row for row in ROWS if not words or any(word in row.name for word in words)]
    mortal = {name for child in CHILDREN.values() for name in child.rows}
    return [row for row in rows if kind != "child" or row.name in mortal]


def arguments_of(row, site):
    words = {"OLDEST": site.all_ids[0] if site.all_ids else "",
             "--target-dir=TARGET": f"--target-dir={site.place / 'restored1'}"}
    return [words.get(word, word) for word in row.arguments]


def site_for(bench, row, place=None):
    site = bench.new_site(row.template, place)
    if row.instance:
        site.configure(dict(row.instance))
    site.all_ids, site.ids = site.ids, site.ids[row.removes:]
    return site


def calls_of(bench, row, **plan):
    """What the command does when nobody harms it; tried once."""
    key = (row.name, *plan.items())
    if key not in bench.calls:
        bench.calls[key] = calls_unharmed(bench, row, plan)
    return bench.calls[key]


def calls_unharmed(bench, row, plan):
    site = site_for(bench, row)
    ran = site.harmed(*arguments_of(row, site), **plan)
    assert ran.status == row.status, f"{row.name}, unharmed: {ran.said}"
    calls = site.calls()
    if not plan:
        expect_none(order.faults_of(site, [*site.before, *calls], ran.status == 0), "a power cut")
    bench.remove(site)
    assert len(calls) > 10, f"{row.name}: the shim saw {len(calls)} calls"
    return calls


def worth_harming(calls, every):
    """Numbers of calls.  Of a row of equal calls, as the lines of an engine's log are, the first two
    and the last stand for all, unless `every` one is wanted.  Some more, for the count varies."""
    numbers = []
    for index, call in enumerate(calls):
        like = [0 <= other < len(calls) and calls[other][1:] == call[1:]
                for other in (index - 2, index - 1, index + 1)]
        if every or not all(like):
            numbers.append(call.number)
    return numbers + list(range(len(calls) + 1, len(calls) + BEYOND + 1))


# ---- what must hold ---------------------------------------------------------------------------

def expect_none(found, what):
    assert not found, what + ":\n" + "\n".join(map(str, found))


def expect_earlier_whole(site):
    """Right after the harm: what the catalog shows is there and whole, and nothing is lost."""
    if not site.ids:
        return
    expect_none(checker.weak_faults_of(site.repository, site.INSTANCE), "after the harm")
    shown = checker.shown(site.repository, site.INSTANCE)
    assert set(site.ids) <= set(shown), f"an earlier backup is gone: {sorted(shown)}"


def expect_target(bench, site, row, finished):
    """A target is marked as unfinished, or nothing of a data directory is in it, or it is to the byte
    what a restore makes that nobody harms."""
    target = site.place / "restored1"
    if row.arguments[0] != "restore":
        return
    marked = (target / "lsnchain-restore.ini").exists()
    filled = (target / "ibdata1").exists()
    if filled and not marked:
        assert benches.contents(target) == bench.restored, "half a restore looks whole"
    if marked or filled:
        site.ended(21, "restore", "latest", f"--target-dir={target}")
        assert not finished or not marked, "a restore ended well, and its marker is there"
        if marked:
            shutil.rmtree(target)
            site.good("restore", "latest", f"--target-dir={target}")
    else:
        assert not finished, "a restore ended well, and nothing is there"
        site.good("restore", "latest", f"--target-dir={target}")
    assert benches.contents(target) == bench.restored, "restored again, it is not whole"


def expect_no_hand_is_needed(site, row, before=None):
    """The next morning; `before` are the calls of a run that was harmed, if all of it are known."""
    site.configure()
    site.wait_for_orphans()
    if row.template == "nothing":
        site.good("init")
    ran = site.harmed("backup", env=benches.LATER)
    assert ran.status == 0, ran.said
    if before is not None:
        calls = [*site.before, *before, *site.calls()]
        expect_none(order.faults_of(site, calls, whole=True), "a power cut")
    expect_none(checker.faults_of(site.repository, site.INSTANCE), "after the next backup")
    expect_none(site.leftovers(), "left over")
    states = site.states()
    assert set(site.ids) <= set(states), "an earlier backup is gone"
    assert set(states.values()) == {"complete"}, states


def expect_rows(bench, site):
    """The oldest and the newest backup come back with their rows."""
    for number, backup in enumerate(("latest-full", "latest")):
        target = site.place / f"rows{number}"
        site.good("restore", backup, f"--target-dir={target}")
        place = tempfile.mkdtemp(prefix="r.", dir=bench.place)
        os.chmod(place, 0o755)
        server = mariadb.Server(target, place, ["--skip-grant-tables"])
        try:
            assert server.start().checksums() == bench.rows
        finally:
            server.stop()
            shutil.rmtree(place)


# ---- cases ------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Case:
    row: Row
    harm: str  # as the shim's environment calls it; CHILD: one of CHILDREN is killed
    at: int
    more: str = ""
    child: str = ""

    def __str__(self):
        return f"{self.row.name}: {self.harm} {self.child}{self.at}{self.more}"

    @property
    def plan(self):
        return {} if self.child else {self.harm: f"{self.at}{self.more}"}


Outcome = collections.namedtuple("Outcome", "case status call fault said")


def harmed_call(case, calls):
    found = [call for call in calls if call.number == case.at]
    return found[0] if found else None


def expect_after_kill(site, case, ran):
    done = ran.status == case.row.status
    assert done or ran.status == -signal.SIGKILL, ran.said
    return done


def expect_after_signal(site, case, ran):
    """Too late to stop anything it may still be told by the status alone; nothing is left over."""
    number = int(case.more[1:])
    done = harmed_call(case, site.calls()) is None
    assert ran.status == (case.row.status if done else 128 + number), ran.said
    if case.row.template == "week":
        assert site.leftovers() == [], ran.said
    return done


# Calls that may fail and the run still ends with 0, each for a reason of its own.
SILENT = [
    # the directory is there already, and that was all that was asked
    (r"mkdir", r"/state(/[a-z]+)?$"),
    # a backup stands under its name with one write bit too many: a notice says so
    (r"chmod", r"/backups/[^/]*$"),
    # what is removed next: if the bit was needed, the removal fails, and that is told
    (r"chmod", r"/\.scratch/|/\.trash/"),
    # the login of an engine that has read it, and goes with it; the log of one that was judged by
    # the lines that it sent, not by the file
    (r"close", r"/engine/engine\.private/|/[^/]*\.log( \(deleted\))?$"),
    # the text says who holds a lock, for people; the lock holds without it
    (r"write|ftruncate|close", r"/lock$|\.lock( \(deleted\))?$|/locks/"),
    # a draft that was renamed into place, or is not there: were it in the way, its open would fail
    (r"unlink", r"/\.[^/]*\.new$"),
]
STORAGE, WARNINGS = 16, 3


def may_be_silent(row, call):
    """A removal needs no room: where the catalog cannot be written it empties the trash first, and
    writes it again."""
    if row.removes and re.search(r"/\.?catalog\.ini|/repository/shop$", call.path):
        return True
    return any(re.fullmatch(function, call.function) and re.search(path, call.path)
               for function, path in SILENT)


def names_in(call):
    """How a message may name what could not be changed."""
    path = pathlib.Path(call.path)
    return {path.name, path.name.removeprefix(".").removesuffix(".new"), *path.parts[-3:],
            {"syncfs": "the files in" if path.name == "restored1" else "the repository", "fsync": "the directory of"}.get(call.function, path.name)}


def expect_after_error(site, case, ran):
    number = int(case.more.split(":")[1])
    call = harmed_call(case, site.calls())
    if call is None or ran.status == case.row.status and may_be_silent(case.row, call):
        assert ran.status == case.row.status, ran.said
        return True
    assert ran.status in (STORAGE, WARNINGS, case.row.status or STORAGE), f"{call}: {ran.said}"
    if case.row.status and ran.status == case.row.status:
        return False  # of several failures the first one counts, and that was the engine's
    assert os.strerror(number) in ran.stderr, f"{call}: {ran.said}"
    named = any(name in ran.stderr for name in names_in(call))
    assert named or case.more.endswith(":forever"), f"{call} is not named: {ran.said}"
    if ran.status == WARNINGS and case.row.arguments[0] == "backup":
        assert len(checker.shown(site.repository, site.INSTANCE)) > len(site.ids), ran.said
    return False


def expect_after_child(site, case, ran):
    """It fails, is told to whoever is called at night, and condemns nothing."""
    done = ran.status == case.row.status and case.child != "capture" and \
        harmed_call(case, site.calls(site.trace_of_child)) is None
    statuses = CHILDREN[case.child].statuses
    assert ran.status in ([case.row.status] if done else statuses), ran.said
    if not done and case.row.arguments[0] == "backup":
        told = (site.state / site.INSTANCE / "incidents.ini").read_text()
        assert "backup_failed" in told, f"nobody is told: {ran.said}"
    if not done:
        for words in ("ended by SIGKILL", "hint: ", "find out who stopped it"):
            assert words in ran.stderr, ran.said
    assert set(site.states().values()) <= {"complete"}, "a killed child condemned a backup"
    return done


AFTER = {"KILL": expect_after_kill, "SIGNAL": expect_after_signal, "ERROR": expect_after_error,
         "CHILD": expect_after_child}


def calls_done(case, calls):
    """Those that took place.  None where not all are seen: other errors than EIO are not told of calls
    that cannot fail so."""
    if case.harm == "ERROR":
        number, _, forever = case.more[1:].partition(":")
        if int(number) != errno.EIO:
            return None
        return [call for call in calls if call.number < case.at
                or call.number > case.at and not forever]
    killed_before = case.harm in ("KILL", "SHUTDOWN") and not case.more.endswith(":after")
    return [call for call in calls if call.number != case.at] if killed_before else calls


def try_case(bench, case):
    site = site_for(bench, case.row)
    ran, call = None, None
    try:
        if case.child:
            make_mortal(site, case)
        ran = site.harmed(*arguments_of(case.row, site), **case.plan)
        calls = site.calls()
        call = harmed_call(case, calls)
        done = calls_done(case, calls)
        if case.child:
            call = harmed_call(case, site.calls(site.trace_of_child))
        site.wait_for_orphans()
        finished = AFTER[case.harm](site, case, ran)
        site.configure()
        expect_earlier_whole(site)
        expect_target(bench, site, case.row, finished)
        expect_no_hand_is_needed(site, case.row, done)
        if case.at % RESTORED_EACH == 0:
            expect_rows(bench, site)
        fault = ""
    except Exception:
        fault = traceback.format_exc()
    bench.remove(site)
    return Outcome(case, ran and ran.status, call, fault, ran and ran.stderr)


def run_cases(bench, cases, each=None):
    """The outcomes, in order; `each` sees them as they come."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = []
        for outcome in pool.map(lambda case: try_case(bench, case), cases):
            outcomes.append(outcome)
            if each is not None:
                each(outcome)
    return outcomes


def kills(bench, row, every=False, variants=("", ":after")):
    numbers = worth_harming(calls_of(bench, row), every)
    return [Case(row, "KILL", at, variant) for at in numbers for variant in variants]


def signals(bench, row, every=False, numbers=(signal.SIGTERM, signal.SIGINT)):
    """Each signal at every other call."""
    places = worth_harming(calls_of(bench, row), every)
    return [Case(row, "SIGNAL", at, f":{int(numbers[index % len(numbers)])}")
            for index, at in enumerate(places)]


ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EACCES")


def errors(bench, row, every=False, names=ERRORS, lasting=("", ":forever")):
    cases = []
    for name in names:
        number = getattr(errno, name)
        numbers = worth_harming(calls_of(bench, row, ERROR=f"0:{number}"), every)
        cases += [Case(row, "ERROR", at, f":{number}{how}") for at in numbers for how in lasting]
    return cases


@dataclasses.dataclass(frozen=True)
class Child:
    """A program that we run, and that may be killed: by a person, or for want of memory."""
    key: str  # of the configuration
    make: object  # (site, moment): the program that dies then
    rows: tuple
    statuses: tuple  # of a run whose child was killed


CHILDREN = {
    "rsync": Child("rsync", lambda site, at: site.mortal("/usr/bin/rsync", at),
                   ("first backup", "full", "incremental"), (17,)),
    "capture": Child("engine", lambda site, at: site.dying_engine(at), ("full", "incremental"),
                     (14,)),
    "prepare": Child("engine", lambda site, at: site.mortal("/usr/bin/mariadb-backup", at),
                     ("verify prepare", "restore"), (1, 14)),
}


def make_mortal(site, case):
    child = CHILDREN[case.child]
    site.configure({**dict(case.row.instance), child.key: child.make(site, case.at)})


def moments_of_capture(bench, row):
    """Some of its log's lines, and every 32nd of its stream."""
    lines = bench.log_lines("full" if "full" in row.name else "incremental")
    return [*range(1, lines, 8), *range(lines, lines + 33)]


def moments_of_calls(bench, row, name):
    """Its processes count for themselves, and the first one that comes so far takes all with it."""
    site = site_for(bench, row)
    make_mortal(site, Case(row, "CHILD", 0, child=name))
    ran = site.harmed(*arguments_of(row, site))
    assert ran.status == row.status, f"{row.name}, unharmed: {ran.said}"
    calls = site.calls(site.trace_of_child)
    bench.remove(site)
    assert calls, f"{row.name}: the shim saw no call of {name}"
    return range(1, max(call.number for call in calls) + 1)


def children(bench, row, every=False):
    cases = []
    for name in (name for name, child in CHILDREN.items() if row.name in child.rows):
        moments = (moments_of_capture(bench, row) if name == "capture" else
                   moments_of_calls(bench, row, name))
        cases += [Case(row, "CHILD", at, child=name) for at in moments]
    return cases


MATRICES = {"kill": kills, "signal": signals, "error": errors, "child": children}
