# SPDX-License-Identifier: MIT
"""Alerts reach their channels once and in order, whatever receivers do and whenever we are killed."""
import concurrent.futures
import dataclasses
import itertools
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

import pytest

import lsnsite
import receiver as receivers
from alertsite import FAILED, WARNINGS, AlertSite
from conftest import ROOT, cases_of
from resident import resident_peak_kib

sys.path.append(str(ROOT / "tests/faults"))

import bench  # noqa: E402

BOUND_S = 45  # far above three tries of a second and the pauses between them


@pytest.fixture
def site(binary, place):
    return AlertSite(binary, place)


def add_hook(site, name, receiver, **keys):
    return site.channel(name, type="webhook", url=receiver.url, **keys)


# ---- a receiver that misbehaves ------------------------------------------------------------------

@dataclasses.dataclass
class Mood:
    """What it answers, what we say of it ("": it has the alert), and how often it is asked."""
    answers: tuple
    said: str
    requests: int
    least_s: float = 0
    certificate: str = ""
    ca: str = "ca"
    timeout: str = "30s"


MOODS = {
    "500-then-200": Mood(("500", "200"), "", 2),
    "429-for-three-seconds": Mood(("429/3", "204"), "", 2, least_s=3),
    "429-until-a-date": Mood(("429/+3", "204"), "", 2, least_s=2.5),
    "429-for-an-hour": Mood(("429/3600",), "HTTP status 429", 1),
    "503-always": Mood(("503",), "HTTP status 503", 3),
    "410-gone": Mood(("410",), "gone for good, change its url", 1),
    "400": Mood(("400",), "HTTP status 400", 1),
    "a-redirect": Mood(("302/http://127.0.0.1:9/",), "a redirect, give the final url", 1),
    "hangs": Mood(("hang",), "Timeout was reached", 3, timeout="1s"),
    "hangs-in-the-middle": Mood(("half",), "Timeout was reached", 3, timeout="1s"),
    "a-byte-now-and-then": Mood(("trickle",), "Timeout was reached", 3, timeout="1s"),
    "two-gigabytes": Mood(("flood/2000",), "", 1),
    "hangs-up": Mood(("close",), "Server returned nothing", 3),
    "refuses-connections": Mood((), "Couldn't connect to server", 0),
    "no-http": Mood(("nonsense",), "what answers there does not speak HTTP", 1),
    "a-certificate-of-another-host": Mood(
        ("204",), "SSL peer certificate", 0, certificate="other"),
    "a-certificate-of-an-unknown-ca": Mood(
        ("204",), "SSL peer certificate", 0, certificate="good", ca=""),
    "tls-that-is-none": Mood(("204",), "SSL connect error", 0, certificate="none"),
}


class Scene:
    """A site with a channel to a receiver in that mood, and one to a good one."""

    def __init__(self, binary, place, certificates, mood):
        self.certificates = certificates
        pem = certificates / f"{mood.certificate}.pem" if mood.certificate in ("good", "other") \
            else None
        self.bad = receivers.Moody(*mood.answers, certificate=pem)
        self.good = receivers.Moody()
        self.site = AlertSite(binary, place)
        url = self.bad.url.replace("http:", "https:") if mood.certificate == "none" else None
        self.point_to(self.bad, url=url, ca=mood.ca, timeout=mood.timeout)
        if not mood.answers:
            self.bad.close()

    def point_to(self, receiver, url=None, ca="ca", timeout="30s"):
        self.site.channel("bad", type="webhook", url=url or receiver.url, timeout=timeout,
                          ca_file=self.certificates / f"{ca}.pem" if ca else "")
        add_hook(self.site, "good", self.good)

    def close(self):
        self.bad.close()
        self.good.close()


def expect_told_once(receiver, *instances):
    assert [got.instance for got in receiver.got if got.type == "backup_failed"] == list(instances)


def run_scene(scene, mood):
    site, bad = scene.site, scene.bad
    start = time.monotonic()
    words = ["warning: ", "alert channel bad", mood.said, "1 kept for the next run"] \
        if mood.said else []
    ran = site.fail(1, words=words, limit=BOUND_S)
    assert time.monotonic() - start >= mood.least_s
    assert mood.said or "warning" not in ran.stderr, ran.said
    assert len(bad.got) == mood.requests and len({got.id for got in bad.got}) == min(
        mood.requests, 1)
    expect_told_once(scene.good, "shop1")
    assert site.spooled() == (["shop1"] if mood.said else [])

    if mood.said:
        site.quiet_run(WARNINGS, words=["alert channel bad", mood.said], limit=BOUND_S)
        expect_told_once(scene.good, "shop1")

    if not mood.answers or mood.certificate:
        scene.bad = receivers.Moody()
    scene.point_to(scene.bad)
    scene.bad.turn("204")
    before = len(scene.bad.got)
    site.fail(2, limit=BOUND_S)
    assert scene.bad.told() == ["shop1", "shop2"]
    assert len(scene.bad.got) == before + (2 if mood.said else 1)
    expect_told_once(scene.good, "shop1", "shop2")
    assert site.spooled() == []
    site.quiet_run()


@pytest.fixture(scope="module")
def scenes(request, binary, session_place, certificates):
    """What went wrong in each mood, "" for nothing.  All at once: most of it is waiting."""
    def one(name):
        place = pathlib.Path(tempfile.mkdtemp(dir=session_place, prefix="m."))
        scene = None
        try:
            scene = Scene(binary, place, certificates, MOODS[name])
            run_scene(scene, MOODS[name])
            return ""
        except BaseException:
            return traceback.format_exc()
        finally:
            if scene is not None:
                scene.close()
            shutil.rmtree(place, ignore_errors=True)

    cases = cases_of(request, "test_an_alert_outlives_a_receiver_that")
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        return dict(zip(cases, pool.map(one, cases)))


@pytest.mark.parametrize("case", MOODS)
def test_an_alert_outlives_a_receiver_that(scenes, case):
    assert scenes[case] == ""


def test_an_answer_of_two_gigabytes_takes_no_memory(site, new_receiver):
    add_hook(site, "flood", new_receiver("flood/2000"))
    add_hook(site, "slow", new_receiver("late/0.5"))
    running = site.start("-i", "shop1", "backup")
    peak = 0
    while running.poll() is None:
        peak = max(peak, resident_peak_kib(running.pid))
        time.sleep(0.05)
    assert 0 < peak < 300_000, f"{peak} KiB"
    assert running.wait() == FAILED and "warning" not in running.communicate()[1]


# ---- nobody is there -----------------------------------------------------------------------------

def test_after_three_runs_without_any_receiver_each_has_all_in_order(site, new_receiver):
    hooks = {"first": new_receiver("404"), "second": new_receiver("close", "close", "close", "410")}
    for name, receiver in hooks.items():
        add_hook(site, name, receiver)
    for number in (1, 2, 3):
        site.fail(number, words=["alert channel first", "alert channel second"])
    assert site.spooled_of("backup_failed") == ["shop1", "shop2", "shop3"]
    ids = [path.stem for path in site.spool_files()]

    for receiver in hooks.values():
        receiver.turn("204")
        receiver.got.clear()
    ran = site.fail(4)
    assert "warning" not in ran.stderr, ran.said
    for receiver in hooks.values():
        expect_told_once(receiver, "shop1", "shop2", "shop3", "shop4")
        got = [one.id for one in receiver.got]
        assert got == sorted(got) and len(set(got)) == len(got)
        assert set(ids) >= {one.id for one in receiver.got if one.instance in ("shop1", "shop3")}
    assert site.spooled() == []
    site.quiet_run()


def test_one_channel_that_is_down_keeps_nothing_from_another(site, new_receiver):
    down, up = new_receiver("410"), new_receiver("204")
    add_hook(site, "down", down)
    add_hook(site, "up", up)
    for number in (1, 2, 3):
        site.fail(number, words=["alert channel down"])
    expect_told_once(up, "shop1", "shop2", "shop3")
    down.turn("204")
    down.got.clear()
    site.quiet_run()
    expect_told_once(down, "shop1", "shop2", "shop3")
    expect_told_once(up, "shop1", "shop2", "shop3")
    assert site.spooled() == []


def test_a_backup_succeeds_although_nobody_can_be_told(week):
    week.receiver.status = 410
    week.write_defaults_file(password="wrong")
    week.ended(FAILED, "backup", words=["alert channel hook"])
    week.write_defaults_file()
    before = len(week.links())
    week.ended(WARNINGS, "backup", words=["alert channel hook", "kept for the next run"])
    assert len(week.links()) == before + 1 and week.newest()["state"] == "complete"
    week.receiver.status = 204
    week.receiver.bodies.clear()
    week.good("expire")
    told = [body["type"] for body in week.receiver.bodies]
    assert [kind for kind in told if kind.startswith("backup_")] == [
        "backup_failed", "backup_recovered"]


# ---- an alert that cannot be kept or brought is seen ---------------------------------------------

def test_the_other_channels_are_told_of_the_one_that_takes_nothing(site, new_receiver):
    down, up = new_receiver("410"), new_receiver("204")
    add_hook(site, "down", down)
    add_hook(site, "up", up)
    site.fail(1)
    assert [got.type for got in up.got] == ["backup_failed", "alert_undeliverable"]
    site.quiet_run(WARNINGS)
    assert [got.type for got in up.got].count("alert_undeliverable") == 1, "told each time"
    down.turn("204")
    down.got.clear()
    site.quiet_run()
    assert [got.type for got in up.got][2:] == ["alert_recovered"]
    assert [got.type for got in down.got] == ["backup_failed"]


def test_a_full_spool_drops_its_oldest_and_says_so(site, new_receiver):
    down = new_receiver("410")
    add_hook(site, "down", down)
    site.fail(1)
    oldest, = site.spool_files()
    entry = oldest.read_text()
    for number in range(999):
        (oldest.parent / f"20300101T000000Z-{number:06}-00000000.json").write_text(entry)
    assert len(site.spool_files()) == 1000
    site.fail(2, words=["is full: 1 of the oldest alerts", "dropped undelivered"])
    kept = site.spool_files()
    assert len(kept) == 1000 and oldest not in kept and site.spooled().count("shop2") == 1
    listed = site.run("alert", "list", "--output=json")
    assert listed.json["dropped"] == 1, listed.said


def test_an_alert_that_cannot_be_kept_is_told_by_the_run_itself(site, new_receiver):
    """As on a full disk, or one that is read-only since it failed."""
    hook = new_receiver("500", "204")
    add_hook(site, "hook", hook)
    shutil.rmtree(site.state / "spool", ignore_errors=True)
    (site.state / "spool").write_text("")
    site.fail(1, words=["the alert backup_failed of shop1 could not be kept"])
    assert [got.instance for got in hook.got] == ["shop1", "shop1"] and len({got.id for got in hook.got}) == 1


def expect_logged(log, *parts):
    """One line for each, with such a part."""
    lines = log.lines()
    assert len(lines) == len(parts), lines
    for line, part in zip(lines, parts):
        assert re.match(r"<28>.* lsnchain\[\d+\]: ", line) and part in line, lines


def test_whatever_is_lost_or_waits_is_a_line_of_the_systems_log(site, new_receiver, place):
    log = receivers.Log(place / "log")
    env = {"LSNCHAIN_SYSLOG": str(place / "log")}
    spool = site.state / "spool"
    add_hook(site, "down", new_receiver("410"))
    try:
        site.fail(1, env=env)
        expect_logged(log, "alert channel down (http://127.0.0.1:")
        entry = site.spool_files()[0].read_text()
        for number in range(999):
            (spool / f"20200101T000000Z-{number:06}-00000000.json").write_text(entry)
        site.fail(2, env=env)
        expect_logged(log, "is full: 1 of the oldest", "alert channel down")
        shutil.rmtree(spool)
        spool.mkdir()
        (spool / "broken.json").write_text("{")
        site.quiet_run(WARNINGS, env=env)
        expect_logged(log, "is lost: it is not an alert of ours")
        shutil.rmtree(spool)
        spool.write_text("")
        site.fail(3, env=env, words=["could not be kept"])
        expect_logged(log, "the alert backup_failed of shop3 could not be kept", "1 lost")
    finally:
        log.close()


# ---- two at once ---------------------------------------------------------------------------------

@pytest.fixture
def waiting(site):
    """Three alerts for two channels that cannot work yet, and nothing about these channels."""
    for name in ("hook", "pager"):
        site.channel(name, type="webhook", url="http://127.0.0.1:9/", ca_file="/nonexistent")
    for number in (1, 2, 3):
        site.fail(number, words=["ca_file"])
    for path, event in zip(site.spool_files(), site.spooled_events()):
        if event["type"] != "backup_failed":
            path.unlink()
    (site.state / "incidents.ini").unlink()
    assert site.spooled() == ["shop1", "shop2", "shop3"]
    return site


def test_two_runs_at_once_tell_each_alert_once(waiting, new_receiver):
    pair = new_receiver("late/0.3"), new_receiver()
    for name, receiver in zip(("hook", "pager"), pair):
        add_hook(waiting, name, receiver)
    commands = [["-i", "shop1", "expire"], ["-i", "shop2", "expire"], ["alert", "flush"]]
    running = [waiting.start(*words) for words in commands]
    said = [process.communicate(timeout=BOUND_S) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    for receiver in pair:
        expect_told_once(receiver, "shop1", "shop2", "shop3")
    assert waiting.spooled() == []


# ---- killed --------------------------------------------------------------------------------------

def expect_told_after_a_kill(receiver, *instances):
    """Each at least once; one of them may have come twice, as the same alert."""
    assert receiver.told() == list(instances)
    again = len(receiver.got) - len({got.id for got in receiver.got})
    assert again <= 1, receiver.got


def test_killed_while_the_receiver_thinks_an_alert_comes_twice_at_most(waiting, new_receiver):
    receiver = new_receiver("204", "hang")
    add_hook(waiting, "hook", receiver, timeout="30s")
    add_hook(waiting, "pager", new_receiver())
    running = waiting.start("-i", "shop1", "expire")
    lsnsite.wait_until(lambda: len(receiver.got) == 2, running)
    running.kill()
    running.communicate()
    receiver.turn("204")
    waiting.quiet_run()
    expect_told_after_a_kill(receiver, "shop1", "shop2", "shop3")
    assert [got.instance for got in receiver.got].count("shop2") == 2
    assert waiting.spooled() == []


class KilledSites:
    """Copies of a site on which a command is killed before its Nth call that changes the disk."""

    def __init__(self, template, place, command):
        self.template, self.place, self.command = template, place, command
        self.shim = bench.build_shim(place)

    def run(self, site, trace, at):
        return site.run(*self.command, env={
            "LD_PRELOAD": str(self.shim), "LSNCHAIN_FAULT_TRACE": str(trace),
            "LSNCHAIN_FAULT_UNDER": f"{site.state}/spool:{site.state}/shop1", "LSNCHAIN_FAULT_KILL": str(at)})

    def one(self, at):
        """Killed at this call, then run once more: what two receivers got.  None: it has fewer."""
        place = self.place / f"k{at}"
        place.mkdir()
        pair = [receivers.Moody(), receivers.Moody()]
        try:
            site = AlertSite(self.template.binary, place, like=self.template)
            for name, receiver in zip(("hook", "pager"), pair):
                add_hook(site, name, receiver)
            killed = self.run(site, place / "trace", at).status
            again = site.run(*self.command)
            left = site.spooled()
            return killed, again, left, [receiver.got for receiver in pair]
        finally:
            for receiver in pair:
                receiver.close()
            shutil.rmtree(place, ignore_errors=True)

    def all(self):
        """Of every such call, until there is none left to be killed at."""
        outcomes = {}
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for first in itertools.count(1, 12):
                calls = range(first, first + 12)
                outcomes.update(zip(calls, pool.map(self.one, calls)))
                if outcomes[first + 11][0] != -signal.SIGKILL:
                    return {at: found for at, found in outcomes.items()
                            if found[0] == -signal.SIGKILL}


def test_killed_at_any_write_of_a_delivery_no_alert_is_lost_and_one_is_doubled(waiting, place):
    outcomes = KilledSites(waiting, place, ["-i", "shop1", "expire"]).all()
    assert len(outcomes) > 20, "it changes the disk more often than that"
    for at, (_, again, left, both) in outcomes.items():
        assert again.status == 0 and left == [], f"call {at}: {again.said} {left}"
        doubled = [len(got) - len({one.id for one in got}) for got in both]
        assert sum(doubled) <= 1, f"call {at}: {both}"
        for got in both:
            told = {one.id: one.instance for one in got if one.type == "backup_failed"}
            assert list(told.values()) == ["shop1", "shop2", "shop3"], f"call {at}: {got}"


def test_killed_at_any_write_of_a_failing_backup_its_alert_is_told(site, place):
    for name in ("hook", "pager"):
        site.channel(name, type="webhook", url="http://127.0.0.1:9/")
    outcomes = KilledSites(site, place, ["-i", "shop1", "backup"]).all()
    assert len(outcomes) > 20, "it changes the disk more often than that"
    for at, (_, again, left, both) in outcomes.items():
        assert again.status == FAILED and left == [], f"call {at}: {again.said} {left}"
        for got in both:
            told = [one for one in got if one.type == "backup_failed"]
            assert 1 <= len(told) <= 2, f"call {at}: {got}"
