# SPDX-License-Identifier: MIT
"""How time and memory grow: with the data, the files, the links of a chain, the catalog."""
import dataclasses
import math
import pathlib
import statistics
import typing

import manybackups
from field import QUIET_S, Field

STAND_IN = pathlib.Path(__file__).resolve().with_name("many-files-backup")
TIME_MOST = 1.1  # exponents: 1 is linear, 0 is flat
FLAT = 0.1
LINEAR = 1.1
FEW = {"mib": 16, "n_small": 0}  # data and tables, where they are not what grows


@dataclasses.dataclass
class Bench:
    """What the measurements below get."""
    binary: pathlib.Path
    place: pathlib.Path
    points: tuple
    repeats: int
    quiet_s: float  # after something was removed
    say: typing.Callable

    def field(self, mib, **more):
        return Field(self.binary, self.place / "growth", mib, **more)


class Measured:
    """Series of points by name, in the order in which they came."""

    def __init__(self, bench):
        self.bench = bench
        self.series = {}

    def add(self, name, x, field, *command):
        seconds, mib = field.watched(*command)
        self.bench.say(f"{name}, {x:g}: {seconds:.2f} s, {mib:.1f} MiB")
        point = self.series.setdefault(name, {}).setdefault(x, {"x": x, "seconds": [], "mib": []})
        point["seconds"].append(seconds)
        point["mib"].append(mib)

    def restore(self, name, x, field):
        target = field.new_directory("restored")
        self.add(name, x, field, "restore", f"--target-dir={target}")
        field.new_directory("restored")


def exponent(points, figure):
    """The slope through the logarithms, of the last three points and of all that are not below an
    eighth of the last: constants weigh on the small ones."""
    last = max(point["x"] for point in points)
    upper = sorted(points, key=lambda point: point["x"])
    far = sum(point["x"] >= last / 8 for point in points)
    upper = upper[-max(3, far):]
    xs = [math.log(point["x"]) for point in upper]
    ys = [math.log(statistics.median(point[figure])) for point in upper]
    x_mean, y_mean = statistics.mean(xs), statistics.mean(ys)
    across = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys)) / across


# ---- what grows ------------------------------------------------------------------------------

def size(bench, measured):
    for mib in bench.points:
        field = bench.field(mib)
        try:
            field.open()
            for _ in range(bench.repeats):
                field.empty()
                measured.add("backup --type=full", mib / 1024, field, "backup", "--type=full")
                measured.add("verify --level=files", mib / 1024, field, "verify", "latest",
                             "--level=files")
                measured.restore("restore", mib / 1024, field)
            field.sweep(bench.quiet_s)
        finally:
            field.close()


def files(bench, measured):
    field = bench.field(**FEW)
    try:
        field.open()
        for count in bench.points:
            engine = field.place / f"many-files-backup-{count}"
            engine.symlink_to(STAND_IN)
            field.configure(engine=engine)
            for _ in range(bench.repeats):
                field.empty()
                measured.add("first full", count, field, "backup", "--type=full")
                measured.add("second full, all hard links", count, field, "backup", "--type=full")
                measured.add("verify --level=files", count, field, "verify", "latest",
                             "--level=files")
            field.sweep(bench.quiet_s)
    finally:
        field.close()


def chain(bench, measured):
    """Each link is proven when it was taken, so the rolling base stands at the one before."""
    mib, *lengths = bench.points
    field = bench.field(mib)
    try:
        field.open()
        field.site.backup("full")
        field.lsnchain("verify", "latest", "--level=prepare")
        for length in range(1, lengths[-1] + 1):
            if length in lengths:
                measured.restore("restore of the last link", length, field)
            field.day()
            measured.add("backup --type=incremental", length, field, "backup",
                         "--type=incremental")
            measured.add("verify --level=prepare, rolling base", length, field, "verify",
                         "latest", "--level=prepare")
    finally:
        field.close()


def catalog(bench, measured):
    field = bench.field(**FEW)
    try:
        field.open(keep_chains=5000, keep_proven=0)
        for count in bench.points:
            for _ in range(bench.repeats):
                field.empty()
                manybackups.fill(field.site.repository, count)
                for words in ("list", "status", "expire --dry-run", "backup --type=full"):
                    measured.add(words, count, field, *words.split())
            field.sweep(bench.quiet_s)
    finally:
        field.close()


@dataclasses.dataclass(frozen=True)
class Growth:
    name: str
    what: str
    axis: str
    measure: typing.Callable
    points: tuple
    quick: tuple  # points, too
    repeats: int
    memory_most: float  # exponent


GROWTHS = [
    Growth("size", "the size of the data", "GiB of rows", size, (1024, 2048, 4096, 8192),
           (64, 128, 256), 3, FLAT),
    Growth("files", "the number of files", "files", files, (1000, 10000, 100000),
           (100, 300, 1000), 3, LINEAR),
    Growth("chain", "the length of the chain", "links before", chain, (512, 1, 2, 4, 8, 15, 30),
           (64, 1, 2, 4), 1, LINEAR),
    Growth("catalog", "the size of the catalog", "backups", catalog, (10, 100, 1000, 10000),
           (10, 100, 1000), 3, LINEAR),
]


def judged(growth, name, points):
    slopes = {figure: exponent(points, figure) for figure in ("seconds", "mib")}
    return {"name": name, "points": points, "exponents": slopes,
            "passed": slopes["seconds"] <= TIME_MOST and slopes["mib"] <= growth.memory_most}


def run(growth, binary, place, quick, say):
    bench = Bench(binary, place, growth.quick if quick else growth.points,
                  1 if quick else growth.repeats, 0 if quick else QUIET_S,
                  lambda text: say(f"{growth.name}: {text}"))
    measured = Measured(bench)
    growth.measure(bench, measured)
    series = [judged(growth, name, list(points.values()))
              for name, points in measured.series.items()]
    return {"name": growth.name, "what": growth.what, "axis": growth.axis, "series": series,
            "most": {"seconds": TIME_MOST, "mib": growth.memory_most},
            "passed": all(one["passed"] for one in series)}
