# SPDX-License-Identifier: MIT
"""What the real engine said and sent once, to be played again with a lie in it.

The recording is the next incremental of a week, so played unchanged it is a good backup of each
copy of that week.
"""
import pathlib
import subprocess
import sys

import mariadb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
import xbstream  # noqa: E402

CHECKPOINTS = b"xtrabackup_checkpoints"
INFO = b"xtrabackup_info"
CONFIG = b"backup-my.cnf"
# The server's own: what stays of a table's files when only this table is taken out.
TABLE = b"sbtest/sbtest2."


class Recording:
    def __init__(self, week, place):
        """Runs the real engine on the newest link of this week."""
        parent = place / "parent"
        parent.mkdir()
        kept = week.directory(week.ids[-1]) / "data" / CHECKPOINTS.decode()
        (parent / kept.name).write_bytes(kept.read_bytes())
        done = subprocess.run(
            ["mariadb-backup", f"--defaults-file={week.defaults_file}", "--backup",
             "--stream=mbstream", f"--target-dir={place}/none", f"--tmpdir={place}",
             f"--incremental-basedir={parent}"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        self.log_path = place / "engine.log"
        self.log_path.write_bytes(done.stderr)
        self.chunks = xbstream.parse(done.stdout)
        assert f"user: {mariadb.BACKUP_USER}".encode() in done.stderr

    def write(self, fake, stream):
        """Beside the fake, which then plays it."""
        pathlib.Path(f"{fake}.replay").write_text(str(self.log_path))
        pathlib.Path(f"{fake}.stream").write_bytes(stream)

    def text(self, name):
        return xbstream.content(self.chunks, name)

    def whole(self):
        return xbstream.join(self.chunks)

    # ---- lies about files -----------------------------------------------------------------------

    def lacking(self, name):
        return xbstream.join(xbstream.without(self.chunks, name))

    def lacking_table(self):
        return xbstream.join(c for c in self.chunks if not c.name.startswith(TABLE))

    def saying(self, name, text):
        return xbstream.join(xbstream.replaced(self.chunks, name, text))

    def edited(self, name, key, value):
        """One key of a metadata file says something else; None: the line is gone."""
        lines = [line for line in self.text(name).split(b"\n")
                 if not line.startswith(key + b" =")]
        if value is not None:
            lines.insert(0, key + b" = " + value)
        assert b"\n".join(lines) != self.text(name)
        return self.saying(name, b"\n".join(lines))

    def lsns(self, from_lsn=None, to_lsn=None, last_lsn=None):
        """A checkpoints file with other LSNs: functions of the true ones."""
        lines = dict(line.split(b" = ") for line in self.text(CHECKPOINTS).splitlines())
        for key, change in ((b"from_lsn", from_lsn), (b"to_lsn", to_lsn), (b"last_lsn", last_lsn)):
            if change is not None:
                lines[key] = b"%d" % change(int(lines[key]))
        return self.saying(CHECKPOINTS, b"".join(b"%s = %s\n" % line for line in lines.items()))

    # ---- lies about the stream ------------------------------------------------------------------

    def with_file(self, name, content=b"x"):
        return xbstream.join(self.chunks + xbstream.file(name, content))

    def cut(self, behind=b"E", inside=False):
        """Up to the first chunk of this kind in the second half; or into the middle of it."""
        at = next(i for i in range(len(self.chunks) // 2, len(self.chunks))
                  if self.chunks[i].kind == behind and len(bytes(self.chunks[i])) > 20)
        stream = xbstream.join(self.chunks[:at + 1])
        return stream[:-len(bytes(self.chunks[at])) // 2] if inside else stream

    def unended(self):
        return xbstream.join(self.chunks[:-1])

    def bad_crc(self):
        at = next(i for i, chunk in enumerate(self.chunks) if len(chunk.body) > 4096)
        bad = self.chunks[at]
        body = bad.body[:-1] + bytes([bad.body[-1] ^ 1])
        spoiled = xbstream.Chunk(bad.kind, bad.name, body, bad.flags)
        return xbstream.join(self.chunks[:at] + [spoiled] + self.chunks[at + 1:])
