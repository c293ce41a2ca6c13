# SPDX-License-Identifier: MIT
"""Where it is measured: a server with data, a repository, and what a week does to them."""
import dataclasses
import pathlib
import subprocess
import time

import lsnsite
import mariadb

from peak import run_watched

ROW_BYTES = 1024
MEDIUM, SMALL = 16, 500  # tables, beside one that holds half of all rows
LINKS = 7
PARALLEL = 2  # lsnchain's default, and the engine's when it is run by hand
MEMORY = "512M"  # likewise, for preparing
LIMIT_S = 3600
# ext4 does not give an inode again that was freed less than a minute ago, but looks at each of them
# whenever a file is made: who has just removed a thousand files pays for it with the next thousand.
QUIET_S = 65
SETTLE_S = 120
OPTIONS = ["--innodb-doublewrite=0", "--innodb-buffer-pool-size=512M",
           "--innodb-log-file-size=512M", "--log-bin=bin", "--sync-binlog=0"]
# Nothing waits for the disk at a commit while the data are made; a backup of them does not know it.
HASTY = "SET GLOBAL innodb_flush_log_at_trx_commit = {}"

# Half of the bytes of a compressible row are said once only: LZ4 makes one of two of it.
PAYLOADS = {"compressible": "CONCAT(RANDOM_BYTES(480), REPEAT(HEX(RANDOM_BYTES(8)), 34))",
            "random": f"RANDOM_BYTES({ROW_BYTES})"}
CONTENTS = {"mixed": ("compressible", "random"), "compressible": ("compressible",),
            "random": ("random",)}


@dataclasses.dataclass(frozen=True)
class Table:
    name: str
    rows: int
    payloads: tuple  # each for an equal range of its rows

    @property
    def ranges(self):
        """(first, last, payload)"""
        bounds = [self.rows * i // len(self.payloads) for i in range(len(self.payloads) + 1)]
        return [(low + 1, high, PAYLOADS[payload])
                for low, high, payload in zip(bounds, bounds[1:], self.payloads)]

    def statements(self):
        yield (f"CREATE TABLE bench.{self.name} (id INT PRIMARY KEY, at DATETIME NOT NULL,"
               f" payload VARBINARY({ROW_BYTES}) NOT NULL, KEY (at))")
        for first, last, payload in self.ranges:
            yield (f"INSERT INTO bench.{self.name} SELECT seq, NOW(), {payload}"
                   f" FROM bench.seq_{first}_to_{last}")


def layout(mib, content, n_small):
    """One table holds half of the rows, 16 hold seven sixteenths, the small ones the rest."""
    rows = (mib << 20) // ROW_BYTES
    payloads = CONTENTS[content]
    big = Table("big", rows // 2, payloads)
    medium = [Table(f"m{i}", rows * 7 // 16 // MEDIUM, payloads[i % len(payloads):][:1])
              for i in range(MEDIUM)]
    small = [Table(f"s{i}", max(1, rows // 16 // n_small), payloads[i % len(payloads):][:1])
             for i in range(n_small)]
    return big, medium, small


def timed(function, *arguments):
    """Seconds; what earlier steps left to be written is on disk before."""
    subprocess.run(["sync"], check=True)
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started


def remove_tree(path):
    """What is published has no write permission."""
    if path.exists():
        subprocess.run(["chmod", "-R", "u+rwx", path], check=True)
        subprocess.run(["rm", "-rf", path], check=True)


class Field:
    def __init__(self, binary, place, mib, content="mixed", n_small=SMALL):
        self.binary = binary
        self.place = pathlib.Path(place)
        self.trash = self.place / "trash"
        self.trash.mkdir(parents=True)
        self.big, self.medium, self.small = layout(mib, content, n_small)
        self.days = self.thrown_away = 0
        self.has_week = False
        self.load_s = 0.0  # so long sysbench goes on, where it runs beside a backup
        self.server = None
        self.site = None

    def open(self, **instance):
        template = mariadb.make_template(self.place / "template")
        data = mariadb.copy_of_template(template, self.place / "data")
        self.server = mariadb.Server(data, self.place / "server", OPTIONS)
        self.server.start().add_backup_user()
        self.site = lsnsite.Site(self.binary, self.place, self.server)
        self.configure(**instance)
        self.site.init()
        self.fill()
        return self

    def close(self):
        if self.server is not None:
            self.server.stop()
        remove_tree(self.place)

    def configure(self, **instance):
        self.site.configure(instance={"parallel": PARALLEL, "prepare_memory": MEMORY,
                                      "max_incrementals": 1000, **instance})

    def fill(self):
        statements = [HASTY.format(0), "SET sql_log_bin = 0", "CREATE DATABASE bench"]
        for table in (self.big, *self.medium, *self.small):
            statements += table.statements()
        self.server.sql(";".join([*statements, HASTY.format(1)]))
        self.settle()

    def settle(self):
        """All that was changed is in the files, what a purge takes out of them too: else it would
        come when it likes, and change the files of an earlier day once more."""
        deadline = time.monotonic() + SETTLE_S
        while int(self.server.value("SELECT variable_value FROM information_schema.global_status"
                                    " WHERE variable_name = 'innodb_history_list_length'")) > 0:
            assert time.monotonic() < deadline, "the purge does not come to its end"
            time.sleep(0.1)
        self.server.flush()

    # ---- lsnchain ------------------------------------------------------------------------------

    def lsnchain(self, *arguments):
        """It must end well."""
        return self.site.good(*arguments, limit=LIMIT_S)

    def watched(self, *arguments):
        """The same: seconds, and the peak of its memory in MiB."""
        subprocess.run(["sync"], check=True)
        return run_watched(self.site.command(*arguments), self.site.environment())

    def empty(self):
        """No backup is there: nothing to link to, nothing to begin from."""
        self.throw_away(self.site.repository)
        self.throw_away(self.site.state)
        self.site.init()
        self.has_week = False

    def chain(self):
        return [link["id"] for link in self.site.links()]

    def new_directory(self, name):
        path = self.place / name
        self.throw_away(path)
        path.mkdir()
        return path

    def throw_away(self, path):
        """For sweep(): what is removed now would slow down what is measured next."""
        if path.exists():
            self.thrown_away += 1
            path.rename(self.trash / str(self.thrown_away))

    def sweep(self, quiet_s=QUIET_S):
        """Between two measurements that do not belong together."""
        if any(self.trash.iterdir()):
            remove_tree(self.trash)
            self.trash.mkdir()
            subprocess.run(["sync"], check=True)
            time.sleep(quiet_s)

    # ---- what happens to the data --------------------------------------------------------------

    def write_anew(self, table, first, last):
        """These rows; the others stay."""
        low, high, payload = next(part for part in table.ranges if part[0] <= first <= part[1])
        return (f"UPDATE bench.{table.name} SET at = NOW(), payload = {payload}"
                f" WHERE id BETWEEN {max(first, low)} AND {min(last, high)};")

    def day(self):
        """A quarter of a table and a 64th of the big one are written anew, a hundredth of another
        is deleted: about 1.5 % of all bytes."""
        self.days += 1
        one = self.medium[self.days % MEDIUM]
        other = self.medium[(self.days + 5) % MEDIUM]
        piece = self.big.rows // 64
        start = 1 + self.days * 7 % 64 * piece
        self.server.sql(
            self.write_anew(one, one.rows // 2, one.rows * 3 // 4)
            + self.write_anew(self.big, start, start + piece - 1)
            + f"DELETE FROM bench.{other.name} WHERE id % 100 = {self.days % 100}")
        self.settle()

    def change_tables(self, turn):
        """A hundredth of the rows of each 20th small table and of two medium ones: 5 % of the
        tables, and 5 % of the bytes that are in files with a change."""
        changed = self.small[turn % 20::20] + [self.medium[(turn * 2 + i) % MEDIUM] for i in (0, 1)]
        self.server.sql(";".join(f"UPDATE bench.{table.name} SET at = NOW() WHERE id % 100 = 1"
                                 for table in changed))
        self.settle()

    def week(self):
        """A chain of one link less than LINKS; the last one is taken by what measures it."""
        self.empty()
        self.site.backup("full")
        for _ in range(LINKS - 2):
            self.next_link()
        self.has_week = True

    def next_link(self):
        self.day()
        return self.site.backup("incremental")
