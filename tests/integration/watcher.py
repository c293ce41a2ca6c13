# SPDX-License-Identifier: MIT
"""Looks for secrets where every user of the host can see them."""
import os
import pathlib
import threading


class Watcher:
    """Reads command line and environment of every process on this host until it is closed."""

    def __init__(self, forbidden):
        self.forbidden = forbidden
        self.found = []
        self.programs = set()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                self.look(pid)

    def look(self, pid):
        words = b""
        for name in ("cmdline", "environ"):
            try:
                words += pathlib.Path(f"/proc/{pid}/{name}").read_bytes() + b"\0"
            except OSError:
                continue
        self.programs.add(os.path.basename(words.split(b"\0", 1)[0]))
        self.found += [(pid, words) for secret in self.forbidden if secret in words]

    def close(self):
        self.ended.set()
        self.thread.join()
