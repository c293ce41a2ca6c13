# SPDX-License-Identifier: MIT
"""Hard links made safe: what is published is only ever read, and now and then stored anew."""
import re
import subprocess

import pytest


def shared_files(site, backup_id):
    return [path for path in site.directory(backup_id).rglob("*")
            if path.is_file() and path.stat().st_nlink > 1]


def test_every_nth_full_shares_no_file_with_an_earlier_one(week):
    week.configure(instance={"reseed_every": "2"})
    second = week.backup("full")
    assert shared_files(week, second)
    third = week.backup("full")
    assert shared_files(week, third) == []
    assert week.link(third)["bytes_new"] == week.link(third)["bytes_stored"]
    fourth = week.backup("full")
    held = {path.stat().st_ino for path in shared_files(week, fourth)}
    assert held <= {path.stat().st_ino for path in week.directory(third).rglob("*")}
    assert held, "the fourth is linked against the fresh third"
    link = week.backup("incremental")
    held = {path.stat().st_ino for path in shared_files(week, link)}
    old = {path.stat().st_ino for name in [*week.ids, second]
           for path in week.directory(name).rglob("*")}
    assert held and not held & old, "nothing older than the third comes along"


OPEN = re.compile(r'openat?2?\((?:AT_FDCWD|\d+)(?:<(?P<dir>[^>]*)>)?, "(?P<name>[^"]*)", (?P<how>[^)]*)')
CHANGES = re.compile(r"O_WRONLY|O_RDWR|O_TRUNC|O_CREAT")


def opened_for_writing(trace, directory):
    """Published files that the trace shows being opened for more than reading."""
    found = []
    for line in trace.splitlines():
        match = OPEN.search(line)
        if match is None or not CHANGES.search(match["how"]):
            continue
        name = match["name"]
        path = name if name.startswith("/") else f"{match['dir'] or ''}/{name}"
        if path.startswith(f"{directory}/"):
            found.append(line)
    return found


@pytest.mark.parametrize("arguments", [
    ["backup", "--type=full"], ["backup", "--type=incremental"], ["verify", "--level=prepare"],
    ["restore", "--target-dir=TARGET"], ["catalog", "rebuild"], ["catalog", "check"]])
def test_nothing_of_ours_opens_a_published_file_for_writing(week, arguments):
    """Seen in a trace of every open of lsnchain, rsync and the engine."""
    words = [word.replace("TARGET", str(week.new_target())) for word in arguments]
    trace = week.place / "trace"
    done = subprocess.run(
        ["strace", "-f", "-y", "-qq", "-e", "trace=open,openat,openat2,creat,truncate", "-o", trace,
         *week.command(*words)], capture_output=True, text=True, env=week.environment())
    assert done.returncode == 0, done.stderr
    text = trace.read_text(errors="replace")
    assert str(week.directory()) in text, "the trace saw nothing of the repository"
    assert opened_for_writing(text, week.directory()) == []
