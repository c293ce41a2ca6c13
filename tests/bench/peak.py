# SPDX-License-Identifier: MIT
"""A run of a program: how long it took, and how much memory of its own."""
import subprocess
import tempfile
import time

from resident import resident_peak_kib

OFTEN_S, FIRST_S, LATER_S = 0.001, 0.5, 0.01  # how often to look: what is short is over soon


def run_watched(command, environment):
    """Seconds and MiB; it must end well."""
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                   env=environment)
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident_peak_kib(process.pid))
            time.sleep(OFTEN_S if time.monotonic() < started + FIRST_S else LATER_S)
        took = time.monotonic() - started
        said.seek(0)
        assert process.returncode == 0, f"{command}: {said.read().decode(errors='replace')}"
    assert peak > 0, f"{command} ended before anybody looked"
    return took, peak / 1024
