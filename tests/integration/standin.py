# SPDX-License-Identifier: MIT
"""tests/fakes/xtrabackup, run by hand; and its stream, read by rules of the test's own."""
import dataclasses
import pathlib
import struct
import subprocess
import zlib

import lsnsite
import mariadb

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "fakes/xtrabackup"


def install(place, release):
    """A link by the name that says which release it is; an engine gets no environment."""
    link = pathlib.Path(place) / f"xtrabackup-{release}"
    if not link.is_symlink():
        link.symlink_to(PROGRAM)
    return link


def write_login(path, front, **more):
    lsnsite.write_private(path, lsnsite.sections(client={
        "user": mariadb.BACKUP_USER, "password": mariadb.option_file_value(mariadb.BACKUP_PASSWORD),
        "socket": front.socket, **more}))
    return path


@dataclasses.dataclass
class Ran:
    status: int
    stdout: bytes
    stderr: str

    @property
    def moment(self):
        """How far it came: parse, connected, locked or copied."""
        told = "parse"
        for sign, moment in (("Connecting to MySQL server", "connected"),
                             ("Executing LOCK INSTANCE", "locked"),
                             ("Starting to backup non-InnoDB", "copied")):
            told = moment if sign in self.stderr else told
        return told


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True)
    text = done.stderr.decode(errors="replace")
    assert mariadb.BACKUP_PASSWORD not in text, "the password was printed"
    return Ran(done.returncode, done.stdout, text)


def unpack(data, target):
    """Files of a stream of Percona's, and how many chunks of each kind there were."""
    kinds, ended, at = {}, set(), 0
    while at < len(data):
        magic, _, kind, size = struct.unpack_from("<8sBcI", data, at)
        assert magic == b"XBSTCK01"
        name, at = data[at + 14:at + 14 + size].decode(), at + 14 + size
        kinds[kind] = kinds.get(kind, 0) + 1
        path = pathlib.Path(target) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert name not in ended, f"{name} comes after its end"
        if kind == b"E":
            ended.add(name)
            path.touch()
            continue
        entries = struct.unpack_from("<I", data, at)[0] if kind == b"S" else None
        at += 4 if kind == b"S" else 0
        length, offset, crc = struct.unpack_from("<QQI", data, at)
        at += 20
        table = data[at:at + 8 * entries] if entries is not None else b""
        payload = data[at + len(table):at + len(table) + length]
        at += len(table) + length
        assert zlib.crc32(table + payload) == crc, f"{name}: wrong checksum"
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.seek(offset)
            used = 0
            for skip, part in struct.iter_unpack("<II", table) if table else [(0, length)]:
                file.seek(skip, 1)
                file.write(payload[used:used + part])
                used += part
            file.truncate(max(file.tell(), path.stat().st_size))
            assert used == length
    return kinds, ended
