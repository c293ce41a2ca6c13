# SPDX-License-Identifier: MIT
"""`status --nagios` from outside: silence is an alarm, and whatever happens the monitor gets an answer."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import lsnsite
import pytest

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
DAY, HOUR = 86400, 3600
KILLED = -signal.SIGKILL
UID = GID = 47110  # unused: nobody's files are theirs
FIGURE = re.compile(r"'((?:[^'=]|'')+)'=(U|\d+)(s|B)?;(\d*);(\d*);(\d*)")


def later(seconds):
    return {"LSNCHAIN_CLOCK": f"+{int(seconds)}"}


class Answer:
    """What a monitor makes of the output."""

    def __init__(self, ran):
        self.status, self.text = ran.status, ran.stdout
        assert 0 <= self.status <= 3, ran.said
        first, *self.more = ran.stdout.splitlines()
        assert first.startswith(f"LSNCHAIN {WORDS[self.status]} - "), ran.said
        assert len(ran.stdout.encode()) < 4096 and ran.stdout.endswith("\n")
        assert all("|" not in line for line in self.more), ran.stdout
        self.first, _, figures = first.partition(" | ")
        found = FIGURE.findall(figures)
        assert " ".join("".join(("'", name, "'=", value, unit, ";", warn, ";", crit, ";", least))
                        for name, value, unit, warn, crit, least in found) == figures
        self.figures = {name: value if value == "U" else int(value) for name, value, *_ in found}
        self.limits = {name: crit for name, _, _, _, crit, _ in found}


def ask(site, *arguments, seconds=0, **more):
    return Answer(site.run("status", "--nagios", *arguments, env=later(seconds), **more))


def expect(answer, status, *words):
    assert answer.status == status, answer.text
    for word in words:
        assert word in answer.text, f"{word!r} is not said: {answer.text}"
    return answer


def record(site):
    return site.state / "status.json"


def noted(site):
    """What it says of the runs of the instance."""
    return json.loads(record(site).read_text())["instances"]["shop"]


def snapshot(*tops):
    """Everything below, with what would show a change."""
    found = {}
    for top in tops:
        for path in sorted(pathlib.Path(top).rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns,
                                status.st_ctime_ns, status.st_ino)
    return found


@pytest.fixture
def watched(site):
    """Proofs are not what most of these tests are about: without them they take a second."""
    site.configure(instance={"proof_within": "0"})
    return site


@pytest.fixture
def fresh(watched):
    """One good backup, just taken."""
    watched.good("backup")
    return watched


def test_a_fresh_backup_is_well_and_its_figures_are_told(fresh):
    answer = expect(ask(fresh, seconds=HOUR), OK, "shop: newest good backup 1h 00m old")
    age = answer.figures["shop_backup_age"]
    assert HOUR <= age < HOUR + 300 and answer.limits["shop_backup_age"] == "93600"
    assert answer.figures["shop_proof_age"] == "U" and answer.limits["shop_proof_age"] == ""
    assert HOUR <= answer.figures["shop_restorable_age"] < HOUR + 300
    assert answer.figures["shop_chain_length"] == 1
    assert answer.figures["undelivered"] == 0
    assert answer.figures["repository_free"] > 0


def test_a_backup_that_is_too_old_is_critical_and_one_that_is_not_is_well(fresh):
    fresh.configure(instance={"proof_within": "0", "backup_within": "2h"})
    expect(ask(fresh, seconds=2 * HOUR - 300), OK)
    answer = expect(ask(fresh, seconds=2 * HOUR + 300), CRITICAL)
    assert answer.first.startswith("LSNCHAIN CRITICAL - shop: the newest good backup is 2h ")
    assert "backup_within: 2h 00m" in answer.first


def test_two_silent_days_are_critical_by_default(fresh):
    expect(ask(fresh, seconds=2 * DAY), CRITICAL, "the newest good backup is 2d 00h old")


def test_an_instance_that_was_never_backed_up_is_critical(watched):
    expect(ask(watched), CRITICAL, "there is no backup", "no run is on record")


def test_what_is_not_watched_is_no_alarm(fresh):
    fresh.configure(instance={"proof_within": "0", "backup_within": "0"})
    expect(ask(fresh, seconds=300 * DAY), OK)


def test_a_proof_is_asked_for_and_grows_old(site):
    site.configure(instance={"backup_within": "0"})
    site.good("backup")
    expect(ask(site), CRITICAL, "no backup is proven")
    site.good("verify", "latest", "--level=prepare")
    expect(ask(site, seconds=7 * DAY), OK)
    expect(ask(site, seconds=9 * DAY), CRITICAL,
           "the proof of the newest proven backup is 9d 00h old")


def test_a_lost_state_directory_is_critical_and_is_not_made_again(fresh):
    shutil.rmtree(fresh.state)
    expect(ask(fresh), CRITICAL, "no run is on record", "does not know the repository")
    assert not fresh.state.exists()


def test_an_absent_status_file_is_critical(fresh):
    record(fresh).unlink()
    expect(ask(fresh), CRITICAL, "no run is on record")
    assert not record(fresh).exists()


@pytest.mark.parametrize("damage", ("flipped", "cut", "empty", "newer"))
def test_a_damaged_status_file_is_critical_and_the_next_run_writes_it_anew(fresh, damage):
    if damage == "flipped":
        lsnsite.flip_byte(record(fresh))
    elif damage == "newer":
        text = record(fresh).read_text()
        assert '"format": 1' in text
        record(fresh).write_text(text.replace('"format": 1', '"format": 2'))
    else:
        text = record(fresh).read_text()
        record(fresh).write_text(text[:len(text) // 2] if damage == "cut" else "")
    expect(ask(fresh), CRITICAL, "how the last runs ended is not known")
    before = record(fresh).read_bytes()
    fresh.ended(3, "backup", words=["status.json"])
    if damage == "newer":
        assert record(fresh).read_bytes() == before, "a newer program's file was overwritten"
    else:
        expect(ask(fresh), OK)


def test_a_status_file_that_nobody_wrote_for_long_is_critical(fresh):
    """The catalog has a new backup: another host's, or that of another state directory."""
    old = record(fresh).read_bytes()
    fresh.good("backup", env=later(3 * DAY))
    expect(ask(fresh, seconds=3 * DAY), OK)
    record(fresh).write_bytes(old)
    expect(ask(fresh, seconds=3 * DAY), CRITICAL, "no run was noted")


def test_a_killed_backup_is_critical_until_one_succeeds(fresh):
    assert fresh.run("backup", env={"LSNCHAIN_CRASH": "backup.planned"}).status == KILLED
    expect(ask(fresh), CRITICAL, "was killed: its process is gone")
    status = fresh.good("status").stdout
    assert "wrong: the backup that began at" in status
    fresh.good("backup")
    expect(ask(fresh), OK)


def test_a_running_backup_is_no_alarm_until_it_takes_too_long(fresh):
    fresh.use_fake("slow", proof_within="0")
    running = fresh.start("backup")
    try:
        lsnsite.wait_until(lambda: noted(fresh)["backup"]["running_since"], running)
        expect(ask(fresh), OK)
        answer = fresh.good("status", "--output=json").json["instances"][0]
        assert answer["last_runs"]["backup"]["running_since"] is not None
        assert answer["last_runs"]["backup"]["killed"] is None
        assert "running since" in fresh.good("status").stdout
        expect(ask(fresh, seconds=2 * DAY), CRITICAL, "a backup has been running for 2d 00h")
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
    expect(ask(fresh), CRITICAL, "the last backup failed with exit status 143")


def test_a_second_backup_that_finds_the_lock_does_not_hide_the_first(fresh):
    fresh.use_fake("slow", proof_within="0")
    running = fresh.start("backup")
    try:
        engine_log = fresh.state / "shop/lock"
        lsnsite.wait_until(lambda: engine_log.exists() and engine_log.read_text(), running)
        before = noted(fresh)["backup"]
        assert before["running_since"] and before["pid"] == running.pid
        fresh.ended(11, "backup")
        assert all(noted(fresh)["backup"][key] == before[key]
                   for key in ("running_since", "pid", "pid_started", "boot_id"))
        expect(ask(fresh), CRITICAL, "the last backup failed with exit status 11 (locked)")
    finally:
        running.kill()
        running.communicate(timeout=60)
    expect(ask(fresh), CRITICAL, "was killed")


def test_a_failed_backup_is_critical_until_one_succeeds(fresh):
    fresh.use_fake("denied", proof_within="0")
    failed = fresh.run("backup")
    assert failed.status not in (0, 3), failed.said
    answer = expect(ask(fresh), CRITICAL, f"the last backup failed with exit status {failed.status}",
                    "backup_failed since")
    assert "(and " in answer.first
    text = fresh.good("status").stdout
    assert f"exit status {failed.status}" in text and "wrong: backup_failed since" in text
    fresh.configure(instance={"proof_within": "0"})
    fresh.good("backup")
    expect(ask(fresh), OK)


def test_a_disk_that_is_not_mounted_is_critical_and_its_failed_backup_is_on_record(fresh):
    fresh.repository.rename(fresh.place / "away")
    fresh.repository.mkdir()
    expect(ask(fresh), CRITICAL, "there is no repository")
    fresh.ended(15, "backup")
    expect(ask(fresh), CRITICAL, "the last backup failed with exit status 15")
    fresh.repository.rmdir()
    (fresh.place / "away").rename(fresh.repository)
    expect(ask(fresh), CRITICAL, "the last backup failed with exit status 15")
    fresh.good("backup")
    expect(ask(fresh), OK)


def test_the_wrong_disk_is_critical(fresh):
    marker = fresh.repository / "lsnchain.repo"
    text = marker.read_text()
    marker.chmod(0o644)
    marker.write_text(re.sub(r"uuid = ........", "uuid = 01234567", text))
    expect(ask(fresh), CRITICAL, "but this host remembers")


def test_a_damaged_catalog_is_critical_and_half_a_one_a_warning(fresh):
    fresh.configure(instance={"proof_within": "0"})
    catalog = fresh.repository / "shop/catalog.ini"
    lsnsite.flip_byte(catalog)
    expect(ask(fresh), WARNING, "catalog.ini")
    lsnsite.flip_byte(fresh.repository / "shop/catalog.ini.copy")
    answer = expect(ask(fresh), CRITICAL, "catalog.ini")
    assert answer.figures["shop_backup_age"] == "U" and answer.figures["shop_chain_length"] == "U"


def test_a_newest_backup_that_cannot_be_restored_is_critical(week):
    week.configure(instance={"proof_within": "0"})
    expect(ask(week), OK)
    newest = week.ids[-1]
    lsnsite.flip_byte(week.sealed(newest, "sbtest1"))
    week.ended(20, "verify", newest, "--level=files")
    answer = expect(ask(week), CRITICAL, f"the newest backup {newest} cannot be restored",
                    "chain_broken since", "the last verify failed with exit status 20")
    assert answer.figures["shop_chain_length"] == 2


def test_alerts_that_nobody_took_are_a_warning(fresh):
    fresh.receiver.status = 503
    fresh.use_fake("denied", proof_within="0")
    fresh.run("backup")
    answer = ask(fresh)
    assert answer.figures["undelivered"] >= 1
    assert "not delivered yet" in answer.text


@pytest.mark.parametrize("arguments, words", [
    (["status", "--nagios", "--nonsense"], "--nonsense"),
    (["status", "--nagios", "-i", "nobody"], "there is no instance nobody"),
    (["status", "--nagios", "--output=json"], "--output=json"),
    (["status", "--nagios", "--output=yaml"], "neither text nor json"),
    (["status", "--nagios", "too", "much"], "too much"),
    (["status", "--nagios", "--help"], "--nagios goes with status only"),
    (["status", "--nagios", "--version"], "--nagios goes with status only"),
    (["status", "--nagiosity"], "--nagiosity"),
    (["--nagios"], "no command"),
    (["staus", "--nagios"], "there is no command staus"),
    (["backup", "--nagios"], "--nagios goes with status only"),
    (["list", "--nagios"], "--nagios goes with status only"),
])
def test_a_question_that_makes_no_sense_is_unknown(fresh, arguments, words):
    ran = fresh.run(*arguments)
    answer = expect(Answer(ran), UNKNOWN, words)
    assert answer.figures == {} and ran.stderr == ""
    assert len(fresh.links()) == 1, "it was no question but a backup"


def test_a_repository_without_configuration_is_unknown(fresh):
    answer = Answer(fresh.run("status", "--nagios", configuration=("--repository", fresh.repository)))
    expect(answer, UNKNOWN, "needs a configuration")


@pytest.mark.parametrize("text, words", [
    ("[instance shop]\nbakcup_within = 1d\n", "unknown key"),
    ("[instance shop\n", "lsnchain.conf:1"),
    (None, "lsnchain.conf"),
])
def test_a_wrong_configuration_is_unknown(fresh, text, words):
    fresh.conf.unlink()
    if text is not None:
        lsnsite.write_private(fresh.conf, text)
    expect(ask(fresh), UNKNOWN, words)


def test_a_configuration_without_instances_is_unknown(fresh):
    lsnsite.write_private(fresh.conf, f"[global]\nrepository = {fresh.repository}\n"
                                      f"state_dir = {fresh.state}\n")
    expect(ask(fresh), UNKNOWN)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_state_is_unknown(fresh, session_place):
    binary = pathlib.Path(shutil.copy(fresh.binary, session_place / "lsnchain-for-all"))
    os.chown(fresh.conf, UID, GID)
    done = subprocess.run(
        ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups", binary, "-c", fresh.conf,
         "status", "--nagios"], capture_output=True, text=True, env=fresh.environment())
    answer = expect(Answer(lsnsite.Ran(done.returncode, done.stdout, done.stderr)), UNKNOWN,
                    "another user's")
    assert answer.figures == {}


def test_all_instances_are_judged_and_the_gravest_counts(fresh):
    more = lsnsite.sections(**{"instance other": {"defaults_file": fresh.defaults_file}})
    fresh.configure(instance={"proof_within": "0"}, more=more)
    fresh.good("init")
    answer = expect(ask(fresh), CRITICAL, "CRITICAL other: there is no backup",
                    "shop: newest good backup")
    assert answer.first.startswith("LSNCHAIN CRITICAL - other: ")
    assert answer.figures["other_backup_age"] == "U" and answer.figures["shop_backup_age"] < 300
    expect(ask(fresh, "-i", "shop"), OK)
    expect(ask(fresh, "-i", "other"), CRITICAL)


def test_a_hundred_bad_instances_fit_into_four_kilobytes(fresh):
    names = [f"a-very-long-instance-name-{n:05}" for n in range(100)]
    fresh.configure(more=lsnsite.sections(
        **{f"instance {name}": {"defaults_file": fresh.defaults_file} for name in names}))
    answer = expect(ask(fresh), CRITICAL)
    assert re.fullmatch(r"and \d+ more lines", answer.more[-1])
    assert f"{names[0]}_backup_age" in answer.figures or "shop_backup_age" in answer.figures


def test_it_changes_no_file_whatever_it_finds(fresh, place):
    fresh.configure(instance={"metrics_file": place / "lsnchain.prom"})
    fresh.run("backup", env={"LSNCHAIN_CRASH": "backup.planned"})
    fresh.ended(15, "backup", env={"LSNCHAIN_CLOCK": "-1000"})
    lsnsite.flip_byte(fresh.state / "shop/incidents.ini")
    (fresh.state / "shop/history.ini").write_text("damaged")
    before = snapshot(place)
    assert str(place / "lsnchain.prom") in before
    expect(ask(fresh), CRITICAL, "incidents.ini is damaged")
    assert snapshot(place) == before


def test_it_takes_no_lock_and_waits_for_none(fresh):
    """With every lock of ours held by somebody else it answers, and at once."""
    locks = [path for top in (fresh.state, fresh.repository) for path in top.rglob("*lock")]
    assert any(path.name == "status.lock" for path in locks)
    holders = [subprocess.Popen(["flock", "--exclusive", path, "sleep", "100"]) for path in locks]
    try:
        for path in locks:
            lsnsite.wait_until(lambda: subprocess.run(
                ["flock", "--nonblock", path, "true"], check=False).returncode != 0)
        expect(ask(fresh), OK)
    finally:
        for holder in holders:
            subprocess.run(["pkill", "--parent", str(holder.pid)], check=False)
            holder.wait(timeout=10)


HANG = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    if (strstr(path, "/repository") != NULL)
        for (;;)
            pause();
    va_list args;
    va_start(args, flags);
    int mode = va_arg(args, int);
    va_end(args);
    return real(path, flags, mode);
}
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
"""


def test_a_disk_that_hangs_is_unknown_in_time(fresh, place):
    source, shim = place / "hang.c", place / "hang.so"
    source.write_text(HANG)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    env = {"LD_PRELOAD": str(shim), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    ran = fresh.run("status", "--nagios", env=env, limit=60)
    expect(Answer(ran), UNKNOWN, "no answer within 9 s")


# ---- the status file ----------------------------------------------------------------------------


def test_the_status_file_remembers_each_run_and_is_private(site):
    site.configure(instance={"verify_after": "prepare"})
    site.good("backup")
    file, backup = json.loads(record(site).read_text()), noted(site)["backup"]
    canonical = json.dumps(file["instances"], sort_keys=True, separators=(",", ":"))
    assert file["format"] == 1
    assert file["checksum"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert record(site).stat().st_mode & 0o777 == 0o600
    last = site.good("status", "--output=json").json["instances"][0]["last_runs"]
    assert last["backup"]["exit_status"] == 0 and last["backup"]["exit_status_name"] == "ok"
    assert last["backup"]["succeeded"] == last["backup"]["finished"]
    assert last["verify"] is None and last["expire"] is None
    site.good("verify", "latest", "--level=files")
    site.good("expire")
    last = site.good("status", "--output=json").json["instances"][0]["last_runs"]
    assert last["verify"]["exit_status"] == 0 and last["expire"]["exit_status"] == 0
    for key in ("capture_seconds", "publish_seconds", "proof_seconds"):
        assert backup[key] >= 0, key
    assert backup["bytes_stored"] > 0 and backup["finished"] >= backup["started"]


@pytest.mark.parametrize("late", ({"metrics_file": "/nowhere/lsnchain.prom"},
                                  {"ping_url": "http://127.0.0.1:9/nobody-listens"}))
def test_a_warning_that_comes_up_after_a_run_is_in_the_status_file_too(watched, late):
    watched.configure(instance={"proof_within": "0"} | late)
    watched.ended(3, "backup")
    backup = noted(watched)["backup"]
    assert backup["exit_status"] == 3 and backup["succeeded"] == backup["finished"]


def test_the_status_file_keeps_what_it_says_of_others(fresh):
    other = {"defaults_file": fresh.defaults_file, "verify_after": "none", "canary": "no",
             "proof_within": "0"}
    fresh.configure(instance={"proof_within": "0"}, more=lsnsite.sections(**{"instance other": other}))
    fresh.good("init")
    before = noted(fresh)
    fresh.good("-i", "other", "backup")
    assert noted(fresh) == before
    expect(ask(fresh, "-i", "shop"), OK)
    file = json.loads(record(fresh).read_text())
    assert sorted(file["instances"]) == ["other", "shop"]
    lsnsite.flip_byte(record(fresh))
    fresh.ended(3, "-i", "other", "backup", words=["starts anew"])
    expect(ask(fresh, "-i", "other"), OK)
    expect(ask(fresh, "-i", "shop"), CRITICAL, f"no run is on record in {record(fresh)}")


@pytest.mark.parametrize("arguments", (["backup", "--dry-run"], ["expire", "--dry-run"], ["status"],
                                       ["list"], ["check"], ["restore", "--dry-run"]))
def test_what_is_no_run_leaves_the_status_file_alone(fresh, arguments):
    before = record(fresh).read_bytes()
    if arguments[0] == "restore":
        arguments = [*arguments, f"--target-dir={fresh.new_target()}"]
    fresh.run(*arguments)
    assert record(fresh).read_bytes() == before


def test_a_dry_run_that_cannot_begin_tells_nobody(fresh):
    before = record(fresh).read_bytes()
    fresh.repository.rename(fresh.place / "away")
    fresh.ended(15, "backup", "--dry-run")
    assert record(fresh).read_bytes() == before
    assert fresh.receiver.events() == []


# ---- overdue ------------------------------------------------------------------------------------


def test_check_raises_the_alarm_for_a_backup_that_did_not_happen_and_its_end_is_told(fresh):
    ran = fresh.run("check", env=later(3 * DAY))
    assert ran.status == 3, ran.said
    assert "newest backup   warning   the newest good backup is 3d 00h old" in ran.stdout
    event, = fresh.alerts("backup_overdue")
    assert event["severity"] == "critical" and "3d 00h old" in event["cause"]
    assert "lsnchain -i shop backup" in event["remedy"]
    expect(ask(fresh, seconds=3 * DAY), CRITICAL, "backup_overdue since")
    fresh.good("backup", env=later(3 * DAY))
    assert len(fresh.alerts("backup_recovered")) == 1
    expect(ask(fresh, seconds=3 * DAY), OK)


def test_check_raises_the_alarm_where_no_backup_was_ever_taken(watched):
    watched.run("check")
    assert watched.alerts("backup_overdue") == []
    assert watched.run("check", env=later(2 * DAY)).status == 3
    event, = watched.alerts("backup_overdue")
    assert "no good backup was taken for 2d 00h" in event["cause"]


def test_check_is_silent_while_all_is_young(fresh):
    ran = fresh.run("check", env=later(20 * HOUR))
    assert "newest backup   ok        20h 00m old" in ran.stdout
    assert "newest proof    ok        no proof yet" in ran.stdout
    assert fresh.receiver.events() == []


@pytest.mark.parametrize("command", (["verify", "latest", "--level=files"], ["expire"]))
def test_other_runs_raise_the_alarm_too(fresh, command):
    fresh.run(*command, env=later(3 * DAY))
    assert len(fresh.alerts("backup_overdue")) == 1


def test_a_proof_that_did_not_happen_is_told_and_so_is_its_end(site):
    site.configure(instance={"backup_within": "0"})
    site.good("backup")
    site.good("verify", "latest", "--level=prepare")
    ran = site.run("check", env=later(9 * DAY))
    assert ran.status == 3, ran.said
    event, = site.alerts("proof_overdue")
    assert event["severity"] == "warning" and "lsnchain -i shop verify" in event["remedy"]
    expect(ask(site, seconds=9 * DAY), CRITICAL, "proof_overdue since")
    site.good("verify", "latest", "--level=prepare", env=later(9 * DAY))
    assert len(site.alerts("proof_recovered")) == 1
    expect(ask(site, seconds=9 * DAY), OK)


def test_backups_that_nobody_ever_proves_are_told_of(site):
    site.configure(instance={"backup_within": "0"})
    site.good("backup")
    site.run("check", env=later(9 * DAY))
    event, = site.alerts("proof_overdue")
    assert "none is proven" in event["cause"]


def test_status_says_what_is_overdue(fresh):
    ran = fresh.good("status", env=later(3 * DAY))
    assert "wrong: the newest good backup is 3d 00h old (backup_within: 1d 02h)" in ran.stdout
    assert re.search(r"last run +\S+Z  \(3d 00h ago, backup, exit status 0: ok\)", ran.stdout)
    answer = fresh.good("status", "--output=json").json["instances"][0]
    assert answer["next_expected"] is not None and answer["incidents"] == []
    assert answer["alerts_undelivered"] == 0
