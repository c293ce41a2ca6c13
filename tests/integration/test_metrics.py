# SPDX-License-Identifier: MIT
"""The file for Prometheus, and the rules and the dashboard that read it."""
import fcntl
import json
import pathlib
import re
import signal
import stat
import subprocess
import time

import jsonschema
import lsnsite
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "conf/prometheus/lsnchain.rules.yml"
CASES = ROOT / "tests/monitoring/rules.yml"
DASHBOARD = ROOT / "conf/grafana/lsnchain.json"
SCHEMA = ROOT / "tests/monitoring/dashboard.schema.json"
PAGE = ROOT / "docs/monitoring.md"
OUR_NAME = re.compile(r"\blsnchain_[a-z_]+")
WARNINGS, ENGINE = 3, 14
WAIT_S = 60


def promtool(*arguments, text=None):
    """It must be content, and have nothing to remark."""
    done = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True,
                          text=True)
    assert done.returncode == 0, f"promtool {arguments}: {done.stdout}{done.stderr}"
    return done


class Metrics:
    """A file that node exporter would read, as promtool finds it sound."""

    def __init__(self, path):
        self.text = path.read_text()
        said = promtool("check", "metrics", text=self.text)
        assert said.stdout + said.stderr == "", said.stdout + said.stderr
        self.values = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                assert series not in self.values, f"twice: {series}"
                self.values[series] = int(value)

    def get(self, name, instance="shop", **labels):
        """The value of one series; None: it is not there."""
        more = "".join(f',{key}="{value}"' for key, value in labels.items())
        return self.values.get(f'lsnchain_{name}{{instance="{instance}"{more}}}')


def watched(site, **more):
    """The site writes metrics from now on."""
    site.metrics = site.place / "textfile/lsnchain.prom"
    site.metrics.parent.mkdir(exist_ok=True)
    site.configure(instance={"metrics_file": site.metrics} | more)
    return site


def seconds(time_text):
    return int(time.mktime(time.strptime(time_text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone)


def copy_of(template, place, receiver=None):
    subprocess.run(["cp", "-a", template.repository, template.state, place], check=True)
    return watched(lsnsite.Site(template.binary, place, template.server, receiver))


@pytest.fixture(scope="module")
def noted_template(session_place, week_template):
    """A week that was proven, and had one more backup; all that the file can tell is in it."""
    place = session_place / "noted"
    place.mkdir()
    site = copy_of(week_template[0], place)
    site.good("verify", "latest", "--level=prepare")
    site.backup("incremental")
    return site


@pytest.fixture(scope="module")
def told(noted_template):
    """What the file says then."""
    return Metrics(noted_template.metrics)


@pytest.fixture
def noted(noted_template, place, receiver):
    """A copy of it, to be spoiled."""
    return copy_of(noted_template, place, receiver)


# ---- the file ------------------------------------------------------------------------------------

def test_the_file_tells_what_the_catalog_tells(noted_template, told):
    get = told.get
    links = noted_template.links()
    full, proven, newest = links[0], links[2], links[3]
    assert get("backup_last_success_timestamp_seconds", type="full") == seconds(full["finished"])
    assert get("backup_last_success_timestamp_seconds", type="incremental") == \
        seconds(newest["finished"])
    assert get("backup_last_exit_code") == 0 and get("backup_last_status") == 1
    assert get("backup_last_completion_timestamp_seconds") >= seconds(newest["finished"])
    assert get("backup_last_size_bytes") == newest["bytes_stored"]
    assert get("backup_last_plain_bytes") == newest["bytes_plain"]
    assert get("backup_last_new_bytes") == newest["bytes_new"]
    assert get("backup_last_from_lsn") == newest["from_lsn"]
    assert get("backup_last_to_lsn") == newest["to_lsn"]
    assert get("newest_backup_timestamp_seconds") == seconds(newest["data_until"])
    assert get("restorable_until_timestamp_seconds") == seconds(newest["data_until"])
    assert get("proven_until_timestamp_seconds") == seconds(proven["data_until"])
    assert get("proof_last_success_timestamp_seconds") == seconds(proven["proof_at"])
    assert get("oldest_restorable_timestamp_seconds") == seconds(full["data_until"])
    assert get("oldest_reading_timestamp_seconds") == \
        min(seconds(link["files_at"]) for link in links[:3])
    assert get("backup_next_expected_timestamp_seconds") == seconds(newest["finished"]) + 26 * 3600
    assert get("proof_next_expected_timestamp_seconds") == seconds(proven["proof_at"]) + 8 * 86400
    assert get("chain_length") == 4
    assert get("catalog_readable") == 1
    assert get("catalog_backups", state="complete") == 4
    assert get("catalog_backups", state="quarantined") == 0
    assert get("catalog_stored_bytes") == sum(link["bytes_new"] for link in links)
    assert get("verify_last_exit_code") == 0
    assert get("run_running", command="backup") == get("run_killed", command="backup") == 0
    assert get("alerts_undelivered") == 0
    assert 0 < get("repository_free_bytes") <= get("repository_size_bytes")


def test_the_file_is_for_everybody_and_alone_in_its_directory(noted_template):
    assert stat.S_IMODE(noted_template.metrics.stat().st_mode) == 0o644
    assert [path.name for path in noted_template.metrics.parent.iterdir()] == ["lsnchain.prom"]


def test_no_backup_id_is_in_the_file(told):
    assert not re.search(r"\d{8}T\d{6}Z", told.text)


def test_a_failed_backup_leaves_the_last_success_as_it_was(noted, told):
    noted.use_fake("error-exit-0", metrics_file=noted.metrics)
    noted.ended(ENGINE, "backup")
    after = Metrics(noted.metrics)
    assert after.get("backup_last_exit_code") == ENGINE and after.get("backup_last_status") == 0
    assert after.get("incidents_open", severity="critical") == 1
    name = "backup_last_success_timestamp_seconds"
    assert after.get(name, type="incremental") == told.get(name, type="incremental") > 0
    assert after.get("metrics_written_timestamp_seconds") >= \
        told.get("metrics_written_timestamp_seconds")


def wait_for(what):
    until = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_a_run_is_seen_while_it_lasts_and_when_it_was_killed(site):
    watched(site)
    site.use_fake("stall", metrics_file=site.metrics)
    run = site.start("backup")
    try:
        wait_for(site.metrics.exists)
        begun = Metrics(site.metrics)
        assert begun.get("run_running", command="backup") == 1
        assert begun.get("run_started_timestamp_seconds", command="backup") > 0
        assert begun.get("backup_last_exit_code") is None, "no run has ended yet"
    finally:
        run.send_signal(signal.SIGKILL)
        run.communicate()
    site.good("verify", "--all")
    killed = Metrics(site.metrics)
    assert killed.get("run_running", command="backup") == 0
    assert killed.get("run_killed", command="backup") == 1


def test_the_check_that_finds_a_killed_backup_writes_so_into_the_file(noted):
    assert noted.run("backup", env={"LSNCHAIN_CRASH": "backup.planned"}).status == -signal.SIGKILL
    assert Metrics(noted.metrics).get("run_running", command="backup") == 1
    noted.run("check")
    after = Metrics(noted.metrics)
    assert after.get("run_running", command="backup") == 0
    assert after.get("run_killed", command="backup") == 1
    assert after.get("incidents_open", severity="critical") == 1
    assert after.get("alerts_undelivered") == 0, "written when its alerts are out"


def test_a_run_that_cannot_begin_is_a_failure_in_the_file(noted):
    (noted.repository / "lsnchain.repo").rename(noted.repository / "away")
    noted.ended(15, "backup")
    metrics = Metrics(noted.metrics)
    assert metrics.get("backup_last_exit_code") == 15
    assert metrics.get("catalog_readable") == 0
    assert metrics.get("chain_length") is None, "nothing is known, so nothing is said"


def test_another_repository_is_not_taken_for_ours(noted):
    """Another disk is mounted there: what is on it says nothing of our backups."""
    (noted.state / "repository").write_text("8ac1fd61-77d3-48e6-940b-c117b6982199\n")
    noted.ended(15, "backup")
    metrics = Metrics(noted.metrics)
    assert metrics.get("catalog_readable") == 0
    assert metrics.get("restorable_until_timestamp_seconds") is None


def test_a_catalog_that_cannot_be_read_does_not_look_like_no_backups(noted):
    for name in ("catalog.ini", "catalog.ini.copy"):
        lsnsite.truncate(noted.repository / noted.INSTANCE / name)
    noted.run("verify")
    metrics = Metrics(noted.metrics)
    assert metrics.get("catalog_readable") == 0
    assert metrics.get("catalog_backups", state="complete") is None


@pytest.mark.parametrize("answer,waiting", [(204, 0), (410, 1)])
def test_an_alert_counts_as_undelivered_until_its_channel_took_it(site, answer, waiting):
    watched(site)
    site.receiver.status = answer
    site.use_fake("error-exit-0", metrics_file=site.metrics)
    site.ended(ENGINE, "backup")
    assert Metrics(site.metrics).get("alerts_undelivered") == waiting


@pytest.mark.parametrize("count,value", [("7 2026-11-22T02:00:00Z", 7), ("some", None)])
def test_alerts_that_a_full_spool_dropped_are_counted_and_no_doubt_is_a_zero(noted, count, value):
    (noted.state / "spool").mkdir(exist_ok=True)
    (noted.state / "spool/.dropped").write_text(count + "\n")
    noted.good("verify", "latest-full", "--level=files")
    assert Metrics(noted.metrics).get("alerts_dropped_total") == value


def test_a_file_that_cannot_be_written_is_a_warning_and_never_a_failed_backup(site):
    away = site.place / "nowhere/lsnchain.prom"
    site.configure(instance={"metrics_file": away})
    ran = site.ended(WARNINGS, "backup", words=[f"cannot write metrics_file {away}", "hint: "])
    assert ran.stderr.count(str(away)) == 1, ran.stderr
    assert len(site.links()) == 1


def test_a_warning_that_comes_after_the_backup_is_in_its_exit_status(site):
    watched(site)
    site.use_fake("error-exit-0", metrics_file=site.metrics)
    site.receiver.status = 503
    site.ended(ENGINE, "backup")
    watched(site)
    site.ended(WARNINGS, "backup", words=["alert channel"])
    assert Metrics(site.metrics).get("backup_last_exit_code") == WARNINGS


@pytest.mark.parametrize("name,words", [
    ("textfile/lsnchain.prom", None),
    ("textfile/lsnchain.txt", "node exporter reads no file but *.prom"),
    ("nowhere/lsnchain.prom", "no file can be made in"),
], ids=lambda value: str(value).rsplit("/", 1)[-1])
def test_check_tells_beforehand_of_a_file_that_will_not_be_read(site, name, words):
    watched(site, metrics_file=site.place / name)
    probes = site.run("check", "--output=json").json["instances"][0]["probes"]
    probe = next(probe for probe in probes if probe["name"] == "metrics")
    assert probe["result"] == ("warning" if words else "ok")
    assert (words or str(site.place / name)) in probe["message"]


def test_what_is_damaged_is_not_told_once_more_for_each_time_the_file_is_written(noted):
    (noted.state / noted.INSTANCE / "history.ini").write_text("nonsense\n")
    (noted.state / noted.INSTANCE / "incidents.ini").write_text("nonsense\n")
    lsnsite.truncate(noted.repository / noted.INSTANCE / "catalog.ini.copy")
    ran = noted.ended(WARNINGS, "verify", "latest-full", "--level=files")
    warnings = [line for line in ran.stderr.splitlines() if "warning: " in line]
    assert len(warnings) == len(set(warnings)) == 3, ran.stderr
    assert Metrics(noted.metrics).get("catalog_readable") == 1


def test_commands_that_only_look_write_nothing(noted):
    noted.good("verify", "--all", "--level=files")
    before = noted.metrics.stat()
    for arguments in (["status"], ["list"], ["show", "latest"], ["backup", "--dry-run"],
                      ["expire", "--dry-run"], ["config", "show"], ["alert", "list"]):
        noted.good(*arguments)
    after = noted.metrics.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


# ---- several instances ---------------------------------------------------------------------------

@pytest.fixture
def two(site):
    """Two instances of the same server, and one file for both."""
    site.metrics = site.place / "textfile/lsnchain.prom"
    site.metrics.parent.mkdir()
    site.configure(general={"metrics_file": site.metrics},
                   more=f"[instance other]\ndefaults_file = {site.defaults_file}\n"
                        "verify_after = none\ncanary = no\n")
    return site.init()


def test_one_file_for_two_instances_holds_both(two):
    two.good("-i", "shop", "backup")
    first = Metrics(two.metrics)
    assert first.get("backup_last_exit_code") == 0
    assert first.get("backup_last_exit_code", "other") is None
    assert first.get("chain_length", "other") == 0
    two.good("-i", "other", "backup")
    both = Metrics(two.metrics)
    assert both.get("backup_last_exit_code") == both.get("backup_last_exit_code", "other") == 0
    assert both.get("chain_length") == both.get("chain_length", "other") == 1


def test_of_two_runs_at_a_time_neither_is_lost_from_the_file(two):
    runs = [two.start("-i", name, "backup") for name in ("shop", "other")]
    for run in runs:
        said = run.communicate(timeout=WAIT_S)
        assert run.returncode == 0, said
    metrics = Metrics(two.metrics)
    for name in ("shop", "other"):
        assert metrics.get("backup_last_exit_code", name) == 0
        assert metrics.get("chain_length", name) == 1
        assert metrics.get("run_running", name, command="backup") == 0


def test_who_writes_the_file_looks_only_when_nobody_else_writes_it(two):
    """Else the one that looked first could write last, and what the other did would be gone."""
    two.good("-i", "other", "backup")
    before = two.metrics.stat()
    with open(two.state / "metrics.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = two.start("-i", "shop", "verify", "--all")
        time.sleep(1)
        assert two.metrics.stat().st_ino == before.st_ino
        assert run.poll() is None, "it waits for its turn"
        fcntl.flock(lock, fcntl.LOCK_UN)
    run.communicate(timeout=WAIT_S)
    assert run.returncode == 0
    assert Metrics(two.metrics).get("verify_last_exit_code") == 0


# ---- the rules -----------------------------------------------------------------------------------

def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"]
            for rule in group["rules"]]


def cases():
    return yaml.safe_load(CASES.read_text())["tests"]


def test_the_rules_are_sound_and_fire_and_keep_silent_as_they_must():
    promtool("check", "rules", RULES)
    promtool("test", "rules", CASES)


def test_each_rule_has_a_case_that_fires_and_one_that_does_not():
    seen = {(check["alertname"], bool(check["exp_alerts"]))
            for case in cases() for check in case["alert_rule_test"]}
    assert seen == {(rule["alert"], fires) for rule in rules() for fires in (True, False)}


def headings(path):
    """Of a page, as their anchors are called."""
    return {re.sub(r"[^a-z0-9 _-]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            for line in path.read_text().splitlines() if line.startswith("#")}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_how_grave_it_is_and_where_to_read_on(rule):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert sorted(rule["annotations"]) == ["description", "runbook", "summary"]
    page, anchor = rule["annotations"]["runbook"].split("#")
    assert anchor == rule["alert"].lower()
    assert anchor in headings(ROOT / page)


# ---- the dashboard -------------------------------------------------------------------------------

def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"]
            if panel["type"] != "row"]


def expressions():
    """As Grafana would send them, when the reader chose the instance shop."""
    return [target["expr"].replace("${label}", "exported_instance").replace("$instance", "shop")
            for panel in panels() for target in panel["targets"]]


def test_the_dashboard_fits_the_recorded_schema():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    faults = [f"{list(fault.absolute_path)}: {fault.message}" for fault in
              jsonschema.Draft7Validator(schema).iter_errors(json.loads(DASHBOARD.read_text()))]
    assert faults == []


def test_no_two_panels_have_one_number_or_one_place():
    everything = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    for panel in panels():
        names = [target["refId"] for target in panel["targets"]]
        assert len(set(names)) == len(names), panel["title"]


def test_every_expression_of_the_dashboard_can_be_parsed(place):
    written = expressions()
    assert len(written) > 15 and not any("$" in expression for expression in written), written
    page = place / "dashboard.rules.yml"
    page.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(written)]}]}))
    promtool("check", "rules", page)


# ---- names ---------------------------------------------------------------------------------------

def documented():
    """The table of the page: of each metric its labels beside the instance, and its sentence."""
    rows = re.findall(r"^\| `(lsnchain_[a-z_]+)` \| ([a-z_, ]*)\| (.*) \|$", PAGE.read_text(),
                      flags=re.M)
    return {name: (set(labels.replace(",", " ").split()), sentence)
            for name, labels, sentence in rows}


def test_what_is_written_is_documented_and_what_is_documented_is_written(told):
    helped = re.findall(r"^# HELP (\S+) (.*)\.$", told.text, flags=re.M)
    labels = {}
    for series in told.values:
        labels.setdefault(series.split("{")[0], set()).update(re.findall(r'(\w+)="', series))
    assert {name: (labels[name] - {"instance"}, sentence) for name, sentence in helped} == \
        documented()


def test_rules_and_dashboard_ask_only_for_what_is_written():
    asked = {name for rule in rules() for name in OUR_NAME.findall(rule["expr"])}
    asked |= {name for expression in expressions() for name in OUR_NAME.findall(expression)}
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    asked |= {name for variable in variables for name in OUR_NAME.findall(str(variable["query"]))}
    assert asked - documented().keys() == set()
