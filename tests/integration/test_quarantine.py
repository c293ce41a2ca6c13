# SPDX-License-Identifier: MIT
"""Quarantine: who is condemned with a damaged file, what lifts it, and what the next backup does."""
import subprocess

import lsnsite
import pytest

WARNINGS, CHAIN, VERIFY, RESTORE = 3, 18, 20, 21


@pytest.fixture
def shared(week):
    """Two fulls, each with an incremental, that share a file; the oldest is found damaged."""
    week.server.flush()
    week.ids = week.ids[:1]
    week.ids += [week.links()[1]["id"], week.backup("full"), week.backup("incremental")]
    first, second = (week.sealed(week.ids[number], "sbtest4") for number in (0, 2))
    assert first.stat().st_ino == second.stat().st_ino, "no hard link: no test"
    week.damaged = first
    lsnsite.flip_byte(first)
    week.ended(VERIFY, "verify", week.ids[0], "--level=files", words=[first.name])
    return week


def restore_sh(site, backup_id, *options):
    target = site.new_target()
    return subprocess.run(["sh", site.directory(backup_id) / "RESTORE.sh", target, *options],
                          capture_output=True, text=True, env=site.environment()), target


def shown(site, backup_id):
    return site.good("show", backup_id, "--output=json").json["instances"][0]["backup"]


def test_what_hangs_on_a_backup_with_the_damaged_file_is_not_restorable_and_not_marked(shared):
    full, link = shared.ids[2], shared.ids[3]
    assert shared.link(full)["state"] == "quarantined"
    mark = (shared.repository / shared.INSTANCE / "marks" / f"{link}.ini").read_text()
    assert "state = complete" in mark, "what hangs on it is derived, not written"
    assert shown(shared, link)["restorable"] is False
    assert "not restorable" in shared.good("list").stdout
    shared.ended(RESTORE, "restore", link, f"--target-dir={shared.new_target()}", words=[full])
    shared.ended(CHAIN, "backup", "--type=incremental", words=[full])


def test_restore_sh_refuses_what_shares_the_damaged_file_and_what_hangs_on_it(shared):
    lsnsite.flip_byte(shared.damaged)  # all sums match again: the marks alone refuse
    for backup_id in shared.ids[2:]:
        done, target = restore_sh(shared, backup_id)
        assert done.returncode != 0 and shared.ids[2] in done.stderr, done.stderr
        assert "quarantined" in done.stderr and "--anyway" in done.stderr
        assert not target.exists()
    done, target = restore_sh(shared, shared.ids[3], "--anyway")
    assert done.returncode == 0, done.stderr


def test_when_the_disk_reads_well_again_each_is_lifted_by_its_own_proof(shared):
    lsnsite.flip_byte(shared.damaged)
    shared.ended(CHAIN, "verify", shared.ids[2], "--level=files", words=["must not be trusted"])
    assert shared.link(shared.ids[2])["state"] == "quarantined", "reading is not enough"
    shared.good("verify", shared.ids[3], "--level=prepare")
    assert shared.link(shared.ids[2])["state"] == "complete", "it was prepared on the way"
    assert shared.link(shared.ids[0])["state"] == "quarantined", "that one was not looked at"
    assert shown(shared, shared.ids[3])["restorable"] is True
    shared.good("verify", shared.ids[0], "--level=prepare")
    assert set(shared.states().values()) == {"complete"}


def test_verify_all_lifts_every_one_of_them(shared):
    lsnsite.flip_byte(shared.damaged)
    shared.good("verify", "--all", "--level=prepare")
    assert set(shared.states().values()) == {"complete"}
    assert {link["proof_failed"] for link in shared.links()} == {"none"}


def test_the_chain_that_was_lifted_is_taken_up_again_by_the_next_backup(shared):
    lsnsite.flip_byte(shared.damaged)
    shared.good("verify", shared.ids[3], "--level=prepare")
    shared.good("backup")
    newest = shared.newest()
    assert (newest["type"], newest["parent"]) == ("incremental", shared.ids[3])
    shared.good("verify", newest["id"], "--level=prepare")


def test_a_full_that_was_taken_meanwhile_stays_the_newest_chain(shared):
    shared.ended(WARNINGS, "backup")
    fresh = shared.newest()["id"]
    lsnsite.flip_byte(shared.damaged)
    shared.good("verify", "--all", "--level=prepare")
    shared.good("backup")
    assert shared.newest()["parent"] == fresh


def test_what_the_fence_condemned_no_proof_lifts(week):
    mark = week.repository / week.INSTANCE / "marks" / f"{week.ids[2]}.ini"
    lsnsite.rewrite_checked(mark, "state = complete\nrule = \nreason = \n",
                            "state = quarantined\nrule = timeline\nreason = it was put back\n")
    week.ended(WARNINGS, "backup", words=[week.ids[2]])
    week.ended(CHAIN, "verify", week.ids[2], "--level=prepare", words=["must not be trusted"])
    assert week.link(week.ids[2])["state"] == "quarantined"


@pytest.mark.parametrize("kind,status", [("full", CHAIN), ("incremental", CHAIN)])
def test_what_was_being_taken_while_its_twin_was_condemned_is_not_trusted(week, kind, status):
    """The verify finds it after the new backup was hard-linked, before it is in the catalog."""
    hook = week.place / "rsync"
    hook.write_text("#!/bin/sh\nrsync \"$@\" || exit\n"
                    f"touch {week.place}/copied\n"
                    f"while [ ! -e {week.place}/go ]; do sleep 0.1; done\n")
    hook.chmod(0o755)
    week.configure(instance={"rsync": hook})
    running = week.start("backup", f"--type={kind}")
    try:
        lsnsite.wait_until(lambda: (week.place / "copied").exists(), running)
        lsnsite.flip_byte(week.sealed(week.ids[0], "sbtest1"))
        week.ended(VERIFY, "verify", week.ids[0], "--level=files")
        (week.place / "go").touch()
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == status, said
    newest = week.newest()
    assert newest["state"] == "quarantined" and week.ids[0] in newest["reason"], newest
    if kind == "full":
        week.good("verify", newest["id"], "--level=prepare")
        assert week.newest()["state"] == "complete"
