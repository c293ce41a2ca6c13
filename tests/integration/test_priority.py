# SPDX-License-Identifier: MIT
"""How far a backup gives way to production."""
import os
import pathlib
import re
import subprocess
import time

import pytest

import lsnsite


def nice_of(task):
    """Of a process or thread, by its directory in /proc."""
    return int((task / "stat").read_text().rsplit(")", 1)[1].split()[16])


def priorities(pid):
    """(nice, class of the disk priority) of a process."""
    return nice_of(pathlib.Path(f"/proc/{pid}")), os.popen(f"ionice -p {pid}").read().strip()


def of_engine(process):
    """Those of lsnchain and of the engine that it started, while both run."""
    for _ in range(600):
        children = os.popen(f"pgrep -P {process.pid} -f target-dir").read().split()
        if children:
            return priorities(process.pid), priorities(children[0])
        assert process.poll() is None, "it ended before its engine was seen"
        time.sleep(0.05)
    pytest.fail("the engine was never seen")


@pytest.mark.parametrize("keys, nice, disk", [
    ({}, os.getpriority(os.PRIO_PROCESS, 0), ""),
    ({"nice": 7, "io_priority": "low"}, 7, "best-effort: prio 7"),
    ({"nice": 19, "io_priority": "idle"}, 19, "idle"),
])
def test_lsnchain_and_its_engine_give_way_as_far_as_they_are_told(bare_site, keys, nice, disk):
    site = bare_site.init()
    site.use_fake("stall", stall_timeout="1m", **keys)
    process = site.start("backup")
    try:
        for found in of_engine(process):
            assert found[0] == nice
            assert re.match(disk or "none|best-effort", found[1]), found
    finally:
        process.terminate()
        process.wait(30)


def nice_of_threads(pid, name):
    return {nice_of(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            if (task / "comm").read_text().strip() == name}


@pytest.mark.parametrize("nice", [0, 12])
def test_sealing_gives_way_to_the_engine_that_feeds_it(bare_site, nice):
    """An engine that waits for a processor leaves its disk idle."""
    site = bare_site.init()
    site.use_fake("stall", stall_timeout="1m", nice=nice)
    process = site.start("backup")
    try:
        (_, _), (engine, _) = of_engine(process)
        assert nice_of_threads(process.pid, "stream") == {engine}
        assert nice_of_threads(process.pid, "seal") == {min(19, engine + 10)}
    finally:
        process.terminate()
        process.wait(30)


MIB = 1 << 20


def cached_bytes(paths):
    """How much of these files the page cache holds."""
    said = subprocess.run(["fincore", "--bytes", "--noheadings", "--output", "RES", *paths],
                          capture_output=True, text=True, check=True)
    return sum(map(int, said.stdout.split()))


@pytest.fixture
def ext4(place):
    """In memory and in an overlay there is no page cache to spare, so: a file system of our own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    image, mount = place / "image", place / "ext4"
    mount.mkdir()
    subprocess.run(["truncate", "-s", "1G", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    done = subprocess.run(["mount", "-o", "loop", image, mount], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"this host lets nobody mount: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", mount], check=True)


def test_a_backup_its_check_and_its_restore_leave_the_page_cache_to_the_host(
        binary, ext4, server, receiver):
    site = lsnsite.Site(binary, ext4, server, receiver).init()
    server.sql("CREATE DATABASE big; CREATE TABLE big.t (v BLOB);"
               " INSERT INTO big.t SELECT RANDOM_BYTES(1000) FROM big.seq_1_to_64000")
    server.flush()
    stored = site.sealed(site.backup("full"), "t", "big")
    assert stored.stat().st_size > 60 * MIB
    assert cached_bytes([stored]) < 8 * MIB

    site.good("verify", "latest", "--level=files")
    assert cached_bytes([stored]) < 8 * MIB

    target = site.restore("latest")
    assert cached_bytes([stored, target / "big/t.ibd"]) < 16 * MIB
