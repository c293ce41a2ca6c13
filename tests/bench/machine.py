# SPDX-License-Identifier: MIT
"""What it was measured on, and with which versions."""
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
GIB = 1 << 30


def said(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL)
    return (done.stdout + done.stderr).strip()


def first_line(*command):
    return said(*command).split("\n", 1)[0]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return re.sub(r"\s+", " ", line.split(":", 1)[1]).strip()
    return platform.machine()


def memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1)


def machine(place):
    filesystem, options = said("findmnt", "-no", "FSTYPE,OPTIONS", "-T", place).split(None, 1)
    return {"processor": processor(), "cores": os.cpu_count(), "memory_gib": memory_gib(),
            "kernel": platform.release(), "filesystem": filesystem, "mount": options}


def commit():
    """Empty where there is no repository of the source."""
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                          capture_output=True, text=True)
    return done.stdout.strip()


def versions(binary):
    return {"lsnchain": f"{first_line(binary, '--version')} {commit()}".strip(),
            "engine": first_line("mariadb-backup", "--version"),
            "server": first_line("mariadbd", "--no-defaults", "--version"),
            "rsync": first_line("rsync", "--version"), "lz4": first_line("lz4", "--version"),
            "sysbench": first_line("sysbench", "--version")}
