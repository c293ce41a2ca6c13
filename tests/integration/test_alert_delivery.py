# SPDX-License-Identifier: MIT
"""Alerts reach their channels once and in order, whatever receivers do and whenever we are killed."""
import concurrent.futures
import dataclasses
import pathlib
import shutil
import tempfile
import time
import traceback

import pytest

import receiver as receivers
from alertsite import WARNINGS, AlertSite
from conftest import cases_of

BOUND_S = 45  # far above what three tries of a second and the pauses between them take


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


MOODS = {
    "500-then-200": Mood(("500", "200"), "", 2),
    "429-for-three-seconds": Mood(("429/3", "204"), "", 2, least_s=3),
    "429-until-a-date": Mood(("429/+3", "204"), "", 2, least_s=2.5),
    "429-for-an-hour": Mood(("429/3600",), "HTTP status 429", 1),
    "503-always": Mood(("503",), "HTTP status 503", 3),
    "410-gone": Mood(("410",), "gone for good, change its url", 1),
    "400": Mood(("400",), "HTTP status 400", 1),
    "a-redirect": Mood(("302/http://127.0.0.1:9/",), "a redirect, give the final url", 1),
    "hangs": Mood(("hang",), "Timeout was reached", 3),
    "hangs-in-the-middle": Mood(("half",), "Timeout was reached", 3),
    "a-byte-now-and-then": Mood(("trickle",), "Timeout was reached", 3),
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
        self.point_to(self.bad, url=url or self.bad.url, ca=mood.ca)
        if not mood.answers:
            self.bad.close()

    def point_to(self, receiver, url=None, ca="ca"):
        add_hook(self.site, "bad", receiver, ca_file=self.certificates / f"{ca}.pem" if ca else "")
        self.site.sections["bad"]["url"] = url or receiver.url
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
