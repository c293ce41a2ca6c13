# SPDX-License-Identifier: MIT
"""Power cuts: a file system of its own goes down at a persistence call, without a flush of its log.

What was not flushed is lost, as xfs and ext4 lose it in a real power cut.  After the file system is
mounted again nothing that the catalog shows may be missing or half, read back from the disk; and a
run that had ended well must have kept its word, although the power failed right after it.
"""
import ctypes
import fcntl
import functools
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import time
import traceback

import bench as benches
import checker
import matrix

FILE_SYSTEMS = {"xfs": ["mkfs.xfs", "-q"], "ext4": ["mkfs.ext4", "-q", "-F"]}
SIZE = 512 << 20
HELD_LIMIT = 60
CLONE_NEWNS = 0x00020000
GO_DOWN, WITHOUT_FLUSH = 0x8004587D, 2
ROWS = ("init", "first backup", "full", "incremental", "publishes on", "adopts", "verify files",
        "restore", "catalog rebuild", "expire")


def run_program(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.strip()


@functools.cache
def own_mounts():
    """What this thread and its children mount from now on is seen by nobody else: a server in a mount
    namespace of its own, as other tests start them, would hold it for longer than we do, and a file
    system that went down stays so as long as it is held."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
    run_program("mount", "--make-rprivate", "/")


class Disk:
    """A file system on a loop device."""

    def __init__(self, place, kind):
        self.kind = kind
        self.image = pathlib.Path(place) / f"disk-{kind}"
        self.mount = pathlib.Path(tempfile.mkdtemp(prefix=f"{kind}.", dir=place))
        self.device = None
        with open(self.image, "wb") as file:
            file.truncate(SIZE)

    def __enter__(self):
        try:
            own_mounts()
            self.device = run_program("losetup", "--find", "--show", self.image)
            run_program(*FILE_SYSTEMS[self.kind], self.device)
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """By what the kernel says: a signal may have come between a mount and our knowing of it."""
        if self.is_mounted:
            self.down()
        for device in run_program("losetup", "--associated", self.image, "--noheadings",
                                  "--output", "NAME").split():
            run_program("losetup", "--detach", device)
        self.image.unlink()

    @property
    def is_mounted(self):
        return f" {self.mount} " in pathlib.Path("/proc/thread-self/mounts").read_text()

    def up(self):
        """A server of a case may hold what was unmounted here for a moment: then the same, dead file
        system is mounted again."""
        deadline = time.monotonic() + HELD_LIMIT
        while True:
            run_program("mount", self.device, self.mount)
            try:
                self.mount.chmod(0o755)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
            self.down()
            time.sleep(0.2)

    def flush(self):
        run_program("sync", "--file-system", self.mount)

    def cut(self):
        """For one that still is up; the shim has cut the others."""
        fd = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, GO_DOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(fd)

    def down(self):
        """An engine whose parent was killed may hold it for a moment."""
        deadline = time.monotonic() + benches.ORPHAN_LIMIT
        while True:
            try:
                run_program("umount", self.mount)
                break
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def up_again(self):
        self.down()
        self.up()


def expect_word_kept(site, row):
    """A command that had ended with 0 did what it said for good."""
    shown = checker.shown(site.repository, site.INSTANCE)
    if row.arguments[0] == "backup":
        assert len(shown) > len(site.ids), "the backup that was taken is gone"


def try_case(bench, disk, case):
    site = matrix.site_for(bench, case.row, disk.mount)
    disk.flush()
    ran, call = None, None
    try:
        ran = site.harmed(*matrix.arguments_of(case.row, site),
                          SHUTDOWN=f"{case.at}:{disk.mount}")
        call = matrix.harmed_call(case, site.calls())
        finished = call is None
        if finished:
            disk.cut()
        disk.up_again()
        assert ran.status == (0 if finished else -signal.SIGKILL), ran.said
        matrix.expect_earlier_whole(site)
        if finished:
            expect_word_kept(site, case.row)
        matrix.expect_target(bench, site, case.row, finished)
        matrix.expect_no_hand_is_needed(site, case.row)
        fault = ""
    except Exception:
        fault = traceback.format_exc()
        disk.up_again()  # whatever went wrong, the next case finds it up
    bench.remove(site)
    return matrix.Outcome(case, ran and ran.status, call, fault, ran and ran.stderr)


def cases_of(bench, every, names):
    for row in matrix.ROWS:
        if row.name in ROWS and (not names or any(name in row.name for name in names)):
            yield from (matrix.Case(row, "SHUTDOWN", at) for at in
                        matrix.worth_harming(matrix.calls_of(bench, row), every))


def run(bench, kind, every=False, step=1, names=(), each=None):
    """One case after the other: a cut takes the whole file system down."""
    outcomes = []
    with Disk(bench.place, kind) as disk:
        for case in list(cases_of(bench, every, names))[::step]:
            outcomes.append(try_case(bench, disk, case))
            if each is not None:
                each(outcomes[-1])
    return outcomes
