# SPDX-License-Identifier: MIT
"""A site whose servers are down, so that each backup is an alert and costs nothing."""
import json
import subprocess

import lsnsite

FAILED = 12       # what such a backup ends with
WARNINGS = 3      # what a command ends with that did its work, while an alert did not arrive
UNDELIVERED = 17  # what `alert test` ends with


class NoServer:
    socket = "/nonexistent/mysqld.sock"


class AlertSite(lsnsite.Site):
    """Many instances, so that each alert can be another incident: site.fail(1), site.fail(2)."""

    def __init__(self, binary, place, instances=5, like=None):
        """`like`: a site whose files and channels it begins with."""
        self.sections = dict(like.sections) if like else {}
        self.routes = dict(like.routes) if like else {}
        self.instances = [f"shop{number}" for number in range(1, instances + 1)]
        super().__init__(binary, place, NoServer())
        if like:
            subprocess.run(["cp", "-a", like.repository, like.state, place], check=True)
        else:
            self.good("init")

    def configure(self, instance=None, general=None, more=""):
        parts = {"global": {"repository": self.repository, "state_dir": self.state},
                 **{f"instance {name}": {"defaults_file": self.defaults_file}
                    for name in self.instances},
                 **{f"alert {name}": keys for name, keys in self.sections.items()}}
        if self.routes:
            parts["route"] = {severity: ", ".join(names)
                              for severity, names in self.routes.items()}
        lsnsite.write_private(self.conf, lsnsite.sections(**parts) + more)

    def channel(self, name, **keys):
        """A channel that gets all there is."""
        self.sections[name] = keys
        self.routes = {severity: list(self.sections)
                       for severity in ("critical", "warning", "recovery")}
        self.configure()
        return self

    def fail(self, number=1, status=FAILED, **more):
        """A backup of that instance fails, which is an alert."""
        return self.ended(status, "-i", f"shop{number}", "backup", **more)

    def quiet_run(self, status=0, **more):
        """A command that does its work and raises no alert, but delivers what waits."""
        return self.ended(status, "-i", "shop1", "expire", **more)

    def spool_files(self):
        return sorted((self.state / "spool").glob("*.json"))

    def spooled(self):
        """The instances whose alerts wait, oldest first."""
        return [event["data"]["instance"] for event in self.spooled_events()]

    def spooled_of(self, kind):
        return [event["data"]["instance"] for event in self.spooled_events()
                if event["type"] == kind]

    def spooled_events(self):
        return [json.loads(path.read_text())["event"] for path in self.spool_files()]
