# SPDX-License-Identifier: MIT
"""The story of a week: a full, incrementals, restores; what was written before a backup is in it."""
import os
import subprocess

import lsnsite
import pytest

KINDS = ("full", "incremental", "incremental", "incremental")


def mark(server, name):
    server.sql("CREATE DATABASE IF NOT EXISTS story;"
               "CREATE TABLE IF NOT EXISTS story.marks (name VARCHAR(40) PRIMARY KEY);"
               f"INSERT INTO story.marks VALUES ('{name}')")


def marks(server):
    return [name for name, in server.sql("SELECT name FROM story.marks ORDER BY name")]


@pytest.fixture
def chain(site):
    """Four links, taken while sysbench writes; their ids, and mark N was written before link N."""
    ids = []
    with site.server.written_to():
        for number, kind in enumerate(KINDS):
            mark(site.server, f"mark {number}")
            ids.append(site.backup(kind))
    mark(site.server, "too late")
    return ids


def test_each_link_restores_with_the_rows_written_before_it(site, chain, restored):
    for number, backup_id in enumerate(chain):
        with restored(site.restore(backup_id)) as copy:
            assert marks(copy) == [f"mark {n}" for n in range(number + 1)]
            assert copy.tables() == site.server.tables()
            assert copy.broken_tables() == []


def test_a_quiet_link_restores_to_the_same_checksums(site, restored):
    site.backup("full")
    site.server.sql("DELETE FROM sbtest.sbtest2 WHERE id < 1000")
    last = site.backup("incremental")
    wanted = site.server.checksums()
    with restored(site.restore(last)) as copy:
        assert copy.checksums() == wanted


def test_the_catalog_tells_the_chain_as_it_is(site, chain):
    links = site.links()
    assert [link["id"] for link in links] == chain
    assert [link["type"] for link in links] == ["full"] + 3 * ["incremental"]
    assert {link["chain"] for link in links} == {chain[0]}
    assert [link["parent"] for link in links] == ["", *chain[:-1]]
    assert {link["state"] for link in links} == {"complete"}
    for parent, link in zip(links, links[1:]):
        assert int(link["from_lsn"]) == int(parent["to_lsn"])
        assert int(link["last_lsn"]) >= int(parent["last_lsn"])


def test_auto_takes_a_full_first_and_then_incrementals(site):
    site.good("backup")
    site.good("backup", "--type=auto")
    assert [link["type"] for link in site.links()] == ["full", "incremental"]


def test_sums_are_read_by_coreutils_and_files_by_lz4(site, chain):
    for backup_id in chain:
        directory = site.directory(backup_id)
        done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
                              cwd=directory, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        listed = {line.split("  ", 1)[1] for line in
                  (directory / "SHA256SUMS").read_text().splitlines()}
        there = {str(path.relative_to(directory)) for path in directory.rglob("*")
                 if path.is_file()}
        assert there - listed == {"SHA256SUMS", "backup.ini"}
        for sealed in directory.rglob("*.lz4"):
            subprocess.run(["lz4", "-t", "-q", sealed], check=True)


def test_nothing_published_may_be_written(site, chain):
    for path in [p for backup_id in chain for p in site.directory(backup_id).rglob("*")]:
        assert path.stat().st_mode & 0o222 == 0, path


@pytest.mark.parametrize("level", ["files", "prepare"])
def test_every_link_can_be_proven(site, chain, level):
    site.good("verify", "--all", f"--level={level}")
    assert {link["proof"] for link in site.links()} == {level}


def bare_path(place):
    """A PATH with the tools of a bare host and the engine, and without lsnchain."""
    directory = place / "bin"
    directory.mkdir()
    for tool in ("sh", "sha256sum", "lz4", "mariadb-backup", "mkdir", "rm", "cp", "mv", "ls", "cat",
                 "find", "dirname", "basename", "sed", "grep", "cut", "sort", "chmod", "test",
                 "printf", "touch", "rmdir", "head", "tail", "tr", "wc", "date", "df", "du", "awk"):
        where = subprocess.run(["which", tool], capture_output=True, text=True).stdout.strip()
        if where:
            (directory / tool).symlink_to(where)
    return directory


def test_restore_sh_restores_each_link_without_lsnchain(site, chain, restored, place):
    path = bare_path(place)
    for number, backup_id in enumerate(chain):
        target = site.new_target()
        done = subprocess.run([path / "sh", site.directory(backup_id) / "RESTORE.sh", target],
                              env={"PATH": str(path)}, cwd="/", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        with restored(target) as copy:
            assert marks(copy) == [f"mark {n}" for n in range(number + 1)]
            assert copy.broken_tables() == []


def test_restore_sh_refuses_a_damaged_file(site, chain, place):
    path = bare_path(place)
    lsnsite.flip_byte(site.directory(chain[0]) / "data/ibdata1.lz4")
    done = subprocess.run([path / "sh", site.directory(chain[1]) / "RESTORE.sh", site.new_target()],
                          env={"PATH": str(path)}, cwd="/", capture_output=True, text=True)
    assert done.returncode != 0
    assert "ibdata1" in done.stdout + done.stderr


def test_a_second_full_stores_only_what_changed(site, place):
    """And a plain rsync --link-dest of two engine directories stores everything again."""
    server = site.server
    server.sql("CREATE DATABASE still")
    for number in range(30):
        server.sql(f"CREATE TABLE still.t{number} (a INT PRIMARY KEY, b VARCHAR(250));"
                   f"INSERT INTO still.t{number} SELECT seq, HEX(RAND(seq)) FROM seq_1_to_20000")
    server.sql("SET GLOBAL innodb_max_dirty_pages_pct = 0; FLUSH TABLES")
    first = site.backup("full")
    change = "UPDATE still.t7 SET b = 'new' WHERE a < 100"
    server.sql(change)
    second = site.backup("full")

    one = site.directory(first)
    whole = lsnsite.stored_bytes(one)
    more = lsnsite.stored_bytes(one, site.directory(second)) - whole
    linked = [path for path in one.rglob("data/still/t*.ibd.lz4") if path.stat().st_nlink >= 2]
    assert len(linked) == 29
    assert more < whole * 0.30, f"{more} new bytes of {whole}"

    plain_more, plain_whole = plain_script(site, place, change.replace("new", "newer"))
    assert plain_more > plain_whole * 0.9, "a plain script would do, and we would be no use"
    print(f"lsnchain: {more} new of {whole}; plain rsync --link-dest: {plain_more} of {plain_whole}")


def plain_script(site, place, change):
    """New bytes of the second of two fulls that are kept with rsync --link-dest alone."""
    tree = place / "plain"
    tree.mkdir()
    for number in (1, 2):
        work = place / f"work{number}"
        subprocess.run(["mariadb-backup", f"--defaults-file={site.defaults_file}", "--backup",
                        f"--target-dir={work}"], check=True, capture_output=True)
        subprocess.run(["rsync", "-a", f"--link-dest={tree}/1", f"{work}/", f"{tree}/{number}/"],
                       check=True, capture_output=True)
        site.server.sql(change)
    whole = lsnsite.stored_bytes(tree / "1")
    return lsnsite.stored_bytes(tree / "1", tree / "2") - whole, whole


def test_nothing_is_left_behind_by_a_good_week(site, chain):
    assert not any((site.repository / ".scratch").glob("*/*"))
    for name in (".incoming", ".trash"):
        directory = site.repository / site.INSTANCE / name
        assert not directory.exists() or not os.listdir(directory)
