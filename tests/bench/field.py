# SPDX-License-Identifier: MIT
"""Where it is measured: a server with data, a repository, and what a week does to them."""
import pathlib
import subprocess
import time

import lsnsite
import mariadb

TABLES = 16
ROW_BYTES = 1024
LINKS = 7
# Neither waits for the disk at each commit, so that the data are there soon; a restore of them does
# not know how they were written.
OPTIONS = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
           "--innodb-buffer-pool-size=512M", "--log-bin=bin", "--sync-binlog=0"]

# Every second table compresses well, the others not at all.
PAYLOADS = (f"REPEAT(HEX(RANDOM_BYTES(8)), {ROW_BYTES // 16})", f"RANDOM_BYTES({ROW_BYTES})")


def timed(function, *arguments):
    """Seconds; what earlier steps left to be written is on disk before."""
    subprocess.run(["sync"], check=True)
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started


class Field:
    def __init__(self, binary, place, mib):
        self.place = pathlib.Path(place)
        self.mib = mib
        self.days = 0
        template = mariadb.make_template(self.place / "template")
        data = mariadb.copy_of_template(template, self.place / "data")
        self.server = mariadb.Server(data, self.place / "server", OPTIONS)
        self.binary = binary
        self.site = None

    def open(self):
        self.server.start().add_backup_user()
        self.site = lsnsite.Site(self.binary, self.place, self.server)
        self.site.configure(instance={"max_incrementals": 1000})
        self.site.init()
        self.fill()
        return self

    def close(self):
        self.server.stop()

    @property
    def rows(self):
        """Of each table."""
        return (self.mib << 20) // ROW_BYTES // TABLES

    def fill(self):
        self.server.sql("CREATE DATABASE bench")
        for number in range(TABLES):
            self.server.sql(
                f"CREATE TABLE bench.t{number} (id INT PRIMARY KEY, at DATETIME NOT NULL,"
                f" payload VARBINARY({ROW_BYTES}) NOT NULL, KEY (at));"
                f"INSERT INTO bench.t{number} SELECT seq, NOW(), {PAYLOADS[number % 2]}"
                f" FROM bench.seq_1_to_{self.rows}")
        self.server.flush()

    def day(self):
        """A quarter of one table is written anew, a hundredth of another is deleted."""
        self.days += 1
        writes, deletes = self.days % TABLES, (self.days + 5) % TABLES
        self.server.sql(
            f"UPDATE bench.t{writes} SET at = NOW(), payload = {PAYLOADS[writes % 2]}"
            f" WHERE id BETWEEN {self.rows // 2} AND {self.rows * 3 // 4};"
            f"DELETE FROM bench.t{deletes} WHERE id % 100 = {self.days % 100}")
        self.server.flush()

    def week(self):
        """A chain of one link less than LINKS; the last one is taken by what measures it."""
        self.site.backup("full")
        for _ in range(LINKS - 2):
            self.next_link()

    def next_link(self):
        self.day()
        return self.site.backup("incremental")

    def chain(self):
        return [link["id"] for link in self.site.links()]

    def new_directory(self, name):
        path = self.place / name
        subprocess.run(["rm", "-rf", path], check=True)
        path.mkdir()
        return path
