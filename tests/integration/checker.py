#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An independent look at a repository: checker.py REPOSITORY INSTANCE prints every fault it finds.

It shares nothing with lsnchain: it reads with Python's own tools what the design says is on disk.

faults_of() is for a repository at rest: facts, marks, catalog and its copy, tree, sums, hard links
and times agree, and nothing is left over.  weak_faults_of() is for one whose last run was killed:
what the catalog shows is in the tree and whole.
"""
import collections
import datetime
import hashlib
import os
import pathlib
import re
import stat
import sys

ID = re.compile(r"\d{8}T\d{6}Z-(full|incr)")
MARKS = ("state", "rule", "reason", "quarantined_at", "bytes_new", "files_at", "proof", "proof_at",
         "proof_seconds", "proof_engine", "proof_failed", "proof_failed_at", "proof_failed_reason",
         "pinned")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checked(path, section, faults):
    """The keys below the checksum of an INI file of ours, in order; sections by their names."""
    head, sum_line, body = path.read_text().split("\n", 2)
    if head != f"[{section}]":
        faults.append(f"{path}: begins with {head}")
    if sum_line != "checksum = " + hashlib.sha256(body.encode()).hexdigest():
        faults.append(f"{path}: its checksum does not match")
    sections = {section: {}}
    name = section
    for line in filter(None, body.splitlines()):
        if line.startswith("["):
            name = line.strip("[]")
            sections[name] = {}
        else:
            key, _, value = line.partition(" = ")
            sections[name][key.rstrip(" =")] = value
    return sections


def check_files(directory, facts, faults):
    named = {}
    for line in (directory / "SHA256SUMS").read_text().splitlines():
        digest, _, name = line.partition("  ")
        named[name] = digest
    if list(named) != sorted(named, key=lambda name: name.encode()):
        faults.append(f"{directory}: SHA256SUMS is not sorted")
    if facts.get("sums") != sha256(directory / "SHA256SUMS"):
        faults.append(f"{directory}: backup.ini has another sum of SHA256SUMS")
    there = set()
    for path in directory.rglob("*"):
        status = path.lstat()
        name = str(path.relative_to(directory))
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != 0o440:
            faults.append(f"{path}: mode {status.st_mode:o}")
        if name not in ("SHA256SUMS", "backup.ini"):
            there.add(name)
            if named.get(name) != sha256(path):
                faults.append(f"{path}: does not match its sum")
    for name in set(named) ^ there:
        faults.append(f"{directory}: {name} is there or named, not both")


def scoped(part, key, others):
    """As a catalog calls a key where its name alone is one of the other part."""
    return f"{part}.{key}" if key in others else key


def check_backup(shelf, directory, catalog, faults):
    facts = checked(directory / "backup.ini", "facts", faults)["facts"]
    check_files(directory, facts, faults)
    marks_file = shelf / "marks" / f"{directory.name}.ini"
    marks = checked(marks_file, "marks", faults)["marks"] if marks_file.exists() else {}
    known = catalog.get(f"backup {directory.name}")
    if known is None:
        faults.append(f"{directory}: the catalog does not have it")
        return facts, marks
    told = {scoped("facts", key, MARKS): value for key, value in facts.items()}
    told |= {key if key in MARKS else scoped("marks", key, facts): value
             for key, value in marks.items()}
    for key in ("format", "marks.format"):
        told.pop(key, None)
    for key in set(told) | set(known):
        if told.get(key) != known.get(key) and not (key in MARKS and not marks):
            faults.append(f"{directory.name}: {key} is {told.get(key)!r} in the tree,"
                          f" {known.get(key)!r} in the catalog")
    return facts, marks


class Published:
    """A file below backups/: where, whose, and as what inode."""

    def __init__(self, backup, name, path):
        status = path.lstat()
        self.backup, self.name, self.path = backup, name, path
        self.inode, self.links = status.st_ino, status.st_nlink
        self.size, self.time_ns = status.st_size, status.st_mtime_ns
        self.sum = sha256(path)

    @property
    def seconds(self):
        return self.time_ns // 10**9


def published(shelf):
    """All files below backups/, of the oldest backup first."""
    files = []
    for directory in sorted(filter(pathlib.Path.is_dir, (shelf / "backups").iterdir())):
        files += [Published(directory.name, str(path.relative_to(directory)), path)
                  for path in sorted(directory.rglob("*"))
                  if stat.S_ISREG(path.lstat().st_mode)]
    return files


def time_in(name):
    moment = datetime.datetime.strptime(name.split("-")[0], "%Y%m%dT%H%M%SZ")
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())


def check_links(files, faults):
    """One inode is one file in several generations, has no name elsewhere, and one content."""
    names = collections.defaultdict(list)
    for file in files:
        names[file.inode].append(file)
    for several in names.values():
        first = several[0]
        if first.links != len(several):
            faults.append(f"{first.path}: has {first.links} names, {len(several)} below backups/")
        if len({(file.name, file.sum) for file in several}) > 1:
            faults.append(f"{first.path}: stands for several files:"
                          f" {[str(file.path) for file in several]}")


def check_times(files, faults):
    """A new content has the time in its backup's id, an old one the time it had (of a backup that
    may be gone by now); and two contents of one path must never share size and whole second: rsync
    would mix them."""
    before, seen = {}, {}
    there = {time_in(file.backup) for file in files}
    for file in files:
        if file.time_ns % 10**9:
            faults.append(f"{file.path}: its time is not of whole seconds")
        times = before.setdefault((file.name, file.sum), set())
        own = time_in(file.backup)
        gone = file.seconds < own and file.seconds not in there
        if file.seconds not in times | {own} and not gone:
            faults.append(f"{file.path}: its time is neither its backup's nor an earlier one's")
        times.add(file.seconds)
        key = (file.name, file.seconds, file.size)
        if seen.setdefault(key, file.sum) != file.sum:
            faults.append(f"{file.path}: shares its time with another content")


def check_new_bytes(files, backups, faults):
    """What a mark says is new are the files of no earlier backup; those with an older time may have
    been in one that is gone by now."""
    earlier, new, surely = set(), collections.Counter(), collections.Counter()
    for file in files:
        if file.name.startswith("data/") and file.inode not in earlier:
            new[file.backup] += file.size
            surely[file.backup] += file.size if file.seconds == time_in(file.backup) else 0
        earlier.add(file.inode)
    for name, (_, marks) in backups.items():
        told = int(marks.get("bytes_new", new[name]))
        if not surely[name] <= told <= new[name]:
            faults.append(f"{name}: bytes_new is {told}, {new[name]} are new")


def check_directories(directory, faults):
    for path in [directory, *directory.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_dir() and mode != 0o550:
            faults.append(f"{path}: mode {mode:o}")


def check_chain(name, backups, faults):
    facts, marks = backups[name]
    parent = facts["parent"]
    if not parent:
        return
    if parent not in backups:
        faults.append(f"{name}: its parent {parent} is not there")
    elif marks.get("state", "complete") == "complete":
        if facts["from_lsn"] != backups[parent][0]["to_lsn"]:
            faults.append(f"{name}: does not begin where {parent} ends")
        if facts["chain"] != backups[parent][0]["chain"]:
            faults.append(f"{name}: is of another chain than {parent}")


def faults_of(repository, instance):
    faults = []
    shelf = pathlib.Path(repository) / instance
    catalog = checked(shelf / "catalog.ini", "catalog", faults)
    if (shelf / "catalog.ini").read_bytes() != (shelf / "catalog.ini.copy").read_bytes():
        faults.append("catalog.ini and its copy differ")
    directories = sorted((shelf / "backups").iterdir())
    backups = {}
    for directory in directories:
        if not ID.fullmatch(directory.name):
            faults.append(f"{directory}: is no backup")
            continue
        check_directories(directory, faults)
        backups[directory.name] = check_backup(shelf, directory, catalog, faults)
    for name in backups:
        check_chain(name, backups, faults)
    for section, known in catalog.items():
        name = section.removeprefix("backup ")
        if section != "catalog" and name not in backups and known.get("state") != "missing":
            faults.append(f"{name}: is in the catalog, not in the tree")
    for path in (shelf / "marks").iterdir():
        if path.stem not in backups and f"backup {path.stem}" not in catalog:
            faults.append(f"{path}: marks of nothing")
    files = published(shelf)
    check_links(files, faults)
    check_times(files, faults)
    check_new_bytes(files, backups, faults)
    for name in (".incoming", ".trash"):
        faults += [f"{name} holds {left}" for left in os.listdir(shelf / name)]
    return faults


def sound_catalog(shelf):
    """The catalog that counts: of the sound ones that with the higher generation; {} for none."""
    sound = []
    for name in ("catalog.ini", "catalog.ini.copy"):
        faults = []
        try:
            sections = checked(shelf / name, "catalog", faults)
        except (OSError, ValueError):
            continue
        if not faults:
            sound.append((int(sections["catalog"]["generation"]), sections))
    return max(sound, key=lambda one: one[0])[1] if sound else {}


def shown(repository, instance):
    """Backups that the catalog shows as there: id and what it knows of each.  What stands in .trash
    is on its way out, and is shown by no command, although the catalog may still have it."""
    shelf = pathlib.Path(repository) / instance
    leaving = {name for name in os.listdir(shelf / ".trash")
               if not (shelf / "backups" / name).exists()} if (shelf / ".trash").exists() else set()
    return {section.removeprefix("backup "): known
            for section, known in sound_catalog(shelf).items()
            if section != "catalog" and known.get("state") != "missing"
            and section.removeprefix("backup ") not in leaving}


def weak_faults_of(repository, instance):
    faults = []
    shelf = pathlib.Path(repository) / instance
    if not sound_catalog(shelf):
        faults.append("neither catalog.ini nor its copy is sound")
    for name, known in shown(repository, instance).items():
        directory = shelf / "backups" / name
        try:
            facts = checked(directory / "backup.ini", "facts", faults)["facts"]
            check_files(directory, facts, faults)
        except (OSError, ValueError) as failure:
            faults.append(f"{name}: is in the catalog, but cannot be read: {failure}")
            continue
        for key in facts.keys() - {"format"}:
            if known.get(key) != facts[key]:
                faults.append(f"{name}: {key} is {facts[key]!r} in the tree, {known.get(key)!r} in"
                              " the catalog")
    return faults


if __name__ == "__main__":
    found = faults_of(sys.argv[1], sys.argv[2])
    print("\n".join(found))
    sys.exit(1 if found else 0)
