# SPDX-License-Identifier: MIT
"""A server that speaks as MySQL (tests/fakes/mysql-server) before a real MariaDB."""
import contextlib
import copy
import json
import pathlib
import subprocess
import time

import mariadb

FRONT = pathlib.Path(__file__).resolve().parents[1] / "fakes/mysql-server"
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
# What docs/ tells an administrator to grant on MySQL, and nothing more.
PRIVILEGES = ["BACKUP_ADMIN", "PROCESS", "RELOAD", "LOCK TABLES", "REPLICATION CLIENT",
              "SHOW VIEW", "SESSION_VARIABLES_ADMIN"]
TABLES = {"performance_schema.log_status": ["SELECT"],
          "performance_schema.keyring_component_status": ["SELECT"],
          "performance_schema.replication_group_members": ["SELECT"],
          "lsnchain.*": ["SELECT", "INSERT", "DELETE", "CREATE"]}
COMPONENT = "file://component_mysqlbackup"


class Front:
    """The front of one server: as lsnsite.Site wants it, and its state, to be changed."""

    def __init__(self, server, version="8.4.6", name="my"):
        self.server = server
        self.socket = server.place / name
        self.state_file = pathlib.Path(f"{self.socket}.json")
        self.log = pathlib.Path(f"{self.socket}.log")
        self.state = {
            "version": version, "comment": "MySQL Community Server - GPL", "uuid": UUID,
            "behind": str(server.socket), "variables": {"gtid_mode": "ON"}, "status": {},
            "sources": [], "components": [], "page_track_start": 0, "refuse": {},
            "users": {"root": {"password": "not empty", "privileges": ["ALL PRIVILEGES"]},
                      mariadb.BACKUP_USER: {"password": mariadb.BACKUP_PASSWORD,
                                            "privileges": list(PRIVILEGES),
                                            "tables": dict(TABLES)}}}
        self.process = None
        self.write()

    def write(self):
        new = pathlib.Path(f"{self.socket}.json.new")
        new.write_text(json.dumps(self.state))
        new.rename(self.state_file)

    def change(self, **values):
        """From now on the server is so, for open connections too."""
        self.state.update(values)
        self.write()
        return self

    def change_user(self, **values):
        self.state["users"][mariadb.BACKUP_USER].update(values)
        self.write()
        return self

    def start(self):
        self.process = subprocess.Popen([FRONT, self.socket], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.socket.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, "no front"
            time.sleep(0.02)
        return self

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def statements(self):
        """All that was asked, as (connection, user, statement)."""
        return [tuple(line.split("\t", 2)) for line in self.log.read_text().splitlines()]
    @contextlib.contextmanager
    def but(self, **values):
        """The server is so while the block runs."""
        before = {key: self.state[key] for key in values}
        self.change(**values)
        try:
            yield self
        finally:
            self.change(**before)

    @contextlib.contextmanager
    def without(self, privilege, table=None):
        """The backup user lacks it while the block runs."""
        users = copy.deepcopy(self.state["users"])
        user = users[mariadb.BACKUP_USER]
        if table is None:
            user["privileges"].remove(privilege)
        else:
            user["tables"][table].remove(privilege)
        with self.but(users=users):
            yield self

    @contextlib.contextmanager
    def tracking_pages(self, since):
        """Pages are tracked since this LSN, and the backup user may ask for them."""
        users = copy.deepcopy(self.state["users"])
        users[mariadb.BACKUP_USER]["privileges"].append("SYSTEM_VARIABLES_ADMIN")
        users[mariadb.BACKUP_USER]["tables"]["mysql.component"] = ["SELECT"]
        with self.but(users=users, components=[COMPONENT], page_track_start=since):
            yield self
