# SPDX-License-Identifier: MIT
"""Back into a directory: what is refused, what is said, and that it needs neither us nor a server."""
import os
import pathlib
import pwd
import shutil
import subprocess

import lsnsite
import pytest

from flavours import FLAVOUR

USAGE, WARNINGS, CHAIN, VERIFY, RESTORE = 2, 3, 18, 20, 21


def tree(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


# ---- the target ----------------------------------------------------------------------------------

def test_a_target_that_is_not_empty_is_21_and_left_alone(week):
    target = week.new_target()
    target.mkdir()
    (target / "precious").write_text("x")
    week.ended(RESTORE, "restore", f"--target-dir={target}",
               words=[target, "precious", "hint: "])
    assert tree(target) == ["precious"] and (target / "precious").read_text() == "x"


def test_a_target_with_an_unfinished_restore_is_21(week):
    target = week.new_target()
    target.mkdir()
    (target / "lsnchain-restore.ini").write_text("[restore]\n")
    week.ended(RESTORE, "restore", f"--target-dir={target}", words=[target, "did not end"])
    assert tree(target) == ["lsnchain-restore.ini"]


def test_a_target_that_is_a_file_is_21(week):
    target = week.new_target()
    target.write_text("precious")
    week.ended(RESTORE, "restore", f"--target-dir={target}", words=[target, "directory"])
    assert target.read_text() == "precious"


def test_an_empty_target_is_taken_and_the_marker_is_gone_at_the_end(week):
    target = week.new_target()
    target.mkdir()
    week.good("restore", week.ids[0], f"--target-dir={target}")
    assert (target / "ibdata1").exists()
    assert not (target / "lsnchain-restore.ini").exists()
    assert not any(name.startswith(".lsnchain") for name in os.listdir(target))


def test_a_target_without_room_is_refused_before_anything_is_written(week, small_disk):
    disk = small_disk("target", "4M")
    ran = week.run("restore", f"--target-dir={disk}/new")
    assert ran.status in (16, RESTORE), ran.said
    assert "free" in ran.stderr and "hint: " in ran.stderr
    assert tree(disk) == []


def test_the_target_must_be_given(week):
    week.ended(USAGE, "restore", "latest", words=["--target-dir"])


# ---- what is said and done -----------------------------------------------------------------------

def test_a_dry_run_says_all_and_writes_nothing(week):
    target = week.new_target()
    ran = week.good("restore", week.ids[1], f"--target-dir={target}", "--dry-run")
    until = week.link(week.ids[1])["data_until"]
    for word in ("would restore", week.ids[1], until, "NOT proven", str(target)):
        assert word in ran.stdout, ran.said
    assert not target.exists()


def test_it_says_first_what_and_last_where_the_binary_log_stands_and_what_to_type(week):
    week.good("verify", week.ids[1], "--level=prepare")
    link = week.link(week.ids[1])
    target = week.new_target()
    ran = week.good("restore", week.ids[1], f"--target-dir={target}")
    lines = ran.stdout.splitlines()
    assert week.ids[1] in lines[0] and link["data_until"] in lines[0]
    assert "proven to restore" in ran.stdout and "NOT" not in ran.stdout
    assert f"{link['binlog_file']} {link['binlog_pos']}" in ran.stdout
    assert "chown" in lines[-2] and str(target) in lines[-1]

    told = week.good("restore", week.ids[1], f"--target-dir={week.new_target()}",
                     "--output=json").json["instances"][0]["restore"]
    assert told["id"] == week.ids[1] and told["restored"] is True and told["proven"] is True
    assert told["binlog_file"] == link["binlog_file"]


def test_the_files_belong_to_the_owner_that_was_asked_for(week):
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    nobody = pwd.getpwnam("nobody")
    target = week.new_target()
    week.good("restore", f"--target-dir={target}", "--owner=nobody:daemon")
    for path in [target, *target.rglob("*")]:
        status = path.stat()
        assert status.st_uid == nobody.pw_uid and status.st_gid != nobody.pw_gid, path
    week.ended(USAGE, "restore", f"--target-dir={week.new_target()}", "--owner=no-such-user",
               words=["no-such-user"])


def test_a_time_between_backups_is_21_and_names_the_last_backup_before_it(week):
    times = [week.link(backup_id)["data_until"] for backup_id in week.ids]
    for wanted in (*times, "2099-01-01T00:00:00Z"):
        # two captures may end within one second
        named = max(backup_id for backup_id, time in zip(week.ids, times) if time <= wanted)
        target = week.new_target()
        ran = week.ended(RESTORE, "restore", f"--target-dir={target}", f"--to-time={wanted}",
                         words=[named])
        assert not target.exists()
        assert not any(other in ran.stderr for other in week.ids if other != named)
    week.ended(RESTORE, "restore", f"--target-dir={week.new_target()}",
               "--to-time=2001-01-01T00:00:00Z", words=["no restorable backup"])
    week.ended(USAGE, "restore", f"--target-dir={week.new_target()}", "--to-time=yesterday",
               words=["yesterday"])


def test_latest_falls_back_to_the_newest_that_restores_and_warns(week, restored):
    lsnsite.flip_byte(week.sealed(week.ids[2], "sbtest1"))
    week.ended(VERIFY, "verify", "--level=files")
    target = week.new_target()
    ran = week.ended(WARNINGS, "restore", "latest", f"--target-dir={target}", words=[week.ids[2]])
    assert week.ids[1] in ran.stdout
    with restored(target) as copy:
        assert copy.checksums() == week.checksums[1]
    week.ended(RESTORE, "restore", week.ids[2], f"--target-dir={week.new_target()}",
               words=["quarantined", f"restorable: {week.ids[1]}"])


def test_a_bare_host_needs_the_repository_and_nothing_else(week, restored):
    """No configuration, no state directory: what is there at three in the morning."""
    lsnsite.write_private(week.conf, "this is no configuration\n")
    shutil.rmtree(week.state)
    before = tree(week.repository)
    bare = [f"--repository={week.repository}"]
    for command in (["list"], ["status"], ["show", week.ids[1]]):
        assert week.ids[1 if command[0] == "show" else 2] in week.good(
            *command, configuration=bare).stdout
    week.good("verify", "--all", "--level=prepare", configuration=bare)
    assert {link["proof"] for link in week.good("list", "--output=json", configuration=bare)
            .json["instances"][0]["chains"][0]["links"]} == {"none"}
    target = week.new_target()
    week.good("restore", f"--target-dir={target}", configuration=bare)
    with restored(target) as copy:
        assert copy.checksums() == week.checksums[2]
    assert [name for name in tree(week.repository) if name not in before
            and not name.startswith(".scratch")] == []
    assert week.leftovers() == []
    assert not week.state.exists()
    assert week.run("backup", configuration=bare).status == USAGE


def test_a_table_in_a_directory_of_its_own_comes_back_inside_and_leaves_the_source_alone(
        own_site, restored):
    """Its *.isl would lead the restored server to the live tablespace of the source."""
    server = own_site.server
    elsewhere = own_site.place / "elsewhere"
    elsewhere.mkdir()
    shutil.chown(elsewhere, "mysql") if os.geteuid() == 0 else None
    server.sql("CREATE DATABASE far; CREATE TABLE far.away (a INT PRIMARY KEY) ENGINE=InnoDB"
               f" DATA DIRECTORY='{elsewhere}'; INSERT INTO far.away VALUES (1)")
    assert list(server.data.rglob("*.isl"))
    backup_id = own_site.backup("full")
    own_site.good("verify", backup_id, "--level=prepare")
    target = own_site.restore(backup_id)
    assert not list(target.rglob("*.isl"))
    with restored(target) as copy:
        assert copy.sql("SELECT a FROM far.away") == [("1",)]
        copy.sql("INSERT INTO far.away VALUES (2)")
    assert server.sql("SELECT a FROM far.away") == [("1",)]
    server.sql("INSERT INTO far.away VALUES (3)")
    assert server.broken_tables() == []


# ---- RESTORE.sh ----------------------------------------------------------------------------------

@pytest.fixture
def bare_path(place):
    """A PATH with a shell, coreutils, lz4 and the engine: no lsnchain, find, sed, grep, awk."""
    directory = place / "bin"
    directory.mkdir()
    listed = subprocess.run(["dpkg", "-L", "coreutils"], capture_output=True, text=True, check=True)
    programs = {pathlib.Path(path).name for path in listed.stdout.split()
                if path.startswith(("/bin/", "/usr/bin/"))}
    for program in programs | {"sh", "lz4", FLAVOUR.engine}:
        where = shutil.which(program)
        if where is not None:
            (directory / program).symlink_to(where)
    for absent in ("lsnchain", "find", "sed", "grep", "awk", "rsync"):
        assert not (directory / absent).exists()
    return directory


def restore_sh(site, path, backup_id, target, *options):
    return subprocess.run([path / "sh", site.directory(backup_id) / "RESTORE.sh", target, *options],
                          env={"PATH": str(path)}, cwd="/", capture_output=True, text=True)


def test_restore_sh_restores_each_link_without_lsnchain(week, bare_path, restored):
    for number, backup_id in enumerate(week.ids):
        target = week.new_target()
        done = restore_sh(week, bare_path, backup_id, target)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not (target / "lsnchain-restore.ini").exists()
        with restored(target) as copy:
            assert copy.checksums() == week.checksums[number]
            assert copy.broken_tables() == []
        assert [path.name for path in week.place.iterdir()
                if path.name.startswith(target.name + ".")] == []


def expect_refused(week, bare_path, backup_id, *words):
    target = week.new_target()
    done = restore_sh(week, bare_path, backup_id, target)
    assert done.returncode != 0, done.stderr
    for word in words:
        assert word in done.stdout + done.stderr, done.stdout + done.stderr
    assert not target.exists() or (target / "lsnchain-restore.ini").exists() or not tree(target)


@pytest.mark.parametrize("name", ["data/ibdata1.lz4", "tables.tsv", "SHA256SUMS", "backup.ini"])
def test_restore_sh_refuses_a_flipped_byte_anywhere_in_the_chain(week, bare_path, name):
    lsnsite.flip_byte(week.directory(week.ids[0]) / name)
    expect_refused(week, bare_path, week.ids[1], week.ids[0], name.removeprefix("data/"))


def test_restore_sh_refuses_an_extra_and_a_missing_file(week, bare_path):
    directory = week.directory(week.ids[1]) / "data/sbtest"
    lsnsite.add_published(directory / ".stranger.ibd", "x")
    expect_refused(week, bare_path, week.ids[1], week.ids[1], "files")
    lsnsite.remove_published(directory / ".stranger.ibd")
    lsnsite.remove_published(week.sealed(week.ids[1], "sbtest2"))
    expect_refused(week, bare_path, week.ids[1], week.ids[1], "sbtest2")


def test_restore_sh_refuses_without_the_parent(week, bare_path):
    lsnsite.remove_published(week.directory(week.ids[0]))
    expect_refused(week, bare_path, week.ids[1], week.ids[0])


def test_restore_sh_refuses_a_quarantined_link_unless_told_anyway(week, bare_path, restored):
    damaged = week.sealed(week.ids[1], "sbtest1")
    lsnsite.flip_byte(damaged)
    week.ended(VERIFY, "verify", week.ids[1], "--level=files")
    lsnsite.flip_byte(damaged)
    expect_refused(week, bare_path, week.ids[2], week.ids[1], "quarantined", "--anyway")
    target = week.new_target()
    done = restore_sh(week, bare_path, week.ids[2], target, "--anyway")
    assert done.returncode == 0, done.stderr
    with restored(target) as copy:
        assert copy.checksums() == week.checksums[2]


def test_restore_sh_never_writes_into_a_directory_that_is_in_use(week, bare_path):
    target = week.new_target()
    target.mkdir()
    (target / "precious").write_text("x")
    done = restore_sh(week, bare_path, week.ids[0], target)
    assert done.returncode != 0 and "not empty" in done.stderr
    assert tree(target) == ["precious"]
