#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An independent look at a repository: checker.py REPOSITORY INSTANCE prints every fault it finds.

It shares nothing with lsnchain: it reads with Python's own tools what the design says is on disk.
"""
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


def check_backup(shelf, directory, catalog, faults):
    facts = checked(directory / "backup.ini", "facts", faults)["facts"]
    check_files(directory, facts, faults)
    marks_file = shelf / "marks" / f"{directory.name}.ini"
    marks = checked(marks_file, "marks", faults)["marks"] if marks_file.exists() else {}
    known = catalog.get(f"backup {directory.name}")
    if known is None:
        faults.append(f"{directory}: the catalog does not have it")
        return facts, marks
    told = {**facts, **marks}
    told.pop("format", None)
    for key in set(told) | set(known):
        if told.get(key) != known.get(key) and not (key in MARKS and not marks):
            faults.append(f"{directory.name}: {key} is {told.get(key)!r} in the tree,"
                          f" {known.get(key)!r} in the catalog")
    return facts, marks


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


def check_times(shelf, faults):
    """Two contents of one path must never share size and whole second: rsync would mix them."""
    seen = {}
    for path in sorted((shelf / "backups").glob("*/**/*")):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            continue
        name = path.relative_to(shelf / "backups").parts[1:]
        key = (name, int(status.st_mtime), status.st_size)
        if seen.setdefault(key, sha256(path)) != sha256(path):
            faults.append(f"{path}: shares its time with another content")


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
    check_times(shelf, faults)
    for name in (".incoming", ".trash"):
        faults += [f"{name} holds {left}" for left in os.listdir(shelf / name)]
    return faults


if __name__ == "__main__":
    found = faults_of(sys.argv[1], sys.argv[2])
    print("\n".join(found))
    sys.exit(1 if found else 0)
