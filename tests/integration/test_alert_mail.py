# SPDX-License-Identifier: MIT
"""Alerts by mail, through an Exim as Debian ships it."""
import base64
import json

import lsnsite
import mailserver
import pytest

from alertsite import FAILED, UNDELIVERED, WARNINGS, AlertSite
from watcher import Watcher

@pytest.fixture
def new_mail_server(place, certificates):
    servers = []

    def start(**how):
        servers.append(mailserver.MailServer(place / f"mail{len(servers)}", certificates, **how))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def site(binary, place):
    return AlertSite(binary, place)


@pytest.fixture
def post(site, certificates):
    """Gives the site a channel to a mail server."""
    def add(server, **keys):
        return site.channel("mail", **{
            "type": "smtp", "url": server.url, "user": mailserver.NAME,
            "password": mailserver.PASSWORD, "ca_file": certificates / "ca.pem",
            "from": "lsnchain@example.org", "to": "dba@example.org, oncall@example.org", **keys})
    return add


def only_mail(server):
    """The one mail that was taken, once it lies in the mailbox."""
    lsnsite.wait_until(server.mails, limit=20)
    lsnsite.wait_until(lambda: not server.queued(), limit=20)
    mail, = server.mails()
    return mail


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def expect_none(server):
    assert server.mails() == [] and server.queued() == []


# ---- the ways in ---------------------------------------------------------------------------------

@pytest.mark.parametrize("how", [
    {"mechanism": "PLAIN"}, {"mechanism": "LOGIN"},
    {"mechanism": "PLAIN", "implicit": True}, {"mechanism": "LOGIN", "implicit": True},
], ids=["starttls-plain", "starttls-login", "smtps-plain", "smtps-login"])
def test_a_failed_backup_is_in_the_mailbox(post, new_mail_server, how):
    server = new_mail_server(**how)
    site = post(server)
    site.fail()
    mail = only_mail(server)
    assert mail["Subject"] == "[lsnchain] critical: shop1: the backup failed"
    assert "cannot connect to the server" in text_of(mail)
    assert "with esmtpsa" in mail["Received"], "not through TLS and a login"
    assert mail["Return-path"] == "<lsnchain@example.org>"
    assert sorted(mail["Envelope-to"].replace(",", " ").split()) == [
        "dba@example.org", "oncall@example.org"]
    assert site.spooled() == []


def test_alert_test_says_that_the_server_took_it(post, new_mail_server):
    server = new_mail_server()
    ran = post(server).good("alert", "test")
    assert "mail" in ran.stdout and "SMTP code 250" in ran.stdout
    lsnsite.wait_until(lambda: len(server.mails()) == 3, limit=20)
    assert [mail["Subject"].split()[1] for mail in server.mails()] == [
        "critical:", "warning:", "recovery:"]
    assert all("alert_test" in text_of(mail) for mail in server.mails())


def test_the_headers_are_such_as_a_mail_has(post, new_mail_server):
    server = new_mail_server()
    post(server).fail()
    mail = only_mail(server)
    assert mail["Message-ID"].startswith("<") and mail["Message-ID"].endswith("@example.org>")
    assert mail["Auto-Submitted"] == "auto-generated"
    received = mail["Received"].rsplit(";", 1)[1]
    told = mail["Date"].datetime
    arrived = mailserver.email.utils.parsedate_to_datetime(received)
    assert abs((arrived - told).total_seconds()) < 60
    assert mail["From"] == "lsnchain@example.org"
    assert mail["To"] == "dba@example.org, oncall@example.org"
    assert mail["Bcc"] is None and mail["Cc"] is None
    assert not mail.defects


# ---- what is refused -----------------------------------------------------------------------------

def expect_kept(site, server, *words):
    """A test says why; a night keeps its alert, and the next ends with a warning."""
    ran = site.ended(UNDELIVERED, "alert", "test", words=["did not reach mail"])
    assert "NOT DELIVERED" in ran.stdout
    for word in words:
        assert word in ran.stdout, ran.said
        site.fail(words=["warning: ", "alert channel mail", word]) if word == words[0] else None
    site.quiet_run(WARNINGS, words=["alert channel mail", words[0], "kept for the next run"])
    assert site.spooled() == ["shop1"]
    expect_none(server)


def test_a_wrong_password_keeps_the_alert_until_it_is_right(post, new_mail_server):
    server = new_mail_server()
    expect_kept(post(server, password="wrong"), server, "SMTP code 535", "Login denied")
    site = post(server)
    site.quiet_run()
    assert "shop1" in only_mail(server)["Subject"] and site.spooled() == []


def test_no_password_goes_to_a_server_without_starttls(post, new_mail_server):
    server = new_mail_server(starttls=False)
    expect_kept(post(server), server, "Requested SSL level failed")


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_a_certificate_of_an_unknown_ca_is_refused(post, new_mail_server, implicit):
    server = new_mail_server(implicit=implicit)
    expect_kept(post(server, ca_file=""), server, "SSL peer certificate")


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_a_certificate_of_another_host_is_refused(post, new_mail_server, implicit):
    server = new_mail_server(implicit=implicit, certificate="other")
    expect_kept(post(server), server, "SSL peer certificate")


@pytest.mark.parametrize("how", [{"recipient_delay": "60s"}, {"data_delay": "60s"}],
                         ids=["at-a-recipient", "after-the-mail"])
def test_a_server_that_does_not_answer_costs_seconds(post, new_mail_server, how):
    site = post(new_mail_server(**how), timeout="1s")
    site.fail(words=["Timeout was reached", "1 kept for the next run"], limit=40)
    assert site.spooled() == ["shop1"]


# ---- some of the recipients ----------------------------------------------------------------------

def test_a_recipient_that_is_refused_is_named_and_costs_the_others_nothing(post, new_mail_server):
    server = new_mail_server()
    site = post(server, to="dba@example.org, gone@example.org, oncall@example.org")
    ran = site.fail(words=["warning: ", "gone@example.org", "550"])
    assert "dba@example.org" not in ran.stderr and "oncall@example.org" not in ran.stderr
    assert only_mail(server)["Envelope-to"].replace("\n", "") == (
        "dba@example.org, oncall@example.org")
    assert site.spooled() == []
    ran = site.ended(UNDELIVERED, "alert", "test")
    assert "SMTP code 550" in ran.stdout
    assert len(server.mails()) == 1, "a test went to some"


def test_a_mail_that_nobody_may_have_waits(post, new_mail_server):
    server = new_mail_server()
    site = post(server, to="gone@example.org")
    site.fail(words=["SMTP code 550", "1 kept for the next run"])
    expect_none(server)
    post(server)
    site.quiet_run()
    assert "shop1" in only_mail(server)["Subject"] and site.spooled() == []


def test_a_server_that_puts_strangers_off_gets_the_mail_again(post, new_mail_server):
    server = new_mail_server(greylisted="*")
    site = post(server)
    ran = site.fail()
    assert "warning" not in ran.stderr, ran.said
    assert "dba@example.org" in only_mail(server)["Envelope-to"] and site.spooled() == []


def test_a_recipient_that_is_put_off_alone_is_named(post, new_mail_server):
    server = new_mail_server(greylisted="dba")
    site = post(server)
    site.fail(words=["warning: ", "dba@example.org", "451"])
    assert only_mail(server)["Envelope-to"] == "oncall@example.org"
    assert site.spooled() == []


# ---- hostile text --------------------------------------------------------------------------------

def plant_in_spool(site, **data):
    """As if the alert that waits had been raised with these texts."""
    path, = site.spool_files()
    entry = json.loads(path.read_text())
    entry["event"]["data"].update(data)
    path.write_text(json.dumps(entry, ensure_ascii=False))


@pytest.fixture
def waiting(site):
    """An alert that no channel could take yet."""
    site.channel("mail", type="webhook", url="http://127.0.0.1:9/", ca_file="/nonexistent")
    site.fail(words=["ca_file"])
    return site


def test_a_subject_in_any_language_is_read_as_it_was_meant(waiting, post, new_mail_server):
    server = new_mail_server()
    post(server)
    summary = "Die Kette für 漢字 ist gebrochen – „größer“ als 🐬 " + "é" * 60
    plant_in_spool(waiting, summary=summary)
    waiting.quiet_run()
    assert only_mail(server)["Subject"] == f"[lsnchain] critical: shop1: {summary}"
    raw, = server.raw_mails()
    assert raw.isascii()


def test_text_that_would_be_headers_or_commands_stays_text(waiting, post, new_mail_server):
    server = new_mail_server()
    post(server)
    plant_in_spool(
        waiting, summary="broken\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<evil@example.org>",
        cause=".\r\n..\n.\r\nQUIT\r\nFrom nobody\nHost:     forged\x07\x1b[2J\u202e",
        remedy="x\r\n.\r\nRCPT TO:<all@example.org>", backup="id\r\nBcc: all@example.org",
        rule="\u2028Bcc: all@example.org")
    waiting.quiet_run()
    mail = only_mail(server)
    assert mail["Bcc"] is None and " all@example.org" not in " " + mail["Envelope-to"]
    assert mail["Return-path"] == "<lsnchain@example.org>"
    assert "\n" not in mail["Subject"] and "broken" in mail["Subject"]
    lines = text_of(mail).splitlines()
    for line in ("    .", "    ..", "    QUIT", "    From nobody", "    RCPT TO:<all@example.org>"):
        assert line in lines
    assert [line for line in lines if line.startswith("Host:")] != ["Host:     forged"]
    assert not any(ord(letter) < 32 or letter in "\u202e\u2028" for letter in "".join(lines))


def test_a_megabyte_of_text_is_a_short_mail_with_short_lines(waiting, post, new_mail_server):
    server = new_mail_server()
    post(server)
    plant_in_spool(waiting, cause="." * 100 + "ö" * 50_000, remedy="\n" * 10_000)
    waiting.quiet_run()
    only_mail(server)
    raw, = server.raw_mails()
    assert len(raw) < 100_000
    body = raw.split(b"\nFrom: ", 1)[1]  # below what the server itself wrote
    assert max(map(len, body.splitlines())) <= 200, "a line that a server may break or refuse"


# ---- the password --------------------------------------------------------------------------------

PASSWORDS = [
    form for text in (mailserver.PASSWORD, f"\0{mailserver.NAME}\0{mailserver.PASSWORD}")
    for form in (text.strip("\0").encode(), base64.b64encode(text.encode()).rstrip(b"="))]


def test_the_password_is_seen_by_nobody_even_while_the_server_thinks(post, new_mail_server):
    server = new_mail_server(recipient_delay="20s")
    watcher = Watcher(PASSWORDS)
    site = post(server, timeout="1s")
    running = [site.start("-v", "-i", "shop1", "backup"),
               site.start("-v", "alert", "test", "--output=json")]
    said = "".join("".join(process.communicate(timeout=120)) for process in running)
    said += site.run("-v", "config", "show").said
    watcher.close()
    assert b"lsnchain" in watcher.programs, "it was not seen at all"
    assert watcher.found == []
    assert [process.returncode for process in running] == [FAILED, UNDELIVERED]
    assert "1 kept for the next run" in said
    files = [path.read_bytes() for path in site.place.rglob("*") if path.is_file()
             and path != site.conf and not path.is_relative_to(server.place)]
    assert files and site.spooled() == ["shop1"]
    for secret in PASSWORDS:
        assert secret not in said.encode() and not any(secret in text for text in files)
