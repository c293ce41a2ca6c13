# SPDX-License-Identifier: MIT
"""Old backups go, and only those: expire, remove, pin; what holds them back; what is left."""
import contextlib
import datetime
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess

import checker
import lsnsite
import pytest

KEEP_TWO = {"keep_chains": 2, "keep_proven": 0}
USAGE, WARNINGS, LOCKED, REFUSED = 2, 3, 11, 15


# Which backups share a week must not depend on the day on which this runs.
TO_MONDAY = -datetime.datetime.now(datetime.timezone.utc).weekday() % 7


def at(days):
    """Environment of a run that many days from the next Monday (UTC), at this time of the day."""
    return {"LSNCHAIN_CLOCK": f"+{int((TO_MONDAY + days) * 86400)}"}


DAYS = (0, 1, 2, 7, 8, 9, 14, 15, 16)
TODAY = at(16.5)


@pytest.fixture(scope="module")
def weeks_template(binary, session_place, common_server):
    """Three weeks: a full and two incrementals each, none of them proven."""
    place = session_place / "weeks"
    place.mkdir()
    site = lsnsite.Site(binary, place, common_server).init()
    for number, day in enumerate(DAYS):
        common_server.sql(f"UPDATE sbtest.sbtest1 SET c = 'day {day}' WHERE id <= 100")
        common_server.flush()
        kind = "incremental" if number % 3 else "full"
        site.good("backup", f"--type={kind}", env=at(day))
    return site


def copy_of(template, place, receiver=None):
    subprocess.run(["cp", "-a", template.repository, template.state, place], check=True)
    site = lsnsite.Site(template.binary, place, template.server, receiver)
    site.ids = sorted(os.listdir(site.directory()))
    site.configure(instance=KEEP_TWO)
    return site


@pytest.fixture
def weeks(weeks_template, place, receiver):
    """A copy of those weeks, of which two chains are to be kept."""
    return copy_of(weeks_template, place, receiver)


def told(site, *arguments, status=0, env=TODAY):
    """What `expire` said of this instance, as JSON."""
    ran = site.ended(status, "expire", "--output=json", *arguments, env=env)
    return ran.json["instances"][0]["expire"]


def rules(answer):
    return {backup["id"]: backup["rule"] for backup in answer["backups"]}


def ids(site):
    return sorted(os.listdir(site.directory()))


def inodes(site, backups):
    """Of each stored file its inode and a sum of its bytes."""
    found = {}
    for backup_id in backups:
        for path in sorted(site.directory(backup_id).rglob("*")):
            if path.is_file():
                status = path.lstat()
                found[str(path)] = (status.st_ino, status.st_mtime_ns, status.st_mode,
                                    hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def everything(site):
    shelf = site.repository / site.INSTANCE
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in shelf.rglob("*")
            if path.name not in ("lock", "catalog.lock") and path.parent.name != "locks"}


def expect_sound(site, left):
    """Tree, catalog and marks say the same, nothing half is left, and all of it can be read."""
    assert ids(site) == sorted(left)
    assert checker.faults_of(site.repository, site.INSTANCE) == []
    assert site.leftovers() == []
    assert sorted(site.states()) == sorted(left)
    site.good("catalog", "check")
    site.good("verify", "--all", "--level=files", env=TODAY)


# ---- expire --------------------------------------------------------------------------------------

def test_the_oldest_chain_goes_and_what_shares_its_files_is_untouched(weeks):
    gone, left = weeks.ids[:3], weeks.ids[3:]
    before = inodes(weeks, left)
    shared = [path for path in before if os.stat(path).st_nlink > 1]
    removed_inodes = {entry[0] for entry in inodes(weeks, gone).values()}
    assert any(before[path][0] in removed_inodes for path in shared), "nothing is shared: no test"
    answer = told(weeks)
    assert set(answer["removed"]) == set(gone)
    assert inodes(weeks, left) == before
    names = {}
    for inode, *_ in before.values():
        names[inode] = names.get(inode, 0) + 1
    for path, (inode, *_) in before.items():
        assert os.stat(path).st_nlink == names[inode], path
    expect_sound(weeks, left)
    assert not (weeks.repository / weeks.INSTANCE / "locks" / gone[0]).exists()
    assert told(weeks)["removed"] == []


def test_what_it_frees_is_what_the_disk_gets_back(weeks):
    shelf = weeks.repository / weeks.INSTANCE / "backups"
    before = lsnsite.stored_bytes(shelf)
    said = told(weeks, "--dry-run")["freed"]
    assert told(weeks)["freed"] == said == before - lsnsite.stored_bytes(shelf)


def test_a_dry_run_changes_nothing_and_says_what_would_go(weeks):
    before = everything(weeks)
    ran = weeks.good("expire", "--dry-run", env=TODAY)
    assert ran.stdout.count("would remove") == 3 and "would free" in ran.stdout
    answer = told(weeks, "--dry-run")
    assert [backup["id"] for backup in answer["backups"] if not backup["kept"]] == weeks.ids[:3]
    assert answer["dry_run"] is True and answer["removed"] == []
    assert everything(weeks) == before


def test_explain_names_a_rule_for_each_and_the_restore_points_that_are_left(weeks):
    ran = weeks.good("expire", "--dry-run", "--explain", env=TODAY)
    lines = {line.split()[0]: line for line in ran.stdout.splitlines() if line.startswith("  2")}
    assert sorted(lines) == weeks.ids
    wanted = 3 * ["goes no-rule"] + 3 * ["stays keep_chains"] + 3 * ["stays newest-chain"]
    assert [" ".join(lines[backup].split()[1:3]) for backup in weeks.ids] == wanted
    assert "restore points afterwards: 6" in ran.stdout
    assert "densest: 1d" in ran.stdout and "farthest apart: 5d" in ran.stdout
    points = told(weeks, "--dry-run")["restore_points"]
    assert points["count"] == 6 and points["earliest_id"] == weeks.ids[3]
    assert points["newest_id"] == weeks.ids[8]
    assert points["widest"]["from"] == weeks.ids[5]


def test_the_defaults_keep_four_chains(weeks):
    weeks.configure()
    answer = told(weeks)
    assert answer["removed"] == [] and answer["withheld"] is None
    assert set(rules(answer).values()) == {"keep_chains", "newest-chain"}


def test_a_backup_that_went_well_is_followed_by_it(weeks):
    ran = weeks.good("backup", "--output=json", "--type=full", env=at(21))
    answer = ran.json["instances"][0]["expire"]
    assert set(answer["removed"]) == set(weeks.ids[:6])
    expect_sound(weeks, weeks.ids[6:] + [ids(weeks)[-1]])


def test_a_backup_is_good_although_old_ones_could_not_be_removed(weeks):
    lock = weeks.repository / weeks.INSTANCE / "locks" / weeks.ids[0]
    lock.unlink(missing_ok=True)
    lock.mkdir()
    ran = weeks.ended(WARNINGS, "backup", env=TODAY, words=["the backup is there", weeks.ids[0]])
    assert len(ids(weeks)) == 10, ran.said
    lock.rmdir()
    weeks.good("expire", env=TODAY)
    expect_sound(weeks, ids(weeks)[-7:])


def test_a_failed_backup_is_not_followed_by_it_and_nothing_goes_until_one_succeeds(weeks):
    weeks.write_defaults_file(password="wrong")
    weeks.ended(12, "backup", env=TODAY)
    assert ids(weeks) == weeks.ids
    answer = told(weeks, status=WARNINGS)
    assert answer["withheld"]["rule"] == "failed-run" and ids(weeks) == weeks.ids
    weeks.ended(REFUSED, "remove", weeks.ids[2], env=TODAY, words=["failed-run"])
    weeks.write_defaults_file()
    weeks.good("backup", env=TODAY)
    expect_sound(weeks, weeks.ids[3:] + [ids(weeks)[-1]])


def test_nothing_goes_while_the_newest_chain_is_not_proven_and_a_proof_is_asked_for(weeks):
    weeks.configure(instance={"keep_chains": 2})
    answer = told(weeks, status=WARNINGS)
    assert answer["withheld"]["rule"] == "newest-unproven" and ids(weeks) == weeks.ids
    ran = weeks.good("backup", env=TODAY)
    assert "is not proven" in ran.stderr and len(ids(weeks)) == 10
    weeks.good("verify", "latest", "--level=prepare", env=TODAY)
    assert set(told(weeks)["removed"]) == set(weeks.ids[:3])


def test_check_and_list_tell_what_keeps_old_backups_for_ever(weeks):
    weeks.configure(instance={"keep_chains": 2})
    ran = weeks.ended(WARNINGS, "check", env=TODAY, words=["retention", "verify_after"])
    assert "3 backups would go" in ran.stdout
    weeks.good("verify", "latest", "--level=prepare", env=TODAY)
    weeks.good("check", env=TODAY)
    assert "pinned" not in weeks.good("list").stdout
    weeks.good("pin", weeks.ids[1])
    lines = [line for line in weeks.good("list").stdout.splitlines() if "complete, pinned" in line]
    assert len(lines) == 1 and weeks.ids[1] in lines[0]


def test_the_newest_proven_chain_stays_whatever_the_rules_say(weeks):
    weeks.configure(instance={"keep_chains": 1, "keep_proven": 0})
    weeks.good("verify", weeks.ids[1], "--level=prepare", env=TODAY)
    answer = told(weeks)
    assert set(answer["removed"]) == set(weeks.ids[3:6])
    assert {rules(answer)[backup] for backup in weeks.ids[:3]} == {"newest-proven"}


@pytest.mark.parametrize("days", [400, 10])
def test_nothing_goes_when_the_clock_looks_wrong(weeks, days):
    late = at(16 + days + 1 / 24)
    answer = told(weeks, status=WARNINGS, env=late)
    assert answer["withheld"]["rule"] == "clock"
    ran = weeks.ended(WARNINGS, "backup", "--type=incremental", env=late,
                      words=["the clock looks wrong"])
    assert len(ids(weeks)) == 10, ran.said


def test_nothing_goes_while_a_copy_of_the_catalog_is_damaged(weeks):
    lsnsite.flip_byte(weeks.repository / weeks.INSTANCE / "catalog.ini.copy")
    answer = told(weeks, status=WARNINGS)
    assert answer["withheld"]["rule"] == "catalog-damaged" and ids(weeks) == weeks.ids
    weeks.good("catalog", "rebuild")
    assert set(told(weeks)["removed"]) == set(weeks.ids[:3])


def test_a_chain_of_which_one_link_is_that_of_a_week_stays_whole(weeks):
    """A chain is three days of one week or of two: its last link is the one of a week."""
    weeks.configure(instance={"keep_chains": 0, "keep_proven": 0, "keep_weekly": 100})
    weeks.good("verify", weeks.ids[0], "--level=prepare", env=TODAY)
    answer = told(weeks)
    assert answer["removed"] == []
    assert rules(answer)[weeks.ids[5]] == "keep_weekly"
    assert rules(answer)[weeks.ids[3]] in ("needed", "keep_weekly")


def test_as_an_ordinary_user_published_directories_are_no_obstacle(weeks):
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    program = weeks.place / "lsnchain"
    shutil.copy(weeks.binary, program)
    program.chmod(0o755)
    subprocess.run(["chown", "-R", "nobody", weeks.repository, weeks.state, weeks.conf,
                    weeks.defaults_file], check=True)
    done = subprocess.run(["setpriv", "--reuid=nobody", "--clear-groups", program, "-c", weeks.conf,
                           "expire"], env=weeks.environment(TODAY), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ids(weeks) == weeks.ids[3:]
    assert checker.faults_of(weeks.repository, weeks.INSTANCE) == [] and weeks.leftovers() == []


def test_a_disk_that_is_too_full_for_a_new_catalog_is_no_obstacle(weeks, small_disk):
    kept = weeks.repository
    size = lsnsite.stored_bytes(kept) // (1 << 20) + 24
    disk = small_disk("disk", f"{size}M")
    weeks.repository = disk / "repository"
    subprocess.run(["cp", "-a", kept, weeks.repository], check=True)
    weeks.configure(instance=KEEP_TWO)
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        block = b"x" * 65536
        while len(block) > 0:
            try:
                file.write(block)
            except OSError:
                block = block[:len(block) // 2]
    free = os.statvfs(disk).f_bavail
    assert free == 0, "the disk is not full: no test"
    weeks.ended(16, "pin", weeks.ids[8], env=TODAY)
    assert set(told(weeks)["removed"]) == set(weeks.ids[:3])
    filler.unlink()
    expect_sound(weeks, weeks.ids[3:])


# ---- locks ---------------------------------------------------------------------------------------

@pytest.fixture
def running_verify(weeks):
    """A verify of the oldest chain that does not come to its end."""
    weeks.use_fake("prepare-hangs", **KEEP_TWO)
    running = weeks.start("verify", weeks.ids[2], "--level=prepare", env=TODAY)
    proofs = weeks.repository / ".scratch/shop/proof"
    try:
        lsnsite.wait_until(lambda: any(proofs.glob("*/base/ibdata1")), running)
        yield running
    finally:
        running.terminate()
        running.communicate()


def test_a_chain_that_is_being_verified_stays_for_today(weeks, running_verify):
    ran = weeks.good("expire", env=TODAY)
    assert "in use" in ran.stderr and ids(weeks) == weeks.ids
    assert {rules(told(weeks))[backup] for backup in weeks.ids[:3]} == {"in-use"}
    weeks.ended(LOCKED, "remove", weeks.ids[1], "--force", env=TODAY)
    assert ids(weeks) == weeks.ids
    running_verify.terminate()
    running_verify.wait()
    assert set(told(weeks)["removed"]) == set(weeks.ids[:3])
    weeks.configure(instance=KEEP_TWO)
    expect_sound(weeks, weeks.ids[3:])


def test_only_one_run_at_a_time_changes_an_instance(weeks):
    with open(weeks.repository / weeks.INSTANCE / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        weeks.ended(LOCKED, "expire", env=TODAY)
        weeks.ended(LOCKED, "remove", weeks.ids[2], "--force", env=TODAY)
        assert weeks.good("expire", "--dry-run", env=TODAY).stdout.count("would remove") == 3
        weeks.good("pin", weeks.ids[2])
    assert ids(weeks) == weeks.ids


@contextlib.contextmanager
def halted_before_its_change(site, *arguments):
    """It has judged, and waits for catalog.lock; it goes on, and ends, when the block does."""
    path = site.repository / site.INSTANCE / "catalog.lock"
    with open(path, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = site.start(*arguments, env=TODAY)
        descriptors = pathlib.Path(f"/proc/{running.pid}/fd")
        try:
            lsnsite.wait_until(lambda: any(entry.is_symlink() and os.readlink(entry) == str(path)
                                           for entry in descriptors.iterdir()), running)
            running.send_signal(signal.SIGSTOP)
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield running
        finally:
            running.send_signal(signal.SIGCONT)
            running.said = running.communicate()[1]


def test_what_is_pinned_while_expire_waits_for_the_catalog_stays(weeks):
    with halted_before_its_change(weeks, "expire") as running:
        weeks.good("pin", weeks.ids[1])
    assert running.returncode == 0 and "a rule keeps it meanwhile" in running.said
    expect_sound(weeks, weeks.ids)


def test_nothing_goes_when_a_verify_finds_damage_while_expire_waits_for_the_catalog(weeks):
    with halted_before_its_change(weeks, "expire") as running:
        spoil(weeks, 4)
    assert running.returncode == 0 and "a rule keeps it meanwhile" in running.said, running.said
    assert ids(weeks) == weeks.ids
    assert told(weeks, status=WARNINGS)["withheld"]["rule"] == "failed-run"


def test_what_became_the_newest_data_while_remove_waits_for_the_catalog_stays(weeks):
    with halted_before_its_change(weeks, "remove", weeks.ids[2]) as running:
        for number in (3, 6):
            spoil(weeks, number)
    assert running.returncode == REFUSED and "newest-restorable" in running.said, running.said
    assert ids(weeks) == weeks.ids


def test_what_was_pinned_meanwhile_is_not_removed_by_force_either(weeks):
    with halted_before_its_change(weeks, "remove", weeks.ids[1], "--force") as running:
        weeks.good("pin", weeks.ids[2])
    assert running.returncode == REFUSED and "changed meanwhile" in running.said, running.said
    assert ids(weeks) == weeks.ids


def test_nothing_goes_when_a_backup_is_found_gone_from_the_tree(weeks):
    lsnsite.remove_published(weeks.directory(weeks.ids[4]))
    for _ in range(2):
        answer = told(weeks, status=WARNINGS)
        assert answer["withheld"]["rule"] == "failed-run" and answer["removed"] == []


# ---- a kill --------------------------------------------------------------------------------------

def test_a_backup_on_its_way_out_is_neither_missing_nor_a_broken_chain(weeks):
    ran = weeks.run("expire", env={**TODAY, "LSNCHAIN_CRASH": "trash.moved:2"})
    assert ran.status == -9, ran.said
    assert ids(weeks) == weeks.ids[:1] + weeks.ids[3:]
    assert sorted(weeks.states()) == ids(weeks)
    weeks.ended(USAGE, "verify", weeks.ids[2], "--level=files", env=TODAY)
    weeks.ended(USAGE, "restore", weeks.ids[2], f"--target-dir={weeks.new_target()}", env=TODAY)
    weeks.good("verify", weeks.ids[0], "--level=files", env=TODAY)
    weeks.good("backup", env=TODAY)
    assert weeks.alerts("chain_broken") == [] and weeks.alerts("proof_failed") == []
    expect_sound(weeks, weeks.ids[3:] + [ids(weeks)[-1]])


def test_a_chain_that_was_pinned_after_a_kill_loses_no_more(weeks):
    weeks.run("expire", env={**TODAY, "LSNCHAIN_CRASH": "trash.moved"})
    weeks.good("pin", weeks.ids[0])
    assert told(weeks)["removed"] == []
    expect_sound(weeks, weeks.ids[:2] + weeks.ids[3:])


# ---- quarantine ----------------------------------------------------------------------------------

def spoil(site, number, env=TODAY):
    """A verify finds one damaged file in this backup; it must be no hard link."""
    backup_id = site.ids[number]
    bad = next(path for path in site.directory(backup_id).rglob("*.lz4")
               if path.stat().st_nlink == 1 and "ibdata1" in path.name)
    lsnsite.flip_byte(bad)
    site.ended(20, "verify", backup_id, "--level=files", env=env)
    assert site.link(backup_id)["state"] == "quarantined"


def mend_incident(site, env):
    """The newest backup passes, so nothing is open any more."""
    site.good("verify", "latest", "--level=prepare", env=env)


def test_a_quarantined_tail_goes_after_its_time_and_the_links_before_it_stay(weeks):
    weeks.configure(instance={**KEEP_TWO, "keep_chains": 4, "keep_quarantined": "5d"})
    spoil(weeks, 4)
    mend_incident(weeks, TODAY)
    answer = told(weeks)
    assert answer["removed"] == [] and rules(answer)[weeks.ids[4]] == "keep_quarantined"
    assert rules(answer)[weeks.ids[5]] == "keep_quarantined"
    weeks.good("restore", weeks.ids[3], f"--target-dir={weeks.new_target()}", env=TODAY)
    answer = told(weeks, env=at(22))
    assert set(answer["removed"]) == set(weeks.ids[4:6])
    expect_sound(weeks, weeks.ids[:4] + weeks.ids[6:])


def test_the_only_copy_of_the_newest_data_stays_although_it_is_quarantined(weeks):
    weeks.configure(instance={"keep_chains": 1, "keep_proven": 0, "keep_quarantined": "1h"})
    spoil(weeks, 6)
    answer = told(weeks, "--dry-run", status=WARNINGS, env=at(17))
    assert answer["withheld"]["rule"] == "failed-run"
    weeks.ended(REFUSED, "remove", weeks.ids[8], env=at(17), words=["only-copy"])
    assert ids(weeks) == weeks.ids


# ---- remove --------------------------------------------------------------------------------------

def test_remove_takes_a_link_and_what_hangs_on_it(weeks):
    before = everything(weeks)
    ran = weeks.good("remove", weeks.ids[1], "--dry-run", env=TODAY)
    assert ran.stdout.count("would remove") == 2 and everything(weeks) == before
    answer = weeks.good("remove", weeks.ids[1], "--output=json", env=TODAY).json["instances"][0]
    assert answer["backups"] == weeks.ids[1:3] and answer["removed"] is True
    assert answer["restorable_loss"] is None and answer["floors"] == []
    expect_sound(weeks, weeks.ids[:1] + weeks.ids[3:])
    weeks.ended(USAGE, "remove", weeks.ids[1], env=TODAY)
    weeks.good("restore", weeks.ids[0], f"--target-dir={weeks.new_target()}", env=TODAY)


def test_remove_respects_the_floors_unless_it_is_forced_and_says_what_is_lost(weeks):
    for number, floor in ((6, "newest-chain"), (8, "newest-chain")):
        for more in ([], ["--dry-run"]):
            weeks.ended(REFUSED, "remove", weeks.ids[number], *more, env=TODAY,
                        words=[floor, "--force"])
    assert ids(weeks) == weeks.ids
    answer = weeks.good("remove", weeks.ids[7], "--force", "--dry-run", "--output=json",
                        env=TODAY).json["instances"][0]
    assert answer["restorable_loss"]["from_id"] == weeks.ids[8]
    assert answer["restorable_loss"]["to_id"] == weeks.ids[6]
    assert [floor["rule"] for floor in answer["floors"]] == ["newest-chain"]
    ran = weeks.good("remove", weeks.ids[7], "--force", env=TODAY)
    assert "restorable until went back" in ran.stdout
    expect_sound(weeks, weeks.ids[:7])
    weeks.good("backup", "--type=incremental", env=at(17))
    assert weeks.newest()["parent"] == weeks.ids[6]


def test_remove_ends_a_quarantine(weeks):
    spoil(weeks, 4)
    weeks.good("remove", weeks.ids[4], env=TODAY)
    expect_sound(weeks, weeks.ids[:4] + weeks.ids[6:])


def test_what_is_gone_from_the_tree_can_be_removed_with_all_that_is_known_of_it(weeks):
    lsnsite.remove_published(weeks.directory(weeks.ids[1]))
    weeks.ended(WARNINGS, "expire", env=TODAY)
    assert weeks.states()[weeks.ids[1]] == "missing"
    weeks.good("remove", weeks.ids[1], env=TODAY)
    marks = weeks.repository / weeks.INSTANCE / "marks"
    assert not [path for path in marks.iterdir() if path.stem in weeks.ids[1:3]]
    mend_incident(weeks, TODAY)
    expect_sound(weeks, weeks.ids[:1] + weeks.ids[3:])


def test_the_last_backup_can_be_removed_and_the_next_is_a_full(week):
    week.good("remove", week.ids[0], "--force")
    assert week.links() == [] and ids(week) == [] and week.leftovers() == []
    week.good("backup")
    assert week.newest()["type"] == "full"


# ---- pin -----------------------------------------------------------------------------------------

def test_a_pinned_chain_stays_until_it_is_unpinned(weeks):
    weeks.good("pin", weeks.ids[1])
    assert weeks.link(weeks.ids[1])["pinned"] is True
    assert checker.faults_of(weeks.repository, weeks.INSTANCE) == []
    before = everything(weeks)
    assert "already" in weeks.good("pin", weeks.ids[1]).stdout
    assert everything(weeks) == before, "nothing is written again"
    answer = told(weeks)
    assert answer["removed"] == [] and rules(answer)[weeks.ids[0]] == "pinned"
    weeks.ended(REFUSED, "remove", weeks.ids[0], env=TODAY, words=["pinned"])
    weeks.good("pin", weeks.ids[2])
    assert weeks.ids[2] in weeks.good("unpin", weeks.ids[1]).stdout
    assert told(weeks)["removed"] == []
    answer = weeks.good("unpin", weeks.ids[2], "--output=json").json["instances"][0]
    assert answer["backup"]["pinned"] is False and answer["changed"] is True
    assert set(told(weeks)["removed"]) == set(weeks.ids[:3])
    weeks.ended(USAGE, "pin", weeks.ids[0])


def test_a_pin_keeps_what_a_killed_verify_had_marked_already(weeks):
    ran = weeks.run("verify", weeks.ids[0], "--level=files",
                    env={**TODAY, "LSNCHAIN_CRASH": "verify.marked"})
    assert ran.status == -9 and weeks.link(weeks.ids[0])["proof"] == "none", ran.said
    weeks.good("pin", weeks.ids[0], env=TODAY)
    assert weeks.link(weeks.ids[0])["proof"] == "files" and weeks.link(weeks.ids[0])["pinned"]


def test_a_pin_outlives_a_rebuilt_catalog(weeks):
    weeks.good("pin", weeks.ids[0])
    for name in ("catalog.ini", "catalog.ini.copy"):
        pathlib.Path(weeks.repository / weeks.INSTANCE / name).unlink()
    weeks.good("catalog", "rebuild")
    assert told(weeks)["removed"] == []


def test_what_a_run_asks_for_by_mistake_is_2(weeks):
    weeks.ended(USAGE, "expire", "now")
    weeks.ended(USAGE, "remove")
    weeks.ended(USAGE, "pin", "20260101")
    weeks.ended(USAGE, "unpin", "2")
    assert ids(weeks) == weeks.ids
