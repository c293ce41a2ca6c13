# SPDX-License-Identifier: MIT
"""A private server: own directory, own socket, no network; and what tests ask of it.

MariaDB, unless another flavour was chosen: see flavours.py."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

from flavours import FLAVOUR

# What docs/ tells an administrator to grant to the user that takes backups, and nothing more.
BACKUP_GRANTS = (f"GRANT {', '.join(FLAVOUR.privileges + FLAVOUR.further)} ON *.* TO {{user}}",
                 *FLAVOUR.grants)
BACKUP_USER = "lsnbackup"
# Looked for in all that lsnchain prints; with characters that option files treat in two ways.
BACKUP_PASSWORD = "plan#ted 'se\\cret\""

START_LIMIT = 30
STOP_LIMIT = 60


def as_owner():
    """A server refuses to run as root."""
    return ["--user=mysql"] if os.geteuid() == 0 else []


def give_to_server(path):
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "mysql:mysql", path], check=True)


def option_file_value(text):
    """Quoted so that the server's parser and the client library's read the same."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_template(directory, *options):
    """An empty data directory, which each server gets a copy of: installing takes seconds.

    A server that starts removes what is called as a temporary table in its TMPDIR: nobody else's."""
    directory = pathlib.Path(directory)
    directory.mkdir()
    give_to_server(directory)
    done = subprocess.run(
        FLAVOUR.install(FLAVOUR, directory, *FLAVOUR.options, *options, *as_owner()),
        capture_output=True, text=True, env={**os.environ, "TMPDIR": str(directory)})
    assert done.returncode == 0, done.stdout + done.stderr
    (directory / "auto.cnf").unlink(missing_ok=True)  # MySQL's server_uuid: each copy makes its own
    return directory


class Server:
    """One server on `data`; its socket, log and pid file are in `place`."""

    def __init__(self, data, place, options=(), become=(), environment=None):
        self.data = pathlib.Path(data)
        self.place = pathlib.Path(place)
        self.place.mkdir(exist_ok=True)
        self.socket = self.place / "sock"
        self.log = self.place / "error.log"
        self.options = list(options)
        self.become = list(become)  # words before the command, of a user to whom all belongs
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.give(self.place)

    def give(self, path):
        if not self.become:
            give_to_server(path)

    def start(self):
        self.give(self.data)
        said = open(self.place / "output.log", "ab")
        self.process = subprocess.Popen(
            [*self.become, FLAVOUR.server, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
             f"--pid-file={self.place}/pid", f"--log-error={self.log}", f"--tmpdir={self.place}",
             *FLAVOUR.alone, *FLAVOUR.options, *([] if self.become else as_owner()),
             *self.options],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self.environment)
        said.close()
        deadline = time.monotonic() + START_LIMIT
        while self.client("SELECT 1").returncode != 0:
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"the server did not start:\n{self.log_text()}")
            time.sleep(0.05)
        return self

    def stop(self, number=signal.SIGTERM):
        """By its pid: other servers may run on this host."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def client(self, sql, user="root", password="", raw=True):
        """With raw=False the client writes line ends, tabs and backslashes as \\n, \\t and \\\\."""
        return subprocess.run(
            [FLAVOUR.client, "--no-defaults", f"--socket={self.socket}", f"--user={user}",
             "--default-character-set=utf8mb4", "--batch", "--skip-column-names",
             *(["--raw"] if raw else [])],
            env={**os.environ, "MYSQL_PWD": password}, input=sql, capture_output=True, text=True)

    def sql(self, text, **login):
        """The rows of all results, each a tuple of texts."""
        done = self.client(text, **login)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    @contextlib.contextmanager
    def open_transaction(self, text):
        """These statements are done, and not committed, as long as it lasts."""
        client = subprocess.Popen(
            [FLAVOUR.client, "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch",
             "--skip-column-names", "--unbuffered"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            client.stdin.write(f"BEGIN; {text}; SELECT 'done';\n")
            client.stdin.flush()
            assert client.stdout.readline() == "done\n"
            yield
        finally:
            client.stdin.close()
            client.stdout.close()
            client.wait()

    def value(self, text):
        return self.sql(text)[0][0]

    def add_backup_user(self):
        user = f"'{BACKUP_USER}'@'localhost'"
        password = BACKUP_PASSWORD.replace("\\", "\\\\").replace("'", "''")
        self.sql(f"CREATE USER {user} IDENTIFIED BY '{password}'")
        for grant in BACKUP_GRANTS:
            self.sql(grant.format(user=user))

    def tables(self):
        """The tables of users, as schema.table."""
        return [f"`{schema}`.`{table}`" for schema, table in self.sql(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type ="
            " 'BASE TABLE' AND table_schema NOT IN ('mysql', 'sys', 'performance_schema',"
            " 'information_schema', 'lsnchain') ORDER BY 1, 2")]

    def checksums(self):
        """Of the rows of each table; equal on two servers when their rows are."""
        return {table: self.sql(f"CHECKSUM TABLE {table} EXTENDED")[0][1]
                for table in self.tables()}

    def flush(self):
        """A checkpoint: until then a backup finds new rows in the redo log only."""
        FLAVOUR.checkpoint(self)

    def lsn(self):
        return int(self.value(f"SELECT variable_value FROM {FLAVOUR.status_table}"
                              f" WHERE variable_name = '{FLAVOUR.lsn_status}'"))

    def broken_tables(self):
        """What CHECK TABLE says of the tables that are not OK."""
        rows = [row for table in self.tables() for row in self.sql(f"CHECK TABLE {table}")]
        return [row for row in rows if row[2] == "error" or (row[2] == "status" and row[3] != "OK")]

    # ---- sysbench -------------------------------------------------------------------------------

    def sysbench(self, command, tables, rows, *more):
        return ["sysbench", "oltp_write_only", f"--mysql-socket={self.socket}",
                "--mysql-user=root", "--mysql-db=sbtest", f"--tables={tables}",
                f"--table-size={rows}", *more, command]

    def fill(self, tables=4, rows=5000):
        self.sql("CREATE DATABASE IF NOT EXISTS sbtest")
        subprocess.run(self.sysbench("prepare", tables, rows), check=True, capture_output=True)

    @contextlib.contextmanager
    def written_to(self, tables=4, rows=5000):
        """Writes all the time while the block runs; fails when the writer stopped on the way."""
        log = self.place / "sysbench.log"
        with open(log, "wb") as said:
            writer = subprocess.Popen(
                self.sysbench("run", tables, rows, "--threads=2", "--time=600"),
                stdout=said, stderr=subprocess.STDOUT, cwd=self.place)
        try:
            before = self.written()
            deadline = time.monotonic() + START_LIMIT
            while self.written() < before + 20:
                assert writer.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "sysbench writes nothing"
                time.sleep(0.05)
            yield writer
            assert writer.poll() is None, f"sysbench ended early:\n{log.read_text()}"
        finally:
            writer.terminate()
            writer.wait()

    def written(self):
        rows = self.sql("SHOW GLOBAL STATUS WHERE variable_name IN ('Com_update', 'Com_insert',"
                        " 'Com_delete', 'Com_stmt_execute')")
        return sum(int(number) for _, number in rows)


def copy_of_template(template, data):
    subprocess.run(["cp", "-a", "--reflink=auto", template, data], check=True)
    return pathlib.Path(data)

