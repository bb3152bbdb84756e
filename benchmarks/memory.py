"""Memory of this process, as Linux tells it; other systems do not, and megabytes are nan."""

from __future__ import annotations

from math import nan
from pathlib import Path

SYSTEM_TELLS = Path("/proc/self/clear_refs").exists()


def forget_peak() -> float:
    """Let the peak begin anew; megabytes that are in use.

    getrusage would do for a process that nobody had started: its peak includes that of the process that forked it.
    """
    if SYSTEM_TELLS:
        Path("/proc/self/clear_refs").write_text("5")
    return _megabytes("VmRSS")


def peak_mb() -> float:
    """The most that was in use since."""
    return _megabytes("VmHWM")


def _megabytes(field: str) -> float:
    if not SYSTEM_TELLS:
        return nan
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024e-6 * int(next(line for line in lines if line.startswith(field)).split()[1])
