#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A repository with many backups, made without an engine: facts, marks, tree and catalog agree.

    manybackups.py DIRECTORY COUNT

writes DIRECTORY/repository, DIRECTORY/state and DIRECTORY/lsnchain.conf, for measurements:
lsnchain -c DIRECTORY/lsnchain.conf list.  Each backup is whole, but of a data directory that no
server ever had: `verify --level=files` passes, nothing else can.  The last one is half a day old.
"""
import datetime
import hashlib
import os
import pathlib
import sys
import uuid

INSTANCE = "shop"
LINKS = 7  # of a chain: a full and six incrementals
APART = datetime.timedelta(hours=12)

FACTS = """\
type = {type}
chain = {chain}
parent = {parent}
from_lsn = {from_lsn}
to_lsn = {to_lsn}
last_lsn = {to_lsn}
server_uuid = 6ccd780c-baba-1026-9564-5b8c656024db
server_version = 10.11.19-MariaDB-0+deb12u1-log
server_started = 2000-01-01T00:00:00Z
engine = mariadb-backup
engine_version = 10.11.19-MariaDB
started = {time}
finished = {time}
data_until = {time}
files = 1
bytes_plain = {size}
bytes_stored = {size}
frame = 1048576
binlog_file = bin.000042
binlog_pos = 123456
gtid = 0-1-{number}
canary = {canary}
canary_schema = lsnchain
datadir_id = 8:1:123456:946598400.000000000
sums = {sums}
full_rule = {full_rule}
full_reason = {full_reason}
param_character_set_server = utf8mb4
param_collation_server = utf8mb4_general_ci
param_checksum_algorithm = full_crc32
param_data_file_path = ibdata1:12M:autoextend
param_lower_case_table_names = 0
param_page_size = 16384
param_plugins = {nothing}
param_undo_tablespaces = 0
innodb_ids = {number}:{number}
"""

MARKS = """\
state = complete
rule = {nothing}
reason = {nothing}
quarantined_at = {nothing}
bytes_new = {size}
files_at = {time}
proof = prepare
proof_at = {time}
proof_seconds = 42
proof_engine = mariadb-backup 10.11.19-MariaDB
proof_failed = none
proof_failed_at = {nothing}
proof_failed_reason = {nothing}
pinned = no
"""


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def with_checksum(section, body):
    return f"[{section}]\nchecksum = {sha256(body)}\n{body}"


class Backup:
    """The backup with this number, and what stands in its directory; `start` is when number 0 was
    taken."""

    def __init__(self, start, number):
        moment = start + number * APART
        full = number % LINKS == 0
        self.id = self.name_of(start, number)
        self.moment = int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())
        table = f"what table t holds in {self.id}\n"
        self.files = {"data/shop/t.ibd": table,
                      "tables.tsv": "shop\tt\tInnoDB\tsmall\tboth\n",
                      "RESTORE.sh": "#!/bin/sh\nexit 1\n"}
        self.sums = "".join(f"{sha256(text)}  {name}\n" for name, text in sorted(self.files.items()))
        values = {
            "number": number, "nothing": "", "size": len(table), "sums": sha256(self.sums),
            "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "type": "full" if full else "incremental",
            "chain": self.name_of(start, number - number % LINKS),
            "parent": "" if full else self.name_of(start, number - 1),
            "from_lsn": 0 if full else 1000 * number, "to_lsn": 1000 * (number + 1),
            "canary": uuid.uuid5(uuid.NAMESPACE_OID, self.id),
            "full_rule": "full-every" if full else "",
            "full_reason": "the newest full is 7 days old" if full else ""}
        self.facts, self.marks = FACTS.format(**values), MARKS.format(**values)

    @staticmethod
    def name_of(start, number):
        kind = "full" if number % LINKS == 0 else "incr"
        return f"{start + number * APART:%Y%m%dT%H%M%SZ}-{kind}"

    def write(self, shelf):
        """As it is published: nothing can be written there any more."""
        directory = shelf / "backups" / self.id
        (directory / "data/shop").mkdir(parents=True)
        files = {**self.files, "SHA256SUMS": self.sums,
                 "backup.ini": with_checksum("facts", f"format = 1\n{self.facts}")}
        for name, text in files.items():
            path = directory / name
            path.write_text(text)
            path.chmod(0o440)
            os.utime(path, (self.moment, self.moment))
        for path in (directory / "data/shop", directory / "data", directory):
            path.chmod(0o550)
        marks = shelf / "marks" / f"{self.id}.ini"
        marks.write_text(with_checksum("marks", f"format = 1\n{self.marks}"))
        marks.chmod(0o640)


def fill(repository, count):
    """Puts so many backups into the empty place of the instance in an initialised repository."""
    shelf = pathlib.Path(repository) / INSTANCE
    body = f"format = 1\ngeneration = {count}\ninstance = {INSTANCE}\n"
    start = datetime.datetime.utcnow().replace(microsecond=0) - count * APART
    for number in range(count):
        backup = Backup(start, number)
        backup.write(shelf)
        body += f"\n[backup {backup.id}]\n{backup.facts}{backup.marks}"
    for name in ("catalog.ini", "catalog.ini.copy"):
        (shelf / name).write_text(with_checksum("catalog", body))


def make(directory, count):
    """All that reading commands need: no server is asked."""
    repository, state = directory / "repository", directory / "state"
    for name in ("backups", "marks", ".incoming", ".trash", "locks"):
        (repository / INSTANCE / name).mkdir(parents=True)
    state.mkdir(mode=0o700)
    marker = f"uuid = {uuid.uuid4()}\ncreated = 2000-01-01T00:00:00Z\n"
    (repository / "lsnchain.repo").write_text(f"[repository]\nformat = 1\n{marker}")
    (state / "repository").write_text(marker.split()[2] + "\n")
    login = directory / "shop.cnf"
    login.write_text("[client]\nuser = nobody\n")
    login.chmod(0o600)
    (directory / "lsnchain.conf").write_text(
        f"[global]\nrepository = {repository}\nstate_dir = {state}\n"
        f"[instance {INSTANCE}]\ndefaults_file = {login}\n")
    (directory / "lsnchain.conf").chmod(0o600)
    fill(repository, count)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    make(pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]))
