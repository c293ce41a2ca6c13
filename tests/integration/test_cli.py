# SPDX-License-Identifier: MIT
"""The command line and the configuration as a user meets them: explained, shown, refused."""
import pathlib
import re
import subprocess
import sys

import pytest

import lsnsite

CONFIG = 10


def refused(site, *words):
    ran = site.run("config", "show")
    assert ran.status == CONFIG, ran.said
    for word in words:
        assert word in ran.stderr, ran.said


def test_config_show_needs_no_server_and_no_repository(bare_site):
    bare_site.defaults_file.unlink()
    ran = bare_site.good("config", "show")
    for word in ("repository", str(bare_site.repository), "parallel", "default",
                 str(bare_site.conf)):
        assert word in ran.stdout, ran.said
    bare_site.good("config", "show", "--output=json").json


def test_config_show_hides_secrets(bare_site):
    bare_site.configure(more="[alert mail]\ntype = smtp\nurl = smtps://mail.example.org\n"
                             "user = u\npassword = opensesame\nfrom = a@example.org\n"
                             "to = b@example.org\n"
                             "[alert other]\ntype = webhook\n"
                             "url = https://hooks.example.org/opensesame\n")
    for arguments in (["config", "show"], ["config", "show", "--output=json"]):
        ran = bare_site.good(*arguments)
        assert "opensesame" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("instance,words", [
    ({"paralel": "2"}, ["paralel", "parallel"]),
    ({"parallel": "0"}, ["parallel", "0"]),
    ({"parallel": "two"}, ["parallel", "two"]),
    ({"parallel": "-1"}, ["parallel"]),
    ({"full_every": "7"}, ["full_every"]),
    ({"full_every": "7x"}, ["full_every"]),
    ({"verify_after": "all"}, ["verify_after"]),
    ({"compression": "zip"}, ["compression"]),
    ({"scratch_dir": "relative/path"}, ["scratch_dir"]),
])
def test_a_wrong_key_or_value_is_named_with_its_line(bare_site, instance, words):
    bare_site.configure(instance=instance)
    refused(bare_site, f"{bare_site.conf}:", *words)


@pytest.mark.parametrize("more,words", [
    ("[instanse other]\ndefaults_file = /x\n", ["instanse"]),
    ("[instance Shop]\ndefaults_file = /x\n", ["Shop"]),
    ("[instance shop]\nparallel = 3\nparallel = 4\n", ["parallel"]),
    ("[route shop]\ncritical = nobody\n", ["nobody"]),
    ("[alert x]\ntype = pigeon\nurl = https://example.org\n", ["pigeon"]),
    ("key without a sign\n", []),
    ("[instance shop\n", []),
])
def test_a_wrong_section_is_named(bare_site, more, words):
    bare_site.configure(more=more)
    refused(bare_site, str(bare_site.conf), *words)


def test_a_remote_repository_is_refused_with_what_to_do(bare_site):
    bare_site.configure(general={"repository": "backup@host:/srv/lsnchain"})
    refused(bare_site, "backup@host", "hint: ")


def test_a_semicolon_belongs_to_the_value(bare_site):
    bare_site.configure(instance={"server_options": "--init-connect='SET a=1;SET b=2' # all of it"})
    assert "SET a=1;SET b=2' # all of it" in bare_site.good("config", "show").stdout


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o620])
def test_a_file_that_others_can_write_is_refused(bare_site, mode):
    bare_site.conf.chmod(mode)
    refused(bare_site, str(bare_site.conf), "chmod")


def test_a_file_with_a_secret_that_others_can_read_is_refused(bare_site):
    bare_site.conf.chmod(0o644)
    refused(bare_site, str(bare_site.conf), "chmod")


def test_a_missing_file_is_named(bare_site):
    bare_site.conf.unlink()
    refused(bare_site, str(bare_site.conf))


def test_an_option_file_that_others_can_read_is_refused(bare_site):
    bare_site.init()
    bare_site.defaults_file.chmod(0o644)
    ran = bare_site.run("backup")
    assert ran.status == CONFIG, ran.said
    assert str(bare_site.defaults_file) in ran.stderr


def test_a_good_night_is_silent(site):
    for _ in range(2):
        ran = site.good("-q", "backup", "--output=text")
        assert ran.stderr == ""
    assert site.alerts() == []


def test_environment_changes_nothing_that_is_done(site):
    ran = site.good("config", "show", env={"LSNCHAIN_REPOSITORY": "/elsewhere", "REPOSITORY": "/x",
                                           "LSNCHAIN_CONFIG": "/x", "MYSQL_HOST": "elsewhere"})
    assert "/elsewhere" not in ran.stdout


def test_config_show_tells_where_each_value_came_from(bare_site):
    bare_site.configure(instance={"parallel": "3"}, general={"full_every": "2d"})
    values = {(row["section"], row["key"]): row for row in
              bare_site.good("config", "show", "--output=json").json["values"]}
    lines = bare_site.conf.read_text().splitlines()
    for key, value in (("parallel", "3"), ("full_every", "2d")):
        row = values["instance shop", key]
        number = lines.index(f"{key} = {value}") + 1
        assert row["value"] == value and row["source"] == f"{bare_site.conf}:{number}", row
    assert values["instance shop", "max_incrementals"]["source"] == "default"


def test_check_says_of_each_probe_what_it_found(site):
    probes = site.good("check", "--output=json").json["instances"][0]["probes"]
    assert {probe["name"] for probe in probes} >= {
        "repository", "server", "privileges", "engine", "space", "rsync", "alerts", "tables"}
    assert {probe["result"] for probe in probes} == {"ok"}, probes
    text = site.good("check").stdout
    assert all(probe["name"] in text for probe in probes)


def test_check_warns_when_nobody_would_be_told(site):
    site.receiver, receiver = None, site.receiver
    site.configure()
    ran = site.ended(3, "check", words=["nobody is told"])
    assert "warning" in ran.stdout
    site.receiver = receiver


def test_check_fails_with_what_would_fail_tonight(site):
    site.write_defaults_file(password="wrong")
    ran = site.ended(12, "check")
    probes = {probe["name"]: probe["result"] for probe in
              site.run("check", "--output=json").json["instances"][0]["probes"]}
    assert probes["server"] == "failed" and probes["engine"] == "ok"
    assert probes["privileges"] == "skipped" and "not done" in ran.stdout


# ---- help ----------------------------------------------------------------------------------------

def test_help_names_every_command_and_each_has_its_own(bare_site):
    overview = bare_site.good("--help", configuration=("-q",))
    names = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", overview.stdout, re.M)
    assert {"init", "check", "backup", "list", "show", "status", "verify", "restore",
            "config show", "alert test"} <= set(names)
    for name in names:
        own = bare_site.good(*name.split(), "--help", configuration=("-q",))
        assert own.stdout.startswith(f"lsnchain {name}: ") and "usage: lsnchain" in own.stdout
        assert own.stderr == ""
        also = bare_site.good("-h", *name.split(), configuration=("-q",))
        assert also.stdout == own.stdout
    assert bare_site.good("--version", configuration=("-q",)).stdout.startswith("lsnchain ")
    assert not bare_site.repository.exists()


@pytest.mark.parametrize("typed,meant", [("bakcup", "backup"), ("staus", "status"),
                                         ("restor", "restore"), ("verfy", "verify")])
def test_an_unknown_command_is_answered_with_the_nearest(bare_site, typed, meant):
    bare_site.ended(2, typed, words=[typed, f"the nearest is {meant}"])


# ---- alerts --------------------------------------------------------------------------------------

def test_alert_test_reaches_the_webhook(bare_site):
    ran = bare_site.good("alert", "test")
    assert "hook" in ran.stdout and "204" in ran.stdout
    severities = [body["data"]["severity"] for body in bare_site.receiver.bodies]
    assert severities == ["critical", "warning", "recovery"]
    for body in bare_site.receiver.bodies:
        assert body["type"] == "alert_test" and body["timestamp"].endswith("Z")
        assert set(body["data"]) == {"severity", "instance", "backup", "rule", "summary", "cause",
                                     "remedy", "host", "version", "incident", "fires_until"}
    bare_site.receiver.status = 500
    ran = bare_site.ended(17, "alert", "test", words=["hook"])
    assert "NOT DELIVERED" in ran.stdout and "500" in ran.stdout


@pytest.fixture
def mailbox(place):
    """A mail server; the mails it took are files in this directory."""
    directory = place / "mailbox"
    directory.mkdir()
    program = pathlib.Path(__file__).resolve().parents[1] / "fakes/receivers/smtp_receiver.py"
    server = subprocess.Popen([sys.executable, program, directory], stdin=subprocess.DEVNULL)
    try:
        lsnsite.wait_until(lambda: (directory / "port").exists(), limit=20)
        yield directory
    finally:
        server.kill()
        server.wait()


def route_to_mail(site, mailbox):
    site.configure()
    port = (mailbox / "port").read_text()
    text = site.conf.read_text().replace("critical = hook", "critical = hook, mail")
    lsnsite.write_private(site.conf, text + (
        f"[alert mail]\ntype = smtp\nurl = smtp://127.0.0.1:{port}\ntls = none\n"
        "from = lsnchain@example.org\nto = oncall@example.org, dba@example.org\n"))


def test_alert_test_reaches_the_mailbox(bare_site, mailbox):
    route_to_mail(bare_site, mailbox)
    bare_site.good("alert", "test")
    assert (mailbox / "1.envelope").read_text().split() == [
        "lsnchain@example.org", "oncall@example.org", "dba@example.org"]
    assert "alert_test" in (mailbox / "1.headers").read_text() + (mailbox / "1.text").read_text()


def test_a_failed_night_is_a_mail_that_says_what_to_do(week, mailbox):
    route_to_mail(week, mailbox)
    week.write_defaults_file(password="wrong")
    week.ended(12, "backup")
    text = (mailbox / "1.text").read_text()
    assert "shop" in (mailbox / "1.headers").read_text()
    assert "denied" in text and "lsnchain -i shop backup" in text
    assert len(week.alerts("backup_failed")) == 1


def test_an_alert_that_nobody_took_waits_for_the_next_run(week):
    week.receiver.status = 503
    week.write_defaults_file(password="wrong")
    week.ended(12, "backup", words=["warning: "])
    tries = len(week.receiver.bodies)
    assert tries >= 1
    week.receiver.status = 204
    week.receiver.bodies.clear()
    week.write_defaults_file()
    week.good("backup")
    assert [body["type"] for body in week.receiver.bodies] == ["backup_failed", "backup_recovered"]
