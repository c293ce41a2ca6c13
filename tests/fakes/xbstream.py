# SPDX-License-Identifier: MIT
"""An engine's stream taken apart and put together again, for streams that lie.

The format is described in src/seal/xbstream.h.
"""
import dataclasses
import struct
import zlib

MAGIC = b"XBSTCK01"


@dataclasses.dataclass(frozen=True)
class Chunk:
    kind: bytes
    name: bytes
    body: bytes = b""  # all that stands behind the name
    flags: int = 0

    def __bytes__(self):
        return MAGIC + bytes([self.flags]) + self.kind + struct.pack("<I", len(self.name)) \
            + self.name + self.body


def data(name, content, offset=0, crc=None):
    crc = zlib.crc32(content) if crc is None else crc
    return Chunk(b"P", name, struct.pack("<QQI", len(content), offset, crc) + content)


def end(name):
    return Chunk(b"E", name)


def file(name, content):
    return [data(name, content), end(name)]


def parse(stream):
    """The chunks of a stream that holds nothing but P and E."""
    chunks, at = [], 0
    while at < len(stream):
        assert stream[at:at + 8] == MAGIC, f"no chunk at byte {at}"
        flags, kind = stream[at + 8], stream[at + 9:at + 10]
        length, = struct.unpack_from("<I", stream, at + 10)
        name = stream[at + 14:at + 14 + length]
        body = at + 14 + length
        at = body
        if kind == b"P":
            at += 20 + struct.unpack_from("<Q", stream, body)[0]
        else:
            assert kind == b"E", f"a chunk of type {kind}"
        chunks.append(Chunk(kind, name, stream[body:at], flags))
    return chunks


def join(chunks):
    return b"".join(map(bytes, chunks))


def content(chunks, name):
    return b"".join(chunk.body[20:] for chunk in chunks if chunk.name == name)


def without(chunks, name):
    return [chunk for chunk in chunks if chunk.name != name]


def replaced(chunks, name, text):
    """The same stream with other content of one file."""
    assert any(chunk.name == name for chunk in chunks), name
    return without(chunks, name) + file(name, text)
