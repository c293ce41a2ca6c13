# SPDX-License-Identifier: MIT
"""Slack, Teams, PagerDuty: what lsnchain sends is as they document it, and their answers are
understood as they mean them.  The services themselves are not reached from here: schemas/ holds what
their documentation asks for, and a receiver on this host answers as it says."""
import copy
import json
import pathlib

import jsonschema
import pytest

import lsnsite
import receiver as receivers

SCHEMAS = pathlib.Path(__file__).parent / "schemas"
TOKEN = "T0kenInTheAddress"
ROUTING_KEY = "PlantedKey0123456789abcdefABCDEF"
NAMES = ("slack", "teams", "pagerduty")
ACCEPTS = {"slack": (200, "ok"), "teams": (202, ""),
           "pagerduty": (202, '{"status":"success","message":"Event processed","dedup_key":"x"}')}
MOST_BYTES = {"slack": 40_000, "teams": 28_000, "pagerduty": 512_000}


def validator(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def texts_in(node):
    """Every string of a body, keys aside."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, (dict, list)):
        for part in node.values() if isinstance(node, dict) else node:
            yield from texts_in(part)


class Hosted:
    """A site whose alerts go to the three services, which are played by receivers."""

    def __init__(self, site):
        self.site = site
        self.services = {name: receivers.Receiver() for name in NAMES}
        more = "".join(f"[alert {name}]\ntype = {name}\nurl = {service.url}/{TOKEN}\n"
                       for name, service in self.services.items())
        site.configure(more=f"{more}routing_key = {ROUTING_KEY}\n"
                       "[route]\ncritical = slack, teams, pagerduty\n"
                       "warning = slack, teams, pagerduty\nrecovery = slack, teams, pagerduty\n")
        for name, service in self.services.items():
            service.status, service.text = ACCEPTS[name]

    def spool(self, number, kind, severity, **texts):
        """An alert that waits, as a run leaves it behind."""
        data = {"severity": severity, "instance": "shop", "backup": "20261122T020000Z-incr",
                "rule": "lsn-continuity", "summary": "the chain of shop is broken",
                "cause": "starts at LSN 100,\nbut its parent ends at 90", "remedy": "nothing",
                "host": "db1", "version": "0.1.0", "incident": f"lsnchain/shop/{kind}",
                "fires_until": "2026-11-24T03:14:09Z", **texts}
        event = {"type": kind, "timestamp": "2026-11-22T02:14:09Z", "data": data}
        spool = self.site.state / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        spool.chmod(0o700)
        lsnsite.write_private(spool / f"20261122T021409Z-{number:06}-aaaaaaaa.json",
                              json.dumps({"format": 1, "event": event, "delivered": []}))

    def deliver(self):
        """The end of any run does."""
        ran = self.site.run("check")
        assert "did not take its alerts" not in ran.stderr, ran.said

    def expect_valid(self, count):
        for name, service in self.services.items():
            assert len(service.bodies) == count, f"{name} got {len(service.bodies)}"
            for raw, body in zip(service.raw, service.bodies):
                validator(name).validate(body)
                assert len(raw) <= MOST_BYTES[name], name

    def close(self):
        for service in self.services.values():
            service.close()


@pytest.fixture
def hosted(binary, place, common_server):
    hosted = Hosted(lsnsite.Site(binary, place, common_server))
    yield hosted
    hosted.close()


def test_every_severity_and_the_test_are_as_the_services_document(hosted):
    hosted.site.init()
    hosted.spool(1, "chain_broken", "critical")
    hosted.spool(2, "space_low", "warning")
    hosted.spool(3, "chain_recovered", "recovery", incident="lsnchain/shop/chain_broken")
    hosted.deliver()
    hosted.expect_valid(3)
    pages = hosted.services["pagerduty"].bodies
    assert [page["event_action"] for page in pages] == ["trigger", "trigger", "resolve"]
    assert [page["payload"]["severity"] for page in pages[:2]] == ["critical", "warning"]
    assert pages[0]["dedup_key"] == pages[2]["dedup_key"] != pages[1]["dedup_key"]
    assert pages[0]["payload"]["source"] == "db1"
    hosted.site.good("alert", "test")
    hosted.expect_valid(max(len(service.bodies) for service in hosted.services.values()))
    assert len(hosted.services["slack"].bodies) > 3
    assert pages[3]["payload"]["class"] == "alert_test"


def test_a_bad_night_and_the_good_one_after_it_open_and_close_one_alert(hosted):
    hosted.site.init()
    hosted.site.write_defaults_file(password="wrong")
    hosted.site.ended(12, "backup")
    hosted.site.write_defaults_file()
    hosted.site.good("backup", "--type=full")
    hosted.expect_valid(2)
    opened, closed = hosted.services["pagerduty"].bodies
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]
    assert "denied" in opened["payload"]["custom_details"]["cause"]


HOSTILE = ("<!channel> <@U123> @here <https://e.example|x> [x](javascript:alert(1)) **b** _i_ `c` "
           "{{summary}} {{DATE(2017-02-14T06:00:00Z)}} \"quoted\\\" \r\n- a\n1. b\n# c &amp; "
           "<at>all</at> \u202e\u0007\u001b[2J ")


FIELDS = ("summary", "cause", "remedy", "instance", "backup", "rule", "host", "incident")


def test_hostile_text_arrives_harmless_in_each_format(hosted):
    hosted.site.init()
    for number, field in enumerate(FIELDS):
        hosted.spool(2 * number, "chain_broken", "critical", **{field: HOSTILE})
        hosted.spool(2 * number + 1, "chain_broken", "critical", **{field: HOSTILE * 600})
    hosted.deliver()
    hosted.expect_valid(2 * len(FIELDS))
    for name, service in hosted.services.items():
        for number, body in enumerate(service.bodies):
            shown = list(texts_in(body))
            about = f"{name}: {FIELDS[number // 2]}"
            assert any("javascript:alert" in text for text in shown), f"{about} was lost"
            assert not any(char in text for text in shown for char in "\r\x07\x1b\u202e"), about


def test_what_a_server_says_cannot_call_a_channel(hosted):
    """All the way from a real server's answer."""
    hosted.site.init()
    login = hosted.site.defaults_file.read_text()
    hostile = "<!channel>[x](javascript:y){{cause}}"
    lsnsite.write_private(hosted.site.defaults_file, login.replace("lsnbackup", hostile))
    hosted.site.ended(12, "backup", words=[hostile])
    hosted.expect_valid(1)
    assert hostile in hosted.services["pagerduty"].bodies[0]["payload"]["custom_details"]["cause"]
    assert "&lt;!channel&gt;[x](javascript:y){{cause}}" in str(hosted.services["slack"].bodies)
    assert r"\<!channel\>\[x\]\(javascript:y)\{\{cause}}" in "".join(
        texts_in(hosted.services["teams"].bodies))


TEAMS_ERROR = ("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP "
               "error {} with ContextId tcid=1")


@pytest.mark.parametrize("name,status,text,tries,said", [
    ("slack", 200, "ok", 1, None),
    ("slack", 400, "invalid_payload", 1, "HTTP status 400: Slack cannot read the message"),
    ("slack", 403, "action_prohibited", 1, "HTTP status 403: an administrator"),
    ("slack", 404, "no_service", 1, "HTTP status 404: the webhook is gone"),
    ("slack", 410, "channel_is_archived", 1, "HTTP status 410: its channel is archived"),
    ("slack", 500, "rollup_error", 3, "HTTP status 500: a fault of Slack's"),
    ("slack", 202, "", 1, "Slack answers 200"),
    ("teams", 202, "", 1, None),
    ("teams", 200, TEAMS_ERROR.format(413), 1, "Teams refused it with HTTP error 413"),
    ("teams", 200, TEAMS_ERROR.format(429), 3, "Teams refused it with HTTP error 429"),
    ("teams", 401, "", 1, "HTTP status 401"),
    ("pagerduty", 202, "", 1, None),
    ("pagerduty", 400, '{"status":"invalid event"}', 1, "is its routing_key right?"),
    ("pagerduty", 503, "", 3, "HTTP status 503"),
])
def test_an_answer_is_understood_as_the_service_means_it(hosted, name, status, text, tries, said):
    service = hosted.services[name]
    service.first = tries * [(status, text, {})]
    ran = hosted.site.run("alert", "test")
    assert ran.status == (17 if said else 0), ran.said
    assert service.first == [], "it was asked less often"
    refused = [line for line in ran.stdout.splitlines() if "NOT DELIVERED" in line]
    if said is None:
        assert refused == [], ran.said
    else:
        assert said in refused[0] and all(name in line for line in refused), ran.said


@pytest.mark.parametrize("name", NAMES)
def test_a_service_that_is_busy_gets_it_when_it_wants_it(hosted, name):
    service = hosted.services[name]
    service.first = [(429, "rate_limited", {"Retry-After": "1"})]
    hosted.site.good("alert", "test")
    assert len(service.bodies) >= 2
    assert service.bodies[0] == service.bodies[1]


def test_neither_address_nor_routing_key_is_shown_or_kept(hosted):
    hosted.site.init()
    hosted.spool(1, "chain_broken", "critical")
    for service in hosted.services.values():
        service.status, service.text = 404, f"{TOKEN} {ROUTING_KEY}"
    runs = [hosted.site.run("-v", *command) for command in (
        ["config", "show"], ["config", "show", "--output=json"], ["check"], ["alert", "test"],
        ["alert", "test", "--output=json"])]
    assert runs[3].status == 17, runs[3].said
    for ran in runs:
        assert TOKEN not in ran.said and ROUTING_KEY not in ran.said, ran.said
    assert runs[0].stdout.count("(hidden)") >= 4, runs[0].said
    for path in hosted.site.place.rglob("*"):
        if path.is_file() and path != hosted.site.conf:
            data = path.read_bytes()
            assert TOKEN.encode() not in data and ROUTING_KEY.encode() not in data, path


# ---- a template of the webhook -------------------------------------------------------------------

def use_template(site, text):
    template = site.place / "body.json"
    template.write_text(text)
    conf = site.conf.read_text().replace("[alert hook]\n", f"[alert hook]\nbody_file = {template}\n")
    lsnsite.write_private(site.conf, conf)
    return template


def test_a_webhook_sends_a_body_of_ones_own(bare_site):
    use_template(bare_site, '{"title": "{{severity}}: {{summary}}", "tags": ["{{type}}", 1]}')
    bare_site.good("alert", "test")
    body = bare_site.receiver.bodies[0]
    assert set(body) == {"title", "tags"} and body["tags"] == ["alert_test", 1]
    assert body["title"].startswith("warning: ") or body["title"].startswith("critical: ")


@pytest.mark.parametrize("text,words", [
    ('{"title":\n "{{titel}}"}', "body.json:2: there is no placeholder {{titel}}"),
    ('{"title":\n {{summary}}}', "body.json:2: this is no JSON"),
    (None, "body.json: No such file"),
])
def test_a_template_that_cannot_be_filled_in_is_found_by_check(bare_site, text, words):
    bare_site.init()
    template = use_template(bare_site, text or "")
    if text is None:
        template.unlink()
    assert "alert channel hook cannot work: its body_file is not usable: " in bare_site.ended(10, "check").stdout
    ran = bare_site.run("alert", "test")
    assert ran.status in (10, 17) and words in ran.stdout, ran.said
    assert bare_site.receiver.bodies == []


# ---- the schemas themselves ----------------------------------------------------------------------

GOOD = {
    "slack": {"text": "a &amp; b", "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "a", "emoji": False}},
        {"type": "section", "fields": [{"type": "plain_text", "text": "b"}]}]},
    "teams": {"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None,
        "content": {"type": "AdaptiveCard", "version": "1.2", "body": [
            {"type": "TextBlock", "text": r"a\_b", "wrap": True},
            {"type": "FactSet", "facts": [{"title": "a", "value": "b"}]}]}}]},
    "pagerduty": {"routing_key": "a" * 32, "event_action": "trigger", "dedup_key": "a", "payload": {
        "summary": "a", "source": "b", "severity": "critical", "timestamp": "2026-11-22T02:14:09Z"}},
}


@pytest.mark.parametrize("name,path,value", [
    ("slack", ["text"], ""),
    ("slack", ["text"], "<!channel>"),
    ("slack", ["text"], "a & b"),
    ("slack", ["channel"], "#other"),
    ("slack", ["blocks", 0, "text", "text"], "a" * 151),
    ("slack", ["blocks", 0, "text", "text"], "<@U123>"),
    ("slack", ["blocks", 0, "text", "type"], "mrkdwn"),
    ("slack", ["blocks", 1, "fields"], 11 * [{"type": "plain_text", "text": "b"}]),
    ("slack", ["blocks", 1, "fields", 0, "text"], "a" * 2001),
    ("slack", ["blocks", 1], {"type": "section"}),
    ("slack", ["blocks", 1], {"type": "section", "text": {"type": "plain_text", "text": "a" * 3001}}),
    ("slack", ["blocks"], 51 * [{"type": "section", "text": {"type": "plain_text", "text": "a"}}]),
    ("teams", ["type"], "MessageCard"),
    ("teams", ["attachments"], []),
    ("teams", ["attachments", 0, "content", "version"], "1.5"),
    ("teams", ["attachments", 0, "content", "body", 0, "text"], "a_b_"),
    ("teams", ["attachments", 0, "content", "body", 0, "text"], "[x](javascript:y)"),
    ("teams", ["attachments", 0, "content", "body", 0, "text"], r"\[x\](javascript:y)"),
    ("teams", ["attachments", 0, "content", "body", 0, "text"], "{{DATE(2017-02-14T06:00:00Z)}}"),
    ("teams", ["attachments", 0, "content", "body", 0, "text"], "<at>all</at>"),
    ("teams", ["attachments", 0, "content", "body", 0, "color"], "red"),
    ("teams", ["attachments", 0, "content", "body", 1, "facts", 0, "value"], None),
    ("teams", ["attachments", 0, "content", "body", 1, "facts", 0, "note"], "x"),
    ("pagerduty", ["routing_key"], "a" * 31),
    ("pagerduty", ["event_action"], "open"),
    ("pagerduty", ["event_action"], "resolve"),
    ("pagerduty", ["dedup_key"], "a" * 256),
    ("pagerduty", ["payload", "summary"], "a" * 1025),
    ("pagerduty", ["payload", "summary"], ""),
    ("pagerduty", ["payload", "source"], ""),
    ("pagerduty", ["payload", "severity"], "recovery"),
    ("pagerduty", ["payload", "timestamp"], "yesterday"),
    ("pagerduty", ["payload", "instance"], "shop"),
])
def test_the_schemas_refuse_what_the_services_would(name, path, value):
    validator(name).validate(GOOD[name])
    body = copy.deepcopy(GOOD[name])
    *parents, last = path
    node = body
    for key in parents:
        node = node[key]
    node[last] = value
    assert not validator(name).is_valid(body)
