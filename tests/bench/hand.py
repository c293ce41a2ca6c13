# SPDX-License-Identifier: MIT
"""A restore as somebody without lsnchain would type it: lz4 and the engine, link by link."""
import os
import subprocess

WORKERS = 2  # as `parallel` has it

UNSEAL = """
cd "$1"
find . -type d -exec mkdir -p "$2/{}" \\;
find . -type f ! -name '*.lz4' -exec cp --parents -t "$2" {} +
find . -type f -name '*.lz4' -print0 | xargs -0 -P "$3" -I FILE sh -c '
    lz4 -dqf "$1" "$2/${1%.lz4}"' sh FILE "$2"
"""


def unseal(data, target):
    subprocess.run(["sh", "-euc", UNSEAL, "sh", data, target, str(WORKERS)], check=True)


def prepare_chain(site, chain, place, memory="512M"):
    base, delta = place / "base", place / "delta"
    for backup_id in chain:
        first = backup_id == chain[0]
        (base if first else delta).mkdir()
        unseal(site.directory(backup_id) / "data", base if first else delta)
        done = subprocess.run(
            ["mariadb-backup", "--prepare", f"--target-dir={base}", f"--use-memory={memory}",
             *([] if first else [f"--incremental-dir={delta}"])],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ)
        assert done.returncode == 0 and "completed OK!" in done.stderr, done.stderr
        subprocess.run(["rm", "-rf", delta], check=True)
