# SPDX-License-Identifier: MIT
"""A replica that follows a primary over the loopback: its backups, running and stopped, and what a
restart of it costs, for lsnchain writes no row of its own there."""
import contextlib
import socket

import lsnsite
import pytest
import zoo

from conftest import start_server

pytestmark = pytest.mark.only_on("mariadb", "its GTIDs and its statements are MariaDB's")

WARNINGS, CHAIN = 3, 18
CAUGHT_UP_S = 60
PASSWORD = "follows"


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def follow(server, port):
    """From the position that the server has."""
    server.sql(f"CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port},"
               f" master_user = 'follower', master_password = '{PASSWORD}',"
               " master_use_gtid = slave_pos; START SLAVE")


class Pair:
    def __init__(self, primary, replica, port):
        self.primary, self.replica, self.port = primary, replica, port

    def write(self, text):
        self.primary.sql("USE shop; INSERT INTO said (words) VALUES"
                         f" ('{text}'); UPDATE rows_there SET b = '{text}' WHERE a % 7 = 0")

    def caught_up(self, server=None):
        server = server or self.replica
        position = self.primary.value("SELECT @@gtid_binlog_pos")
        assert server.value(f"SELECT MASTER_GTID_WAIT('{position}', {CAUGHT_UP_S})") == "0", \
            server.sql("SHOW SLAVE STATUS")


@pytest.fixture
def pair(place, template):
    """What both had at the start is not replicated; tables and rows come from the primary."""
    port = free_port()
    primary = start_server(template, place / "primary", 1, [
        "--skip-networking=0", "--bind-address=127.0.0.1", f"--port={port}"])
    try:
        replica = start_server(template, place / "replica", 2, [
            "--relay-log=relay", "--log-slave-updates"])
        try:
            for server in (primary, replica):
                server.sql("RESET MASTER")
            primary.sql(f"CREATE USER follower@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
                        "GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1';"
                        "CREATE DATABASE shop; USE shop;"
                        "CREATE TABLE said (a INT AUTO_INCREMENT PRIMARY KEY, words TEXT);"
                        "CREATE TABLE rows_there (a INT PRIMARY KEY, b TEXT);"
                        "INSERT INTO rows_there SELECT seq, MD5(seq) FROM seq_1_to_5000")
            follow(replica, port)
            pair = Pair(primary, replica, port)
            pair.caught_up()
            yield pair
        finally:
            replica.stop()
    finally:
        primary.stop()


@pytest.fixture
def site(binary, place, pair, receiver):
    site = lsnsite.Site(binary, place, pair.replica, receiver)
    site.configure(instance={"engine_options": "--slave-info"})
    return site.init()


def expect_no_row_of_ours(site, backup_id):
    assert site.link(backup_id)["canary"] == ""
    assert ("lsnchain",) not in site.server.sql("SHOW SCHEMAS")


def slave_info(directory):
    return (directory / "xtrabackup_slave_info").read_text()


def test_a_replica_is_backed_up_running_and_stopped_and_each_link_comes_back(pair, site, restored):
    pair.replica.flush()
    links = {}

    def taken(backup_id):
        links[backup_id] = site.server.checksums()
        expect_no_row_of_ours(site, backup_id)

    taken(site.backup("full"))
    pair.write("before it stopped")
    pair.caught_up()
    taken(site.backup("incremental"))

    pair.replica.sql("STOP SLAVE")
    pair.write("while it stood still")
    site.ended(WARNINGS, "backup", "--type=incremental", words=["replication has stopped"])
    taken(site.newest()["id"])

    pair.replica.sql("START SLAVE")
    pair.caught_up()
    taken(site.backup("incremental"))
    assert len({str(rows) for rows in links.values()}) == 3  # it stood still
    site.good("verify", "--level=prepare")
    for backup_id, rows in links.items():
        target = site.restore(backup_id)
        assert "gtid_slave_pos" in slave_info(site.directory(backup_id) / "data")
        with restored(target, "--skip-slave-start") as copy:
            assert copy.checksums() == rows
            assert zoo.broken(copy) == []


def test_a_restored_replica_goes_on_from_where_its_backup_says(pair, site, restored):
    site.backup("full")
    pair.write("in the incremental")
    pair.caught_up()
    target = site.restore(site.backup("incremental"))
    pair.write("after the backup")
    position = next(line for line in slave_info(target).splitlines() if "gtid_slave_pos" in line)
    with restored(target, "--server-id=3", "--skip-slave-start") as copy:
        copy.sql(position)
        follow(copy, pair.port)
        pair.caught_up(copy)
        assert copy.checksums() == pair.primary.checksums()


def test_a_restart_of_a_replica_costs_a_full_and_alarms_nobody(pair, site, restored):
    site.backup("full")
    site.backup("incremental")
    pair.replica.stop()
    pair.write("while it was away")
    pair.replica.start()
    pair.caught_up()
    words = ["has restarted since", "nothing tells whether its data were put back"]
    site.ended(CHAIN, "backup", "--type=incremental", words=words)
    site.ended(WARNINGS, "backup", words=[*words, "so a full is taken"])
    newest = site.newest()
    assert (newest["type"], newest["full_rule"]) == ("full", "timeline")
    assert site.alerts("chain_broken") == []
    expect_no_row_of_ours(site, newest["id"])
    pair.write("on the new chain")
    pair.caught_up()
    last = site.backup("incremental")
    with restored(site.restore(last), "--skip-slave-start") as copy:
        assert copy.checksums() == pair.primary.checksums()
