# SPDX-License-Identifier: MIT
"""ServiceNow: a trouble is one incident.  The service itself is not reached from here: a receiver on
this host behaves as its Table API is documented, and schemas/servicenow.json says what it takes."""
import json
import pathlib
import subprocess
import sys

import jsonschema
import pytest

import lsnsite
from test_local_channels import HOSTILE, fail_a_night, route_all_to
from test_secrets import Watcher

RECEIVERS = pathlib.Path(__file__).resolve().parents[1] / "fakes/receivers"
SCHEMA = pathlib.Path(__file__).parent / "schemas/servicenow.json"
PASSWORD = "PlantedDeskPassw0rd"
TABLE = "/api/now/table/incident"


class Desk:
    """A ServiceNow, and a site whose alerts go there."""

    def __init__(self, site, *behaviours):
        self.site = site
        self.directory = site.place / "servicenow"
        self.directory.mkdir()
        subprocess.run([RECEIVERS / "certificates.sh", self.directory], check=True)
        login = self.directory / "login"
        login.write_text(f"lsnchain:{PASSWORD}")
        self.process = subprocess.Popen(
            [sys.executable, RECEIVERS / "servicenow.py",
             f"--certificate={self.directory}/good.pem", f"--key={self.directory}/good.key",
             f"--login={login}", self.directory, *behaviours], stdin=subprocess.DEVNULL)
        lsnsite.wait_until((self.directory / "port").exists, limit=20)
        port = (self.directory / "port").read_text()
        route_all_to(site, type="servicenow", url=f"https://127.0.0.1:{port}", user="lsnchain",
                     password=PASSWORD, ca_file=self.directory / "ca.pem",
                     fields="category = database, close_code = Solved (Permanently)", timeout="5s")

    @property
    def incidents(self):
        path = self.directory / "records.json"
        return json.loads(path.read_text()) if path.exists() else []

    def requests(self):
        """(method, path without query, body) of each."""
        count = len(list(self.directory.glob("[0-9]*.request")))
        for number in range(1, count + 1):
            method, path = (self.directory / f"{number}.request").read_text().split("\n")[0].split()
            body = (self.directory / f"{number}.body").read_text()
            yield method, path.partition("?")[0], json.loads(body) if body else None

    def expect_valid(self):
        """What was asked for, in its order."""
        schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        requests = list(self.requests())
        for method, path, body in requests:
            if method == "GET":
                assert path == TABLE and body is None
            else:
                jsonschema.validate({"method": method, "path": path, "body": body}, schema,
                                    jsonschema.Draft7Validator)
        return [method for method, _, _ in requests]

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def desk(week):
    """desk("ok", "lost") starts one that behaves so."""
    desks = []

    def start(*behaviours):
        desks.append(Desk(week, *behaviours))
        return desks[-1]

    yield start
    for one in desks:
        one.close()


def test_a_failed_night_is_one_incident_until_a_good_one(week, desk):
    desk = desk()
    fail_a_night(week)
    incident, = desk.incidents
    assert incident["correlation_id"] == "lsnchain/shop/backup_failed"
    assert incident["short_description"].startswith("lsnchain critical shop: ")
    assert "denied" in incident["description"] and incident["category"] == "database"
    fail_a_night(week, env={"LSNCHAIN_CLOCK": "+90000"})
    incident, = desk.incidents
    assert len(incident["notes"]) == 1
    week.good("backup")
    incident, = desk.incidents
    assert (incident["state"], incident["close_code"]) == ("6", "Solved (Permanently)")
    assert desk.expect_valid() == ["GET", "POST", "GET", "PATCH", "GET", "PATCH"]

    fail_a_night(week)
    assert [one["state"] for one in desk.incidents] == ["6", "1"], "new trouble, new incident"


def test_an_incident_whose_creation_was_not_answered_is_not_created_twice(week, desk):
    desk = desk("ok", "lost", "ok")
    fail_a_night(week)
    assert len(desk.incidents) == 1
    assert desk.expect_valid() == ["GET", "POST", "GET", "PATCH"]


def test_a_servicenow_that_sleeps_gets_its_alerts_from_the_next_run(week, desk):
    desk = desk("html", "ok")
    fail_a_night(week, words=["warning: ", "no answer of ServiceNow's Table API"])
    assert desk.incidents == []
    week.good("backup")
    incident, = desk.incidents
    assert incident["state"] == "6"
    assert desk.expect_valid() == ["GET", "GET", "POST", "GET", "PATCH"]


def test_hostile_text_arrives_in_an_incident_as_text(week, desk):
    desk = desk()
    fail_a_night(week, user=HOSTILE + "[code]<b>")
    incident, = desk.incidents
    assert HOSTILE + "(code]<b>" in incident["description"]
    desk.expect_valid()


def test_the_password_of_the_desk_is_nowhere_but_in_the_configuration(week, desk):
    desk = desk("ok", "500", "500", "500", "500", "500", "500", "401")
    watcher = Watcher([PASSWORD.encode()])
    try:
        runs = [week.run("-v", "alert", "test"), fail_a_night(week), week.run("-v", "check"),
                week.run("config", "show"), week.run("-v", "backup")]
    finally:
        watcher.close()
    assert b"lsnchain" in watcher.programs and watcher.found == []
    said = "".join(run.stdout + run.stderr for run in runs)
    assert PASSWORD not in said and "HTTP status" in said and "(hidden)" in said
    for path in week.place.rglob("*"):
        if path.is_file() and path != week.conf and desk.directory not in path.parents:
            assert PASSWORD.encode() not in path.read_bytes(), path
