# SPDX-License-Identifier: MIT
"""What conf/ holds for schedulers: units of systemd, cron's file, logrotate's.

There is no systemd here to start a unit, so what a unit says is put around its own command: the
user, the capabilities, the read-only file system and the private /tmp.  docs/scheduling.md tells what was run under a
real one.  `systemd-analyze` judges the rest."""
import pathlib
import re
import shlex
import subprocess

import pytest
import test_ordinary_user
from test_ordinary_user import GID, UID, UserSite, open_binary  # noqa: F401 (a fixture)

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
UNITS = CONF / "systemd"
INSTALLED = "/usr/local/bin/lsnchain"
REFUSED, STORAGE = 15, 16
SERVICES = ("lsnchain@", "lsnchain-check@", "lsnchain-alert@", "lsnchain-verify@")
MOST_EXPOSED = {"lsnchain@": 25, "lsnchain-check@": 25, "lsnchain-alert@": 25,
                "lsnchain-verify@": 16}


def text(service):
    return (UNITS / f"{service}.service").read_text()


def settings(service, key):
    """All values of a key, of lines that continue too."""
    joined = text(service).replace("\\\n", " ")
    return re.findall(rf"^{key}=(.*)$", joined, re.M)


def setting(service, key):
    value, = settings(service, key)
    return value


def sandbox(service):
    box = re.search(r"^# --- sandbox.*?\n(.*?)^# --- end of the sandbox", text(service), re.M | re.S)
    return [line for line in box[1].splitlines() if not line.startswith("#")]


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False, **more)


# ---- systemd ------------------------------------------------------------------------------------

@pytest.fixture
def installed_units(place, binary):
    """Copies that name a program which is there."""
    for path in UNITS.glob("lsnchain*@*"):
        (place / path.name).write_text(path.read_text().replace(INSTALLED, str(binary)))
    return place


def test_systemd_understands_every_unit(installed_units):
    paths = sorted(installed_units.glob("*@*"))
    assert len(paths) == len(SERVICES) + 3
    for path in paths:
        done = run("systemd-analyze", "verify", "--man=no", path)
        complaints = [line for line in done.stderr.splitlines() if "lsnchain" in line]
        assert (done.returncode, complaints) == (0, []), path.name


@pytest.mark.parametrize("service", SERVICES)
def test_no_unit_is_more_exposed_than_is_written_down(service):
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager",
               f"--threshold={MOST_EXPOSED[service]}", UNITS / f"{service}.service")
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_timers_name_times_that_there_are():
    timers = sorted(UNITS.glob("*.timer"))
    assert [timer.name.partition("@")[0] + "@" for timer in timers] == [
        "lsnchain-check@", "lsnchain-verify@", "lsnchain@"]
    for timer in timers:
        for key in ("OnCalendar", "RandomizedDelaySec"):
            value = re.search(rf"^{key}=(.+)$", timer.read_text(), re.M)[1]
            kind = "calendar" if key == "OnCalendar" else "timespan"
            assert run("systemd-analyze", kind, value).returncode == 0, value
        assert "Persistent=yes" in timer.read_text()


def test_the_account_of_the_units_can_be_made():
    done = run("systemd-sysusers", "--dry-run", UNITS / "lsnchain.sysusers")
    assert done.returncode == 0, done.stderr
    assert "u lsnchain " in (UNITS / "lsnchain.sysusers").read_text()


def test_check_sees_what_the_backup_sees():
    """Else it would find good in the morning what the sandbox forbids at night."""
    keys = ("User", "Group", "AmbientCapabilities", "CapabilityBoundingSet", "SecureBits",
            "StateDirectory", "ReadWritePaths")
    for other in ("lsnchain-check@", "lsnchain-alert@"):
        assert sandbox(other) == sandbox("lsnchain@") and len(sandbox(other)) > 15
        assert [settings(other, key) for key in keys] == [settings("lsnchain@", key)
                                                          for key in keys]


def test_what_reads_back_needs_less_than_what_backs_up():
    assert setting("lsnchain-verify@", "CapabilityBoundingSet") == ""
    assert setting("lsnchain-verify@", "RestrictNamespaces") == "yes"
    assert "@mount" not in " ".join(settings("lsnchain-verify@", "SystemCallFilter"))


def test_a_unit_that_failed_calls_the_last_line_and_warnings_are_no_failure():
    for service in SERVICES:
        assert setting(service, "SuccessExitStatus") == "3"
        assert setting(service, "KillMode") == "mixed"
        assert setting(service, "TimeoutStartSec") != "infinity"
        calls = settings(service, "OnFailure")
        assert calls == ([] if service == "lsnchain-alert@" else ["lsnchain-alert@%i.service"])


# ---- what a unit says, around its command -------------------------------------------------------

def capabilities(service, key):
    names = " ".join(settings(service, key)).split()
    return ["+" + name.removeprefix("CAP_").lower() for name in names]


# ProtectSystem=strict, ReadWritePaths=$2 and PrivateTmp=yes.  $1, which holds $2, is most often below
# /tmp itself: it is put back there, and only its part $2 can be written.
FILES = """set -e
mount --bind "$1" /mnt
mount -o remount,bind,ro /
mount -t tmpfs -o mode=1777 private /tmp
mkdir -p "$1"
mount --bind /mnt "$1"
mount -o remount,bind,ro "$1"
mount --bind "/mnt/${2#"$1"/}" "$2"
umount /mnt
shift 2
exec "$@"
"""


def boxed(service, writable):
    """The words before a command that give it what the unit would give it."""
    for key, value in (("ProtectSystem", "strict"), ("NoNewPrivileges", "yes"),
                       ("PrivateTmp", "yes")):
        assert setting(service, key) == value
    bounding = ",".join(["-all", *capabilities(service, "CapabilityBoundingSet")])
    words = ["unshare", "--mount", "--propagation=private", "sh", "-c", FILES, "sh",
             str(writable.parent.parent), str(writable), "setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups",
             f"--bounding-set={bounding}", "--no-new-privs"]
    ambient = ",".join(capabilities(service, "AmbientCapabilities"))
    if ambient:
        words += [f"--inh-caps={ambient}", f"--ambient-caps={ambient}"]
    if settings(service, "SecureBits"):
        words.append("--securebits=+" + setting(service, "SecureBits").replace("-", "_"))
    return words


class UnitSite(UserSite):
    """A site whose commands run as those of a unit."""
    def start_unit(self, service, status=0, box=None):
        command = shlex.split(settings(service, "ExecStart")[-1])
        assert command[0] == INSTALLED
        words = [word.replace("%i", self.INSTANCE) for word in command[1:]]
        done = run(*(box or boxed(service, self.place)), self.binary, "-c", self.conf, *words,
                   env=self.environment())
        assert done.returncode == status, done.stdout + done.stderr
        return done


@pytest.fixture
def unit_site(open_binary, place, common_server, receiver):  # noqa: F811
    home = place / "home"
    home.mkdir()
    subprocess.run(["chown", f"{UID}:{GID}", home], check=True)
    site = UnitSite(open_binary, home, common_server, receiver)
    site.become = test_ordinary_user.dropped(*test_ordinary_user.CAPABILITY,
                                             test_ordinary_user.SECURE_BIT)
    site.configure(instance={"verify_after": "queries"})
    return site.init()


def test_each_unit_does_its_work_with_what_it_leaves_it(unit_site):
    """In order: two nights, a morning, a Sunday, and an alarm; each silent when all is well."""
    for service in ("lsnchain@", "lsnchain@", "lsnchain-check@", "lsnchain-verify@",
                    "lsnchain-alert@"):
        done = unit_site.start_unit(service)
        assert (done.stdout, done.stderr) == ("", ""), service
    assert [link["proof"] for link in unit_site.links()] == ["queries", "queries"]
    assert all(link["files_at"] for link in unit_site.links())


def test_a_proof_in_the_sandbox_of_the_unit_copies_nothing(unit_site):
    """The overlay that it needs can be had there; else a note would tell why not."""
    done = run(*boxed("lsnchain@", unit_site.place), unit_site.binary, "-v", "-c", unit_site.conf,
               "backup", env=unit_site.environment())
    assert done.returncode == 0, done.stderr
    assert "no overlay" not in done.stderr and "starting a server" in done.stderr
    assert unit_site.newest()["proof"] == "queries"


def test_nothing_of_what_the_unit_gives_is_given_in_vain(unit_site):
    box = boxed("lsnchain@", unit_site.place)
    without = [word for word in box if not word.startswith(("--ambient-caps", "--inh-caps"))]
    assert "may not read" in unit_site.start_unit("lsnchain@", REFUSED, without).stderr
    without = [word for word in box if not word.startswith("--securebits")]
    assert "may not read" in unit_site.start_unit("lsnchain@", REFUSED, without).stderr
    elsewhere = unit_site.place.parent / "elsewhere"
    elsewhere.mkdir()
    assert "Read-only file system" in unit_site.start_unit(
        "lsnchain@", STORAGE, boxed("lsnchain@", elsewhere)).stderr


# ---- cron ---------------------------------------------------------------------------------------

def cron_lines():
    lines = (CONF / "lsnchain.cron").read_text().splitlines()
    jobs = [line for line in lines if re.match(r"[\d*]", line)]
    return [line for line in lines if re.match(r"\w+=", line)], jobs


def test_cron_finds_the_program_and_mails_what_it_says():
    variables, jobs = cron_lines()
    assert "MAILTO=root" in variables
    path, = [line for line in variables if line.startswith("PATH=")]
    assert pathlib.Path(INSTALLED).parent.as_posix() in path.removeprefix("PATH=").split(":")
    for job in jobs:
        *times, user, command = job.split(None, 6)
        assert all(re.fullmatch(r"\*|\d+", time) for time in times) and user == "root"
        assert command.startswith("lsnchain -q -i shop ") and "%" not in command
    assert "." not in re.search(r"/etc/cron\.d/(\S+)", (CONF / "lsnchain.cron").read_text())[1]


def test_a_good_day_of_crons_is_silent(site):
    _, jobs = cron_lines()
    assert len(jobs) == 3
    for job in jobs:
        words = shlex.split(job.split(None, 6)[6])
        done = site.good(*words[1:])
        assert done.stdout + done.stderr == "", job
    site.write_defaults_file(password="wrong")
    for job in jobs[:2]:
        done = site.run(*shlex.split(job.split(None, 6)[6])[1:])
        assert done.status not in (0, 3) and done.stderr != "", "cron would mail nothing"


# ---- logrotate ----------------------------------------------------------------------------------

@pytest.fixture
def rotation(place):
    logs = place / "logs"
    logs.mkdir(mode=0o750)
    rules = place / "rules"
    rules.write_text((CONF / "lsnchain.logrotate").read_text().replace("/var/log/lsnchain", str(logs)))
    rules.chmod(0o644)
    return logs, rules


def test_logrotate_understands_its_file(rotation):
    logs, rules = rotation
    (logs / "shop.log").write_text("a line\n")
    done = run("logrotate", "--debug", "--state", logs / "state", rules)
    assert done.returncode == 0 and "error" not in done.stderr, done.stderr
    assert f"considering log {logs}/shop.log" in done.stderr
    assert (logs / "shop.log").read_text() == "a line\n"


def test_logrotate_loses_no_line(rotation):
    logs, rules = rotation
    log = logs / "shop.log"
    for week in range(3):
        with log.open("a") as out:
            out.write(f"week {week}\n")
        log.chmod(0o640)
        done = run("logrotate", "--force", "--state", logs / "state", rules)
        assert done.returncode == 0, done.stderr
    assert log.read_text() == "" and log.stat().st_mode & 0o777 == 0o640
    assert (logs / "shop.log.1").read_text() == "week 2\n", "not compressed before the next week"
    older = [run("zcat", logs / f"shop.log.{n}.gz").stdout for n in (2, 3)]
    assert older == ["week 1\n", "week 0\n"]
