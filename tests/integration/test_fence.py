# SPDX-License-Identifier: MIT
"""The fence: an incremental that would not fit its parent is not taken; a full is, and people hear."""
import shutil
import subprocess

import lsnsite
import pytest

WARNINGS, CHAIN = 3, 18


def expect_full(site, rule, alarm):
    """The next run takes a full, for this rule; an incremental was refused before, and told it once.
    The alarms."""
    before = site.newest()["id"]
    site.ended(CHAIN, "backup", "--type=incremental", words=[rule, "hint: ", "--type=full"])
    assert site.newest()["id"] == before
    broken = site.alerts("chain_broken")
    site.receiver.bodies.clear()
    site.ended(WARNINGS, "backup", words=[rule, "a full is taken"])
    newest = site.newest()
    assert (newest["type"], newest["full_rule"]) == ("full", rule)
    assert newest["full_reason"]
    broken += site.alerts("chain_broken")
    assert [(event["rule"], event["backup"]) for event in broken] == (
        [(rule, before)] if alarm else [])
    assert all(event["severity"] == "critical" for event in broken)
    assert len(site.alerts("chain_recovered")) == (1 if alarm else 0)
    assert site.alerts("backup_failed") == []
    site.good("verify", before, "--level=files")
    site.good("backup")
    assert site.newest()["parent"] == newest["id"]
    return broken


def test_after_a_restart_nobody_can_tell_so_a_full_is_taken_with_a_warning(own_site):
    own_site.configure(instance={"canary": "no"})
    own_site.backup("full")
    own_site.server.stop()
    own_site.server.start()
    expect_full(own_site, "timeline", alarm=False)


def put_back(server, snapshot):
    server.stop()
    shutil.rmtree(server.data)
    subprocess.run(["cp", "-a", snapshot, server.data], check=True)
    server.start()


def overtake(server, lsn):
    while server.lsn() <= lsn:
        server.sql("UPDATE sbtest.sbtest1 SET pad = LEFT(SHA2(RAND(), 512), 60)")


@pytest.fixture
def snapshot(own_site, place):
    """The data directory as it was before the first backup."""
    own_site.server.stop()
    copy = place / "snapshot"
    subprocess.run(["cp", "-a", own_site.server.data, copy], check=True)
    own_site.server.start()
    return copy


def test_a_server_put_back_behind_its_backups_breaks_the_chain(own_site, snapshot):
    own_site.backup("full")
    own_site.server.sql("UPDATE sbtest.sbtest1 SET c = 'lost'")
    own_site.backup("incremental")
    put_back(own_site.server, snapshot)
    expect_full(own_site, "lsn-regression", alarm=True)


def test_a_server_put_back_that_has_overtaken_its_backups_breaks_the_chain(own_site, snapshot):
    """Its LSN tells nothing any more; that its files are others does."""
    server = own_site.server
    own_site.backup("full")
    last = own_site.newest()["last_lsn"]
    put_back(server, snapshot)
    overtake(server, last)
    expect_full(own_site, "server-identity", alarm=True)


def test_a_server_rebuilt_from_an_older_backup_of_ours_breaks_the_chain(own_site):
    site, server = own_site, own_site.server
    first = site.backup("full")
    server.sql("UPDATE sbtest.sbtest1 SET c = 'lost'")
    site.backup("incremental")
    target = site.restore(first)
    server.stop()
    shutil.rmtree(server.data)
    target.rename(server.data)
    server.start()
    rule = site.run("backup", "--dry-run", "--output=json").json["instances"][0]["plan"]["full_rule"]
    assert rule in ("lsn-regression", "server-identity")
    assert site.alerts("chain_broken") == [], "a dry run told people"
    expect_full(site, rule, alarm=True)


def test_another_server_behind_the_same_instance_breaks_the_chain(own_site, new_server):
    own_site.backup("full")
    other = new_server()
    other.fill(tables=2, rows=1500)
    overtake(other, own_site.newest()["last_lsn"])
    own_site.server, ours = other, own_site.server
    own_site.write_defaults_file()
    expect_full(own_site, "server-identity", alarm=True)
    own_site.server = ours


def test_a_server_that_restarts_during_the_capture_makes_no_link(own_site):
    """Also a broken engine, for its connection goes; either way the chain before stays good."""
    site = own_site
    first = site.backup("full")
    site.configure(instance={"throttle": "1M"})
    running = site.start("backup", "--type=full")
    try:
        lsnsite.wait_until(lambda: any("/data/" in name for name in site.captures()), running)
        site.server.kill()
        site.server.start()
        _, said = running.communicate(timeout=90)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 14, said
    assert site.links() == [site.link(first)]
    assert site.alerts("backup_failed")
    site.configure()
    site.good("backup")
    assert site.newest()["parent"] == first and site.newest()["state"] == "complete"
    assert site.leftovers() == []
