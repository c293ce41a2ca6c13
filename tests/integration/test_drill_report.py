# SPDX-License-Identifier: MIT
"""verify --report: a page and its JSON, of drills that pass and of drills that fail."""
import html.parser
import json
import os
import re
import xml.etree.ElementTree

import lsnsite
import pytest

USAGE, STORAGE, VERIFY = 2, 16, 20
VOID = {"meta"}


class Reader(html.parser.HTMLParser):
    """What a browser would see: the text, and whether each element ends where it should."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.names, self.attributes = [], [], set(), {}

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes.update(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.attributes.update(attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def read(page):
    """The page as text, after a look whether it stands on its own."""
    source = page.read_text()
    xml.etree.ElementTree.fromstring(source)
    reader = Reader()
    reader.feed(source)
    assert reader.open == []
    assert not reader.names & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not re.search(r"""https?://|url\((?!#)|@import|\bon[a-z]+=|src=""", source)
    assert reader.attributes["lang"] == "en" and "title" in reader.names
    return "".join(reader.text)


@pytest.fixture
def report(place):
    """The page, its JSON, and both read: page, data = report()."""
    class Report:
        page, data = place / "drill.html", place / "drill.json"

        def __call__(self):
            data = json.loads(self.data.read_text())
            assert data["report"] == "drill" and data["schema_version"] == 1
            return read(self.page), data
    return Report()


def test_an_auditor_reads_what_was_proven_of_the_chain_when_and_with_what(week, report):
    week.good("verify", f"--report={report.page}", "--level=queries")
    page, data = report()
    instance = data["instances"][0]
    proof = instance["proofs"][0]
    assert data["passed"] is True and proof["verdict"] == "passed"
    assert (proof["id"], proof["reached"]) == (week.ids[2], "queries")
    assert proof["links"] == week.ids and proof["steps"][-1]["id"] == week.ids[2]
    assert proof["recorded"] is True and proof["proven"] is True
    assert proof["engine"] and proof["server"] and proof["host"]
    links = {link["id"]: link for link in week.links()}
    assert {backup["id"]: backup for backup in instance["backups"]} == links
    assert "✓ Passed at level queries" in page and "✗" not in page
    for link in links.values():
        assert link["id"] in page and str(link["to_lsn"]) in page
    for name in (proof["engine"], proof["server"], proof["host"], str(week.repository)):
        assert name in page


def test_the_report_has_each_table_of_the_server_its_check_and_the_questions(week, report):
    query = "SELECT COUNT(*) > 0 FROM sbtest.sbtest1"
    week.configure(more=f"\n[assert {week.INSTANCE}]\nrows_are_there = {query}\n")
    week.good("verify", f"--report={report.page}", "--level=queries")
    page, data = report()
    proof = data["instances"][0]["proofs"][0]
    exam = proof["exam"]
    assert len(exam["tables"]) == proof["table_count"]
    tables = {(table["schema"], table["name"]): table for table in exam["tables"]}
    for number in range(1, 5):
        table = tables["sbtest", f"sbtest{number}"]
        assert (table["fit"], table["check"], table["message"]) == ("same", "passed", None)
        assert f"sbtest{number}" in page
    assert exam["canary"]["found"] is True
    assert exam["asserts"] == [{"name": "rows_are_there", "sql": query, "passed": True,
                                "answer": "1"}]
    assert "rows_are_there" in page and query in page
    assert data["instances"][0]["proofs"][0]["rpo_seconds"] is not None


def test_a_report_is_written_of_a_drill_that_failed_and_names_file_and_link(week, report):
    damaged = week.sealed(week.ids[1], "sbtest1")
    lsnsite.flip_byte(damaged)
    week.ended(VERIFY, "verify", f"--report={report.page}", "--level=prepare")
    page, data = report()
    proof = data["instances"][0]["proofs"][0]
    assert data["passed"] is False and proof["verdict"] == "failed"
    assert proof["blamed"] == week.ids[1] and damaged.name in proof["failure"]
    assert "✗ Failed at level files" in page and damaged.name in page
    assert f"To blame: {week.ids[1]}" in page and "What to do:" in page


def test_the_report_of_all_has_a_section_for_each_and_the_history_of_the_drills(week, report):
    week.good("verify", "--level=prepare")
    week.good("verify", "--all", f"--report={report.page}", "--level=prepare")
    page, data = report()
    instance = data["instances"][0]
    assert sorted(proof["id"] for proof in instance["proofs"]) == week.ids
    assert len(instance["history"]) == 4
    assert all(f"shop: {backup_id}" in page for backup_id in week.ids)
    assert "4 drills and restores, 4 passed, 0 did not" in page


def test_a_report_replaces_the_one_before_and_keeps_who_may_read_it(week, report):
    report.page.write_text("of yesterday")
    report.page.chmod(0o644)
    week.good("verify", week.ids[0], f"--report={report.page}", "--level=files")
    page, data = report()
    assert "of yesterday" not in page and data["passed"] is True
    assert report.page.stat().st_mode & 0o777 == 0o644
    assert report.data.stat().st_mode & 0o777 == 0o640


def test_a_target_that_cannot_be_written_is_refused_before_the_drill(week, place):
    (place / "link.html").symlink_to("elsewhere")
    (place / "directory.html").mkdir()
    for target, status in ((place / "absent/drill.html", STORAGE), ("/proc/drill.html", STORAGE),
                           (place / "link.html", STORAGE), (place / "directory.html", STORAGE),
                           (place / "drill.json", USAGE), (f"{place}/", USAGE)):
        ran = week.ended(status, "verify", f"--report={target}", words=["--report="])
        assert "proven" not in ran.stdout
    assert {link["proof"] for link in week.links()} == {"none"}, "a drill took place"
    assert not os.path.lexists(place / "elsewhere")


def test_a_table_with_a_hostile_name_arrives_in_the_page_as_text(own_site, report):
    name = "<script>alert(1)</script>\"'&"
    own_site.server.sql(f"CREATE TABLE sbtest.`{name}` (id INT PRIMARY KEY) ENGINE=InnoDB")
    own_site.backup("full")
    own_site.good("verify", f"--report={report.page}", "--level=queries")
    page, data = report()
    tables = data["instances"][0]["proofs"][0]["exam"]["tables"]
    assert name in [table["name"] for table in tables]
    assert name in page
