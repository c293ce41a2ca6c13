# SPDX-License-Identifier: MIT
"""What drills took is kept, a restore is forecast from it, and restore_within ends a chain."""
import re
import threading

import lsnsite

WARNINGS = 3


def history(site):
    return site.state / "shop/history.ini"


def drills(site):
    """The sections of the history, oldest first."""
    found = []
    for line in history(site).read_text().splitlines():
        if line.startswith("[drill "):
            found.append({})
        elif found and line:
            key, _, value = line.partition(" = ")
            found[-1][key] = value
    return found


def status(site):
    return site.good("status", "--output=json").json["instances"][0]


def slow_down(site, full_s, incremental_s):
    """As if the drills had been on large data: their steps took so long, and nothing else did."""
    head, _, body = history(site).read_text().split("\n", 2)
    for kind, seconds in (("full", full_s), ("incremental", incremental_s)):
        body = re.sub(rf"(?m)^(step_\d+ = \S+ {kind} .*) \d+ \d+$",
                      rf"\1 1 {seconds * 1000000 - 1}", body)
    body = re.sub(r"(?m)^took_us = .*$", "took_us = 0", body)
    lsnsite.write_private(history(site), f"{head}\nchecksum = {'0' * 64}\n{body}")
    lsnsite.rewrite_checked(history(site), "format = 1", "format = 1")


def test_a_restore_is_kept_as_a_drill_with_a_step_for_each_link(week):
    week.restore(week.ids[2])
    drill, = drills(week)
    assert drill["kind"] == "restore" and drill["backup"] == week.ids[2]
    assert drill["chain"] == week.ids[0] and drill["fresh"] == "yes" and drill["failure"] == ""
    steps = [drill[f"step_{number}"].split() for number in (1, 2, 3)]
    assert [step[0] for step in steps] == week.ids
    assert [step[1] for step in steps] == ["full", "incremental", "incremental"]
    for backup_id, step in zip(week.ids, steps):
        link = week.link(backup_id)
        assert int(step[4]) >= link["bytes_plain"] * 0.9
        assert int(step[5]) > 0 and int(step[6]) > 0
    assert sum(int(us) for step in steps for us in step[5:]) <= int(drill["took_us"])
    assert history(week).stat().st_mode & 0o777 == 0o600


def test_a_restore_that_failed_is_kept_and_teaches_nothing(week):
    lsnsite.flip_byte(week.sealed(week.ids[0], "sbtest1"))
    week.ended(20, "restore", week.ids[0], f"--target-dir={week.new_target()}")
    drill, = drills(week)
    assert "sbtest1" in drill["failure"]
    assert status(week)["forecast"]["latest"]["basis"] == "unknown"


def test_a_forecast_is_unknown_until_the_first_drill_and_then_told_before_each_restore(week):
    assert "not known until a first drill" in week.good("status").stdout
    latest = status(week)["forecast"]["latest"]
    assert latest["seconds"] is None and latest["basis"] == "unknown"
    assert latest["bytes_written"] == sum(link["bytes_plain"] for link in week.links())
    dry = week.good("restore", f"--target-dir={week.new_target()}", "--dry-run").stdout
    assert "time: not known" in dry
    assert not history(week).exists(), "a dry run is no drill"

    week.restore(week.ids[2])
    forecast = status(week)["forecast"]
    assert forecast["latest"]["basis"] == "measured" and forecast["latest"]["links"] == 3
    assert 1 <= forecast["latest"]["seconds"] < 60
    assert forecast["worst"]["id"] == week.ids[2]
    assert forecast["full"]["id"] == week.ids[0] and forecast["full"]["links"] == 1
    dry = week.good("restore", f"--target-dir={week.new_target()}", "--dry-run", "--output=json")
    assert dry.json["instances"][0]["restore"]["forecast"] == forecast["latest"]
    assert "by its own drills" in week.good("status").stdout


def test_status_and_check_say_when_restoring_takes_longer_than_is_wanted(week):
    week.restore(week.ids[2])
    slow_down(week, full_s=1800, incremental_s=2700)
    week.configure(instance={"restore_within": "1h"})
    told = "restoring now takes about 2h 00m, restore_within is 1h 00m; after a full taken now " \
        "about 30m 00s"
    assert f"wrong: {told}" in week.good("status").stdout
    assert told in status(week)["problems"]
    assert status(week)["forecast"]["restore_within"] == 3600
    week.ended(WARNINGS, "check", words=[f"forecast: {told}"])
    week.configure(instance={"restore_within": "3h"})
    assert not any("restoring now" in problem for problem in status(week)["problems"])
    week.good("check")


def test_a_chain_that_passes_restore_within_is_ended_by_one_full(week):
    week.restore(week.ids[2])
    slow_down(week, full_s=40, incremental_s=15)  # 70 s, and 85 s with one more
    week.configure(instance={"restore_within": "84s"})
    week.ended(0, "backup")
    full = week.newest()
    assert full["full_rule"] == "restore-within"
    assert "would take about 1m 25s" in full["full_reason"]
    assert "about 40s" in full["full_reason"]
    assert "restore-within" in week.good("show", full["id"]).stdout
    week.good("backup")
    assert week.newest()["type"] == "incremental", "another full for nothing"


def test_a_target_that_a_full_alone_passes_is_told_and_causes_no_full(week):
    week.restore(week.ids[2])
    slow_down(week, full_s=400, incremental_s=15)
    week.configure(instance={"restore_within": "1m"})
    week.ended(WARNINGS, "backup", words=["a full would not change that"])
    assert week.newest()["type"] == "incremental"
    assert "no chain can keep it" in week.good("status").stdout


def test_a_damaged_history_is_told_once_and_fails_nothing(week):
    week.restore(week.ids[2])
    lsnsite.flip_byte(history(week))
    week.good("status", words=["history.ini"])
    week.ended(WARNINGS, "restore", week.ids[0], f"--target-dir={week.new_target()}",
               words=["starts anew"])
    assert [drill["backup"] for drill in drills(week)] == [week.ids[0]]
    assert "history" not in week.good("restore", f"--target-dir={week.new_target()}").stderr


def test_without_a_configuration_nothing_is_recorded(week):
    bare = ("--repository", week.repository, "-i", "shop")
    ran = week.run("restore", f"--target-dir={week.new_target()}", configuration=bare)
    assert ran.status == 0, ran.said
    assert not history(week).exists()


def test_a_failed_proof_of_a_restorable_link_causes_one_full_and_no_second(week):
    """As a table that is corrupt at the source does it: CHECK TABLE fails in each test restore."""
    def condemn(backup_id):
        mark = week.repository / "shop/marks" / f"{backup_id}.ini"
        lsnsite.rewrite_checked(mark, "proof_failed = none", "proof_failed = queries")
        week.good("catalog", "rebuild")

    condemn(week.ids[2])
    week.good("backup")
    full = week.newest()
    assert full["full_rule"] == "proof-failed" and week.ids[2] in full["full_reason"]
    condemn(full["id"])
    week.good("backup")
    assert week.newest()["type"] == "incremental"


def test_a_test_restore_is_kept_as_a_drill(week):
    week.good("verify", week.ids[1], "--level=prepare")
    drill, = drills(week)
    assert drill["kind"] == "verify" and drill["reached"] == "prepare"
    assert [drill[f"step_{number}"].split()[0] for number in (1, 2)] == week.ids[:2]


def test_restores_and_test_restores_that_end_together_are_all_kept(week):
    def run(number):
        if number % 2 == 0:
            week.restore(week.ids[number % 3])
        else:
            week.good("verify", week.ids[number % 3], "--level=prepare")
    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drills(week)) == 4
    week.good("status")
