# SPDX-License-Identifier: MIT
"""Nothing writes below backups/: one inode may stand in many generations."""
import collections
import hashlib
import os
import re
import shutil
import subprocess

import pytest


def look(directory):
    """Content, mode, owner and mtime of all that is there; ctime moves with the hard links."""
    seen = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        seen[str(path.relative_to(directory))] = (
            content, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns,
            status.st_ino, status.st_size)
    return seen


def test_published_files_stay_as_they_are(week):
    before = {backup_id: look(week.directory(backup_id)) for backup_id in week.ids}
    week.good("verify", "--all", "--level=prepare")
    week.good("restore", f"--target-dir={week.new_target()}")
    week.backup("incremental")
    week.backup("full")
    week.run("backup", env={"LSNCHAIN_CRASH": "publish.renamed"})
    week.good("backup")
    assert {backup_id: look(week.directory(backup_id)) for backup_id in week.ids} == before


WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
CHANGES = re.compile(r"\b(?:unlink|unlinkat|rename|renameat|renameat2|truncate|chmod|fchmodat|chown"
                     r"|fchownat|utimensat|mkdir|mkdirat|symlink|symlinkat|rmdir)\(")


def test_no_call_writes_below_backups(week):
    """Seen by strace, for us, rsync and the engine; hard links and the final rename apart."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    backups = str(week.directory())
    log = week.place / "calls"
    commands = [["verify", "--level=prepare"], ["restore", f"--target-dir={week.new_target()}"],
                ["backup", "--type=full"]]
    calls = []
    for command in commands:
        done = subprocess.run(
            ["strace", "-f", "-y", "-qq", "-s", "300", "-o", log, "-e",
             "trace=open,openat,unlink,unlinkat,rename,renameat,renameat2,truncate,ftruncate,chmod,"
             "fchmod,fchmodat,chown,fchown,fchownat,utimensat,link,linkat,mkdir,mkdirat,symlink,"
             "symlinkat,rmdir", *week.command(*command)],
            capture_output=True, text=True, env=week.environment())
        if "ptrace" in done.stderr and done.returncode != 0:
            pytest.skip(f"this host lets nobody trace: {done.stderr}")
        assert done.returncode == 0, done.stderr
        calls += log.read_text(errors="replace").splitlines()
    ours = [call for call in calls if backups in call]
    assert len(ours) > 100, "the trace saw nothing"
    bad = [call for call in ours if "= -1" not in call and
           (("open" in call and WRITES.search(call.split('"', 2)[-1])) or changes(call, backups))]
    new = week.newest()["id"]
    bad = [call for call in bad if not (f"backups/{new}" in call and
                                        ("rename" in call or "chmod" in call))]
    assert bad == []


def changes(call, backups):
    """A change whose object, relative to a directory that strace names, lies in there."""
    if not CHANGES.search(call):
        return False
    inside = re.findall(r'<([^>]*)>, "([^"]*)"', call)
    paths = [os.path.normpath(os.path.join(directory, name)) for directory, name in inside]
    paths += re.findall(r'\("([^"]*)"', call)
    return any(path.startswith(backups + "/") for path in paths)


def traced_rsync(place):
    """An rsync each of whose processes writes its every read() into a file of the directory."""
    log, rsync = place / "reads", place / "rsync"
    log.mkdir()
    rsync.write_text(f"#!/bin/sh\nexec strace -ff -y -qq -e trace=read,pread64 -o {log}/of"
                     " rsync \"$@\"\n")
    rsync.chmod(0o755)
    return rsync, log


def bytes_read(log, *directories):
    """Of each file in there, by its path."""
    calls = "".join(path.read_text() for path in log.iterdir())
    assert "read(" in calls, "the trace saw nothing"
    read = collections.Counter()
    for path, count in re.findall(r"read(?:64)?\(\d+<([^>]*)>.* = (\d+)$", calls, re.M):
        if path.startswith(tuple(f"{directory}/" for directory in directories)):
            read[path] += int(count)
    return read


@pytest.mark.parametrize("apart", [True, False])
def test_rsync_reads_each_new_byte_once_across_file_systems_and_none_within_one(
        week, small_disk, apart):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    rsync, log = traced_rsync(week.place)
    scratch = small_disk("scratch", "300M") if apart else week.repository / ".scratch"
    week.configure(instance={"rsync": rsync, **({"scratch_dir": scratch} if apart else {})})
    new = week.backup("full")
    capture = scratch / week.INSTANCE / "capture" / new
    files = [path for path in week.directory(new).rglob("*") if path.is_file()]
    sizes = {f"{capture}/{path.relative_to(week.directory(new))}": path.stat().st_size
             for path in files if path.stat().st_nlink == 1}
    assert len(files) > len(sizes) > 5, "nothing is new, or all is"
    shelf = week.repository / week.INSTANCE
    assert bytes_read(log, capture, shelf) == (sizes if apart else {})
