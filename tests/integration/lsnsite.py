# SPDX-License-Identifier: MIT
"""A site: one server, one repository, one configuration, and lsnchain run on them by hand."""
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import stat
import subprocess
import time

import mariadb

RUN_LIMIT = 300
FAKE_ENGINE = pathlib.Path(__file__).resolve().parents[1] / "fakes/fake-mariadb-backup"
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclasses.dataclass
class Ran:
    """How a run ended and what it said."""
    status: int
    stdout: str
    stderr: str

    @property
    def json(self):
        return json.loads(self.stdout)

    @property
    def said(self):
        return f"exit status {self.status}\n{self.stdout}\n{self.stderr}"


def write_private(path, text):
    path.write_text(text)
    path.chmod(0o600)


def sections(**parts):
    """INI: sections(**{"global": {"repository": "/x"}}); an underscore in a key stays."""
    lines = []
    for name, keys in parts.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def flip_byte(path, at=None):
    """Changes one byte in the middle, and neither size, mode nor mtime: what a bad disk does."""
    path = pathlib.Path(path)
    before = path.stat()
    path.chmod(before.st_mode | stat.S_IWUSR)
    with open(path, "r+b") as file:
        file.seek(before.st_size // 2 if at is None else at)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))
    path.chmod(stat.S_IMODE(before.st_mode))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path):
    """The second half is gone, and the mode is as before."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | stat.S_IWUSR)
    os.truncate(path, path.stat().st_size // 2)
    path.chmod(mode)


def turn_into_link(path):
    """The same bytes, but somewhere else, where anybody may change them."""
    mode = stat.S_IMODE(path.parent.stat().st_mode)
    path.parent.chmod(mode | stat.S_IWUSR)
    away = path.parents[3] / ("moved-" + path.name)
    path.rename(away)
    path.symlink_to(away)
    path.parent.chmod(mode)


def rewrite_checked(path, old, new):
    """Changes an INI file of ours and makes its checksum right again."""
    head, _, body = path.read_text().split("\n", 2)
    assert old in body
    body = body.replace(old, new, 1)
    checksum = hashlib.sha256(body.encode()).hexdigest()
    path.write_text(f"{head}\nchecksum = {checksum}\n{body}")


def remove_published(path):
    """A file or directory below backups/, which is published without write permission."""
    path = pathlib.Path(path)
    path.parent.chmod(0o750)
    if path.is_dir():
        for directory in [path, *(p for p in path.rglob("*") if p.is_dir())]:
            directory.chmod(0o750)
        shutil.rmtree(path)
    else:
        path.unlink()


def add_published(path, text):
    """A file that does not belong there."""
    mode = stat.S_IMODE(path.parent.stat().st_mode)
    path.parent.chmod(mode | stat.S_IWUSR)
    path.write_text(text)
    path.parent.chmod(mode)


def wait_until(holds, process=None, limit=60):
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def is_kept(path):
    """The frame of a scratch directory stays, SCRATCH/INSTANCE/capture, proof, locks, and in it the
    rolling base."""
    return ((path.is_dir() and path.name in ("shop", "capture", "proof", "rolling")) or
            path.name in ("lock", "rolling.lock") or "rolling" in path.parts)


def stored_bytes(*directories):
    """Bytes that these trees take together, a file with many names counted once."""
    inodes = {}
    for directory in directories:
        for path in pathlib.Path(directory).rglob("*"):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                inodes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(inodes.values())


class Site:
    INSTANCE = "shop"

    def __init__(self, binary, place, server, receiver=None):
        self.binary = binary
        self.place = pathlib.Path(place)
        self.server = server
        self.receiver = receiver
        self.repository = self.place / "repository"
        self.state = self.place / "state"
        self.conf = self.place / "lsnchain.conf"
        self.defaults_file = self.place / "shop.cnf"
        self.restores = itertools.count(1)  # several threads may ask
        self.write_defaults_file()
        self.configure()

    def write_defaults_file(self, password=mariadb.BACKUP_PASSWORD):
        write_private(self.defaults_file, sections(client={
            "user": mariadb.BACKUP_USER,
            "password": mariadb.option_file_value(password),
            "socket": self.server.socket}))

    def configure(self, instance=None, general=None, more=""):
        parts = {
            "global": {"repository": self.repository, "state_dir": self.state, **(general or {})},
            f"instance {self.INSTANCE}": {"defaults_file": self.defaults_file,
                                          "verify_after": "none", **(instance or {})},
        }
        if self.receiver is not None:
            parts["alert hook"] = {"type": "webhook", "url": self.receiver.url}
            parts["route"] = {"critical": "hook", "warning": "hook", "recovery": "hook"}
        write_private(self.conf, sections(**parts) + more)

    def command(self, *arguments, configuration=None):
        return [str(self.binary), *map(str, configuration or ("-c", self.conf)),
                *map(str, arguments)]

    def environment(self, more=None):
        return {"PATH": PLAIN_PATH, "TMPDIR": os.environ.get("TMPDIR", "/tmp"), **(more or {})}

    def use_fake(self, behaviour, **more):
        """An engine that misbehaves; told by its name, for an engine gets no environment."""
        fake = self.place / f"fake-mariadb-backup-{behaviour}"
        if not fake.is_symlink():
            fake.symlink_to(FAKE_ENGINE)
        self.configure(instance={"engine": fake, **more})
        return fake

    def run(self, *arguments, env=None, configuration=None, limit=RUN_LIMIT):
        """Runs lsnchain with this site's configuration; a leaked password fails any test."""
        done = subprocess.run(self.command(*arguments, configuration=configuration),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=limit, env=self.environment(env))
        for text in (done.stdout, done.stderr):
            assert mariadb.BACKUP_PASSWORD not in text, "the password was printed"
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments, env=None):
        """Starts lsnchain and does not wait; the caller ends it."""
        return subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment(env))

    def ended(self, status, *arguments, words=(), **more):
        """Runs it; it must end so and say these words."""
        ran = self.run(*arguments, **more)
        assert ran.status == status, f"{arguments}: {ran.said}"
        for word in words:
            assert str(word) in ran.stderr, f"{word!r} is not said: {ran.said}"
        return ran

    def good(self, *arguments, **more):
        return self.ended(0, *arguments, **more)

    def init(self):
        self.good("init")
        return self

    def links(self):
        """All links of all chains, oldest first."""
        listed = self.run("list", "--output=json").json
        return sorted((link for instance in listed["instances"] for chain in instance["chains"]
                       for link in chain["links"]), key=lambda link: link["id"])

    def backup(self, kind):
        """Takes a backup that must succeed; its id."""
        before = {link["id"] for link in self.links()}
        self.good("backup", f"--type={kind}")
        new = [link["id"] for link in self.links() if link["id"] not in before]
        assert len(new) == 1, f"{new} after one backup"
        assert new[0].endswith("-full" if kind == "full" else "-incr")
        return new[0]

    def link(self, backup_id):
        return next(link for link in self.links() if link["id"] == backup_id)

    def newest(self):
        return self.links()[-1]

    def states(self):
        return {link["id"]: link["state"] for link in self.links()}

    def captures(self, directory=None):
        """What is left of captures and prepared copies; lock files aside."""
        scratch = directory or self.repository / ".scratch"
        return sorted(str(path.relative_to(scratch)) for path in scratch.rglob("*")
                      if not is_kept(path))

    def leftovers(self):
        """Whatever a run left that is neither backup nor bookkeeping."""
        shelf = self.repository / self.INSTANCE
        left = self.captures()
        for name in (".incoming", ".trash"):
            left += [f"{name}/{path.name}" for path in (shelf / name).iterdir()]
        private = self.state / self.INSTANCE / "engine"
        left += [str(path) for path in private.rglob("*")] if private.exists() else []
        left += [str(path) for path in shelf.rglob(".*.new")]
        return left

    def alerts(self, kind=None):
        return [event["data"] for event in self.receiver.events(kind)]

    def directory(self, backup_id=""):
        return self.repository / self.INSTANCE / "backups" / backup_id

    def sealed(self, backup_id, table, schema="sbtest"):
        """The stored file of a table: pages in a full, changed pages in an incremental."""
        return next((self.directory(backup_id) / "data" / schema).glob(f"{table}.ibd*.lz4"), None) \
            or next((self.directory(backup_id) / "data" / schema).glob(f"{table}.ibd*"))

    def new_target(self):
        return self.place / f"restored{next(self.restores)}"

    def restore(self, backup_id):
        target = self.new_target()
        self.good("restore", backup_id, f"--target-dir={target}")
        return target
