# SPDX-License-Identifier: MIT
"""What is measured, a row each: pairs of figures, ours and what they are compared with."""
import dataclasses
import subprocess
import typing

import hand
import load
import manybackups
from field import LINKS, timed
from lsnsite import stored_bytes

MANY = 10000
LIST_MOST_S = 0.1
MIB = 1 << 20


@dataclasses.dataclass
class Row:
    name: str
    what: str
    against: str
    target: tuple  # within it is the median of ours divided by the median of theirs; None: no end
    pair: typing.Callable  # (field, number) -> (ours, theirs); the order changes with the number
    set_up: typing.Callable = lambda field: None
    unit: str = "s"
    content: str = "mixed"  # of the tables


def in_turn(number, ours, theirs):
    """(ours, theirs): one after the other, each as often first as second."""
    if number % 2 == 0:
        first = ours()
        return first, theirs()
    first = theirs()
    return ours(), first


# ---- a full: S1, S1a, S2 ---------------------------------------------------------------------

def full(field):
    """Into an empty repository, so that nothing is spared by a hard link."""
    field.empty()
    return timed(field.lsnchain, "backup", "--type=full")


def full_against(by_hand, *more_directories):
    def pair(field, number):
        def theirs():
            directories = [field.new_directory(name) for name in ("engine", *more_directories)]
            seconds = timed(by_hand, field.site, *directories)
            for directory in directories:
                field.new_directory(directory.name)
            return seconds
        return in_turn(number, lambda: full(field), theirs)
    return pair


def sealed_or_not(field, number):
    def with_compression(kind):
        field.configure(compression=kind)
        return full(field)
    pair = in_turn(number, lambda: with_compression("lz4"), lambda: with_compression("none"))
    field.configure()
    return pair


# ---- a second full: S3 -----------------------------------------------------------------------

def second_full(field, number):
    field.empty()
    field.site.backup("full")
    first = stored_bytes(field.site.directory())
    field.change_tables(number)
    field.site.backup("full")
    return (stored_bytes(field.site.directory()) - first) / MIB, first / MIB


# ---- proof on a rolling base: S4 -------------------------------------------------------------

def week(field):
    if not field.has_week:
        field.week()


def drop_last_link(field):
    """So that the next pair meets a chain of the same length."""
    chain = field.chain()
    if len(chain) >= LINKS:
        field.lsnchain("remove", chain[-1], "--force")


def rolled_base(field, number):
    """The base stands at the link before; proving the last one by hand means all of them."""
    drop_last_link(field)
    field.lsnchain("verify", "latest", "--level=prepare")
    last = field.next_link()

    def ours():
        return timed(field.lsnchain, "verify", last, "--level=prepare")

    def theirs():
        place = field.new_directory("hand")
        seconds = timed(hand.prepare_chain, field.site, field.chain(), place)
        field.new_directory("hand")
        return seconds

    return in_turn(number, ours, theirs)


# ---- restores: S5, F1 ------------------------------------------------------------------------

def full_and_copy(field):
    """The same data as lsnchain's backup, proven as every night leaves it, and as the engine's own."""
    field.empty()
    field.site.backup("full")
    field.lsnchain("verify", "latest", "--level=prepare")
    hand.backup(field.site, field.new_directory("copy"))


def restored_full(field, number):
    def ours():
        target = field.new_directory("restored")
        return timed(field.lsnchain, "restore", f"--target-dir={target}")

    def theirs():
        target = field.new_directory("restored")
        return timed(hand.restore, field.place / "copy", target)

    pair = in_turn(number, ours, theirs)
    field.new_directory("restored")
    return pair


def drilled_week(field):
    """Each link was proven in the night in which it was taken; the disk is as it is then."""
    week(field)
    if len(field.chain()) < LINKS:
        field.next_link()
    field.lsnchain("verify", "latest", "--level=prepare")


def forecast(field, _number):
    """The forecast of before, and the restore; each restore teaches the next forecast."""
    target = field.new_directory("restored")
    plan = field.lsnchain("restore", f"--target-dir={target}", "--dry-run", "--output=json").json
    foretold = plan["instances"][0]["restore"]["forecast"]["seconds"]
    assert foretold is not None, "the drills of the nights taught nothing"
    took = timed(field.lsnchain, "restore", f"--target-dir={target}")
    field.new_directory("restored")
    return took, foretold


# ---- memory: S6 ------------------------------------------------------------------------------

def memory_most_mib(parallel):
    return 64 + 8 * max(0, parallel - 4)


def peak_at(parallel):
    """The greatest of a backup, the check of its files and its restore, without the engine's."""
    def pair(field, _number):
        field.configure(parallel=parallel)
        field.empty()
        target = field.new_directory("restored")
        peaks = [field.watched(*command)[1] for command in (
            ("backup", "--type=full"), ("verify", "latest", "--level=files"),
            ("restore", f"--target-dir={target}"))]
        field.new_directory("restored")
        field.configure()
        return max(peaks), memory_most_mib(parallel)
    return pair


# ---- many backups: S7 ------------------------------------------------------------------------

def many(field):
    manybackups.make(field.new_directory("many"), MANY)


def listed(field, _number):
    command = [field.binary, "-c", field.place / "many/lsnchain.conf", "list"]

    def run():
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.count("-full ") + done.stdout.count("-incr ") >= MANY
    return timed(run), LIST_MOST_S


# ---- kindness: K1 ----------------------------------------------------------------------------

def backup_beside_load(field, at_least):
    field.empty()
    return load.take(field.server, lambda: field.lsnchain("backup", "--type=full"), at_least)


def engine_beside_load(field, at_least):
    target = field.new_directory("engine")
    taken = load.take(field.server, lambda: hand.durable_backup(field.site, target), at_least)
    field.new_directory("engine")
    return taken


def busy(field):
    """Both are tried once, to know how long the load has to last."""
    load.fill(field.server)
    tried = [take(field, 0) for take in (backup_beside_load, engine_beside_load)]
    field.load_s = load.MORE * max(taken.seconds for taken in tried)


def kindness(field, number):
    return load.transactions(*in_turn(number, lambda: backup_beside_load(field, field.load_s),
                                      lambda: engine_beside_load(field, field.load_s)))


ROWS = [
    Row("S1", "backup --type=full, durable", "the engine to a directory, then sync", (None, 0.6),
        full_against(hand.durable_backup)),
    Row("S1a", "the same", "the engine without the sync", (None, 1.0), full_against(hand.backup)),
    Row("S2", "the same", "the engine, rsync -a to a tree, sha256sum of it", (None, 0.25),
        full_against(hand.backup_to_tree, "tree")),
    Row("S3", "new bytes of a second full, 5 % of the tables changed", "bytes of the first",
        (None, 0.10), second_full, unit="MiB"),
    Row("S5", "restore of a full", "cp -a of the engine's directory, then prepare", (None, 1.0),
        restored_full, full_and_copy),
    *(Row(f"S6-{parallel}", f"peak memory at parallel = {parallel}", "the limit", (None, 1.0),
          peak_at(parallel), unit="MiB") for parallel in (1, 2, 4, 8)),
    Row("S4", f"verify --level=prepare of link {LINKS}, on a rolling base",
        "unsealing and preparing the whole chain by hand", (None, 0.15), rolled_base, week),
    Row("F1", f"restore of link {LINKS}", "the forecast of it", (0.8, 1.25), forecast,
        drilled_week),
    Row("K1", "transactions while lsnchain takes a full",
        "while the engine does, then sync, in as long", (1.0, None), kindness, busy,
        unit="transactions"),
    Row("S7", f"list of {MANY} backups", "the limit", (None, 1.0), listed, many),
    Row("S1c", "S1 of data that compress two to one", "the engine to a directory, then sync",
        (None, 0.5), full_against(hand.durable_backup), content="compressible"),
    Row("S1r", "backup --type=full of data that do not compress", "the same, compression = none",
        (None, 1.05), sealed_or_not, content="random"),
]
