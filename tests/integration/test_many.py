# SPDX-License-Identifier: MIT
"""Many backups: what a command asks of the disk does not grow with them, or by a few names each.

Counted, not timed: the system calls that name a file, of the main thread, as strace tells them."""
import subprocess

import checker
import lsnsite
import manybackups
import pytest

FEW, MANY = 21, 210
OK = 0
CONSTANT = (["list"], ["status"], ["show", "latest"], ["why"], ["why", "latest"],
            ["impact", "latest"], ["expire", "--dry-run", "--explain"], ["pin", "latest"],
            ["unpin", "latest"], ["verify", "latest", "--level=files"])
# At most so many for each backup that is there: its directory, its facts, its marks.  A backup cleans
# up twice, before itself and before it expires.
LINEAR = {("catalog", "check"): 6, ("catalog", "rebuild"): 6, ("expire",): 4,
          ("backup", "--type=full"): 9, ("impact", "FILE"): 2}


def file_calls(site, *words):
    """How many files the command named to the kernel; it must end well."""
    trace = site.place / "trace"
    newest = sorted(site.directory().iterdir())[-1]
    file = next((newest / "data").rglob("*.ibd*"))
    words = [str(file) if word == "FILE" else word for word in words]
    done = subprocess.run(["strace", "-qq", "-e", "trace=%file", "-o", trace, *site.command(*words)],
                          capture_output=True, text=True, env=site.environment())
    assert done.returncode == OK, f"{words}: {done.stderr}"
    return trace.read_text().count("\n")


@pytest.fixture
def sites(binary, place, common_server):
    """One with few backups, one with ten times as many."""
    made = []
    for count in (FEW, MANY):
        (place / str(count)).mkdir()
        site = lsnsite.Site(binary, place / str(count), common_server).init()
        site.configure(instance={"keep_chains": 500, "keep_proven": 0})
        manybackups.fill(site.repository, count)
        made.append(site)
    return made


def test_the_disk_is_asked_for_no_more_when_there_are_ten_times_as_many_backups(sites):
    few, many = sites
    for words in CONSTANT:
        assert file_calls(few, *words) == file_calls(many, *words), words
    for words, most in LINEAR.items():
        more = file_calls(many, *words) - file_calls(few, *words)
        assert more <= most * (MANY - FEW), f"{words}: {more / (MANY - FEW)} for each"
    assert checker.faults_of(many.repository, many.INSTANCE) == []
    assert len(many.links()) == MANY + 1
