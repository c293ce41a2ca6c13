# SPDX-License-Identifier: MIT
"""The story of a week: a full, incrementals, restores; what was written before a backup is in it."""
import pathlib
import subprocess
import tempfile

import lsnsite
import pytest

from conftest import start_server
from flavours import FLAVOUR

KINDS = ("full", "incremental", "incremental")


def mark(server, name):
    server.sql("CREATE DATABASE IF NOT EXISTS story;"
               "CREATE TABLE IF NOT EXISTS story.marks (name VARCHAR(40) PRIMARY KEY);"
               f"INSERT INTO story.marks VALUES ('{name}')")


def marks(server):
    return [name for name, in server.sql("SELECT name FROM story.marks ORDER BY name")]


@pytest.fixture(scope="module")
def story(binary, session_place, template):
    """Three links, taken while sysbench writes; mark N was written before link N was begun."""
    place = pathlib.Path(tempfile.mkdtemp(dir=session_place, prefix="story."))
    place.chmod(0o755)
    server = start_server(template, place / "server", 1)
    try:
        server.fill(tables=4, rows=2000)
        site = lsnsite.Site(binary, place, server).init()
        site.ids = []
        with server.written_to(tables=4, rows=2000):
            for number, kind in enumerate(KINDS):
                mark(server, f"mark {number}")
                site.ids.append(site.backup(kind))
        mark(server, "too late")
        yield site
    finally:
        server.stop()


def test_each_link_restores_with_the_rows_written_before_it(story, restored):
    for number, backup_id in enumerate(story.ids):
        with restored(story.restore(backup_id)) as copy:
            assert marks(copy) == [f"mark {n}" for n in range(number + 1)]
            assert copy.tables() == story.server.tables()
            assert copy.broken_tables() == []


def test_a_quiet_link_restores_to_the_same_checksums(week, expect_restorable):
    for number in range(len(week.ids)):
        expect_restorable(week, number)


def test_the_list_tells_the_chain_as_it_is(story):
    links = story.links()
    assert [link["id"] for link in links] == story.ids
    assert [link["type"] for link in links] == list(KINDS)
    assert {link["chain"] for link in links} == {story.ids[0]}
    assert [link["parent"] for link in links] == ["", *story.ids[:-1]]
    assert {link["state"] for link in links} == {"complete"}
    for parent, link in zip(links, links[1:]):
        assert link["from_lsn"] == parent["to_lsn"]
        assert link["from_lsn"] <= link["to_lsn"] <= link["last_lsn"]
        assert link["last_lsn"] >= parent["last_lsn"]
        assert link["started"] <= link["data_until"] <= link["finished"]
    text = story.good("list").stdout
    assert [text.index(backup_id) for backup_id in story.ids] == sorted(
        text.index(backup_id) for backup_id in story.ids)
    assert str(links[1]["to_lsn"]) in text


def test_show_tells_every_fact_of_one_backup(story):
    backup_id = story.ids[1]
    text = story.good("show", backup_id).stdout
    shown = story.good("show", backup_id, "--output=json").json["instances"][0]["backup"]
    listed = story.link(backup_id)
    assert {key: shown[key] for key in listed} == listed
    for key in ("chain", "parent", "from_lsn", "to_lsn", "server_version", "engine_version",
                "binlog_file", "sums", "datadir_id", "state", "proof"):
        assert key in text and key in shown, key
    assert shown["restorable"] is True
    assert story.good("show", "latest").stdout.startswith(story.ids[-1])
    assert story.good("show", "latest-full").stdout.startswith(story.ids[0])


def test_status_tells_newest_restorable_and_proven(week):
    never = week.good("status", "--output=json").json
    assert never["status"] == 0 and never["status_name"] == "ok"
    before = never["instances"][0]
    assert before["newest_backup_id"] == before["restorable_until_id"] == week.ids[2]
    assert before["proven_until"] is None and before["proven_until_id"] is None
    assert any("proven" in problem for problem in before["problems"])

    week.good("verify", week.ids[1], "--level=prepare")
    after = week.good("status", "--output=json").json["instances"][0]
    assert after["proven_until_id"] == week.ids[1]
    assert after["proven_until"] == week.link(week.ids[1])["data_until"]
    assert after["files_at"] is not None
    week.good("verify", "latest", "--level=prepare")
    text = week.good("status").stdout
    assert "nothing is wrong" in text and text.count(week.ids[2]) == 3


@pytest.mark.parametrize("level", ["files", "prepare"])
def test_every_link_can_be_proven_and_the_proof_is_recorded(week, level):
    ran = week.good("verify", "--all", f"--level={level}", "--output=json")
    proofs = ran.json["instances"][0]["verified"]
    assert {proof["id"] for proof in proofs} == set(week.ids)
    assert all(proof["passed"] and proof["reached"] == level and proof["recorded"]
               for proof in proofs)
    for link in week.links():
        assert link["proof"] == level and link["files_at"] and link["proof_at"]
        assert link["proven"] is (level == "prepare")
    assert week.leftovers() == []


def test_a_verify_whose_time_is_up_says_what_is_left(week):
    slow = week.place / "slow-backup"
    slow.write_text(f"#!/bin/sh\nsleep 1\nexec {FLAVOUR.engine} \"$@\"\n")
    slow.chmod(0o755)
    week.configure(instance={"engine": slow})
    ran = week.good("verify", "--all", "--level=prepare", "--max-time=1s", "--output=json")
    instance = ran.json["instances"][0]
    assert instance["left"] + len(instance["verified"]) == 3 and instance["left"] > 0


def test_a_backup_is_proven_at_once_where_it_is_asked_for(site):
    site.configure(instance={"verify_after": "prepare"})
    ran = site.good("backup", "--output=json")
    instance = ran.json["instances"][0]
    assert instance["verify"]["reached"] == "prepare"
    assert instance["backup"]["proof"] == "prepare" and instance["backup"]["proven"] is True
    assert site.leftovers() == []


def test_auto_takes_a_full_first_and_then_incrementals(site):
    first = site.good("backup", "--output=json").json["instances"][0]["backup"]
    site.good("backup", "--type=auto")
    assert first["full_rule"] == "first"
    assert [link["type"] for link in site.links()] == ["full", "incremental"]


def test_auto_takes_a_full_when_one_is_due_and_when_the_chain_is_long_enough(site):
    site.configure(instance={"max_incrementals": "1"})
    for wanted in ("full", "incremental", "full"):
        site.good("backup")
        assert site.newest()["type"] == wanted
    assert site.newest()["full_rule"] == "max-incrementals"
    site.configure(instance={"full_every": "1d"})
    site.good("backup", env={"LSNCHAIN_CLOCK": "+90000"})
    assert (site.newest()["type"], site.newest()["full_rule"]) == ("full", "full-every")


def test_sums_are_read_by_coreutils_and_files_by_lz4(story):
    for backup_id in story.ids:
        directory = story.directory(backup_id)
        done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
                              cwd=directory, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        listed = {line.split("  ", 1)[1] for line in
                  (directory / "SHA256SUMS").read_text().splitlines()}
        there = {str(path.relative_to(directory)) for path in directory.rglob("*")
                 if path.is_file()}
        assert there - listed == {"SHA256SUMS", "backup.ini"}
        sealed = list(directory.rglob("*.lz4"))
        assert len(sealed) > 10
        subprocess.run(["lz4", "-t", "-m", "-q", *sealed], check=True, capture_output=True)


def test_tables_tsv_names_the_tables_that_are_in_the_backup(story):
    for backup_id in story.ids:
        lines = (story.directory(backup_id) / "tables.tsv").read_text().splitlines()
        rows = [line.split("\t") for line in lines[1:]]
        seen = {(row[0], row[1]): row for row in rows}
        for number in range(1, 5):
            assert seen["sbtest", f"sbtest{number}"][2].lower() == "innodb"
            assert seen["sbtest", f"sbtest{number}"][4] == "both"
        assert ("story", "marks") in seen


def test_nothing_published_may_be_written(story):
    for path in [p for backup_id in story.ids for p in story.directory(backup_id).rglob("*")]:
        assert path.stat().st_mode & 0o222 == 0, path


def test_nothing_is_left_behind_by_a_good_week(story):
    assert story.leftovers() == []


def test_a_second_full_stores_only_what_changed(own_site, place):
    """And a plain rsync --link-dest of two engine directories stores everything again."""
    site, server = own_site, own_site.server
    server.sql("CREATE DATABASE still")
    for number in range(12):
        double = f"INSERT INTO still.t{number} (b) SELECT SHA2(RAND(), 512) FROM still.t{number};"
        server.sql(f"CREATE TABLE still.t{number} (a INT AUTO_INCREMENT PRIMARY KEY,"
                   f" b VARCHAR(250)); INSERT INTO still.t{number} (b) VALUES ('first');"
                   + double * 12)
    server.flush()
    first = site.backup("full")
    change = "UPDATE still.t7 SET b = 'new' WHERE a < 100"
    server.sql(change)
    server.flush()
    second = site.backup("full")

    one, other = site.directory(first), site.directory(second)
    whole = lsnsite.stored_bytes(one)
    more = lsnsite.stored_bytes(one, other) - whole
    linked = [path.name for path in other.rglob("data/still/t*.ibd.lz4")
              if path.stat().st_nlink == 2]
    assert len(linked) == 11 and "t7.ibd.lz4" not in linked
    told = site.link(second)
    assert told["bytes_new"] < told["bytes_stored"] * 0.4
    assert more < whole * 0.4, f"{more} new bytes of {whole}"

    plain_more, plain_whole = plain_script(site, place, change.replace("new", "newer"))
    print(f"lsnchain: {more} new of {whole}; plain rsync --link-dest: {plain_more} of {plain_whole}")
    assert plain_more > plain_whole * 0.9, "a plain script would do, and we would be no use"


def plain_script(site, place, change):
    """New bytes of the second of two fulls that are kept with rsync --link-dest alone."""
    tree = place / "plain"
    tree.mkdir()
    for number in (1, 2):
        work = place / f"work{number}"
        subprocess.run([FLAVOUR.engine, f"--defaults-file={site.defaults_file}", "--backup",
                        f"--target-dir={work}"], check=True, capture_output=True)
        subprocess.run(["rsync", "-a", f"--link-dest={tree}/1", f"{work}/", f"{tree}/{number}/"],
                       check=True, capture_output=True)
        site.server.sql(change)
    whole = lsnsite.stored_bytes(tree / "1")
    return lsnsite.stored_bytes(tree / "1", tree / "2") - whole, whole
