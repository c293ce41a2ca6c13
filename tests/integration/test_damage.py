# SPDX-License-Identifier: MIT
"""Damage: each ends with the right status, text and alert, and leaves the backups before it sound."""
import lsnsite
import pytest

WARNINGS, CHAIN, CATALOG, VERIFY, RESTORE = 3, 18, 19, 20, 21

KINDS_OF_FILES = {
    "an incremental's pages": "data/sbtest/sbtest1.ibd.delta.lz4",
    "a small metadata file": "data/xtrabackup_checkpoints",
    "the redo log": "data/ib_logfile0.lz4",
    "the engine's log": "engine.log.lz4",
    "the table list": "tables.tsv",
    "the sums": "SHA256SUMS",
    "the facts": "backup.ini",
    "the script": "RESTORE.sh",
}
DAMAGE = {
    **{f"a flipped byte in {kind}": (lsnsite.flip_byte, name)
       for kind, name in KINDS_OF_FILES.items()},
    "a truncated file": (lsnsite.truncate, "data/ib_logfile0.lz4"),
    "a missing file": (lsnsite.remove_published, "data/sbtest/sbtest2.ibd.delta.lz4"),
    "a missing table list": (lsnsite.remove_published, "tables.tsv"),
    "missing facts": (lsnsite.remove_published, "backup.ini"),
    "missing sums": (lsnsite.remove_published, "SHA256SUMS"),
    "an extra file": (lambda path: lsnsite.add_published(path, "x"), "data/sbtest/stranger.ibd"),
    "an extra file beside the data": (lambda path: lsnsite.add_published(path, "x"), "stranger"),
    "a link where a file was": (lsnsite.turn_into_link, "data/ib_logfile0.lz4"),
}


def expect_told(site, link, *words):
    """Both alarms came, critical, of that link, with what to do, and say these words."""
    for kind in ("proof_failed", "chain_broken"):
        alarm = site.alerts(kind)[-1]
        assert alarm["backup"] == link and alarm["severity"] == "critical", alarm
        assert alarm["instance"] == "shop" and alarm["remedy"]
        for word in words:
            assert word in alarm["cause"], alarm


AT_PREPARE = ("a flipped byte in an incremental's pages", "a flipped byte in the facts",
              "a missing table list", "an extra file", "a link where a file was")


@pytest.mark.parametrize("damage,level", [
    *[(damage, "files") for damage in DAMAGE], *[(damage, "prepare") for damage in AT_PREPARE]])
def test_damage_is_found_named_told_and_quarantined(week, damage, level):
    spoil, name = DAMAGE[damage]
    path = week.directory(week.ids[1]) / name
    in_place = spoil in (lsnsite.flip_byte, lsnsite.truncate)
    twin = week.directory(week.ids[0]) / name
    shared = in_place and twin.exists() and twin.samefile(path)
    found_in = week.ids[0] if shared else week.ids[1]  # the first of the chain that holds it
    spoil(path)
    week.ended(VERIFY, "verify", week.ids[1], f"--level={level}",
               words=[found_in, name, "hint: "])
    expect_told(week, found_in, name)
    for backup_id in {found_in, week.ids[1]}:
        link = week.link(backup_id)
        assert (link["state"], link["rule"]) == ("quarantined", "proof")
        assert (link["proof"], link["proof_failed"]) == ("none", "files")
        assert name in link["proof_failed_reason"]
    assert "quarantined" in week.good("list").stdout
    week.ended(RESTORE, "restore", week.ids[2], f"--target-dir={week.new_target()}",
               words=["quarantined", "restorable: "])
    if not shared:
        week.good("verify", week.ids[0], "--level=files")
    assert week.leftovers() == []


def test_links_before_the_damage_come_back_with_their_rows(week, expect_restorable):
    lsnsite.flip_byte(week.sealed(week.ids[1], "sbtest1"))
    week.ended(VERIFY, "verify", week.ids[1], "--level=files")
    expect_restorable(week, 0)


@pytest.mark.parametrize("number", [0, 1])
def test_a_flipped_byte_stops_a_restore_too(week, number):
    damaged = week.sealed(week.ids[number], "sbtest1")
    lsnsite.flip_byte(damaged)
    target = week.new_target()
    week.ended(VERIFY, "restore", week.ids[2], f"--target-dir={target}",
               words=[week.ids[number], damaged.name, "hint: "])
    assert (target / "lsnchain-restore.ini").exists(), "half a restore must not look whole"
    week.ended(RESTORE, "restore", week.ids[2], f"--target-dir={target}")


def test_damage_in_a_parent_breaks_what_hangs_on_it(week):
    lsnsite.flip_byte(week.sealed(week.ids[0], "sbtest1"))
    week.ended(VERIFY, "verify", "latest", "--level=files", words=[week.ids[0]])
    assert week.link(week.ids[0])["state"] == "quarantined"
    status = week.run("status", "--output=json").json["instances"][0]
    assert status["restorable_until"] is None
    assert any(week.ids[0] in problem for problem in status["problems"])


def test_backups_that_share_the_damaged_file_are_quarantined_with_it(week):
    week.server.flush()
    other = week.backup("full")
    third = week.backup("full")
    shared = week.sealed(week.ids[0], "sbtest4")
    twins = [week.sealed(backup_id, "sbtest4") for backup_id in (other, third)]
    assert {path.stat().st_ino for path in twins} == {shared.stat().st_ino}, "no hard link"
    lsnsite.flip_byte(shared)
    week.ended(VERIFY, "verify", week.ids[0], "--level=files", words=[shared.name])
    for backup_id in (other, third):
        link = week.link(backup_id)
        assert link["state"] == "quarantined", backup_id
        assert shared.name in link["reason"] and week.ids[0] in link["reason"]
    week.ended(WARNINGS, "backup")
    fresh = week.newest()
    assert fresh["type"] == "full"
    assert week.sealed(fresh["id"], "sbtest4").stat().st_ino != shared.stat().st_ino
    week.good("verify", fresh["id"], "--level=prepare")


def test_after_damage_the_next_backup_is_a_full_and_the_recovery_is_told(week, expect_restorable):
    lsnsite.flip_byte(week.sealed(week.ids[2], "sbtest1"))
    week.ended(VERIFY, "verify", "latest", "--level=files")
    week.configure(instance={"verify_after": "prepare"})
    week.ended(CHAIN, "backup", "--type=incremental", words=[week.ids[2], "--type=full"])
    week.ended(WARNINGS, "backup", words=[week.ids[2]])
    fresh = week.newest()
    assert (fresh["type"], fresh["full_rule"], fresh["proof"]) == ("full", "not-sound", "prepare")
    assert week.ids[2] in fresh["full_reason"]
    assert [alarm["backup"] for alarm in week.alerts("chain_recovered")] == [fresh["id"]]
    assert [alarm["backup"] for alarm in week.alerts("proof_recovered")] == [fresh["id"]]
    assert {alarm["severity"] for alarm in week.alerts("chain_recovered")} == {"recovery"}
    week.good("backup")
    assert week.newest()["parent"] == fresh["id"]
    assert len(week.alerts("chain_recovered")) == 1
    expect_restorable(week, 1)


def test_a_link_that_was_repaired_is_lifted_by_a_proof(week):
    damaged = week.sealed(week.ids[1], "sbtest1")
    lsnsite.flip_byte(damaged)
    week.ended(VERIFY, "verify", week.ids[1], "--level=files")
    lsnsite.flip_byte(damaged)
    week.good("verify", week.ids[1], "--level=prepare")
    assert set(week.states().values()) == {"complete"}
    week.good("verify", week.ids[2], "--level=prepare")


def test_a_missing_link_is_told_and_the_next_backup_is_a_full(week, expect_restorable):
    lsnsite.remove_published(week.directory(week.ids[1]))
    week.ended(VERIFY, "verify", "--level=files", words=[week.ids[1]])
    expect_told(week, week.ids[1], week.ids[1])
    ran = week.run("restore", week.ids[2], f"--target-dir={week.new_target()}")
    assert ran.status in (VERIFY, RESTORE) and week.ids[1] in ran.stderr, ran.said

    week.ended(CHAIN, "backup", "--type=incremental", words=[week.ids[1]])
    week.ended(WARNINGS, "backup", words=[week.ids[1]])
    states = week.states()
    assert states[week.ids[1]] == "missing" and states[week.ids[0]] == "complete"
    assert {alarm["rule"] for alarm in week.alerts("chain_broken")} >= {"parent-present"}
    fresh = week.newest()
    assert fresh["type"] == "full"
    assert [alarm["backup"] for alarm in week.alerts("chain_recovered")] == [fresh["id"]]
    expect_restorable(week, 0)
    week.good("verify", fresh["id"], "--level=prepare")


def test_a_link_that_vanished_unnoticed_is_noticed_by_the_next_backup(week):
    lsnsite.remove_published(week.directory(week.ids[2]))
    week.ended(WARNINGS, "backup", words=[week.ids[2], "gone"])
    assert week.newest()["type"] == "full"
    alarm = week.alerts("chain_broken")[0]
    assert (alarm["backup"], alarm["rule"]) == (week.ids[2], "parent-present")


@pytest.mark.parametrize("name,other", [("catalog.ini", "catalog.ini.copy"),
                                        ("catalog.ini.copy", "catalog.ini")])
def test_of_a_damaged_catalog_the_other_copy_is_read(week, name, other):
    catalog = week.repository / week.INSTANCE / name
    lsnsite.flip_byte(catalog)
    ran = week.good("list")
    assert f"{name}:" in ran.stderr and "checksum" in ran.stderr
    assert all(backup_id in ran.stdout for backup_id in week.ids), ran.said
    week.ended(WARNINGS, "backup", "--type=incremental", words=[name])
    assert week.alerts("catalog_damaged")[0]["cause"].count(name)
    assert catalog.read_text() == catalog.with_name(other).read_text()
    week.good("list")


def test_of_two_sound_catalogs_the_newer_one_counts(week):
    catalog = week.repository / week.INSTANCE / "catalog.ini"
    old = catalog.read_text()
    last = week.backup("incremental")
    catalog.write_text(old)
    assert week.good("show", "latest").stdout.startswith(last)


def test_two_damaged_catalogs_are_19_and_nothing_is_written(week):
    shelf = week.repository / week.INSTANCE
    for name in ("catalog.ini", "catalog.ini.copy"):
        lsnsite.flip_byte(shelf / name)
    week.ended(CATALOG, "list", words=["catalog.ini:", "catalog.ini.copy:", "hint: "])
    before = sorted(path.name for path in (shelf / "backups").iterdir())
    week.ended(CATALOG, "backup", words=["catalog.ini"])
    assert sorted(path.name for path in (shelf / "backups").iterdir()) == before
    assert week.alerts("catalog_damaged")


def test_a_catalog_of_a_newer_program_is_19(week):
    shelf = week.repository / week.INSTANCE
    for name in ("catalog.ini", "catalog.ini.copy"):
        lsnsite.rewrite_checked(shelf / name, "format = 1", "format = 2")
    week.ended(CATALOG, "list", words=["format 2", "newer"])


def test_a_key_of_a_newer_program_stays_in_the_catalog(week):
    shelf = week.repository / week.INSTANCE
    for name in ("catalog.ini", "catalog.ini.copy"):
        lsnsite.rewrite_checked(shelf / name, "instance = shop\n",
                                "instance = shop\nfrom_the_future = yes\n")
    week.backup("incremental")
    assert "from_the_future = yes\n" in (shelf / "catalog.ini").read_text()
    assert "from_the_future = yes\n" in (shelf / "catalog.ini.copy").read_text()
