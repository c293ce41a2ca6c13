# SPDX-License-Identifier: MIT
"""The kinds of server that these tests run on: all in which they differ is in a row below.

LSNCHAIN_TEST_FLAVOUR says which (else mariadb); the server's programs are found along PATH.
"""
import dataclasses
import json
import os
import subprocess
import time
import typing

CHECKPOINT_LIMIT = 30
NEAR = 4096  # bytes of redo log that even an idle MySQL keeps beyond its last checkpoint


def install_mariadb(flavour, directory, *options):
    """A server that starts removes temporary tables from its tmpdir, those of others too."""
    return ["mariadb-install-db", "--no-defaults", f"--datadir={directory}",
            f"--tmpdir={directory}", "--skip-test-db",
            "--auth-root-authentication-method=normal", *options]


def initialize_mysql(flavour, directory, *options):
    return [flavour.server, "--no-defaults", "--initialize-insecure", f"--datadir={directory}",
            *options]


def checkpoint_mariadb(server):
    server.sql("FLUSH TABLES; SET GLOBAL innodb_log_checkpoint_now = ON")


def lsns_of_mysql(server):
    engines = json.loads(server.value("SELECT storage_engines FROM performance_schema.log_status"))
    return engines["InnoDB"]["LSN"], engines["InnoDB"]["LSN_checkpoint"]


def checkpoint_mysql(server):
    """Only its debug builds have a statement for it: so no page may stay dirty for a moment."""
    server.sql("FLUSH TABLES; SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0;"
               "SET GLOBAL innodb_max_dirty_pages_pct = 0")
    wanted, reached = lsns_of_mysql(server)
    deadline = time.monotonic() + CHECKPOINT_LIMIT
    while reached + NEAR < wanted:
        assert time.monotonic() < deadline, f"no checkpoint: LSN {reached} of {wanted}"
        time.sleep(0.05)
        _, reached = lsns_of_mysql(server)
    server.sql("SET GLOBAL innodb_max_dirty_pages_pct = DEFAULT;"
               "SET GLOBAL innodb_max_dirty_pages_pct_lwm = DEFAULT")


@dataclasses.dataclass(frozen=True)
class Flavour:
    name: str
    server: str
    client: str
    engine: str  # the program that its backups are taken with
    install: typing.Callable  # (flavour, directory, *options): how an empty data directory is made
    options: tuple  # small, for a test
    alone: tuple  # nothing outside its own directories
    checkpoint: typing.Callable
    status_table: str
    lsn_status: str
    privileges: tuple  # what docs/ tells to grant on *.* to the user that takes backups ...
    further: tuple  # ... and without which it takes them all the same
    grants: tuple  # and beside it


OF_CANARY = "GRANT CREATE, SELECT, INSERT, DELETE ON lsnchain.* TO {user}"

FLAVOURS = {flavour.name: flavour for flavour in (
    Flavour(
        name="mariadb", server="mariadbd", client="mariadb", engine="mariadb-backup",
        install=install_mariadb,
        options=("--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M"),
        alone=("--skip-networking",),
        checkpoint=checkpoint_mariadb,
        status_table="information_schema.global_status", lsn_status="Innodb_lsn_current",
        privileges=("RELOAD", "PROCESS", "LOCK TABLES", "BINLOG MONITOR", "SHOW VIEW"),
        further=("SLAVE MONITOR", "BINLOG ADMIN"),
        grants=(OF_CANARY,)),
    Flavour(
        name="mysql", server="mysqld", client="mysql", engine="xtrabackup",
        install=initialize_mysql,
        options=("--innodb-redo-log-capacity=32M", "--innodb-buffer-pool-size=64M"),
        alone=("--skip-networking", "--mysqlx=0", "--secure-file-priv=NULL"),
        checkpoint=checkpoint_mysql,
        status_table="performance_schema.global_status", lsn_status="Innodb_redo_log_current_lsn",
        privileges=("BACKUP_ADMIN", "PROCESS", "RELOAD", "LOCK TABLES", "REPLICATION CLIENT",
                    "SHOW VIEW"),
        further=("SESSION_VARIABLES_ADMIN",),
        grants=tuple(f"GRANT SELECT ON performance_schema.{table} TO {{user}}" for table in (
            "log_status", "keyring_component_status", "replication_group_members")) + (OF_CANARY,)),
)}


def chosen():
    """The flavour that was asked for; a server of another kind under its name is no test of it."""
    flavour = FLAVOURS[os.environ.get("LSNCHAIN_TEST_FLAVOUR", "mariadb")]
    said = subprocess.run([flavour.server, "--no-defaults", "--version"], capture_output=True,
                          text=True, check=True).stdout
    assert ("MariaDB" in said) == (flavour.name == "mariadb"), \
        f"{flavour.server} is not of the flavour {flavour.name}: {said}"
    return flavour


FLAVOUR = chosen()
