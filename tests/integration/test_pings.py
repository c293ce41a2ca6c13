# SPDX-License-Identifier: MIT
"""What a dead man's switch hears of backups that are really run."""
import signal

import deadman
import lsnsite
import mariadb
import pytest
import test_secrets

USAGE, WARNINGS, CONFIG, LOCKED, SERVER, ENGINE, REFUSED = 2, 3, 10, 11, 12, 14, 15
SECRET = "c0ffee-the-Secret-of-the-Switch"


@pytest.fixture
def switch(receiver):
    """It notes at each ping how many alerts had arrived."""
    switch = deadman.Switch(f"/{SECRET}", witness=lambda: len(receiver.bodies))
    yield switch
    switch.close()


@pytest.fixture
def guarded(site, switch):
    """A site whose backups a switch waits for; nothing that is said shows the switch's address."""
    site.switch = switch
    site.configure(instance={"ping_url": switch.url})
    run = site.run

    def run_and_look(*arguments, **more):
        ran = run(*arguments, **more)
        assert SECRET not in ran.said
        return ran

    site.run = run_and_look
    return site


def fake_engine(site, behaviour):
    site.use_fake(behaviour, ping_url=site.switch.url)


def test_a_good_night_is_a_start_and_a_good_end_with_one_id(guarded):
    backup = guarded.backup("full")
    assert guarded.switch.pings == ["/start", "good"]
    assert len(guarded.switch.ids) == 1
    told = guarded.switch.bodies[1]
    for line in ("command: backup", "instance: shop", f"backup: {backup}",
                 "status: 0, ok: all went well"):
        assert line in told.splitlines(), told
    guarded.backup("incremental")
    assert guarded.switch.pings == ["/start", "good"] * 2
    assert len(guarded.switch.ids) == 2, "each run has an id of its own"


@pytest.mark.only_on("mariadb", "the fakes speak as its engine does")
def test_a_bad_night_tells_status_and_cause_after_the_alerts(guarded):
    fake_engine(guarded, "denied")
    guarded.ended(ENGINE, "backup")
    assert guarded.switch.pings == ["/start", "/14"]
    told = guarded.switch.bodies[1]
    assert "status: 14, engine: the engine failed" in told
    assert "error: " in told and "Access denied" in told and "hint: " in told
    assert guarded.switch.witnessed == [0, 1], "the alert goes out first"
    assert mariadb.BACKUP_PASSWORD not in told


def test_a_backup_with_warnings_is_a_good_one_and_says_them(guarded):
    guarded.receiver.status = 404
    guarded.configure(instance={"ping_url": guarded.switch.url, "engine": "/nowhere/mariadb-backup"})
    guarded.run("backup")
    guarded.configure(instance={"ping_url": guarded.switch.url})
    guarded.ended(WARNINGS, "backup")
    assert guarded.switch.pings[-1] == "good"
    assert "status: 3, warnings" in guarded.switch.bodies[-1]
    assert "warning: alert channel hook" in guarded.switch.bodies[-1]


def test_a_backup_that_finds_the_lock_held_tells_so(guarded):
    guarded.backup("full")
    guarded.configure(instance={"throttle": "1M"})
    running = guarded.start("backup", "--type=full")
    try:
        lsnsite.wait_until(lambda: any("/data/" in name for name in guarded.captures()), running)
        guarded.configure(instance={"ping_url": guarded.switch.url})
        guarded.ended(LOCKED, "backup")
    finally:
        running.kill()
        running.communicate()
    assert guarded.switch.pings[2:] == ["/start", "/11"]


def test_a_backup_that_could_not_begin_tells_so(guarded):
    marker = guarded.repository / "lsnchain.repo"
    marker.rename(guarded.place / "away")
    guarded.ended(REFUSED, "backup")
    assert guarded.switch.pings == ["/15"], "it never began"
    assert "lsnchain.repo" in guarded.switch.bodies[0]
    (guarded.place / "away").rename(marker)
    guarded.write_defaults_file(password="wrong")
    guarded.ended(SERVER, "backup")
    assert guarded.switch.pings[1:] == ["/start", "/12"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_backup_that_is_stopped_tells_by_which_signal(guarded, number):
    guarded.configure(instance={"ping_url": guarded.switch.url, "throttle": "1M"})
    running = guarded.start("backup")
    try:
        lsnsite.wait_until(lambda: any("/data/" in name for name in guarded.captures()), running)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 128 + number, said
    assert guarded.switch.pings == ["/start", f"/{128 + number}"]
    assert "ended by a signal" in guarded.switch.bodies[1]


def test_of_a_backup_that_was_killed_only_the_start_is_known(guarded):
    guarded.configure(instance={"ping_url": guarded.switch.url, "throttle": "1M"})
    running = guarded.start("backup")
    try:
        lsnsite.wait_until(lambda: any("/data/" in name for name in guarded.captures()), running)
    finally:
        running.kill()
        running.communicate()
    assert guarded.switch.pings == ["/start"], "so the switch will notice"


def test_a_backup_that_was_killed_is_told_by_the_next_check_and_only_once(guarded):
    guarded.configure(instance={"throttle": "1M"})
    running = guarded.start("backup")
    try:
        lsnsite.wait_until(lambda: any("/data/" in name for name in guarded.captures()), running)
        guarded.configure()
        guarded.run("check")
        assert guarded.alerts() == [], "it still runs"
    finally:
        running.kill()
        running.communicate()
    for _ in range(2):
        guarded.run("check")
        alert, = guarded.alerts()
        assert alert["summary"] == "the last backup was killed"
        assert "its process is gone" in alert["cause"]
    guarded.good("backup")
    guarded.run("check")
    assert [event["type"] for event in guarded.receiver.events()] == [
        "backup_failed", "backup_recovered"]


def test_that_a_backup_was_killed_is_told_although_its_disk_is_gone_too(guarded):
    assert guarded.run("backup", env={"LSNCHAIN_CRASH": "backup.planned"}).status == -signal.SIGKILL
    marker = guarded.repository / "lsnchain.repo"
    marker.rename(guarded.place / "away")
    guarded.ended(REFUSED, "check")
    alert, = guarded.alerts()
    assert alert["summary"] == "the last backup was killed"
    (guarded.place / "away").rename(marker)
    guarded.good("backup")
    assert guarded.alerts("backup_recovered") != []


def test_a_switch_that_hangs_at_the_start_does_not_keep_the_backup(guarded):
    guarded.switch.answers = ["hang", 200]
    ran = guarded.good("backup")
    assert "not told that the backup begins" in ran.stderr
    assert guarded.switch.pings == ["/start", "good"]
    assert len(guarded.links()) == 1


@pytest.mark.parametrize("answer", [500, 404, "OK (not found)"])
def test_an_end_that_did_not_arrive_is_a_warning_and_no_failed_backup(guarded, answer):
    guarded.switch.answers = [200, answer]
    ran = guarded.ended(WARNINGS, "backup", "--output=json")
    assert len(guarded.links()) == 1 and guarded.alerts("backup_failed") == []
    tries = 3 if answer == 500 else 1
    assert guarded.switch.pings == ["/start"] + ["good"] * tries
    told = f"not told how the backup of shop ended: the dead man's switch at {guarded.switch.place}"
    assert any(warning.startswith(told) for warning in ran.json["warnings"]), ran.said
    assert ran.json["status"] == WARNINGS and ran.json["error"] is None


def test_a_switch_that_answers_the_second_time_heard_it(guarded):
    guarded.switch.answers = [200, 503, 200]
    guarded.good("backup")
    assert guarded.switch.pings == ["/start", "good", "good"]
    assert len(guarded.switch.ids) == 1


def test_a_switch_that_is_down_makes_a_good_night_one_with_warnings(site):
    switch = deadman.Switch(f"/{SECRET}")
    switch.close()
    site.configure(instance={"ping_url": switch.url})
    ran = site.ended(WARNINGS, "backup", words=["not told how the backup of shop ended",
                                                switch.place])
    assert SECRET not in ran.said
    assert len(site.links()) == 1


def test_a_failure_stays_what_it_is_when_the_switch_is_down(site):
    switch = deadman.Switch(f"/{SECRET}")
    switch.close()
    site.configure(instance={"ping_url": switch.url})
    site.write_defaults_file(password="wrong")
    site.ended(SERVER, "backup", words=["not told how the backup of shop ended"])


def test_a_plain_switch_hears_of_good_backups_only(guarded):
    switch = guarded.switch
    guarded.configure(instance={"ping_url": switch.url, "ping": "plain"})
    guarded.write_defaults_file(password="wrong")
    guarded.ended(SERVER, "backup")
    assert switch.pings == []
    guarded.write_defaults_file()
    guarded.good("backup")
    assert switch.pings == ["good"] and switch.bodies == [""] and switch.ids == set()


def test_nothing_but_a_backup_is_told(guarded):
    guarded.backup("full")
    heard = list(guarded.switch.pings)
    for command in (["backup", "--dry-run"], ["backup", "--help"], ["check"], ["status"], ["list"],
                    ["verify", "--level=files"], ["expire"], ["catalog", "check"],
                    ["restore", f"--target-dir={guarded.new_target()}"], ["--version"]):
        guarded.good(*command)
    guarded.ended(USAGE, "backup", "--tipe=full")
    guarded.ended(USAGE, "-i", "shoe", "backup")
    (guarded.repository / "lsnchain.repo").rename(guarded.place / "away")
    guarded.ended(REFUSED, "backup", "--dry-run")
    assert guarded.switch.pings == heard
    assert guarded.alerts() == [], "a rehearsal that could not begin wakes nobody"


def test_a_configuration_that_cannot_be_read_is_told_by_silence(guarded):
    guarded.conf.write_text(guarded.conf.read_text() + "no_such_key = 1\n")
    guarded.ended(CONFIG, "backup")
    assert guarded.switch.pings == []


def test_each_instance_has_a_switch_of_its_own(guarded):
    other = deadman.Switch("/blog")
    section = (f"[instance blog]\ndefaults_file = {guarded.defaults_file}\nverify_after = none\n"
               f"ping_url = {other.url}\n")
    try:
        guarded.configure(instance={"ping_url": guarded.switch.url}, more=section)
        guarded.good("init")
        guarded.good("-i", "blog", "backup")
        assert (other.pings, guarded.switch.pings) == (["/start", "good"], [])
        assert "instance: blog" in other.bodies[1]
        (guarded.repository / "lsnchain.repo").rename(guarded.place / "away")
        guarded.ended(REFUSED, "-i", "shop", "backup")
        assert (other.pings[2:], guarded.switch.pings) == ([], ["/15"])
        guarded.ended(REFUSED, "backup")
        assert (other.pings[2:], guarded.switch.pings) == (["/15"], ["/15", "/15"])
    finally:
        other.close()


def probe(site, status=0):
    ran = site.ended(status, "check", "--output=json")
    return next(probe for instance in ran.json["instances"] for probe in instance["probes"]
                if probe["name"] == "ping")


def test_check_looks_at_the_address_and_sends_nothing(guarded):
    assert guarded.switch.place in probe(guarded)["message"]
    guarded.configure(instance={"ping_url": guarded.switch.place})
    assert "names no check" in probe(guarded, CONFIG)["message"]
    guarded.configure(instance={"ping_url": guarded.switch.url + "/start"})
    assert "leave /start out" in probe(guarded, CONFIG)["hint"]
    guarded.configure(instance={"ping_url": guarded.switch.place, "ping": "plain"})
    assert probe(guarded)["result"] == "ok"
    guarded.configure()
    assert "only another one can tell" in probe(guarded)["message"]
    guarded.configure(general={"ping_url": guarded.switch.url}, more=(
        f"[instance blog]\ndefaults_file = {guarded.defaults_file}\n"))
    guarded.good("init")
    shared = probe(guarded, WARNINGS)
    assert shared["result"] == "warning" and "blog has the same ping_url" in shared["message"]
    assert guarded.switch.pings == []


def test_the_address_is_in_no_file_no_command_line_and_no_alert(guarded):
    watcher = test_secrets.Watcher([SECRET.encode()])
    try:
        guarded.switch.answers = [500]
        guarded.ended(WARNINGS, "-v", "backup")
        guarded.write_defaults_file(password="wrong")
        guarded.ended(SERVER, "-v", "backup", "--output=json")
        guarded.run("config", "show")
    finally:
        watcher.close()
    assert b"lsnchain" in watcher.programs and watcher.found == []
    assert SECRET not in str(guarded.receiver.bodies) + str(guarded.switch.bodies)
    for path in guarded.place.rglob("*"):
        if path != guarded.conf and path.is_file() and not path.is_symlink():
            assert SECRET.encode() not in path.read_bytes(), path
