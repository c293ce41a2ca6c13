# SPDX-License-Identifier: MIT
"""The ladder of proof, on real servers: what each level finds, says, records and leaves."""
import hashlib
import json
import os
import shutil

import pytest

VERIFY, WARNINGS = 20, 3


def asserting(sql, name="holds"):
    return f"[assert shop]\n{name} = {sql}\n"


def tree_state(site):
    """What a proof must not touch: bytes and change times below backups/."""
    state = {}
    for path in sorted(site.directory().rglob("*")):
        status = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        state[str(path)] = (status.st_ctime_ns, status.st_mode, status.st_size, digest)
    return state


def verified(ran):
    return ran.json["instances"][0]["verified"][0]


def test_a_backup_is_proven_by_a_server_that_answers_queries(own_site):
    own_site.configure(instance={"verify_after": "queries"},
                       more=asserting("SELECT COUNT(*) = 500 FROM sbtest.sbtest1"))
    own_site.good("backup", "--output=json")
    own_site.good("backup")
    for link in own_site.links():
        assert link["proof"] == "queries" and link["proven"] is True
    status = own_site.good("status", "--output=json").json["instances"][0]
    assert status["proven_until_id"] == own_site.newest()["id"] and status["problems"] == []


def test_a_proof_tells_what_it_asked_and_what_could_be_lost(own_site):
    own_site.configure(more=asserting("SELECT COUNT(*) FROM sbtest.sbtest1"))
    own_site.good("backup")
    found = verified(own_site.good("verify", "--level=queries", "--output=json"))
    assert found["reached"] == "queries" and found["passed"] and found["faults"] == []
    assert found["asserts"] == [{"name": "holds", "passed": True, "answer": "500"}]
    assert found["tables"] > found["checked"] > 2 and found["left"] == 0
    assert found["canary_at"] and 0 <= found["rpo_seconds"] < 300
    text = own_site.good("verify", "--level=queries").stdout
    assert "proven at level queries" in text and "assert holds: holds (500)" in text


def test_a_proof_leaves_the_published_tree_as_it_is(week):
    before = tree_state(week)
    week.good("verify", "--level=queries")
    week.good("verify", "--all", "--level=queries")
    assert tree_state(week) == before
    assert week.leftovers() == []


def test_an_assertion_that_does_not_hold_is_an_alarm_and_no_broken_chain(own_site):
    own_site.configure(instance={"verify_after": "queries"},
                       more=asserting("SELECT COUNT(*) > 9999 FROM sbtest.sbtest1", "many-rows"))
    own_site.ended(VERIFY, "backup", words=["many-rows"])
    link = own_site.newest()
    assert link["state"] == "complete" and link["proof"] == "server"
    assert link["proof_failed"] == "queries" and not link["proven"]
    assert [alert["backup"] for alert in own_site.alerts("proof_failed")] == [link["id"]]
    assert own_site.alerts("chain_broken") == []
    own_site.restore(link["id"])


def test_after_an_assertion_failed_auto_takes_one_full_and_not_one_each_night(own_site):
    own_site.good("backup")
    own_site.configure(instance={"verify_after": "queries"},
                       more=asserting("SELECT COUNT(*) > 9999 FROM sbtest.sbtest1"))
    for _ in range(4):
        own_site.ended(VERIFY, "backup")
    assert [link["type"] for link in own_site.links()] == [
        "full", "incremental", "full", "incremental", "incremental"]
    own_site.configure(instance={"verify_after": "none"})
    own_site.good("backup")
    own_site.good("verify", "--level=files")
    assert own_site.alerts("proof_recovered") == [], "reading is no test restore"
    own_site.configure(instance={"verify_after": "queries"})
    own_site.good("backup")
    assert own_site.newest()["proven"] is True
    assert len(own_site.alerts("proof_recovered")) == 1


def test_without_a_server_program_the_level_is_not_reached_and_never_said_to_be(own_site):
    program = own_site.place / "mariadbd-of-another-series"
    program.write_text("#!/bin/sh\necho 'mariadbd  Ver 10.4.1-MariaDB for Linux on x86_64'\n")
    program.chmod(0o755)
    own_site.configure(instance={"verify_after": "queries", "server_binary": program})
    own_site.ended(WARNINGS, "check", words=["test restore: cannot start a server"])
    own_site.ended(WARNINGS, "backup", words=["server", "10.4.1"])
    assert own_site.newest()["proof"] == "prepare"
    ran = own_site.run("verify", "--level=server", "--output=json")
    assert ran.status == VERIFY and verified(ran)["reached"] == "prepare"
    assert own_site.newest()["proof_failed"] == "none"


def test_a_link_is_proven_by_itself_while_the_base_holds_the_others(own_site):
    own_site.configure(instance={"verify_after": "queries"})
    own_site.good("backup")
    full = own_site.newest()
    own_site.server.sql("INSERT INTO sbtest.sbtest1 (id, k, c, pad) VALUES (90001, 1, 'c', 'p')")
    own_site.good("backup")
    assert own_site.link(full["id"])["files_at"] == full["files_at"], "the full was not read again"
    own_site.ended(0, "-v", "verify", "--level=queries", "--fresh",
                   words=[f"unsealing {full['id']}"])
    assert own_site.link(full["id"])["files_at"] > full["files_at"]


def test_a_prepare_that_is_asked_for_again_is_done_again(own_site):
    own_site.good("backup")
    for _ in range(2):
        own_site.ended(0, "-v", "verify", "--level=prepare",
                       words=[f"unsealing {own_site.newest()['id']}"])


def test_the_stored_bytes_of_a_link_that_the_base_holds_are_read_by_each_of_its_proofs(week):
    import lsnsite
    week.good("verify", "--level=prepare")
    lsnsite.flip_byte(week.sealed(week.ids[-1], "sbtest1"))
    ran = week.run("verify", "--level=server")
    assert ran.status == VERIFY and week.ids[-1] in ran.stderr, ran.said
    assert week.link(week.ids[-1])["proof_failed"] == "files"


def test_a_server_that_does_not_start_on_the_base_is_tried_on_one_made_anew(own_site):
    own_site.good("backup")
    own_site.good("verify", "--level=prepare")
    asked = own_site.place / "asked"
    asked.touch(mode=0o644)
    program = own_site.place / "stand-in-server"
    server = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    program.write_text(f'#!/bin/sh\nif [ "$2" = --version ]; then echo >>{asked}\n'
                       f'elif [ $(wc -l <{asked}) = 1 ]; then\n'
                       "echo '[ERROR] InnoDB: Corrupted page'; exit 1; fi\n"
                       f'exec {server} "$@"\n')
    program.chmod(0o755)
    own_site.configure(instance={"server_binary": program})
    own_site.ended(WARNINGS, "verify", "--level=server",
                   words=["the rolling base is made anew", "Corrupted page"])
    assert own_site.newest()["proof"] == "server" and own_site.alerts("proof_failed") == []


def test_a_stored_file_that_went_bad_under_the_base_is_found_before_it_counts_too_long(week):
    """The base holds good pages; the disk does not any more."""
    import lsnsite
    week.configure(instance={"reread_every": "1h"})
    week.good("verify", "--level=prepare")
    lsnsite.flip_byte(week.sealed(week.ids[0], "sbtest1"))
    week.good("verify", "--level=server")
    later = {"LSNCHAIN_CLOCK": "+3000"}
    ran = week.run("verify", "--level=server", env=later)
    if ran.status == 0:
        pytest.fail("nothing was read again")
    assert ran.status == VERIFY and week.ids[0] in ran.stderr


def test_rows_of_a_transaction_that_was_open_are_not_in_the_restored_server(own_site):
    own_site.server.sql("CREATE DATABASE bank; CREATE TABLE bank.accounts (id INT PRIMARY KEY);"
                        "INSERT INTO bank.accounts VALUES (1), (2)")
    with own_site.server.open_transaction("DELETE FROM bank.accounts WHERE id = 1;"
                                          "INSERT INTO bank.accounts VALUES (3)"):
        own_site.good("backup")
    own_site.configure(more=asserting("SELECT GROUP_CONCAT(id ORDER BY id) = '1,2'"
                                      " FROM bank.accounts"))
    own_site.good("verify", "--level=queries")


def test_every_harm_of_the_sabotage_is_noticed_and_the_alarm_is_heard(week):
    """Of links that are proven, too: an engine that refuses those blames them for nothing."""
    week.good("verify", "--level=prepare", "latest-full")
    ran = week.good("verify", "--sabotage", "--level=queries", "--output=json")
    harms = ran.json["instances"][0]["sabotage"][0]["harms"]
    assert {harm["name"] for harm in harms} == {"missing-link", "flipped-byte", "cut-file",
                                                "swapped-links", "lost-table", "spoiled-pages"}
    assert all(harm["tried"] and harm["noticed"] for harm in harms), json.dumps(harms, indent=1)
    assert ran.json["channels"][0]["delivered"] is True
    assert week.alerts("alert_test") and week.alerts("chain_broken") == []
    assert week.leftovers() == [] and all(s == "complete" for s in week.states().values())


def test_a_sabotage_that_no_level_can_notice_is_not_called_noticed(week):
    ran = week.ended(WARNINGS, "verify", "--sabotage", "--level=files", "--output=json",
                     words=["only the level queries can notice it"])
    harms = {harm["name"]: harm for harm in ran.json["instances"][0]["sabotage"][0]["harms"]}
    assert not harms["spoiled-pages"]["tried"] and not harms["spoiled-pages"]["noticed"]


def test_a_sabotage_whose_alarm_is_not_heard_fails(week):
    week.receiver.close()
    ran = week.run("verify", "--sabotage", "--level=files")
    assert ran.status == 17, ran.said


@pytest.mark.parametrize("arguments", [("--sabotage", "--all"), ("--sabotage", "--report=x.html"),
                                       ("--level=all",), ("--max-time=soon",)])
def test_what_makes_no_sense_is_refused_before_anything_is_done(week, arguments):
    before = os.listdir(week.repository / ".scratch") if (week.repository / ".scratch").exists() \
        else None
    assert week.run("verify", *arguments).status == 2
    after = os.listdir(week.repository / ".scratch") if (week.repository / ".scratch").exists() \
        else None
    assert before == after


def test_a_bare_host_proves_with_a_server_and_leaves_nothing(week, tmp_path):
    before = tree_state(week)
    ran = week.run("verify", "--level=queries", configuration=("--repository", week.repository),
                   env={"TMPDIR": str(tmp_path)})
    assert ran.status == 0 and "proven at level queries" in ran.stdout, ran.said
    assert "killed" not in ran.stderr
    assert tree_state(week) == before and list(tmp_path.iterdir()) == []
