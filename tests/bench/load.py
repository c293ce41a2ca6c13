# SPDX-License-Identifier: MIT
"""A server that is busy: sysbench's transactions, counted while a backup is taken beside them."""
import bisect
import dataclasses
import subprocess
import threading
import time

TABLES, ROWS, THREADS = 4, 50000, 4
EVERY_S = 0.25
SETTLE_S = 3
MORE = 2  # as long as the slower one took when it was tried, and as long again


def sysbench(server, command, *more):
    return ["sysbench", "oltp_read_write", f"--mysql-socket={server.socket}", "--mysql-user=root",
            "--mysql-db=sbtest", f"--tables={TABLES}", f"--table-size={ROWS}", *more, command]


def fill(server):
    server.sql("CREATE DATABASE IF NOT EXISTS sbtest")
    subprocess.run(sysbench(server, "prepare"), check=True, capture_output=True)
    server.flush()


@dataclasses.dataclass
class Counted:
    """How many transactions there were, at which moment."""
    moments: list
    counts: list

    def at(self, moment):
        """Between two looks as if they came evenly."""
        after = bisect.bisect_left(self.moments, moment)
        assert 0 < after < len(self.moments), "nobody counted then"
        low, high = self.moments[after - 1], self.moments[after]
        share = (moment - low) / (high - low)
        return self.counts[after - 1] + share * (self.counts[after] - self.counts[after - 1])


class Load:
    """Transactions as fast as they go while the block runs, and what became of each moment."""

    def __init__(self, server):
        self.server = server
        self.counted = Counted([], [])
        self.end = threading.Event()

    def __enter__(self):
        self.process = subprocess.Popen(
            sysbench(self.server, "run", f"--threads={THREADS}", "--time=0"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        time.sleep(SETTLE_S)
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        assert self.process.poll() is None, "sysbench ended early"
        self.process.terminate()
        self.process.wait()

    def watch(self):
        while not self.end.is_set():
            (_, count), = self.server.sql("SHOW GLOBAL STATUS LIKE 'Com_commit'")
            self.counted.moments.append(time.monotonic())
            self.counted.counts.append(int(count))
            self.end.wait(EVERY_S)

    def between(self, start, seconds):
        return self.counted.at(start + seconds) - self.counted.at(start)


@dataclasses.dataclass
class Taken:
    """A backup of a busy server."""
    load: Load
    start: float
    seconds: float


def take(server, backup, at_least=0.0):
    """The load goes on for so long, counted from the start of the backup."""
    with Load(server) as load:
        start = time.monotonic()
        backup()
        seconds = time.monotonic() - start
        time.sleep(max(0.0, at_least - seconds) + 2 * EVERY_S)
    return Taken(load, start, seconds)


def transactions(one, other):
    """Of each, over the same window: as long as the slower of the two."""
    window = max(one.seconds, other.seconds)
    return tuple(taken.load.between(taken.start, window) for taken in (one, other))
