# SPDX-License-Identifier: MIT
"""Alerts on real runs: told once, repeated when due, ended for who got the alarm, never lost."""
import os
import pathlib
import re
import signal

import lsnsite
import pytest
import receiver as receivers

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"
TOKEN = "PLANTED-in-the-address"
DAY = 86400


@pytest.fixture
def pager():
    receiver = receivers.Receiver(token=TOKEN)
    yield receiver
    receiver.close()


@pytest.fixture
def chat():
    receiver = receivers.Receiver(token=TOKEN)
    yield receiver
    receiver.close()


ROUTE = {"critical": "pager, chat", "warning": "chat", "recovery": ""}


def configure(site, channels, route=None, more="", instance=None):
    """Webhooks of these names, and one [route]."""
    site.receiver = None
    alerts = {f"alert {name}": {"type": "webhook", "url": receiver.url, "timeout": "2s"}
              for name, receiver in channels.items()}
    routes = {key: value for key, value in (route or ROUTE).items() if value}
    site.configure(instance=instance, more=lsnsite.sections(**alerts, route=routes) + more)


def fail_at(site, day=0.0, status=12, env=None):
    """A backup that fails on that day, because nobody can log in."""
    site.write_defaults_file(password="wrong")
    return site.ended(status, "backup", env={"LSNCHAIN_CLOCK": f"+{int(day * DAY)}", **(env or {})})


def succeed_at(site, day=0.0, status=0, env=None):
    site.write_defaults_file()
    return site.ended(status, "backup", env={"LSNCHAIN_CLOCK": f"+{int(day * DAY)}", **(env or {})})


def listed(site):
    return site.good("alert", "list", "--output=json").json


def open_keys(site):
    return {incident["incident"] for part in (listed(site), *listed(site)["instances"])
            for incident in part["incidents"]}


def of_backups(receiver):
    """What it took of the backups themselves, in order."""
    return [kind for kind in receiver.kinds() if kind.startswith("backup_")]


# ---- incidents -----------------------------------------------------------------------------------

def test_a_failure_of_every_hour_is_told_once_a_day_and_says_how_often_it_was_held_back(site, pager):
    configure(site, {"pager": pager}, {"critical": "pager"})
    for day in (0, 0.1, 0.2):
        fail_at(site, day)
    assert pager.kinds() == ["backup_failed"]
    fail_at(site, 1)
    assert pager.kinds() == ["backup_failed"] * 2
    again = pager.taken[1]["data"]
    assert "held back 2 times since" in again["cause"] and "denied" in again["cause"]
    assert again["incident"] == "lsnchain/shop/backup_failed"


def test_repeat_after_is_what_the_configuration_says(site, pager):
    configure(site, {"pager": pager}, {"critical": "pager"}, instance={"repeat_after": "3h"})
    for hour in (0, 2, 3, 5, 6):
        fail_at(site, hour / 24)
    assert len(pager.taken) == 3


def test_the_end_is_told_with_the_key_of_the_alarm(week, pager, chat):
    configure(week, {"pager": pager, "chat": chat})
    fail_at(week)
    succeed_at(week)
    succeed_at(week)
    for receiver in (pager, chat):
        assert receiver.kinds() == ["backup_failed", "backup_recovered"]
        alarm, end = (body["data"] for body in receiver.taken)
        assert alarm["incident"] == end["incident"]
        assert end["severity"] == "recovery" and "backup_failed of " in end["summary"]
        assert len(end["summary"]) <= 120
    assert open_keys(week) == set()


@pytest.mark.parametrize("recovery,told", [
    ("pager", (True, False)), ("", (True, True)), ("log", (False, False))])
def test_only_who_got_the_alarm_hears_of_its_end(week, pager, chat, receiver, recovery, told):
    configure(week, {"pager": pager, "chat": chat, "log": receiver},
              {**ROUTE, "recovery": recovery})
    fail_at(week)
    succeed_at(week)
    assert tuple("backup_recovered" in one.kinds() for one in (pager, chat)) == told
    assert receiver.kinds() == [], "it never heard of the alarm"


def test_who_got_the_alarm_hears_of_its_end_although_the_route_changed(week, pager, chat):
    configure(week, {"pager": pager, "chat": chat}, {"critical": "pager"})
    fail_at(week)
    configure(week, {"pager": pager, "chat": chat}, {"critical": "chat"})
    succeed_at(week)
    assert pager.kinds() == ["backup_failed", "backup_recovered"] and chat.kinds() == []


def test_a_route_is_that_of_severity_and_instance(week, pager, chat):
    crm = f"[instance crm]\ndefaults_file = {week.defaults_file}\n[route crm]\ncritical = chat\n"
    configure(week, {"pager": pager, "chat": chat}, {"critical": "pager", "warning": "chat"},
              more=crm)
    week.good("init")
    week.ended(15, "-i", "shop", "backup", env={"LSNCHAIN_CLOCK": f"-{10 * DAY}"})
    assert pager.kinds() == ["backup_failed"] and chat.kinds() == ["clock_moved"]
    week.write_defaults_file(password="wrong")
    week.ended(12, "-i", "crm", "backup")
    assert pager.kinds() == ["backup_failed"]
    assert chat.taken[-1]["data"]["instance"] == "crm"
    week.write_defaults_file()
    week.good("-i", "shop", "backup")
    assert pager.kinds() == ["backup_failed", "backup_recovered"]
    assert chat.kinds() == ["clock_moved", "backup_failed", "clock_recovered"]


def test_a_catalog_that_was_written_again_ends_its_alarm(week, pager):
    configure(week, {"pager": pager}, {"critical": "pager"})
    (week.repository / "shop/catalog.ini").write_text("nonsense\n")
    week.ended(3, "backup")
    assert pager.kinds() == ["catalog_damaged", "catalog_recovered"]
    keys = {body["data"]["incident"] for body in pager.taken}
    assert keys == {"lsnchain/shop/catalog_damaged"}


def test_a_rebuilt_catalog_ends_its_alarm(week, pager):
    configure(week, {"pager": pager}, {"critical": "pager"})
    for name in ("catalog.ini", "catalog.ini.copy"):
        (week.repository / "shop" / name).write_text("nonsense\n")
    week.ended(19, "backup")
    assert set(pager.kinds()) == {"catalog_damaged", "backup_failed"}
    week.good("catalog", "rebuild")
    assert pager.kinds()[-1] == "catalog_recovered"
    assert open_keys(week) == {"lsnchain/shop/backup_failed"}


def test_a_channel_that_does_not_exist_is_named_with_its_line(site, pager):
    configure(site, {"pager": pager}, {"critical": "pager", "warning": "pagre"})
    lines = site.conf.read_text().splitlines()
    where = f"{site.conf}:{lines.index('warning = pagre') + 1}"
    site.ended(10, "backup", words=[where, "pagre"])


# ---- ack, list, flush ----------------------------------------------------------------------------

def test_what_is_acknowledged_is_quiet_until_it_ends(week, pager):
    configure(week, {"pager": pager}, {"critical": "pager"})
    fail_at(week)
    ran = week.good("alert", "ack")
    assert "lsnchain/shop/backup_failed is quiet" in ran.stdout
    fail_at(week, 2)
    assert pager.kinds() == ["backup_failed"]
    incident, = listed(week)["instances"][0]["incidents"]
    assert incident["acknowledged_at"] and incident["held"] == 1
    assert "acknowledged 20" in week.good("alert", "list").stdout
    succeed_at(week, 3)
    assert pager.kinds() == ["backup_failed", "backup_recovered"]
    fail_at(week, 4)
    assert pager.kinds()[-1] == "backup_failed", "it ended with what it was for"


def test_ack_wants_to_know_which(site, pager):
    configure(site, {"pager": pager}, {"critical": "pager"})
    assert "no incident is open" in site.good("alert", "ack").stdout
    site.ended(2, "alert", "ack", "shop/backup_failed", words=["no incident", "none is"])
    fail_at(site)
    site.ended(2, "alert", "ack", "shop/backup_faild", words=["the nearest is shop/backup_failed"])
    site.good("alert", "ack", "shop/backup_failed")
    ran = site.good("alert", "ack", "lsnchain/shop/backup_failed", "--output=json")
    assert ran.json["acknowledged"] == ["lsnchain/shop/backup_failed"]
    site.ended(2, "alert", "ack", "-i", "other", "all", words=["other"])


def test_ack_with_several_open_takes_a_key_or_all(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    pager.status = 503
    fail_at(site)
    site.ended(2, "alert", "ack", words=["2 incidents", "alert_undeliverable/pager"])
    ran = site.good("-i", "shop", "alert", "ack", "all", "--output=json")
    assert ran.json["acknowledged"] == ["lsnchain/shop/backup_failed"]
    ran = site.good("alert", "ack", "all", "--output=json")
    assert len(ran.json["acknowledged"]) == 2


def snapshot(directory):
    return {path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in directory.rglob("*")}


def test_list_shows_what_is_open_and_what_waits_and_changes_nothing(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    pager.status = 503
    fail_at(site)
    (site.state / "spool/broken.json").write_text("{")
    before, sent = snapshot(site.state), len(pager.bodies)
    text = site.good("alert", "list").stdout
    answer = listed(site)
    assert snapshot(site.state) == before and len(pager.bodies) == sent
    assert "lsnchain/shop/backup_failed since 20" in text and "(pager, chat)" in text
    assert re.search(r"backup_failed +shop .* pager\n", text)
    assert "1 file in the spool cannot be understood" in text
    incident, = answer["instances"][0]["incidents"]
    assert incident["channels"] == ["pager", "chat"] and incident["told_at"] == incident["since"]
    lane, = answer["incidents"]
    assert lane["incident"] == "lsnchain/alert_undeliverable/pager" and lane["channels"] == ["chat"]
    waiting, = answer["spool"]
    assert waiting["waits_for"] == ["pager"] and waiting["delivered"] == ["chat"]
    assert answer["spool_unread"] == 1 and answer["dropped"] == 0


def test_list_of_a_quiet_house(bare_site):
    text = bare_site.good("alert", "list").stdout
    assert text == "no incident is open\nno alert waits\n"
    assert not bare_site.state.exists()


def test_flush_brings_what_waits_and_says_what_still_does(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    assert "no alert waits" in site.good("alert", "flush").stdout
    pager.status = 503
    fail_at(site)
    ran = site.ended(17, "alert", "flush", "--output=json", words=["1 alert still waits"])
    assert ran.json["waiting"] == 1 and ran.json["done"] == 0
    tries = len(pager.bodies)
    assert tries == 6, "once by the run and once by flush, three tries each"
    pager.status = 204
    assert "0 wait" in site.good("alert", "flush").stdout
    assert pager.kinds() == ["backup_failed"]
    assert list((site.state / "spool").glob("*.json")) == []


# ---- delivery ------------------------------------------------------------------------------------

def test_what_three_nights_could_tell_nobody_arrives_once_and_in_order(week, pager, chat):
    channels = {"pager": pager, "chat": chat}
    configure(week, channels, {**ROUTE, "recovery": "pager, chat"})
    pager.status = chat.status = 503
    for day in (0, 1, 2):
        fail_at(week, day)
    assert pager.taken == chat.taken == []
    assert len([entry for entry in listed(week)["spool"]
                if entry["event"] == "backup_failed"]) == 3
    pager.status = chat.status = 204
    succeed_at(week, 3)
    for receiver in channels.values():
        assert of_backups(receiver) == ["backup_failed"] * 3 + ["backup_recovered"]
        assert len(set(receiver.ids)) == len(receiver.ids), "something was told twice"
        times = [body["timestamp"] for body in receiver.taken if "backup" in body["type"]]
        assert times == sorted(times)
    assert listed(week)["spool"] == [] and open_keys(week) == set()


def test_a_channel_that_fails_is_told_to_every_other_one_and_so_is_its_end(site, pager, chat,
                                                                          receiver):
    configure(site, {"pager": pager, "chat": chat, "spare": receiver}, {"critical": "pager"})
    pager.status = 500
    ran = fail_at(site)
    assert "alert channel pager" in ran.stderr and "1 kept for the next run" in ran.stderr
    fail_at(site, 0.1)
    site.ended(17, "alert", "flush")
    for other in (chat, receiver):
        told, = other.taken
        assert told["type"] == "alert_undeliverable" and "pager" in told["data"]["summary"]
        assert told["data"]["incident"] == "lsnchain/alert_undeliverable/pager"
        assert "500" in told["data"]["cause"]
    pager.status = 204
    site.good("alert", "flush")
    assert pager.kinds() == ["backup_failed"]
    for other in (chat, receiver):
        assert other.kinds() == ["alert_undeliverable", "alert_recovered"]
    assert open_keys(site) == {"lsnchain/shop/backup_failed"}


def test_a_success_whose_alerts_were_lost_is_no_success(week, pager):
    configure(week, {"pager": pager}, {"critical": "pager"})
    pager.status = 500
    fail_at(week)
    succeed_at(week, status=3)
    assert len(listed(week)["spool"]) == 2


def test_a_channel_that_hangs_does_not_keep_the_next_one_waiting(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    pager.hang = True
    fail_at(site)
    assert chat.kinds() == ["backup_failed", "alert_undeliverable"]
    assert len(listed(site)["spool"]) == 1


def test_a_channel_that_is_gone_gives_its_place_to_todays_route(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat}, {"critical": "pager"})
    pager.status = 503
    fail_at(site)
    configure(site, {"chat": chat}, {"critical": "chat"})
    chat.taken.clear()
    ran = site.run("alert", "flush")
    assert ran.status == 3 and "pager is no more" in ran.stderr
    assert chat.kinds().count("backup_failed") == 1
    assert listed(site)["spool"] == [] and "alert_undeliverable" not in str(open_keys(site))


def test_a_full_spool_says_how_many_it_dropped(site, pager):
    configure(site, {"pager": pager}, {"critical": "pager"})
    pager.status = 503
    fail_at(site)
    kept = next((site.state / "spool").glob("*.json")).read_text()
    for number in range(999):
        path = site.state / f"spool/20200101T000000Z-{number:06}-00000000.json"
        lsnsite.write_private(path, kept)
    fail_at(site, 1)
    assert listed(site)["dropped"] == 1
    assert "1 alert was dropped undelivered" in site.good("alert", "list").stdout


# ---- killed --------------------------------------------------------------------------------------

KILLS = {  # point: what the pager has after the next night, at least and at most
    "alert.noted": (1, 1),
    "alert.spooled": (1, 2),
    "alert.sent": (1, 2),
}


@pytest.mark.parametrize("point", KILLS)
def test_killed_at_any_moment_an_alarm_is_told_and_doubled_at_most_once(week, pager, chat, point):
    configure(week, {"pager": pager, "chat": chat})
    fail_at(week, status=-signal.SIGKILL, env={"LSNCHAIN_CRASH": point})
    fail_at(week, 0.1)
    least, most = KILLS[point]
    for receiver in (pager, chat):
        assert least <= of_backups(receiver).count("backup_failed") <= most
    if point == "alert.sent":
        assert pager.ids == [pager.ids[0]] * 2, "the same id, so that it can be dropped"
        assert len(chat.taken) == 1
    succeed_at(week, 0.2)
    assert of_backups(pager)[-1] == "backup_recovered" and open_keys(week) == set()
    assert listed(week)["spool"] == []


def test_killed_while_it_ends_an_incident_the_end_is_told(week, pager):
    configure(week, {"pager": pager}, {"critical": "pager"})
    fail_at(week)
    succeed_at(week, status=-signal.SIGKILL, env={"LSNCHAIN_CRASH": "alert.recovered"})
    succeed_at(week)
    assert 1 <= of_backups(pager).count("backup_recovered") <= 2
    assert open_keys(week) == set()


def test_every_crash_point_of_alerts_is_tried_here():
    found = set()
    for source in SOURCES.rglob("*.c"):
        found |= set(re.findall(r'crash_point\("(alert\.[^"]+)"\)', source.read_text()))
    assert found == {*KILLS, "alert.recovered"}


def test_killed_while_a_receiver_hangs_nothing_is_lost_or_doubled(site, pager, chat):
    configure(site, {"chat": chat, "pager": pager})
    pager.hang = True
    site.write_defaults_file(password="wrong")
    process = site.start("backup")
    try:
        lsnsite.wait_until(lambda: pager.bodies, process)
    finally:
        process.kill()
        process.communicate()
    pager.hang = False
    site.good("alert", "flush")
    assert chat.kinds() == ["backup_failed"] and pager.kinds() == ["backup_failed"]


# ---- test ----------------------------------------------------------------------------------------

def test_a_test_goes_along_each_route_and_says_who_answered_what(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    text = site.good("alert", "test").stdout
    assert re.search(r"^critical +pager +webhook +delivered +HTTP status 204$", text, re.M)
    severities = [(body["type"], body["data"]["severity"]) for body in pager.taken]
    assert severities == [("alert_test", "critical"), ("alert_test", "recovery")]
    assert [body["data"]["severity"] for body in chat.taken] == ["critical", "warning", "recovery"]
    assert {body["data"]["incident"] for body in chat.taken} == {"lsnchain/shop/alert_test"}
    assert listed(site)["spool"] == [] and open_keys(site) == set()


def test_equal_routes_are_tested_once(site, pager, chat):
    more = "".join(f"[instance {name}]\ndefaults_file = {site.defaults_file}\n"
                   for name in ("crm", "wiki")) + "[route wiki]\nwarning = chat\n"
    configure(site, {"pager": pager, "chat": chat}, {"critical": "pager"}, more=more)
    answers = site.good("alert", "test", "--output=json").json["channels"]
    tested = {(one["severity"], one["channel"]): one["instances"] for one in answers}
    assert tested == {("critical", "pager"): ["shop", "crm"], ("recovery", "pager"): ["shop", "crm"],
                      ("warning", "chat"): ["wiki"], ("recovery", "chat"): ["wiki"]}
    assert all(one["delivered"] and one["type"] == "webhook" for one in answers)
    pager.taken.clear()
    site.good("-i", "wiki", "alert", "test")
    assert pager.taken == []


def test_a_channel_on_no_route_is_asked_and_said(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat}, {"critical": "pager"})
    ran = site.ended(3, "alert", "test", words=["chat: no route leads to it"])
    assert re.search(r"^unrouted +chat ", ran.stdout, re.M)
    assert chat.kinds() == ["alert_test"]


def test_what_waits_goes_before_a_test_and_a_test_that_fails_does_not_wait(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    pager.status = 503
    fail_at(site)
    ran = site.ended(17, "alert", "test", words=["did not reach pager"])
    assert "NOT DELIVERED" in ran.stdout
    assert [entry["event"] for entry in listed(site)["spool"]] == ["backup_failed"]
    pager.status = 204
    site.good("alert", "test")
    assert pager.kinds() == ["backup_failed", "alert_test", "alert_test"]


def test_a_test_before_init_asks_the_channels_and_makes_nothing(bare_site, pager):
    configure(bare_site, {"pager": pager}, {"critical": "pager"})
    bare_site.good("alert", "test")
    assert pager.kinds() == ["alert_test"] * 2 and not bare_site.state.exists()


def test_nobody_acknowledges_or_flushes_what_is_not_there(bare_site):
    for command in (("alert", "ack"), ("alert", "flush")):
        bare_site.ended(15, *command, words=["is not there"])


# ---- secrets -------------------------------------------------------------------------------------

def test_the_address_of_a_channel_is_nowhere_but_in_the_configuration(site, pager, chat):
    configure(site, {"pager": pager, "chat": chat})
    pager.status = 410
    runs = [fail_at(site), site.run("-v", "alert", "test"), site.run("-v", "alert", "flush"),
            site.run("alert", "list", "--output=json"), site.run("alert", "ack", "all")]
    said = "".join(run.stdout + run.stderr for run in runs) + str(chat.bodies) + str(pager.bodies)
    kept = "".join(path.read_text() for path in site.state.rglob("*") if path.is_file())
    assert "410" in said and "backup_failed" in kept
    assert TOKEN not in said and TOKEN not in kept
    spool = site.state / "spool"
    assert os.stat(spool).st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o77 == 0 for path in spool.glob("*.json"))
