# SPDX-License-Identifier: MIT
"""A planted password and a planted address are nowhere but where they were put."""
import lsnsite
import mariadb
import pytest

from flavours import FLAVOUR
from watcher import Watcher

TOKEN = "T0kenInTheAddress"
SIGNING = "whsec_cGxhbnRlZC1zaWduaW5nLXNlY3JldC1vZi10aGUtaG9vaw=="
MAIL_PASSWORD = "PlantedMailPassw0rd"
SECRETS = [secret.encode() for secret in (
    mariadb.BACKUP_PASSWORD, TOKEN, SIGNING, SIGNING.removeprefix("whsec_"), MAIL_PASSWORD,
    mariadb.option_file_value(mariadb.BACKUP_PASSWORD).strip('"'))]


@pytest.fixture
def watcher():
    watcher = Watcher(SECRETS)
    yield watcher
    watcher.close()


def plant(week, **instance):
    week.receiver.url += f"/{TOKEN}"
    week.configure(instance=instance, more="")
    hook = "[alert hook]\n"
    text = week.conf.read_text().replace(hook, f"{hook}secret = {SIGNING}\n")
    lsnsite.write_private(week.conf, text + (
        "[alert mail]\ntype = smtp\nurl = smtp://127.0.0.1:9\nuser = backup\n"
        f"password = {MAIL_PASSWORD}\nfrom = a@example.org\nto = b@example.org\ntimeout = 1s\n")
        .replace("critical = hook", "critical = hook, mail"))


def expect_in_no_file(week):
    """But in the two files in which they were given."""
    for path in week.place.rglob("*"):
        if path in (week.conf, week.defaults_file) or not path.is_file() or path.is_symlink():
            continue
        if not path.resolve().is_relative_to(week.place):
            continue
        data = path.read_bytes()
        assert not any(secret in data for secret in SECRETS), path


def expect_not_said(week, *runs):
    said = "".join(run.stdout + run.stderr for run in runs) + str(week.receiver.bodies)
    assert not any(secret.decode() in said for secret in SECRETS)


def test_a_good_night_and_a_restore_show_no_secret(week, watcher):
    plant(week, verify_after="prepare", throttle="8M")
    runs = [week.run("-v", *command) for command in (
        ["check"], ["backup", "--type=full"], ["backup", "--output=json"], ["status"], ["list"],
        ["config", "show"], ["config", "show", "--output=json"], ["show", "latest"],
        ["restore", f"--target-dir={week.new_target()}"])]
    assert {run.status for run in runs} <= {0, 3}, [run.said for run in runs]
    watcher.close()
    assert watcher.programs >= {b"lsnchain", FLAVOUR.engine.encode()}, "the engine was not seen at all"
    assert watcher.found == []
    expect_not_said(week, *runs)
    expect_in_no_file(week)
    assert "hidden" in runs[5].stdout or "***" in runs[5].stdout, runs[5].stdout


@pytest.mark.only_on("mariadb", "the fakes speak as its engine does")
def test_bad_nights_show_no_secret_either(week, watcher):
    plant(week)
    runs = []
    for behaviour in ("error-exit-0", "denied", "signal"):
        fake = week.place / f"fake-mariadb-backup-{behaviour}"
        fake.symlink_to(lsnsite.FAKE_ENGINE)
        good = week.conf.read_text()
        lsnsite.write_private(week.conf, good.replace(
            "verify_after = none", f"verify_after = none\nengine = {fake}"))
        runs.append(week.run("-v", "backup"))
        lsnsite.write_private(week.conf, good)
    login = week.defaults_file.read_text()
    lsnsite.write_private(week.defaults_file,
                          login.replace("user = lsnbackup", "user = nobody"))
    runs.append(week.run("-v", "backup"))
    lsnsite.write_private(week.defaults_file, login)
    week.receiver.status = 500
    runs.append(week.run("-v", "alert", "test"))
    watcher.close()
    assert 0 not in {run.status for run in runs}
    assert watcher.found == []
    expect_not_said(week, *runs)
    expect_in_no_file(week)


def test_a_secret_in_a_broken_line_is_not_repeated(week):
    good = week.conf.read_text()
    for broken in (f"passwort = {MAIL_PASSWORD}\n", f"password {MAIL_PASSWORD}\n",
                   f"url = {TOKEN} no address\n", f"secret = {MAIL_PASSWORD}\n"):
        lsnsite.write_private(week.conf, good + "[alert mail]\ntype = webhook\n" + broken)
        ran = week.ended(10, "config", "show", words=[f"{week.conf}:"])
        expect_not_said(week, ran)


def test_what_the_engine_is_given_is_private_and_gone_afterwards(week):
    week.configure(instance={"throttle": "1M"})
    running = week.start("backup", "--type=full")
    private = week.state / week.INSTANCE / "engine"
    try:
        lsnsite.wait_until(lambda: list(private.rglob("login.cnf")), running)
        for path in private.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
        assert (week.state.stat().st_mode & 0o077) == 0
    finally:
        running.terminate()
        running.communicate(timeout=60)
    assert list(private.rglob("*")) == []
