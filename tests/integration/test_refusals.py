# SPDX-License-Identifier: MIT
"""What lsnchain refuses, before anything is written, with the status and the words that help."""
import fcntl
import json
import errno
import os
import shutil

import lsnsite
import mariadb
import pytest

from flavours import FLAVOUR

USAGE, WARNINGS, CONFIG, LOCKED, SERVER, UNFIT = 2, 3, 10, 11, 12, 13
REFUSED, STORAGE = 15, 16


def tree(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


# ---- the server ----------------------------------------------------------------------------------

def test_a_wrong_password_is_12_and_told_and_its_end_is_told(week):
    good = week.ids[2]
    week.write_defaults_file(password="mis'taken")
    ran = week.ended(SERVER, "backup", words=["hint: ", str(week.defaults_file)])
    assert "mis'taken" not in ran.stdout + ran.stderr
    week.ended(SERVER, "backup")
    assert [alarm["severity"] for alarm in week.alerts("backup_failed")] == ["critical"]
    assert "denied" in week.alerts("backup_failed")[0]["cause"]
    assert "lsnchain -i shop backup" in week.alerts("backup_failed")[0]["remedy"]
    assert week.links()[-1]["id"] == good and week.leftovers() == []

    week.write_defaults_file()
    week.good("backup")
    assert week.newest()["parent"] == good
    assert [alarm["severity"] for alarm in week.alerts("backup_recovered")] == ["recovery"]
    week.good("backup")
    assert len(week.alerts("backup_recovered")) == 1


def test_a_server_that_is_down_is_12(own_site):
    own_site.server.stop()
    own_site.ended(SERVER, "backup", words=[own_site.server.socket, "is the server up"])
    assert own_site.alerts("backup_failed")


@pytest.mark.parametrize("privilege", FLAVOUR.privileges)
def test_a_missing_grant_is_12_and_what_it_says_to_type_mends_it(own_site, privilege):
    server = own_site.server
    server.sql(f"REVOKE {privilege} ON *.* FROM '{mariadb.BACKUP_USER}'@'localhost'")
    ran = own_site.ended(SERVER, "backup", words=["hint: ", f"GRANT {privilege} ON"])
    checked = own_site.ended(SERVER, "check")
    typed = "GRANT " + ran.stderr.split("GRANT ", 1)[1].splitlines()[0]
    assert typed in checked.stdout
    assert own_site.links() == [] and own_site.leftovers() == []
    server.sql(typed)
    own_site.good("backup")
    assert len(own_site.alerts("backup_recovered")) == 1


# ---- the engine ----------------------------------------------------------------------------------

def test_a_missing_engine_is_13(site):
    site.configure(instance={"engine": f"/nonexistent/{FLAVOUR.engine}"})
    site.ended(UNFIT, "backup", words=[f"/nonexistent/{FLAVOUR.engine}"])
    site.ended(UNFIT, "check")
    assert site.alerts("backup_failed")


@pytest.mark.only_on("mariadb", "the fakes speak as its engine does")
@pytest.mark.parametrize("behaviour,words", [
    ("wrong-version", ["11.8.9", "10.11", "does not fit"]),
    ("no-version", ["something else"]),
])
def test_an_engine_of_another_series_or_of_no_known_kind_is_13(site, behaviour, words):
    site.use_fake(behaviour)
    site.ended(UNFIT, "backup", words=words)
    assert site.links() == [] and site.leftovers() == []


@pytest.mark.parametrize("option", ["--target-dir=/elsewhere", "--stream=tar", "--no-lock",
                                    "--tables=a", "--password=opensesame", "--no-such-option"])
def test_an_option_of_the_engine_that_would_spoil_the_backup_is_10(site, option):
    site.configure(instance={"engine_options": option})
    ran = site.ended(CONFIG, "backup", words=[option.split("=")[0], "engine_options"])
    assert "opensesame" not in ran.stderr + str(site.alerts())
    site.ended(CONFIG, "check")


# ---- the repository ------------------------------------------------------------------------------

def test_a_repository_that_is_not_mounted_is_15_and_not_written_to(week):
    kept = week.place / "kept"
    week.repository.rename(kept)
    week.repository.mkdir()
    before = tree(week.state)
    for command in (["backup"], ["verify"], ["list"], ["status"], ["init"],
                    ["restore", f"--target-dir={week.place}/new"]):
        week.ended(REFUSED, *command, words=[week.repository, "mounted", "hint: "])
    assert tree(week.repository) == [] and not (week.place / "new").exists()
    assert week.alerts("backup_failed")
    week.repository.rmdir()
    kept.rename(week.repository)
    assert [name for name in tree(week.state)  # but those of our own notes
            if "lock" in name and name not in before and not name.endswith(".lock")] == []
    week.good("backup")


def test_the_wrong_disk_is_15_until_it_is_accepted(site):
    shutil.rmtree(site.repository)
    state = site.state
    site.state = site.place / "second-state"
    site.configure()
    site.good("init")
    site.state = state
    site.configure()
    before = tree(site.repository)
    site.ended(REFUSED, "backup", words=["remembers", "init --accept"])
    site.ended(REFUSED, "verify", words=["remembers"])
    site.ended(REFUSED, "init", words=["--accept"])
    assert tree(site.repository) == before
    site.good("init", "--accept")
    site.good("backup")


def test_init_may_be_run_again(site):
    before = tree(site.repository)
    marker = (site.repository / "lsnchain.repo").read_text()
    site.good("init")
    assert (site.repository / "lsnchain.repo").read_text() == marker
    assert tree(site.repository) == before


def test_init_takes_no_directory_that_holds_something_else(bare_site):
    bare_site.repository.mkdir()
    (bare_site.repository / "precious").write_text("x")
    bare_site.ended(REFUSED, "init", words=["precious"])
    assert tree(bare_site.repository) == ["precious"]


def test_a_new_host_remembers_the_repository_and_goes_on_with_its_chain(week):
    shutil.rmtree(week.state)
    week.ended(REFUSED, "backup", words=["lsnchain init"])
    ran = week.good("init")
    assert "remembered" in ran.stdout
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2]


def test_no_backup_without_init(bare_site):
    bare_site.ended(REFUSED, "backup", words=["init"])
    assert not bare_site.repository.exists()


def test_a_new_instance_needs_init_too(site):
    site.configure(more=f"[instance other]\ndefaults_file = {site.defaults_file}\n")
    ran = site.run("-i", "other", "backup")
    assert ran.status == REFUSED and "init" in ran.stderr, ran.said
    site.good("init")
    site.good("-i", "other", "backup")
    site.good("-i", "shop", "backup")
    assert site.run("backup").status == USAGE
    assert len(site.good("list", "--output=json").json["instances"]) == 2


def test_a_repository_of_somebody_else_is_15(week):
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    before = tree(week.repository)
    os.chown(week.repository / "lsnchain.repo", 65534, 65534)
    for command in (["backup"], ["verify"], ["init"]):
        week.ended(REFUSED, *command, words=["nobody", "sudo -u nobody"])
    assert tree(week.repository) == before
    week.good("list")


# ---- locks and clocks ----------------------------------------------------------------------------

@pytest.mark.parametrize("where", ["repository", "state"])
def test_a_second_run_is_11_and_names_the_first(week, where):
    directory = week.repository if where == "repository" else week.state
    with open(directory / week.INSTANCE / "lock", "a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        held.write("pid 4711 on host db1 (boot x), `backup` since 2026-11-22T02:00:00Z\n")
        held.flush()
        week.ended(LOCKED, "backup", words=["pid 4711 on host db1", "hint: "])
        week.good("list")
        week.good("verify", "--level=files")
        week.good("restore", f"--target-dir={week.new_target()}")
    week.good("backup")


def test_a_clock_that_went_back_is_15_and_told(week):
    week.good("backup", env={"LSNCHAIN_CLOCK": "+3600"})
    newest = week.newest()["id"]
    week.ended(REFUSED, "backup", words=["clock", "behind", newest])
    assert week.alerts("clock_moved") and week.newest()["id"] == newest
    assert week.leftovers() == []
    week.good("backup", env={"LSNCHAIN_CLOCK": "+7200"})


def test_a_clock_that_is_a_little_late_is_waited_for(week):
    week.good("backup", env={"LSNCHAIN_CLOCK": "+4"})
    week.good("backup")
    ids = [link["id"] for link in week.links()]
    assert ids == sorted(ids) and len(set(ids)) == 5


# ---- space ---------------------------------------------------------------------------------------

def fill_disk(disk, leave):
    """Leaves so many bytes free."""
    free = shutil.disk_usage(disk).free
    try:
        (disk / "filler").write_bytes(os.urandom(1 << 16) * ((free - leave) >> 16))
    except OSError as error:  # a capture was faster: the disk is as full as it gets
        assert error.errno == errno.ENOSPC and leave == 0


@pytest.mark.parametrize("room", ["64k", "2M"])
def test_a_scratch_disk_without_room_ends_the_backup_and_leaves_the_others(
        week, small_disk, expect_restorable, room):
    """Too little to begin with, and too little to go on with."""
    disk = small_disk("scratch", room)
    week.configure(instance={"scratch_dir": disk})
    lying = week.repository / week.INSTANCE
    ran = week.run("backup", "--type=full")
    assert ran.status in (REFUSED, STORAGE), ran.said
    assert "free" in ran.stderr or "No space left" in ran.stderr, ran.said
    assert week.alerts("backup_failed")
    assert [link["id"] for link in week.links()] == week.ids
    assert week.captures(disk) == [], "a dead capture takes space"
    assert list((lying / ".incoming").iterdir()) == []
    week.configure()
    week.good("backup")
    assert week.newest()["parent"] == week.ids[2]
    assert week.alerts("backup_recovered")
    expect_restorable(week, 2)


@pytest.fixture
def site_on_a_small_disk(binary, place, common_server, receiver, small_disk):
    site = lsnsite.Site(binary, place, common_server, receiver)
    site.repository = small_disk("repository", "60M")
    site.configure()
    return site.init()


def test_no_room_to_begin_with_is_15_and_told(site_on_a_small_disk):
    site = site_on_a_small_disk
    first = site.backup("full")
    fill_disk(site.repository, 1 << 20)
    site.ended(REFUSED, "backup", "--type=full", words=["free", "hint: "])
    assert site.alerts("space_low") and site.alerts("backup_failed")
    (site.repository / "filler").unlink()
    assert [link["id"] for link in site.links()] == [first]
    site.good("backup")


def test_a_disk_that_fills_up_meanwhile_is_16_and_keeps_what_it_has(site_on_a_small_disk,
                                                                    restored):
    site = site_on_a_small_disk
    first = site.backup("full")
    wanted = site.server.checksums()
    site.configure(instance={"throttle": "1M"})
    running = site.start("backup", "--type=full")
    try:
        lsnsite.wait_until(lambda: site.captures() and any(
            "/data/" in name for name in site.captures()), running)
        fill_disk(site.repository, 0)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == STORAGE, said
    assert "No space left" in said
    (site.repository / "filler").unlink()
    assert site.leftovers() == []
    assert "No space left" in site.alerts("backup_failed")[0]["cause"]
    assert [link["id"] for link in site.links()] == [first]
    site.configure()
    site.good("verify", first, "--level=prepare")
    with restored(site.restore(first)) as copy:
        assert copy.checksums() == wanted
    site.backup("incremental")


def test_a_disk_that_fills_up_while_publishing_is_16_and_keeps_what_it_has(
        binary, place, common_server, receiver, small_disk):
    """The capture lies elsewhere, so rsync is the one that meets the full disk."""
    site = lsnsite.Site(binary, place, common_server, receiver)
    site.repository = small_disk("repository", "60M")
    site.configure()
    site.init()
    scratch = place / "roomy"
    scratch.mkdir()
    site.configure(instance={"scratch_dir": scratch})
    fill_disk(site.repository, 400 << 10)
    ran = site.run("backup", "--type=full")
    assert ran.status in (REFUSED, STORAGE), ran.said
    assert site.captures(scratch) == [] or ran.status == STORAGE
    (site.repository / "filler").unlink()
    assert site.links() == []
    first = site.backup("full")
    assert site.leftovers() == [] and site.captures(scratch) == []
    site.good("verify", first, "--level=files")


# ---- the command line ----------------------------------------------------------------------------

@pytest.mark.parametrize("arguments", [
    ["show", "nothing-like-it"], ["show"], ["show", "a", "b"], ["restore", "latest"],
    ["no-such-command"], ["backup", "--type=differential"], ["list", "--output=xml"],
    ["-i", "nobody", "list"], ["--no-such-option", "list"], ["backup", "--no-such-option"], [],
    ["list", "surplus"], ["verify", "--level=all"], ["verify", "latest", "--all"],
    ["verify", "--max-time=soon"], ["-v", "-q", "list"], ["config"], ["alert"],
    ["restore", "--target-dir=/nonexistent/x", "--memory=lots"],
])
def test_a_command_line_without_sense_is_2_and_says_why(week, arguments):
    ran = week.ended(USAGE, *arguments, words=["error: "])
    assert ran.stdout == ""


def test_a_prefix_must_name_one_backup(week):
    week.good("show", week.ids[1][:-5])
    common = os.path.commonprefix(week.ids)
    week.ended(USAGE, "show", common, words=[common, week.ids[0], week.ids[1]])


@pytest.mark.parametrize("kind,said", [("full", "would take a full"),
                                       ("auto", "would take an incremental")])
def test_a_dry_run_of_a_backup_changes_nothing(week, kind, said):
    before = tree(week.repository), tree(week.state)
    assert said in week.good("backup", f"--type={kind}", "--dry-run").stdout
    assert (tree(week.repository), tree(week.state)) == before


def test_a_failure_is_one_json_object_on_stdout(week):
    week.write_defaults_file(password="wrong")
    ran = week.run("--output=json", "backup")
    body = json.loads(ran.stdout)
    assert list(body)[:6] == ["schema_version", "command", "status", "status_name", "warnings",
                              "error"]
    assert body["schema_version"] == 1 and body["command"] == "backup"
    assert body["status"] == ran.status == SERVER and body["status_name"] == "server"
    assert body["error"]["message"] and body["error"]["hint"]
    usage = week.run("--output=json", "verify", "--level=all")
    assert usage.status == USAGE and json.loads(usage.stdout)["status_name"] == "usage"


def test_warnings_are_in_the_json_too(week):
    lsnsite.flip_byte(week.repository / week.INSTANCE / "catalog.ini")
    ran = week.good("list", "--output=json")  # it could answer
    assert ran.json["status_name"] == "ok" and "catalog.ini" in ran.json["warnings"][0]
