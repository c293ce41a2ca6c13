# SPDX-License-Identifier: MIT
"""How backups fail in silence (docs/failures.md): what no other file here tries already."""
import os
import subprocess

import checker
import lsnsite
import pytest
from conftest import copy_of_week

LOCKED, RESTORE = 11, 21
KEEP_ONE = {"keep_chains": 1, "keep_proven": 0}


def at(days):
    return {"LSNCHAIN_CLOCK": f"+{int(days * 86400)}"}


@pytest.fixture(scope="module")
def months_template(week_template, session_place):
    place = session_place / "months"
    place.mkdir()
    site = copy_of_week(week_template, place)
    for day, kind in ((7, "full"), (14, "full"), (15, "incremental")):
        site.good("backup", f"--type={kind}", env=at(day))
    return site, [(backup_id, None) for backup_id in sorted(os.listdir(site.directory()))]


@pytest.fixture
def months(months_template, place, receiver):
    """Three chains of which a rule keeps one, the last of a full and a link."""
    site = copy_of_week(months_template, place, receiver)
    site.configure(instance=KEEP_ONE)
    return site


def expect_sound(site, left):
    assert sorted(os.listdir(site.directory())) == sorted(left)
    assert checker.faults_of(site.repository, site.INSTANCE) == []
    assert site.leftovers() == []


# ---- two at once ---------------------------------------------------------------------------------

@pytest.mark.parametrize("apart", ["one state directory", "two hosts"])
def test_of_two_backups_of_the_same_second_one_is_taken_and_the_other_refused(week, apart):
    first = week.command("backup")
    second = week.command("backup")
    if apart == "two hosts":
        second[second.index("-c") + 1] = str(week.place / "other.conf")
        text = week.conf.read_text().replace(str(week.state), str(week.place / "other"))
        lsnsite.write_private(week.place / "other.conf", text)
        week.good("init", configuration=("-c", week.place / "other.conf"))
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=week.environment()) for command in (first, second)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert sorted(process.returncode for process in running) == [0, LOCKED], said
    loser = said[[process.returncode for process in running].index(LOCKED)]
    assert "`backup` since 20" in loser and "hint: " in loser
    assert len(week.links()) == 4
    week.good("verify", "latest", "--level=prepare")
    expect_sound(week, sorted(week.states()))


def test_of_two_restores_into_one_directory_one_is_done_and_the_other_refused(week, restored):
    target = week.new_target()
    running = [week.start("restore", week.ids[2], f"--target-dir={target}") for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert sorted(process.returncode for process in running) == [0, RESTORE], said
    with restored(target) as copy:
        assert copy.checksums() == week.checksums[2]


# ---- which is the oldest, which is the parent ----------------------------------------------------

def test_neither_names_nor_times_of_directories_decide_what_goes(months):
    shelf = months.repository / months.INSTANCE
    for age, backup_id in enumerate(months.ids):
        os.utime(months.directory(backup_id), (age * 86400, (10 - age) * 86400))
    strange = [months.directory("0000-nightly"), months.directory("zzz-nightly")]
    for path in strange:
        path.mkdir()
        (path / "dump.sql").write_text("somebody else's\n")
    removed = months.good("expire", "--output=json", env=at(16)).json["instances"][0]["expire"]
    assert sorted(removed["removed"]) == months.ids[:4]
    assert all((path / "dump.sql").exists() for path in strange), "what is not ours stays"
    assert sorted(months.states()) == months.ids[4:]
    assert not list((shelf / ".trash").iterdir())


def test_a_backup_whose_directory_was_renamed_is_missed_and_nothing_is_removed(months):
    """A hook after the backup gives it a nicer name, which sorts last or first."""
    newest = months.directory(months.ids[-1])
    newest.chmod(0o750)
    newest.rename(months.directory("nightly"))
    ran = months.run("expire", env=at(16))
    assert ran.status == 3 and months.ids[-1] in ran.stderr, ran.said
    assert sorted(os.listdir(months.directory())) == sorted([*months.ids[:-1], "nightly"])
    assert months.states()[months.ids[-1]] == "missing"
    months.directory("nightly").rename(newest)
    months.ended(3, "backup", env=at(16), words=["no old backup is removed", "gone from the tree"])
    assert months.newest()["parent"] == months.ids[-1], "back under its name it is trusted again"
    months.good("backup", "--type=full", env=at(17))
    expect_sound(months, [months.newest()["id"]])


def test_after_a_full_in_between_links_hang_on_it_and_each_restores_by_its_own_parents(
        own_site, restored):
    for number, kind in enumerate(("full", "incremental", "full", "incremental", "incremental")):
        own_site.server.sql(f"CREATE TABLE sbtest.night{number} AS SELECT {number} AS night")
        own_site.server.flush()
        own_site.backup(kind)
    links = own_site.links()
    assert [link["parent"] for link in links] == [
        "", links[0]["id"], "", links[2]["id"], links[3]["id"]]
    for which in (1, 3, 4):
        with restored(own_site.restore(links[which]["id"])) as copy:
            nights = copy.value("SELECT COUNT(*) FROM information_schema.tables"
                                " WHERE table_name LIKE 'night%'")
            assert int(nights) == which + 1


# ---- what removes --------------------------------------------------------------------------------

def test_only_expire_remove_and_a_good_backup_remove_anything(months):
    assert months.good("expire", "--dry-run", env=at(16)).stdout.count("would remove") == 4
    for command in (["restore", f"--target-dir={months.new_target()}"], ["verify", "--all"],
                    ["list"], ["status"], ["why"], ["check"], ["catalog", "rebuild"], ["init"]):
        ran = months.run(*command, env=at(16))
        assert ran.status in (0, 3), ran.said
        expect_sound(months, months.ids)
    months.ended(2, "restore", "20010101", f"--target-dir={months.new_target()}", env=at(16))
    expect_sound(months, months.ids)
