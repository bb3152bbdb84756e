"""Peak memory of a training step, of one contender in a process of its own.

``python -m benchmarks.memory ours v2 32 96 2`` prints the megabytes that steps of V2 on 32 images of 96x96 need with 2
threads, beyond what the process had before it built the network: weights, gradients, activations, working space.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

STEPS = 3  # memory that is reused from step to step counts once, memory that is lost would count each time
SYSTEM_TELLS = Path("/proc/self/clear_refs").exists()


def peak_mb(name: str, model: str, batch: int, resolution: int, threads: int) -> float:
    """Run a contender's steps in a fresh process; megabytes."""
    command = [sys.executable, "-m", "benchmarks.memory", name, model, *map(str, (batch, resolution, threads))]
    root = Path(__file__).parents[1]
    return float(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split()[-1])


def measure(name: str, model: str, batch: int, resolution: int, threads: int) -> float:
    """What `peak_mb` runs. The first step, of a small network, loads code and wakes threads and does not count."""
    from .peers import our_network
    from .steps import step
    from .timing import using

    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, resolution, resolution, 3), np.float32)
    labels = rng.integers(0, 1000, batch)
    small = x[:2, :32, :32].copy()
    with using(threads):
        step(name, our_network(model, 0.25, 10), small, labels[: len(small)] % 10)()
        before = _forget_peak()
        call = step(name, our_network(model), x, labels)
        for _ in range(STEPS):
            call()
        return (_status("VmHWM") - before) / 1e6


def _forget_peak() -> int:
    """Let the peak begin anew; bytes that are in use. getrusage would do for a process that nobody had started: its
    peak includes the peak of the process that forked this one."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


if __name__ == "__main__":
    print(measure(*sys.argv[1:3], *map(int, sys.argv[3:])))
