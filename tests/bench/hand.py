# SPDX-License-Identifier: MIT
"""What somebody without lsnchain would type: the engine, sync, rsync, sha256sum, cp, lz4."""
import os
import subprocess

from field import MEMORY, PARALLEL

UNSEAL = """
cd "$1"
find . -type d -exec mkdir -p "$2/{}" \\;
find . -type f ! -name '*.lz4' -exec cp --parents -t "$2" {} +
find . -type f -name '*.lz4' -print0 | xargs -0 -P "$3" -I FILE sh -c '
    lz4 -dqf "$1" "$2/${1%.lz4}"' sh FILE "$2"
"""
SUM = "cd \"$1\" && find . -type f -print0 | xargs -0 sha256sum > ../SHA256SUMS"


def engine(*arguments):
    done = subprocess.run(["mariadb-backup", *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0 and "completed OK!" in done.stderr, done.stderr


def backup(site, target):
    engine(f"--defaults-file={site.defaults_file}", "--backup", f"--target-dir={target}",
           f"--parallel={PARALLEL}")


def durable_backup(site, target):
    backup(site, target)
    subprocess.run(["sync"], check=True)


def backup_to_tree(site, target, tree):
    """As many scripts have it: rsync into the place where backups are kept, and a list of sums."""
    backup(site, target)
    subprocess.run(["rsync", "-a", f"{target}/", tree], check=True)
    subprocess.run(["sh", "-euc", SUM, "sh", tree], check=True)


def prepare(base, *more):
    engine("--prepare", f"--target-dir={base}", f"--use-memory={MEMORY}", *more)


def restore(copy, target):
    subprocess.run(["cp", "-a", f"{copy}/.", target], check=True)
    prepare(target)


def unseal(data, target):
    subprocess.run(["sh", "-euc", UNSEAL, "sh", data, target, str(PARALLEL)], check=True)


def prepare_chain(site, chain, place):
    base, delta = place / "base", place / "delta"
    for backup_id in chain:
        first = backup_id == chain[0]
        (base if first else delta).mkdir()
        unseal(site.directory(backup_id) / "data", base if first else delta)
        prepare(base, *([] if first else [f"--incremental-dir={delta}"]))
        subprocess.run(["rm", "-rf", delta], check=True)
