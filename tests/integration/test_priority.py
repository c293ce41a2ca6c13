# SPDX-License-Identifier: MIT
"""How far a backup gives way to production."""
import os
import re
import time

import pytest


def priorities(pid):
    """(nice, class of the disk priority) of a process."""
    with open(f"/proc/{pid}/stat") as stat:
        nice = int(stat.read().rsplit(")", 1)[1].split()[16])
    return nice, os.popen(f"ionice -p {pid}").read().strip()


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
