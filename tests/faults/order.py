# SPDX-License-Identifier: MIT
"""What must be on disk before what: the order of the flushes in a trace of the shim.

A power cut shows a flush that is missing only where the file system happens to lose just that: ext4
and xfs write their log in order, so a rename seldom is lost alone.  POSIX promises less, and other
file systems keep no more than it.  So the trace is played on a disk that forgets all that was not
flushed, and every step that relies on an earlier one is asked whether that one would be there.

A run that was killed flushes nothing on its way: hand in its calls and those of the next run as one.
"""
import collections
import pathlib

MARKER = "lsnchain-restore.ini"


class Disk:
    """What is not flushed yet: contents by path; new and removed names by directory."""

    def __init__(self):
        self.contents = set()
        self.names = collections.defaultdict(set)
        self.removed = collections.defaultdict(set)
        self.touched = {}  # path: number of the last call on it
        self.synced = 0  # number of the last syncfs

    def apply(self, number, call):
        path = pathlib.Path(call.path.removesuffix(" (deleted)"))
        if call.function == "syncfs":
            self.contents.clear()
            self.names.clear()
            self.removed.clear()
            self.synced = number
            return
        if call.function == "fsync":
            self.contents.discard(path)
            self.names.pop(path, None)
            self.removed.pop(path, None)
            return
        self.touched[path] = number
        if call.function in ("open", "write", "ftruncate"):
            self.contents.add(path)
        elif call.function == "rename":
            for place in (path, old_name(path)):
                self.names[place.parent].add(place.name)
        elif call.function == "mkdir":
            self.names[path.parent].add(path.name)
        elif call.function == "unlink":
            self.names[path.parent].discard(path.name)
            self.removed[path.parent].add(path.name)

    def forgets(self, directory, *patterns):
        """New names in a directory that a power cut would take back."""
        return sorted(name for name in self.names.get(directory, ())
                      if any(pathlib.PurePath(name).match(pattern) for pattern in patterns))

    def touched_since_sync(self, *directories):
        return sorted(str(path) for path, number in self.touched.items() if number > self.synced
                      and any(directory in (path, *path.parents) for directory in directories))


def old_name(path):
    """The shim tells the new name of a rename only."""
    before = {"backups": ".incoming", ".trash": "backups"}.get(path.parent.name)
    if before:
        return path.parent.parent / before / path.name
    return path.with_name(f".{path.name}.new")


IDS, INI = "????????T??????Z-*", "*.ini"


class Order:
    """The faults in a trace.  `whole`: the last run ended well, and must have kept its word."""

    def __init__(self, site, calls, whole=False):
        self.shelf = site.repository / site.INSTANCE
        self.repository, self.state, self.place = site.repository, site.state, site.place
        self.disk = Disk()
        self.faults = []
        self.replaced = 0  # number of the last replacing of the catalog
        self.moved = {}  # id: number of its move to the trash
        for number, call in enumerate(calls, 1):
            path = pathlib.Path(call.path)
            rule = getattr(self, f"before_{call.function}", None)
            if rule is not None:
                rule(number, path)
            self.disk.apply(number, call)
        if whole:
            self.at_the_end()

    def require(self, left, step):
        if left:
            self.faults.append(f"{step}, while these are not flushed: {', '.join(left)}")

    def unflushed_tree(self):
        forgets = self.disk.forgets
        return (forgets(self.shelf / "backups", IDS) + forgets(self.shelf / ".incoming", IDS)
                + forgets(self.shelf / ".trash", IDS) + forgets(self.shelf / "marks", INI))

    def before_rename(self, number, path):
        draft = old_name(path)
        self.require([str(draft)] if draft in self.disk.contents else [], f"{path} gets its name")
        if path.parent == self.shelf / "backups":
            scratch = self.repository / ".scratch" / self.shelf.name / "capture" / path.name
            left = self.disk.touched_since_sync(scratch, self.shelf / ".incoming" / path.name,
                                                self.shelf / "marks" / f"{path.name}.ini")
            mode = str(self.shelf / ".incoming" / path.name)  # set for the rename itself
            self.require([name for name in left if name != mode], f"{path} is published")
        elif path.parent == self.shelf / ".trash":
            self.moved[path.name] = number
        elif path == self.shelf / "catalog.ini":
            self.require(self.unflushed_tree(), "the catalog tells what is in the tree")
            self.replaced = number
        elif path == self.shelf / "catalog.ini.copy":
            self.require(self.disk.forgets(self.shelf, "catalog.ini"), "its copy is replaced")

    def before_unlink(self, number, path):
        if self.shelf / ".trash" in path.parents:
            self.require(self.disk.forgets(self.shelf / "backups", IDS)
                         + self.disk.forgets(self.shelf / ".trash", IDS)
                         + self.disk.forgets(self.shelf, "catalog.ini"), f"{path} is removed")
            gone = path.relative_to(self.shelf / ".trash").parts[0]
            if self.moved.pop(gone, 0) > self.replaced:
                self.faults.append(f"{path} is removed, while the catalog still has it")
        if path.name == MARKER:
            left = [name for name in self.disk.touched_since_sync(path.parent)
                    if pathlib.Path(name).name != MARKER]
            self.require(left, f"{path} says that all is there")

    def before_mkdir(self, number, path):
        marker = path.parent / MARKER
        if path.name == ".lsnchain":
            unsafe = [str(marker)] if marker in self.disk.contents else []
            self.require(unsafe + self.disk.forgets(path.parent, MARKER), "a restore begins")

    def at_the_end(self):
        """What a command said is done is done; state directories and logs may be made anew."""
        left = self.unflushed_tree() + self.disk.forgets(self.shelf, "catalog*")
        left += self.disk.forgets(self.repository, "lsnchain.repo", self.shelf.name)
        for directory in (self.state, self.state / self.shelf.name):
            left += self.disk.forgets(directory, "*.ini", "repository*")
        left += [f"{target}/{MARKER}" for target in self.place.glob("restored*")
                 if MARKER in self.disk.removed[target]]
        self.require(left, "the command ends well")


def faults_of(site, calls, whole=False):
    return Order(site, calls, whole).faults
