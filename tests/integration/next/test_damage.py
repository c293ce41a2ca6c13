# SPDX-License-Identifier: MIT
"""Damage: each ends with the right status, text and alert, and leaves the backups before it sound."""
import shutil
import subprocess

import lsnsite
import pytest

ENGINE, STORAGE, CHAIN, CATALOG, VERIFY, RESTORE = 14, 16, 18, 19, 20, 21


@pytest.fixture
def chain(site):
    """full, incremental, incremental; quiet, so that checksums can be compared."""
    ids = []
    for number, kind in enumerate(("full", "incremental", "incremental")):
        site.server.sql(f"UPDATE sbtest.sbtest1 SET c = 'link {number}' WHERE id <= 500")
        ids.append(site.backup(kind))
    return ids


def expect_restorable(site, restored, backup_id):
    with restored(site.restore(backup_id)) as copy:
        assert copy.broken_tables() == []
        assert copy.value("SELECT COUNT(*) FROM sbtest.sbtest1") == "5000"


def sealed_table(site, backup_id):
    return next((site.directory(backup_id) / "data/sbtest").glob("sbtest1.ibd*.lz4"))


def expect_error(ran, status, *words):
    assert ran.status == status, ran.said
    for word in words:
        assert word in ran.stderr, ran.said
    assert "hint: " in ran.stderr, ran.said


def test_a_flipped_byte_is_found_alerted_and_spares_the_links_before(site, chain, restored):
    damaged = sealed_table(site, chain[1])
    lsnsite.flip_byte(damaged)
    expect_error(site.run("verify", chain[1], "--level=files"), VERIFY, damaged.name)
    assert [e["data"]["backup"] for e in site.receiver.events("proof_failed")] == [chain[1]]
    states = {link["id"]: link["state"] for link in site.links()}
    assert states == {chain[0]: "complete", chain[1]: "quarantined", chain[2]: "quarantined"}
    expect_restorable(site, restored, chain[0])


def test_a_flipped_byte_stops_a_restore_too(site, chain):
    lsnsite.flip_byte(sealed_table(site, chain[0]))
    ran = site.run("restore", chain[2], f"--target-dir={site.new_target()}")
    assert ran.status == VERIFY, ran.said


@pytest.mark.parametrize("name", ["SHA256SUMS", "backup.ini", "tables.tsv", "engine.log.lz4"])
def test_a_flipped_byte_beside_the_data_is_found(site, chain, name):
    lsnsite.flip_byte(site.directory(chain[1]) / name)
    ran = site.run("verify", chain[1], "--level=files")
    assert ran.status in (VERIFY, CATALOG), ran.said
    assert name in ran.stderr, ran.said


def test_a_missing_file_is_found(site, chain, restored):
    missing = sealed_table(site, chain[1])
    lsnsite.remove_published(missing)
    expect_error(site.run("verify", chain[1], "--level=files"), VERIFY, missing.name)
    assert site.receiver.events("proof_failed")
    expect_restorable(site, restored, chain[0])


def test_an_extra_file_is_found(site, chain):
    directory = site.directory(chain[1]) / "data"
    directory.chmod(0o750)
    (directory / "stranger").write_text("x")
    expect_error(site.run("verify", chain[1], "--level=files"), VERIFY, "stranger")


def test_a_missing_link_breaks_the_chain_and_the_next_backup_is_a_full(site, chain, restored):
    lsnsite.remove_published(site.directory(chain[1]))
    ran = site.run("restore", chain[2], f"--target-dir={site.new_target()}")
    assert ran.status in (CHAIN, VERIFY), ran.said
    assert chain[1] in ran.stderr
    expect_restorable(site, restored, chain[0])

    again = site.run("backup", "--type=incremental")
    assert again.status == 3, again.said
    broken = site.receiver.events("chain_broken")
    assert [event["data"]["rule"] for event in broken] == ["parent-present"]
    assert broken[0]["data"]["severity"] == "critical"
    assert site.receiver.events("chain_recovered")
    newest = site.links()[-1]
    assert newest["type"] == "full" and newest["full_rule"] == "parent-present"
    expect_restorable(site, restored, newest["id"])


def test_a_damaged_catalog_is_reported_with_its_line_and_read_from_its_copy(site, chain):
    catalog = site.repository / site.INSTANCE / "catalog.ini"
    sound = catalog.read_text()
    lsnsite.flip_byte(catalog)
    ran = site.run("list")
    assert all(backup_id in ran.stdout for backup_id in chain), ran.said
    assert "catalog.ini" in ran.stderr
    assert site.run("catalog", "check").status == CATALOG

    lsnsite.flip_byte(catalog.with_name("catalog.ini.copy"))
    assert site.run("list").status == CATALOG
    site.good("catalog", "rebuild")
    assert [link["id"] for link in site.links()] == chain
    below = "instance ="
    rebuilt = catalog.read_text()
    assert rebuilt[rebuilt.index(below):] == sound[sound.index(below):]


def test_a_full_disk_ends_the_backup_and_leaves_the_others(site, chain, small_disk, restored):
    disk = small_disk("scratch", "8M")
    site.configure(instance={"scratch_dir": disk})
    ran = site.run("backup", "--type=full")
    assert ran.status in (15, STORAGE), ran.said
    assert "space" in ran.stderr.lower(), ran.said
    assert site.receiver.events("backup_failed")
    assert [link["id"] for link in site.links()] == chain
    assert not any(path.is_file() for path in disk.rglob("*")), "a dead capture takes space"
    expect_restorable(site, restored, chain[2])

    site.configure()
    site.backup("incremental")
    assert site.receiver.events("backup_recovered")


def test_a_repository_that_fills_up_keeps_what_it_has(bare_site, small_disk, restored):
    site = bare_site
    site.server.fill(tables=1, rows=2000)
    site.repository = small_disk("repository", "40M")
    site.configure()
    site.init()
    first = site.backup("full")
    filler = site.repository / "filler"
    with open(filler, "wb") as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
            file.flush()
    ran = site.run("backup", "--type=full")
    assert ran.status in (15, STORAGE), ran.said
    filler.unlink()
    assert [link["id"] for link in site.links()] == [first]
    site.good("verify", first, "--level=files")
    with restored(site.restore(first)) as copy:
        assert copy.broken_tables() == []
    site.backup("incremental")


def test_a_server_put_back_to_yesterday_breaks_the_chain(site, place):
    """A storage snapshot from before the last backup: its LSN lies behind the chain."""
    server = site.server
    server.stop()
    snapshot = place / "snapshot"
    subprocess.run(["cp", "-a", server.data, snapshot], check=True)
    server.start()
    site.backup("full")
    server.sql("UPDATE sbtest.sbtest1 SET c = 'lost'")
    site.backup("incremental")
    server.stop()
    shutil.rmtree(server.data)
    snapshot.rename(server.data)
    server.start()
    ran = site.run("backup", "--type=incremental")
    assert ran.status == 3, ran.said
    event = site.receiver.events("chain_broken")[0]
    assert event["data"]["rule"] in ("lsn-regression", "server-identity", "timeline")
    assert site.links()[-1]["type"] == "full"


def test_a_restore_that_was_killed_is_not_taken_for_whole(site, chain):
    target = site.new_target()
    target.mkdir()
    (target / "something").write_text("x")
    ran = site.run("restore", chain[2], f"--target-dir={target}")
    assert ran.status == RESTORE, ran.said
    assert str(target) in ran.stderr
    assert (target / "something").read_text() == "x"
