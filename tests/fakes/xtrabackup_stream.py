# SPDX-License-Identifier: MIT
"""mbstream in, xbstream out, as the bytes come: the stand-in's data are those of mariadb-backup.

The dialects differ: MariaDB's S goes back inside a file, Percona's S has a map of holes; D and R
and the rewriting P are MariaDB's alone.  A file that mariadb-backup may go back in (aria_log) is
held until its end.  D, R or a file that comes again mean DDL behind the back of the stand-in, which
the real program's LOCK INSTANCE FOR BACKUP rules out: it is refused.

  xtrabackup_logfile  of ib_logfile0, its header saying that xtrabackup made it
  undo_001            of undo001
  t#p#p0.ibd          of t#P#p0.ibd
  mysql/of_mariadb_*  InnoDB's files in mysql/, for MySQL has them all in mysql.ibd and a check that
                      looks for each there must not find them
  t.ibd.meta          with space_flags
  S chunks            for pages that MariaDB compressed, which Percona writes without their holes
"""
import re
import struct
import zlib

MAGIC = b"XBSTCK01"
PAGE, BLOCK = 16384, 4096
# Not a multiple of the frames in which lsnchain seals.
PIECE = (1 << 20) + 3 * PAGE
# Type of a page that MariaDB compressed: 34354, or with checksums over the whole page this bit.
PAGE_COMPRESSED, COMPRESSED_BIT = 34354, 0x8000
SEEK, SPARSE, PLAIN, END = b"S", b"S", b"P", b"E"
CREATOR, CREATOR_SIZE, HEADER = 16, 32, 512
CREATED_HERE = b"xtrabkup "


class Lost(Exception):
    """The stream cannot be told in Percona's dialect."""


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_creator(header, creator):
    """A redo log's first block that says who wrote it."""
    block = bytearray(header[:HEADER])
    block[CREATOR:CREATOR + CREATOR_SIZE] = creator.ljust(CREATOR_SIZE, b"\0")
    block[HEADER - 4:] = struct.pack(">I", crc32c(bytes(block[:HEADER - 4])))
    return bytes(block) + bytes(header[HEADER:])


OWN = "of_mariadb_"


def to_percona(name):
    if name.startswith("ib_logfile0"):
        return "xtrabackup_logfile"
    name = re.sub(r"^mysql/(?=\w+\.(ibd|meta)\b)", f"mysql/{OWN}", name)
    name = name.replace("#P#", "#p#").replace("#SP#", "#sp#")
    return re.sub(r"^undo(\d{3})\b", r"undo_\1", name)


def to_mariadb(name):
    name = name.replace("#p#", "#P#").replace("#sp#", "#SP#").replace(f"mysql/{OWN}", "mysql/")
    return re.sub(r"^undo_(\d{3})\b", r"undo\1", name)


# ---- writing ------------------------------------------------------------------------------------

def head(kind, name):
    encoded = name.encode("utf-8", "surrogateescape")
    return MAGIC + b"\0" + kind + struct.pack("<I", len(encoded)) + encoded


def plain(name, offset, data):
    return head(PLAIN, name) + struct.pack("<QQI", len(data), offset, zlib.crc32(data)) + data


def sparse(name, offset, data):
    """Whole pages, without what each has of zeros behind its compressed part."""
    entries, kept, skip = [], [], 0
    for at in range(0, len(data), PAGE):
        page = data[at:at + PAGE]
        used = len(page.rstrip(b"\0"))
        size = min(len(page), -(-used // BLOCK) * BLOCK)
        entries.append((skip, size))
        kept.append(page[:size])
        skip = len(page) - size
    if skip:
        entries.append((skip, 0))
    table = b"".join(struct.pack("<II", *entry) for entry in entries)
    payload = b"".join(kept)
    return (head(SPARSE, name) + struct.pack("<IQQI", len(entries), len(payload), offset,
                                             zlib.crc32(table + payload)) + table + payload)


def is_compressed(name, data):
    types = (struct.unpack_from(">H", data, at + 24)[0] for at in range(0, len(data) - 25, PAGE))
    return name.endswith(".ibd") and len(data) % PAGE == 0 and any(
        kind == PAGE_COMPRESSED or kind & COMPRESSED_BIT for kind in types)


class Writer:
    """A stream on a descriptor; a file may come in many parts, and ends with end()."""

    def __init__(self, write):
        self.write, self.bytes, self.holes = write, 0, set()

    def part(self, name, offset, data):
        for at in range(0, len(data), PIECE):
            piece = bytes(data[at:at + PIECE])
            if is_compressed(name, piece):
                self.holes.add(name)
            self.write((sparse if name in self.holes else plain)(name, offset + at, piece))
            self.bytes += len(piece)

    def end(self, name):
        self.write(head(END, name))

    def whole(self, name, data):
        if data:
            self.part(name, 0, data)
        self.end(name)


class Directory:
    """The same files, but written to a directory: --backup without --stream."""

    def __init__(self, place):
        self.place, self.bytes, self.open = place, 0, {}

    def part(self, name, offset, data):
        if name not in self.open:
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.open[name] = open(path, "xb")
        self.open[name].seek(offset)
        self.open[name].write(data)
        self.bytes += len(data)

    def end(self, name):
        if name not in self.open:
            self.part(name, 0, b"")
        self.open.pop(name).close()

    whole = Writer.whole


# ---- reading ------------------------------------------------------------------------------------

class Reader:
    def __init__(self, source):
        self.source = source

    def _exactly(self, size):
        data = self.source.read(size)
        if len(data) != size:
            raise Lost("the stream of mariadb-backup ends inside a chunk")
        return data

    def chunks(self):
        """(kind, name, offset, payload); for R the payload is the new name."""
        while True:
            magic = self.source.read(8)
            if not magic:
                return
            if magic != MAGIC:
                raise Lost("the stream of mariadb-backup is none")
            flags, kind, size = struct.unpack("<BcI", self._exactly(6))
            name = self._exactly(size).decode("utf-8", "surrogateescape")
            offset, payload = 0, b""
            if kind == PLAIN:
                size, offset, crc = struct.unpack("<QQI", self._exactly(20))
                payload = self._exactly(size)
                if zlib.crc32(payload) != crc:
                    raise Lost(f"{name} has a wrong checksum in the stream")
            elif kind == SEEK:
                offset, = struct.unpack("<Q", self._exactly(8))
            elif kind == b"R":
                size, = struct.unpack("<I", self._exactly(4))
                payload = self._exactly(size)
            if flags & 2 or kind in (b"D", b"R"):
                raise Lost(f"DDL changed {name} while it was copied")
            yield kind, name, offset, payload


class Translator:
    """Passes the files on to a writer and keeps what it is told to keep: name -> bytes."""

    def __init__(self, writer, keep, meta):
        self.writer, self.keep, self.meta = writer, keep, meta
        self.kept, self.held, self.ended = {}, {}, set()

    def run(self, source):
        for kind, name, offset, payload in Reader(source).chunks():
            if name in self.ended:
                raise Lost(f"{name} comes twice")
            if kind == END:
                self.ended.add(name)
                self._end(name)
            elif self._is_held(name):
                self._place(self.held.setdefault(name, bytearray()), kind, offset, payload)
            elif kind == SEEK:
                raise Lost(f"mariadb-backup goes back inside {name}")
            else:
                self.writer.part(to_percona(name), offset, payload)

    def _is_held(self, name):
        return (name in self.keep or name.startswith("aria_log") or name.endswith(".meta")
                or name == "ib_logfile0")

    @staticmethod
    def _place(data, kind, offset, payload):
        """What follows a seek has its offset itself."""
        if kind == SEEK:
            return
        if offset > len(data):
            data.extend(bytes(offset - len(data)))
        data[offset:offset + len(payload)] = payload

    def _end(self, name):
        if name in self.keep or name == "ib_logfile0":
            self.kept[name] = bytes(self.held.pop(name, b""))
        elif name in self.held:
            data = bytes(self.held.pop(name))
            if name.endswith(".meta"):
                data = self.meta(name, data)
            self.writer.whole(to_percona(name), data)
        else:
            self.writer.end(to_percona(name))
