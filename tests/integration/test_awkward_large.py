# SPDX-License-Identifier: MIT
"""Many tables, and a large one: minutes, so only `scripts/test-awkward --large` runs them.

What was measured is printed (pytest -s shows it), for docs/engines/mariadb-backup.md."""
import concurrent.futures
import subprocess
import time

import lsnsite
import pytest

from conftest import AT_ONCE, start_server
from resident import resident_peak_kib

pytestmark = [pytest.mark.only_on("mariadb", "its times are those of mariadb-backup"),
              pytest.mark.large]

REFUSED = 15
TABLES = 20000
MEMORY_MOST_KIB = 64 * 1024  # lsnchain at parallel = 2, whatever the data
LIMIT_S = 1200
QUICK = ("--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=256M",
         "--innodb-buffer-pool-size=512M")


class Watch:
    """Runs lsnchain; its peak of memory (its own, not the engine's) and its time."""

    def __init__(self, site):
        self.site = site
        self.peaks = []

    def good(self, *arguments):
        began = time.monotonic()
        process = subprocess.Popen(self.site.command(*arguments), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=self.site.environment())
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident_peak_kib(process.pid))
            assert time.monotonic() < began + LIMIT_S
            time.sleep(0.1)
        said = process.stdout.read()
        assert process.returncode == 0, said
        assert peak > 0
        self.peaks.append(peak)
        print(f"{' '.join(arguments[:2])}: {time.monotonic() - began:.0f} s, {peak / 1024:.1f} MiB")
        return self.site.newest()["id"]

    def restore(self, backup_id):
        target = self.site.new_target()
        self.good("restore", backup_id, f"--target-dir={target}")
        return target


@pytest.fixture
def watch(binary, place, template):
    server = start_server(template, place / "server", 1, QUICK)
    try:
        yield Watch(lsnsite.Site(binary, place, server).init())
    finally:
        server.stop()


def make_tables(server, numbers):
    """Every 50th is Aria, every 50th MyISAM; each has a row of its own."""
    kinds = {0: "ENGINE=Aria", 1: "ENGINE=MyISAM"}
    server.sql("USE many;" + "".join(
        f"CREATE TABLE t{number} (a INT PRIMARY KEY, b VARCHAR(20)) {kinds.get(number % 50, '')};"
        f"INSERT INTO t{number} VALUES ({number}, LEFT(MD5({number}), 20));" for number in numbers))


def rows_of_many(server):
    """The sum of each of them, asked at once."""
    tables = sorted(server.sql("SELECT table_name FROM information_schema.tables"
                               " WHERE table_schema = 'many'"))
    assert len(tables) == TABLES
    return server.sql("USE many; CHECKSUM TABLE " + ", ".join(name for name, in tables) + " EXTENDED")


def test_twenty_thousand_tables_come_back_and_too_few_open_files_are_said_before(watch, restored):
    site, server = watch.site, watch.site.server
    server.sql("CREATE DATABASE many")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda turn: make_tables(server, range(turn, TABLES, AT_ONCE)),
                          range(AT_ONCE)):
            pass
    server.flush()

    limited = subprocess.run(["prlimit", "--nofile=19000:19000", *site.command("backup")],
                             capture_output=True, text=True, env=site.environment())
    assert limited.returncode == REFUSED, limited.stderr
    assert "table files, 19000 may be open" in limited.stderr
    assert "LimitNOFILE=" in limited.stderr
    assert site.links() == [] and site.leftovers() == []

    watch.good("backup", "--type=full")
    server.sql("USE many;" + "".join(f"UPDATE t{number} SET b = 'changed';"
                                     for number in range(0, TABLES, 7)))
    newest = watch.good("backup", "--type=incremental")
    rows = rows_of_many(server)
    watch.good("verify", newest, "--level=prepare")
    with restored(watch.restore(newest)) as copy:
        assert rows_of_many(copy) == rows
    print(f"peaks of memory in KiB: {watch.peaks}")
    assert max(watch.peaks) < MEMORY_MOST_KIB


GROWN = ("CREATE DATABASE big; USE big;"
         "CREATE TABLE t (a INT PRIMARY KEY, b VARBINARY(1000)) ENGINE=InnoDB;"
         + "".join("INSERT INTO t SELECT seq, CONCAT(RANDOM_BYTES(500), REPEAT('x', 450))"
                   f" FROM seq_{start + 1}_to_{start + 250000};"
                   for start in range(0, 2000000, 250000)))


def test_a_table_of_two_gibibytes_comes_back(watch, restored):
    site, server = watch.site, watch.site.server
    server.sql(GROWN)
    server.flush()
    assert (server.data / "big/t.ibd").stat().st_size > 2 << 30

    watch.good("backup", "--type=full")
    server.sql("UPDATE big.t SET b = 'changed' WHERE a % 1000 = 0; DELETE FROM big.t WHERE a < 1000")
    newest = watch.good("backup", "--type=incremental")
    assert site.link(newest)["bytes_stored"] < 512 << 20
    rows = server.checksums()
    watch.good("verify", newest, "--level=prepare")
    with restored(watch.restore(newest)) as copy:
        assert copy.checksums() == rows
    print(f"peaks of memory in KiB: {watch.peaks}")
    assert max(watch.peaks) < MEMORY_MOST_KIB
