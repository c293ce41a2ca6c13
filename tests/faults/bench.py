# SPDX-License-Identifier: MIT
"""What the fault matrices stand on: a small server, an engine that replays, sites to be harmed.

A Bench makes its templates once: directories with a repository and a state in a known condition.
A case copies one, harms a command there, and looks.
"""
import collections
import fcntl
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import checker  # noqa: E402
import lsnsite  # noqa: E402
import mariadb  # noqa: E402

# Ids have whole seconds: what follows a case need not wait for the next one.
LATER = {"LSNCHAIN_CLOCK": "+20"}
ORPHAN_LIMIT = 10

Call = collections.namedtuple("Call", "number function path")


def build_shim(place):
    shim = pathlib.Path(place) / "shim.so"
    subprocess.run(["cc", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                    "-o", shim, HERE / "shim.c", "-ldl"], check=True)
    return shim


def start_small_server(place):
    """Few files, each of which costs a dozen calls: of mysql only what cannot be done without."""
    template = mariadb.make_template(place / "template")
    server = mariadb.Server(template, place / "server").start()
    try:
        server.add_backup_user()
        server.sql("DROP DATABASE sys; SET GLOBAL general_log = 0; SET GLOBAL slow_query_log = 0")
        for name, kind in server.sql("SELECT table_name, table_type FROM information_schema.tables"
                                     " WHERE table_schema = 'mysql'"):
            server.sql(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} mysql.`{name}`")
        server.sql("CREATE DATABASE week; CREATE TABLE week.days (day INT PRIMARY KEY);"
                   "INSERT INTO week.days VALUES (1), (2), (3)")
        settle(server)
    except BaseException:
        server.stop()
        raise
    return server


def contents(directory):
    """Names, modes and sums: two healthy restores of one backup are the same to the byte."""
    return {str(path.relative_to(directory)): (oct(path.stat().st_mode), path.stat().st_uid,
                                               path.is_file() and checker.sha256(path))
            for path in directory.rglob("*")}


def settle(server):
    """Until nothing moves any more: then an incremental begins and ends at the same LSN."""
    deadline, seen = time.monotonic() + 60, []
    while len(seen) < 3 or len(set(seen[-3:])) > 1:
        assert time.monotonic() < deadline, f"the server does not come to rest: {seen}"
        server.flush()
        time.sleep(0.3)
        status = server.client("SHOW ENGINE INNODB STATUS").stdout
        seen.append(re.search(r"Last checkpoint at\s+(\d+)", status)[1])


class Site(lsnsite.Site):
    """A site on the replaying engine, and all that a case does there."""
    shim = None
    before = ()  # calls of a killed run that made the template

    def configure(self, instance=None, general=None, more=""):
        """Engines stand beside the recording, which all sites of a bench share."""
        keys = {"engine": "replay", "canary": "no", "prepare_memory": "16M", **(instance or {})}
        if not isinstance(keys["engine"], pathlib.Path):
            keys["engine"] = self.engines / f"{keys['engine']}-engine"
        super().configure(keys, general, more)

    def harmed(self, *arguments, under=None, limit=120, env=None, **plan):
        """Runs a command with the shim: harmed("backup", KILL="7:after"); how it ended.  Without a
        plan its calls are told, and that is all."""
        trace = self.trace
        trace.unlink(missing_ok=True)
        environment = {"LD_PRELOAD": str(self.shim), "LSNCHAIN_FAULT_TRACE": str(trace),
                       "LSNCHAIN_FAULT_UNDER": ":".join(map(str, under or self.own_paths())),
                       **(env or {})}
        environment.update({f"LSNCHAIN_FAULT_{key}": str(value) for key, value in plan.items()})
        return self.run(*arguments, env=environment, limit=limit)

    def dying_engine(self, moment):
        """An engine whose capture is killed."""
        path = self.place / "dying-engine"
        path.write_text(f"#!/bin/sh\nexec {self.engines}/dying-engine {moment} \"$@\"\n")
        path.chmod(0o755)
        return path

    def mortal(self, real, call):
        """Like the program `real`, but SIGKILL meets it and its children at that call; not when it is
        only asked for its version."""
        path = self.place / f"mortal-{pathlib.Path(real).name}"
        path.write_text(f"""#!/bin/sh
case " $* " in *" --version "*) exec {real} "$@" ;; esac
export LD_PRELOAD={self.shim} LSNCHAIN_FAULT_TRACE={self.trace_of_child} LSNCHAIN_FAULT_GROUP=1
export LSNCHAIN_FAULT_UNDER={":".join(map(str, self.own_paths()))} LSNCHAIN_FAULT_KILL={call}
exec {real} "$@"
""")
        path.chmod(0o755)
        return path

    def own_paths(self):
        return [self.repository, self.state, *self.place.glob("restored*"),
                self.place / "restored1"]

    @property
    def trace_of_child(self):
        return self.trace.with_name(f"{self.trace.name}-child")

    def calls(self, trace=None):
        """What the last harmed run did, as far as it came."""
        trace = trace or self.trace
        text = trace.read_text(errors="replace") if trace.exists() else ""
        return [Call(int(number), function, path) for number, function, path in
                (line.split(" ", 2) for line in text.splitlines())]

    def wait_for_orphans(self):
        """An engine whose parent was killed may hold the locks for a moment."""
        locks = [self.state / self.INSTANCE / "lock", self.repository / self.INSTANCE / "lock"]
        deadline = time.monotonic() + ORPHAN_LIMIT
        for lock in filter(pathlib.Path.exists, locks):
            with open(lock, "rb") as file:
                while True:
                    try:
                        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        assert time.monotonic() < deadline, f"{lock} stays held"
                        time.sleep(0.01)


class Bench:
    """Everything below one private directory; close() ends the server and removes it."""

    def __init__(self, binary, place=None):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="fm.", dir=place))
        self.place.chmod(0o755)
        self.numbers = itertools.count(1)
        self.binary = pathlib.Path(binary)
        self.server = None
        self.calls = {}  # of commands that nobody harmed
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        self.shim = build_shim(self.place)
        for engine in HERE.glob("*-engine"):
            shutil.copy(engine, self.place)
        (self.place / "recording").mkdir()
        with open(self.place / "recording/version", "wb") as version:
            subprocess.run(["/usr/bin/mariadb-backup", "--version"], stderr=version, check=True)
        self.server = start_small_server(self.place)
        self.templates = {}
        for name, make in TEMPLATES.items():
            place = self.place / f"template-{name}"
            place.mkdir()
            site = self.site_in(place)
            make(self, site)
            self.templates[name] = site
        self.rows = self.server.checksums()
        site = self.new_site("week")
        self.restored = contents(site.restore("latest"))
        self.remove(site)

    def log_lines(self, kind):
        """Of a recorded capture."""
        return len((self.place / f"recording/{kind}.log").read_text().splitlines())

    def close(self):
        if self.server is not None:
            self.server.stop()
        subprocess.run(["chmod", "-R", "u+rwx", self.place], check=False)
        shutil.rmtree(self.place, ignore_errors=True)

    def site_in(self, place):
        site = Site.__new__(Site)
        site.shim, site.engines = self.shim, self.place
        site.trace = self.place / f"trace-{place.name}"
        site.__init__(self.binary, place, self.server)
        shelf = site.repository / site.INSTANCE
        site.ids = sorted(checker.shown(site.repository, site.INSTANCE)) if shelf.exists() else []
        return site

    def new_site(self, template, place=None):
        """A copy of a template, the caller's to spoil and to remove."""
        own = pathlib.Path(place or self.place) / f"c{next(self.numbers)}"
        own.mkdir(mode=0o755)
        model = self.templates[template]
        parts = [part for part in (model.repository, model.state) if part.exists()]
        if parts:
            subprocess.run(["cp", "-a", *parts, own], check=True)
        site = self.site_in(own)
        site.before = [call._replace(path=call.path.replace(str(model.place), str(own)))
                       for call in model.before]
        return site

    @staticmethod
    def remove(site):
        for trace in (site.trace, site.trace_of_child):
            trace.unlink(missing_ok=True)
        subprocess.run(["chmod", "-R", "u+rwx", site.place], check=False)
        shutil.rmtree(site.place, ignore_errors=True)


# ---- templates: the state before a command ----------------------------------------------------

def make_nothing(bench, site):
    """Before `init`."""


def make_empty(bench, site):
    site.init()


def make_week(bench, site):
    site.init()
    for number, kind in enumerate(("full", "incremental", "incremental")):
        site.good("backup", f"--type={kind}", env={"LSNCHAIN_CLOCK": f"-{(3 - number) * 3600}"})


def make_killed(point):
    def make(bench, site):
        make_week(bench, site)
        ran = site.harmed("backup", env={"LSNCHAIN_CRASH": point, "LSNCHAIN_CLOCK": "-60"})
        assert ran.status == -signal.SIGKILL, ran.said
        site.before = site.calls()
        site.wait_for_orphans()
    return make


def make_chains(bench, site):
    """Two chains, of which the newer one is proven: the older one may go."""
    site.init()
    for number, kind in enumerate(("full", "incremental", "full", "incremental")):
        site.good("backup", f"--type={kind}", env={"LSNCHAIN_CLOCK": f"-{(4 - number) * 3600}"})
    site.good("verify", "latest", "--level=prepare")


def make_pinned(bench, site):
    make_week(bench, site)
    site.good("pin", "latest")


TEMPLATES = {
    "nothing": make_nothing,
    "empty": make_empty,
    "week": make_week,
    "chains": make_chains,
    "pinned": make_pinned,
    "captured": make_killed("capture.made"),
    "renamed": make_killed("publish.renamed"),
}
