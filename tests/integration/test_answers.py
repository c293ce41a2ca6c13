# SPDX-License-Identifier: MIT
"""why and impact: what is said of a chain that is whole, broken, damaged or shared."""
import shlex

import lsnsite

USAGE = 2


def why(site, *arguments, **more):
    """The answers by topic; a topic may have several."""
    found = {}
    ran = site.good("why", *arguments, "--output=json", **more).json["instances"][0]
    for answer in ran["why"]:
        found.setdefault(answer["topic"], []).append(answer)
    return found


def impact(site, what):
    return site.good("impact", what, "--output=json").json["instances"][0]["impact"]


def test_why_says_of_a_sound_backup_what_it_is_and_what_is_not_proven(week):
    full, first, newest = week.ids
    said = why(week, full)
    assert "a full was asked for" in said["type"][0]["answer"]
    assert "ever proven" in said["proof"][0]["answer"]
    assert "newest-chain" in said["kept"][0]["answer"]
    said = why(week, newest)
    assert first in said["type"][0]["answer"]
    assert said["restorable"][0]["command"] == (
        f"lsnchain -c {week.conf} -i shop restore {newest} --target-dir=DIR")
    week.good("verify", newest, "--level=prepare")
    said = why(week, newest)
    assert "it is proven: level prepare" in said["proof"][0]["answer"]
    assert said["proof"][0]["command"] == ""
    text = week.good("why", newest).stdout
    assert text.startswith(newest) and f"restore {newest} --target-dir=DIR" in text


def test_why_tells_what_the_next_run_takes(week):
    assert week.ids[2] in why(week)["next"][0]["answer"]
    week.configure(instance={"max_incrementals": "2"})
    said = why(week)["next"][0]["answer"]
    assert "a full" in said and "max-incrementals" in said


def test_the_salvage_command_of_a_broken_chain_restores_what_is_left(week, restored):
    full, first, newest = week.ids
    lsnsite.flip_byte(week.sealed(newest, "sbtest1"))
    week.ended(20, "verify", newest, "--level=files")
    said = why(week)
    assert newest in said["quarantine"][0]["answer"]
    assert said["quarantine"][0]["command"].endswith(f"verify {newest} --level=prepare")
    words = said["salvage"][0]["command"].split()
    assert words[:7] == ["lsnchain", "-c", str(week.conf), "-i", "shop", "restore", first]
    target = week.new_target()
    week.good(*words[5:-1], f"--target-dir={target}")
    with restored(target) as copy:
        assert copy.checksums() == week.checksums[1]
    assert why(week, newest)["restorable"][0]["answer"] == (
        f"it cannot be restored, because of {newest}")


def test_a_chain_without_its_full_has_nothing_to_salvage(week):
    lsnsite.flip_byte(week.sealed(week.ids[0], "sbtest1"))
    week.ended(20, "verify", week.ids[0], "--level=files")
    assert "nothing of the chain" in why(week)["salvage"][0]["answer"]


def test_impact_follows_an_inode_through_all_generations(week):
    second = week.backup("full")
    last = week.backup("incremental")
    name = "data/mysql/proc.MAD.lz4"
    path = week.directory(second) / name
    assert path.stat().st_nlink > 1, "two fulls of a quiet server share this file"
    holders = [i for i in [*week.ids, second, last]
               if (week.directory(i) / name).stat().st_ino == path.stat().st_ino]
    told = impact(week, path)
    assert told["holders"] == holders and {week.ids[0], second} <= set(holders)
    assert told["lost"] == [*week.ids, second, last]
    assert told["restorable_until_id"] is None
    text = week.good("impact", path).stdout
    assert "never" in text and second in text


def test_impact_of_a_file_of_one_link_spares_the_links_before_it(week):
    told = impact(week, week.sealed(week.ids[1], "sbtest1"))
    assert told["holders"] == [week.ids[1]]
    assert told["lost"] == week.ids[1:]
    assert told["restorable_until_id"] == week.ids[0]


def test_impact_of_a_backup_is_that_of_all_that_hangs_on_it(week):
    assert impact(week, week.ids[0])["lost"] == week.ids
    assert impact(week, "latest")["lost"] == [week.ids[2]]
    assert impact(week, week.directory(week.ids[1]))["lost"] == week.ids[1:]


def test_impact_of_a_file_that_is_gone_is_that_of_its_own_backup(week):
    path = week.sealed(week.ids[2], "sbtest1")
    lsnsite.remove_published(path)
    assert impact(week, path)["lost"] == [week.ids[2]]


def test_impact_takes_a_path_however_it_is_written(week, monkeypatch):
    """Through links, relative, with .. behind a link (which the kernel follows first)."""
    path = week.sealed(week.ids[1], "sbtest1")
    elsewhere = week.place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "repository").symlink_to(week.repository)
    (elsewhere / "data").symlink_to(path.parent.parent)
    (elsewhere / "file").symlink_to(path)
    inside = path.relative_to(week.repository)
    for written in (elsewhere / "repository" / inside, f"{path.parent}/../sbtest/{path.name}",
                    f"{elsewhere}/data/../../{week.ids[1]}/data/sbtest/{path.name}", elsewhere / "file"):
        assert impact(week, written)["lost"] == week.ids[1:], written
    assert impact(week, f"{week.directory(week.ids[1])}/")["lost"] == week.ids[1:]
    monkeypatch.chdir(path.parent)
    for written in (path.name, f"./{path.name}", f"../sbtest/{path.name}"):
        assert impact(week, written)["lost"] == week.ids[1:], written


def test_answers_of_chains_without_their_head_or_tail(week):
    lsnsite.flip_byte(week.sealed(week.ids[2], "sbtest1"))
    week.ended(20, "verify", week.ids[2], "--level=files")
    assert impact(week, week.ids[2])["lost"] == []
    assert impact(week, week.ids[1])["lost"] == [week.ids[1]]
    lsnsite.remove_published(week.directory(week.ids[0]))
    week.ended(3, "backup")
    for which in week.ids[:2]:
        assert week.ids[0] in why(week, which)["missing"][0]["answer"]
    assert "nothing of the chain" in why(week, week.ids[1])["salvage"][0]["answer"]
    assert impact(week, week.ids[1])["lost"] == []
    assert impact(week, week.directory(week.ids[0]) / "data/ibdata1.lz4")["lost"] == []


def test_impact_refuses_what_is_in_no_backup(week):
    week.ended(USAGE, "impact", "/etc/passwd", words=["no file of a backup", "hint: "])
    week.ended(USAGE, "impact", week.repository / "shop/catalog.ini", words=["hint: "])
    week.ended(USAGE, "impact", week.directory("nonsense") / "data", words=["hint: "])


def test_the_command_to_type_can_be_typed_wherever_the_configuration_is(week):
    odd = week.place / "it's here.conf"
    week.conf.rename(odd)
    said = why(week, "latest", configuration=("-c", odd))
    words = shlex.split(said["restorable"][0]["command"])
    assert words[:3] == ["lsnchain", "-c", str(odd)]
    week.good(*words[3:-1], f"--target-dir={week.new_target()}", configuration=("-c", odd))


def test_both_answer_on_a_bare_host_and_beside_a_damaged_chain(week):
    bare = (f"--repository={week.repository}", "-i", "shop")
    ran = week.good("why", configuration=bare)
    assert f"lsnchain --repository={week.repository} -i shop" in ran.stdout
    assert "the next run" not in ran.stdout and "backup" not in ran.stdout
    ran = week.good("why", "latest", configuration=bare)
    assert "it is kept" not in ran.stdout and "expire" not in ran.stdout
    week.good("impact", week.ids[0], configuration=bare)
    week.ended(USAGE, "why", "2001")
