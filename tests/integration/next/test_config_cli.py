# SPDX-License-Identifier: MIT
"""The configuration as a user meets it: found, refused, explained, shown without its secrets."""
import pytest

import lsnsite

CONFIG = 10


def refused(site, *words):
    ran = site.run("config", "show")
    assert ran.status == CONFIG, ran.said
    for word in words:
        assert word in ran.stderr, ran.said


def test_config_show_needs_no_server_and_no_repository(bare_site):
    bare_site.server.stop()
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


def test_a_bare_repository_can_be_read_without_any_configuration(site):
    backup_id = site.backup("full")
    lsnsite.write_private(site.conf, "this is no configuration\n")
    bare = [f"--repository={site.repository}"]
    for command in (["list"], ["status"], ["show", backup_id]):
        ran = site.run(*command, configuration=bare)
        assert ran.status == 0, ran.said
        assert backup_id in ran.stdout
    ran = site.run("verify", "--level=files", configuration=bare)
    assert ran.status == 0, ran.said


def test_a_good_night_is_silent(site):
    ran = site.good("-q", "backup")
    assert ran.stderr == ""


def test_environment_changes_nothing_that_is_done(site):
    ran = site.good("config", "show", env={"LSNCHAIN_REPOSITORY": "/elsewhere", "REPOSITORY": "/x"})
    assert "/elsewhere" not in ran.stdout
