# SPDX-License-Identifier: MIT
"""What lsnchain refuses, before anything is written, with the status and the words that help."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

import mariadb
import pytest

USAGE, CONFIG, LOCKED, SERVER, UNFIT, ENGINE, REFUSED, RESTORE = 2, 10, 11, 12, 13, 14, 15, 21


def tree(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def expect_refusal(ran, status, *words):
    assert ran.status == status, ran.said
    for word in words:
        assert word in ran.stderr, ran.said


def test_a_wrong_password_is_12_and_an_alert(site):
    good = site.backup("full")
    site.write_defaults_file(password="wrong")
    ran = site.run("backup")
    expect_refusal(ran, SERVER, "hint: ")
    assert "wrong" not in ran.stdout + ran.stderr.replace("is wrong", "")
    assert site.receiver.events("backup_failed")
    assert [link["id"] for link in site.links()] == [good]
    site.write_defaults_file()
    site.good("verify", good, "--level=files")


def test_a_server_that_is_down_is_12(site):
    site.server.stop()
    expect_refusal(site.run("backup"), SERVER, str(site.server.socket))


def test_grants_that_hide_tables_are_12(site):
    site.server.sql(f"REVOKE SHOW VIEW ON *.* FROM '{mariadb.BACKUP_USER}'@'localhost'")
    expect_refusal(site.run("backup"), SERVER, "SHOW VIEW")
    assert site.run("check").status != 0


def test_a_missing_engine_is_13(site):
    site.configure(instance={"engine": "/nonexistent/mariadb-backup"})
    expect_refusal(site.run("backup"), UNFIT, "/nonexistent/mariadb-backup")


def test_a_repository_that_is_not_mounted_is_15_and_not_written_to(site):
    kept = site.place / "kept"
    site.repository.rename(kept)
    site.repository.mkdir()
    for command in (["backup"], ["verify"], ["expire"]):
        expect_refusal(site.run(*command), REFUSED, str(site.repository), "hint: ")
    assert tree(site.repository) == []


def test_the_wrong_disk_is_15_until_it_is_accepted(site):
    shutil.rmtree(site.repository)
    state = site.state
    site.state = site.place / "second-state"
    site.configure()
    site.good("init")
    site.state = state
    site.configure()
    before = tree(site.repository)
    expect_refusal(site.run("backup"), REFUSED)
    expect_refusal(site.run("init"), REFUSED, "--accept")
    assert tree(site.repository) == before
    site.good("init", "--accept")
    site.good("backup")


def test_init_may_be_run_again(site):
    marker = (site.repository / "lsnchain.repo").read_text()
    site.good("init")
    assert (site.repository / "lsnchain.repo").read_text() == marker


def test_no_backup_without_init(bare_site):
    expect_refusal(bare_site.run("backup"), REFUSED, "init")
    assert not bare_site.repository.exists()


def test_another_owner_is_15(site):
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    for path in [site.repository, *site.repository.rglob("*")]:
        os.lchown(path, 65534, 65534)
    expect_refusal(site.run("backup"), REFUSED, "sudo -u")


def test_a_second_run_is_11_and_names_the_first(site):
    with open(site.repository / site.INSTANCE / "lock", "a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        expect_refusal(site.run("backup"), LOCKED, "lock", "hint: ")
        site.good("list")


def test_a_backup_under_a_clock_that_went_back_is_15(site):
    site.good("backup", env={"LSNCHAIN_CLOCK": "+3600"})
    expect_refusal(site.run("backup"), REFUSED, "clock")
    site.good("backup", env={"LSNCHAIN_CLOCK": "+7200"})


def test_a_target_that_is_not_empty_is_21_and_left_alone(site):
    backup_id = site.backup("full")
    target = site.new_target()
    target.mkdir()
    (target / "precious").write_text("x")
    expect_refusal(site.run("restore", backup_id, f"--target-dir={target}"), RESTORE, str(target))
    assert tree(target) == ["precious"]


def test_a_time_that_cannot_be_reached_is_21_and_names_the_last_backup_before(site):
    backup_id = site.backup("full")
    ran = site.run("restore", f"--target-dir={site.new_target()}", "--to-time=2099-01-01T00:00:00Z")
    expect_refusal(ran, RESTORE, backup_id)


@pytest.mark.parametrize("arguments", [
    ["show", "nothing-like-it"], ["show"], ["restore", "latest"], ["no-such-command"],
    ["backup", "--type=differential"], ["list", "--output=xml"], ["-i", "nobody", "list"],
    ["--no-such-option", "list"], [],
])
def test_a_command_line_without_sense_is_2(site, arguments):
    assert site.run(*arguments).status == USAGE


def test_a_prefix_must_be_unique(site):
    first = site.backup("full")
    second = site.backup("incremental")
    site.good("show", first)
    site.good("show", "latest")
    common = os.path.commonprefix([first, second])
    expect_refusal(site.run("show", common), USAGE, common)


def test_a_dry_run_changes_nothing(site):
    before = tree(site.repository)
    site.good("backup", "--dry-run")
    assert tree(site.repository) == before


def test_a_failure_is_one_json_object_on_stdout(site):
    site.server.stop()
    ran = site.run("--output=json", "backup")
    body = json.loads(ran.stdout)
    assert body["schema_version"] == 1
    assert body["command"] == "backup"
    assert body["status"] == ran.status == SERVER
    assert body["status_name"] == "server"
    assert body["error"]["message"] and "hint" in body["error"]


@pytest.fixture
def slow_backup(site):
    """A full that is copying its first files, slowly; the test ends it."""
    site.configure(instance={"throttle": "1M"})
    running = subprocess.Popen([site.binary, "-c", site.conf, "backup", "--type=full"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not captured(site):
        assert time.monotonic() < deadline and running.poll() is None, "nothing was captured"
        time.sleep(0.05)
    yield running
    running.kill()
    running.wait()


def captured(site):
    return [path for path in (site.repository / ".scratch").rglob("*") if path.is_file()]


def test_an_interrupted_backup_ends_with_128_and_the_signal(site, slow_backup):
    slow_backup.send_signal(signal.SIGTERM)
    assert slow_backup.wait(timeout=60) == 128 + signal.SIGTERM
    assert captured(site) == []
    site.configure()
    site.backup("full")


def test_a_killed_backup_needs_no_hand(site, slow_backup):
    slow_backup.kill()
    slow_backup.wait()
    site.configure()
    assert site.links() == []
    backup_id = site.backup("full")
    assert captured(site) == []
    site.good("verify", backup_id, "--level=files")


def words_of_processes():
    """Command line and environment of every process on this host."""
    for process in os.listdir("/proc"):
        if not process.isdigit():
            continue
        try:
            parts = [open(f"/proc/{process}/{name}", "rb") for name in ("cmdline", "environ")]
        except OSError:
            continue
        with parts[0], parts[1]:
            try:
                yield b"\0".join(part.read() for part in parts)
            except OSError:
                continue


def test_no_process_shows_the_password_while_the_engine_runs(slow_backup):
    secret = mariadb.BACKUP_PASSWORD.encode()
    engines = 0
    for _ in range(10):
        for words in words_of_processes():
            assert secret not in words
            engines += words.startswith(b"/") and b"mariadb-backup\0" in words
        time.sleep(0.1)
    assert slow_backup.poll() is None
    assert engines > 0, "the engine was not seen at all"
