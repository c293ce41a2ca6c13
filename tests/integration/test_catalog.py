# SPDX-License-Identifier: MIT
"""The catalog: what is changed by hand or by a bad disk is named with its line, and nothing is lost."""
import os
import pathlib
import re

import checker
import lsnsite
import pytest

WARNINGS, CHAIN, CATALOG = 3, 18, 19
FLIPS = 24


def shelf(site):
    return site.repository / site.INSTANCE


def marks(site, number):
    return shelf(site) / "marks" / f"{site.ids[number]}.ini"


def edit(path, old, new):
    """As an editor does it: the checksum stays as it was.  The number of the line."""
    path = pathlib.Path(path)
    mode = path.stat().st_mode
    path.chmod(0o640)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    path.chmod(mode)
    return text[:text.index(old)].count("\n") + 1


def body(path):
    """What stands below the generation."""
    return re.sub(r"(?s)\A.*?\ngeneration = \d+\n", "", path.read_text())


def expect_sound(site):
    assert checker.faults_of(site.repository, site.INSTANCE) == []
    site.good("catalog", "check")


# ---- hand edits ----------------------------------------------------------------------------------

def test_a_hand_edit_of_the_catalog_is_named_with_its_line_and_undone(week):
    catalog = shelf(week) / "catalog.ini"
    line = edit(catalog, "pinned = no", "pinned = yes")
    ran = week.good("list")
    assert f"line {line} " in ran.stderr and "catalog.ini.copy" in ran.stderr, ran.said
    assert "the other file is sound and is used" in ran.stderr
    assert week.link(week.ids[0])["pinned"] is False
    week.ended(WARNINGS, "pin", week.ids[2])
    expect_sound(week)


def test_a_value_that_makes_no_sense_is_named_with_file_and_line(week):
    catalog = shelf(week) / "catalog.ini"
    line = edit(catalog, "frame = 1048576", "frame = a lot")
    ran = week.good("list")
    assert f"{catalog}:{line}: the value of frame" in ran.stderr, ran.said
    ran = week.ended(CATALOG, "catalog", "check", words=["hint: "])
    assert f":{line}: " in ran.stdout


@pytest.mark.parametrize("old,new", [("pinned = no", "pinned = yes"),
                                     ("proof = none", "proof = perfect"),
                                     ("pinned = no\n", "pinned = no\nnote = by hand\n")])
def test_a_hand_edit_of_marks_is_named_with_its_line_and_undone_by_the_next_backup(week, old, new):
    line = edit(marks(week, 1), old, new) + new.rstrip().count("\n")
    ran = week.ended(CATALOG, "catalog", "check", words=["hint: "])
    assert f"marks/{week.ids[1]}.ini:" in ran.stdout and f"line {line} " in ran.stdout, ran.said
    before = week.link(week.ids[1])
    week.ended(WARNINGS, "backup", words=[f"marks/{week.ids[1]}.ini:", f"line {line} ",
                                          "written again"])
    assert week.link(week.ids[1]) == before
    expect_sound(week)


def test_a_hand_edit_of_facts_is_named_with_its_line(week):
    line = edit(week.directory(week.ids[1]) / "backup.ini", "to_lsn = ", "to_lsn = 1")
    ran = week.ended(CATALOG, "catalog", "check", words=["hint: "])
    assert f"{week.ids[1]}/backup.ini:2: " in ran.stdout and f"line {line} " in ran.stdout, ran.said
    week.ended(20, "verify", week.ids[1], "--level=files", words=["backup.ini"])


def test_check_names_every_fault_and_not_only_the_first(week):
    edit(marks(week, 0), "pinned = no", "pinned = yes")
    edit(week.directory(week.ids[1]) / "backup.ini", "to_lsn = ", "to_lsn = 1")
    lsnsite.remove_published(week.directory(week.ids[2]))
    lsnsite.flip_byte(shelf(week) / "catalog.ini.copy")
    ran = week.ended(CATALOG, "catalog", "check")
    for word in (f"marks/{week.ids[0]}.ini", f"{week.ids[1]}/backup.ini",
                 f"{week.ids[2]} is not in the tree", "catalog.ini.copy:2: "):
        assert word in ran.stdout, ran.said


# ---- flipped bytes -------------------------------------------------------------------------------

def spread(path):
    """Offsets all over the file."""
    size = path.stat().st_size
    return [size * number // FLIPS for number in range(FLIPS)]


@pytest.mark.parametrize("name", ["catalog.ini", "catalog.ini.copy"])
def test_a_flipped_byte_anywhere_in_one_catalog_is_noticed_and_costs_nothing(week, name):
    path = shelf(week) / name
    listed = week.good("list").stdout
    for at in spread(path):
        lsnsite.flip_byte(path, at)
        ran = week.good("list")
        assert ran.stdout == listed and f"{name}:" in ran.stderr, f"byte {at}: {ran.said}"
        lsnsite.flip_byte(path, at)
    assert week.good("list").stderr == ""
    lsnsite.flip_byte(path, 100)
    week.ended(WARNINGS, "pin", week.ids[0])
    expect_sound(week)


def test_a_flipped_byte_anywhere_in_marks_is_noticed_and_mended_from_the_catalog(week):
    before = week.links()
    for number, at in enumerate(spread(marks(week, 0))):
        lsnsite.flip_byte(marks(week, 0), at)
        ran = week.ended(CATALOG, "catalog", "check")
        assert f"marks/{week.ids[0]}.ini:" in ran.stdout, f"byte {at}: {ran.said}"
        if number % 8 == 0:
            week.ended(WARNINGS, "expire", words=["written again"])  # what cleans up before a backup cleans up here too
            assert week.links() == before
            expect_sound(week)
        else:
            lsnsite.flip_byte(marks(week, 0), at)


def test_a_flipped_byte_anywhere_in_facts_is_noticed(week):
    path = week.directory(week.ids[0]) / "backup.ini"
    for at in spread(path):
        lsnsite.flip_byte(path, at)
        ran = week.ended(CATALOG, "catalog", "check")
        assert f"{week.ids[0]}/backup.ini:" in ran.stdout, f"byte {at}: {ran.said}"
        lsnsite.flip_byte(path, at)
    expect_sound(week)


# ---- rebuild -------------------------------------------------------------------------------------

def mutilate(site):
    """Every kind of state: pinned, proven, quarantined, with keys of another version."""
    site.good("pin", site.ids[0])
    site.good("verify", site.ids[0], "--level=prepare")
    damaged = site.sealed(site.ids[2], "sbtest1")
    lsnsite.flip_byte(damaged)
    site.ended(20, "verify", site.ids[2], "--level=files")
    lsnsite.flip_byte(damaged)  # the mark stays; checker.py is to find nothing else
    for name in ("catalog.ini", "catalog.ini.copy"):
        lsnsite.rewrite_checked(shelf(site) / name, "instance = shop\n",
                                "instance = shop\nsite = Berlin\n")
    lsnsite.rewrite_checked(marks(site, 1), "pinned = no\n", "pinned = no\ntape = LTO 7; left\n")
    site.ended(WARNINGS, "backup")  # takes the mark over, and a full for the broken chain


@pytest.mark.parametrize("before", [lambda site: None, mutilate], ids=["healthy", "mutilated"])
def test_rebuild_gives_the_same_bytes_below_the_generation(week, before):
    before(week)
    catalog, copy = shelf(week) / "catalog.ini", shelf(week) / "catalog.ini.copy"
    was = body(catalog)
    for damage in (lambda: None, catalog.unlink, lambda: lsnsite.flip_byte(copy)):
        damage()
        generation = int(re.search(r"\ngeneration = (\d+)\n", (
            catalog if catalog.exists() else copy).read_text())[1])
        week.good("catalog", "rebuild")
        assert body(catalog) == was and copy.read_text() == catalog.read_text()
        assert f"\ngeneration = {generation + 1}\n" in catalog.read_text()
        expect_sound(week)
    for path in (catalog, copy):
        path.unlink()
    week.good("catalog", "rebuild")
    assert body(catalog).replace("site = Berlin\n", "") == was.replace("site = Berlin\n", "")
    expect_sound(week)


def test_a_mark_of_another_version_outlives_every_change(week):
    lsnsite.rewrite_checked(marks(week, 2), "pinned = no\n", "pinned = no\ntape = LTO 7; left\n")
    for change in (["pin", week.ids[2]], ["verify", week.ids[2], "--level=files"],
                   ["unpin", week.ids[2]], ["backup"], ["expire"], ["catalog", "rebuild"],
                   ["verify", week.ids[2], "--level=prepare"]):
        week.good(*change)
        assert marks(week, 2).read_text().count("tape = LTO 7; left\n") == 1, change
    for name in ("catalog.ini", "catalog.ini.copy"):
        assert (shelf(week) / name).read_text().count("tape = LTO 7; left\n") == 1
    expect_sound(week)


def without_catalog(site):
    for name in ("catalog.ini", "catalog.ini.copy"):
        (shelf(site) / name).unlink()


def facts(site, number):
    return site.directory(site.ids[number]) / "backup.ini"


def test_one_damaged_backup_does_not_keep_the_others_out_of_a_new_catalog(week):
    week.good("pin", week.ids[0])
    lsnsite.flip_byte(facts(week, 1))
    week.ended(WARNINGS, "catalog", "rebuild", words=[
        f"{week.ids[1]}/backup.ini:", "quarantined", "from a copy and verify it"])
    links = {link["id"]: link for link in week.links()}
    assert [links[name]["state"] for name in week.ids] == ["complete", "quarantined", "complete"]
    assert links[week.ids[0]]["pinned"] and links[week.ids[1]]["to_lsn"] > 0
    assert [event["backup"] for event in week.alerts("chain_broken")] == [week.ids[1]]
    week.good("verify", week.ids[0], "--level=prepare")
    week.ended(CATALOG, "catalog", "check")
    lsnsite.flip_byte(facts(week, 1))
    week.good("verify", week.ids[1], "--level=prepare")
    assert set(week.states().values()) == {"complete"}
    expect_sound(week)


def test_a_damaged_backup_that_no_catalog_knows_is_named_until_it_is_mended(week):
    without_catalog(week)
    lsnsite.flip_byte(facts(week, 2))
    week.ended(WARNINGS, "catalog", "rebuild", words=[f"{week.ids[2]}/backup.ini:", "left out"])
    assert list(week.states()) == week.ids[:2]
    assert week.ids[2] in week.ended(CATALOG, "catalog", "check").stdout
    week.ended(WARNINGS, "backup", words=[week.ids[2], "cannot be used"])
    lsnsite.flip_byte(facts(week, 2))
    week.good("backup", "--type=full")
    assert week.states()[week.ids[2]] == "complete"
    expect_sound(week)


def test_damaged_marks_are_taken_from_the_catalog_or_thought_to_be_the_worst(week):
    week.good("pin", week.ids[0])
    before = week.links()
    lsnsite.flip_byte(marks(week, 0))
    week.ended(WARNINGS, "catalog", "rebuild", words=[f"marks/{week.ids[0]}.ini:", "from the catalog"])
    assert week.links() == before and week.alerts() == []
    expect_sound(week)
    without_catalog(week)
    lsnsite.flip_byte(marks(week, 1))
    week.ended(WARNINGS, "catalog", "rebuild", words=[f"marks/{week.ids[1]}.ini:", "either"])
    link = week.link(week.ids[1])
    assert (link["state"], link["pinned"]) == ("quarantined", True)
    week.ended(CHAIN, "verify", week.ids[1], "--level=prepare", words=["must not be trusted"])
    week.good("catalog", "check")
    week.ended(WARNINGS, "backup", words=["a full is taken"])


def rewrite_facts(site, number, old, new):
    path = site.directory(site.ids[number]) / "backup.ini"
    when = path.stat().st_mtime
    path.chmod(0o640)
    lsnsite.rewrite_checked(path, old, new)
    path.chmod(0o440)
    os.utime(path, (when, when))
    return path


def test_keys_of_another_version_that_are_called_as_ours_are_kept_where_they_stood(week):
    """A fact of tomorrow with the name of a mark of today, and the other way."""
    path = rewrite_facts(week, 2, "full_reason = \n", "full_reason = \npinned = to the wall\nnote = a\n")
    lsnsite.rewrite_checked(marks(week, 2), "pinned = no\n", "pinned = no\ntype = LTO 7\nnote = b\n")
    week.good("catalog", "rebuild")
    for change in (["pin", week.ids[2]], ["verify", week.ids[2], "--level=files"], ["backup"],
                   ["unpin", week.ids[2]], ["catalog", "rebuild"]):
        week.good(*change)
        assert "type = LTO 7\nnote = b\n" in marks(week, 2).read_text(), change
    link = week.link(week.ids[2])
    assert (link["type"], link["pinned"]) == ("incremental", False)
    assert (link["facts.pinned"], link["marks.type"]) == ("to the wall", "LTO 7")
    assert (link["note"], link["marks.note"]) == ("a", "b")
    assert "pinned = to the wall\nnote = a\n" in path.read_text()
    expect_sound(week)


@pytest.mark.parametrize("where", ["marks", "facts"])
def test_a_file_of_a_newer_program_is_19(week, where):
    path = marks(week, 1) if where == "marks" else week.directory(week.ids[1]) / "backup.ini"
    path.chmod(0o640)
    lsnsite.rewrite_checked(path, "format = 1", "format = 2")
    path.chmod(0o640 if where == "marks" else 0o440)
    ran = week.ended(CATALOG, "catalog", "check")
    assert "format 2" in ran.stdout
    week.ended(CATALOG, "catalog", "rebuild", words=["format 2"])
