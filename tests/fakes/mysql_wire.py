# SPDX-License-Identifier: MIT
"""The client/server protocol of MySQL, as little of it as the stand-ins need: plain packets,
mysql_native_password, text results, no TLS.  From the protocol's public description."""
import hashlib
import os
import socket
import struct

LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB = 0x1, 0x2, 0x4, 0x8
LOCAL_FILES, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION = 0x80, 0x200, 0x2000, 0x8000
MULTI_STATEMENTS, MULTI_RESULTS, PLUGIN_AUTH = 0x10000, 0x20000, 0x80000
LENENC_AUTH = 0x200000
# What both ends of a relayed connection speak: the same bytes mean the same on both.
CAPABILITIES = (LONG_PASSWORD | FOUND_ROWS | LONG_FLAG | CONNECT_WITH_DB | PROTOCOL_41
                | TRANSACTIONS | SECURE_CONNECTION | MULTI_STATEMENTS | MULTI_RESULTS
                | PLUGIN_AUTH)
NATIVE = b"mysql_native_password"
UTF8MB4 = 45
MORE_RESULTS = 0x8
COM_QUIT, COM_INIT_DB, COM_QUERY, COM_PING = 1, 2, 3, 14
STRING_TYPE = 0xFD


class MySqlError(Exception):
    """What a server answers instead of a result."""

    def __init__(self, number, state, text):
        super().__init__(text)
        self.number, self.state, self.text = number, state, text


class Packets:
    """Packets on a socket; the caller says where a conversation begins."""

    def __init__(self, connection):
        self.connection, self.sequence = connection, 0

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self.connection.recv(size - len(data))
            if not more:
                raise ConnectionError("the other side has gone")
            data += more
        return data

    def receive(self):
        whole = b""
        while True:
            head = self._read(4)
            size, self.sequence = int.from_bytes(head[:3], "little"), (head[3] + 1) & 0xFF
            whole += self._read(size)
            if size < 0xFFFFFF:
                return whole

    def send(self, payload):
        view = memoryview(payload)
        while True:
            part = view[:0xFFFFFF]
            self.connection.sendall(
                len(part).to_bytes(3, "little") + bytes([self.sequence]) + part)
            self.sequence = (self.sequence + 1) & 0xFF
            view = view[len(part):]
            if len(part) < 0xFFFFFF:
                return


def lenenc(data):
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + data
    return b"\xfd" + size.to_bytes(3, "little") + data


def read_lenenc(data, at):
    """The number, and where it ends; None for NULL."""
    first = data[at]
    if first < 251:
        return first, at + 1
    if first == 0xFB:
        return None, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1:at + 1 + size], "little"), at + 1 + size


def scramble(password, seed):
    if not password:
        return b""
    stage1 = hashlib.sha1(password.encode()).digest()
    stage2 = hashlib.sha1(stage1).digest()
    mask = hashlib.sha1(seed + stage2).digest()
    return bytes(a ^ b for a, b in zip(stage1, mask))


def ok_packet(status=2):
    return b"\x00\x00\x00" + struct.pack("<HH", status, 0)


def eof_packet(status=2):
    return b"\xfe" + struct.pack("<HH", 0, status)


def error_packet(error):
    return (b"\xff" + struct.pack("<H", error.number) + b"#" + error.state.encode()
            + error.text.encode())


def error_of(packet):
    text = packet[3:]
    state = "HY000"
    if text[:1] == b"#":
        state, text = text[1:6].decode(), text[6:]
    return MySqlError(struct.unpack("<H", packet[1:3])[0], state, text.decode("utf-8", "replace"))


def column_packet(name):
    encoded = name.encode()
    return (lenenc(b"def") + lenenc(b"") * 3 + lenenc(encoded) * 2
            + b"\x0c" + struct.pack("<HIBHBH", UTF8MB4, 1 << 16, STRING_TYPE, 0, 0, 0))


def send_rows(packets, columns, rows):
    packets.send(bytes([len(columns)]))
    for name in columns:
        packets.send(column_packet(name))
    packets.send(eof_packet())
    for row in rows:
        packets.send(b"".join(b"\xfb" if value is None else lenenc(str(value).encode())
                              for value in row))
    packets.send(eof_packet())


def relay_results(source, target):
    """Passes one answer on, of however many results, and knows where it ends."""
    while True:
        first = source.receive()
        target.send(first)
        if first[0] == 0xFF:
            return
        if first[0] == 0x00:
            _, at = read_lenenc(first, 1)
            _, at = read_lenenc(first, at)
            status = struct.unpack("<H", first[at:at + 2])[0]
        else:
            for _ in range(2):  # the columns, then the rows, each up to an end
                while True:
                    packet = source.receive()
                    target.send(packet)
                    if packet[0] == 0xFF:
                        return
                    if packet[0] == 0xFE and len(packet) < 9:
                        status = struct.unpack("<H", packet[3:5])[0]
                        break
        if not status & MORE_RESULTS:
            return


class Client:
    """A connection as a program makes it: query() gives the rows of one statement."""

    def __init__(self, path, user, password):
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(str(path))
        except OSError as error:
            raise MySqlError(2002, "HY000", "Can't connect to local MySQL server through socket"
                             f" '{path}' ({error.errno})") from None
        self.packets = Packets(self.socket)
        greeting = self.packets.receive()
        if greeting[0] == 0xFF:
            raise error_of(greeting)
        end = greeting.index(b"\0", 1)
        self.version = greeting[1:end].decode()
        self._login(user, password, greeting[end + 5:end + 13], greeting[end + 32:])

    def _login(self, user, password, seed, rest):
        seed += rest[:12]
        answer = scramble(password, seed)
        self.packets.send(
            struct.pack("<IIB23x", CAPABILITIES & ~CONNECT_WITH_DB, 1 << 24, UTF8MB4)
            + user.encode() + b"\0" + bytes([len(answer)]) + answer + NATIVE + b"\0")
        told = self.packets.receive()
        if told[0] == 0xFE:
            name, _, more = told[1:].partition(b"\0")
            if name != NATIVE:
                raise MySqlError(2059, "HY000", f"no plugin {name.decode()} here")
            self.packets.send(scramble(password, more.rstrip(b"\0")))
            told = self.packets.receive()
        if told[0] == 0xFF:
            raise error_of(told)

    def send(self, command, text=b""):
        self.packets.sequence = 0
        self.packets.send(bytes([command]) + text)

    def query(self, sql):
        """The columns' names and the rows, each a list of texts or None."""
        self.send(COM_QUERY, sql.encode())
        first = self.packets.receive()
        if first[0] == 0xFF:
            raise error_of(first)
        if first[0] == 0x00:
            return [], []
        columns = [self._name(self.packets.receive()) for _ in range(first[0])]
        self.packets.receive()
        rows = []
        while True:
            packet = self.packets.receive()
            if packet[0] == 0xFE and len(packet) < 9:
                return columns, rows
            if packet[0] == 0xFF:
                raise error_of(packet)
            rows.append(self._row(packet, len(columns)))

    @staticmethod
    def _name(packet):
        at = 0
        for _ in range(5):
            size, at = read_lenenc(packet, at)
            text, at = packet[at:at + size], at + size
        return text.decode()

    @staticmethod
    def _row(packet, count):
        at, row = 0, []
        for _ in range(count):
            size, at = read_lenenc(packet, at)
            if size is None:
                row.append(None)
                continue
            row.append(packet[at:at + size].decode("utf-8", "replace"))
            at += size
        return row

    def value(self, sql):
        rows = self.query(sql)[1]
        return rows[0][0] if rows else None

    def close(self):
        try:
            self.send(COM_QUIT)
        except OSError:
            pass
        self.socket.close()


def greet(packets, version, number):
    """The server's first packet; the seed that the answer must use."""
    seed = bytes(33 + byte % 90 for byte in os.urandom(20))
    low, high = CAPABILITIES & 0xFFFF, CAPABILITIES >> 16
    packets.send(b"\x0a" + version.encode() + b"\0" + struct.pack("<I", number) + seed[:8] + b"\0"
                 + struct.pack("<HBHHB10x", low, UTF8MB4, 2, high, 21) + seed[8:] + b"\0"
                 + NATIVE + b"\0")
    return seed


def read_login(packets, seed):
    """User, the answer to the seed, and the database of a client; switches it to our method."""
    told = packets.receive()
    capabilities, = struct.unpack("<I", told[:4])
    if not capabilities & PROTOCOL_41 or len(told) < 33:
        raise ConnectionError("a client that we do not understand")
    end = told.index(b"\0", 32)
    user, at = told[32:end].decode(), end + 1
    if capabilities & LENENC_AUTH:
        size, at = read_lenenc(told, at)
    else:
        size, at = told[at], at + 1
    answer, at = told[at:at + size], at + size
    database = b""
    if capabilities & CONNECT_WITH_DB and at < len(told):
        end = told.index(b"\0", at)
        database, at = told[at:end], end + 1
    method = told[at:].partition(b"\0")[0] if capabilities & PLUGIN_AUTH else NATIVE
    if method != NATIVE:
        packets.send(b"\xfe" + NATIVE + b"\0" + seed + b"\0")
        answer = packets.receive()
    return user, answer, database.decode()
