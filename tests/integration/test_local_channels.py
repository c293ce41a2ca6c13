# SPDX-License-Identifier: MIT
"""Alerts of real runs to a real Alertmanager, to programs, and to a socket that is read as a log
daemon reads it."""
import datetime
import json
import re
import pathlib
import socket

import pytest

import lsnsite
from alertmanager import Alertmanager
from receiver import Log

HOSTILE = "<!channel>$(touch hacked)`touch hacked`%n%s^&"


def route_all_to(site, **keys):
    """One channel hears of everything."""
    channel = lsnsite.sections(**{"alert way": keys, "route": {
        "critical": "way", "warning": "way", "recovery": "way"}})
    site.receiver = None
    site.configure(more=channel)
    return site


def fail_a_night(site, user=None, **more):
    """The server lets nobody in."""
    login = site.defaults_file.read_text()
    if user is not None:
        lsnsite.write_private(site.defaults_file, login.replace("user = lsnbackup",
                                                                f'user = "{user}"'))
    else:
        site.write_defaults_file(password="wrong")
    ran = site.ended(12, "backup", **more)
    lsnsite.write_private(site.defaults_file, login)
    return ran


def time_of(text):
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d+)?Z$", "+00:00", text))


# ---- Alertmanager ------------------------------------------------------------------------------

@pytest.fixture
def alertmanager(place, receiver):
    server = Alertmanager(place / "alertmanager", receiver)
    yield server
    server.close()


@pytest.fixture
def notified(receiver):
    """What Alertmanager told people: (status, summary), in its order."""
    def told():
        return [(alert["status"], alert["annotations"]["summary"])
                for body in receiver.bodies for alert in body["alerts"]]
    return told


def test_alertmanager_shows_a_failed_night_until_a_good_one(week, alertmanager, notified):
    route_all_to(week, type="alertmanager", url=alertmanager.url)
    began = datetime.datetime.now(datetime.timezone.utc)
    fail_a_night(week)
    alert, = alertmanager.firing()
    assert alert["status"]["state"] == "active"
    assert alert["labels"] == {
        "alertname": "lsnchain_backup_failed", "service": "lsnchain", "severity": "critical",
        "instance": "shop", "incident": "lsnchain/shop/backup_failed"}
    assert "backup failed" in alert["annotations"]["summary"]
    assert "denied" in alert["annotations"]["description"]
    hours = (time_of(alert["endsAt"]) - began).total_seconds() / 3600
    assert 48 < hours < 50, "it would be forgotten before the next repeat"
    lsnsite.wait_until(lambda: [status for status, _ in notified()] == ["firing"])

    week.good("backup")
    assert alertmanager.firing() == []
    lsnsite.wait_until(lambda: [status for status, _ in notified()] == ["firing", "resolved"])


def test_alertmanager_shows_a_repeat_as_the_same_alert_that_fires_longer(week, alertmanager):
    route_all_to(week, type="alertmanager", url=alertmanager.url)
    fail_a_night(week)
    first, = alertmanager.firing()
    fail_a_night(week, env={"LSNCHAIN_CLOCK": "+90000"})
    second, = alertmanager.firing()
    assert second["fingerprint"] == first["fingerprint"]
    assert second["startsAt"] == first["startsAt"]
    assert time_of(second["endsAt"]) > time_of(first["endsAt"])


def test_alertmanager_gets_what_it_missed_when_it_is_back(week, alertmanager, notified):
    port = int(alertmanager.url.rpartition(":")[2])
    with socket.socket() as nobody:  # holds a port on which nobody answers
        nobody.bind(("127.0.0.1", 0))
        route_all_to(week, type="alertmanager",
                     url=f"http://127.0.0.1:{nobody.getsockname()[1]}", timeout="1s")
        fail_a_night(week, words=["warning: "])
    week.conf.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", week.conf.read_text()))
    fail_a_night(week)
    assert len(alertmanager.firing()) == 1
    week.good("backup")
    assert alertmanager.firing() == []
    lsnsite.wait_until(lambda: [status for status, _ in notified()] == ["firing", "resolved"])


def test_hostile_text_arrives_at_alertmanager_as_text(week, alertmanager):
    route_all_to(week, type="alertmanager", url=alertmanager.url)
    fail_a_night(week, user=HOSTILE)
    alert, = alertmanager.firing()
    assert HOSTILE in alert["annotations"]["description"]
    assert alert["labels"]["severity"] == "critical" and len(alert["labels"]) == 5


def test_alert_test_fires_in_alertmanager_for_minutes_only(week, alertmanager):
    route_all_to(week, type="alertmanager", url=alertmanager.url)
    began = datetime.datetime.now(datetime.timezone.utc)
    ran = week.good("alert", "test")
    assert "HTTP status 200" in ran.stdout
    ends = [time_of(alert["endsAt"]) - began for alert in alertmanager.firing()]
    assert ends and max(ends) < datetime.timedelta(minutes=10)


# ---- a program of one's own ----------------------------------------------------------------------

@pytest.fixture
def pager(week):
    """A script that keeps what it is told: pager(more lines of it) is its path."""
    def write(lines=""):
        script = week.place / "page dba"
        script.write_text(f"#!/bin/sh\ncd '{week.place}' || exit 99\n{lines}\n"
                          "echo \"$#\" >>arguments; cat >>bodies; echo >>bodies\n"
                          "printf '%s\\n' \"$LSNCHAIN_TYPE $LSNCHAIN_SEVERITY $LSNCHAIN_INCIDENT\""
                          " >>told; printf %s \"$LSNCHAIN_CAUSE\" >cause\n")
        script.chmod(0o755)
        return route_all_to(week, type="command", command=f"'{script}' --now", timeout="20s")
    return write


def test_a_program_is_told_of_a_failed_night_and_of_its_end(week, pager):
    pager()
    fail_a_night(week)
    week.good("backup")
    assert (week.place / "told").read_text().splitlines() == [
        "backup_failed critical lsnchain/shop/backup_failed",
        "backup_recovered recovery lsnchain/shop/backup_failed"]
    bodies = [json.loads(line) for line in (week.place / "bodies").read_text().splitlines()]
    assert [body["type"] for body in bodies] == ["backup_failed", "backup_recovered"]
    assert (week.place / "arguments").read_text().split() == ["1", "1"]


def test_a_program_that_fails_is_asked_again_by_the_next_run_and_its_line_is_shown(week, pager):
    pager("if [ ! -e line-is-up ]; then echo 'no line free' >&2; exit 1; fi")
    fail_a_night(week, words=["exit status 1: no line free"])
    assert not (week.place / "told").exists()
    (week.place / "line-is-up").touch()
    week.good("backup")
    assert [line.split()[0] for line in (week.place / "told").read_text().splitlines()] == [
        "backup_failed", "backup_recovered"]


def test_a_program_that_hangs_does_not_hold_up_the_end_of_the_run(week, pager):
    pager("echo $$ >self; exec sleep 3600")
    conf = week.conf.read_text().replace("timeout = 20s", "timeout = 1s")
    lsnsite.write_private(week.conf, conf)
    fail_a_night(week, words=["warning: ", "time limit"])
    pid = (week.place / "self").read_text().strip()
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_hostile_text_is_nothing_that_a_program_runs(week, pager):
    pager()
    fail_a_night(week, user=HOSTILE)
    assert HOSTILE in (week.place / "cause").read_text()
    assert (week.place / "arguments").read_text().split() == ["1"]
    assert list(week.place.rglob("hacked")) == []


def test_a_program_that_others_may_change_is_not_run(week, pager):
    pager()
    (week.place / "page dba").chmod(0o757)
    assert "can be written by others" in week.ended(10, "check").stdout
    fail_a_night(week, words=["can be written by others"])
    assert not (week.place / "told").exists()


# ---- the system's log ----------------------------------------------------------------------------

def test_the_log_has_a_line_of_a_failed_night_and_of_its_end(week):
    path = week.place / "log"
    route_all_to(week, type="syslog", socket=path)
    fail_a_night(week, words=["warning: ", "No such file"])  # the daemon does not run yet
    log = Log(path)
    try:
        week.good("backup")
        failed, ended = log.lines()
    finally:
        log.close()
    assert re.match(r"<26>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d lsnchain\[\d+\]: "
                    r"critical backup_failed: .*incident: lsnchain/shop/backup_failed; ", failed)
    assert re.match(r"<29>.*\]: recovery backup_recovered: ", ended)


def test_hostile_text_is_one_line_of_the_log(week):
    log = Log(week.place / "log")
    try:
        route_all_to(week, type="syslog", socket=week.place / "log")
        fail_a_night(week, user=HOSTILE)
        line, = log.lines()
    finally:
        log.close()
    assert HOSTILE in line and "\n" not in line and len(line.encode()) <= 1024
