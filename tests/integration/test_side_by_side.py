# SPDX-License-Identifier: MIT
"""Backups, verifies, restores, expiries and pins at the same time: none harms another, and no change
of a mark is lost."""
import collections
import concurrent.futures
import random
import re
import shutil
import time

import checker
import manybackups
import pytest

SECONDS = 40
OK, USAGE, WARNINGS, LOCKED = 0, 2, 3, 11
GONE = ("was removed meanwhile", "has no backup")


class Crowd:
    """What the loops share, and what they did."""

    def __init__(self, site):
        self.site = site
        self.until = time.monotonic() + SECONDS
        self.rows = {}  # of each backup, the last row that was written before it
        self.read = {}  # id to the second at which a verify of it began that passed
        self.restored = collections.deque()
        self.counts = collections.Counter()
        self.wrong = []

    def running(self):
        return time.monotonic() < self.until and not self.wrong

    def ran(self, what, allowed, *arguments):
        """One run; its status must be one of these, and one that lost its backup says so."""
        ran = self.site.run(*arguments)
        self.counts[what, ran.status] += 1
        if ran.status not in allowed or \
                (ran.status == USAGE and not any(word in ran.stderr for word in GONE)):
            self.wrong.append(f"{what}: {ran.said}")
        if ran.status == LOCKED and "since 20" not in ran.stderr:
            self.wrong.append(f"{what} does not say who holds the lock: {ran.said}")
        return ran

    def note_expired(self, answer):
        self.counts["removed"] += len(answer["removed"])
        self.counts["in use"] += sum(backup["rule"] == "in-use" for backup in answer["backups"])

    def some_link(self):
        return random.choice(sorted(self.rows))


def take_backups(crowd):
    number = 100
    while crowd.running():
        number += 1
        crowd.site.server.sql(f"INSERT INTO side.days VALUES ({number})")
        kind = "full" if number % 3 == 0 else "incremental"
        ran = crowd.ran("backup", (OK, LOCKED), "backup", f"--type={kind}", "--output=json")
        if ran.status == OK:
            answer = ran.json["instances"][0]
            crowd.rows[answer["backup"]["id"]] = number
            crowd.note_expired(answer["expire"])


def verify(crowd):
    for level in iter(lambda: random.choice(("files", "files", "prepare")), None):
        if not crowd.running():
            return
        backup_id, began = crowd.some_link(), int(time.time())
        ran = crowd.ran("verify", (OK, USAGE, LOCKED), "verify", backup_id, f"--level={level}")
        if ran.status == OK:
            crowd.read[backup_id] = began


def restore(crowd):
    while crowd.running():
        backup_id, target = crowd.some_link(), crowd.site.new_target()
        ran = crowd.ran("restore", (OK, USAGE, LOCKED), "restore", backup_id,
                        f"--target-dir={target}")
        if ran.status == OK:
            crowd.restored.append((target, crowd.rows[backup_id]))
        if len(crowd.restored) > 3:
            shutil.rmtree(crowd.restored.popleft()[0])


def expire(crowd):
    while crowd.running():
        ran = crowd.ran("expire", (OK, WARNINGS, LOCKED), "expire", "--output=json")
        if ran.status == WARNINGS and '"failed-run"' not in ran.stdout:  # a backup met the lock
            crowd.wrong.append(f"expire: {ran.said}")
        if ran.status == OK:
            crowd.note_expired(ran.json["instances"][0]["expire"])
        time.sleep(0.2)


def change_pins(crowd, backup_id):
    """Each loop has a backup of its own: what it has set must still be there when it looks."""
    pinned = True
    while crowd.running():
        pinned = not pinned
        crowd.ran("pin", (OK,), "pin" if pinned else "unpin", backup_id)
        shown = crowd.site.run("show", backup_id, "--output=json").json
        if shown["instances"][0]["backup"]["pinned"] is not pinned:
            crowd.wrong.append(f"{backup_id}: pinned should be {pinned}, a change was lost")


@pytest.fixture
def crowd(week):
    """Two chains are kept; one more for its pin, whose other links are pinned on and off."""
    week.server.sql("CREATE DATABASE IF NOT EXISTS side;"
                    "CREATE OR REPLACE TABLE side.days (day INT PRIMARY KEY) ENGINE=InnoDB;"
                    "INSERT INTO side.days VALUES (100)")
    week.configure(instance={"keep_chains": 2, "keep_proven": 0})
    week.good("pin", week.ids[0])
    crowd = Crowd(week)
    crowd.rows[week.backup("full")] = 100
    return crowd


def run_all(crowd):
    loops = [(take_backups,), (verify,), (verify,), (restore,), (expire,),
             (change_pins, crowd.site.ids[1]), (change_pins, crowd.site.ids[2])]
    with concurrent.futures.ThreadPoolExecutor(len(loops)) as pool:
        for done in [pool.submit(loop, crowd, *more) for loop, *more in loops]:
            done.result()


def expect_marks_of_all_verifies(crowd):
    links = {link["id"]: link for link in crowd.site.links()}
    for backup_id, began in crowd.read.items():
        if backup_id in links:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
            assert (links[backup_id]["files_at"] or "") >= stamp, f"{backup_id}: a mark was lost"
    assert links[crowd.site.ids[0]]["pinned"] is True


def grave_alarms(site):
    """A backup that found the lock held was not taken: that alarm is right."""
    return [event for event in site.receiver.events() if event["data"]["severity"] == "critical"
            and "is held: pid" not in event["data"]["cause"]]


def test_none_harms_another(crowd, restored):
    run_all(crowd)
    counts, site = crowd.counts, crowd.site
    assert crowd.wrong == [], counts
    assert counts["backup", OK] >= 4 and counts["verify", OK] >= 4, counts
    assert counts["restore", OK] >= 2 and counts["pin", OK] >= 20, counts
    assert counts["removed"] >= 3, f"expire had nothing to do: no test: {counts}"
    site.good("expire")  # what a reader held is free now
    assert checker.faults_of(site.repository, site.INSTANCE) == []
    assert site.leftovers() == []
    site.good("catalog", "check")
    expect_marks_of_all_verifies(crowd)
    assert set(site.states().values()) == {"complete"}
    for target, rows in crowd.restored:
        with restored(target) as copy:
            assert copy.value("SELECT MAX(day) FROM side.days") == str(rows)
            assert copy.broken_tables() == []
    assert grave_alarms(site) == []


# ---- lost updates --------------------------------------------------------------------------------

PROCESSES, ROUNDS = 8, 11  # the last change is a pin


class Said:
    """What a command that succeeded made of a pin, when it began and when it had ended."""

    def __init__(self, site, backup_id, pinned):
        self.pinned, self.began = pinned, time.monotonic()
        self.ran = site.run("pin" if pinned else "unpin", backup_id, "--output=json")
        self.ended = time.monotonic()
        assert self.ran.status == OK, self.ran.said
        self.changed = self.ran.json["instances"][0]["changed"]


def flip_pins(site, own, common, number):
    """Turn about of a backup that is this process's alone and of one that all fight for."""
    said = {own: [], common: []}
    for turn in range(ROUNDS):
        said[own].append(Said(site, own, turn % 2 == 0))
        said[common].append(Said(site, common, (turn + number) % 2 == 0))
    return said


def generation(site):
    text = (site.repository / site.INSTANCE / "catalog.ini").read_text()
    return int(re.search(r"\ngeneration = (\d+)\n", text)[1])


def may_be_last(said):
    """What the commands said that nobody has begun to contradict after their end."""
    latest = max(one.began for one in said)
    return {one.pinned for one in said if one.ended >= latest}


def test_no_update_is_lost_when_eight_processes_change_marks_at_the_same_time(site):
    manybackups.fill(site.repository, PROCESSES + 1)
    common, *own = [link["id"] for link in site.links()]
    before = generation(site)
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        loops = [pool.submit(flip_pins, site, backup_id, common, number)
                 for number, backup_id in enumerate(own)]
        done = [loop.result() for loop in loops]
    said = {backup_id: [one for part in done for one in part.get(backup_id, [])]
            for backup_id in [common, *own]}
    for link in site.links():
        assert link["pinned"] in may_be_last(said[link["id"]]), f"{link['id']}: an update was lost"
    assert sum(one.changed for one in said[common]) > 1, "they did not fight: no test"
    assert all(one.changed for backup_id in own for one in said[backup_id])
    changes = sum(one.changed for several in said.values() for one in several)
    assert generation(site) == before + changes, "each change is a generation, and nothing else is"
    assert checker.faults_of(site.repository, site.INSTANCE) == []
    site.good("catalog", "check")
