# SPDX-License-Identifier: MIT
"""A sample of what scripts/test-faults does in whole: harmed at a persistence call, what is left?"""
import errno
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile

import pytest

FAULTS = pathlib.Path(__file__).resolve().parents[1] / "faults"
sys.path.insert(0, str(FAULTS))

import bench as benches  # noqa: E402
import lsnsite  # noqa: E402
import matrix  # noqa: E402
import power  # noqa: E402

pytestmark = pytest.mark.only_on("mariadb", "the recorded engine is mariadb-backup")

SEED = int(os.environ.get("LSNCHAIN_FAULT_SEED", random.SystemRandom().randrange(10**6)))
SAMPLES = {"kill": 1, "signal": 1, "error": 2, "child": 2}  # of each command

# Of the calls that change a disk, or could: what the program does not use, the shim need not wrap.
CHANGES = re.compile(r"open|creat|write|truncat|allocat|sync|rename|link|mkdir|rmdir|remove|chmod"
                     r"|chown|utime|copy_file|sendfile|splice|mkstemp|mkdtemp|xattr|ioctl|syscall")
# These read, are no files, or write to what is no file of ours: stdout and stderr.
HARMLESS = {"fdopendir", "opendir", "pidfd_open", "fwrite", "readlink", "catopen", "dlopen",
            # of a child before it becomes a throwaway server: its uid
            "syscall",
            # clones and copies that such a server runs on, or that are harmed; removed afterwards
            "ioctl", "sendfile64",
            # makes the disk begin what it would do anyway; the flush at the end tells of errors
            "sync_file_range",
            # memory, which a program of the operator's reads an alert from
            "memfd_create"}


@pytest.fixture(scope="module")
def bench(binary, session_place):
    bench = benches.Bench(binary, session_place)
    yield bench
    bench.close()


def expect_no_fault(outcomes):
    assert outcomes, "nothing was tried"
    faults = [f"{outcome.case}, exit status {outcome.status}, at {outcome.call}\n{outcome.fault}\n"
              f"{outcome.said}" for outcome in outcomes if outcome.fault]
    assert not faults, f"seed {SEED}:\n" + "\n".join(faults)


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_next_run_needs_no_hand_wherever_one_is_harmed(bench, kind):
    chance = random.Random(f"{SEED} {kind}")
    cases = []
    for row in matrix.rows_named((), kind):
        more = {"names": [chance.choice(matrix.ERRORS)]} if kind == "error" else {}
        all_cases = matrix.MATRICES[kind](bench, row, **more)
        cases += chance.sample(all_cases, min(SAMPLES[kind], len(all_cases)))
    print(f"seed {SEED}: {', '.join(map(str, cases))}")
    expect_no_fault(matrix.run_cases(bench, cases))


@pytest.mark.parametrize("name", ["expire", "verify files", "adopts"])
def test_the_next_run_flushes_what_a_killed_one_renamed_before_it_relies_on_it(bench, name):
    row = next(row for row in matrix.ROWS if row.name == name)
    expect_no_fault(matrix.run_cases(bench, [
        matrix.Case(row, "KILL", call.number, ":after")
        for call in matrix.calls_of(bench, row) if call.function == "rename"]))


def skip_without_disks(place):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    try:
        with power.Disk(place, "xfs") as disk:
            disk.cut()
    except AssertionError as failure:
        pytest.skip(f"this host lets nobody mount: {failure}")


@pytest.mark.parametrize("kind", power.FILE_SYSTEMS)
def test_nothing_is_missing_or_half_after_a_power_cut(bench, kind):
    skip_without_disks(bench.place)
    expect_no_fault(power.run(bench, kind, step=300))


def test_the_matrix_is_stopped_by_a_signal_and_leaves_no_disk_and_no_server(bench, binary):
    skip_without_disks(bench.place)
    place = tempfile.mkdtemp(prefix="fs.", dir=bench.place)
    os.chmod(place, 0o1777)  # servers of another uid make their files there
    running = subprocess.Popen([FAULTS.parents[1] / "scripts/test-faults", "--power", "init"],
                               env={**os.environ, "LSNCHAIN_BINARY": str(binary), "TMPDIR": place},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    mounts = pathlib.Path(f"/proc/{running.pid}/mounts")
    try:
        lsnsite.wait_until(lambda: place in read_if_there(mounts), running)
    finally:
        running.terminate()
        status = running.wait(60)
    assert status == 128 + signal.SIGTERM
    loops = subprocess.run(["losetup", "--list"], check=True, capture_output=True, text=True).stdout
    assert place not in loops and os.listdir(place) == []
    servers = [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
               if place in read_if_there(path)]
    assert servers == []


def read_if_there(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def test_a_failed_proof_is_told_although_its_quarantine_cannot_be_written(bench):
    site = bench.new_site("week")
    damaged = site.directory(site.ids[-1]) / "data/xtrabackup_checkpoints"
    lsnsite.flip_byte(damaged)
    arguments = ("verify", "latest", "--level=files")
    recording = [*site.repository.rglob("marks"), *site.repository.glob("shop/catalog.ini")]
    ran = site.harmed(*arguments, under=recording, ERROR=f"1:{errno.EIO}:forever")
    assert ran.status == 20, ran.said
    assert "could not be recorded" in ran.stderr and os.strerror(errno.EIO) in ran.stderr
    assert "proof_failed" in (site.state / "shop/incidents.ini").read_text()
    assert site.states()[site.ids[-1]] == "complete", "the shim harmed nothing"
    site.ended(20, *arguments)
    assert site.states()[site.ids[-1]] == "quarantined"
    bench.remove(site)


def undefined(path):
    done = subprocess.run(["nm", "--dynamic", "--undefined-only", path], check=True,
                          capture_output=True, text=True)
    return set(re.findall(r" U (\w+)@GLIBC", done.stdout))


def test_the_shim_sees_every_call_of_the_program_that_changes_a_disk(bench, binary):
    done = subprocess.run(["nm", "--dynamic", "--defined-only", bench.shim], check=True,
                          capture_output=True, text=True)
    wrapped = set(re.findall(r" T (\w+)", done.stdout))
    changing = {name for name in undefined(binary) if CHANGES.search(name)}
    assert changing - wrapped - HARMLESS == set()
    assert {"renameat2", "syncfs", "unlinkat"} <= changing & wrapped
