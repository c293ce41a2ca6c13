# SPDX-License-Identifier: MIT
"""How much memory a program takes: its own, not that of what it runs."""
import contextlib


def resident_peak_kib(pid):
    """The kernel's own high-water mark: nothing is missed but what came after the last look.  (What
    wait4() tells is the greatest of the program and of all that it ran.)"""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return sum(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return 0
