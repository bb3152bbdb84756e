"""Where the time of a compiled network goes: each step of its plan by itself, on one thread."""

from __future__ import annotations

import time

import numpy as np

import mobilenet_np as mn
from mobilenet_np.forms import check_numba
from mobilenet_np.infer.plan import CHANNELS, NONE, PRODUCT, ROWS, STEM

from .peers import our_network

KINDS = ("COPY", "STEM", "ROWS", "CHANNELS", "PRODUCT")


def multiplications(step: np.void) -> int:
    """What a step must multiply, the recomputed rows at the borders of tiles left out."""
    s = {name: int(step[name]) for name in step.dtype.names if name != "slope"}
    expand = s["H"] * s["W"] * s["c_in"] * s["c_mid"] if s["w_expand"] != NONE else 0
    depthwise = s["Ho"] * s["Wo"] * s["c_mid"] * s["kernel"] ** 2
    return {
        STEM: s["Ho"] * s["Wo"] * 27 * s["c_out"],
        ROWS: expand + depthwise + s["Ho"] * s["Wo"] * s["c_mid"] * s["c_out"],
        CHANNELS: expand + depthwise,
        PRODUCT: s["M"] * s["c_in"] * s["c_out"],
    }.get(s["kind"], 0)


def peak(seconds: float = 0.5) -> float:
    """GFLOP/s of NumPy's matrix product on one thread: what this machine can do when nothing is in the way."""
    from threadpoolctl import threadpool_limits

    a = np.ones((768, 768), np.float32)
    best, end = np.inf, time.perf_counter() + seconds
    with threadpool_limits(1):
        while time.perf_counter() < end:
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
    return 2 * 768**3 / best / 1e9


def run(models: list[str], resolution: int, repeats: int = 30) -> list[dict]:
    """A row for each step: kind, multiplications, least microseconds of ``repeats``, and the share of the peak."""
    check_numba("benchmarks layers")
    from mobilenet_np.infer.run import worker

    top, rows = peak(), []
    for model in models:
        net = our_network(model)
        fast = mn.compile(net)
        x = np.random.default_rng(0).standard_normal((1, resolution, resolution, 3), np.float32)
        if not np.allclose(fast(x), net.forward(x), atol=1e-3 * np.abs(net.forward(x)).max()):
            raise AssertionError(f"{model}: compiled and plain network differ")
        steps = fast._plan(1, resolution, resolution)
        room = fast._take((1, resolution, resolution, 1), steps, 1, 1, True)
        images, nothing = x.reshape(1, -1), steps.heads[:0]
        pieces = [(steps.steps[i : i + 1], nothing) for i in range(len(steps.steps))]
        pieces += [(steps.steps[:0], steps.heads[i : i + 1]) for i in range(len(steps.heads))]
        for body, head in [(steps.steps, steps.heads), *pieces]:
            least = np.inf
            for _ in range(repeats):
                room.counters[:] = 0
                start = time.perf_counter()
                worker(
                    0, body, head, fast._weights.array, images, room.spaces, room.scratches, room.head,
                    steps.features, room.counters, True,
                )  # fmt: skip
                least = min(least, time.perf_counter() - start)
            both = [*body, *head]
            count = sum(multiplications(step) for step in both)
            name = "whole network" if len(both) > 1 else KINDS[both[0]["kind"]]
            rate = 2 * count / least / 1e9
            rows.append(
                dict(model=model, step=name, multiplications=count, us=1e6 * least, peak=rate / top, gflops=rate)
            )
    return rows


def table(rows: list[dict]) -> str:
    """The rows as text."""
    lines = [f"{'model':10s}{'step':16s}{'MACs':>14s}{'us':>10s}{'GFLOP/s':>10s}{'of peak':>9s}"]
    for row in rows:
        lines.append(
            f"{row['model']:10s}{row['step']:16s}{row['multiplications']:14,d}{row['us']:10.0f}"
            f"{row['gflops']:10.1f}{100 * row['peak']:8.0f}%"
        )
    return "\n".join(lines)
